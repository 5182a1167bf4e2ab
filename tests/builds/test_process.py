"""Child processes, with real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scaffold.builds.process import probe_environment, run_logged
from scaffold.progress import Progress

QUIET = Progress(verbosity=-1)
ROOT = Path(__file__).resolve().parents[2]


def gone(pid: int) -> bool:
    """Whether a process has ended: not there, or a zombie nobody reaped yet."""
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True


def test_run_logged_keeps_both_streams_and_the_exit_code(tmp_path: Path) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    finished = run_logged([sys.executable, "-c", code], log=tmp_path / "log", progress=QUIET)
    assert finished.returncode == 7
    assert set(finished.tail().split()) == {"out", "err"}


def test_run_logged_past_its_time_ends_the_whole_group(tmp_path: Path) -> None:
    child = "import time; time.sleep(60)"
    code = (
        "import subprocess, sys, time, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}]); print(p.pid, flush=True); time.sleep(60)"
    )
    finished = run_logged([sys.executable, "-c", code], log=tmp_path / "log", progress=QUIET, timeout_s=1.5)
    assert finished.timed_out
    grandchild = int(finished.tail().split()[0])
    assert within(5, lambda: gone(grandchild))


def test_probe_environment_passes_on_only_what_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PYTHONPATH": "/x", "TILELANG_CACHE_DIR": "/y", "CUDA_HOME": "/cuda", "LC_ALL": "C"}.items():
        monkeypatch.setenv(name, value)
    environment = probe_environment({"TILELANG_DISABLE_CACHE": "1"})
    assert "PYTHONPATH" not in environment
    assert "TILELANG_CACHE_DIR" not in environment
    assert environment["CUDA_HOME"] == "/cuda"
    assert environment["LC_ALL"] == "C"
    assert environment["TILELANG_DISABLE_CACHE"] == "1"
    assert environment["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize("bound", [False, True])
def test_every_line_is_handed_on_as_it_comes_and_kept(tmp_path: Path, bound: bool) -> None:
    lines: list[str] = []
    code = "import sys; print('[1/2] a b'); print('warning', file=sys.stderr); sys.stdout.buffer.write(b'\\xff no end')"
    finished = run_logged(
        [sys.executable, "-u", "-c", code], log=tmp_path / "log", progress=QUIET, on_line=lines.append, bound=bound
    )
    assert finished.returncode == 0
    assert lines == ["[1/2] a b", "warning", "� no end"]
    assert (tmp_path / "log").read_bytes() == b"[1/2] a b\nwarning\n\xff no end"


def test_output_beyond_a_pipes_size_is_read_while_it_runs(tmp_path: Path) -> None:
    lines: list[str] = []
    code = "print('x' * 99, *range(50_000), sep='\\n')"
    run_logged([sys.executable, "-c", code], log=tmp_path / "log", progress=QUIET, on_line=lines.append)
    assert len(lines) == len((tmp_path / "log").read_text().splitlines()) == 50_001


def test_a_bound_command_gets_its_arguments_and_answers_with_its_code(tmp_path: Path) -> None:
    code = "import sys; print(sys.argv[1:]); sys.exit(7)"
    arguments = ["a b", "-c", "", "$HOME"]
    finished = run_logged([sys.executable, "-c", code, *arguments], log=tmp_path / "log", progress=QUIET, bound=True)
    assert finished.returncode == 7
    assert finished.tail() == repr(arguments)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a child with its parent")
def test_a_bound_command_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from scaffold.builds.process import run_logged; from scaffold.progress import Progress\n"
        "sleep = 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'\n"
        "run_logged([sys.executable, '-c', sleep], log=Path(sys.argv[1]), progress=Progress(verbosity=-1), bound=True)"
    )
    log = tmp_path / "log"
    parent = subprocess.Popen([sys.executable, "-c", code, str(log)], cwd=ROOT)
    assert within(20, lambda: log.exists() and log.read_text().endswith("\n"))
    child = int(log.read_text())
    assert not gone(child)
    parent.kill()
    parent.wait()
    assert within(5, lambda: gone(child))


def within(seconds: float, happens: Callable[[], bool]) -> bool:
    """Whether it happens in time."""
    deadline = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
