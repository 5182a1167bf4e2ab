"""Choose what to show where there is room for one change only: the terminal's example, the picture."""

from __future__ import annotations

from scaffold.diff.text import Hunk
from scaffold.report.derived import fold_derived
from scaffold.report.view import PassView, Report

#: Lines shown above the telling one.
_LEAD = 5


def focused_pass(report: Report) -> PassView | None:
    """The row in focus; ``None`` where nothing changed."""
    if report.focus is None:
        return None
    return next((row for row in report.passes if row.index == report.focus.index), None)


def focused_window(report: Report, most_lines: int) -> list[Hunk]:
    """At most ``most_lines`` lines of the row in focus, from a little above its telling line on."""
    row = focused_pass(report)
    if row is None:
        return []
    return window_from(row, report.focus.line if report.focus else None, most_lines)


def window_from(row: PassView, telling: str | None, most_lines: int) -> list[Hunk]:
    """At most ``most_lines`` lines of ``row``, derived ones left out, from a little above the line ``telling`` on."""
    skip = _position(row, telling)
    left = most_lines
    window: list[Hunk] = []
    for hunk in fold_derived(row.hunks)[0]:
        if skip >= len(hunk.lines):
            skip -= len(hunk.lines)
            continue
        lines = hunk.lines[skip : skip + left]
        skip = 0
        if left <= 0:
            break
        window.append(Hunk(lines, hunk.place))
        left -= len(lines)
    return window


def _position(row: PassView, telling: str | None) -> int:
    """Lines to skip: the telling line's position in its hunk, less the lead, counted over all hunks."""
    before = 0
    for hunk in fold_derived(row.hunks)[0]:
        for index, line in enumerate(hunk.lines):
            if telling is not None and line.kind != " " and not line.carried and line.text.strip() == telling:
                return before + max(0, index - _LEAD)
        before += len(hunk.lines)
    return 0
