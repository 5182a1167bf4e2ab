"""Rows for a TileLang checkout, and for what lies about from earlier work: variables, kernel cache."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.doctor.model import Row, absent, ok, warning
from scaffold.builds.source.worktree import is_tilelang

NONE_HERE = "no checkout here"
_SOURCES = frozenset({".cc", ".cpp", ".c", ".h", ".hpp"})
#: Headers below it go into kernels when these are compiled, not into the library.
_TEMPLATES = "tl_templates"

#: Variables of TileLang's that change what is printed or kept, and no result.
#: Source: tile-ai/tilelang v0.1.14, tilelang/env.py, class Environment.
_HARMLESS = frozenset(
    {
        "TILELANG_PRINT_ON_COMPILATION",
        "TILELANG_VERBOSE",
        "TILELANG_CLEANUP_TEMP_FILES",
        "TILELANG_HIP_SAVE_TEMP_FILES",
        "TILELANG_JIT_DIAGNOSTICS",
        "TILELANG_CACHE_DIR",
        "TILELANG_DISABLE_CACHE",
        "TILELANG_AUTO_TUNING_DISABLE_CACHE",
        "TL_LOWER_TRACE_DIR",
        "TILELANG_PASS_DIFF_OUTPUT",
        "TILELANG_PASS_PROFILE_THRESHOLD_MS",
    }
)
_PREFIXES = ("TILELANG_", "TL_", "TVM_")
_ALSO = frozenset({"SKIP_LOADING_TILELANG_SO"})


@dataclass(frozen=True)
class Library:
    """A checkout with its ``build/lib``: how many of its sources are newer, and the newest of them."""

    checkout: Path
    built: bool
    newer: int = 0
    newest: str = ""


def checkout_around(folder: Path) -> Path | None:
    """The TileLang checkout that ``folder`` is in."""
    return next((parent for parent in (folder, *folder.parents) if is_tilelang(parent)), None)


def look_at_libraries(checkouts: Iterable[Path]) -> tuple[Library, ...]:
    return tuple(_library(checkout) for checkout in dict.fromkeys(path.resolve() for path in checkouts))


def _library(checkout: Path) -> Library:
    built = [path.stat().st_mtime_ns for path in (checkout / "build" / "lib").glob("libtilelang.*")]
    if not built:
        return Library(checkout, built=False)
    newer = []
    for folder, folders, names in os.walk(checkout / "src"):
        folders[:] = [name for name in folders if name != _TEMPLATES]
        for name in names:
            path = Path(folder, name)
            if path.suffix in _SOURCES and (changed := path.stat().st_mtime_ns) > max(built):
                newer.append((changed, str(path.relative_to(checkout))))
    return Library(checkout, True, len(newer), max(newer)[1] if newer else "")


def library_row(libraries: tuple[Library, ...]) -> Row:
    """A library older than its sources is what an import runs all the same."""
    if not libraries:
        return absent(NONE_HERE)
    stale = [library for library in libraries if library.newer]
    if stale:
        said = "; ".join(
            f"{library.checkout}/build/lib is older than {library.newest}"
            + (f" and {library.newer - 1} more" if library.newer > 1 else "")
            for library in stale
        )
        return warning(said, " && ".join(f"cmake --build {library.checkout}/build" for library in stale))
    return ok(
        "; ".join(
            f"{library.checkout}: {'newer than its sources' if library.built else 'no build/lib'}"
            for library in libraries
        )
    )


def look_for_hook(checkout: Path) -> bool | None:
    """Whether pre-commit's hook is in the checkout; ``None`` where it has no configuration of pre-commit, or no Git."""
    if not (checkout / ".pre-commit-config.yaml").is_file():
        return None
    said = ask(["git", "-C", checkout, "rev-parse", "--git-path", "hooks/pre-commit"])
    if not said.ok:
        return None
    hook = checkout / said.stdout.strip()
    return hook.is_file() and "pre-commit" in hook.read_text(encoding="utf-8", errors="replace")


def hook_row(checkout: Path | None, hook: bool | None, *, has_tool: bool, python: str) -> Row:
    """Upstream's CI runs pre-commit on every pull request."""
    if checkout is None:
        return absent(NONE_HERE)
    if hook is None:
        return absent(f"{checkout} has no pre-commit configuration, or is no Git repository")
    if hook and has_tool:
        return ok(f"its hook is in {checkout}")
    install = "" if has_tool else f"{python} -m pip install pre-commit && "
    what = "pre-commit's hook is not in" if not hook else "pre-commit is not installed, while its hook is in"
    return warning(f"{what} {checkout}", f"{install}(cd {checkout} && pre-commit install)")


def variables_row(environment: Mapping[str, str]) -> Row:
    """TileLang's own switches as they are set; the kit's probes run without them, the user's programs with them."""
    set_ = {name: value for name, value in environment.items() if name.startswith(_PREFIXES) or name in _ALSO}
    telling = sorted(name for name in set_ if name not in _HARMLESS)
    if telling:
        said = ", ".join(f"{name}={set_[name]}" for name in telling)
        return warning(f"{said}: your own runs see them, the kit's do not", f"unset {' '.join(telling)}")
    if set_:
        return ok(f"{', '.join(sorted(set_))}: none that changes a result")
    return ok("none set")


def look_at_kernel_cache(environment: Mapping[str, str]) -> tuple[Path, int]:
    """TileLang's kernel cache and how many entries it has."""
    named = environment.get("TILELANG_CACHE_DIR")
    folder = Path(named) if named else Path.home() / ".tilelang" / "cache"
    try:
        return folder, sum(1 for _ in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return folder, 0


def kernel_cache_row(folder: Path, entries: int, *, develops: bool, disabled: bool) -> Row:
    """A cached kernel hides a change of the compiler.

    The cache's key holds TileLang's version and not its library's content, unless one asks for it.
    Source: tile-ai/tilelang issues #891, #1977, pull request #2459.
    """
    if not entries:
        return ok(f"none in {folder}")
    found = f"{entries} entries in {folder}; the kit does not use it"
    if develops and not disabled:
        return warning(f"{found}, your own runs do: it hides a change in C++", "export TILELANG_DISABLE_CACHE=1")
    return ok(found)
