"""Short questions to programs (``nvcc --version``): answered within a time, or not at all."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: How long a program may think about a question, in seconds, unless the caller says.
TIMEOUT_S = 4.0

_ASKED: set[subprocess.Popen[str]] = set()


@dataclass(frozen=True)
class Answer:
    """What a program said: ``returncode`` (negative for a signal), stdout and stderr.

    ``trouble`` says why there is no answer: it could not be started, or was ended after its time.
    """

    returncode: int = 0
    stdout: str = ""
    stderr: str = ""
    trouble: str = ""

    @property
    def ok(self) -> bool:
        return not self.trouble and self.returncode == 0

    @property
    def text(self) -> str:
        """Both streams."""
        return self.stdout + self.stderr

    @property
    def why_not(self) -> str:
        """One line on why it is not ``ok``."""
        if self.trouble:
            return self.trouble
        if self.returncode < 0:
            with contextlib.suppress(ValueError):
                return f"died of {signal.Signals(-self.returncode).name}"
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else f"ended with {self.returncode}"


def ask(
    command: Sequence[str | Path],
    *,
    timeout_s: float = TIMEOUT_S,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Answer:
    """Run ``command`` to its end, or end it and all it started after ``timeout_s`` seconds. Never raises OSError."""
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Answer(trouble=f"does not start: {getattr(error, 'strerror', None) or error}")
    _ASKED.add(process)
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
        return Answer(process.returncode, stdout, stderr)
    except subprocess.TimeoutExpired:
        return Answer(trouble=f"gave no answer within {timeout_s:.0f} s")
    finally:
        _end(process)
        _ASKED.discard(process)


def end_questions() -> None:
    """End every program that is still being asked, for a caller that was interrupted."""
    for process in list(_ASKED):
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill what is left of the group; close the pipes that a survivor would hold open."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.close()
