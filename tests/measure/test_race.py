"""Rounds with a made-up clock and made-up processes: order, when it stops, what is set aside, what fails."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from scaffold.measure.blocks import KernelBlock
from scaffold.measure.cases import Case, Options
from scaffold.measure.clocks import Clocks, Look, Stretch
from scaffold.measure.race import Runner, race, slots_of
from scaffold.measure.schedule import order_of_round
from scaffold.probe.protocol import KernelRequest


def case_of(name: str, *contenders: str, two: bool = True) -> Case:
    request = KernelRequest(name, f"zoo:{name}", None, "build", {}, "cuda:sm_90a", {"kind": "cuda", "arch": "sm_90a"})
    return Case(name, request, request if two else None, contenders)


@dataclass
class Track:
    """Processes that take ``times[arm]`` milliseconds with ``noise``; a clock of ten seconds a process."""

    times: Mapping[str, float]
    noise: float = 0.001
    failing: Mapping[str, str] = field(default_factory=dict)
    fails_from: int = 0
    now: float = 0.0
    orders: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(4)

    def run(self, slot: str, cases: Sequence[Case]) -> dict[tuple[str, str], KernelBlock]:
        self.orders.append(slot)
        found = {}
        for case in cases:
            for arm in case.contenders if slot == "contenders" else (slot,):
                begun, self.now = self.now, self.now + 10.0
                if arm in self.failing and len(self.orders) > self.fails_from:
                    found[case.name, arm] = KernelBlock(f"{case.name} {arm}", failure=self.failing[arm], stage="time")
                    continue
                middle = self.times[arm] * self.chance.gauss(1.0, self.noise)
                samples = tuple(middle * share for share in (0.99, 1.0, 1.2))
                found[case.name, arm] = KernelBlock(
                    f"{case.name} {arm}", samples_ms=samples, method="events", begun_at=begun, ended_at=self.now
                )
        return found


STEADY = {"baseline": 1.0, "again": 1.0, "candidate": 1.0, "torch": 2.0, "triton": 1.5}


def nothing_held_back(begun_at: float | None, ended_at: float | None) -> Stretch:
    return Stretch(1980.0, 60.0, 500.0)


def run(
    track: Track,
    *cases: Case,
    options: Options | None = None,
    between: Callable[[float | None, float | None], Stretch] = nothing_held_back,
) -> list[Runner]:
    pairs = {case.name: (("baseline", "candidate"),) if case.candidate else () for case in cases}
    runners = [Runner(case, (*pairs[case.name], *((name, "baseline") for name in case.contenders))) for case in cases]
    race(runners, track.run, options=options or Options(), between=between, clock=lambda: track.now)
    return runners


def test_rounds_are_shuffled_and_every_second_one_is_the_first_backwards() -> None:
    slots = ("baseline", "candidate", "again", "contenders")
    orders = [order_of_round(number, slots, seed=1) for number in range(20)]
    assert all(sorted(order) == sorted(slots) for order in orders)
    assert all(orders[at + 1] == orders[at][::-1] for at in range(0, 20, 2))
    assert len(set(orders)) > 6
    assert orders == [order_of_round(number, slots, seed=1) for number in range(20)]


def test_it_stops_when_it_knows() -> None:
    (same,) = run(Track(STEADY), case_of("gemm"))
    assert (same.stopped, same.rounds) == ("it is known", 8)
    (slower,) = run(Track({**STEADY, "candidate": 1.02}), case_of("gemm"))
    assert (slower.stopped, slower.rounds) == ("it is known", 8)
    effect = slower.effect("baseline", "candidate", planned_looks=1)
    assert effect is not None
    assert effect.ratio == pytest.approx(1.02, abs=0.002)


def test_one_that_is_not_settled_goes_on_alone() -> None:
    track = Track({**STEADY, "candidate": 1.005}, noise=0.02)
    (noisy,) = run(track, case_of("gemm"), options=Options(most_rounds=12))
    assert noisy.stopped == "after 12 rounds"
    assert {arm: len(blocks) for arm, blocks in noisy.blocks.items()} == {"baseline": 12, "candidate": 12, "again": 12}


def test_the_time_limit_ends_it_and_says_so() -> None:
    (late,) = run(Track(STEADY), case_of("gemm"), options=Options(time_limit_s=60.0))
    assert late.stopped == "at the time limit of 60 s, after 2 rounds"


def test_a_failure_in_one_kernel_ends_that_one_only() -> None:
    track = Track(STEADY, failing={"candidate": "CUDA error: an illegal memory access was encountered"}, fails_from=9)
    (broken,) = run(track, case_of("gemm"))
    assert broken.stopped == "failed"
    assert broken.failure == {"candidate": "CUDA error: an illegal memory access was encountered"}
    two = run(Track(STEADY), case_of("gemm"), case_of("softmax"))
    assert [one.stopped for one in two] == ["it is known"] * 2


def test_contenders_share_a_process_and_one_that_fails_does_not_end_the_row() -> None:
    assert slots_of(case_of("gemm", "torch", "triton", two=False)) == ("baseline", "again", "contenders")
    (row,) = run(Track(STEADY), case_of("gemm", "torch", "triton", two=False))
    assert row.stopped == "it is known"
    effect = row.effect("torch", "baseline", planned_looks=1)
    assert effect is not None
    assert effect.ratio == pytest.approx(0.5, abs=0.01)


def test_rounds_in_which_the_device_was_held_back_are_run_again() -> None:
    """Throttled in the middle: from 100 s to 200 s of a race of 30 s a round."""

    def between(begun_at: float | None, ended_at: float | None) -> Stretch:
        hot = begun_at is not None and 100 <= begun_at < 200
        return Stretch(1200.0 if hot else 1980.0, 88.0, 700.0, ("power cap", "thermal slowdown") if hot else ())

    (row,) = run(Track(STEADY), case_of("gemm"), between=between)
    assert row.stopped == "it is known"
    assert row.set_aside == 4
    assert row.rounds == 12
    assert len(row.blocks["candidate"]) == 8
    assert list(row.notes) == ["rounds set aside because of power cap, thermal slowdown"]


def test_a_device_that_is_held_back_all_the_time_ends_it() -> None:
    (row,) = run(
        Track(STEADY), case_of("gemm"), between=lambda *_: Stretch(900.0, 90.0, 700.0, ("hardware thermal slowdown",))
    )
    assert row.stopped == "the device was held back in 8 of 8 rounds"


def test_a_power_cap_is_told_and_counts() -> None:
    (row,) = run(Track(STEADY), case_of("gemm"), between=lambda *_: Stretch(1700.0, 70.0, 700.0, ("power cap",)))
    assert (row.set_aside, row.stopped) == (0, "it is known")
    assert "power cap" in next(iter(row.notes))


def test_clocks_give_the_median_of_a_stretch_and_survive_a_driver_that_stops_answering() -> None:
    looks = iter([Look(1.0, 1980, 60, 500, ()), Look(2.0, 1400, 70, 690, ("power cap",)), Look(3.0, 1960, 64, 600, ())])

    def look() -> Look:
        return next(looks)  # raises when there are no more

    with Clocks(look) as clocks:
        clocks._thread.join(10)
        assert not clocks._thread.is_alive()
        assert clocks.between(0.5, 3.5) == Stretch(1960, 64, 600, ("power cap",))
        assert clocks.between(0.5, 1.5) == Stretch(1980, 60, 500)
        assert clocks.between(5.0, 6.0) == Stretch()
        assert clocks.between(None, None) == Stretch()
    with Clocks(None) as none:
        assert none.between(0.0, 9.0) == Stretch()
