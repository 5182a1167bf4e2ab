"""Child processes: echoed, logged, ended with their whole group."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.progress import Progress

#: Processes that run now, so that an interrupted caller can end those its other threads wait for.
_RUNNING: set[subprocess.Popen[bytes]] = set()

#: How long a process group has to end after SIGTERM, in seconds, before SIGKILL.
_GRACE_SECONDS = 3.0

#: Variables a probe may see; all others, PYTHONPATH and TileLang's own switches first, would change what it measures.
_PASSED_ON = frozenset(
    {"PATH", "HOME", "USER", "LANG", "TEMP", "TMP", "TZ", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "CC", "CXX"}
)
_PASSED_ON_PREFIXES = ("LC_", "CUDA", "NVIDIA", "NVCC", "ROCM", "HIP", "HSA", "OMP_", "SCAFFOLD_PROBE_")


@dataclass(frozen=True)
class Finished:
    """How a process ended; ``returncode`` is negative for a signal."""

    returncode: int
    log: Path
    timed_out: bool = False

    def tail(self, lines: int = 20) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def probe_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a probe: an allow-list of this one, and ``extra``."""
    kept = {key: value for key, value in os.environ.items() if key in _PASSED_ON or key.startswith(_PASSED_ON_PREFIXES)}
    return {**kept, "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1", **extra}


#: Runs the rest of its command line as a Python module, ending with the process that started it.
_MODULE_WITH_US = """
import ctypes, runpy, sys
try:
    ctypes.CDLL(None).prctl(1, 9)
except (OSError, AttributeError):
    pass
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def module_command(python: str, module: str, *arguments: str) -> list[str]:
    """``python -m module …`` that does not outlive us: on Linux the kernel ends it when we are killed."""
    return [python, "-c", _MODULE_WITH_US, module, *arguments]


def run_logged(
    command: Sequence[str],
    *,
    log: Path,
    progress: Progress,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float | None = None,
) -> Finished:
    """Run ``command`` with its output in ``log``; nothing of it survives this call, an interrupt included."""
    progress.echo(shlex.join(command))
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
        _RUNNING.add(process)
        try:
            return Finished(process.wait(timeout_s), log)
        except subprocess.TimeoutExpired:
            _end_group(process)
            return Finished(process.returncode, log, timed_out=True)
        except BaseException:
            _end_group(process)
            raise
        finally:
            _RUNNING.discard(process)


def end_all() -> None:
    """End every process that :func:`run_logged` still waits for."""
    for process in list(_RUNNING):
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, wait, SIGKILL, for the process and all it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    process.wait()
