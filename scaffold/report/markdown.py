"""The report as Markdown for a pull request comment: the verdict open, everything else folded.

GitHub takes at most 65,536 characters; what does not fit is left out with a count, the largest changes first.
"""

from __future__ import annotations

from collections.abc import Sequence

from scaffold.diff.text import Hunk
from scaffold.report.clean import cleaned
from scaffold.report.derived import fold_derived, folded_note
from scaffold.report.markup import cell, details, escaped, fence, inline, link
from scaffold.report.verdict import RESOURCE_LABELS
from scaffold.report.view import SYMBOLS, MetricView, PassView, Report

#: Largest comment GitHub takes, less room for what the user writes around it; in characters.
MOST_CHARACTERS = 60_000
#: Largest share of one pass, so that one does not push out the rest; in characters.
_MOST_PER_PASS = 8_000


def render_markdown(report: Report, *, most_characters: int = MOST_CHARACTERS) -> str:
    """The report, at most ``most_characters`` long."""
    report = cleaned(report)
    head = "\n".join([*_head(report), "", *details("Passes", _table(report)), *_products(report)])
    tail = f"\n<sub>next: {inline(report.next_command)}</sub>\n"
    left = most_characters - len(head) - len(tail) - 200
    kept: dict[int, str] = {}
    rows = [row for row in report.shown if row.hunks]
    for row in sorted(rows, key=_importance):
        section = "\n".join(_pass_section(row))
        if len(section) <= left:
            kept[row.index] = section
            left -= len(section)
    sections = [kept[index] for index in sorted(kept)]
    if len(kept) < len(rows):
        sections.append(
            f"_{len(rows) - len(kept)} of {len(rows)} changed passes left out: the comment would be too long._\n"
        )
    text = "\n".join([head, "", *sections]) + tail
    return (
        text
        if len(text) <= most_characters
        else text[: most_characters - 60] + "\n\n_cut: the comment would be too long_\n"
    )


def _importance(row: PassView) -> tuple[bool, int]:
    return (row.status not in ("introduces", "failed"), row.index)


def _head(report: Report) -> list[str]:
    verdict = report.verdict
    lines = [f"### {escaped(report.title)}", "", f"**{escaped(verdict.headline)}**", ""]
    for detail in verdict.details:
        label, separator, code = detail.partition(": ")
        is_code = label in ("baseline", "candidate", "before", "after") and separator
        lines.append(f"- {label}: {inline(code.strip())}" if is_code else f"- {escaped(detail)}")
    for side in report.sides:
        settings = {**side.parameters, **side.pass_configs}
        words = " ".join(f"{key}={value}" for key, value in settings.items())
        label = f"{side.label}: " if side.label else ""
        facts = f"{label}{inline(side.build)} (TileLang {escaped(side.tilelang_version)})"
        lines.append(f"- {facts}, {inline(side.target)}, {inline(words)}")
    return [*lines, *(f"- {escaped(' '.join(note.split()))}" for note in report.script_notes)]


def _table(report: Report) -> list[str]:
    if report.kind == "two-sides":
        lines = [
            "| # | status | pass | kind | effect lines | state lines | new in numbers |",
            "|--:|---|---|---|--:|--:|---|",
        ]
        lines += [
            f"| {row.index} | {SYMBOLS[row.status]} {row.status} | {cell(row.shown_name)} | {row.degree} "
            f"| {row.effect_lines} | {row.state_lines} | {_metrics(row.new_metrics)} |"
            for row in report.shown
        ]
        alike = len(report.passes) - len(report.shown)
        return [*lines, "", f"{alike} more passes did the same on both sides." if alike else ""]
    lines = ["| # | pass | lines | changed in numbers |", "|--:|---|--:|---|"]
    for row in report.shown:
        side = row.sides[0]
        counts = f"-{side.removed} +{side.added}" if side else ""
        lines.append(f"| {row.index} | {cell(row.name)} | {counts} | {_metrics(row.new_metrics)} |")
    return [*lines, "", f"{len(report.passes) - len(report.shown)} more passes changed nothing."]


def _products(report: Report) -> list[str]:
    lines: list[str] = []
    two = report.kind == "two-sides"
    metrics = [metric for metric in report.final_metrics if metric.delta or not two]
    if metrics:
        head = ["| at the end | baseline | candidate |", "|---|--:|--:|"] if two else ["| at the end | |", "|---|--:|"]
        body = [
            f"| {metric.name} | {metric.baseline or 0:,} | {metric.candidate or 0:,} |"
            if two
            else f"| {metric.name} | {metric.candidate or 0:,} |"
            for metric in metrics
        ]
        body += _resources(report)
        lines += details("Numbers at the end", [*head, *body])
    for artifact in report.artifacts:
        if artifact.hunks:
            lines += details(f"Generated {artifact.kind}", _diff_block(artifact.hunks, _MOST_PER_PASS))
    return lines


def _resources(report: Report) -> list[str]:
    """Rows of what ptxas and nvdisasm count, one a function and number, both sides in one row."""
    sides = [{item.function: item for item in items} for items in report.resources]
    rows = []
    for function in dict.fromkeys(name for side in sides for name in side):
        for key, label in RESOURCE_LABELS.items():
            values = [getattr(side.get(function), key, None) for side in sides]
            if any(value is not None for value in values) and (len(values) == 1 or len(set(values)) > 1):
                cells = " | ".join("" if value is None else f"{value:,}" for value in values)
                rows.append(f"| {cell(f'{function}: {label}')} | {cells} |")
    return rows


def _pass_section(row: PassView) -> list[str]:
    title = f"{SYMBOLS[row.status]} {row.index} {row.shown_name}: {row.status}"
    body: list[str] = []
    if row.source:
        body += [f"defined in {link(row.source, row.url)}", ""]
    if row.metrics:
        body += [_metrics(row.metrics), ""]
    if row.note:
        body += [escaped(row.note), ""]
    hunks, folded = fold_derived(row.hunks)
    body += _diff_block(hunks, _MOST_PER_PASS)
    if folded:
        body += ["", f"{folded_note(folded)}."]
    if row.hidden_hunks:
        body += ["", f"{row.hidden_hunks} more places differed before this pass already."]
    return details(title, body)


def _diff_block(hunks: Sequence[Hunk], most: int) -> list[str]:
    lines: list[str] = []
    size = 0
    total = sum(len(hunk.lines) for hunk in hunks)
    shown = 0
    for hunk in hunks:
        lines.append(f"@@ {hunk.place or 'module'} @@")
        for line in hunk.lines:
            if size + len(line.text) > most:
                ticks = fence(lines)
                return [f"{ticks}diff", *lines, ticks, f"_{total - shown} more lines_"]
            lines.append(f"{line.kind}{line.text}")
            size += len(line.text) + 2
            shown += 1
    ticks = fence(lines)
    return [f"{ticks}diff", *lines, ticks]


def _metrics(metrics: Sequence[MetricView]) -> str:
    return ", ".join(f"{m.name} {m.baseline or 0:,} to {m.candidate or 0:,}" for m in metrics if m.name != "lines")
