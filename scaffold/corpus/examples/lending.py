"""What a build lacks to run examples, lent by the kit: pytest, the plugin that tells what happens, other pure Python.

TileLang's own ``tilelang.testing`` imports pytest, so that even scripts need it; a release's wheel does not ask for it.
The build itself is left alone: each project lies in a folder of the kit's cache that goes on ``PYTHONPATH``, and only
those that the build does not have.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from scaffold.files import file_sha256
from scaffold.probe import pytest_events

#: How the plugin is called where it is lent.
PLUGIN = "scaffold_pytest_events"
#: What compiled modules end with: one is lent only to the same Python.
_COMPILED = (".so", ".pyd", ".dylib")

Python = tuple[int, int]


@dataclass(frozen=True)
class Lent:
    """Folders for ``PYTHONPATH``, the modules in them, and why others that were wanted are not."""

    folders: tuple[Path, ...]
    modules: frozenset[str]
    refused: Mapping[str, str]

    @property
    def path(self) -> str:
        return os.pathsep.join(map(str, self.folders))


class _CannotBeLentError(Exception):
    """The argument says why."""


@functools.lru_cache(maxsize=256)
def lend(wanted: frozenset[str], available: frozenset[str], python: Python, cache: Path) -> Lent:
    """Lend pytest and the modules ``wanted`` to a build that has ``available`` and is for ``python``."""
    folders = {PLUGIN: _folder({f"{PLUGIN}.py": Path(pytest_events.__file__)}, cache)}
    modules: set[str] = set()
    refused: dict[str, str] = {}
    for module in ("pytest", *sorted(wanted - {"pytest"})):
        if module in available:
            continue
        try:
            for project in _closure(_project_of(module), python):
                files = _files(project, python)
                if not _modules(files) & available:
                    folders[project] = _folder(files, cache)
                    modules |= _modules(files)
        except _CannotBeLentError as error:
            refused[module] = str(error)
    return Lent(tuple(folders.values()), frozenset(modules), refused)


def lend_to_scripts(cache: Path, script: Path | None = None) -> tuple[str, ...]:
    """Folders of what scripts import and no build brings, to be looked in last; pytest where ``script`` has tests."""
    try:
        folders = [_folder(_files("einops", _own_python()), cache)]
        if script is not None and script.is_file() and b"test" in script.read_bytes():
            folders += lend(frozenset(), frozenset(), _own_python(), cache).folders
    except _CannotBeLentError:
        return ()
    return tuple(map(str, folders))


@functools.cache
def _projects() -> Mapping[str, list[str]]:
    """Projects by module; in Python 3.10 ``packages_distributions`` knows only those with a top_level.txt."""
    found: dict[str, list[str]] = {}
    for distribution in metadata.distributions():
        for module in _modules_of(distribution):
            found.setdefault(module, []).append(distribution.metadata["Name"])
    return found


def _modules_of(distribution: metadata.Distribution) -> set[str]:
    if listed := distribution.read_text("top_level.txt"):
        return set(listed.split())
    files = [path for path in distribution.files or () if path.suffix == ".py"]
    return {path.parts[0] if len(path.parts) > 1 else path.stem for path in files}


def _project_of(module: str) -> str:
    """The project whose installation in the kit's environment brings ``module``."""
    found = _projects().get(module)
    if not found:
        message = f"the kit has no {module}"
        raise _CannotBeLentError(message)
    return found[0]


def _closure(root: str, python: Python) -> Iterator[str]:
    """The projects that ``root`` needs in a build's Python, itself first."""
    version = "{}.{}".format(*python)
    environment: dict[str, str] = {**default_environment()}  # type: ignore[dict-item]
    environment |= {"python_version": version, "python_full_version": f"{version}.0", "extra": ""}
    queue, seen = [root], set()
    while queue:
        name = canonicalize_name(queue.pop(0))
        if name in seen:
            continue
        seen.add(name)
        yield name
        needs = [Requirement(line) for line in _distribution(name).requires or ()]
        queue += [need.name for need in needs if need.marker is None or need.marker.evaluate(environment)]


def _distribution(project: str) -> metadata.Distribution:
    try:
        return metadata.distribution(project)
    except metadata.PackageNotFoundError:
        message = f"the kit has no {project}"
        raise _CannotBeLentError(message) from None


def _files(project: str, python: Python) -> dict[str, Path]:
    """Its files below site-packages: where they go, and where they are."""
    distribution = _distribution(project)
    wanted = distribution.metadata["Requires-Python"] or ""
    if not SpecifierSet(wanted).contains("{}.{}.99".format(*python)):
        message = f"{project} of the kit needs Python {wanted}"
        raise _CannotBeLentError(message)
    files = {
        str(item): Path(str(item.locate()))
        for item in distribution.files or ()
        if ".." not in item.parts and "__pycache__" not in item.parts and Path(str(item.locate())).is_file()
    }
    if any(path.endswith(_COMPILED) for path in files) and python != _own_python():
        message = f"{project} of the kit is compiled for another Python"
        raise _CannotBeLentError(message)
    return files


def _modules(files: Mapping[str, Path]) -> frozenset[str]:
    """Top-level modules among files of a project."""
    tops = (path.partition("/")[0] for path in files)
    return frozenset(top.removesuffix(".py") for top in tops if not top.endswith((".dist-info", ".egg-info")))


def _own_python() -> Python:
    version = default_environment()["python_version"].split(".")
    return int(version[0]), int(version[1])


def _folder(files: Mapping[str, Path], cache: Path) -> Path:
    """A folder with these files, whole: named by what is in it, made elsewhere and renamed."""
    named = "".join(f"{path}\0{file_sha256(place)}\n" for path, place in sorted(files.items()))
    folder = cache / "lent" / hashlib.sha256(named.encode()).hexdigest()[:16]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".incoming-"))
    try:
        for path, place in files.items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place, made / path)
        made.chmod(0o755)
        try:
            os.rename(made, folder)  # noqa: PTH104 - fails where another process was first, which is as good
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder
