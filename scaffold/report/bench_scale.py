"""An axis of ratios for the pictures: logarithmic, as twice as fast is as far from 1 as twice as slow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from scaffold.report.bench_view import Ratio
from scaffold.report.bench_words import is_drawable

#: How far the axis may reach, in smallest effects of interest and in median distances from 1: beyond it a ratio is
#: drawn at the edge, as one that is far off would press all others together.
_MOST_SMALLEST = 40
_MOST_MEDIANS = 6
#: Room left of the least and right of the largest, in shares of the axis; and around the band of the smallest effect.
_MARGIN = 0.06
_AROUND_BAND = 1.8
_MOST_TICKS = 9
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
#: Ends of the axis that are this far apart need ticks that are as far apart as factors, not as differences.
_WIDE = 2.5
_COARSE = (1.0, 2.0, 5.0)
_FINE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


@dataclass(frozen=True)
class Scale:
    """From ``low`` to ``high``, both positive ratios with 1 between them."""

    low: float
    high: float

    def at(self, ratio: float) -> float:
        """The place of a ratio as a share of the axis; what is beyond it is at its end."""
        place = math.log(ratio / self.low) / math.log(self.high / self.low)
        return min(1.0, max(0.0, place))

    def holds(self, ratio: float) -> bool:
        return self.low <= ratio <= self.high

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Ratios to label, with their labels; 1 is one of them."""
        if self.high / self.low > _WIDE:
            coarse = self._factors(_COARSE)
            found = coarse if len(coarse) > 3 else self._factors(_FINE)
            return tuple((ratio, f"{ratio:g}") for ratio in found)
        step = next((step for step in _STEPS if (self.high - self.low) / step <= _MOST_TICKS), _STEPS[-1])
        first, last = math.ceil((self.low - 1) / step), math.floor((self.high - 1) / step)
        digits = max(1, -math.floor(math.log10(step)))
        return tuple((1 + at * step, f"{1 + at * step:.{digits}f}") for at in range(first, last + 1))

    def _factors(self, of: tuple[float, ...]) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = [round(factor * 10.0**power, 9) for power in range(first, last + 1) for factor in of]
        return [ratio for ratio in every if self.holds(ratio)]


def scale_of(ratios: Iterable[Ratio | None], again: Iterable[Ratio | None], smallest: float) -> Scale:
    """An axis on which these ratios, those of a side against itself, and the smallest effect of interest are seen."""
    band = math.log1p(smallest)
    logs = list(_logs(ratios))
    far = [max(map(abs, values)) for values in logs]
    logs += _logs(again)
    limit = max(_MOST_SMALLEST * band, _MOST_MEDIANS * median(far)) if far else band
    least = min([-band * _AROUND_BAND, *(max(min(values), -limit) for values in logs)])
    most = max([band * _AROUND_BAND, *(min(max(values), limit) for values in logs)])
    margin = (most - least) * _MARGIN or _MARGIN
    return Scale(math.exp(least - margin), math.exp(most + margin))


def _logs(ratios: Iterable[Ratio | None]) -> Iterator[list[float]]:
    """Both ends and the middle of each ratio that has a place on an axis."""
    for ratio in ratios:
        if is_drawable(ratio):
            yield [math.log(value) for value in (ratio.low, ratio.ratio, ratio.high)]
