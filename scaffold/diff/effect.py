"""What a pass did on two sides, as multisets of lines: how many differ, how deep, and whether the order does.

A multiset and not a sequence, so that the same edits around different surroundings count as the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from scaffold.diff.annotations import without_annotations
from scaffold.diff.model import Degree
from scaffold.diff.names import rename
from scaffold.diff.text import opcodes
from scaffold.diff.tokens import nameless, shape_of

#: Before and after on the baseline, before and after on the candidate, as lines.
Texts = tuple[Sequence[str], Sequence[str], Sequence[str], Sequence[str]]


def signed_lines(before: Sequence[str], after: Sequence[str]) -> Counter[str]:
    """Lines taken away and put in, by position: a line that only moved counts on both sides."""
    signed: Counter[str] = Counter()
    for code in opcodes(before, after):
        if code.tag != "equal":
            signed.update(f"-{line}" for line in before[code.before_start : code.before_end])
            signed.update(f"+{line}" for line in after[code.after_start : code.after_end])
    return signed


def gained(before: Sequence[str], after: Sequence[str]) -> dict[str, int]:
    """How many more of a line there are after than before, less than 0 where fewer; lines of as many are left out."""
    if before == after:
        return {}
    counts = Counter(after)
    counts.subtract(Counter(before))
    return {line: count for line, count in counts.items() if count}


def compare_effects(texts: Texts, mapping: Mapping[str, str]) -> tuple[Degree, int]:
    """How the effects of a pass differ: how deep, and in how many lines that only one side's has.

    The degree is that of the mildest blanking under which they are the same; the lines count names as they are.
    """
    base_before, base_after, cand_before, cand_after = texts
    ours, theirs = gained(base_before, base_after), gained(cand_before, cand_after)
    if ours == theirs:
        return Degree.NONE, 0
    lines = sum(abs(ours.get(line, 0) - theirs.get(line, 0)) for line in {**ours, **theirs})
    theirs = gained(rename(cand_before, mapping), rename(cand_after, mapping))
    if ours == theirs:
        return Degree.NAMES, lines
    for degree, blank in ((Degree.NAMES, nameless), (Degree.VALUES, shape_of)):
        if _blanked(ours, blank) == _blanked(theirs, blank):
            return degree, lines
    base_before, base_after, cand_before, cand_after = map(without_annotations, texts)
    ours = gained(base_before, base_after)
    theirs = gained(rename(cand_before, mapping), rename(cand_after, mapping))
    is_same = _blanked(ours, shape_of) == _blanked(theirs, shape_of)
    return (Degree.ANNOTATIONS if is_same else Degree.SHAPE), lines


def signed_multiset(before: Sequence[str], after: Sequence[str]) -> Counter[str]:
    """Lines that there are fewer of, and more of, after than before."""
    lines = gained(before, after).items()
    return Counter({f"{'+' if count > 0 else '-'}{line}": abs(count) for line, count in lines})


def moves_alike(texts: Texts, mapping: Mapping[str, str]) -> bool:
    """Whether a pass moves the same lines on both sides: a multiset of lines knows no order."""
    base_before, base_after, cand_before, cand_after = texts
    ours = signed_lines(base_before, base_after)
    return ours == signed_lines(rename(cand_before, mapping), rename(cand_after, mapping))


def _blanked(effect: Mapping[str, int], blank: Callable[[str], str]) -> Counter[str]:
    """Lines taken away and put in, apart: a line for another of the same shape is an effect."""
    counts: Counter[str] = Counter()
    for line, count in effect.items():
        counts[f"{'+' if count > 0 else '-'}{blank(line)}"] += abs(count)
    return counts


def multiset_difference(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """Lines that one side has and the other has not."""
    return sum(map(abs, gained(ours, theirs).values()))
