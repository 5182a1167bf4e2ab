"""A source that is built the way TileLang is, small enough to be compiled in a test."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sources import write

from scaffold.builds.machine import cxx_compiler
from scaffold.builds.native.compile import Native, Site, compile_tilelang
from scaffold.builds.native.recipe import Recipe
from scaffold.builds.native.toolbox import Toolbox
from scaffold.builds.native.tvm import TvmLibraries
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress

#: The targets and variables of upstream's own build that the kit relies on.
CMAKE = """\
cmake_minimum_required(VERSION 3.20)
project(TILE_LANG CXX)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(tvm "${CMAKE_CURRENT_SOURCE_DIR}/3rdparty/tvm")
if(DEFINED ENV{TVM_ROOT})
  set(tvm "$ENV{TVM_ROOT}")
endif()
include("${tvm}/cmake/config.cmake")
file(GLOB sources src/op/*.cc src/transform/*.cc)
add_subdirectory("${tvm}" tvm EXCLUDE_FROM_ALL)
target_sources(tvm_runtime_objs PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/src/runtime/logging.cc")
add_library(tilelang_objs OBJECT ${sources})
target_include_directories(tilelang_objs PRIVATE src "${tvm}/include")
add_library(tilelang SHARED $<TARGET_OBJECTS:tilelang_objs>)
target_link_libraries(tilelang PUBLIC tvm_compiler)
foreach(target IN ITEMS tilelang tvm_runtime tvm_compiler)
  set_target_properties(${target} PROPERTIES BUILD_RPATH "$ORIGIN" LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
endforeach()
"""
TVM_CMAKE = """\
add_library(tvm_objs OBJECT src/compiler.cc)
add_library(tvm_runtime_objs OBJECT src/runtime.cc)
target_include_directories(tvm_objs PRIVATE include)
add_library(tvm_runtime SHARED $<TARGET_OBJECTS:tvm_runtime_objs>)
add_library(tvm_compiler SHARED $<TARGET_OBJECTS:tvm_objs>)
target_link_libraries(tvm_compiler PUBLIC tvm_runtime)
"""
TVM = {
    "CMakeLists.txt": TVM_CMAKE,
    "cmake/config.cmake": "set(USE_LLVM OFF)\n",
    "cmake/utils/Utils.cmake": "",
    "include/tvm/node.h": "#pragma once\nint compiler();\nint runtime();\nextern int registered;\n"
    "struct Node {\n  int value = 1;\n  static void RegisterReflection() {\n    registered += 1;\n  }\n};\n",
    "src/compiler.cc": "#include <tvm/node.h>\nint registered = 0;\n"
    "int compiler() { Node::RegisterReflection(); return 20; }\n",
    "src/runtime.cc": "int runtime() { return 100; }\n",
}


def op(name: str, value: str, *, extra: str = "") -> str:
    return f"#include <string>\n#include <tvm/node.h>\n{extra}\nint {name}() {{ return {value}; }}\n"


#: ``copy`` and ``gemm`` define the same name, and fall into one group.
SOURCES = {
    "CMakeLists.txt": CMAKE,
    "src/runtime/logging.cc": "int logged;\n",
    "src/op/copy.cc": op("copy", "depth()", extra="namespace { int depth() { return 1; } }"),
    "src/op/fill.cc": op("fill", "2 + runtime() + compiler()"),
    "src/op/gemm.cc": op("gemm", "depth()", extra="namespace { int depth() { return 4; } }"),
    "src/transform/fuse.cc": op("fuse", "8 * Node().value"),
    "src/transform/inline.cc": op("inlined", "16"),
    "src/transform/sum.cc": op(
        "ffi",
        "32",
        extra="int copy(); int fill(); int gemm(); int fuse(); int inlined();\n"
        'extern "C" int total() { return copy() + fill() + gemm() + fuse() + inlined(); }',
    ),
}
TOTAL = 1 + (2 + 100 + 20) + 4 + 8 + 16


def toolbox() -> Toolbox:
    """The real programs; skips the test where there are none."""
    compiler = cxx_compiler()
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    cmake, ninja = shutil.which("cmake", path=places), shutil.which("ninja", path=places)
    if compiler is None or cmake is None or ninja is None:
        missing = "C++ compiler" if compiler is None else "cmake" if cmake is None else "ninja"
        pytest.skip(f"no {missing} here")
    return Toolbox(compiler, Path(cmake), Path(ninja), Path(sys.executable), None, None, None)


@dataclass
class TinyBuild:
    """One source and what is compiled of it; ``tvm`` is what it is linked to."""

    folder: Path
    toolbox: Toolbox
    workspace: Workspace
    tvm: TvmLibraries | None = None
    recipe: Recipe = field(default_factory=lambda: Recipe(jobs=1))
    grouped: bool = False
    said: io.StringIO = field(default_factory=io.StringIO)

    def __post_init__(self) -> None:
        shared = self.workspace.thirdparty / "tvm-one"
        if not shared.exists():
            write(shared, TVM)
        write(self.source, SOURCES)
        (self.source / "3rdparty").mkdir()
        (self.source / "3rdparty/tvm").symlink_to(shared)

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def site(self) -> Site:
        return Site(
            source=self.source,
            log=self.folder / "compile.log",
            toolbox=self.toolbox,
            backends=("cpu",),
            stable_abi=None,
            workspace=self.workspace,
            progress=Progress(stream=self.said),
        )

    def edit(self, name: str, text: str) -> None:
        path = self.source / name
        path.write_text(text)
        # Within the clock's tick of the last compilation Ninja would not see it.
        status = path.stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 20_000_000))

    def make(self) -> Native:
        assert self.tvm is not None
        ffi = self.tvm.folder / "libtvm_runtime.so"
        return compile_tilelang(self.site, self.tvm, ffi, self.recipe, grouped=self.grouped)

    def log(self) -> str:
        return self.site.log.read_text()

    def library(self, name: str = "tilelang") -> Path:
        return self.source / "build/lib" / f"lib{name}.so"

    def total(self) -> int:
        """What the compiled library answers, in a process of its own."""
        code = f"import ctypes; print(ctypes.CDLL({str(self.library())!r}).total())"
        answer: int = json.loads(subprocess.check_output([sys.executable, "-c", code]))
        return answer
