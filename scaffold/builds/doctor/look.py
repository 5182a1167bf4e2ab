"""Look at many things at once; one that crashes or hangs costs only its own row."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from scaffold.errors import ScaffoldError

T = TypeVar("T")


class CouldNotLook(Exception):
    """Why a fact is not known, in words for the row."""


class Look(Generic[T]):
    """A fact that is being looked at by a thread of its own; calling it waits for the answer.

    Parameters
    ----------
    seconds
        How long after its start the look may take. What hangs is left to its thread, which ends with the process.
    """

    def __init__(self, function: Callable[[], T], *, seconds: float) -> None:
        self._function = function
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._done = threading.Event()
        self._found: list[T] = []
        self._trouble = ""
        threading.Thread(target=self._run, daemon=True).start()

    @classmethod
    def at(cls, value: T) -> Look[T]:
        """A fact that is known already."""
        return cls(lambda: value, seconds=1.0)

    def __call__(self) -> T:
        """The fact.

        Raises
        ------
        CouldNotLook
            If looking failed or took too long.
        """
        if not self._done.wait(max(0.0, self._until - time.monotonic())):
            raise CouldNotLook(f"no answer within {self._seconds:.0f} s")
        if self._trouble:
            raise CouldNotLook(self._trouble)
        return self._found[0]

    def _run(self) -> None:
        try:
            self._found.append(self._function())
        except (CouldNotLook, ScaffoldError) as error:
            self._trouble = str(error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the other probes must answer
            self._trouble = f"{type(error).__name__}: {error}"
        finally:
            self._done.set()
