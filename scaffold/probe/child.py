"""A child of the server: one request, in a process of its own that leaves nothing behind."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import random
import resource
import signal
import sys
import traceback
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from scaffold.probe.start import end_with_parent

_PR_SET_CHILD_SUBREAPER = 36

#: A script that writes without end must not fill the disk.
_MOST_FILE_BYTES = 2 * 1024**3

#: Blocks that are allocated to shuffle a heap, of which every other one is freed, and the largest of them in bytes: the
#: sizes of a compiler's nodes.
_HOLES, _LARGEST_HOLE = 40_000, 512


def be_child(request: dict[str, Any], servers_files: Iterable[int]) -> NoReturn:
    """Do ``request``; ``servers_files`` are the server's own, which it has no business with."""
    code = 70
    try:
        server = os.getppid()
        os.setsid()
        end_with_parent()
        if os.getppid() != server:
            os._exit(code)  # the server died before it could be watched
        adopt_orphans()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _take_files(request["log"], servers_files)
        _limit(resource.RLIMIT_FSIZE, _MOST_FILE_BYTES)
        if request.get("memory_bytes"):
            _limit(resource.RLIMIT_DATA, request["memory_bytes"])
        os.chdir(request["cwd"])
        os.environ.update(request["env"])
        if request.get("shuffle_heap"):
            _shuffle_heap(random.Random(os.urandom(16)))
        document = json.loads(Path(request["request"]).read_text(encoding="utf-8"))
        code = int(importlib.import_module(f"scaffold.probe.{request['job']}").run(document))
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - the log is where it can be told
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _shuffle_heap(chance: random.Random) -> None:
    """Leave holes of random sizes in the heap, so that what is allocated from here on lies in an order of its own.

    Children of one server begin with the same heap. A compiler that orders maps by address would do the same in each,
    where processes of their own would not; so a child that is to be a sample of them gets a heap like no other's.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    libc.free.argtypes, libc.free.restype = [ctypes.c_void_p], None
    blocks = list(map(libc.malloc, chance.choices(range(16, _LARGEST_HOLE + 1, 16), k=_HOLES)))
    for block in chance.sample(blocks, _HOLES // 2):
        libc.free(block)


def _take_files(log: str, servers_files: Iterable[int]) -> None:
    """Nothing to read, the log to write to, and none of the server's files."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for number in (*servers_files, nothing, output):
        os.close(number)


def _limit(kind: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def adopt_orphans() -> None:
    """On Linux, become the parent of what our children leave behind, a daemon first, so that it can be ended."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_orphans(*, except_for: Collection[int]) -> None:
    """End every process below us but those ``except_for``, our own children that still work."""
    for _ in range(8):  # what is ended may leave children in turn
        left = [pid for pid in _children() if pid not in except_for]
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> Iterator[int]:
    """Our children, where the system lists processes under ``/proc``."""
    own = str(os.getpid())
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name of a program, in parentheses, may hold anything; the parent's number comes second after it.
            if entry.read_text(errors="replace").rpartition(")")[2].split()[1] == own:
                yield int(entry.parent.name)
