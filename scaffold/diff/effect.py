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


def effect_lines(texts: Texts) -> int:
    """Lines that one side's effect has and the other's has not, names as they are."""
    ours, theirs = _effects(texts, {})
    return sum((ours - theirs).values()) + sum((theirs - ours).values())


def _effects(texts: Texts, mapping: Mapping[str, str]) -> tuple[Counter[str], Counter[str]]:
    """Both effects as multisets of signed lines."""
    base_before, base_after, cand_before, cand_after = texts
    return (
        signed_multiset(base_before, base_after),
        signed_multiset(rename(cand_before, mapping), rename(cand_after, mapping)),
    )


def signed_multiset(before: Sequence[str], after: Sequence[str]) -> Counter[str]:
    """Lines that there are fewer of, and more of, after than before."""
    counts = Counter(after)
    counts.subtract(before)
    return Counter({f"{'+' if n > 0 else '-'}{line}": abs(n) for line, n in counts.items() if n})


def effect_degree(texts: Texts, mapping: Mapping[str, str]) -> Degree:
    """How deep the effects of a pass differ: the mildest blanking under which they are the same."""
    ours, theirs = _effects(texts, {})
    if ours == theirs:
        return Degree.NONE
    ours, theirs = _effects(texts, mapping)
    if ours == theirs:
        return Degree.NAMES
    for degree, blank in ((Degree.NAMES, nameless), (Degree.VALUES, shape_of)):
        if _blanked(ours, blank) == _blanked(theirs, blank):
            return degree
    base_before, base_after, cand_before, cand_after = map(without_annotations, texts)
    ours, theirs = _effects((base_before, base_after, cand_before, cand_after), mapping)
    return Degree.ANNOTATIONS if _blanked(ours, shape_of) == _blanked(theirs, shape_of) else Degree.SHAPE


def moves_alike(texts: Texts, mapping: Mapping[str, str]) -> bool:
    """Whether a pass moves the same lines on both sides: a multiset of lines knows no order."""
    base_before, base_after, cand_before, cand_after = texts
    ours = signed_lines(base_before, base_after)
    return ours == signed_lines(rename(cand_before, mapping), rename(cand_after, mapping))


def _blanked(effect: Counter[str], blank: Callable[[str], str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for line, count in effect.items():
        counts[line[0] + blank(line[1:])] += count
    return counts


def multiset_difference(ours: Sequence[str], theirs: Sequence[str]) -> int:
    left, right = Counter(ours), Counter(theirs)
    return sum((left - right).values()) + sum((right - left).values())
