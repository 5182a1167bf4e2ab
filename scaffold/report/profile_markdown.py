"""A profile as Markdown, for a pull request: the answer, a table of metrics, and folded advice, stalls and lines.

GitHub takes at most 65,536 characters; what does not fit is left out with a count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaffold.report.clean import cleaned
from scaffold.report.corpus_terminal import one_line
from scaffold.report.markdown import MOST_CHARACTERS
from scaffold.report.markup import cell, details, escaped, inline
from scaffold.report.profile_terminal import vendor_names
from scaffold.report.profile_view import SYMBOLS, Cell, KernelView, ProfileReport, ProfileRow, ProfileSide
from scaffold.report.profile_words import delta_text, number_with_unit, plain_advice, share_text, speedup_text

_MOST_LINES = 20
_RIGHT = "--:"


def render_profile_markdown(report: ProfileReport, *, most_characters: int = MOST_CHARACTERS) -> str:
    """The report as Markdown, at most ``most_characters`` long; what does not fit is counted."""
    report = cleaned(report)
    head = "\n".join(_head(report))
    again = f"<br>again: {inline(report.command)}" if report.command else ""
    tail = f"\n<sub>next: {inline(report.next_command)}{again}</sub>\n"
    left = most_characters - len(head) - len(tail) - 120
    parts, skipped = [], 0
    for kernel in report.kernels:
        for part in _parts(report, kernel):
            if len(part) + 1 > left:
                skipped += 1
                continue
            parts.append(part)
            left -= len(part) + 1
    if skipped:
        parts.append(f"_{skipped} parts left out: the comment would be too long_\n")
    return "\n".join([head, "", *parts]) + tail


def _head(report: ProfileReport) -> Iterator[str]:
    yield f"### {SYMBOLS[report.outcome]} {escaped(report.headline)}"
    yield ""
    yield from (f"- {escaped(detail)}" for detail in report.details)
    for side in report.sides:
        yield f"- {side.label}: {_told(side)}"
        if side.why_missing:
            yield f"  - not measured: {escaped(side.why_missing)}"
        yield from (f"  - {escaped(note)}" for note in side.notes)
    yield from (f"- {escaped(note)}" for note in report.notes)


def _told(side: ProfileSide) -> str:
    version = f"TileLang {side.version}" if side.version else ""
    tool = f"by {side.tool} {side.tool_version}".rstrip()
    words = [version, side.settings, side.target, f"on {side.device}" if side.device else "", tool]
    build = f"{inline(side.build)} " if side.build else ""
    return build + ", ".join(escaped(word) for word in words if word)


def _parts(report: ProfileReport, kernel: KernelView) -> Iterator[str]:
    yield "\n".join(_table(report, kernel))
    if kernel.stalls:
        yield "\n".join(details("why warps waited, as a share of their cycles", list(_stalls(report, kernel))))
    if kernel.advice:
        yield "\n".join(details(f"the profiler's advice ({len(kernel.advice)})", list(_advice(report, kernel))))
    if kernel.hot_lines:
        yield "\n".join(details("hottest lines of the generated source", list(_lines(report, kernel))))


def _table(report: ProfileReport, kernel: KernelView) -> Iterator[str]:
    yield f"**{inline(one_line(kernel.name))}**"
    for side, shape, launches in zip(report.sides, kernel.shapes, kernel.launches, strict=True):
        told = "; ".join(word for word in (shape, launches) if word)
        yield f"<br>{side.label}: {escaped(told)}"
    yield ""
    columns = ["baseline", "candidate", "change"] if report.two_sided else ["value"]
    yield f"| metric | {' | '.join(columns)} | as the tool calls it |"
    yield f"|---|{'|'.join(_RIGHT for _ in columns)}|---|"
    for row in kernel.rows:
        yield f"| {row.label} | {' | '.join(_numbers(report, row))} | {cell(vendor_names(row))} |"
    yield ""


def _numbers(report: ProfileReport, row: ProfileRow) -> list[str]:
    if not report.two_sided:
        return [_shown(row, row.baseline)]
    word = f" {row.direction}" if row.direction in ("better", "worse") else ""
    change = delta_text(row.delta, row.ratio, row.unit)
    return [_shown(row, row.baseline), _shown(row, row.candidate), f"{change}{word}"]


def _shown(row: ProfileRow, told: Cell | None) -> str:
    return "-" if told is None else number_with_unit(told.value, row.unit)


def _stalls(report: ProfileReport, kernel: KernelView) -> Iterator[str]:
    columns = ["baseline", "candidate"] if report.two_sided else ["share"]
    yield f"| reason | {' | '.join(columns)} | as the tool calls it |"
    yield f"|---|{'|'.join(_RIGHT for _ in columns)}|---|"
    for row in kernel.stalls:
        shares: Sequence[float | None] = (row.baseline, row.candidate) if report.two_sided else (row.baseline,)
        yield f"| {escaped(row.reason)} | {' | '.join(map(share_text, shares))} | {cell(row.vendor_name)} |"


def _advice(report: ProfileReport, kernel: KernelView) -> Iterator[str]:
    for one in kernel.advice:
        side = f"{one.side}: " if report.two_sided else ""
        gain = speedup_text(one.estimated_speedup, one.speedup_of)
        head = f"{side}**{escaped(one.title)}** ({inline(one.rule)}{', ' + gain if gain else ''})"
        yield f"- {head}: {escaped(plain_advice(one.text))}"


def _lines(report: ProfileReport, kernel: KernelView) -> Iterator[str]:
    sided = "side | " if report.two_sided else ""
    yield f"| {sided}share | place | line | from |"
    yield f"|{'---|' if report.two_sided else ''}{_RIGHT}|---|---|---|"
    for line in kernel.hot_lines[:_MOST_LINES]:
        side = f"{line.side} | " if report.two_sided else ""
        origin = cell(f"{line.origin} {one_line(line.origin_text)}".strip())
        yield f"| {side}{share_text(line.share)} | {cell(line.place)} | {cell(one_line(line.text))} | {origin} |"
