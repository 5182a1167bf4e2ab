"""Which TVM a build links, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fakebuilds import TVM_TREE, site_with
from sources import write

from scaffold.builds.from_source import Releases, SourceBuilder, SourceBuildOptions
from scaffold.builds.names import parse_name
from scaffold.builds.native.recipe import Recipe
from scaffold.builds.native.tvm import abi_versions, first_difference, libraries_of_wheel
from scaffold.builds.source.model import Source, SourceIdentity
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError
from scaffold.progress import Progress

#: In a source and in no wheel, or the other way round; of no concern to the libraries.
ELSEWHERE = {
    "3rdparty/tvm/src/README.md": "x\n",
    "3rdparty/tvm/CMakeLists.txt": "x\n",
    "3rdparty/tvm/python/tvm/__init__.py": "x\n",
    "src/op/gemm.cc": "int gemm;\n",
}


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({}, None),
        ({"3rdparty/tvm/src/ir/expr.cc": "int expR;\n"}, "3rdparty/tvm/src/ir/expr.cc"),
        ({"3rdparty/tvm/include/tvm/ir/expr.h": None}, "3rdparty/tvm/include/tvm/ir/expr.h"),
        ({"3rdparty/tvm/include/tvm/new.h": "// new\n"}, "3rdparty/tvm/include/tvm/new.h"),
        ({"3rdparty/tvm/src/target/llvm.inc": "2\n"}, "3rdparty/tvm/src/target/llvm.inc"),
        ({"src/runtime/logging.cc": "int other;\n"}, "src/runtime/logging.cc"),
        ({"src/runtime/logging.cc": None}, "src/runtime/logging.cc"),
        ({"src/op/gemm.cc": "int edited;\n"}, None),
    ],
)
def test_first_difference_is_the_file_that_differs(
    tmp_path: Path, change: Mapping[str, str | None], difference: str | None
) -> None:
    files = {name: text for name, text in {**TVM_TREE, **ELSEWHERE, **change}.items() if text is not None}
    source = write(tmp_path / "source", files)
    wheel = write(tmp_path / "tilelang", TVM_TREE)
    assert first_difference(source, wheel) == difference
    assert first_difference(wheel, source) == difference


def test_two_without_any_tvm_are_not_the_same(tmp_path: Path) -> None:
    source = write(tmp_path / "source", {"src/runtime/logging.cc": "x"})
    assert (
        first_difference(source, write(tmp_path / "wheel", {"src/runtime/logging.cc": "x"})) == "3rdparty/tvm/include"
    )


def test_abi_versions_pins_exactly_what_both_sides_share(tmp_path: Path) -> None:
    site = site_with(tmp_path, apache_tvm_ffi="0.1.12", z3_solver="4.15.4.0", torch="2.13.0", tilelang="0.1.14")
    assert abi_versions(site) == ("apache-tvm-ffi==0.1.12", "z3-solver==4.15.4.0")
    libraries = libraries_of_wheel("wheel:0.1.14", site)
    assert (libraries.mode, libraries.origin) == ("release", "wheel:0.1.14")
    assert libraries.folder == site / "tilelang/lib"
    assert libraries.requirements == abi_versions(site)


def test_abi_versions_of_an_older_release_without_z3(tmp_path: Path) -> None:
    assert abi_versions(site_with(tmp_path, apache_tvm_ffi="0.1.6")) == ("apache-tvm-ffi==0.1.6",)


class Shelf:
    """Releases that can be had, each with its TVM; notes which were looked at."""

    def __init__(self, folder: Path, tvm: Mapping[str, Mapping[str, str]], newest: str | None) -> None:
        self.looked_at: list[str] = []
        self._folder = folder
        self._tvm = tvm
        self._newest = newest

    def newest(self) -> str:
        if self._newest is None:
            raise BuildFailedError("no index answers")
        return self._newest

    def site_packages(self, version: str) -> Path | None:
        self.looked_at.append(version)
        if version not in self._tvm:
            return None
        site = site_with(self._folder / version, apache_tvm_ffi="0.1.12")
        write(site / "tilelang", self._tvm[version])
        return site


OTHER = {**TVM_TREE, "3rdparty/tvm/src/ir/expr.cc": "int other;\n"}


def choose(tmp_path: Path, shelf: Shelf, *, version: str = "0.1.14", **recipe: Any) -> tuple[str | None, str]:
    """The origin of the TVM that is linked, ``None`` where it is compiled, and the reason."""
    folder = write(tmp_path / "source", TVM_TREE)
    identity = SourceIdentity("git:main", version, "c" * 40, False, "t", {})
    chosen = Recipe(**recipe)
    builder = SourceBuilder(
        parse_name("git:main"),
        tmp_path / "build",
        workspace=Workspace(tmp_path),
        progress=Progress(verbosity=-1),
        options=SourceBuildOptions(recipe=chosen),
        releases=Releases(shelf.newest, shelf.site_packages, lambda _: ()),
    )
    found, reason = builder._release_tvm(Source(folder, identity), chosen)
    return found.origin if found else None, reason


@pytest.mark.parametrize("tvm", ["auto", "release"])
@pytest.mark.parametrize(
    ("there", "newest", "version", "origin", "looked_at"),
    [
        ({"0.1.14": TVM_TREE, "0.1.15": OTHER}, "0.1.15", "0.1.14", "wheel:0.1.14", ["0.1.14"]),
        # A checkout between two releases.
        ({"0.1.14": OTHER, "0.1.15": TVM_TREE}, "0.1.15", "0.1.14", "wheel:0.1.15", ["0.1.14", "0.1.15"]),
        ({"0.1.15": TVM_TREE}, "0.1.15", "0.1.16+cuda.git1234", "wheel:0.1.15", ["0.1.16", "0.1.15"]),
        ({"0.1.14": TVM_TREE}, None, "0.1.14", "wheel:0.1.14", ["0.1.14"]),
    ],
)
def test_a_release_with_the_same_tvm_is_linked(
    tmp_path: Path,
    tvm: str,
    there: Mapping[str, Mapping[str, str]],
    newest: str | None,
    version: str,
    origin: str,
    looked_at: list[str],
) -> None:
    shelf = Shelf(tmp_path, there, newest)
    found, reason = choose(tmp_path, shelf, version=version, tvm=tvm)
    assert (found, shelf.looked_at) == (origin, looked_at)
    assert f"that of {origin}" in reason


@pytest.mark.parametrize(
    ("there", "newest", "reason"),
    [
        ({"0.1.14": OTHER}, "0.1.14", "3rdparty/tvm/src/ir/expr.cc differs from wheel:0.1.14"),
        ({"0.1.14": OTHER, "0.1.15": OTHER}, "0.1.15", "differs from wheel:0.1.15"),
        ({}, "0.1.15", "none could be looked at"),
        ({}, None, "none could be looked at"),
    ],
)
def test_no_release_with_the_same_tvm(
    tmp_path: Path, there: Mapping[str, Mapping[str, str]], newest: str | None, reason: str
) -> None:
    found, said = choose(tmp_path, Shelf(tmp_path, there, newest))
    assert found is None
    assert reason in said
    with pytest.raises(BuildFailedError) as caught:
        choose(tmp_path, Shelf(tmp_path / "again", there, newest), tvm="release")
    assert reason in caught.value.message
    assert "--tvm source" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ({"tvm": "source"}, "asked for (--tvm source)"),
        ({"debug": True}, "asked for (--debug)"),
        ({"backends": ("cuda", "llvm")}, "no release has LLVM"),
    ],
)
def test_what_no_release_has_is_compiled_without_a_look(tmp_path: Path, recipe: dict[str, Any], reason: str) -> None:
    shelf = Shelf(tmp_path, {"0.1.14": TVM_TREE}, "0.1.14")
    assert choose(tmp_path, shelf, **recipe) == (None, reason)
    assert shelf.looked_at == []
