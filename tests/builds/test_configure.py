"""CMake runs when it must and no more, and what it says becomes a remedy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scaffold.builds.native.configure import configure
from scaffold.errors import BuildFailedError
from scaffold.progress import Progress

OPTIONS = ["-DCMAKE_BUILD_TYPE=Release"]


class Project:
    """A source, and a CMake that notes its runs; ``says`` makes it fail with that text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.build = folder / "source/build"
        (folder / "source/src/op").mkdir(parents=True)
        self.add("src/op/gemm.cc")
        self.cmake = folder / "cmake"
        self.cmake.write_text(
            f'#!/bin/sh\necho "$@" >> "{folder}/runs"\n'
            f'if [ -e "{folder}/says" ]; then cat "{folder}/says"; exit 1; fi\n'
            f'touch "{self.build}/build.ninja"\n'
        )
        self.cmake.chmod(0o755)

    def add(self, name: str) -> None:
        (self.folder / "source" / name).write_text("int x;\n")

    def says(self, text: str | None) -> None:
        if text is None:
            (self.folder / "says").unlink()
        else:
            (self.folder / "says").write_text(text)

    def runs(self) -> int:
        path = self.folder / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def configure(self, options: list[str] | None = None, tvm_root: str = "/tvm") -> bool:
        return configure(
            self.cmake,
            self.folder / "source",
            self.build,
            OPTIONS if options is None else options,
            log=self.folder / "compile.log",
            env={"PATH": "/usr/bin:/bin", "TVM_ROOT": tvm_root},
            progress=Progress(verbosity=-1),
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    assert made.configure()
    (made.build / "gemm.o").touch()
    return made


def test_nothing_changed_nothing_is_done(project: Project) -> None:
    assert not project.configure()
    assert project.runs() == 1


@pytest.mark.parametrize("name", ["src/op/copy.cc", "src/op/copy.cpp", "src/runtime.c"])
def test_a_new_or_vanished_source_runs_it_again_and_keeps_what_is_compiled(project: Project, name: str) -> None:
    project.add(name)
    assert project.configure()
    assert not project.configure()
    (project.folder / "source" / name).unlink()
    assert project.configure()
    assert (project.build / "gemm.o").exists()


def test_an_edited_source_or_a_new_header_is_ninjas_business(project: Project) -> None:
    (project.folder / "source/src/op/gemm.cc").write_text("int y;\n")
    project.add("src/op/gemm.h")
    assert not project.configure()


@pytest.mark.parametrize(("options", "tvm_root"), [([*OPTIONS, "-DUSE_CUDA=ON"], "/tvm"), (OPTIONS, "/other")])
def test_other_settings_begin_anew(project: Project, options: list[str], tvm_root: str) -> None:
    assert project.configure(options, tvm_root)
    assert not (project.build / "gemm.o").exists()
    assert not project.configure(options, tvm_root)


def test_a_failure_is_never_taken_for_configured(project: Project) -> None:
    project.says("CMake Error at CMakeLists.txt:3 (message):\n  No.\n\n")
    project.add("src/op/copy.cc")
    for _ in range(2):
        with pytest.raises(BuildFailedError):
            project.configure()
    project.says(None)
    (project.folder / "source/src/op/copy.cc").unlink()
    assert project.configure()
    assert not project.configure()


def test_a_damaged_marker_or_a_lost_build_file_runs_it_again(project: Project) -> None:
    (project.build / "build.ninja").unlink()
    assert project.configure()
    (project.build / "scaffold-configured.json").write_text("{")
    assert project.configure()


# From CMake 4.4: shortened.
FOUND_EVERYTHING = """\
-- Found CUDAToolkit: /usr/local/cuda/include (found version "13.0.88")
-- Found Python: /usr/bin/python (found version "3.11.7") found components: Interpreter Development.Module
"""
NO_COMPILER = """\
CMake Error at CMakeLists.txt:20 (project):
  No CMAKE_CXX_COMPILER could be found.

  Tell CMake where to find the compiler by setting either the environment
  variable "CXX" or the CMake cache entry CMAKE_CXX_COMPILER to the full path
  to the compiler.


-- Configuring incomplete, errors occurred!
"""
BROKEN_COMPILER = """\
CMake Error at /x/CMakeTestCXXCompiler.cmake:71 (message):
  The C++ compiler

    "/bin/false"

  is not able to compile a simple test program.
"""
NO_HEADERS = """\
CMake Error at /x/FindPackageHandleStandardArgs.cmake:290 (message):
  Could NOT find Python (missing: Development.Module) (found version "3.11.7")
Call Stack (most recent call first):
  CMakeLists.txt:600 (find_package)
"""
NO_TOOLKIT = """\
CMake Error at /x/FindCUDAToolkit.cmake:965 (message):
  Could not find `nvcc` executable in path specified by variable
  CUDAToolkit_ROOT=/nope
"""
NO_Z3 = """\
CMake Error at CMakeLists.txt:440 (find_package):
  Could not find a package configuration file provided by "Z3".
"""
IN_A_LINE = """\
CMake Error: CMake was unable to find a build program corresponding to "Ninja".
CMake Error: CMAKE_CXX_COMPILER not set, after EnableLanguage
"""
DISK_FULL = "CMake Error at CMakeLists.txt:3 (configure_file):\n  No space left on device\n"


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (NO_COMPILER, "CMakeLists.txt:20: No CMAKE_CXX_COMPILER could be found. Tell CMake where", "apt install g++"),
        (BROKEN_COMPILER, 'The C++ compiler "/bin/false" is not able', "install a C++17 compiler"),
        (FOUND_EVERYTHING + NO_HEADERS, "missing: Development.Module", "apt install python3-dev"),
        (FOUND_EVERYTHING + NO_TOOLKIT, "CUDAToolkit_ROOT=/nope", "--cuda pip"),
        # What was found before has nothing to do with it.
        (
            FOUND_EVERYTHING + NO_Z3,
            'CMakeLists.txt:440: Could not find a package configuration file provided by "Z3".',
            "read ",
        ),
        (FOUND_EVERYTHING + IN_A_LINE, 'unable to find a build program corresponding to "Ninja".', "install a C++17"),
        (DISK_FULL, "the disk is full", "--workspace DIR"),
        ("Segmentation fault\n", "cmake ended with 1", "read "),
    ],
)
def test_a_failure_becomes_a_message_and_a_remedy(project: Project, said: str, message: str, hint: str) -> None:
    project.says(said)
    with pytest.raises(BuildFailedError) as caught:
        project.configure([])
    assert caught.value.message.startswith("cannot configure: ")
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


def test_an_error_of_an_earlier_run_in_the_log_is_not_todays(project: Project) -> None:
    project.says(NO_COMPILER)
    with pytest.raises(BuildFailedError):
        project.configure([])
    project.says(NO_Z3)
    with pytest.raises(BuildFailedError, match="Z3"):
        project.configure([])
    shutil.rmtree(project.build)
    project.says(None)
    assert project.configure([])
