"""Child processes: echoed, logged, ended with their whole group."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from scaffold.progress import Progress


class Killable(Protocol):
    """What is not a child of ours, and ends all the same."""

    def kill(self) -> None: ...


#: Processes that run now, so that an interrupted caller can end those its other threads wait for.
_RUNNING: set[subprocess.Popen[bytes] | Killable] = set()

#: How long a process group has to end after SIGTERM, in seconds, before SIGKILL.
_GRACE_SECONDS = 3.0

#: Variables a probe may see; all others, PYTHONPATH and TileLang's own switches first, would change what it measures.
_PASSED_ON = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "TEMP",
        "TMP",
        "TMPDIR",
        "TZ",
        "LD_LIBRARY_PATH",
        "LIBRARY_PATH",
        "CPATH",
        "CC",
        "CXX",
    }
)
_PASSED_ON_PREFIXES = ("LC_", "CUDA", "NVIDIA", "NVCC", "ROCM", "HIP", "HSA", "OMP_", "SCAFFOLD_PROBE_")


#: The end of a log is read no further back than this: a script may print without end.
_MOST_TAIL_BYTES = 256 * 1024


@dataclass(frozen=True)
class Finished:
    """How a process ended; ``returncode`` is negative for a signal."""

    returncode: int
    log: Path
    timed_out: bool = False
    most_memory_bytes: int | None = None

    def tail(self, lines: int = 20) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(-min(_MOST_TAIL_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def probe_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a probe: an allow-list of this one, and ``extra``."""
    kept = {key: value for key, value in os.environ.items() if key in _PASSED_ON or key.startswith(_PASSED_ON_PREFIXES)}
    return {**kept, "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1", **extra}


#: Becomes the rest of its command line, to be ended with the process that started it: by SIGTERM, on which Ninja ends
#: its compilers too and removes what they had half written.
_BOUND_TO_US = """
import ctypes, os, sys
try:
    ctypes.CDLL(None).prctl(1, 15)
except (OSError, AttributeError):
    pass
os.execvp(sys.argv[1], sys.argv[1:])
"""


def bound_command(command: Sequence[str]) -> list[str]:
    """``command``, made to end with us."""
    return [sys.executable, "-I", "-S", "-c", _BOUND_TO_US, *command]


def run_logged(
    command: Sequence[str],
    *,
    log: Path,
    progress: Progress,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float | None = None,
    on_line: Callable[[str], None] | None = None,
    bound: bool = False,
) -> Finished:
    """Run ``command`` with its output in ``log``; nothing of it survives this call, an interrupt included.

    ``on_line`` gets every line of output as it comes. ``bound`` is for what writes where others look: on Linux the
    kernel ends it even when we are killed.
    """
    progress.echo(shlex.join(command))
    with log.open("ab") as output:
        process = subprocess.Popen(
            bound_command(command) if bound else command,
            stdin=subprocess.DEVNULL,
            stdout=output if on_line is None else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
        _RUNNING.add(process)
        reader = threading.Thread(target=_pass_on, args=(process, output, on_line)) if on_line else None
        try:
            if reader:
                reader.start()
            process.wait(timeout_s)
            return Finished(process.returncode, log)
        except subprocess.TimeoutExpired:
            _end_group(process)
            return Finished(process.returncode, log, timed_out=True)
        except BaseException:
            _end_group(process)
            raise
        finally:
            _RUNNING.discard(process)
            if reader:
                reader.join(_GRACE_SECONDS)


def _pass_on(process: subprocess.Popen[bytes], output: IO[bytes], on_line: Callable[[str], None]) -> None:
    """Write what ``process`` says to ``output`` and hand it on line by line."""
    if process.stdout is None:
        raise ValueError("the process has no pipe to read")
    with process.stdout as lines:
        for line in lines:
            output.write(line)
            output.flush()
            on_line(line.decode(errors="replace").rstrip("\n"))


@contextlib.contextmanager
def ended_with_us(process: subprocess.Popen[bytes] | Killable) -> Iterator[None]:
    """Count ``process`` among those that :func:`end_all` ends."""
    _RUNNING.add(process)
    try:
        yield
    finally:
        _RUNNING.discard(process)


def end_all() -> None:
    """End every process that :func:`run_logged` still waits for, and every one that runs under our watch."""
    for process in list(_RUNNING):
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes] | Killable) -> None:
    """SIGTERM, wait, SIGKILL, for the process and all it started."""
    if not isinstance(process, subprocess.Popen):
        process.kill()
        return
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    process.wait()
