"""What Ninja says: how far it is, and what went wrong first."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from scaffold.builds.native import ninja as ninja_module
from scaffold.builds.native.ninja import FirstError, compile_targets, first_error, lacked_room, steps_done
from scaffold.errors import BuildFailedError
from scaffold.progress import Progress

COMMAND = "/usr/bin/ccache /usr/bin/c++ -O1 -o x -c ../src/op/gemm.cc\n"
OBJECT = f"FAILED: [code=1] CMakeFiles/tilelang_objs.dir/src/op/gemm.cc.o \n{COMMAND}"
#: Ninja before 1.13 does not say the code.
OLD_OBJECT = f"FAILED: CMakeFiles/tilelang_objs.dir/src/op/gemm.cc.o \n{COMMAND}"
LIBRARY = "FAILED: [code=1] lib/libtilelang.so \n: && /usr/bin/c++ -shared -o lib/libtilelang.so && :\n"
STOPPED = "ninja: build stopped: subcommand failed.\n"

GCC = """\
../src/op/gemm.cc: In member function ‘int tvm::tl::Gemm::Lower()’:
../src/op/gemm.cc:41:3: warning: unused variable ‘x’ [-Wunused-variable]
   41 |   int x;
      |   ^
../src/op/gemm.cc:42:10: error: ‘y’ was not declared in this scope
   42 |   return y;
      |          ^
../src/op/gemm.cc:50:1: error: expected ‘}’ at end of input
"""
CLANG = """\
../src/op/gemm.cc:42:10: error: use of undeclared identifier 'y'
  return y;
         ^
1 error generated.
"""
NO_HEADER = """\
In file included from ../src/op/gemm.cc:3:
../src/op/gemm.h:7:10: fatal error: tvm/tirx/op.h: No such file or directory
    7 | #include <tvm/tirx/op.h>
      |          ^~~~~~~~~~~~~~~
compilation terminated.
"""
LD = """\
/usr/bin/ld: warning: x.o: missing .note.GNU-stack section implies executable stack
/usr/bin/ld: CMakeFiles/tilelang_objs.dir/src/op/gemm.cc.o: in function `tvm::tl::Gemm::Lower()':
gemm.cc:(.text+0x1d): undefined reference to `tvm::tl::missing()'
collect2: error: ld returned 1 exit status
"""
NO_LIBRARY = "/usr/bin/ld: cannot find -lz3: No such file or directory\ncollect2: error: ld returned 1 exit status\n"
LLD = "ld.lld: error: undefined symbol: tvm::tl::missing()\nclang: error: linker command failed with exit code 1\n"
KILLED = "c++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\n"
CLANG_KILLED = "clang++: error: unable to execute command: Killed\nclang++: error: clang frontend command failed\n"
NO_MEMORY = "cc1plus: out of memory allocating 65536 bytes after a total of 1234567 bytes\n"
DISK_FULL = "../src/op/gemm.cc:9:1: fatal error: error writing to /tmp/cc1.s: No space left on device\n"
CYTHON = """\
FAILED: [code=1] tilelang_cython_wrapper.cpp
cd /b && python -m cython cython_wrapper.pyx

Error compiling Cython file:
"""


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (OBJECT + GCC, "../src/op/gemm.cc:42:10", "‘y’ was not declared in this scope"),
        (OLD_OBJECT + CLANG, "../src/op/gemm.cc:42:10", "use of undeclared identifier 'y'"),
        (OBJECT + NO_HEADER, "../src/op/gemm.h:7:10", "tvm/tirx/op.h: No such file or directory"),
        (LIBRARY + LD, "lib/libtilelang.so", "gemm.cc:(.text+0x1d): undefined reference to `tvm::tl::missing()'"),
        (LIBRARY + NO_LIBRARY, "lib/libtilelang.so", "/usr/bin/ld: cannot find -lz3: No such file or directory"),
        (LIBRARY + LLD, "lib/libtilelang.so", "ld.lld: error: undefined symbol: tvm::tl::missing()"),
        # What the compiler says comes before what the linker says, wherever it stands.
        (LIBRARY + LD + OBJECT + CLANG, "../src/op/gemm.cc:42:10", "use of undeclared identifier 'y'"),
        (
            f"[9/9] Linking\n{LD.splitlines()[0]}\n{CYTHON}",
            "tilelang_cython_wrapper.cpp",
            "Error compiling Cython file:",
        ),
        (f"FAILED: x.stamp\nfalse\n{STOPPED}", "x.stamp", STOPPED.strip()),
        ("FAILED: x.stamp\nfalse", "x.stamp", "it said nothing"),
    ],
)
def test_first_error_says_where_and_what(text: str, place: str, said: str) -> None:
    found = first_error(f"[1/2] Building CXX object a.o\n{text}{STOPPED}" if not text.endswith("false") else text)
    assert found is not None
    assert (found.place, found.text) == (place, said)


def test_first_error_shows_the_line_and_counts_the_failures() -> None:
    assert first_error(OBJECT + GCC + LIBRARY + LD) == FirstError(
        "../src/op/gemm.cc:42:10",
        "‘y’ was not declared in this scope",
        ("   42 |   return y;", "      |          ^"),
        failed=2,
    )


@pytest.mark.parametrize("text", ["", "ninja: no work to do.\n", "[2/2] Linking\n", "../a.cc:1:2: warning: unused\n"])
def test_first_error_of_output_without_one_is_none(text: str) -> None:
    assert first_error(text) is None


@pytest.mark.parametrize(
    ("text", "lacked"),
    [
        (KILLED, True),
        (CLANG_KILLED, True),
        (NO_MEMORY, True),
        (DISK_FULL, True),
        ("/usr/bin/ld: final link failed: No space left on device\n", True),
        (GCC, False),
        # Words of a source that a compiler quotes.
        ('../a.cc:1:2: error: no\n    1 | } catch (std::bad_alloc&) { LOG(FATAL) << "out of memory";\n', False),
    ],
)
def test_lacked_room(text: str, lacked: bool) -> None:
    assert lacked_room(text) == lacked


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", 0),
        ("ninja: no work to do.\n", 0),
        ("[1/9] a\n[3/9] c\n[2/9] b\n", 3),
        ("[0/1] Re-running CMake...\n-- [7/9] not Ninja's\n[2/14] x\n", 2),
    ],
)
def test_steps_done(text: str, steps: int) -> None:
    assert steps_done(text) == steps


def said_by(tmp_path: Path, output: str, code: int, progress: Progress | None = None) -> ninja_module.Compiled:
    """Run a Ninja that prints ``output`` and ends with ``code``."""
    (tmp_path / "output").write_text(output, encoding="utf-8")
    program = tmp_path / "ninja"
    program.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/arguments"\ncat "{tmp_path}/output"\nexit {code}\n')
    program.chmod(0o755)
    return compile_targets(
        program,
        tmp_path / "build",
        ("tvm_runtime",),
        jobs=3,
        label="compiling",
        log=tmp_path / "compile.log",
        env={"PATH": "/usr/bin:/bin"},
        progress=progress or Progress(verbosity=-1),
    )


@pytest.mark.parametrize(
    ("output", "message", "hint"),
    [
        (
            OBJECT + GCC,
            "../src/op/gemm.cc:42:10: ‘y’ was not declared in this scope",
            "only what changed is compiled again",
        ),
        (OBJECT + GCC + LIBRARY + LD, "(and 1 more steps failed)", "run the same command"),
        (OBJECT + KILLED, "too little memory", "--jobs 1"),
        (OBJECT + CLANG_KILLED, "too little memory", "--jobs 1"),
        (OBJECT + DISK_FULL, "the disk is full", "--workspace DIR"),
        ("ninja: error: loading 'build.ninja': No such file\n", "ninja ended with 1: ninja: error: loading", "read "),
        ("", "ninja ended with 1: it said nothing", "read "),
    ],
)
def test_a_failure_becomes_a_message_and_a_remedy(tmp_path: Path, output: str, message: str, hint: str) -> None:
    (tmp_path / "compile.log").write_text("FAILED: of an earlier run\nx\n../old.cc:1:1: error: old\n")
    with pytest.raises(BuildFailedError) as caught:
        said_by(tmp_path, output, 1)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)
    assert caught.value.context["log"] == tmp_path / "compile.log"


def test_what_was_asked_of_ninja_and_how_many_steps_it_took(tmp_path: Path) -> None:
    compiled = said_by(tmp_path, "[1/2] a\n[2/2] b\n", 0)
    assert compiled.steps == 2
    assert (tmp_path / "arguments").read_text().split() == ["-C", str(tmp_path / "build"), "-j", "3", "tvm_runtime"]
    assert "[2/2] b" in (tmp_path / "compile.log").read_text()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def ten_seconds_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def clock() -> Iterator[float]:
        now = 0.0
        while True:
            yield now
            now += 10.0

    times = clock()
    monkeypatch.setattr(ninja_module, "time", SimpleNamespace(monotonic=lambda: next(times)))


STEPS = "".join(f"[{step}/8] Building\n" for step in range(1, 9))


@pytest.mark.usefixtures("ten_seconds_a_look")
def test_the_line_on_a_terminal_has_the_time_left_once_it_can_be_guessed(tmp_path: Path) -> None:
    stream = Terminal()
    said_by(tmp_path, STEPS, 0, Progress(stream=stream))
    shown = [line.strip() for line in stream.getvalue().split("\r") if line.strip()]
    assert shown[2] == "compiling: 3/8"
    assert re.fullmatch(r"compiling: 4/8, about [45]\d s left", shown[3])
    assert re.fullmatch(r"compiling: 7/8, about 1\d s left", shown[6])
    assert shown[7:] == ["compiling: 8/8"]


@pytest.mark.usefixtures("ten_seconds_a_look")
def test_a_log_shows_a_line_now_and_then(tmp_path: Path) -> None:
    stream = io.StringIO()
    said_by(tmp_path, STEPS, 0, Progress(stream=stream))
    lines = stream.getvalue().splitlines()
    assert 2 <= len(lines) <= 3
    assert all(line.startswith("compiling: ") for line in lines)
