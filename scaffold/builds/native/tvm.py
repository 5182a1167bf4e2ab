"""Which TVM a build links: that of a release wheel where it is the same, else one compiled once and shared.

About three in a hundred of upstream's commits move the TVM submodule, so most sources have the TVM of some release.
Whether it is the same is seen, not assumed: a wheel carries the headers and sources its TVM was built from.
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Literal

#: What must be the same on both sides of the C++ ABI between TileLang and a wheel's TVM.
_ABI = ("apache-tvm-ffi", "z3-solver")
#: TileLang's own files that upstream compiles into TVM's libraries (``target_sources`` in its CMakeLists.txt).
TILELANG_IN_TVM = ("src/runtime/logging.cc",)
_CODE = (".h", ".hpp", ".cc", ".cpp", ".c", ".inc", ".cu", ".cuh", ".m", ".mm", ".metal", ".S")


@dataclass(frozen=True)
class TvmLibraries:
    """TVM, built: ``folder`` holds its libraries and the stubs they need.

    ``requirements`` are exact versions of what its ABI depends on.
    """

    mode: Literal["release", "source"]
    origin: str
    folder: Path
    requirements: tuple[str, ...] = ()


def libraries_of_wheel(name: str, site_packages: Path) -> TvmLibraries:
    """The TVM of an installed release."""
    return TvmLibraries("release", name, site_packages / "tilelang" / "lib", abi_versions(site_packages))


def abi_versions(site_packages: Path) -> tuple[str, ...]:
    """Exact versions, as pip requirements, of the packages that both sides of the ABI must share."""
    found = {(item.metadata["Name"] or "").lower(): item.version for item in distributions(path=[str(site_packages)])}
    return tuple(f"{package}=={found[package]}" for package in _ABI if package in found)


def first_difference(source: Path, tilelang: Path) -> str | None:
    """What differs between the TVM of ``source`` and that of an installed release; ``None`` if it is the same.

    ``tilelang`` is the installed package. Compared are TVM's headers and sources, and what of TileLang is compiled
    into TVM's libraries.
    """
    ours, theirs = source / "3rdparty" / "tvm", tilelang / "3rdparty" / "tvm"
    for part in ("include", "src"):
        names = sorted({*_code_below(ours / part), *_code_below(theirs / part)})
        if not names:
            return f"3rdparty/tvm/{part}"
        for name in names:
            if not _same(ours / part / name, theirs / part / name):
                return f"3rdparty/tvm/{part}/{name}"
    for name in TILELANG_IN_TVM:
        if (source / name).exists() != (tilelang / name).exists():
            return name
        if (source / name).exists() and not _same(source / name, tilelang / name):
            return name
    return None


def _code_below(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.suffix in _CODE and path.is_file():
            yield path.relative_to(folder).as_posix()


def _same(left: Path, right: Path) -> bool:
    try:
        return filecmp.cmp(left, right, shallow=False)
    except OSError:
        return False
