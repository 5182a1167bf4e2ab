"""Work through the corpus: a task an entry, with a progress line, whatever a single one does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from scaffold.corpus.comparing import ComparedEntry, CompareTask, compare_entry
from scaffold.corpus.lowering import Lowered, LowerTask, close_servers, lower_entry
from scaffold.corpus.manifest import Entry
from scaffold.corpus.pool import Pool, completed
from scaffold.errors import EnvironmentProblem, ProbeError
from scaffold.progress import Progress

T = TypeVar("T")
R = TypeVar("R")

#: Lines for a log where no line can be replaced, at most one in so many seconds.
_NOTE_SECONDS = 30.0


def compare_all(tasks: Sequence[CompareTask], pool: Pool, progress: Progress) -> list[ComparedEntry]:
    """Every entry in both builds, in the order of ``tasks``.

    Raises
    ------
    EnvironmentProblem
        If TileLang does not import in a build.
    """

    def lost(task: CompareTask, why: str) -> ComparedEntry:
        entry = task.baseline.entry
        return ComparedEntry(entry.name, entry.target, (), missed_baseline=why, missed_candidate=why)

    return _work(tasks, compare_entry, lambda task: task.baseline.entry, lost, pool, progress)


def lower_all(tasks: Sequence[LowerTask], pool: Pool, progress: Progress) -> list[Lowered]:
    """Every entry in one build, in the order of ``tasks``; raises like :func:`compare_all`."""
    return _work(tasks, lower_entry, lambda task: task.entry, lambda _, why: Lowered((), stopped=why), pool, progress)


def _work(
    tasks: Sequence[T],
    function: Callable[[T], R],
    entry_of: Callable[[T], Entry],
    lost: Callable[[T, str], R],
    pool: Pool,
    progress: Progress,
) -> list[R]:
    line = _Line(len(tasks), progress)
    futures: dict[Future[R], int] = {pool.submit(function, task): index for index, task in enumerate(tasks)}
    results: dict[int, R] = {}
    try:
        for future in completed(pool, futures, line.tick):
            index = futures[future]
            try:
                results[index] = future.result()
            except EnvironmentProblem:
                raise
            except ProbeError as error:
                results[index] = lost(tasks[index], error.message)
            line.done(entry_of(tasks[index]))
    finally:
        close_servers()
        line.end()
    return [results[index] for index in range(len(tasks))]


class _Line:
    """``57/212 flash_attention/example_mha_fwd.py cuda:sm_90a, 34 s``."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done, self._last, self._started = 0, "", time.monotonic()
        self._noted = self._started

    def done(self, entry: Entry) -> None:
        self._done += 1
        self._last = f"{entry.shown} {entry.target}"
        self.tick()

    def tick(self) -> None:
        now = time.monotonic()
        text = f"{self._done}/{self._total} {self._last}, {now - self._started:.0f} s"
        self._progress.update(text)
        if now - self._noted >= _NOTE_SECONDS:
            self._noted = now
            self._progress.note(text)

    def end(self) -> None:
        self._progress.update("")


def by_reason(entries: Iterable[Entry]) -> dict[str, tuple[str, ...]]:
    """Entries that were left out, by why; those of one script for several targets once."""
    found: dict[str, dict[str, None]] = {}
    for entry in entries:
        found.setdefault(entry.left_out, {})[entry.shown] = None
    return {reason: tuple(names) for reason, names in sorted(found.items(), key=lambda item: -len(item[1]))}
