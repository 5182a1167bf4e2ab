"""How likely two samples have nothing in common although one distribution gave both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from math import comb


def odds_of_nothing_in_common(baseline: Sequence[Hashable], candidate: Sequence[Hashable]) -> float:
    """Share of the ways to deal all outcomes to two sides, as many to each as it has, that share no outcome.

    A permutation test: were both sides samples of one distribution, every way would be as likely as the one seen.
    It asks nothing of how many outcomes there are, or how likely each is.
    """
    ways: Counter[int] = Counter({0: 1})
    for count in Counter([*baseline, *candidate]).values():
        ways += Counter({size + count: number for size, number in ways.items()})
    return ways[len(baseline)] / comb(len(baseline) + len(candidate), len(baseline))
