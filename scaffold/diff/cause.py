"""Cause before consequence: the pass without whose doing another would not differ.

A pass that is given another module does something else with it, though nothing is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from scaffold.diff.model import Degree, PassComparison, PassEffect, Status

#: The lines of a module by its digest, each without its indentation: of the baseline, and of the candidate.
LinesOf = Callable[[str | None], Collection[str]]

#: A layout that is written out below its module, by its name or what it is.
LAYOUT = re.compile(r"\b\w+#[0-9a-f]{8}\b")

_BEYOND_NAMES = (Degree.VALUES, Degree.ANNOTATIONS, Degree.SHAPE)


def cause_of(
    rows: Sequence[PassComparison], at: int, given: Collection[int], lines_of: tuple[LinesOf, LinesOf]
) -> int | None:
    """The row whose doing the pass of row ``at`` acts on; ``given`` are the origins of what that pass was given.

    A pass that runs on one side only is the cause of what any later one makes of it. One that both sides run is, where
    what it made different, an annotation first, is used up by the later one, and where it decides another layout, which
    is there until nothing needs it.
    """
    for earlier in sorted(index for index in given if 0 <= index < at):
        row = rows[earlier]
        if not row.introduces or row.degree not in _BEYOND_NAMES or row.effect.record.depth:
            continue
        alone = row.is_alone and not row.moved and row.status is not Status.FAILED
        if alone or _decides_layout(row) or _is_used_up(row, rows[at], lines_of):
            return earlier
    return None


def _decides_layout(row: PassComparison) -> bool:
    """Whether only layouts are others, each written by what it is, for statements that are the same."""
    fresh = [line.text for hunk in row.hunks for line in hunk.lines if line.kind != " " and not line.carried]
    return row.degree is not Degree.SHAPE and not row.before.shape_lines and any(map(LAYOUT.search, fresh))


def _is_used_up(row: PassComparison, later: PassComparison, lines_of: tuple[LinesOf, LinesOf]) -> bool:
    """Whether a line that ``row`` made different is there before the later pass, and behind it no more."""
    fresh = [line for hunk in row.hunks for line in hunk.lines if line.kind != " " and not line.carried]
    sides: tuple[tuple[str, PassEffect | None], ...] = (("-", later.baseline), ("+", later.candidate))
    for (kind, effect), lines in zip(sides, lines_of, strict=True):
        texts = {line.text.strip() for line in fresh if line.kind == kind}
        if effect is None or effect.record.after is None or not texts:
            continue
        if not (texts & set(lines(effect.record.before))) - set(lines(effect.record.after)):
            return False
    return bool(fresh)
