"""When two lowerings differ: how often each side is lowered again, and what is believed then."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from traces import module, trace_of

from scaffold.builds.build import Build
from scaffold.builds.workspace import Workspace
from scaffold.cli import comparing
from scaffold.cli.comparing import Compared, compare_sides
from scaffold.cli.tracing import Side
from scaffold.diff.chance import odds_of_nothing_in_common
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

    @contextmanager
    def lowering_again(self, _: Any, sides: Sequence[Side]) -> Iterator[Callable[[int], TraceFile]]:
        def lower(index: int) -> TraceFile:
            build = sides[index].build
            assert build is not None
            self.made.append(sides[index])
            return lowering(next(self.next[build.name]), build.name)

        yield lower


@pytest.fixture
def lowerings(monkeypatch: pytest.MonkeyPatch) -> Lowerings:
    found = Lowerings()
    monkeypatch.setattr(comparing, "lowering_again", found.lowering_again)
    monkeypatch.setattr(comparing, "content_digest", lambda build, _: build.name)
    return found


@pytest.fixture
def compare(lowerings: Lowerings, tmp_path: Path) -> Compare:
    def run(
        files: Sequence[TraceFile],
        *,
        baseline: Sequence[int] = (),
        candidate: Sequence[int] = (),
        sides: tuple[Side, Side] = (BASELINE, CANDIDATE),
    ) -> Compared:
        lowerings.next = {"wheel:0.1.14": iter(baseline), "wheel:0.1.15": iter(candidate)}
        session: Any = SimpleNamespace(progress=Progress(verbosity=-1), workspace=Workspace(tmp_path))
        return compare_sides(session, sides, files, context=3)

    return run


def test_equal_sides_are_believed_at_once(compare: Compare, lowerings: Lowerings) -> None:
    compared = compare([lowering(1), lowering(1)])
    assert compared.result.identical
    assert lowerings.made == []


def test_a_difference_is_believed_after_five_lowerings_of_each_side(compare: Compare, lowerings: Lowerings) -> None:
    compared = compare([lowering(1), lowering(2)], baseline=[1] * 4, candidate=[2] * 4)
    assert len(lowerings.made) == 8
    result = compared.result
    assert result.finding
    assert not result.undecided
    assert (result.unstable, result.lowerings) == ((), (5, 5))
    verdict = two_verdict(compared.files, result)
    assert verdict.outcome == "differs"
    assert verdict.details[-1] == (
        "no two of 5 lowerings of the baseline and 5 of the candidate are the same; by chance alone: 0.79 %"
    )


def test_what_is_known_of_sides_that_do_not_vary_is_not_lowered_again(compare: Compare, lowerings: Lowerings) -> None:
    first = compare([lowering(1), lowering(2)], baseline=[1] * 4, candidate=[2] * 4)
    again = compare([lowering(1), lowering(2)])
    assert len(lowerings.made) == 8
    assert again.result.finding
    assert (first.result.lowerings, again.result.lowerings) == ((5, 5), (6, 6))


@pytest.mark.parametrize(
    ("baseline", "candidate", "made"),
    [
        pytest.param(3, 2, 8 + 4, id="the-baseline-comes-out-differently"),
        pytest.param(1, 3, 8 + 4, id="the-candidate-comes-out-differently"),
        pytest.param(3, 4, 8 + 8, id="both-do"),
    ],
)
def test_what_is_known_does_not_hold_where_a_side_comes_out_differently(
    baseline: int, candidate: int, made: int, compare: Compare, lowerings: Lowerings
) -> None:
    compare([lowering(1), lowering(2)], baseline=[1] * 4, candidate=[2] * 4)
    compared = compare([lowering(baseline), lowering(candidate)], baseline=[baseline] * 4, candidate=[candidate] * 4)
    assert len(lowerings.made) == made
    assert compared.result.finding


def test_nothing_is_kept_of_a_side_that_varies(compare: Compare, lowerings: Lowerings) -> None:
    for _ in range(2):
        compare([lowering(1), lowering(2)], baseline=[3, 1] * 6, candidate=[2] * 11)
    kept = [side for side in lowerings.made if side is BASELINE]
    assert len(kept) >= 8


def test_a_difference_that_chance_explains_is_not_claimed(compare: Compare, lowerings: Lowerings) -> None:
    """Either side comes out differently each time: that they share nothing says nothing."""
    compared = compare([lowering(1), lowering(2)], baseline=range(10, 30), candidate=range(30, 50))
    assert compared.result.undecided
    assert compared.result.lowerings == (12, 12)
    assert len(lowerings.made) == 22
    assert two_verdict(compared.files, compared.result).outcome == "unstable"


def test_a_candidate_that_alone_varies_is_said_to(compare: Compare) -> None:
    compared = compare([lowering(1), lowering(2)], baseline=[1, 1, 1], candidate=[3, 1])
    assert compared.result.identical
    assert compared.result.unstable_sides == ("candidate",)
    assert two_verdict(compared.files, compared.result).details[0].startswith("only the candidate varies from lowering")


def test_of_two_sides_that_vary_the_nearest_lowerings_are_compared(compare: Compare) -> None:
    """What is shown of a difference is what the change did, as far as the lowerings tell, and not chance."""
    compared = compare([lowering(1), lowering(2)], baseline=[3, 1] * 6, candidate=[4, 2] * 6)
    assert compared.result.unstable_sides == ("baseline", "candidate")
    assert compared.result.odds is not None
    assert compared.result.odds < 0.001
    assert compared.result.finding
    assert not compared.result.undecided


@pytest.mark.parametrize(
    ("ours", "theirs", "odds"),
    [
        ("aaaaa", "bbbbb", 2 / 252),
        ("aaab", "cccc", 2 / 70),
        ("ab", "cd", 1.0),
        ("abcd", "efgh", 1.0),
        ("aaaaaaaaaaaa", "bbbbbbbbbbbb", 2 / 2704156),
    ],
)
def test_odds_are_the_share_of_ways_to_deal_the_outcomes(ours: str, theirs: str, odds: float) -> None:
    assert odds_of_nothing_in_common(ours, theirs) == pytest.approx(odds)


def test_a_side_and_its_copy_are_said_to_differ_in_less_than_one_of_a_hundred() -> None:
    """Whatever the number of ways in which both lower, and however often each of them comes up."""
    chance = random.Random(1)
    for weights in ([1] * 8, [1] * 3, [1, 1], [3, 1], [8, 4, 2, 1], [1] * 40):
        wrong = sum(_claims_a_difference(weights, chance) for _ in range(4000))
        assert wrong <= 40, weights


def _claims_a_difference(weights: Sequence[int], chance: random.Random) -> bool:
    for most, believed in comparing._LOOKS:
        ours, theirs = (chance.choices(range(len(weights)), weights, k=most) for _ in range(2))
        if set(ours) & set(theirs):
            return False
        if odds_of_nothing_in_common(ours, theirs) < believed:
            return True
    return False


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
        ([2], [9], (2, 2)),
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
    compared = compare([lowering(1), with_code], baseline=[2], candidate=[2])
    assert [file.trace.artifact("ptx") for file in compared.files] == [None, None]
    assert two_verdict(compared.files, compared.result).outcome == "identical"


def test_a_recorded_candidate_is_warned_of_and_not_lowered(compare: Compare, lowerings: Lowerings) -> None:
    compared = compare([lowering(1), lowering(2)], baseline=[3], sides=(BASELINE, RECORDED))
    assert (compared.result.unstable, compared.result.lowerings) == (("tl.B",), (0, 0))
    assert lowerings.made == [BASELINE]
