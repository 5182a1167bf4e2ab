"""Watch TVM run passes: a ``PassInstrument`` that records, and threads that print.

Printing a module costs more than many a pass, so it must not run in the compiler's way.
Two facts make that cheap. Functions are immutable once shared: holding a reference makes every later pass copy before
it writes, so one may be printed whenever there is time, also by another thread (tvm-ffi releases the interpreter lock
in calls). An ``IRModule`` is not: ``tl.SplitHostDevice`` adds functions to the one it was given, so its list of
functions is copied at once.
And a pass that changes nothing returns the nodes it was given: a module whose functions have the same body, attributes,
parameters and buffer map as one seen before has the same text, and is not printed again.
"""

from __future__ import annotations

import linecache
import queue
import re
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType
from typing import Any

from scaffold.probe.printing import print_module
from scaffold.probe.spool import SpoolWriter

#: Deep IR prints by recursion; the default stack of a thread is 8 MiB on Linux and 512 KiB on macOS.
_PRINTER_STACK_BYTES = 256 * 1024 * 1024

#: One prints while the compiler runs; the second shortens the wait at the end, when the largest modules come at once.
_PRINTERS = 2

_CONSTRUCTOR = re.compile(r"(\w+)\([^()]*\)\s*\(")

#: Lines that a constructor's arguments may take up; more are not looked at.
_MOST_LINES = 12


@dataclass
class _OpenPass:
    sequence: int
    name: str
    parent: int | None
    before: int
    phase: str | None
    caller: str | None
    label: str | None
    arguments: str | None
    started: float


class Recorder:
    """Records every pass of one lowering into a spool.

    Modules are handed to printer threads under a *ticket*; one writer thread turns tickets into digests as their texts
    come, so lines keep their order. ``in_step``: no pass runs before all that came before it is written, for a
    lowering that is known to take its process with it.
    """

    def __init__(self, spool: SpoolWriter, *, copy: Callable[[Any], Any], in_step: bool = False) -> None:
        self._spool = spool
        self._copy = copy
        self._in_step = in_step
        self._open: list[_OpenPass] = []
        self._sequence = 0
        self._tickets: dict[tuple[Any, ...], int] = {}
        self._kept: list[Any] = []
        self._digests: dict[int, str] = {}
        self._work: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        self._writer_error: BaseException | None = None
        previous = threading.stack_size(_PRINTER_STACK_BYTES)
        self._printers = ThreadPoolExecutor(_PRINTERS, thread_name_prefix="scaffold-printer")
        for _ in range(_PRINTERS):
            self._printers.submit(time.sleep, 0.001)  # the pool starts its threads now, with the large stack
        threading.stack_size(previous)
        self._writer = threading.Thread(target=self._write, name="scaffold-writer", daemon=True)
        self._writer.start()

    @property
    def running(self) -> tuple[int, str] | None:
        """Sequence and name of the innermost pass that has begun and not ended."""
        return (self._open[-1].sequence, self._open[-1].name) if self._open else None

    @property
    def passes_seen(self) -> int:
        return self._sequence

    def before_pass(self, module: Any, name: str) -> None:
        frame = _calling_frame()
        label = _label(frame) if frame and name == "pass_fn" else None
        record = _OpenPass(
            sequence=self._sequence,
            name=name,
            parent=self._open[-1].sequence if self._open else None,
            before=self._ticket(module),
            phase=_current_phase() or (frame.f_code.co_name if frame else None),
            caller=_location(frame) if frame else None,
            label=label,
            arguments=_arguments(frame, label or name.rpartition(".")[2]) if frame else None,
            started=0.0,
        )
        self._sequence += 1
        self._open.append(record)
        self._work.put(("begin", (record, len(self._open) - 1)))
        self._keep_step()
        record.started = time.perf_counter()

    def after_pass(self, module: Any, name: str) -> None:
        ended = time.perf_counter()
        # A pass that raised leaves its frame open; TVM calls us next for the pass around it.
        while self._open and self._open[-1].name != name:
            self._abandon(self._open.pop())
        if not self._open:
            return
        record = self._open.pop()
        self._work.put(("pass", (record, self._ticket(module), (ended - record.started) * 1e3, len(self._open))))
        self._keep_step()

    def module(self, module: Any) -> int:
        """Record a module outside any pass; its digest is known once :meth:`close` has returned."""
        return self._ticket(module)

    def digest(self, ticket: int) -> str:
        return self._digests[ticket]

    def fail(self) -> None:
        """Write the passes that never ended, innermost first."""
        while self._open:
            self._abandon(self._open.pop())

    def close(self) -> None:
        """Wait until all is printed and written; raise what printing raised."""
        self._work.put(None)
        self._writer.join()
        self._printers.shutdown()
        if self._writer_error is not None:
            raise self._writer_error

    def _keep_step(self) -> None:
        if self._in_step and self._writer.is_alive():
            written = threading.Event()
            self._work.put(("step", written))
            while not written.wait(1.0) and self._writer.is_alive():
                pass

    def _abandon(self, record: _OpenPass) -> None:
        self._work.put(("pass", (record, None, None, len(self._open))))

    def _ticket(self, module: Any) -> int:
        key = _identity(module)
        ticket = self._tickets.get(key)
        if ticket is None:
            ticket = self._tickets[key] = len(self._tickets)
            kept = self._copy(module)
            self._kept.append(kept)
            self._work.put(("module", (ticket, self._printers.submit(print_module, kept))))
        return ticket

    def _write(self) -> None:
        """Write lines in the order in which things happened, each text before the first line that names it."""
        try:
            while (item := self._work.get()) is not None:
                kind, value = item
                if kind == "module":
                    ticket, printed = value
                    self._digests[ticket] = self._spool.text(printed.result())
                elif kind == "step":
                    value.set()
                elif kind == "begin":
                    self._spool.write("begin", self._line(*value))
                else:
                    record, after, duration_ms, depth = value
                    ended = {"after": None if after is None else self._digests[after], "inclusive_ms": duration_ms}
                    self._spool.write("pass", {**self._line(record, depth), **ended})
        except BaseException as error:  # noqa: BLE001 - carried to close(), which raises it in the main thread
            self._writer_error = error

    def _line(self, record: _OpenPass, depth: int) -> dict[str, Any]:
        """What is known of a pass when it begins."""
        return {
            "sequence": record.sequence,
            "name": record.name,
            "label": record.label,
            "depth": depth,
            "parent": record.parent,
            "phase": record.phase,
            "caller": record.caller,
            "before": self._digests[record.before],
            "arguments": record.arguments,
        }


def copy_module(module: Any) -> Any:
    """A module of its own with the same functions and attributes."""
    import tvm

    return tvm.IRModule(dict(module.functions.items()), attrs=module.attrs)


def instrument(recorder: Recorder) -> Any:
    """Wrap ``recorder`` as a TVM ``PassInstrument``."""
    from tvm.ir.instrument import pass_instrument

    @pass_instrument
    class ScaffoldInstrument:
        def run_before_pass(self, module: Any, info: Any) -> None:
            recorder.before_pass(module, str(info.name))

        def run_after_pass(self, module: Any, info: Any) -> None:
            recorder.after_pass(module, str(info.name))

    return ScaffoldInstrument()


def _identity(module: Any) -> tuple[Any, ...]:
    """What decides the text of a module, by address; the recorder keeps every module alive, so none is used twice."""
    parts: list[Any] = [_address(module.attrs)]
    for variable, function in module.functions.items():
        parts.append(str(variable.name_hint))
        if hasattr(function, "buffer_map"):
            parts += [
                _address(function.body),
                _address(function.attrs),
                _address(function.buffer_map),
                _address(function.params),
                _address(function.ret_type),
            ]
        else:
            parts.append(_address(function))
    return tuple(parts)


def _address(node: Any) -> int:
    if node is None:
        return 0
    handle = getattr(node, "__chandle__", None)
    return int(handle()) if handle is not None else id(node)


def _current_phase() -> str | None:
    module = sys.modules.get("tilelang.instrumentation")
    current = getattr(module, "current_pass_phase", None)
    return current() if current is not None else None


def _calling_frame() -> FrameType | None:
    """The Python frame that ran the pass: the first one that is neither ours nor TVM's pass plumbing."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        if not path.endswith(("ir/transform.py", "ir/instrument.py", "probe/recorder.py")) and "tvm_ffi" not in path:
            return frame
        frame = frame.f_back
    return None


def _location(frame: FrameType) -> str:
    """``file:line``, relative to the folder that holds the ``tilelang`` package where the file is in it."""
    path = frame.f_code.co_filename.replace("\\", "/")
    _, separator, tail = path.rpartition("/tilelang/")
    shown = f"tilelang/{tail}" if separator else path.rpartition("/")[2]
    return f"{shown}:{frame.f_lineno}"


def _label(frame: FrameType) -> str | None:
    """The pass's constructor, read from the source line that runs it: passes written in Python report ``pass_fn``."""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    match = _CONSTRUCTOR.search(line)
    return match.group(1) if match else None


def _arguments(frame: FrameType, constructor: str) -> str | None:
    """The constructor's arguments, read from the source line that runs the pass; a nested pass is not named there."""
    path, first = frame.f_code.co_filename, frame.f_lineno
    text = "".join(linecache.getline(path, number) for number in range(first, first + _MOST_LINES))
    match = re.match(rf"[^\n]*?\b{re.escape(constructor)}\(", text)
    if match is None:
        return None
    depth = 1
    for end, letter in enumerate(text[match.end() :], start=match.end()):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0:
            return " ".join(text[match.end() : end].split()).rstrip(",")
    return None
