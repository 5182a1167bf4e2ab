"""Answer many requests from one import: the job ``server`` of ``start.py``.

TileLang is imported once; every request runs in a child forked from there, so that nothing one kernel does, a crash or
an ``os._exit`` first, touches the next. Requests are JSON lines on stdin, answers JSON lines on stdout; the end of
stdin ends the server and every child it has.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from scaffold.probe.child import adopt_orphans, be_child, end_orphans
from scaffold.probe.failure import tell

#: A child that will not end by SIGTERM is given this long, in seconds.
_GRACE_SECONDS = 2.0


@dataclass
class _Child:
    """A request that runs: its process, and when it must have ended."""

    id: int
    pid: int
    deadline: float
    timed_out: bool = False


def run(document: dict[str, Any]) -> int:
    """Serve until stdin ends; ``document`` names the modules to import first."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    try:
        import_tilelang()
    except BaseException as error:  # noqa: BLE001 - an import may raise or exit in any way; it is the answer
        traceback.print_exc()
        _say(answers, {"ready": False, **tell(error)})
        return 0
    import_warm(document["warm"])
    server = _Server(answers)
    _say(answers, {"ready": True})
    server.serve()
    return 0


def import_tilelang() -> None:
    """Raises whatever its import raises."""
    for name in ("tilelang", "tvm"):
        importlib.import_module(name)


def import_warm(names: Iterable[str]) -> None:
    """Import what every request would import, beside TileLang."""
    for name in names:
        # What is not there is not missed: a child that needs it says so.
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)


def serve_connection(connection: socket.socket) -> NoReturn:
    """Serve a connection instead of stdin, in a fork of a process that has imported TileLang; ends the process."""
    code = 70
    try:
        os.dup2(connection.fileno(), 0)
        answers = os.fdopen(os.dup(connection.fileno()), "w", encoding="utf-8", buffering=1)
        connection.close()
        server = _Server(answers)
        _say(answers, {"ready": True})
        server.serve()
        code = 0
    except BrokenPipeError:
        code = 0  # whoever asked is gone
    except BaseException:  # noqa: BLE001 - the log of the resident process is where it can be told
        traceback.print_exc()
    finally:
        os._exit(code)


def _say(answers: Any, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _stop(*_: object) -> NoReturn:
    raise SystemExit(0)


class _Server:
    def __init__(self, answers: Any) -> None:
        self._answers = answers
        self._children: dict[int, _Child] = {}
        self._left = b""
        self._selector = selectors.DefaultSelector()
        os.set_blocking(0, False)
        self._selector.register(0, selectors.EVENT_READ, "requests")
        # A child that ends wakes the loop through this pipe.
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        self._selector.register(self._woken, selectors.EVENT_READ, "children")
        self._own_files = (answers.fileno(), self._woken, wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, _stop)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        adopt_orphans()

    def serve(self) -> None:
        try:
            while self._serve_once():
                pass
        finally:
            # Whoever asked is gone, or wants us to be: so is everything it asked for.
            for child in self._children.values():
                _signal_group(child.pid, signal.SIGKILL)
            end_orphans(except_for=())

    def _serve_once(self) -> bool:
        for key, _ in self._selector.select(self._patience()):
            if key.data == "children":
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
            elif not self._take_requests():
                return False
        self._reap()
        self._end_late()
        return True

    def _patience(self) -> float | None:
        deadlines = [child.deadline for child in self._children.values()]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _take_requests(self) -> bool:
        try:
            data = os.read(0, 1 << 16)
        except BlockingIOError:
            return True
        if not data:
            return False
        *lines, self._left = (self._left + data).split(b"\n")
        for line in lines:
            self._start(json.loads(line))
        return True

    def _start(self, request: dict[str, Any]) -> None:
        pid = os.fork()
        if pid == 0:
            self._selector.close()
            be_child(request, self._own_files)
        self._children[pid] = _Child(request["id"], pid, time.monotonic() + request["timeout_s"])

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            child = self._children.pop(pid, None)
            if child is None:
                continue
            # What the child itself started must not run on.
            _signal_group(pid, signal.SIGKILL)
            answer = {
                "id": child.id,
                "returncode": os.waitstatus_to_exitcode(status),
                "timed_out": child.timed_out,
                "most_memory_kib": usage.ru_maxrss,
            }
            end_orphans(except_for=self._children)
            _say(self._answers, answer)

    def _end_late(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if now >= child.deadline:
                _signal_group(child.pid, signal.SIGKILL if child.timed_out else signal.SIGTERM)
                child.timed_out, child.deadline = True, now + _GRACE_SECONDS


def _signal_group(pid: int, sign: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, sign)
