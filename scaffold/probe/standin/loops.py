"""Loops that compute on stand-ins for long without a new kernel: a reference over tiles takes minutes on them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

#: How long a loop may go on without a new kernel, in seconds: while it computes what nobody knows, launches kernels it
#: has, or fills tensors whose values are known and may yet matter.
_LONG_SECONDS = 2.0
_LONG_LAUNCHING_SECONDS = 10.0
_LONG_KNOWN_SECONDS = 8.0

#: A loop that went round less often may do so for longer: what comes after a long step may be the next kernel.
_FEW_ROUNDS = 3
_LONGER = 3


@dataclass(frozen=True)
class Counts:
    """What the script did so far: kernels compiled, launched; operations on stand-ins, those of unknown values."""

    compiled: int
    launched: int
    computed: int
    guessed: int


@dataclass
class _Loop:
    """A loop that runs: since when, and since which counts, it made no new kernel."""

    since: float
    counts: Counts
    rounds: int = 0


class Loops:
    """Ends such loops early; ``note(line, path)`` takes it down."""

    def __init__(self, counts: Callable[[], Counts], note: Callable[[int, str], None]) -> None:
        self._counts, self._note = counts, note
        self._running = threading.local()

    def looped(self, iterable: Iterable[object], line: int, path: str) -> Iterator[object]:
        """The items of a ``for`` loop, as many as it may have."""
        loop = self._begun()
        for item in iterable:
            yield item
            if self._is_idle(loop):
                self._note(line, path)
                return

    def entered(self, line: int) -> None:
        """A ``while`` loop of the caller's begins."""
        self._while_loops()[id(sys._getframe(1)), line] = self._begun()

    def again(self, line: int, path: str) -> bool:
        """Whether a ``while`` loop of the caller's may go round once more."""
        loop = self._while_loops().get((id(sys._getframe(1)), line))
        if loop is None or not self._is_idle(loop):
            return True
        self._note(line, path)
        return False

    def _while_loops(self) -> dict[tuple[int, int], _Loop]:
        loops: dict[tuple[int, int], _Loop] = self._running.__dict__.setdefault("loops", {})
        return loops

    def _begun(self) -> _Loop:
        return _Loop(time.monotonic(), self._counts())

    def _is_idle(self, loop: _Loop) -> bool:
        now, counts = time.monotonic(), self._counts()
        if counts.compiled != loop.counts.compiled:
            loop.since, loop.counts, loop.rounds = now, counts, 0
            return False
        loop.rounds += 1
        long = self._patience(loop.counts, counts) * (_LONGER if loop.rounds < _FEW_ROUNDS else 1)
        return now - loop.since > long

    def _patience(self, before: Counts, after: Counts) -> float:
        """How long what was done between two counts may go on, in seconds."""
        if after.launched != before.launched:
            return _LONG_LAUNCHING_SECONDS
        if after.guessed != before.guessed:
            return _LONG_SECONDS
        return _LONG_KNOWN_SECONDS if after.computed != before.computed else float("inf")
