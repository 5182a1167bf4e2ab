"""What of a comparison to show: the hunks around what a pass made different, and where lines stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from scaffold.diff.equality import Tier
from scaffold.diff.model import PassComparison
from scaffold.diff.one_side import hunks_between, placed
from scaffold.diff.place import place_of
from scaffold.diff.sources import source_tier
from scaffold.diff.state import State
from scaffold.diff.text import Hunk, Line, diff_lines, into_hunks, lines_of
from scaffold.trace.model import TraceFile


def state_hunks(state: State, before: State | None, *, context: int) -> tuple[list[Hunk], int]:
    """Hunks of a state, lines that differed in ``before`` marked carried; those with nothing new are counted."""
    if state.tier is Tier.BYTES:
        return [], 0
    carried = Counter(before.difference) if before is not None else Counter()
    compared = diff_lines(state.baseline, state.candidate, context=context)
    lines = [_marked(line, carried, state) for line in compared]
    hunks = [placed(hunk, state.baseline, state.candidate) for hunk in into_hunks(lines, context=context)]
    said = [hunk for hunk in hunks if any(_is_said(line, state) for line in hunk.lines)]
    fresh = [hunk for hunk in said if any(line.kind != " " and not line.carried for line in hunk.lines)]
    if said and not fresh and before is not None:
        # In words that differed before, at other places.
        return state_hunks(state, None, context=context)
    return fresh, len(said) - len(fresh)


def _is_said(line: Line, state: State) -> bool:
    return line.kind != " " and bool(_compared(line, state))


def _compared(line: Line, state: State) -> str:
    """The line as it was compared: empty where one of the sides says elsewhere what it says."""
    if line.before is not None:
        return state.baseline[line.before - 1]
    return state.candidate[(line.after or 1) - 1]


def _marked(line: Line, carried: Counter[str], state: State) -> Line:
    """The line, carried if it differed before. One that is said elsewhere is no news, and shown as recorded."""
    if line.kind == " ":
        return line
    if not line.text:
        recorded = state.recorded[0 if line.kind == "-" else 1]
        return replace(line, text=recorded[(line.before or line.after or 1) - 1], carried=True)
    key = f"{line.kind}{line.text.strip()}"
    if carried[key] <= 0:
        return line
    carried[key] -= 1
    return replace(line, carried=True)


def source_hunks(baseline: TraceFile, candidate: TraceFile, *, context: int) -> tuple[Tier | None, tuple[Hunk, ...]]:
    """How equal the generated sources are, and where not; ``None`` where a side has none."""
    ours, theirs = baseline.trace.artifact("source"), candidate.trace.artifact("source")
    if ours is None or theirs is None or ours.digest is None or theirs.digest is None:
        return None, ()
    before, after = baseline.text(ours.digest), candidate.text(theirs.digest)
    tier = source_tier(before, after)
    if tier is Tier.BYTES:
        return tier, ()
    return tier, tuple(hunks_between(lines_of(before), lines_of(after), context=context))


def place_in(files: Sequence[TraceFile], row: PassComparison, ours: Line | None, theirs: Line | None) -> str:
    """Where a line of a row stands. A pass on one side only shows its own before and after as the two sides."""
    one, other = row.baseline, row.candidate
    if one is not None and other is not None:
        sides = files[0].text(one.record.after), files[1].text(other.record.after)
    else:
        file, effect = (files[0], one) if one else (files[1], other)
        if effect is None:
            return ""
        sides = file.text(effect.record.before), file.text(effect.record.after)
    if theirs is not None and theirs.after is not None:
        return place_of(lines_of(sides[1]), theirs.after - 1)
    return place_of(lines_of(sides[0]), (ours.before or 1) - 1) if ours is not None else ""
