"""Which pass on one side is which on the other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from scaffold.trace.model import PassRecord

#: What one side does from one module to another: lines taken away and put in, however often, names blanked.
Effect = Callable[[str, str], Counter[str]]

#: What a pair is worth by its name alone, so that a pass which changed altogether still is itself; and what it is worth
#: more where both do the same, where both find and leave the same module, and where both were given the same arguments.
#: Together these outweigh a name: two occurrences that do the same go before three that share a name only.
_NAMED, _DOES_THE_SAME, _SAME_MODULES, _SAME_ARGUMENTS = 2.0, 2.0, 1.0, 1.0

#: The part of :data:`_DOES_THE_SAME` that two passes share which change nothing: that is not much in common.
_NOTHING_IN_COMMON = 0.5


@dataclass(frozen=True)
class PassPair:
    """A pass on both sides, or on one.

    ``moved``: the other side runs it too, at another place in the order. ``renamed``: what each side runs has another
    name, and was paired by what it does; the ``parts`` are the passes that do it, more than one where it was split.
    """

    baseline: PassRecord | None
    candidate: PassRecord | None
    moved: bool = False
    renamed: bool = False
    baseline_parts: tuple[PassRecord, ...] = ()
    candidate_parts: tuple[PassRecord, ...] = ()

    @property
    def is_alone(self) -> bool:
        return self.baseline is None or self.candidate is None

    @property
    def record(self) -> PassRecord:
        """The pass, of the baseline where it runs there."""
        record = self.baseline or self.candidate
        if record is None:
            raise ValueError("a pair holds at least one pass")
        return record


def align_passes(
    baseline: Sequence[PassRecord],
    candidate: Sequence[PassRecord],
    baseline_effect: Effect,
    candidate_effect: Effect,
) -> list[PassPair]:
    """Pair passes by name, nesting, arguments and effect, keeping the order of both sides; the rest stands alone.

    A pass that occurs several times (``tl.Simplify``) is paired with the occurrence that does the same.
    """
    keys = [_key(record) for record in baseline], [_key(record) for record in candidate]
    worth = _worth_of_pairs(baseline, candidate, keys, baseline_effect, candidate_effect)
    start = 0
    while start < min(map(len, keys)) and _is_the_same(baseline[start], candidate[start]):
        start += 1
    # From the end, what is best for all that follows each two passes; so that of equals the first are paired.
    best = [[0.0] * (len(candidate) + 1) for _ in range(len(baseline) + 1)]
    for i in range(len(baseline) - 1, start - 1, -1):
        for j in range(len(candidate) - 1, start - 1, -1):
            alone = max(best[i + 1][j], best[i][j + 1])
            best[i][j] = max(alone, best[i + 1][j + 1] + worth(i, j)) if keys[0][i] == keys[1][j] else alone
    pairs = [PassPair(one, other) for one, other in zip(baseline[:start], candidate[:start], strict=True)]
    i = j = start
    while i < len(baseline) and j < len(candidate):
        if keys[0][i] == keys[1][j] and best[i][j] == best[i + 1][j + 1] + worth(i, j):
            pairs.append(PassPair(baseline[i], candidate[j]))
            i, j = i + 1, j + 1
        elif (best[i + 1][j], _tie_break(baseline[i])) >= (best[i][j + 1], _tie_break(candidate[j])):
            pairs.append(PassPair(baseline[i], None))
            i += 1
        else:
            pairs.append(PassPair(None, candidate[j]))
            j += 1
    pairs += [PassPair(one, None) for one in baseline[i:]] + [PassPair(None, other) for other in candidate[j:]]
    return _in_order(_marked_moved(pairs))


def _tie_break(record: PassRecord) -> tuple[str, ...]:
    """Which of two passes to leave alone where as much speaks for the one as for the other, whatever side it is on."""
    return _key(record), record.arguments or "", record.before, record.after or ""


def _is_the_same(one: PassRecord, other: PassRecord) -> bool:
    """Whether nothing tells two passes apart."""
    return (_key(one), one.arguments, one.before, one.after) == (
        _key(other),
        other.arguments,
        other.before,
        other.after,
    )


def _worth_of_pairs(
    baseline: Sequence[PassRecord],
    candidate: Sequence[PassRecord],
    keys: tuple[Sequence[str], Sequence[str]],
    baseline_effect: Effect,
    candidate_effect: Effect,
) -> Callable[[int, int], float]:
    """How much speaks for a pair of passes of one name; of a name that each side runs once, that is all there is."""
    counts = [Counter(side) for side in keys]

    @cache
    def worth(i: int, j: int) -> float:
        if counts[0][keys[0][i]] == counts[1][keys[1][j]] == 1:
            return _NAMED + _DOES_THE_SAME
        one, other = baseline[i], candidate[j]
        found = _NAMED
        if (one.before, one.after) == (other.before, other.after):
            found += _SAME_MODULES
        if one.arguments == other.arguments:
            found += _SAME_ARGUMENTS
        if one.after is None or other.after is None:
            return found
        did = baseline_effect(one.before, one.after), candidate_effect(other.before, other.after)
        return found + _DOES_THE_SAME * (share_in_common(*did) if any(map(Counter.total, did)) else _NOTHING_IN_COMMON)

    return worth


def share_in_common(baseline: Counter[str], candidate: Counter[str]) -> float:
    """Share of the larger of two effects that both have."""
    larger = max(baseline.total(), candidate.total())
    return (baseline & candidate).total() / larger if larger else 0.0


def _in_order(pairs: Sequence[PassPair]) -> list[PassPair]:
    """Between two pairs, what the baseline runs alone before what the candidate does.

    Of passes that the sides run at each other's places, by name: whichever side is the baseline, one and the same is
    the first.
    """
    found: list[PassPair] = []
    baseline: list[PassPair] = []
    candidate: list[PassPair] = []
    for pair in [*pairs, None]:
        if pair is not None and pair.is_alone:
            (candidate if pair.baseline is None else baseline).append(pair)
            continue
        moved = bool(baseline and candidate) and all(other.moved for other in (*baseline, *candidate))
        exchanged = moved and _tie_break(candidate[0].record) < _tie_break(baseline[0].record)
        found += [*candidate, *baseline] if exchanged else [*baseline, *candidate]
        found += [pair] if pair is not None else []
        baseline, candidate = [], []
    return found


#: TVM's own passes moved from ``tir`` to ``tirx`` and ``s_tir`` in TileLang 0.1.10 (#2216); they are the same passes.
_TVM_NAMESPACE = re.compile(r"\A(?:tirx|s_tir)\.")


def _key(record: PassRecord) -> str:
    """What is the same pass on both sides, whatever a release calls it.

    A pass written in Python reports ``pass_fn`` until a release gives it a name of its own: its constructor stands for
    it in both.
    """
    name = f"tl.{record.label}" if record.label else _TVM_NAMESPACE.sub("tir.", record.name)
    return f"{record.depth}:{name}"


def _marked_moved(pairs: Sequence[PassPair]) -> list[PassPair]:
    alone = [pair for pair in pairs if pair.is_alone]
    baseline = {_called(pair.baseline) for pair in alone if pair.baseline is not None}
    candidate = {_called(pair.candidate) for pair in alone if pair.candidate is not None}
    both = baseline & candidate
    return [replace(pair, moved=True) if pair.is_alone and _called(pair.record) in both else pair for pair in pairs]


def _called(record: PassRecord) -> tuple[str, str | None]:
    return _key(record), record.arguments
