"""What the corpus holds: every kernel of the zoo and every script of upstream's examples, for each pinned target.

Made from the checkout, never written down; what is left out has its reason.
"""

from __future__ import annotations

import ast
import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.corpus.examples.discover import Discovered, discover
from scaffold.corpus.examples.facts import refuses
from scaffold.corpus.examples.model import Example
from scaffold.corpus.gpus import GpuSlot
from scaffold.errors import UsageError
from scaffold.kernels.catalog import load_zoo_kernel, zoo_names
from scaffold.probe.kernel import NOT_SOURCE
from scaffold.probe.notebook import SUFFIXES, python_of

#: Targets everything is lowered for, where nobody says which: the generation before tensor memory access, and with it.
PINNED = ("cuda:sm_80", "cuda:sm_90a")

#: Tried in this order for a script that can run on none of the pinned targets.
_ELSEWHERE = ("cuda:sm_100a", "cuda:sm_120a", "cuda:sm_89", "hip:gfx942", "hip:gfx950", "metal")

#: Words by which a file that makes a kernel, or imports one that does, is known.
_KERNEL_WORDS = frozenset({"prim_func", "jit", "autotune", "lazy_jit"})


@dataclass(frozen=True)
class Entry:
    """One thing to lower for one target.

    ``name`` is a kernel of the zoo (``gemm``), a script (``gemm/example_gemm.py``) or one thing in it
    (``x.py::test_gemm``); ``tree`` the folder the script is in, empty for the zoo. ``left_out`` is why it is not
    lowered, empty where it is.
    """

    name: str
    target: str
    tree: str = ""
    left_out: str = ""

    @property
    def is_script(self) -> bool:
        return bool(self.tree)

    @property
    def path(self) -> Path:
        return Path(self.tree) / self.name.partition("::")[0]

    @property
    def inside(self) -> str:
        """What of the script is run; empty for all of it."""
        return self.name.partition("::")[2]

    @property
    def shown(self) -> str:
        return self.name.removeprefix("examples/")


@dataclass(frozen=True)
class Manifest:
    """All entries, lowered and left out, in order."""

    entries: tuple[Entry, ...]

    @property
    def lowered(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if not entry.left_out)

    @property
    def left_out(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.left_out)


def make_manifest(
    tree: Path | None, targets: Sequence[str], wanted: Sequence[str] = (), *, other_tree: Path | None = None
) -> Manifest:
    """The corpus for ``targets`` (none: the pinned ones); with ``wanted``, only what is named or lies below it.

    With ``other_tree``, also the scripts that only that one has.

    Raises
    ------
    UsageError
        If a wanted name is neither a kernel of the zoo nor something of the tree.
    """
    chosen = tuple(targets) or PINNED
    entries = [*_zoo(chosen)]
    if tree is not None:
        entries += _scripts(discover(tree), tree, chosen, elsewhere=not targets)
    if other_tree is not None:
        known_names = {entry.name for entry in entries}
        others = _scripts(discover(other_tree), other_tree, chosen, elsewhere=not targets)
        entries += [entry for entry in others if entry.name not in known_names]
    if wanted:
        known = [entry for entry in entries if any(_is_wanted(entry, name) for name in wanted)]
        for name in wanted:
            if not any(_is_wanted(entry, name) for entry in entries):
                raise UsageError(
                    f"nothing of the corpus is called {name!r}"
                    + (", and there is no such file" if name.endswith(".py") else ""),
                    hint="name a kernel of the zoo (gemm), a topic (flash_attention) or a script below examples/",
                )
        entries = known
    return Manifest(tuple(entries))


def scripts_with(tree: Path, changed: Iterable[str]) -> tuple[str, ...]:
    """Scripts of the corpus that are in ``changed`` or import one that is: ``examples/gemm/example_gemm.py``."""
    found = discover(tree)
    names = set(found.importers(changed))
    # Whether a script makes kernels is read of these alone: of all of them it takes seconds.
    those = Discovered(tuple(example for example in found.examples if example.path in names), ())
    scripts = _scripts(those, tree, PINNED, elsewhere=True)
    return tuple(dict.fromkeys(entry.name for entry in scripts if not entry.left_out))


def files_with_kernels(folder: Path) -> list[str]:
    """Scripts and notebooks below ``folder`` that make kernels, and those that import one, by their paths in it."""
    paths: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in NOT_SOURCE)
        paths += [Path(parent, name) for name in sorted(files) if name.endswith(SUFFIXES)]
    makers = {path for path in paths if _makes_kernels(path)}
    names = {path.stem for path in makers}
    found = [path for path in paths if path in makers or names & _last_names(path)]
    return [path.relative_to(folder).as_posix() for path in found]


def _last_names(path: Path) -> set[str]:
    """The last part of every module that a file imports, and of what it imports from one."""
    tree = _parsed(path)
    found = {name.rpartition(".")[2] for name in _imported_names(tree)} if tree else set()
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)) if tree else ()
    return found | {alias.name for node in imports for alias in node.names}


def _is_wanted(entry: Entry, name: str) -> bool:
    cleaned = name.removeprefix("zoo:").removeprefix("examples/").strip("/")
    if not entry.is_script:
        return entry.name == cleaned and not name.startswith("examples/")
    return not name.startswith("zoo:") and (entry.shown == cleaned or entry.shown.startswith(f"{cleaned}/"))


def _zoo(targets: Sequence[str]) -> Iterator[Entry]:
    for name in zoo_names():
        kernel = load_zoo_kernel(name)
        own = [kernel.default_target] if kernel.default_target else list(targets)
        for target in own:
            yield Entry(name, target, left_out=kernel.unsupported(target) or "")


def _scripts(found: Discovered, tree: Path, targets: Sequence[str], *, elsewhere: bool) -> Iterator[Entry]:
    texts = {example.path: _reading(tree / example.path) for example in found.examples}
    for example in found.examples:
        if example.kind != "script":
            continue
        name = example.path
        if not texts[name]:
            yield Entry(name, targets[0], str(tree), "there is no TileLang kernel in it")
            continue
        if reason := _never(example):
            yield Entry(name, targets[0], str(tree), reason)
            continue
        yield from _for_targets(example, name, tree, targets, elsewhere=elsewhere)
    for path, reason in found.left_out:
        if path.startswith("examples/") and _reading(tree / path):
            yield Entry(path, targets[0], str(tree), reason)


def _for_targets(
    example: Example, name: str, tree: Path, targets: Sequence[str], *, elsewhere: bool
) -> Iterator[Entry]:
    """The script for each target it can run on; for the first that serves where it can run on none of them."""
    fitting = [target for target in targets if not _refuses(example, target)]
    if fitting:
        yield from (Entry(name, target, str(tree)) for target in fitting)
        return
    other = next((target for target in _ELSEWHERE if not _refuses(example, target)), None)
    if other is not None and elsewhere:
        yield Entry(name, other, str(tree))
        return
    yield Entry(name, targets[0], str(tree), _refuses(example, targets[0]))


def _never(example: Example) -> str:
    return next((need.why or need.value for need in example.needs if need.kind == "never"), "")


def _refuses(example: Example, target: str) -> str:
    """Why a device of ``target`` cannot run the script; packages and arguments are no matter here."""
    kind, _, arch = target.partition(":")
    digits = arch.removeprefix("sm_").rstrip("af")
    capability = (int(digits[:-1]), int(digits[-1])) if kind == "cuda" and digits.isdigit() else None
    return refuses(example, GpuSlot(0, "0", "0", target, kind, arch, capability))


def _reading(path: Path) -> bool:
    """Whether the file, or a module of its own folder that it imports, makes a kernel with TileLang."""
    return any(_makes_kernels(file) for file in (path, *_imported_beside(path)))


def _makes_kernels(path: Path) -> bool:
    with contextlib.suppress(OSError):
        if b"tilelang" not in path.read_bytes():
            return False  # as most helpers beside a script; parsing all of them takes seconds
    tree = _parsed(path)
    if tree is None or not _imports(tree, "tilelang"):
        return False
    return any(_word(node) in _KERNEL_WORDS for node in ast.walk(tree))


def _word(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _parsed(path: Path) -> ast.Module | None:
    try:
        return ast.parse(python_of(path))
    except (OSError, SyntaxError, ValueError):
        return None


def _imports(tree: ast.Module, package: str) -> bool:
    return any(name.partition(".")[0] == package for name in _imported_names(tree))


def _imported_names(tree: ast.Module) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def _imported_beside(path: Path) -> Iterator[Path]:
    tree = _parsed(path)
    for name in _imported_names(tree) if tree else ():
        beside = path.parent / f"{name.partition('.')[0]}.py"
        if beside.is_file():
            yield beside
