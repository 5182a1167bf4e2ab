"""The corpus on builds that are made up: what is kept, what is compared, and what one bad kernel does to the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from traces import Step, failure_in, module, trace_of

from scaffold.builds.build import Build
from scaffold.builds.capture import Captured
from scaffold.builds.script import PassedOver, ScriptRun
from scaffold.builds.workspace import Workspace
from scaffold.corpus import lowering
from scaffold.corpus.comparing import ComparedEntry, CompareTask, compare_entry
from scaffold.corpus.lowering import LowerTask, kernels_by_pass, lower_entry
from scaffold.corpus.manifest import Entry
from scaffold.corpus.pool import open_pool
from scaffold.corpus.survey import by_reason, compare_all, lower_all
from scaffold.diff.change import Outcome
from scaffold.errors import EnvironmentProblem, ProbeError
from scaffold.progress import Progress
from scaffold.trace.model import TraceFile

START = module("for i in range(4):", "    A[i] = C[i]")
LATER = module("for i in T.vectorized(4):", "    A[i] = C[i]")
OTHER = module("for i in T.unroll(4):", "    A[i] = C[i]")

Lowering = Callable[[], TraceFile]


def _trace(after: str) -> TraceFile:
    return _of_script(trace_of(START, Step("tl.Simplify", START), Step("tl.Vectorize", after), source=f"// {after}"))


def _of_script(file: TraceFile) -> TraceFile:
    kernel = replace(file.trace.kernel, name="a.gemm", source="script:examples/a.py::gemm")
    return replace(file, trace=replace(file.trace, kernel=kernel))


class Farm:
    """Stands in for probes: what a kernel lowers to by build, how often it was asked, and how it goes wrong."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.root = root
        self.traces: dict[tuple[str, str], Callable[[], ScriptRun]] = {}
        self.asked: list[tuple[str, str]] = []

        @contextmanager
        def server(*_: Any) -> Iterator[None]:
            yield None

        def run_script(script: Any, build: Build, **_: Any) -> ScriptRun:
            self.asked.append((build.name, script.source))
            return self.traces[build.name, script.source]()

        monkeypatch.setattr(lowering, "_server", server)
        monkeypatch.setattr(lowering, "run_script", run_script)
        (root / "tree/examples").mkdir(parents=True)

    def script(self, name: str, **by_build: Callable[[], ScriptRun] | TraceFile) -> Entry:
        path = self.root / "tree" / name
        path.write_text("# a script\n")
        for build, made in by_build.items():
            self.traces[f"wheel:{build}", name] = made if callable(made) else self.run(path, made)
        return Entry(name, "cuda:sm_90a", str(self.root / "tree"))

    def run(self, path: Path, *traces: TraceFile, **facts: Any) -> Callable[[], ScriptRun]:
        settings: dict[str, Any] = {
            "stopped": None, "passed_over": (), "missing": (), "notes": (), "files": (str(path),), **facts,
        }  # fmt: skip
        return lambda: ScriptRun(tuple(Captured(trace, ("/headers",)) for trace in traces), **settings)

    def task(self, entry: Entry, build: str) -> LowerTask:
        return LowerTask(entry, Build(f"wheel:{build}", "python"), f"content of {build}", str(self.root / "ws"), 60.0)

    def compared(self, entry: Entry) -> ComparedEntry:
        return compare_entry(CompareTask(self.task(entry, "old"), self.task(entry, "new")))


@pytest.fixture
def farm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Farm:
    return Farm(monkeypatch, tmp_path)


def _only(entry: ComparedEntry) -> Outcome:
    (kernel,) = entry.kernels
    return kernel.change.outcome


def test_an_equal_kernel_is_identical_and_asked_for_once(farm: Farm) -> None:
    entry = farm.script("examples/a.py", old=_trace(LATER), new=_trace(LATER))
    assert _only(farm.compared(entry)) is Outcome.IDENTICAL
    assert _only(farm.compared(entry)) is Outcome.IDENTICAL
    assert farm.asked == [("wheel:old", "examples/a.py"), ("wheel:new", "examples/a.py")]


def test_a_difference_names_its_pass_and_is_believed_after_a_second_look(farm: Farm) -> None:
    entry = farm.script("examples/a.py", old=_trace(LATER), new=_trace(OTHER))
    (kernel,) = farm.compared(entry).kernels
    assert (kernel.change.outcome, kernel.change.first_pass) == (Outcome.DIFFERS, "tl.Vectorize")
    # Once more on either side, and kept.
    assert [farm.asked.count((f"wheel:{side}", "examples/a.py")) for side in ("old", "new")] == [2, 2]
    farm.compared(entry)
    assert len(farm.asked) == 4


@pytest.mark.parametrize(
    ("side", "other", "first", "second"),
    [("baseline", "candidate", LATER, OTHER), ("candidate", "baseline", OTHER, LATER)],
)
def test_a_side_that_differs_from_itself_is_not_deterministic(
    farm: Farm, side: str, other: str, first: str, second: str
) -> None:
    builds = {"baseline": "old", "candidate": "new"}
    answers = iter([_trace(first), _trace(second)])
    entry = farm.script("examples/a.py", **{builds[other]: _trace(second)})
    path = farm.root / "tree/examples/a.py"

    def answer() -> ScriptRun:
        return farm.run(path, next(answers))()

    farm.traces[f"wheel:{builds[side]}", "examples/a.py"] = answer
    (kernel,) = farm.compared(entry).kernels
    assert kernel.change.outcome is Outcome.UNSTABLE
    assert kernel.change.first_pass == "tl.Vectorize"
    assert f"the {side} lowered twice differs from itself" in kernel.change.note


@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [
        (False, True, Outcome.BROKEN),
        (True, False, Outcome.MENDED),
        (True, True, Outcome.FAILS_ALIKE),
    ],
)
def test_a_lowering_that_fails(farm: Farm, old: bool, new: bool, outcome: Outcome) -> None:
    steps = Step("tl.Simplify", START), Step("tl.Vectorize", None)
    failed = _of_script(trace_of(START, *steps, source=None, failure=failure_in(1, "tl.Vectorize")))
    entry = farm.script("examples/a.py", old=failed if old else _trace(LATER), new=failed if new else _trace(LATER))
    (kernel,) = farm.compared(entry).kernels
    assert kernel.change.outcome is outcome
    assert "tl.Vectorize: Check failed: no layout" in kernel.change.note


def test_a_kernel_that_one_side_cannot_even_build(farm: Farm) -> None:
    path = farm.root / "tree/examples/a.py"
    raised = PassedOver("a.py", 7, "AttributeError", "no attribute 'alloc_tmem'", compiler=True)
    entry = farm.script("examples/a.py", new=_trace(LATER), old=farm.run(path, passed_over=(raised,)))
    compared = farm.compared(entry)
    assert compared.missed_baseline == "a.py:7: AttributeError: no attribute 'alloc_tmem'"
    assert compared.missed_candidate == ""
    assert _only(compared) is Outcome.MENDED


def test_a_changed_file_is_lowered_anew_on_both_sides_and_a_changed_build_on_its_own(farm: Farm) -> None:
    entry = farm.script("examples/a.py", old=_trace(LATER), new=_trace(LATER))
    farm.compared(entry)
    (farm.root / "tree/examples/a.py").write_text("# another script\n")
    lowering._HASHES.clear()
    farm.compared(entry)
    assert len(farm.asked) == 4
    changed = CompareTask(farm.task(entry, "old"), LowerTask(**{**vars(farm.task(entry, "new")), "content": "edited"}))
    compare_entry(changed)
    assert farm.asked[4:] == [("wheel:new", "examples/a.py")]


def test_what_was_killed_is_not_kept(farm: Farm) -> None:
    path = farm.root / "tree/examples/a.py"
    entry = farm.script("examples/a.py", old=farm.run(path, stopped="killed (signal 9)", lasting=False))
    for _ in range(2):
        assert lower_entry(farm.task(entry, "old")).why_missing == "killed (signal 9)"
    assert len(farm.asked) == 2


def test_what_took_too_long_is_kept_until_it_gets_more_time_or_a_file_changes(farm: Farm) -> None:
    path = farm.root / "tree/examples/a.py"
    hangs = farm.run(path, stopped="did not end within 60 s", lasting=False, timed_out=True, files=())
    task = farm.task(farm.script("examples/a.py", old=hangs), "old")
    for _ in range(2):
        assert lower_entry(task).why_missing == "did not end within 60 s"
    assert len(farm.asked) == 1
    lower_entry(replace(task, timeout_s=120.0))
    assert len(farm.asked) == 2
    (path.parent / "helper.py").write_text("new = True\n")
    path.write_text("import helper\n")
    lowering._HASHES.clear()
    lower_entry(replace(task, timeout_s=120.0))
    assert len(farm.asked) == 3


def test_one_that_dies_does_not_take_the_rest_with_it(farm: Farm) -> None:
    def dies() -> ScriptRun:
        raise ProbeError("the probe server of wheel:new died (exit code -9)")

    bad = farm.script("examples/bad.py", old=_trace(LATER), new=dies)
    good = farm.script("examples/good.py", old=_trace(LATER), new=_trace(OTHER))
    tasks = [CompareTask(farm.task(entry, "old"), farm.task(entry, "new")) for entry in (bad, good)]
    with open_pool(2) as pool:
        first, second = compare_all(tasks, pool, Progress(verbosity=-1))
    assert (first.kernels, first.missed_candidate) == ((), "the probe server of wheel:new died (exit code -9)")
    assert _only(second) is Outcome.DIFFERS


def test_a_build_that_does_not_import_ends_it(farm: Farm) -> None:
    def broken() -> ScriptRun:
        raise EnvironmentProblem("TileLang does not import in wheel:new")

    entry = farm.script("examples/a.py", new=broken)
    with open_pool(1) as pool, pytest.raises(EnvironmentProblem, match="does not import"):
        lower_all([farm.task(entry, "new")], pool, Progress(verbosity=-1))


def test_passes_know_the_kernels_they_change(farm: Farm) -> None:
    lower_entry(farm.task(farm.script("examples/a.py", old=_trace(LATER)), "old"))
    lower_entry(farm.task(farm.script("examples/b.py", old=_trace(START)), "old"))
    workspace = Workspace.at(str(farm.root / "ws"))
    assert kernels_by_pass(workspace, "content of old") == {"tl.Vectorize": ["a.py::gemm cuda:sm_90a"]}
    assert kernels_by_pass(workspace, "content of new") == {}


def test_reasons_are_told_once_the_most_frequent_first() -> None:
    entries = [
        Entry("examples/a.py", "c", "/t", "there is no kernel"),
        Entry("gemm", "c", "", "needs threads"),
        Entry("examples/b.py", "c", "/t", "there is no kernel"),
        Entry("examples/b.py", "metal", "/t", "there is no kernel"),
    ]
    assert by_reason(entries) == {"there is no kernel": ("a.py", "b.py"), "needs threads": ("gemm",)}
