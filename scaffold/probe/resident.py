"""Keep TileLang imported between commands: the job ``resident`` of ``start.py``.

It listens on a private Unix socket. Every connection gets a fork that serves it as ``server.py`` serves its stdin, so
nothing that one command does is seen by the next. It ends when it has been idle, when a file it loaded has changed or
is gone, when memory is short, or when another process has taken its socket's place.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from scaffold.probe.server import import_tilelang, import_warm, serve_connection

#: How often it looks whether it should end, in seconds.
_WAKE_S = 2.0
#: Below this share of the machine's memory it gives its own back.
_LEAST_MEMORY_SHARE = 0.08

_Stamps = dict[str, tuple[int, int, int]]


def run(document: dict[str, Any]) -> int:
    """Import what ``document`` names under ``warm``, then listen at ``socket`` until idle for ``idle_s`` seconds."""
    import_tilelang()
    import_warm(document["warm"])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    path = Path(document["socket"])
    with _listen(path) as listener:
        _Resident(listener, path, document["idle_s"]).serve()
    return 0


def _listen(path: Path) -> socket.socket:
    """A socket at ``path``, which takes the place of one that is there in one step."""
    own = path.with_name(f"{path.name}.{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(own))
    listener.listen(64)
    listener.settimeout(_WAKE_S)
    own.replace(path)
    return listener


class _Resident:
    def __init__(self, listener: socket.socket, path: Path, idle_s: float) -> None:
        self._listener, self._path, self._idle_s = listener, path, idle_s
        self._inode = path.stat().st_ino
        self._loaded = _loaded_files()
        self._sessions: set[int] = set()
        self._used = time.monotonic()

    def serve(self) -> None:
        while self._holds():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                with connection:
                    self._answer(connection)
            self._reap()
        with contextlib.suppress(OSError):
            if self._is_at_its_path():
                self._path.unlink()

    def _answer(self, connection: socket.socket) -> None:
        self._used = time.monotonic()
        if _stamps(self._loaded) != self._loaded:
            self._idle_s = -1.0  # the caller sees the end of the connection, and starts another
            return
        pid = os.fork()
        if pid == 0:
            self._listener.close()
            os.setsid()
            serve_connection(connection)
        self._sessions.add(pid)

    def _reap(self) -> None:
        for pid in tuple(self._sessions):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self._sessions.discard(pid)
                self._used = time.monotonic()

    def _holds(self) -> bool:
        """Whether to go on: commands that are served are served to their end."""
        if self._sessions:
            return True
        idle = time.monotonic() - self._used > self._idle_s
        return not idle and self._is_at_its_path() and self._is_whole() and not _memory_is_short()

    def _is_at_its_path(self) -> bool:
        with contextlib.suppress(OSError):
            return self._path.stat().st_ino == self._inode
        return False

    def _is_whole(self) -> bool:
        return Path(sys.executable).exists()


def _loaded_files() -> _Stamps:
    """Every Python file and library in this process that lies beside TileLang, as it is on disk."""
    files = {getattr(module, "__file__", None) for module in tuple(sys.modules.values())}
    with contextlib.suppress(OSError):
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
        files |= {line.split(maxsplit=5)[5] for line in maps.splitlines() if ".so" in line}
    return _stamps({file: (0, 0, 0) for file in files if file and Path(file).is_absolute()})


def _stamps(files: _Stamps) -> _Stamps:
    found = {}
    for file in files:
        try:
            status = Path(file).stat()
            found[file] = (status.st_size, status.st_mtime_ns, status.st_ino)
        except OSError:
            found[file] = (-1, -1, -1)
    return found


def _memory_is_short() -> bool:
    """Whether the machine is about to need what this process holds; unknown is no."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
        return kib["MemAvailable"] < _LEAST_MEMORY_SHARE * kib["MemTotal"]
    return False
