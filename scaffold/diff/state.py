"""Two modules at one point of two pipelines: how they differ, and whether a pass made that more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from scaffold.diff.annotations import without_annotations
from scaffold.diff.effect import signed_lines
from scaffold.diff.equality import Tier, equality_of_lines
from scaffold.diff.model import Degree, Distance, Status
from scaffold.diff.names import match_names, rename
from scaffold.diff.place import indentation
from scaffold.diff.text import changed_lines, opcodes
from scaffold.diff.tokens import shape_of


@dataclass(frozen=True)
class State:
    """Both sides at one point, in one spelling and the candidate's names matched to the baseline's.

    ``candidate_as_named`` is the candidate before that, ``recorded`` are both as their releases wrote them.
    ``printed_lines`` counts lines that are the same but for how a release writes them; ``distance`` holds none of them.
    """

    baseline: tuple[str, ...]
    candidate: tuple[str, ...]
    candidate_as_named: tuple[str, ...]
    recorded: tuple[Sequence[str], Sequence[str]]
    mapping: Mapping[str, str]
    tier: Tier
    degree: Degree
    distance: Distance
    printed_lines: int
    difference: Counter[str]


@dataclass(frozen=True)
class Text:
    """One module: its lines as recorded, and as they are compared."""

    recorded: Sequence[str]
    lines: Sequence[str]


def compare_texts(ours: Text, theirs: Text) -> State:
    """How two modules differ."""
    baseline = tuple(ours.lines)
    if ours.recorded == theirs.recorded:
        return State(
            baseline,
            baseline,
            baseline,
            (ours.recorded, theirs.recorded),
            {},
            Tier.BYTES,
            Degree.NONE,
            Distance(),
            0,
            Counter(),
        )
    tier = equality_of_lines(ours.lines, theirs.lines)
    mapping = match_names(baseline, theirs.lines)
    candidate = tuple(rename(theirs.lines, mapping))
    difference = signed_lines(_written(baseline), _written(candidate))
    with_all = _shape_difference(baseline, candidate)
    shape_lines = _shape_difference(without_annotations(baseline), without_annotations(candidate)) if with_all else 0
    distance = Distance(difference.total(), max(0, with_all - shape_lines), shape_lines)
    return State(
        baseline=baseline,
        candidate=candidate,
        candidate_as_named=tuple(theirs.lines),
        recorded=(ours.recorded, theirs.recorded),
        mapping=mapping,
        tier=tier,
        degree=_degree(tier, with_all, shape_lines, difference),
        distance=distance if tier is Tier.DIFFERENT else Distance(),
        printed_lines=_printed_lines(ours, theirs, candidate),
        # A line that differed stays carried when a pass indents it anew on both sides.
        difference=Counter({f"{line[0]}{line[1:].strip()}": count for line, count in difference.items()}),
    )


def _degree(tier: Tier, with_all: int, shape_lines: int, difference: Counter[str]) -> Degree:
    if tier is not Tier.DIFFERENT:
        return Degree.NAMES if tier is Tier.NAMES else Degree.NONE
    if shape_lines or not difference:
        return Degree.SHAPE
    return Degree.ANNOTATIONS if with_all else Degree.VALUES


def _written(lines: Sequence[str]) -> list[str]:
    """The lines that say something; an empty one is said elsewhere."""
    return [line for line in lines if line]


def _shape_difference(ours: Sequence[str], theirs: Sequence[str]) -> int:
    shapes = ([shape_in_place(line) for line in _written(lines)] for lines in (ours, theirs))
    return sum(changed_lines(*shapes))


@lru_cache(maxsize=65536)
def shape_in_place(line: str) -> str:
    """The shape of a line with its indentation, which says what it is part of."""
    return " " * indentation(line) + shape_of(line)


def _printed_lines(ours: Text, theirs: Text, candidate: Sequence[str]) -> int:
    """Lines of either side that are the same as the other's but for how they are written."""
    if ours.lines == ours.recorded and theirs.lines == theirs.recorded:
        return 0
    sides = [[line != said for line, said in zip(text.lines, text.recorded, strict=True)] for text in (ours, theirs)]
    count = sum(
        changed and not line
        for text, side in zip((ours, theirs), sides, strict=True)
        for line, changed in zip(text.lines, side, strict=True)
    )
    for code in opcodes(ours.lines, candidate):
        if code.tag == "equal":
            before, after = code.before_start, code.after_start
            count += 2 * sum(
                bool(ours.lines[before + at])
                and (sides[0][before + at] or sides[1][after + at])
                and ours.recorded[before + at] != theirs.recorded[after + at]
                for at in range(code.before_end - before)
            )
    return count


def classify(
    before: State, after: State, effect: Degree, *, in_order: Callable[[], bool], origin: Degree
) -> tuple[Status, Degree]:
    """What a pass that both sides run does to the divergence, and how deep its effects differ.

    ``in_order`` says whether also the order in which it leaves the lines is the same on both sides; it is seldom asked.
    ``origin``: how deep the differences are that begin with this pass.
    """
    was, remains = before.tier is Tier.DIFFERENT, after.tier is Tier.DIFFERENT
    if not remains:
        if was:
            return Status.HEALS, effect
        # Equal up to names on both ends; a pass may still be where the renaming begins.
        begins = after.tier is Tier.NAMES and before.tier < Tier.NAMES
        return (Status.INTRODUCES, Degree.NAMES) if begins else (Status.SAME, Degree.NONE)
    if not was:
        return Status.INTRODUCES, after.degree
    if origin is Degree.NONE or (effect in (Degree.NONE, Degree.NAMES) and in_order()):
        return Status.CARRIES, effect
    return Status.INTRODUCES, origin
