"""What becomes of an error that a statement of the user's raised: it rises, or it is noted and passed over."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from scaffold.probe.standin.api import missing_from_api
from scaffold.probe.standin.catching import is_caught, looked_up
from scaffold.probe.standin.packages import Unknown, UnknownArgumentError, origin_of
from scaffold.probe.standin.soft import SoftFiles

#: Parts of TileLang that help to test and to measure: what they raise says nothing of a kernel.
_BESIDE = ("testing", "profiler", "utils", "tools", "carver")

#: Written on an error that was noted.
_NOTED = "scaffold_noted"

#: Frames of the stand-ins: between the user's call and what TileLang made of it.
_OWN = str(Path(__file__).parent)


@dataclass(frozen=True)
class FailedStatement:
    """A statement that raised.

    ``origin`` says in words what unknown thing the error comes from, ``missing`` what TileLang's API lacks, both
    ``None`` where nothing does; ``unknown`` is what the statement would have made.
    """

    line: int
    path: str
    origin: str | None = None
    missing: str | None = None
    unknown: tuple[str, ...] = ()


#: ``note(error, statement)`` takes down what failed; ``note_caught`` what TileLang's API lacks and a handler took.
Note = Callable[[Exception, FailedStatement], None]


class PassingOver:
    """Judges errors. ``package`` is TileLang's folder; ``pretended`` tells whether a stand-in was used so far."""

    def __init__(
        self, files: SoftFiles, package: str, *, pretended: Callable[[], bool], note: Note, note_caught: Note
    ) -> None:
        self._files, self._package, self._pretended = files, package, pretended
        self._note, self._note_caught = note, note_caught
        self._now = threading.local()

    def failed(self, error: Exception, line: int, path: str) -> bool:
        """Whether ``error`` must rise; noted if not, or if nothing stops it before the end of the script."""
        if is_noted(error):
            return True
        frame = sys._getframe(1)
        missing = missing_from_api(error, lambda: self._called(error, frame, line, path))
        if missing is not None and not self._is_kernels(error, frame):
            self._note_missing(error, frame, FailedStatement(line, path, missing=missing))
            return True
        if self._must_rise(error, frame):
            return True
        origin = self._origin_behind(error, frame, line, path)
        self._now.origin = origin or f"line {line}, which was passed over"
        self._note(error, FailedStatement(line, path, origin, missing, self._files.binds.get((path, line), ())))
        return False

    def _note_missing(self, error: Exception, frame: FrameType, statement: FailedStatement) -> None:
        """Take down that TileLang's API lacks something, once: no GPU would have it, and Python ends the script."""
        setattr(error, _NOTED, True)
        if not is_caught(error, frame, self._files.regions, broadly=True):
            self._note(error, statement)
        elif not is_caught(error, frame, self._files.regions, broadly=False):
            self._note_caught(error, statement)

    def _is_kernels(self, error: Exception, frame: FrameType) -> bool:
        """Whether a kernel was being built, by TileLang: then the kernel is missing, and the script goes on."""
        return self._builds_a_kernel(frame) or any(
            self._is_of_compiler(entry.tb_frame) and entry.tb_frame.f_code.co_name != "__getattr__"
            for entry in _entries(error.__traceback__)
        )

    def _called(self, error: Exception, frame: FrameType, line: int, path: str) -> Iterator[Any]:
        """What the statement may have called, where the error is of the call itself."""
        entries = [entry for entry in _entries(error.__traceback__) if not _is_own(entry.tb_frame)]
        if entries and entries[-1].tb_frame is frame:
            for name in self._files.calls.get((path, line), ()):
                yield looked_up(name, frame)

    def is_compiling(self) -> bool:
        """Whether TileLang runs now, or called what runs."""
        return self._builds_a_kernel(sys._getframe(1))

    def unknown(self, name: str) -> Unknown:
        """What the statement that failed last would have bound."""
        return Unknown(name, getattr(self._now, "origin", "nowhere"))

    def is_caught(self, error: Exception) -> bool:
        """Whether the user's code that runs now has an answer to ``error``, were it raised here."""
        return is_caught(error, sys._getframe(1), self._files.regions, broadly=True)

    def _must_rise(self, error: Exception, frame: FrameType) -> bool:
        if isinstance(error, RecursionError) and any(caller.f_code is frame.f_code for caller in _callers(frame)):
            return True
        # Nothing goes well after that, and the kit must learn of it.
        if isinstance(error, MemoryError):
            return True
        raised_here = self._raising_frame(error)
        broadly = not self._pretended() or raised_here is not None or self.is_compilers(error)
        if is_caught(error, frame, self._files.regions, broadly=broadly) or self._builds_a_kernel(frame):
            return True
        if frame.f_code.co_name == "<module>":
            return False
        return raised_here is frame or isinstance(error, (StopIteration, StopAsyncIteration))

    def _raising_frame(self, error: Exception) -> FrameType | None:
        """The user's frame whose ``raise`` raised ``error``, if one did; a failed ``assert`` does not count."""
        last = _last(error.__traceback__)
        if last is None:
            return None
        regions = self._files.regions.get(last.tb_frame.f_code.co_filename)
        return last.tb_frame if regions is not None and last.tb_lineno in regions.raising else None

    def is_compilers(self, error: BaseException) -> bool:
        """Whether TileLang raised ``error`` over a kernel, or has not what a statement asks for."""
        return (
            isinstance(error, UnknownArgumentError)
            or is_noted(error)
            or any(self._is_of_compiler(entry.tb_frame) for entry in _entries(error.__traceback__))
        )

    def _builds_a_kernel(self, frame: FrameType) -> bool:
        """Whether TileLang called the user's code: what goes wrong there is the kernel's, and TileLang's to tell."""
        return any(self._is_of_compiler(caller) for caller in _callers(frame))

    def _is_of_compiler(self, frame: FrameType) -> bool:
        path = frame.f_code.co_filename
        if not path.startswith(self._package):
            return False
        return path[len(self._package) :].lstrip("/").partition("/")[0].removesuffix(".py") not in _BESIDE

    def _origin_behind(self, error: Exception, frame: FrameType, line: int, path: str) -> str | None:
        """Where an unknown value came from that took part in the statement, or where its error arose."""
        names = self._files.names.get((path, line), frozenset())
        places = [{name: frame.f_locals.get(name, frame.f_globals.get(name)) for name in names}]
        places += [entry.tb_frame.f_locals for entry in _entries(error.__traceback__) if entry.tb_frame is not frame]
        for place in places:
            for value in list(place.values()):
                if (origin := origin_of(value)) is not None:
                    return origin
        return None


def is_noted(error: BaseException) -> bool:
    """Whether ``error`` was taken down already, by the statement that raised it."""
    return bool(getattr(error, _NOTED, False))


def _is_own(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OWN)


def _callers(frame: FrameType) -> Iterator[FrameType]:
    caller = frame.f_back
    while caller is not None:
        yield caller
        caller = caller.f_back


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _last(traceback: TracebackType | None) -> TracebackType | None:
    entries = list(_entries(traceback))
    return entries[-1] if entries else None
