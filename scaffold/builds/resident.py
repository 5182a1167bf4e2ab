"""Find or start the process that keeps a build imported between commands: the kit's end of ``probe/resident.py``.

Its socket lies in a folder of the user's own. One process stands for one interpreter, one set of variables and one
state of the kit's probe; whether TileLang's files are still those it loaded, it checks itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from scaffold.builds.build import Build
from scaffold.builds.content import probe_digest
from scaffold.builds.process import probe_environment
from scaffold.builds.serving import WARM, ProbeServer, probe_variables
from scaffold.probe import start
from scaffold.progress import Progress

#: Set to anything, it keeps every command to processes of its own (``--no-resident``).
VARIABLE = "SCAFFOLD_NO_RESIDENT"
_IDLE_S = 600.0

#: Processes that outlive us; a forgotten one would be warned of.
_STARTED: list[subprocess.Popen[bytes]] = []
_IMPORT_TIMEOUT_S = 300.0
#: The longest path of a Unix socket, on every system.
_MOST_PATH_BYTES = 100


def resident_server(build: Build, folder: Path, progress: Progress) -> ProbeServer | None:
    """A server of ``build`` for one command, forked from the resident process; ``None`` where there cannot be one.

    Its children have heaps of their own: commands that share a process are no less independent than those that do not.
    """
    connection = None if os.environ.get(VARIABLE) else _connection(build, progress)
    return ProbeServer(build, folder, progress, connection=connection, shuffle_heap=True) if connection else None


def open_server(build: Build, folder: Path, progress: Progress, *, shuffle_heap: bool = False) -> ProbeServer:
    """:func:`resident_server`, or a process of the command's own.

    Raises
    ------
    EnvironmentProblem
        If the build cannot be started.
    """
    server = resident_server(build, folder, progress)
    return server or ProbeServer(build, folder, progress, shuffle_heap=shuffle_heap)


def end_residents(python: str) -> None:
    """End the processes that keep the build of the interpreter ``python`` imported."""
    folder = _runtime_folder()
    for path in folder.glob(f"{_digest(python)}-*.sock") if folder else ():
        pid = _pid_at(path)
        path.unlink(missing_ok=True)
        if pid:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)


def _connection(build: Build, progress: Progress) -> socket.socket | None:
    """A connection to the resident process, which is started where there is none; ``None`` where that fails."""
    folder = _runtime_folder()
    if folder is None:
        return None
    environment = probe_environment({})
    key = _digest(json.dumps([sorted(environment.items()), probe_digest()]))
    path = folder / f"{_digest(build.python)}-{key}.sock"
    if len(os.fsencode(path)) > _MOST_PATH_BYTES:
        return None
    with contextlib.suppress(OSError):
        return _connect(path)
    end_residents(build.python)
    return _start(build, path, progress)


def _connect(path: Path) -> socket.socket:
    """Raises OSError where nobody listens, or who does ends the connection because it is out of date."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_IMPORT_TIMEOUT_S)
        connection.connect(str(path))
        # The first answer is there at once, and is left for the server's reader.
        if not connection.recv(1, socket.MSG_PEEK):
            raise ConnectionResetError
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return connection


def _start(build: Build, path: Path, progress: Progress) -> socket.socket | None:
    own = path.with_suffix("")
    with contextlib.suppress(OSError):
        own.mkdir(mode=0o700, exist_ok=True)
        request = own / "request.json"
        document = {"warm": WARM, "socket": str(path), "idle_s": _IDLE_S}
        request.write_text(json.dumps(document), encoding="utf-8")
        command = [build.python, str(Path(start.__file__)), "resident", str(request)]
        progress.echo(" ".join(command))
        with (own / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=probe_environment(probe_variables(own)),
                cwd=own,
                start_new_session=True,
            )
        _STARTED.append(process)
        for _ in _until(_IMPORT_TIMEOUT_S):
            with contextlib.suppress(FileNotFoundError, ConnectionError):
                return _connect(path)
            if process.poll() is not None:
                return None  # TileLang does not import: a process of the command's own will say why
    return None


def _until(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.02)


def _runtime_folder() -> Path | None:
    """A folder that is ours alone, for sockets; ``None`` where there cannot be one."""
    if not (hasattr(socket, "AF_UNIX") and hasattr(os, "fork")):
        return None
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base) / f"tilelang-scaffold-{os.getuid()}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if not folder.is_symlink() and status.st_uid == os.getuid() and status.st_mode & 0o077 == 0:
            return folder
    return None


def _pid_at(path: Path) -> int | None:
    """The process that listens at ``path``; ``None`` where the system does not say."""
    with contextlib.suppress(OSError, AttributeError), _connect(path) as connection:
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", found)[0])
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
