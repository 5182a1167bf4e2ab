"""Child processes, with real ones."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from scaffold.builds.process import probe_environment, run_logged
from scaffold.progress import Progress

QUIET = Progress(verbosity=-1)


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
    deadline = time.monotonic() + 5
    while not gone(grandchild) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(grandchild)


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
