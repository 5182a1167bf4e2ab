"""What counts as read by a compilation, of a source like TileLang's."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakebuilds import identity, site_with
from sources import write
from tinybuild import CMAKE, TinyBuild, op, toolbox

from scaffold.builds.machine import CudaToolkit, Tool
from scaffold.builds.native.compile import Site, compile_tvm
from scaffold.builds.native.inputs import counting, inputs_key, overlooked
from scaffold.builds.native.recipe import Recipe
from scaffold.builds.native.toolbox import Toolbox
from scaffold.builds.native.tvm import TvmLibraries
from scaffold.builds.source.model import Source
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress

FILES = {
    "CMakeLists.txt": 'include("cmake/load_tvm.cmake")\n# testing and docs are words here\n',
    "cmake/load_tvm.cmake": "set(TVM_SOURCE x)\n",
    "cmake/find_pip_cuda.py": "print('cuda')\n",
    "src/op/gemm.cc": "int gemm;\n",
    "src/op/gemm.h": "// gemm\n",
    "src/cuda/CMakeLists.txt": "file(GLOB SRCS src/cuda/*.cc)\n",
    "src/tl_templates/cuda/gemm.h": "// device\n",
    "3rdparty/hip-headers/include/hip.h": "// hip\n",
    "tilelang/__init__.py": "",
    "tilelang/language/copy.py": "x = 1\n",
    "tilelang/jit/adapter/cython/cython_wrapper.pyx": "x = 1\n",
    "testing/python/test_gemm.py": "",
    "docs/index.md": "# docs\n",
    "examples/gemm/example_gemm.py": "",
    "README.md": "# TileLang\n",
    "VERSION": "0.1.14\n",
    "pyproject.toml": "[project]\n",
    "repro.py": "",
    ".git_commit.txt": "c" * 40,
}

GXX = Tool("g++", Path("/usr/bin/g++"), "12.2.0")
CUDA = CudaToolkit(Path("/usr/local/cuda"), "13.0.88", Path("/usr/local/cuda/bin/nvcc"), (), None, "host")


class Compilation:
    """One that is about to take place; what is changed of it is what its key is asked for again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = Source(write(folder / "builds/git-main/source", FILES), identity())
        self.packages = site_with(folder / "site", apache_tvm_ffi="0.1.12", z3_solver="4.15.4", Cython="3.1.0")
        self.wheel = write(folder / "wheel", {"libtvm_compiler.so": "compiler", "libstub_cuda.so": "stub"})
        python = folder / "env/bin/python"
        self.toolbox = Toolbox(GXX, Path("/bin/cmake"), Path("/bin/ninja"), python, None, CUDA, None)
        self.site = Site(
            self.source.folder,
            folder / "log",
            self.toolbox,
            ("cuda",),
            "3.10",
            Workspace(folder / "workspace"),
            Progress(verbosity=-1),
        )
        self.recipe = Recipe()

    def key(self) -> str | None:
        site = replace(self.site, toolbox=self.toolbox)
        tvm = TvmLibraries("release", "wheel:0.1.14", self.wheel)
        return inputs_key(site, self.source, tvm, self.recipe, [self.packages])

    def write(self, path: str, text: str) -> None:
        write(self.source.folder, {path: text})


@pytest.fixture
def compilation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compilation:
    monkeypatch.setattr(sys, "platform", "linux")
    return Compilation(tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        *("src/op/gemm.cc", "src/op/gemm.h", "src/cuda/CMakeLists.txt", "CMakeLists.txt", "cmake/load_tvm.cmake"),
        *("cmake/find_pip_cuda.py", "tilelang/jit/adapter/cython/cython_wrapper.pyx", "VERSION"),
        "3rdparty/hip-headers/include/hip.h",
    ],
)
def test_what_is_compiled_counts_changed_or_gone(compilation: Compilation, path: str) -> None:
    before = compilation.key()
    assert before
    compilation.write(path, FILES[path] + "# edited\n")
    edited = compilation.key()
    (compilation.source.folder / path).unlink()
    assert len({before, edited, compilation.key()}) == 3
    compilation.write(path, FILES[path])
    assert compilation.key() == before


@pytest.mark.parametrize(
    "path",
    [
        *("src/op/new.cc", "src/op/new.h", "src/notes.md", "src/gen.py", "cmake/new.cmake", "tilelang/jit/new.pxd"),
        *("3rdparty/new/lib.h", "new/CMakeLists.txt", "new/x.in", ".gitmodules"),
    ],
)
def test_a_new_file_counts_where_nobody_knows_better(compilation: Compilation, path: str) -> None:
    before = compilation.key()
    compilation.write(path, "")
    assert compilation.key() != before


@pytest.mark.parametrize(
    "path",
    [
        *(
            "tilelang/__init__.py",
            "tilelang/language/new.py",
            "tilelang/language/tir/ir.pyi",
            "repro.py",
            "draft.ipynb",
        ),
        *("testing/python/test_gemm.py", "testing/data/x.txt", "docs/index.md", "examples/new/CMakeLists.txt"),
        *("README.md", "pyproject.toml", "requirements-test.txt", ".github/workflows/ci.yml", ".git_commit.txt"),
        *("src/tl_templates/cuda/gemm.h", "src/tl_templates/cuda/new.h", "build/lib/libtilelang.so"),
    ],
)
def test_what_is_read_when_tilelang_runs_does_not_count(compilation: Compilation, path: str) -> None:
    before = compilation.key()
    compilation.write(path, "edited = 1\n")
    assert compilation.key() == before


def test_times_folders_and_jobs_do_not_count(compilation: Compilation, tmp_path: Path) -> None:
    before = compilation.key()
    for path in compilation.source.folder.rglob("*"):
        os.utime(path, (1, 1))
    compilation.source.folder.rename(tmp_path / "elsewhere")
    compilation.source = Source(tmp_path / "elsewhere", identity("worktree:/home/me/tilelang", commit="d" * 40))
    compilation.site = replace(compilation.site, source=tmp_path / "elsewhere")
    launcher = Tool("ccache", Path("/usr/bin/ccache"), "4.7")
    compilation.toolbox = replace(compilation.toolbox, python=tmp_path / "other/bin/python", launcher=launcher)
    compilation.recipe = Recipe(jobs=1)
    assert compilation.key() == before


def test_a_file_that_cmake_names_counts_wherever_it_lies(compilation: Compilation) -> None:
    named = 'execute_process(COMMAND python ${CMAKE_SOURCE_DIR}/version_provider.py)\nfile(GLOB x "testing/*.cc")\n'
    compilation.write("CMakeLists.txt", named)
    counts = counting(compilation.source.folder, FILES)
    assert counts("version_provider.py")
    assert counts("docs/version_provider.py")
    assert counts("testing/python/test_gemm.py")
    assert not counts("tilelang/__init__.py")
    assert not counts("docs/index.md")


def change_tvm(it: Compilation) -> None:
    (it.wheel / "libtvm_compiler.so").write_text("another")


def change_stub(it: Compilation) -> None:
    (it.wheel / "libstub_nvrtc.so").write_text("another")


def change_package(name: str) -> Callable[[Compilation], None]:
    def change(it: Compilation) -> None:
        (old,) = it.packages.glob(f"{name}-*")
        old.rename(old.with_name("gone"))
        site_with(it.packages, **{name: "9.9"})

    return change


def change_toolbox(**fields: Any) -> Callable[[Compilation], None]:
    def change(it: Compilation) -> None:
        it.toolbox = replace(it.toolbox, **fields)

    return change


def change_site(**fields: Any) -> Callable[[Compilation], None]:
    def change(it: Compilation) -> None:
        it.site = replace(it.site, **fields)

    return change


def change_recipe(**fields: Any) -> Callable[[Compilation], None]:
    def change(it: Compilation) -> None:
        it.recipe = replace(it.recipe, **fields)

    return change


def change_third_party(it: Compilation) -> None:
    it.source = Source(it.source.folder, identity(thirdparty={"3rdparty/tvm": "sha256:" + "3" * 64}))


@pytest.mark.parametrize(
    "change",
    [
        *(change_tvm, change_stub, change_third_party),
        *(change_package(name) for name in ("apache_tvm_ffi", "z3_solver", "Cython")),
        change_toolbox(compiler=replace(GXX, version="13.1.0")),
        change_toolbox(compiler=replace(GXX, path=Path("/usr/bin/clang++"))),
        change_toolbox(cuda=replace(CUDA, version="12.9.86")),
        change_toolbox(cuda=replace(CUDA, root=Path("/opt/cuda"))),
        change_toolbox(cuda=replace(CUDA, origin="pip")),
        change_toolbox(nvrtc_include=Path("/nvrtc")),
        *(change_site(backends=("cpu",)), change_site(stable_abi="3.11"), change_site(stable_abi=None)),
        *(change_recipe(optimize=3), change_recipe(plain=True), change_recipe(debug=True)),
    ],
)
def test_everything_it_is_compiled_with_counts(compilation: Compilation, change: Callable[[Compilation], None]) -> None:
    before = compilation.key()
    change(compilation)
    assert compilation.key() != before


@pytest.mark.parametrize(
    ("variable", "counts"),
    [("CPATH", True), ("CC", True), ("CUDA_HOME", True), ("CUDA_VISIBLE_DEVICES", False), ("LC_ALL", False)],
)
def test_variables_that_reach_a_compiler_count(
    compilation: Compilation, variable: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    before = compilation.key()
    monkeypatch.setenv(variable, "/x")
    assert (compilation.key() != before) == counts


def test_another_python_counts(compilation: Compilation, monkeypatch: pytest.MonkeyPatch) -> None:
    before = compilation.key()
    monkeypatch.setattr(sys, "version", "3.14.0")
    assert compilation.key() != before


def test_a_pip_toolkit_is_told_by_its_packages_and_not_by_its_place(compilation: Compilation) -> None:
    compilation.toolbox = replace(compilation.toolbox, cuda=replace(CUDA, origin="pip"))
    before = compilation.key()
    compilation.toolbox = replace(compilation.toolbox, cuda=replace(CUDA, origin="pip", root=Path("/env/nvidia")))
    assert compilation.key() == before
    site_with(compilation.packages, nvidia_cuda_cccl="13.1.0")
    assert compilation.key() != before


@pytest.mark.parametrize(
    "change",
    [
        *(change_recipe(plain=True), change_recipe(debug=True)),
        *(change_site(backends=(name,)) for name in ("rocm", "metal", "llvm")),
        change_site(backends=("cuda", "rocm")),
    ],
)
def test_where_it_cannot_be_told_there_is_no_key(
    compilation: Compilation, change: Callable[[Compilation], None]
) -> None:
    change(compilation)
    assert compilation.key() is None


def test_there_is_no_key_without_tvm_or_on_another_system(
    compilation: Compilation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert compilation.key() is None
    monkeypatch.setattr(sys, "platform", "linux")
    for path in compilation.wheel.iterdir():
        path.unlink()
    assert compilation.key() is None


def test_what_ninja_saw_read_is_held_against_the_list(tmp_path: Path) -> None:
    built = TinyBuild(tmp_path / "one", toolbox(), Workspace(tmp_path / "workspace"))
    assert overlooked(built.site), "nothing is known of what was never compiled"
    built.tvm, _ = compile_tvm(built.site, Recipe(jobs=1), [])
    built.make()
    assert overlooked(built.site) is None
    write(built.source, {"docs/table.h": "#pragma once\n", "tilelang/made.py": ""})
    built.edit("src/op/fill.cc", op("fill", "2 + runtime() + compiler()", extra='#include "../../docs/table.h"'))
    built.make()
    assert overlooked(built.site) == "docs/table.h"
    built.edit("src/op/fill.cc", op("fill", "2"))
    # Reached over a variable, so that its name does not stand there whole.
    made = 'set(p py)\nset(made "${CMAKE_SOURCE_DIR}/tilelang/made.${p}")\n'
    rule = f'{made}set_property(TARGET tilelang APPEND PROPERTY LINK_DEPENDS "${{made}}")\n'
    built.edit("CMakeLists.txt", CMAKE + rule)
    built.make()
    assert overlooked(built.site) == "tilelang/made.py"
