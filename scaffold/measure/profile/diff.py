"""Two profiles of a kernel, metric by metric. Pure: profiles in, rows out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scaffold.measure.profile.model import METRICS, KernelProfile, Metric, Stall, Value

#: What is worth telling: so many points of a percentage, or so large a change of anything else.
_POINTS = 2.0
_CHANGE = 0.02
#: Weights that set a change of points beside one of a ratio: ten points weigh as much as a third more or less.
_HEAVY_POINTS = 10.0
_HEAVY_RATIO = math.log(1.33)
#: Metrics that say how a kernel was launched, or how fast the clock ran, explain nothing by themselves.
_NO_CAUSE = frozenset({"duration", "cycles", "clock"})


@dataclass(frozen=True)
class MetricDelta:
    """One metric of two sides; ``None`` where a side's tool does not measure it."""

    metric: Metric
    baseline: Value | None
    candidate: Value | None

    @property
    def delta(self) -> float | None:
        """Candidate less baseline, in the metric's unit: points where that is per cent."""
        if self.baseline is None or self.candidate is None:
            return None
        return self.candidate.value - self.baseline.value

    @property
    def ratio(self) -> float | None:
        """Candidate / baseline; ``None`` where the baseline is nought."""
        if self.baseline is None or self.candidate is None or not self.baseline.value:
            return None
        return self.candidate.value / self.baseline.value

    @property
    def weight(self) -> float:
        """How far apart the sides are, comparable between metrics; nought where that is not worth telling."""
        if self.delta is None:
            return 0.0
        if self.metric.unit == "%":
            return abs(self.delta) / _HEAVY_POINTS if abs(self.delta) >= _POINTS else 0.0
        if self.ratio is None:
            return 1.0 if self.delta else 0.0
        if abs(self.ratio - 1.0) < _CHANGE:
            return 0.0
        return abs(math.log(max(self.ratio, 1e-9))) / _HEAVY_RATIO

    @property
    def moved(self) -> bool:
        return self.weight > 0

    @property
    def better(self) -> bool | None:
        """Whether the candidate is the better side of this metric; ``None``: the same, unknown, or neither is."""
        if not self.moved or self.delta is None or self.metric.better == "neither":
            return None
        return (self.delta < 0) is (self.metric.better == "lower")


@dataclass(frozen=True)
class StallDelta:
    """One reason to wait, as shares of all cycles (0 to 1); ``None`` where a side's tool does not tell it."""

    reason: str
    vendor_name: str
    baseline: float | None
    candidate: float | None

    @property
    def points(self) -> float | None:
        if self.baseline is None or self.candidate is None:
            return None
        return 100.0 * (self.candidate - self.baseline)


@dataclass(frozen=True)
class KernelDelta:
    """One kernel of the program on two sides; a side is ``None`` where it has no such kernel."""

    name: str
    baseline: KernelProfile | None
    candidate: KernelProfile | None
    metrics: tuple[MetricDelta, ...]
    stalls: tuple[StallDelta, ...]

    def metric(self, key: str) -> MetricDelta | None:
        return next((row for row in self.metrics if row.metric.key == key), None)


def compare_profiles(baseline: KernelProfile | None, candidate: KernelProfile | None) -> KernelDelta:
    """Every metric either side has, in the order of the vocabulary."""
    named = candidate or baseline
    rows = []
    for item in METRICS:
        ours = baseline.values.get(item.key) if baseline else None
        theirs = candidate.values.get(item.key) if candidate else None
        if ours is not None or theirs is not None:
            rows.append(MetricDelta(item, ours, theirs))
    name = _shared_name(baseline, candidate) if named else ""
    return KernelDelta(name, baseline, candidate, tuple(rows), tuple(_stalls(baseline, candidate)))


def _shared_name(baseline: KernelProfile | None, candidate: KernelProfile | None) -> str:
    names = dict.fromkeys(side.name for side in (baseline, candidate) if side)
    return " / ".join(names)


def _stalls(baseline: KernelProfile | None, candidate: KernelProfile | None) -> Iterator[StallDelta]:
    """Reasons of either side, the heaviest first; a side that tells stalls and not this one spent nothing on it."""
    ours = {stall.reason: stall for stall in baseline.stalls} if baseline else {}
    theirs = {stall.reason: stall for stall in candidate.stalls} if candidate else {}

    def share(side: dict[str, Stall], reason: str) -> float | None:
        return side[reason].share if reason in side else 0.0 if side else None

    reasons = dict.fromkeys([*ours, *theirs])
    for reason in sorted(reasons, key=lambda one: -max(share(ours, one) or 0.0, share(theirs, one) or 0.0)):
        named = theirs.get(reason) or ours[reason]
        yield StallDelta(reason, named.vendor_name, share(ours, reason), share(theirs, reason))


def match_kernels(
    baseline: Sequence[KernelProfile], candidate: Sequence[KernelProfile]
) -> list[tuple[KernelProfile | None, KernelProfile | None]]:
    """Pairs of one name; of those left over the first with the first, as a change may rename a kernel."""
    by_name = {kernel.name: kernel for kernel in candidate}
    pairs: list[tuple[KernelProfile | None, KernelProfile | None]] = []
    lonely: list[KernelProfile] = []
    for kernel in baseline:
        other = by_name.pop(kernel.name, None)
        if other is None:
            lonely.append(kernel)
        else:
            pairs.append((kernel, other))
    left = list(by_name.values())
    pairs += list(zip(lonely, left, strict=False))
    pairs += [(kernel, None) for kernel in lonely[len(left) :]]
    pairs += [(None, kernel) for kernel in left[len(lonely) :]]
    return pairs


def causes(kernel: KernelDelta, most: int = 3) -> list[MetricDelta]:
    """The metrics that moved most, the farthest first, without those that only say that time did."""
    moved = [
        row for row in kernel.metrics if row.moved and row.metric.key not in _NO_CAUSE and row.metric.group != "launch"
    ]
    return sorted(moved, key=lambda row: -row.weight)[:most]
