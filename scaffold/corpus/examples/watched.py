"""Run a process and end it, with all it started, when it takes too long or too much memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scaffold.builds.process import bound_command, ended_with_us

#: How often the process is looked at, in seconds; its memory is summed up every few looks.
_LOOK_S = 0.1
_LOOKS_A_SUM = 10
#: How long it has to write its stacks on SIGABRT, in seconds, before SIGKILL.
_GRACE_S = 5.0


@dataclass(frozen=True)
class Ended:
    """How a process ended: ``returncode`` is negative for a signal, ``why`` what we ended it for, if we did."""

    returncode: int
    why: Literal["", "time", "memory"]
    seconds: float
    most_memory_bytes: int

    @property
    def signal_name(self) -> str:
        with contextlib.suppress(ValueError):
            return signal.Signals(-self.returncode).name
        return f"signal {-self.returncode}"


def run_watched(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    timeout_s: float,
    memory_bytes: int = 0,
    beat: Path | None = None,
) -> Ended:
    """Run ``command`` with its output in ``log``; nothing it started outlives this call.

    It may take ``timeout_s`` seconds, counted anew each time the file ``beat`` grows, and its processes may hold
    ``memory_bytes`` together (0: no limit; only Linux counts). One that takes too long gets SIGABRT, on which a Python
    with ``faulthandler`` writes where it hangs.
    """
    started = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(
            bound_command(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    with ended_with_us(process):
        try:
            _make_expendable(process.pid)
            why, most = _watch(process, timeout_s, memory_bytes, beat)
        finally:
            _kill_group(process)
    return Ended(process.returncode, why, time.monotonic() - started, most)


def _watch(
    process: subprocess.Popen[bytes], timeout_s: float, memory_bytes: int, beat: Path | None
) -> tuple[Literal["", "time", "memory"], int]:
    most, looks, size = 0, 0, -1
    deadline = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_S)
            return "", most
        if beat is not None and (grown := _size(beat)) != size:
            size, deadline = grown, time.monotonic() + timeout_s
        if looks % _LOOKS_A_SUM == 0:
            held = session_memory(process.pid)
            most = max(most, held)
            if memory_bytes and held > memory_bytes:
                return "memory", most
        looks += 1
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGABRT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
            return "time", most


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _make_expendable(pid: int) -> None:
    """No core file of gigabytes, and the first one to go when the machine runs out of memory."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("900", encoding="ascii")


def session_memory(session: int) -> int:
    """Bytes that the processes of a session hold together, by ``/proc``; 0 where there is none."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(pages for sid, pages in _processes() if sid == session) * page


def _processes() -> Iterator[tuple[int, int]]:
    """Session and resident pages of every process. Source: ``proc_pid_stat(5)``, fields 6 and 24."""
    try:
        found = [entry.name for entry in os.scandir("/proc") if entry.name.isdigit()]
    except OSError:
        return
    for pid in found:
        with contextlib.suppress(OSError, ValueError, IndexError):
            text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
            fields = text.rpartition(")")[2].split()
            yield int(fields[3]), int(fields[21])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
