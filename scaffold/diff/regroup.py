"""Passes that only one side runs by name, and that do on one side what others do on the other: renamed, split, joined.

Names fail across releases, so what a pass *does* decides, and where it stands: between the same neighbours, taking away
and putting in the same lines, however these name their variables.
A pass that was written anew puts in other lines, and still takes away those it is there for: in its place, and where no
other pass there does anything, that is enough. (``tl.LayoutReducer`` of TileLang 0.1.13 was split into
``tl.CanonicalizeLegacyReducer`` where it stood and ``tl.ReducerPlanAndMaterialize`` further on.)
A pass that changes nothing does nothing that could be recognised, and stays alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from scaffold.diff.align import Effect, PassPair, share_in_common
from scaffold.trace.model import PassRecord


@dataclass(frozen=True)
class Effects:
    """What one side does: to all lines, and to statements without their annotations."""

    on_lines: Effect
    on_statements: Effect


#: Share of the lines of two effects that must be the same for them to be one pass under two names; half of them is
#: what no two passes of a pipeline share by chance, and still bears that the pass was changed as it was renamed.
_ALIKE = 0.5
#: The same for one pass against several, where the whole must do what the one did.
_THE_SAME = 0.9


def regroup(pairs: Sequence[PassPair], ours: Effects, theirs: Effects) -> list[PassPair]:
    """Pair what names left alone between two aligned passes, by effect; the order of both sides is kept."""
    found: list[PassPair] = []
    alone: list[PassPair] = []
    for pair in pairs:
        if pair.is_alone:
            alone.append(pair)
            continue
        found += _regrouped(alone, ours, theirs)
        alone = []
        found.append(pair)
    return found + _regrouped(alone, ours, theirs)


def _regrouped(alone: Sequence[PassPair], ours: Effects, theirs: Effects) -> list[PassPair]:
    base = [pair.baseline for pair in alone if _may_be_renamed(pair) and pair.baseline]
    cand = [pair.candidate for pair in alone if _may_be_renamed(pair) and pair.candidate]
    if not base or not cand:
        return list(alone)
    if len(base) == 1 or len(cand) == 1:
        made = _joined(base, cand, ours.on_lines, theirs.on_lines)
        if made is not None:
            return _placed(alone, [made])
    if len(base) == len(cand) == 1 and _rewrite_the_same(
        _of(base[0], ours.on_statements), _of(cand[0], theirs.on_statements)
    ):
        return _placed(alone, [_renamed(base[0], cand[0])])
    renamed = []
    rest = list(cand)
    for one in base:
        likeness = [
            (share_in_common(_of(one, ours.on_lines), _of(other, theirs.on_lines)), -at)
            for at, other in enumerate(rest)
        ]
        best, at = max(likeness, default=(0.0, 0))
        if best >= _ALIKE:
            renamed.append(_renamed(one, rest[-at]))
            rest = rest[1 - at :]  # what comes before it would have to cross over
    return _placed(alone, renamed)


def _may_be_renamed(pair: PassPair) -> bool:
    """Outermost, run to its end, doing something, and not found elsewhere on the other side by its name."""
    record = pair.record
    return record.depth == 0 and not pair.moved and record.after not in (None, record.before)


def _of(record: PassRecord, effect: Effect) -> Counter[str]:
    return effect(record.before, record.after or record.before)


def _joined(base: Sequence[PassRecord], cand: Sequence[PassRecord], ours: Effect, theirs: Effect) -> PassPair | None:
    """One pass on one side against all of the other as one, where they do the same."""
    if len(base) == len(cand) or not (_in_a_row(base) and _in_a_row(cand)):
        return None
    left, right = _as_one(base), _as_one(cand)
    if share_in_common(_of(left, ours), _of(right, theirs)) < _THE_SAME:
        return None
    return PassPair(left, right, renamed=True, baseline_parts=tuple(base), candidate_parts=tuple(cand))


def _in_a_row(records: Sequence[PassRecord]) -> bool:
    return all(one.after == other.before for one, other in pairwise(records))


def _as_one(records: Sequence[PassRecord]) -> PassRecord:
    """Several passes as if they were one."""
    name = " + ".join(record.shown_name for record in records)
    return records[0] if len(records) == 1 else replace(records[0], name=name, label=None, after=records[-1].after)


def _renamed(one: PassRecord, other: PassRecord) -> PassPair:
    return PassPair(one, other, renamed=True, baseline_parts=(one,), candidate_parts=(other,))


def _rewrite_the_same(ours: Counter[str], theirs: Counter[str]) -> bool:
    """Whether one takes away all statements that the other does, if that is any."""
    removed = [Counter({line: n for line, n in effect.items() if line.startswith("-")}) for effect in (ours, theirs)]
    lesser, greater = sorted(removed, key=Counter.total)
    return bool(lesser) and lesser <= greater


def _placed(alone: Sequence[PassPair], made: Sequence[PassPair]) -> list[PassPair]:
    """The rows with those paired by effect among them: what runs before a pass on either side stays before it."""
    left = [pair for pair in alone if pair.baseline is not None]
    right = [pair for pair in alone if pair.candidate is not None]
    found: list[PassPair] = []
    for pair in made:
        for rows, parts in ((left, pair.baseline_parts), (right, pair.candidate_parts)):
            end = next(at for at, row in enumerate(rows) if row.record is parts[-1])
            found += [row for row in rows[:end] if all(row.record is not part for part in parts)]
            del rows[: end + 1]
        found.append(pair)
    return [*found, *left, *right]
