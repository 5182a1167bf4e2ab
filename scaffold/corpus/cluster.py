"""The workers of a running Dask cluster, as a pool.

Nothing is run twice: a task whose worker dies is reported as lost. Dask itself would start it again,
``allowed-failures`` times, and only the scheduler's owner may set that, so each task notes on the scheduler that it
began, and refuses to begin again (``distributed.Event``; https://distributed.dask.org/en/stable/resilience.html).
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scaffold.corpus.stopping import end_until, run_with
from scaffold.errors import EnvironmentProblem, TaskLostError

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")

#: How long a scheduler has to answer, in seconds.
_ANSWER_S = 10.0
#: How long a cluster may be without any worker before what waits is given up, in seconds: a nanny needs some to start
#: another one.
_NO_WORKER_S = 30.0


class DaskPool:
    """The workers of a running Dask cluster."""

    def __init__(self, address: str) -> None:
        self._token = uuid.uuid4().hex
        self._client = _connect(address)
        try:
            self.slots = _require_like_workers(self._client, address)
        except BaseException:
            self._client.close()
            raise
        self.where = f"{self.slots} at a time on {address}"
        self._executor = self._client.get_executor(pure=False)
        self._begun: list[str] = []
        self._alone_since: float | None = None

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        name = f"scaffold-{self._token}-{len(self._begun)}"
        self._begun.append(name)
        asked: Future[T] = self._executor.submit(run_once, self._token, name, function, *arguments)
        future: Future[T] = Future()
        # A cluster may be set to try nothing again; then it tells of the death itself.
        asked.add_done_callback(lambda _: _pass_on(asked, future))
        future.add_done_callback(lambda _: asked.cancel() if future.cancelled() else None)
        return future

    def give_up(self) -> str:
        """Said when the scheduler is gone, or has had no worker for a while."""
        if self._client.status in ("closed", "closing"):
            return "the scheduler is gone"
        try:
            alone = not self._client.nthreads()
        except (OSError, TimeoutError):
            alone = True
        if not alone:
            self._alone_since = None
            return ""
        self._alone_since = self._alone_since or time.monotonic()
        return "no worker is left" if time.monotonic() - self._alone_since > _NO_WORKER_S else ""

    def cancel(self) -> None:
        self._executor.shutdown(wait=False)
        try:
            self._client.run(end_tasks, self._token, on_error="ignore")
        except (OSError, TimeoutError):
            return

    def close(self) -> None:
        from distributed import Event

        try:
            for name in self._begun:
                Event(name, client=self._client).clear()
        except (OSError, TimeoutError):
            pass  # a scheduler that is gone has forgotten them, too
        self._client.close()


def _pass_on(asked: Future[T], future: Future[T]) -> None:
    """Give ``future`` what Dask has for ``asked``, with the deaths of workers in our words."""
    with contextlib.suppress(InvalidStateError):
        if asked.cancelled():
            future.cancel()
            return
        error = asked.exception()
        if error is None:
            future.set_result(asked.result())
        elif type(error).__module__.startswith("distributed"):
            future.set_exception(TaskLostError(f"lost: {type(error).__name__}: {error}", hint="see the worker's log"))
        else:
            future.set_exception(error)


def _connect(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError as error:
        raise EnvironmentProblem(
            f"--scheduler {address} needs Dask, which is not installed here ({error})",
            hint="install it beside the kit: python -m pip install 'tilelang-scaffold[cluster]'",
        ) from error
    try:
        return Client(address, timeout=_ANSWER_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise EnvironmentProblem(
            f"no Dask scheduler answers at {address}: {error or type(error).__name__}",
            hint="check the address and that it runs: dask scheduler; then on each box: dask worker ADDRESS",
        ) from error


def _require_like_workers(client: Client, address: str) -> int:
    """The threads of all workers, which must have our Dask and our kit."""
    threads: dict[str, int] = client.nthreads()
    if not threads:
        raise EnvironmentProblem(
            f"the scheduler {address} has no workers", hint=f"start one on each box: dask worker {address} --nthreads 1"
        )
    versions = client.get_versions()
    ours = _versions_of(versions["client"])
    others = {"the scheduler": versions["scheduler"], **versions["workers"]}
    wrong = {name: said for name, facts in others.items() if (said := _versions_of(facts)) != ours}
    if wrong:
        raise EnvironmentProblem(
            f"Dask here is {ours}; of the cluster {address} some differ",
            hint="install one version everywhere: python -m pip install 'distributed==VERSION'",
            context=wrong,
        )
    kits = client.run(kit_digest, on_error="return")
    here = kit_digest()
    strangers = {name: _said_of_kit(kit) for name, kit in kits.items() if kit != here}
    if strangers:
        raise EnvironmentProblem(
            f"{len(strangers)} of {len(kits)} workers of {address} have another kit than this one",
            hint="install this very copy where the workers run: python -m pip install /path/to/this/kit",
            context=strangers,
        )
    return sum(threads.values())


def _versions_of(facts: Any) -> str:
    packages = facts.get("packages", {}) if isinstance(facts, dict) else {}
    return f"dask {packages.get('dask', 'unknown')}, distributed {packages.get('distributed', 'unknown')}"


def _said_of_kit(kit: object) -> str:
    return f"{type(kit).__name__}: {kit}" if isinstance(kit, BaseException) else "other files"


@cache
def kit_digest() -> str:
    """One hash over the kit's Python files: workers that run other code give other results."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


#: On a worker: how many tasks of which pool run in this process, and what tells them to end.
_TASKS: dict[str, int] = {}
_STOPS: dict[str, threading.Event] = {}
_TASKS_LOCK = threading.Lock()


def run_once(token: str, name: str, function: Callable[..., T], *arguments: Any) -> T:
    """Run on a worker, for the pool ``token``, a task that never began before.

    Raises
    ------
    TaskLostError
        If it did: the worker it began on is gone.
    """
    from distributed import Event

    begun = Event(name)
    if begun.is_set():
        raise TaskLostError("lost: the worker it ran on died", hint="see the log of that worker")
    begun.set()
    stop = _count(token, 1)
    try:
        return run_with(stop, function, *arguments)
    finally:
        _count(token, -1)


def _count(token: str, change: int) -> threading.Event:
    with _TASKS_LOCK:
        _TASKS[token] = _TASKS.get(token, 0) + change
        stop = _STOPS.setdefault(token, threading.Event())
        if not _TASKS[token]:
            del _TASKS[token], _STOPS[token]
        return stop


def end_tasks(token: str) -> bool:
    """End the tasks of one pool, on a worker.

    Their processes are ended, too, unless tasks of another pool share this one: those cannot be told apart.
    """
    if stop := _STOPS.get(token):
        stop.set()
    if set(_TASKS) != {token}:
        return False
    end_until(lambda: token not in _TASKS)
    return token not in _TASKS
