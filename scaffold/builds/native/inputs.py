"""What a compilation of TileLang reads, as one key: where two keys are equal, the second compilation proves nothing.

Of a source everything counts but what is listed here as read when TileLang runs, or by people; so what a later release
adds counts. What Ninja wrote down of a compilation is held against the list afterwards (:func:`overlooked`).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from scaffold.builds.asking import ask
from scaffold.builds.libraries import hashes_by_name
from scaffold.builds.native.compile import Site, cmake_options
from scaffold.builds.native.recipe import Recipe
from scaffold.builds.native.stand_in import CMAKE_FILES
from scaffold.builds.native.toolbox import build_environment
from scaffold.builds.native.tvm import TvmLibraries
from scaffold.builds.source.model import Source
from scaffold.builds.source.tree import COMMIT_FILE, Hashes, tree_sha256, walk
from scaffold.files import file_sha256

#: Part of every key: raised when what goes into one, or how the kit compiles, changes.
_FORMAT = 1

#: Folders that neither CMake nor a compiler reads. ``tl_templates`` are headers of the kernels that TileLang generates.
_UNREAD = (
    *(".agents", ".github", "benchmark", "docker", "docs", "examples", "images", "maint", "testing"),
    "src/tl_templates",
)
#: Folders in which everything else counts, and what counts nowhere but there.
_COMPILED = ("src/", "cmake/", "3rdparty/")
_UNREAD_SUFFIXES = (".py", ".pyi", ".md", ".rst", ".ipynb")
#: Read by pip and by people. Dependencies and the stable ABI that pyproject.toml asks for are in the key themselves.
_UNREAD_FILES = re.compile(rf"pyproject\.toml|requirements[\w-]*\.txt|LICENSE|format\.sh|{re.escape(COMMIT_FILE)}")

#: Options that say where something lies, which tells nothing of what it is.
_PLACES = re.compile(
    r"-D(?:CMAKE_CX*_COMPILER_LAUNCHER|Python3?_EXECUTABLE|CMAKE_PROJECT_TILE_LANG_INCLUDE|CUDAToolkit_ROOT)="
)
#: Variables that reach a compiler or CMake's search for one.
_VARIABLES = re.compile(r"CC|CXX|CPATH|LIBRARY_PATH|LD_LIBRARY_PATH|(?:CUDA|NVCC|HIP|ROCM)\w*")
_OF_A_RUN = ("CUDA_VISIBLE_DEVICES", "CUDA_CACHE_PATH")
#: Packages whose headers, libraries or programs take part.
_PACKAGES = re.compile(r"apache-tvm-ffi|z3-solver|cython|nvidia-cuda-.*")

#: An answer of Ninja's on one build; it reads files of some megabytes.
_TIMEOUT_S = 60.0


def inputs_key(
    site: Site, source: Source, tvm: TvmLibraries, recipe: Recipe, site_packages: Sequence[Path]
) -> str | None:
    """The key of what compiling ``source`` at ``site`` reads; ``None`` where what is compiled is nobody else's.

    That is so for ``--plain``, which promises to compile, for ``--debug``, whose libraries name the files of their own
    source, and where a part comes from the machine without saying its version: ROCm, LLVM, Apple's frameworks.
    ``site_packages`` are where its interpreter finds packages, in this order.
    """
    if recipe.plain or recipe.debug or sys.platform != "linux" or not set(site.backends) <= {"cuda", "cpu"}:
        return None
    libraries = _tvm_libraries(tvm.folder, site)
    if not libraries:
        return None
    toolbox = site.toolbox
    cuda = toolbox.cuda
    facts = {
        "format": _FORMAT,
        "source": _source_sha256(source),
        "third-party": dict(source.identity.thirdparty),
        "options": [option for option in cmake_options(site, recipe) if not _PLACES.match(option)],
        "cuda": [cuda.version, cuda.origin, str(cuda.root) if cuda.origin == "host" else ""] if cuda else [],
        "variables": _variables(build_environment(toolbox, site.workspace)),
        "tvm": libraries,
        "packages": _versions(site_packages),
        "python": sys.version,
        "machine": [platform.machine(), *platform.libc_ver()],
        "kit": {path.name: file_sha256(path) for path in sorted(CMAKE_FILES.glob("*.cmake"))},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def overlooked(site: Site) -> str | None:
    """A file of the source that the last compilation read although its key leaves it out; ``None`` if there is none.

    Where Ninja does not say what was read, that is named instead: then nobody knows.
    """
    tools = (("deps",), ("inputs", "all", "build.ninja"))
    answers = [ask([site.toolbox.ninja, "-C", site.build, "-t", *tool], timeout_s=_TIMEOUT_S) for tool in tools]
    if trouble := next((answer.why_not for answer in answers if not answer.ok), None):
        return f"what ninja knows ({trouble})"
    counts = counting(site.source, _paths(site.source))
    root = f"{site.source.resolve()}{os.sep}"
    for line in {line.strip() for answer in answers for line in answer.stdout.splitlines()}:
        path = os.path.normpath(site.build.resolve() / line)
        relative = path.removeprefix(root)
        if relative != path and not relative.startswith("build/") and Path(path).is_file() and not counts(relative):
            return relative
    return None


def counting(folder: Path, paths: Iterable[str]) -> Callable[[str], bool]:
    """Whether a file of the source in ``folder``, which holds ``paths``, may reach what is compiled.

    What is left out counts all the same where a CMake file of the source names it.
    """
    said = "\n".join(_text(folder / path) for path in paths if _is_of_cmake(path))
    named = set(re.findall(r"[\w.+-]+", said))
    unread = tuple(f"{name}/" for name in _UNREAD if not re.search(_mentions(name), said))

    def counts(path: str) -> bool:
        name = path.rpartition("/")[2]
        if path.startswith(unread):
            return name in named
        if path.startswith(_COMPILED) or path.startswith(tuple(f"{folder}/" for folder in _UNREAD)):
            return True
        return not (path.endswith(_UNREAD_SUFFIXES) or _UNREAD_FILES.fullmatch(path)) or name in named

    return counts


def _mentions(folder: str) -> str:
    """A folder as part of a path; a comment may have its name as a word."""
    name = re.escape(folder.rpartition("/")[2])
    return rf"/{name}\b|(?<![\w.-]){name}/"


def _is_of_cmake(path: str) -> bool:
    if path.startswith(tuple(f"{folder}/" for folder in _UNREAD)):
        return False
    return path.startswith("cmake/") or path.endswith((".cmake", "CMakeLists.txt"))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _paths(folder: Path, links: Iterable[str] = ()) -> list[str]:
    """The source's own files; ``links`` lead to shared trees, which are told by their identity."""
    return [path for path in walk(folder, skip_top=frozenset({"build"})) if path not in links]


def _source_sha256(source: Source) -> str:
    paths = _paths(source.folder, source.identity.thirdparty)
    return tree_sha256(Hashes().entries(source.folder, filter(counting(source.folder, paths), paths)))


def _tvm_libraries(folder: Path, site: Site) -> dict[str, str]:
    """Those that are linked, and the stubs they need; empty where there are none."""
    return hashes_by_name({*folder.glob("libtvm*"), *folder.glob("lib*stub*")}, site.workspace)


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if _VARIABLES.fullmatch(name) and name not in _OF_A_RUN}


def _versions(site_packages: Sequence[Path]) -> dict[str, str]:
    """Versions of the packages that take part; of two with one name the first is the one that is found."""
    found: dict[str, str] = {}
    for item in distributions(path=[str(folder) for folder in site_packages]):
        name = canonicalize_name(item.metadata["Name"] or "")
        if _PACKAGES.fullmatch(name):
            found.setdefault(name, item.version)
    return found
