"""What is going on, on stderr: a line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """Progress lines. ``verbosity`` -1 is silent, 0 says what takes long, 1 also echoes commands."""

    def __init__(self, *, verbosity: int = 0, stream: TextIO | None = None) -> None:
        self.verbosity = verbosity
        self.stream = stream or sys.stderr
        self._moving = self.stream.isatty()
        self._shown = 0
        self._said: set[str] = set()

    def say(self, text: str) -> None:
        """One line that stays."""
        if self.verbosity >= 0:
            self._wipe()
            self.stream.write(text + "\n")
            self.stream.flush()

    def say_once(self, text: str) -> None:
        """A line that stays, said by this process only once."""
        if text not in self._said:
            self._said.add(text)
            self.say(text)

    def echo(self, command: str) -> None:
        """A command, before it runs."""
        if self.verbosity >= 1:
            self.say(f"+ {command}")

    def update(self, text: str) -> None:
        """A line that the next one replaces; nothing where lines cannot be replaced."""
        if self.verbosity >= 0 and self._moving:
            self._wipe()
            self.stream.write(text)
            self.stream.flush()
            self._shown = len(text)

    def note(self, text: str) -> None:
        """A line where lines cannot be replaced: something for a log to show now and then."""
        if not self._moving:
            self.say(text)

    @contextmanager
    def step(self, text: str, *, lasting: bool = False) -> Iterator[None]:
        """Show ``text`` while the block runs; ``lasting`` steps leave a line with the seconds they took."""
        started = time.monotonic()
        if lasting and not self._moving:
            self.say(f"{text} ...")
        self.update(f"{text} ...")
        try:
            yield
        finally:
            self._wipe()
        if lasting:
            self.say(f"{text}: {time.monotonic() - started:.0f} s")

    def _wipe(self) -> None:
        if self._shown:
            self.stream.write("\r" + " " * self._shown + "\r")
            self._shown = 0
