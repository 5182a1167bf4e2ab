"""Ending tasks that run: what a task asks while it waits, and the end of the processes it started."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from scaffold.builds.process import end_all

T = TypeVar("T")

#: How long tasks have to end after an interrupt, in seconds.
_ENDING_S = 15.0


class _Current(threading.local):
    """What the thread that runs a task knows of it."""

    stop: threading.Event | None = None


_current = _Current()


def stop_requested() -> bool:
    """Whether the task that asks should end: its pool was cancelled. No for who runs no task."""
    return _current.stop is not None and _current.stop.is_set()


def run_with(stop: threading.Event, function: Callable[..., T], *arguments: Any) -> T:
    _current.stop = stop
    try:
        return function(*arguments)
    finally:
        _current.stop = None


def end_until(done: Callable[[], bool]) -> None:
    """End processes until all tasks are done: one that was between two processes starts the next one first."""
    deadline = time.monotonic() + _ENDING_S
    while not done() and time.monotonic() < deadline:
        end_all()
        time.sleep(0.05)
