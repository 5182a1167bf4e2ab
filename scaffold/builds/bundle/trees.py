"""Folders that go into a bundle: the kit's own source, and TileLang built from source by the kit."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path

from scaffold.builds.bundle.manifest import File, Tree, is_inside
from scaffold.builds.bundle.objects import ObjectFolder
from scaffold.errors import EnvironmentProblem

#: Where the kit's own source lies, if this is a checkout of it.
KIT = Path(__file__).resolve().parents[3]

_NOT_SOURCE = {"__pycache__", "workspace", "build", "dist", ".git", ".nox", ".venv"}

#: Of a TileLang built from source, what it reads when it runs: its libraries, Python, device templates and headers.
_RUN_TIME = re.compile(
    r"""
    build/lib/[^/]+\.(so|dylib)(\.[\d.]+)?\Z
    | build/.*\.abi3\.so\Z
    | (tilelang|src)/
    | 3rdparty/(tvm/python|tvm/include|tvm/3rdparty/tvm-ffi/include|cutlass/include|composable_kernel/include)/
    | [^/]*\.(toml|md|json|txt)\Z
    | (VERSION|version_provider\.py|LICENSE[^/]*)\Z
    """,
    re.VERBOSE,
)
_NEVER = re.compile(r"(^|/)(__pycache__|\.git|CMakeFiles|\.ninja_\w+)(/|\Z)|\.(o|obj|a|pch|gch|pyc|d)\Z")
_OTHER_PYTHON = re.compile(r"\.cpython-3(\d+)-")


def kit_tree(objects: ObjectFolder) -> Tree:
    """The kit's source as it is now, tests included.

    Raises
    ------
    EnvironmentProblem
        If this kit was installed without its source.
    """
    if not (KIT / "pyproject.toml").is_file() or not (KIT / "tests").is_dir():
        raise EnvironmentProblem(
            f"no source of the kit in {KIT}: a bundle carries it", hint="run this in a clone of the kit's repository"
        )
    files = [_file(KIT / path, path, objects) for path in sorted(set(_kit_paths())) if (KIT / path).is_file()]
    return Tree("kit", tuple(files))


def kit_commit() -> str:
    """The kit's commit, with ``+changes`` where files differ from it; ``unknown`` outside git."""
    commit = _git("rev-parse", "HEAD")
    return "unknown" if commit is None else commit.strip() + ("+changes" if _git("status", "--porcelain") else "")


def _kit_paths() -> Iterator[str]:
    """Files git knows or would take; without git, all but what tools made."""
    listed = _git("ls-files", "--cached", "--others", "--exclude-standard", "-z")
    if listed is not None:
        yield from filter(None, listed.split("\0"))
        return
    for folder, below, files in os.walk(KIT):
        below[:] = [name for name in below if name not in _NOT_SOURCE and not name.endswith("_cache")]
        yield from (str((Path(folder) / name).relative_to(KIT)) for name in files if not name.endswith(".pyc"))


def _git(*arguments: str) -> str | None:
    """What git says of the kit's checkout; none where there is no git, or none of its own."""
    if not (KIT / ".git").exists():
        return None
    try:
        done = subprocess.run(["git", "-C", str(KIT), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


def source_build_tree(folder: Path, path: str, objects: ObjectFolder, *, python: str) -> Tree:
    """What runs of a TileLang built in ``folder``: no object files, no build files. Links are followed.

    Raises
    ------
    EnvironmentProblem
        If it holds no library, or one for another Python.
    """
    files = [
        _file(found, name, objects)
        for found, name in sorted(_walk(folder, lambda name: bool(_RUN_TIME.match(name))), key=lambda pair: pair[1])
    ]
    if not any(item.path.startswith("build/lib/") for item in files):
        raise EnvironmentProblem(f"no library in {folder / 'build/lib'}", hint="make that build again, then the bundle")
    # TileLang's env.py asserts that build/lib and build/tvm exist before it looks for a library in either.
    files.append(File("build/tvm/.keep", objects.add(b"")))
    minor = python.partition(".")[2]
    for item in files:
        other = _OTHER_PYTHON.search(item.path)
        if other and other[1] != minor:
            raise EnvironmentProblem(
                f"{folder / item.path} is for Python 3.{other[1]}, the bundle for {python}",
                hint=f"make the build with Python {python}, or say --python 3.{other[1]}",
            )
    return Tree(path, tuple(files))


def _walk(root: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[Path, str]]:
    """Files below ``root`` with their names from there on; links into shared trees are followed, circles are not."""
    seen: set[Path] = set()
    for folder, below, files in os.walk(root, followlinks=True):
        real = Path(folder).resolve()
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not _NEVER.search(name))
        for name in files:
            relative = (Path(folder) / name).relative_to(root).as_posix()
            if wanted(relative) and not _NEVER.search(relative) and (Path(folder) / name).is_file():
                yield Path(folder) / name, relative


def _file(path: Path, name: str, objects: ObjectFolder) -> File:
    return File(name, objects.add(path.read_bytes()), bool(path.stat().st_mode & stat.S_IXUSR))


def installed_in(site_packages: Path, *, without: frozenset[str]) -> list[str]:
    """``name==version`` of what an environment holds."""
    found = {item.metadata["Name"]: item.version for item in distributions(path=[str(site_packages)])}
    return sorted(
        f"{name}=={version}" for name, version in found.items() if name.lower().replace("_", "-") not in without
    )


def import_paths(site_packages: Path, folder: Path) -> tuple[str, ...]:
    """Folders of a build that its ``.pth`` files put on the import path, from ``folder`` on."""
    found = []
    for file in sorted(site_packages.glob("*.pth")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            path = Path(line.strip())
            if path.is_absolute() and path.is_relative_to(folder) and is_inside(str(path.relative_to(folder))):
                found.append(path.relative_to(folder).as_posix())
    return tuple(found)
