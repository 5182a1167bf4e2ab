"""The pool, with threads here and with a small Dask cluster."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import pytest
from clusters import on_a_cluster, start_cluster

from scaffold.builds.process import run_logged
from scaffold.corpus import cluster as cluster_module
from scaffold.corpus import stopping
from scaffold.corpus.cluster import end_tasks, kit_digest
from scaffold.corpus.pool import completed, open_pool
from scaffold.corpus.stopping import stop_requested
from scaffold.errors import EnvironmentProblem, ScaffoldError, TaskLostError, UsageError
from scaffold.progress import Progress


def double(value: int) -> int:
    return 2 * value


def refuse(value: int) -> int:
    raise UsageError(f"no {value}", hint="another one")


def sleep_in_a_process(folder: str, name: str) -> int:
    """A task as tasks are: it starts a process and waits for it."""
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    command = [sys.executable, "-c", code, f"{folder}/{name}"]
    return run_logged(command, log=Path(folder) / f"{name}.log", progress=Progress(verbosity=-1)).returncode


def kill_worker(folder: str) -> str:
    """Die with the whole worker; noted, to see that it is done once."""
    with (Path(folder) / "attempts").open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)
    return "unreachable"


def wait_until_stopped(folder: str, name: str) -> int:
    """A task that waits for something without a process, a GPU for example."""
    Path(folder, name).write_text("1")
    while not stop_requested():
        time.sleep(0.02)
    Path(folder, f"{name}.stopped").write_text("1")
    return 0


def wait_for(path: Path, seconds: float = 10) -> str:
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.02)
    return path.read_text()


def interrupt(
    folder: Path,
    names: list[str],
    scheduler: str | None = None,
    task: Callable[[str, str], int] = sleep_in_a_process,
) -> tuple[list[Future[int]], int]:
    """Interrupt a pool when its first task has started its process; the futures, and that process."""
    futures, pid = [], 0
    with contextlib.suppress(KeyboardInterrupt), open_pool(1, scheduler) as pool:
        futures = [pool.submit(task, str(folder), name) for name in names]
        pid = int(wait_for(folder / names[0]))
        raise KeyboardInterrupt
    return futures, pid


def test_tasks_run_and_come_back_as_they_end() -> None:
    ticks = []
    with open_pool(2) as pool:
        futures = [pool.submit(double, value) for value in range(5)]
        assert sorted(future.result() for future in completed(pool, futures, lambda: ticks.append(1))) == [
            0,
            2,
            4,
            6,
            8,
        ]
    assert ticks
    assert (pool.slots, pool.where) == (2, "2 at a time here")


def test_what_a_task_raises_is_raised_by_its_future() -> None:
    with open_pool(1) as pool:
        future = pool.submit(refuse, 3)
        with pytest.raises(UsageError, match="no 3"):
            future.result()


def test_no_more_tasks_run_at_once_than_there_are_slots(tmp_path: Path) -> None:
    running: list[int] = []
    most = []
    lock = threading.Lock()

    def task() -> None:
        with lock:
            running.append(1)
            most.append(len(running))
        time.sleep(0.02)
        with lock:
            running.pop()

    with open_pool(3) as pool:
        list(completed(pool, [pool.submit(task) for _ in range(12)]))
    assert max(most) == 3


def test_an_interrupt_ends_what_runs_and_cancels_what_waits(tmp_path: Path) -> None:
    started = time.monotonic()
    futures, pid = interrupt(tmp_path, ["one", "two"])
    assert time.monotonic() - started < 30
    assert futures[0].result() < 0
    assert futures[1].cancelled()
    assert not (tmp_path / "two").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_task_that_waits_is_told_to_stop(tmp_path: Path) -> None:
    assert not stop_requested()
    futures, _ = interrupt(tmp_path, ["one", "two"], task=wait_until_stopped)
    assert futures[0].result(timeout=5) == 0
    assert futures[1].cancelled()
    assert not stop_requested()


def test_a_task_that_began_before_is_lost_and_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """``run_once`` as a worker runs it, with an event in place of the scheduler's."""
    events: dict[str, threading.Event] = {}
    module = type(sys)("distributed")
    module.Event = lambda name: events.setdefault(name, threading.Event())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "distributed", module)
    assert cluster_module.run_once("token", "task-1", double, 4) == 8
    with pytest.raises(TaskLostError, match="the worker it ran on died"):
        cluster_module.run_once("token", "task-1", double, 4)
    assert cluster_module.run_once("token", "task-2", double, 5) == 10


def test_tasks_of_another_pool_in_the_same_worker_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []
    monkeypatch.setattr(stopping, "end_all", lambda: ended.append(1))
    monkeypatch.setattr(stopping, "_ENDING_S", 0.2)
    monkeypatch.setattr(cluster_module, "_TASKS", {"ours": 1, "theirs": 1})
    assert not end_tasks("ours")
    assert ended == []
    monkeypatch.setattr(cluster_module, "_TASKS", {"ours": 1})
    assert not end_tasks("ours"), "it has not ended in time"
    assert ended


def test_without_dask_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EnvironmentProblem, match="needs Dask") as refused:
        connect("tcp://127.0.0.1:8786")
    assert "tilelang-scaffold[cluster]" in (refused.value.hint or "")


def test_the_digest_of_the_kit_is_one_of_its_files() -> None:
    assert len(kit_digest()) == 64
    assert kit_digest() == kit_digest()


def connect(address: str) -> None:
    with open_pool(1, address):
        pass


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    yield from start_cluster()


@on_a_cluster
def test_tasks_run_on_workers_and_one_that_dies_is_lost(cluster: Any, tmp_path: Path) -> None:
    with open_pool(1, cluster.scheduler_address) as pool:
        assert pool.slots == 2
        killed = pool.submit(kill_worker, str(tmp_path))
        others = [pool.submit(double, value) for value in range(6)]
        refused = pool.submit(refuse, 7)
        everything: list[Future[Any]] = [killed, refused, *others]
        ended = list(completed(pool, everything))
        assert len(ended) == 8
        assert [future.result() for future in others] == [0, 2, 4, 6, 8, 10]
        with pytest.raises(TaskLostError, match="worker it ran on died"):
            killed.result()
        with pytest.raises(UsageError, match="no 7") as said:
            refused.result()
        assert said.value.hint == "another one"
    assert (tmp_path / "attempts").read_text() == "x", "nothing is tried twice"


@on_a_cluster
def test_an_interrupt_ends_what_runs_on_workers(cluster: Any, tmp_path: Path) -> None:
    names = [f"task-{at}" for at in range(5)]
    waiting, pid = interrupt(tmp_path, names, cluster.scheduler_address)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the process of a task runs on")
    assert not (tmp_path / "task-4").exists()
    for future in waiting:
        with pytest.raises((CancelledError, ScaffoldError)):
            future.result(timeout=5)


@on_a_cluster
def test_a_task_that_waits_on_a_worker_is_told_to_stop(cluster: Any, tmp_path: Path) -> None:
    interrupt(tmp_path, ["one"], cluster.scheduler_address, wait_until_stopped)
    assert wait_for(tmp_path / "one.stopped") == "1"


@on_a_cluster
def test_a_cluster_that_tries_nothing_again_tells_of_the_death_itself(tmp_path: Path) -> None:
    dask = pytest.importorskip("dask", reason="Dask is not installed: the extra 'cluster'")
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        for made in start_cluster():
            with open_pool(1, made.scheduler_address) as pool:
                killed = pool.submit(kill_worker, str(tmp_path))
                with pytest.raises(TaskLostError, match="KilledWorker"):
                    killed.result(timeout=30)
    assert (tmp_path / "attempts").read_text() == "x"


@on_a_cluster
def test_workers_with_another_kit_are_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "kit_digest", _Other())
    with pytest.raises(EnvironmentProblem, match=r"(\d) of \1 workers of .* have another kit") as refused:
        connect(cluster.scheduler_address)
    assert set(refused.value.context.values()) == {"other files"}


@on_a_cluster
def test_no_scheduler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed: the extra 'cluster'")
    monkeypatch.setattr(cluster_module, "_ANSWER_S", 1.0)
    with pytest.raises(EnvironmentProblem, match="no Dask scheduler answers at tcp://127"):
        connect("tcp://127.0.0.1:1")


class _Other:
    """Answers here with another digest than on a worker, where it is unpickled as the plain function."""

    def __reduce__(self) -> Any:
        return (_digest_of_worker, ())

    def __call__(self) -> str:
        return "0" * 64


def _digest_of_worker() -> Any:
    return kit_digest
