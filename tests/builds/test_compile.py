"""CMake, Ninja and a C++ compiler, driven by the kit over a source like TileLang's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tinybuild import TOTAL, TinyBuild, op, toolbox

from scaffold.builds.native import stand_in
from scaffold.builds.native.compile import compile_tvm
from scaffold.builds.native.groups import exceptions_file
from scaffold.builds.native.lean_headers import write_lean_headers
from scaffold.builds.native.recipe import Recipe
from scaffold.builds.native.tvm import TvmLibraries
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="TileLang's own DLLs are another story on Windows")

MakeTiny = Callable[..., TinyBuild]


@pytest.fixture(scope="module")
def tvm(tmp_path_factory: pytest.TempPathFactory) -> TvmLibraries:
    """A TVM that is compiled already, as a release wheel has."""
    folder = tmp_path_factory.mktemp("release")
    built = TinyBuild(folder, toolbox(), Workspace(folder / "workspace"))
    libraries, native = compile_tvm(built.site, Recipe(jobs=2), ["apache-tvm-ffi==0.1.12"])
    assert native is not None
    assert native.steps >= 4
    again, nothing = compile_tvm(built.site, Recipe(jobs=1), ["apache-tvm-ffi==0.1.12"])
    assert (again, nothing) == (libraries, None)
    assert not (libraries.folder.parent / "build").exists()
    (libraries.folder / "libstub_cuda.so").write_bytes(b"stub")
    return libraries


@pytest.fixture
def tiny(tmp_path: Path, tvm: TvmLibraries) -> MakeTiny:
    workspace = Workspace(tmp_path / "workspace")

    def make(name: str = "one", *, grouped: bool = False) -> TinyBuild:
        return TinyBuild(tmp_path / name, toolbox(), workspace, tvm, grouped=grouped)

    return make


def alone(build: TinyBuild) -> set[str]:
    return set(exceptions_file("alone", build.workspace).read_text().splitlines())


def test_tvm_that_does_not_compile_is_not_taken_for_compiled(tmp_path: Path) -> None:
    built = TinyBuild(tmp_path, toolbox(), Workspace(tmp_path / "workspace"))
    source = built.site.tvm / "src/runtime.cc"
    right = source.read_text()
    source.write_text("int runtime() { return 100 }\n")
    for _ in range(2):
        with pytest.raises(
            BuildFailedError, match=r"src/runtime\.cc:1:\d+: .*expected ‘;’|src/runtime\.cc:1:\d+: expected"
        ):
            compile_tvm(built.site, Recipe(jobs=1), [])
    source.write_text(right)
    libraries, native = compile_tvm(built.site, Recipe(jobs=1), [])
    assert native is not None
    assert {"libtvm_compiler.so", "libtvm_runtime.so"} <= {path.name for path in libraries.folder.iterdir()}


def test_a_first_build_in_groups(tiny: MakeTiny) -> None:
    build = tiny(grouped=True)
    native = build.make()
    assert build.total() == TOTAL
    assert native.lean
    # The clash was found, and only one of the two pays for it.
    assert "compiling alone from now on: src/op/gemm.cc\n" in build.said.getvalue()
    assert "src/op/gemm.cc" in alone(build)
    assert "src/op/gemm.cc.o" in build.log()
    assert "src/op/copy.cc.o" not in build.log()
    # A library that is there is taken as it is, and so is the stub it needs.
    for name in ("tvm_compiler", "tvm_runtime", "stub_cuda"):
        assert build.library(name).read_bytes() == (build.tvm.folder / f"lib{name}.so").read_bytes()  # type: ignore[union-attr]

    assert build.make().steps == 0

    # The next source of this workspace knows.
    second = tiny("two", grouped=True)
    assert second.make().steps < native.steps
    assert "FAILED" not in second.log()
    assert second.total() == TOTAL


def test_an_error_in_a_group_is_the_sources_and_is_not_blamed_on_the_group(tiny: MakeTiny) -> None:
    build = tiny(grouped=True)
    build.edit("src/transform/fuse.cc", op("fuse", "missing"))
    known = alone(build)
    with pytest.raises(BuildFailedError) as caught:
        build.make()
    assert "src/transform/fuse.cc:4:" in caught.value.message
    assert "missing" in caught.value.message
    assert "return missing" in str(caught.value.context["source"])
    assert caught.value.context["log"] == build.site.log
    assert alone(build) == known

    build.edit("src/transform/fuse.cc", op("fuse", "8"))
    build.make()
    assert build.total() == TOTAL
    assert alone(build) == known | {"src/op/gemm.cc"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("c++: fatal error: Killed signal terminated program cc1plus", "too little memory"),
        ("/s/src/op/copy.cc:9:1: fatal error: error writing to /tmp/cc1.s: No space left on device", "disk is full"),
    ],
)
def test_a_machine_at_its_end_is_not_blamed_on_groups(tiny: MakeTiny, tmp_path: Path, said: str, message: str) -> None:
    build = tiny(grouped=True)
    cmake, ninja = tmp_path / "cmake", tmp_path / "ninja"
    unity = build.source / "build/CMakeFiles/tilelang_objs.dir/Unity"
    included = f'#include "{build.source}/src/op/copy.cc"'
    cmake.write_text(f"#!/bin/sh\nmkdir -p {unity}\necho '{included}' > {unity}/unity_group0_cxx.cxx\n")
    failed = "FAILED: [code=1] CMakeFiles/tilelang_objs.dir/Unity/unity_group0_cxx.cxx.o"
    ninja.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "{failed}" "c++ -c x" "{said}" >> {tmp_path}/runs\ncat {tmp_path}/runs; exit 1\n'
    )
    for program in (cmake, ninja):
        program.chmod(0o755)
    build.toolbox = replace(build.toolbox, cmake=cmake, ninja=ninja)
    known = alone(build)
    with pytest.raises(BuildFailedError, match=message):
        build.make()
    assert alone(build) == known
    assert (tmp_path / "runs").read_text().count("FAILED") == 1


def test_one_edited_file_is_one_object_and_one_link(tiny: MakeTiny) -> None:
    build = tiny()
    assert build.make().steps > 8
    assert build.total() == TOTAL

    build.edit("src/op/gemm.cc", op("gemm", "5"))
    assert build.make().steps == 2
    assert build.total() == TOTAL + 1
    assert "unity" not in build.log().lower()

    build.edit("src/op/gemm.cc", op("gemm", "missing"))
    with pytest.raises(BuildFailedError, match=r"src/op/gemm\.cc:4:\d+: .*missing"):
        build.make()
    build.edit("src/op/gemm.cc", op("gemm", "added()", extra="int added();"))

    # A new file is found by upstream's glob; it wants nothing of TVM, and a name that TVM has.
    build.edit("src/op/new.cc", "struct Node { int x; };\nint added() { return Node{7}.x; }\n")
    build.make()
    assert "compiling without precompiled headers from now on: src/op/new.cc\n" in build.said.getvalue()
    assert build.total() == TOTAL + 3


def test_a_source_that_registers_gets_the_full_headers(tiny: MakeTiny) -> None:
    build = tiny(grouped=True)
    build.edit("src/transform/fuse.cc", op("fuse", "8", extra="void again() { Node::RegisterReflection(); }"))
    native = build.make()
    assert not native.lean
    assert "full headers" in build.said.getvalue()
    assert build.total() == TOTAL
    again = build.make()
    assert (again.lean, again.steps) == (False, 0), "it is known of this TVM from now on"


def test_another_release_is_linked_anew(tiny: MakeTiny, tmp_path: Path) -> None:
    build = tiny()
    build.recipe = Recipe(jobs=1, plain=True)
    assert build.tvm is not None
    folder = tmp_path / "wheel"
    folder.mkdir()
    for path in build.tvm.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    build.tvm = TvmLibraries("release", "wheel:0.1.14", folder)
    assert not build.make().lean
    runtime = folder / "libtvm_runtime.so"
    runtime.write_bytes(runtime.read_bytes() + b"\0")
    assert 0 < build.make().steps <= 3
    assert build.library("tvm_runtime").read_bytes() == runtime.read_bytes()
    assert build.total() == TOTAL


def test_two_builds_may_make_the_stand_in_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = TinyBuild(tmp_path, toolbox(), Workspace(tmp_path / "workspace"))
    real = write_lean_headers
    calls = []

    def another_is_faster(include: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 1:
            monkeypatch.setattr(os, "getpid", lambda: 1)
            stand_in.write_stand_in(built.site.tvm, built.site.thirdparty, lean=True)
        real(include, target)

    monkeypatch.setattr(stand_in, "write_lean_headers", another_is_faster)
    made = stand_in.write_stand_in(built.site.tvm, built.site.thirdparty, lean=True)
    assert len(calls) == 2
    assert (made / "include/tvm/node.h").is_file()
    assert [path.name for path in built.site.thirdparty.glob("*.tmp")] == []
