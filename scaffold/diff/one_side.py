"""What each pass of one trace did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scaffold.diff.metrics import measure, metric_deltas
from scaffold.diff.model import OneSide, PassEffect
from scaffold.diff.place import functions_by_line, functions_of, place_of
from scaffold.diff.text import Hunk, Line, diff_lines, into_hunks, lines_of
from scaffold.trace.model import PassRecord, TraceFile


def effects_of(file: TraceFile, *, context: int = 3) -> OneSide:
    """Every pass of ``file`` with its effect."""
    durations = {t.sequence: t.inclusive_ms for t in file.run.timings} if file.run else {}
    return OneSide(
        tuple(effect_of(file, record, durations.get(record.sequence), context=context) for record in file.trace.passes)
    )


def effect_of(file: TraceFile, record: PassRecord, duration_ms: float | None, *, context: int = 3) -> PassEffect:
    """What ``record`` did; a pass that raised has no lines."""
    if record.after is None or record.before == record.after:
        return PassEffect(record, 0, 0, (), (), (), duration_ms)
    before, after = file.text(record.before), file.text(record.after)
    lines_before, lines_after = lines_of(before), lines_of(after)
    hunks = hunks_between(lines_before, lines_after, context=context)
    defined_before, defined_after = functions_of(lines_before), functions_of(lines_after)
    holding = functions_by_line(lines_before), functions_by_line(lines_after)
    functions = dict.fromkeys(
        name for hunk in hunks for line in hunk.lines if line.kind != " " and (name := _function(holding, line))
    )
    return PassEffect(
        record=record,
        removed=sum(hunk.removed for hunk in hunks),
        added=sum(hunk.added for hunk in hunks),
        functions=tuple(functions),
        hunks=tuple(hunks),
        metrics=metric_deltas(measure(before), measure(after)),
        duration_ms=duration_ms,
        made=tuple(name for name in defined_after if name not in defined_before),
        dropped=tuple(name for name in defined_before if name not in defined_after),
    )


def hunks_between(before: Sequence[str], after: Sequence[str], *, context: int = 3) -> list[Hunk]:
    """Hunks of two texts, each with its place in the IR."""
    lines = diff_lines(before, after, context=context)
    return [placed(hunk, before, after) for hunk in into_hunks(lines, context=context)]


def placed(hunk: Hunk, before: Sequence[str], after: Sequence[str]) -> Hunk:
    """The hunk with the place of its first change."""
    first = next(line for line in hunk.lines if line.kind != " ")
    if first.after is not None:
        return replace(hunk, place=place_of(after, first.after - 1))
    return replace(hunk, place=place_of(before, (first.before or 1) - 1))


def _function(holding: tuple[Sequence[str | None], Sequence[str | None]], line: Line) -> str | None:
    before, after = holding
    return after[line.after - 1] if line.after is not None else before[(line.before or 1) - 1]
