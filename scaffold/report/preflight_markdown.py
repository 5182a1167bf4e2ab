"""Preflight for a comment, an issue, or a summary of CI."""

from __future__ import annotations

from scaffold.report.clean import cleaned
from scaffold.report.markup import details, escaped, inline
from scaffold.report.preflight_view import BOXES, CheckRow, PreflightReport

_MOST_PLACES = 30


def render_preflight_markdown(report: PreflightReport) -> str:
    """The report as GitHub's Markdown."""
    it = cleaned(report)
    lines = [f"### {escaped(it.headline)}", "", *(f"- {escaped(line)}" for line in it.details), ""]
    lines += [f"- mended: {escaped(line)}" for line in it.fixed] + ([""] if it.fixed else [])
    for word in ("failed", "warned", "unknown"):
        for row in it.of(word):
            lines += _row(row)
    for word, title in (("passed", "passed"), ("quiet", "not for this branch, or left out")):
        rows = it.of(word)  # type: ignore[arg-type]
        if rows:
            body = [f"- {inline(row.id)} {escaped(row.message or row.title)}" for row in rows]
            lines += details(f"{len(rows)} {title}", body)
    if it.items:
        lines += ["#### Checklist", ""]
        for item in it.items:
            box = "[ ]" if item.state in ("open", "failed") else "[x]"
            said = f": {escaped(item.said)}" if item.said and BOXES[item.state] != "[x]" else ""
            lines.append(f"- {box} {item.id} {escaped(item.text)}{said}")
        lines.append("")
    return "\n".join([*lines, f"next: {inline(it.next_command)}", ""])


def _row(row: CheckRow) -> list[str]:
    lines = [f"- **{row.word}** {inline(row.id)}: {escaped(row.message or row.title)}"]
    lines += [f"  - {inline(place)}" for place in row.places[:_MOST_PLACES]]
    lines += [f"  - and {len(row.places) - _MOST_PLACES} more"] if len(row.places) > _MOST_PLACES else []
    lines += [f"  - fix: {escaped(row.fix)}"] if row.fix else []
    return [*lines, ""]
