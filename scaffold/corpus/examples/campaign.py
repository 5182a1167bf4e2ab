"""Run many examples through a pool, with a progress line, keeping every result as it comes."""

from __future__ import annotations

import json
import shutil
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict

from scaffold.corpus.examples.model import BAD, ExampleJob, ExampleResult, Outcome, Totals
from scaffold.corpus.examples.record import Campaign
from scaffold.corpus.examples.run import Lower, run_example
from scaffold.corpus.examples.words import last_lines
from scaffold.corpus.examples.written import document
from scaffold.corpus.pool import Pool, completed
from scaffold.errors import ScaffoldError, TaskLostError
from scaffold.files import write_atomically
from scaffold.progress import Progress


def run_all(
    campaign: Campaign, jobs: Sequence[ExampleJob], pool: Pool, *, progress: Progress, lower: Lower | None = None
) -> None:
    """Run ``jobs`` and add what comes of each to ``campaign``; also when this is interrupted.

    Raises
    ------
    EnvironmentProblem
        If the build or the GPU cannot be used: then no job can run.
    """
    started = time.monotonic()
    futures = {pool.submit(run_example, job, lower): job for job in jobs}
    line = _ProgressLine(futures, progress, started)
    try:
        for future in completed(pool, futures, line.show):
            result = _result(future, futures[future])
            _keep(campaign, result)
            line.finished(result)
        _write_whole(campaign, time.monotonic() - started)
    except KeyboardInterrupt:
        campaign.interrupted = True
        raise
    finally:
        campaign.seconds = time.monotonic() - started
        campaign.results.sort(key=lambda result: result.path)
        progress.update("")


def _result(future: Future[ExampleResult], job: ExampleJob) -> ExampleResult:
    try:
        return future.result()
    except TaskLostError as error:
        lost = Outcome(job.example.path, "", "lost", reason=error.message)
    except ScaffoldError:
        raise
    except Exception as error:  # noqa: BLE001 - the end of a task: one that we fail at must not end the others
        tail = last_lines("".join(traceback.format_exception(error)))
        lost = Outcome(job.example.path, "", "lost", reason=f"the kit failed at it: {error!r}", tail=tail)
    return ExampleResult(job.example.path, job.example.kind, job.example.topic, (lost,))


def _keep(campaign: Campaign, result: ExampleResult) -> None:
    campaign.results.append(result)
    if result.log:
        write_atomically(campaign.log_of(result.path), result.log.encode("utf-8", errors="replace"))
    facts = asdict(result)
    del facts["log"]
    with (campaign.folder / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(facts) + "\n")


def _write_whole(campaign: Campaign, seconds: float) -> None:
    campaign.seconds = seconds
    text = json.dumps(document(campaign), indent=1)
    write_atomically(campaign.folder / "results.json", text.encode())


class _ProgressLine:
    """``12/41 flash_attention/example_mha_fwd.py 34 s``; what went wrong stays on the screen."""

    def __init__(self, futures: dict[Future[ExampleResult], ExampleJob], progress: Progress, started: float) -> None:
        self._futures, self._progress, self._started = futures, progress, started
        self._running: dict[Future[ExampleResult], float] = {}
        self._done = 0

    def show(self) -> None:
        now = time.monotonic()
        for future in self._futures:
            if future.running():
                self._running.setdefault(future, now)
            elif future.done():
                self._running.pop(future, None)
        parts = [
            f"{self._futures[future].example.shown} {now - since:.0f} s"
            for future, since in sorted(self._running.items(), key=lambda item: item[1])[:2]
        ]
        more = f" and {len(self._running) - 2} more" if len(self._running) > 2 else ""
        shown = ", ".join(parts) or f"{now - self._started:.0f} s"
        self._progress.update(f"{self._done}/{len(self._futures)} {shown}{more}"[: _columns() - 1])

    def finished(self, result: ExampleResult) -> None:
        self._done += 1
        totals = Totals.of([result])
        line = f"{self._done}/{len(self._futures)} {result.path.removeprefix('examples/')}: {totals}"
        line += f" in {result.seconds:.0f} s" if result.seconds else ""
        bad = [outcome for outcome in result.outcomes if outcome.status in BAD]
        if bad:
            self._progress.say(f"{line} ({bad[0].reason})"[:400])
        else:
            self._progress.note(line)


def _columns() -> int:
    return shutil.get_terminal_size().columns
