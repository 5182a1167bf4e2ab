"""Run one file of tests with pytest, to its end though some of its tests crash or hang.

A test that takes the process with it is reported so, and the tests after it run in a fresh one; no test is started
twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.corpus.examples.lending import PLUGIN
from scaffold.corpus.examples.model import Outcome
from scaffold.corpus.examples.watched import Ended, run_watched
from scaffold.corpus.examples.words import clean, end_of, last_lines, last_words, what_was_raised
from scaffold.corpus.stopping import stop_requested

#: pytest's exit codes that are no trouble by themselves: all passed, some failed, nothing ran. Upstream's conftest ends
#: with the last one where all tests were skipped. Source: pytest's "Exit codes"; TileLang 0.1.14 examples/conftest.py.
_USUAL_CODES = (0, 1, 5)


@dataclass(frozen=True)
class TestRun:
    """How to run a file of tests: the interpreter, its environment, a folder of its own, and the limits."""

    __test__ = False

    python: str
    path: str
    file: Path
    select: tuple[str, ...]
    folder: Path
    environment: dict[str, str]
    timeout_s: float
    memory_bytes: int


def run_tests(run: TestRun) -> tuple[list[Outcome], Ended]:
    """Outcomes of every test, and how the last process ended."""
    outcomes: list[Outcome] = []
    done: list[str] = []
    while True:
        events = run.folder / f"events-{len(done)}.jsonl"
        (run.folder / "done").write_text("".join(f"{name}\n" for name in done), encoding="utf-8")
        variables = {"SCAFFOLD_PROBE_EVENTS": str(events), "SCAFFOLD_PROBE_DONE": str(run.folder / "done")}
        ended = run_watched(
            _command(run),
            env={**run.environment, **variables},
            cwd=run.folder / "cwd",
            log=run.folder / "log",
            timeout_s=run.timeout_s,
            memory_bytes=run.memory_bytes,
            beat=events,
        )
        found = _Events.read(events)
        outcomes += found.outcomes(run.path)
        outcomes += _ending(run, found, ended)
        left = [name for name in found.collected if name not in found.begun]
        done += found.begun
        if found.ended or not found.begun or not left or stop_requested():
            return outcomes, ended


def _command(run: TestRun) -> list[str]:
    # pytest's faulthandler writes into the output it captures; the cache would be written into the checkout.
    options = ["-p", PLUGIN, "-p", "no:cacheprovider", "-p", "no:faulthandler", "--tb=short", "--color=no", "-ra"]
    targets = [f"{run.file}::{name}" for name in run.select] or [str(run.file)]
    return [run.python, "-m", "pytest", *options, *targets]


class _Events:
    """What the plugin wrote in one process."""

    def __init__(self, lines: Sequence[dict[str, Any]], fault: str) -> None:
        self.fault = fault
        self.collected: list[str] = next((line["ids"] for line in lines if line["event"] == "collected"), [])
        self.begun = [line["id"] for line in lines if line["event"] == "start"]
        self.results = [line for line in lines if line["event"] == "result"]
        self.not_collected = [line for line in lines if line["event"] == "not-collected"]
        self.skipped_files = [line for line in lines if line["event"] == "skipped-file"]
        self.ended = any(line["event"] == "end" for line in lines)

    @classmethod
    def read(cls, path: Path) -> _Events:
        lines = []
        try:
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    lines.append(json.loads(line))
                except ValueError:
                    break  # the process died while it wrote this one
        except OSError:
            pass
        fault = path.with_name(f"{path.name}.fault")
        return cls(lines, end_of(fault))

    @property
    def unfinished(self) -> str:
        """The test that was running when the process ended."""
        finished = {line["id"] for line in self.results}
        return next((name for name in self.begun if name not in finished), "")

    def outcomes(self, path: str) -> Iterable[Outcome]:
        for line in self.results:
            reason, tail = clean(line["reason"]), last_lines(clean(line["tail"]))
            yield Outcome(path, _test_of(line["id"]), line["status"], line["seconds"], reason, tail)
        for line in self.not_collected:
            reason, tail = clean(line["reason"]), last_lines(clean(line["tail"]))
            yield Outcome(path, "", "failed", reason=f"not collected: {reason}", tail=tail)
        for line in self.skipped_files:
            yield Outcome(path, "", "skipped", reason=clean(line["reason"]))


def _ending(run: TestRun, found: _Events, ended: Ended) -> Iterable[Outcome]:
    """What the end of the process adds to what the tests said."""
    log = end_of(run.folder / "log")
    tail = last_words(found.fault or log)
    test = _test_of(found.unfinished)
    where = "" if test or not found.begun else " after its last test"
    if ended.why == "time":
        yield Outcome(
            run.path, test, "timed out", run.timeout_s, f"did not end within {run.timeout_s:g} s{where}", tail
        )
    elif ended.why == "memory":
        yield Outcome(run.path, test, "crashed", 0.0, out_of_memory(run.memory_bytes, ended), tail)
    elif ended.returncode < 0:
        yield Outcome(run.path, test, "crashed", 0.0, f"died of {ended.signal_name}{where}", tail)
    elif test or not found.ended:
        if not found.begun and found.not_collected:
            return
        where = " in the middle of it" if test else where or f" before any test: {what_was_raised(log)}"
        reason = f"the process ended with exit code {ended.returncode}{where}"
        yield Outcome(run.path, test, "crashed" if found.begun else "failed", 0.0, reason, tail)
    elif ended.returncode not in _USUAL_CODES and not found.not_collected:
        reason = f"pytest ended with {ended.returncode}: {what_was_raised(log)}"
        yield Outcome(run.path, "", "failed", 0.0, reason, tail)
    elif not found.collected and not found.skipped_files and not found.not_collected:
        yield Outcome(run.path, "", "skipped", 0.0, "no test of it was collected here")


def out_of_memory(limit: int, ended: Ended) -> str:
    """Said of what was ended for its memory."""
    gib = 1 << 30
    return f"ended: it held {ended.most_memory_bytes / gib:.1f} GiB of memory, more than the {limit / gib:.1f} allowed"


def _test_of(node: str) -> str:
    """``test_x[1]`` of pytest's ``gemm/test_example.py::test_x[1]``."""
    return clean(node.partition("::")[2])
