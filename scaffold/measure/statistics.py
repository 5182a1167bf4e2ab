"""From block medians to a ratio, an interval and a verdict. Pure: numbers in, model out.

A *round* is one fresh process a side, in random order; a *block* is one of those processes, told by its median.
The ratio is candidate / baseline: below 1.0 is faster. Rounds are compared pairwise, as what drifts (clocks,
temperature, a neighbour) drifts for both sides of a round alike.

The tests are SciPy's: a paired bootstrap for the interval, Wilcoxon's signed ranks for the p value, Benjamini and
Hochberg's step-up over the rows of a table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from scaffold.errors import MissingToolError

#: Rows of one table are false claims in at most this share of tables in which nothing changed.
ALPHA = 0.05
#: Of the interval that is shown, and of the narrower risk a claim of SAME takes.
CONFIDENCE = 0.95
#: Rounds after which there is a first look: with fewer, signed ranks cannot be below ALPHA after all looks.
FIRST_LOOK = 8
_RESAMPLES = 2000
#: A fixed seed: the same samples give the same interval on every machine.
_SEED = 20


class Verdict(str, Enum):
    """What is claimed of a row; the word is what the reader sees."""

    FASTER = "FASTER"
    SLOWER = "SLOWER"
    SAME = "SAME"
    AMBIGUOUS = "AMBIGUOUS"


@dataclass(frozen=True)
class Effect:
    """Two sides of the same rounds.

    ``ratio`` is of the medians over blocks, candidate / baseline (dimensionless); ``low`` and ``high`` bound it at
    ``CONFIDENCE``; ``p_value`` is of "no difference", and already pays for every look that was planned.
    """

    ratio: float
    low: float
    high: float
    p_value: float
    rounds: int

    @property
    def distance(self) -> float:
        """How far from 1.0, the same for a ratio and its inverse."""
        return abs(math.log(self.ratio))


@dataclass(frozen=True)
class Judgement:
    """A verdict, why in a few words, and the p value after correction for the rows of the table."""

    verdict: Verdict
    reason: str
    q_value: float


def require_scipy() -> None:
    """Raise :class:`MissingToolError` where SciPy is not installed: a small bundle has none."""
    import importlib.util

    if importlib.util.find_spec("scipy") is None or importlib.util.find_spec("scipy.stats") is None:
        raise MissingToolError(
            "SciPy is not installed here, and bench takes its statistics from it",
            hint="make the bundle without --max-size, or: python -m pip install --force-reinstall scipy",
        )


def looks(most_rounds: int) -> tuple[int, ...]:
    """Numbers of rounds at which to look whether enough is known: half as many again each time, up to the limit."""
    found, count = [], FIRST_LOOK
    while count < most_rounds:
        found.append(count)
        count = math.ceil(count * 1.5)
    return (*found, max(most_rounds, FIRST_LOOK))


def effect_of(baseline: Sequence[float], candidate: Sequence[float], *, planned_looks: int = 1) -> Effect:
    """Compare the block medians of two sides, in any one unit of time, round by round.

    Raises
    ------
    ValueError
        If the sides have not the same number of rounds, fewer than two, or a value that is no positive number.
    """
    import numpy
    from scipy import stats

    ours, theirs = (numpy.asarray(side, dtype=float) for side in (baseline, candidate))
    if ours.shape != theirs.shape or ours.ndim != 1 or len(ours) < 2:
        message = f"rounds come in pairs: {len(ours)} of the baseline, {len(theirs)} of the candidate"
        raise ValueError(message)
    if not (numpy.isfinite(ours).all() and numpy.isfinite(theirs).all() and (ours > 0).all() and (theirs > 0).all()):
        raise ValueError("a block's median is no positive number")
    ratio = float(numpy.median(theirs) / numpy.median(ours))
    differences = numpy.log(theirs) - numpy.log(ours)
    if not differences.any():
        return Effect(1.0, 1.0, 1.0, 1.0, len(ours))

    def ratio_of_medians(one: object, other: object, axis: int = -1) -> object:
        return numpy.median(other, axis=axis) / numpy.median(one, axis=axis)  # type: ignore[call-overload]

    found = stats.bootstrap(
        (ours, theirs),
        ratio_of_medians,
        paired=True,
        vectorized=True,
        n_resamples=_RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=numpy.random.default_rng(_SEED),
    )
    low, high = (float(value) for value in found.confidence_interval)
    p_value = float(stats.wilcoxon(differences, zero_method="zsplit").pvalue)
    return Effect(ratio, low, high, min(1.0, p_value * planned_looks), len(ours))


def judge(effect: Effect, again: Effect | None, *, smallest: float, q_value: float | None = None) -> Judgement:
    """What may be claimed of ``effect`` beside ``again``, the baseline measured against itself in the same rounds.

    ``smallest`` is the smallest effect of interest (0.01: one per cent).
    """
    q = effect.p_value if q_value is None else q_value
    bound = math.log1p(smallest)
    if max(abs(math.log(effect.low)), abs(math.log(effect.high))) < bound:
        return Judgement(Verdict.SAME, f"within {_percent(smallest)} either way", q)
    if q >= ALPHA or effect.low <= 1.0 <= effect.high:
        width = max(effect.high / effect.ratio, effect.ratio / effect.low) - 1
        return Judgement(Verdict.AMBIGUOUS, f"±{_percent(width)} is too wide to tell {_percent(smallest)}", q)
    if again is not None and again.distance >= effect.distance:
        said = f"the baseline differs from itself by as much ({_percent(math.expm1(again.distance))})"
        return Judgement(Verdict.AMBIGUOUS, said, q)
    slower = effect.ratio > 1
    size = effect.ratio - 1 if slower else 1 - effect.ratio
    verdict = Verdict.SLOWER if slower else Verdict.FASTER
    return Judgement(verdict, f"{_percent(size)} {'more' if slower else 'less'} time", q)


def judge_rows(effects: Sequence[Effect], again: Sequence[Effect | None], *, smallest: float) -> list[Judgement]:
    """Judge the rows of one table together: a claim must hold however many rows were looked at."""
    if not effects:
        return []
    from scipy import stats

    q_values = stats.false_discovery_control([effect.p_value for effect in effects])
    rows = zip(effects, again, q_values, strict=True)
    judged = [judge(effect, twin, smallest=smallest, q_value=float(q)) for effect, twin, q in rows]
    return [
        replace(one, reason=f"does not hold among {len(effects)} rows (q = {one.q_value:.2f})")
        if one.verdict is Verdict.AMBIGUOUS and effect.p_value < ALPHA <= one.q_value
        else one
        for one, effect in zip(judged, effects, strict=True)
    ]


def is_settled(effect: Effect, again: Effect | None, *, smallest: float, rows: int = 1) -> bool:
    """Whether more rounds would hardly change what is claimed, whatever comes of the other ``rows`` of the table."""
    q_value = min(1.0, effect.p_value * rows)
    return judge(effect, again, smallest=smallest, q_value=q_value).verdict is not Verdict.AMBIGUOUS


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %" if share < 0.1 else f"{share * 100:.0f} %"
