"""The rounds of all kernels, until each is settled or time is up.

A round is one process a slot, in random order: the baseline, the candidate, the baseline once more, and the contenders.
Kernels that are settled leave; a round in which the device was held back is set aside and run again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scaffold.measure.blocks import KernelBlock
from scaffold.measure.cases import Case, Options
from scaffold.measure.clocks import Stretch
from scaffold.measure.schedule import order_of_round
from scaffold.measure.statistics import Effect, effect_of, is_settled, looks
from scaffold.report.bench_view import Block

#: A device that is held back in more than this share of rounds says nothing that could be believed.
_MOST_SET_ASIDE = 0.5

#: ``run(slot, cases)``: one process for a slot, and what came of each arm of these cases, by case and arm.
RunSlot = Callable[[str, Sequence[Case]], Mapping[tuple[str, str], KernelBlock]]
#: What the device did while a block ran.
Between = Callable[[float | None, float | None], Stretch]


@dataclass
class Runner:
    """One kernel in the race: blocks by arm, of the rounds that count."""

    case: Case
    pairs: tuple[tuple[str, str], ...]
    blocks: dict[str, list[Block]] = field(default_factory=dict)
    method: dict[str, str] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    set_aside: int = 0
    rounds: int = 0
    stopped: str = ""
    failure: dict[str, str] = field(default_factory=dict)

    def medians(self, arm: str) -> list[float]:
        return [block.median_ms for block in self.blocks.get(arm, ())]

    def effect(self, baseline: str, candidate: str, *, planned_looks: int) -> Effect | None:
        """The effect of one arm beside another; ``None`` with fewer than two rounds of either."""
        ours, theirs = self.medians(baseline), self.medians(candidate)
        if min(len(ours), len(theirs)) < 2 or len(ours) != len(theirs):
            return None
        return effect_of(ours, theirs, planned_looks=planned_looks)

    def take(self, found: Mapping[str, KernelBlock], number: int, order: Sequence[str], between: Between) -> None:
        """One round of this kernel: kept whole, set aside whole, or the end of it."""
        for arm, block in found.items():
            if block.failure:
                self.failure[arm] = block.failure
        if {"baseline", *(arm for pair in self.pairs for arm in pair)} & set(self.failure):
            self.stopped = "failed"
            return
        stretches = {arm: between(block.begun_at, block.ended_at) for arm, block in found.items()}
        reasons = sorted({r for stretch in stretches.values() if stretch.throttled for r in stretch.held_back})
        self.rounds += 1
        if reasons:
            self.set_aside += 1
            self.notes[f"rounds set aside because of {', '.join(reasons)}"] = None
            return
        for arm, block in found.items():
            if block.failure:
                continue
            stretch = stretches[arm]
            if stretch.held_back:
                self.notes[f"the GPU ran at its {', '.join(stretch.held_back)}"] = None
            self.notes |= dict.fromkeys(block.notes)
            self.method[arm] = block.method
            self.blocks.setdefault(arm, []).append(
                Block(
                    number,
                    order.index(arm if arm in order else "contenders"),
                    block.samples_ms,
                    stretch.sm_clock_mhz,
                    stretch.temperature_c,
                    stretch.power_w,
                    stretch.held_back,
                )
            )


def race(
    runners: Sequence[Runner],
    run: RunSlot,
    *,
    options: Options,
    between: Between,
    tell: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run rounds until every runner has ``stopped``, and say there why."""
    planned = looks(options.most_rounds)
    rows = sum(len(one.pairs) for one in runners)
    started = clock()
    number = 0
    while waiting := [one for one in runners if not one.stopped]:
        slots = list(dict.fromkeys(slot for one in waiting for slot in slots_of(one.case)))
        order = order_of_round(number, slots, options.seed)
        found: dict[tuple[str, str], KernelBlock] = {}
        for slot in order:
            found |= run(slot, [one.case for one in waiting if slot in slots_of(one.case)])
        for one in waiting:
            arms = {arm: block for (name, arm), block in found.items() if name == one.case.name}
            one.take(arms, number, order, between)
        number += 1
        elapsed = clock() - started
        for one in waiting:
            _look(one, planned, options, rows=rows, out_of_time=elapsed >= options.time_limit_s)
        left = sum(not one.stopped for one in runners)
        tell(f"round {number}, {len(runners) - left}/{len(runners)} settled, {elapsed:.0f} s")


def slots_of(case: Case) -> tuple[str, ...]:
    """The processes of a round: contenders share one, as they do not compile anything of TileLang's."""
    sides = ("baseline", "candidate", "again") if case.candidate is not None else ("baseline", "again")
    return (*sides, *(("contenders",) if case.contenders else ()))


def _look(one: Runner, planned: Sequence[int], options: Options, *, rows: int, out_of_time: bool) -> None:
    if one.stopped:
        return
    counted = one.rounds - one.set_aside
    if one.set_aside >= planned[0] and one.set_aside > _MOST_SET_ASIDE * one.rounds:
        one.stopped = f"the device was held back in {one.set_aside} of {one.rounds} rounds"
    elif counted in planned and _all_settled(one, len(planned), options, rows):
        one.stopped = "it is known"
    elif counted >= planned[-1]:
        one.stopped = f"after {counted} rounds"
    elif out_of_time:
        one.stopped = f"at the time limit of {options.time_limit_s:g} s, after {counted} rounds"


def _all_settled(one: Runner, planned_looks: int, options: Options, rows: int) -> bool:
    again = one.effect("baseline", "again", planned_looks=planned_looks)
    effects = [one.effect(*pair, planned_looks=planned_looks) for pair in one.pairs] or [again]
    return all(
        effect is not None and is_settled(effect, again, smallest=options.smallest, rows=rows or 1)
        for effect in effects
    )
