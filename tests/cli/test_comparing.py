"""When two lowerings differ: how often each side is lowered again, and what is believed then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from traces import module, trace_of

from scaffold.builds.build import Build
from scaffold.cli import comparing
from scaffold.cli.comparing import Compared, compare_sides
from scaffold.cli.tracing import Side
from scaffold.probe.protocol import KernelRequest
from scaffold.progress import Progress
from scaffold.report.verdict import two_verdict
from scaffold.trace.model import Artifact, TraceFile

REQUEST = KernelRequest("gemm", "zoo:gemm", None, "build", {}, "cuda:sm_80", {"kind": "cuda", "arch": "sm_80"})
BASELINE = Side(None, REQUEST, Build("wheel:0.1.14", "python"))
CANDIDATE = Side(None, REQUEST, Build("wheel:0.1.15", "python"))
RECORDED = Side(SimpleNamespace(), None, None)  # type: ignore[arg-type]


def lowering(variant: int, build: str = "wheel:0.1.14") -> TraceFile:
    """One of the ways in which a kernel lowers."""
    first = module("T.evaluate(0)")
    file = trace_of(first, ("tl.A", first), ("tl.B", module(f"T.evaluate({variant})")))
    return replace(file, trace=replace(file.trace, build=replace(file.trace.build, name=build)))


Compare = Callable[..., Compared]


class Lowerings:
    """What each side lowers to from the second time on."""

    def __init__(self) -> None:
        self.made: list[Side] = []
        self.next: dict[str, Iterator[int]] = {}

    def obtain_again(self, session: Any, side: Side) -> TraceFile:
        assert side.build is not None
        self.made.append(side)
        return lowering(next(self.next[side.build.name]), side.build.name)


@pytest.fixture
def lowerings(monkeypatch: pytest.MonkeyPatch) -> Lowerings:
    found = Lowerings()
    monkeypatch.setattr(comparing, "obtain_again", found.obtain_again)
    return found


@pytest.fixture
def compare(lowerings: Lowerings) -> Compare:
    def run(
        files: Sequence[TraceFile],
        *,
        baseline: Sequence[int] = (),
        candidate: Sequence[int] = (),
        sides: tuple[Side, Side] = (BASELINE, CANDIDATE),
    ) -> Compared:
        lowerings.next = {"wheel:0.1.14": iter(baseline), "wheel:0.1.15": iter(candidate)}
        session: Any = SimpleNamespace(progress=Progress(verbosity=-1))
        return compare_sides(session, sides, files, context=3)

    return run


def test_equal_sides_are_believed_at_once(compare: Compare, lowerings: Lowerings) -> None:
    compared = compare([lowering(1), lowering(1)])
    assert compared.result.identical
    assert lowerings.made == []


def test_a_difference_is_believed_after_one_more_lowering_of_the_baseline(
    compare: Compare, lowerings: Lowerings
) -> None:
    compared = compare([lowering(1), lowering(2)], baseline=[1])
    assert lowerings.made == [BASELINE]
    assert compared.result.finding
    assert (compared.result.unstable, compared.result.lowerings) == ((), (0, 0))


def test_a_recorded_baseline_cannot_be_lowered_again(compare: Compare, lowerings: Lowerings) -> None:
    compared = compare([lowering(1), lowering(2)], sides=(RECORDED, CANDIDATE))
    assert compared.result.finding
    assert lowerings.made == []


def test_the_same_thing_twice_needs_no_third(compare: Compare, lowerings: Lowerings) -> None:
    compared = compare([lowering(1), lowering(2)], sides=(BASELINE, BASELINE))
    assert compared.result.unstable == ("tl.B",)
    assert lowerings.made == []
    assert two_verdict(compared.files, compared.result).headline.startswith("the same lowering twice differs")


@pytest.mark.parametrize(
    ("baseline", "candidate", "made"),
    [
        ([2], [], (2, 1)),
        # The baseline is one ahead: first the candidate catches up.
        ([3], [1], (2, 2)),
        ([3], [3], (2, 2)),
        ([3, 4, 5], [6, 7, 5], (4, 4)),
    ],
)
def test_an_unstable_compiler_is_tried_until_two_are_the_same(
    compare: Compare, lowerings: Lowerings, baseline: list[int], candidate: list[int], made: tuple[int, int]
) -> None:
    compared = compare([lowering(1), lowering(2)], baseline=baseline, candidate=candidate)
    result = compared.result
    assert result.identical
    assert result.unstable == ("tl.B",)
    assert result.lowerings == made
    assert len(lowerings.made) == sum(made) - 2
    verdict = two_verdict(compared.files, result)
    assert verdict.headline.startswith("identical at every pass")
    assert f"of {made[0]} lowerings of the baseline and {made[1]} of the candidate" in verdict.details[0]


def test_the_machine_code_of_another_lowering_is_not_compared(compare: Compare) -> None:
    file = lowering(2)
    ptx = Artifact("ptx", "kernel.ptx", file.trace.input)
    with_code = replace(file, trace=replace(file.trace, artifacts=(*file.trace.artifacts, ptx)))
    compared = compare([lowering(1), with_code], baseline=[2])
    assert [file.trace.artifact("ptx") for file in compared.files] == [None, None]
    assert two_verdict(compared.files, compared.result).outcome == "identical"


def test_two_without_anything_in_common_are_said_to_be(compare: Compare, lowerings: Lowerings) -> None:
    files = (lowering(1), lowering(2, "wheel:0.1.15"))
    compared = compare(files, baseline=range(10, 30), candidate=range(30, 50))
    result = compared.result
    assert result.finding
    assert compared.files == files
    assert result.lowerings == (6, 6)
    assert len(lowerings.made) == 10
    details = two_verdict(compared.files, result).details
    assert "no two of 6 lowerings of the baseline and 6 of the candidate are the same" in details
    assert any("lowering the baseline twice differs too" in line for line in details)


def test_a_recorded_candidate_is_warned_of_and_not_lowered(compare: Compare, lowerings: Lowerings) -> None:
    compared = compare([lowering(1), lowering(2)], baseline=[3], sides=(BASELINE, RECORDED))
    assert (compared.result.unstable, compared.result.lowerings) == (("tl.B",), (0, 0))
    assert lowerings.made == [BASELINE]
