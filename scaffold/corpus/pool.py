"""Who works through a queue of tasks: threads of this process, or workers of a Dask cluster; one interface for both.

A task is a function of a module, called with plain data, that starts the processes it needs itself. Nothing is run
twice.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from scaffold.corpus.cluster import DaskPool
from scaffold.corpus.stopping import end_until, run_with
from scaffold.errors import TaskLostError

T = TypeVar("T")

#: How often a waiting caller is called back, in seconds.
_TICK_S = 0.5


class Pool(Protocol):
    """Runs tasks; made by :func:`open_pool`."""

    #: How many tasks run at once, as far as known when the pool was opened.
    slots: int
    #: In words: ``2 at a time here``.
    where: str

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Queue ``function(*arguments)``. Its future raises what the function raises, or TaskLostError."""

    def give_up(self) -> str:
        """Why no task will ever end any more; empty while some may."""

    def cancel(self) -> None:
        """Cancel what waits and end what runs."""

    def close(self) -> None:
        """Let go of the workers; all tasks are done."""


@contextlib.contextmanager
def open_pool(workers: int, scheduler: str | None = None) -> Iterator[Pool]:
    """A pool of ``workers`` threads, or the cluster whose scheduler has the address ``scheduler``.

    An error or an interrupt inside the block cancels what waits and ends what runs.

    Raises
    ------
    EnvironmentProblem
        If ``distributed`` is not installed, the scheduler does not answer, has no workers, or workers whose Dask or
        kit is another one.
    """
    pool: Pool = LocalPool(workers) if scheduler is None else DaskPool(scheduler)
    try:
        yield pool
    except BaseException:
        pool.cancel()
        raise
    finally:
        pool.close()


def completed(pool: Pool, futures: Iterable[Future[T]], tick: Callable[[], None] | None = None) -> Iterator[Future[T]]:
    """Futures as they end, those that end together in their order; ``tick`` is called twice a second meanwhile."""
    order = {future: at for at, future in enumerate(futures)}
    pending = set(order)
    while pending:
        done, pending = concurrent.futures.wait(pending, timeout=_TICK_S, return_when="FIRST_COMPLETED")
        if not done and (reason := pool.give_up()):
            for future in pending:
                if not future.done():
                    future.set_exception(TaskLostError(f"lost: {reason}", hint="see the logs of the cluster"))
        if tick is not None:
            tick()
        yield from sorted(done, key=order.__getitem__)


class LocalPool:
    """Threads of this process."""

    def __init__(self, workers: int) -> None:
        self.slots = workers
        self.where = f"{workers} at a time here"
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="task")
        self._futures: list[Future[Any]] = []
        self._stop = threading.Event()

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        future = self._executor.submit(run_with, self._stop, function, *arguments)
        self._futures.append(future)
        return future

    def give_up(self) -> str:
        return ""

    def cancel(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._stop.set()
        end_until(lambda: all(future.done() for future in self._futures))

    def close(self) -> None:
        self._executor.shutdown(wait=True)
