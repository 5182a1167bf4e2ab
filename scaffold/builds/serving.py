"""One process a build that imports TileLang once and lowers in children: the kit's end of ``probe/server.py``."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Union

from scaffold.builds.build import Build
from scaffold.builds.process import Finished, ended_with_us, probe_environment
from scaffold.errors import EnvironmentProblem, ProbeError, ScaffoldError
from scaffold.probe import start
from scaffold.progress import Progress

#: Imported before the first request, beside TileLang and TVM: what every request would import.
WARM = (
    "scaffold.probe.capture",
    "scaffold.probe.script",
    *(f"scaffold.probe.standin.{path.stem}" for path in sorted(Path(start.__file__).parent.glob("standin/[a-z]*.py"))),
)

#: What a kernel may use of the machine's memory before it is ended, so that one does not take the rest with it.
MEMORY_SHARE = 0.5

#: TileLang imports in seconds, and in a minute from a slow disk.
_IMPORT_TIMEOUT_S = 300.0

_GRACE_SECONDS = 5.0


@dataclass
class _Waiting:
    """A request that was sent: its log, and where its answer goes."""

    log: Path
    answer: Future[Finished] = field(default_factory=Future)


class Connection:
    """A server at the other end of a socket, with as much of :class:`subprocess.Popen` as a client of it needs."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self.stdin: IO[bytes] | None = link.makefile("wb")
        self.stdout: IO[bytes] | None = link.makefile("rb")
        self._ended = threading.Event()

    def poll(self) -> int | None:
        return 0 if self._ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int:
        """The other end is no child of ours: what can be waited for is the end of its answers."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("a fork of the resident process", timeout or 0.0)
        return 0

    def end(self) -> None:
        """Note that the answers have ended, and let go of the socket."""
        self._ended.set()
        with contextlib.suppress(OSError):
            if self.stdin is not None:
                self.stdin.close()
            self._link.close()

    def finish(self) -> None:
        """Send no more requests: the server ends what still runs, and itself."""
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)


ServerProcess = Union["subprocess.Popen[bytes]", Connection]


class ProbeServer:
    """Runs requests in children of one process; any number of threads may ask at once.

    ``shuffle_heap`` gives each child addresses like no other's, so that it is a sample of what processes of their own
    would do.
    """

    def __init__(
        self,
        build: Build,
        folder: Path,
        progress: Progress,
        *,
        import_timeout_s: float = _IMPORT_TIMEOUT_S,
        environment: Mapping[str, str] | None = None,
        warm: Sequence[str] = WARM,
        connection: socket.socket | None = None,
        shuffle_heap: bool = False,
    ) -> None:
        self.build = build
        self._environment = dict(environment or {})
        self._shuffle_heap = shuffle_heap
        self._folder, self._import_timeout_s = folder, import_timeout_s
        self._lock = threading.Lock()
        self._ready: Future[None] = Future()
        self._waiting: dict[int, _Waiting] = {}
        self._count = 0
        self._over = False
        self._log = folder / "server.log"
        request = folder / "server.json"
        request.write_text(json.dumps({"warm": list(warm)}), encoding="utf-8")
        self._command = [build.python, str(Path(start.__file__)), "server", str(request)]
        progress.echo(" ".join(self._command))
        started: Future[ServerProcess] = Future()
        # The system ends the server when the *thread* that started it ends: this one stays as long as the server.
        self._reader = threading.Thread(
            target=self._start_and_read, args=(started, connection), name=f"answers of {build.name}", daemon=True
        )
        self._reader.start()
        try:
            self._process = started.result()
        except OSError as error:
            raise EnvironmentProblem(
                f"{build.name} cannot be started: {error.strerror}: {build.python}",
                hint="see the builds there are: python -m scaffold builds",
            ) from error
        self._watch = ended_with_us(self._process)
        self._watch.__enter__()

    def __enter__(self) -> ProbeServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def run(
        self,
        job: str,
        folder: Path,
        *,
        timeout_s: float,
        memory_bytes: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run ``job`` for ``folder/request.json``; its output goes to ``folder/log``.

        Variables of ``environment`` are set in the child, which has imported TileLang by then.

        Raises
        ------
        EnvironmentProblem
            If TileLang does not import in this build.
        ProbeError
            If the server itself died.
        """
        self._wait_until_ready()
        waiting = _Waiting(folder / "log")
        with self._lock:
            if self._over:
                raise self._died()
            self._count += 1
            number = self._count
            self._waiting[number] = waiting
        request = {
            "id": number,
            "job": job,
            "request": str(folder / "request.json"),
            "log": str(waiting.log),
            "cwd": str(folder),
            "env": {"TMPDIR": str(folder), **(environment or {})},
            "timeout_s": timeout_s,
            "memory_bytes": memory_bytes,
            "shuffle_heap": self._shuffle_heap,
        }
        try:
            self._send(request)
        except (OSError, ValueError):
            with self._lock:
                self._waiting.pop(number, None)
            raise self._died() from None
        return waiting.answer.result()

    def close(self) -> None:
        """End the server and what it runs."""
        with contextlib.suppress(OSError):
            if isinstance(self._process, Connection):
                self._process.finish()
            elif self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _kill(self._process)
            self._process.wait()
        self._reader.join(_GRACE_SECONDS)
        self._watch.__exit__(None, None, None)

    def _wait_until_ready(self) -> None:
        try:
            self._ready.result(self._import_timeout_s)
        except FutureTimeoutError:
            problem = EnvironmentProblem(
                f"TileLang did not import in {self.build.name} within {self._import_timeout_s:g} s",
                hint=f"see where it hangs: {self.build.python} -X importtime -c 'import tilelang'",
                context={"its last lines": self._last_lines()},
            )
            with contextlib.suppress(InvalidStateError):
                self._ready.set_exception(problem)
            _kill(self._process)
            raise problem from None

    def _send(self, request: dict[str, Any]) -> None:
        with self._lock:
            stdin = self._process.stdin
            if stdin is None:
                raise BrokenPipeError
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()

    def _start_and_read(self, started: Future[ServerProcess], connection: socket.socket | None) -> None:
        """Hand every answer to who waits for it; at the end, tell those left that none will come."""
        try:
            process = self._start() if connection is None else Connection(connection)
        except BaseException as error:  # noqa: BLE001 - raised where the server was asked for
            started.set_exception(error)
            return
        self._process = process
        started.set_result(process)
        try:
            if process.stdout is not None:
                with process.stdout as lines:
                    for line in lines:
                        self._take(json.loads(line))
        except (ValueError, KeyError, TypeError):
            _kill(process)  # half a line, or none of ours: nothing it says from here on can be trusted
        finally:
            if isinstance(process, Connection):
                process.end()
            process.wait()
            self._tell_of_the_end()

    def _start(self) -> ServerProcess:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=probe_environment({**probe_variables(self._folder), **self._environment}),
                cwd=self._folder,
                start_new_session=True,
            )

    def _tell_of_the_end(self) -> None:
        if not self._ready.done():
            self._ready.set_exception(self._died())
        with self._lock:
            self._over = True
            left, self._waiting = list(self._waiting.values()), {}
        for waiting in left:
            waiting.answer.set_exception(self._died())

    def _take(self, answer: dict[str, Any]) -> None:
        if "ready" in answer:
            if answer["ready"]:
                self._ready.set_result(None)
            else:
                self._ready.set_exception(self._does_not_import(answer))
            return
        with self._lock:
            waiting = self._waiting.pop(answer["id"])
        waiting.answer.set_result(
            Finished(
                answer["returncode"],
                waiting.log,
                answer["timed_out"],
                most_memory_bytes=answer["most_memory_kib"] * 1024,
            )
        )

    def _does_not_import(self, answer: dict[str, Any]) -> ScaffoldError:
        return EnvironmentProblem(
            f"TileLang does not import in {self.build.name}: {answer['error']}: {answer['message']}",
            hint=f"see it whole: {self.build.python} -c 'import tilelang'",
        )

    def _died(self) -> ScaffoldError:
        """How the server ended: while it imported TileLang, that is the build's fault."""
        how, context = f"exit code {self._process.poll()}", {"its last lines": self._last_lines()}
        if not self._ready.done() or self._ready.exception() is not None:
            return EnvironmentProblem(
                f"the process of {self.build.name} ended while it imported TileLang ({how})",
                hint=f"see it: {self.build.python} -c 'import tilelang'; echo $?",
                context=context,
            )
        return ProbeError(
            f"the probe server of {self.build.name} died ({how})",
            hint="run the same command again; what was done is kept",
            context=context,
        )

    def _last_lines(self) -> str:
        return Finished(0, self._log).tail(8)


def _kill(process: ServerProcess) -> None:
    """End a server at once, with what it has not yet made a process of its own."""
    if isinstance(process, Connection):
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def probe_variables(folder: Path) -> dict[str, str]:
    """Variables of a probe whose folder is ``folder``."""
    return {
        # A kernel cache of its own, switched off besides: what is asked for is compiled, here and now.
        "TILELANG_DISABLE_CACHE": "1",
        "TILELANG_CACHE_DIR": str(folder / "cache"),
        "TMPDIR": str(folder),
        # Sets of strings in TileLang's own Python keep one order from run to run.
        "PYTHONHASHSEED": "0",
    }
