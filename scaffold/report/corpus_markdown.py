"""Many kernels as Markdown, for a pull request: the answer, a table of patterns, an example of each, what is missing.

GitHub takes at most 65,536 characters; what does not fit is left out with a count, the worst and the largest first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scaffold.diff.change import Outcome
from scaffold.report.clean import cleaned
from scaffold.report.corpus_build import with_links
from scaffold.report.corpus_excerpt import excerpt_of
from scaffold.report.corpus_missed import missed_groups
from scaffold.report.corpus_terminal import one_line, render_corpus_text
from scaffold.report.corpus_view import (
    ANSWER_SYMBOLS,
    OUTCOME_SYMBOLS,
    CorpusReport,
    CorpusSide,
    KernelRow,
    PatternGroup,
    SurveyReport,
)
from scaffold.report.corpus_words import become, numbers_of
from scaffold.report.links import Links
from scaffold.report.markdown import MOST_CHARACTERS
from scaffold.report.markup import cell, details, escaped, fence, inline, link

#: Characters of a line in an example, and of words in a table.
_LONGEST_LINE = 300
_LONGEST_WORDS = 120
#: Characters without which there is no use in trying another example.
_LEAST_SECTION = 200
#: Patterns in the table, kernels in one part, and reasons and names of what is missing.
_MOST_PATTERNS = 60
_MOST_KERNELS = 60
_MOST_REASONS = 40
_MOST_NAMES = 8


def render_corpus_markdown(
    report: CorpusReport | SurveyReport, *, links: Links | None = None, most_characters: int = MOST_CHARACTERS
) -> str:
    """The report as Markdown, at most ``most_characters`` long; what does not fit is counted."""
    if isinstance(report, SurveyReport):
        return _survey(report, most_characters)
    report = with_links(cleaned(report), links or {})
    groups = [group for group in report.groups if group.outcome is not Outcome.IDENTICAL]
    head = "\n".join([*_head(report), *_table(report, groups)])
    again = f"<br>again: {inline(report.command)}" if report.command else ""
    tail = f"\n<sub>next: {inline(report.next_command)}{again}</sub>\n"
    left = most_characters - len(head) - len(tail) - 200
    parts: list[str] = []
    for section in _missing(report):
        if len(section) < left // 3:
            parts.append(section)
            left -= len(section) + 1
    examples, skipped = [], 0
    for group in groups:
        section = "\n".join(_section(report, group)) if left > _LEAST_SECTION else ""
        if not section or len(section) + 1 > left:
            skipped += 1
            continue
        examples.append(section)
        left -= len(section) + 1
    if skipped:
        examples.append(f"_{skipped} of {len(groups)} patterns without an example: the comment would be too long._\n")
    text = "\n".join([head, "", *examples, *parts]) + tail
    if len(text) <= most_characters:
        return text
    return text[: most_characters - 60] + "\n\n_cut: the comment would be too long_\n"


def _head(report: CorpusReport) -> list[str]:
    lines = [f"### {ANSWER_SYMBOLS[report.outcome]} {escaped(report.headline)}", ""]
    lines += [f"- {escaped(detail)}" for detail in report.details]
    lines += [f"- {side.label}: {_told(side)}" for side in report.sides]
    return lines


def _told(side: CorpusSide) -> str:
    attested = f", {escaped(side.attested)}" if side.attested else ""
    return f"{inline(side.build)} (TileLang {escaped(side.tilelang_version)}{attested})"


def _table(report: CorpusReport, groups: Sequence[PatternGroup]) -> list[str]:
    if not groups:
        return []
    lines = ["", "| kernels | what changed | seen first in | for example |", "|---|---|---|---|"]
    for group in groups[:_MOST_PATTERNS]:
        example = report.kernels[group.example_kernel]
        seen = ", ".join(_pass(group, name) for name in list(group.passes)[:3])
        lines.append(
            f"| {OUTCOME_SYMBOLS[group.outcome]} {become(len(group.kernels), group.outcome)} "
            f"| {cell(_short(group.words, _LONGEST_WORDS))} | {seen} "
            f"| {cell(example.shown)} {cell(example.target)} |"
        )
    if len(groups) > _MOST_PATTERNS:
        kernels = {at for group in groups[_MOST_PATTERNS:] for at in group.kernels}
        lines.append(f"| {len(kernels)} kernels | {len(groups) - _MOST_PATTERNS} more patterns | | |")
    return lines


def _pass(group: PatternGroup, name: str) -> str:
    """A pass, and where the first one is defined."""
    source = f" {link(group.source, group.url)}" if group.source and name == group.pass_name else ""
    bar = "\\|"
    return f"{cell(name)}{source.replace('|', bar)}"


def _section(report: CorpusReport, group: PatternGroup) -> list[str]:
    """One pattern, folded: its example as a difference, and its kernels."""
    symbol = OUTCOME_SYMBOLS[group.outcome]
    title = f"{symbol} {become(len(group.kernels), group.outcome)}: {_short(group.words, _LONGEST_WORDS)}"
    body = []
    lines = [f"{line.kind}{line.text}" for line in excerpt_of(group.example, _LONGEST_LINE)]
    if lines:
        example = report.kernels[group.example_kernel]
        place = f" at {inline(group.example.place)}" if group.example.place else ""
        mark = fence(lines)
        body += [f"{inline(example.shown)} {inline(example.target)}{place}", "", f"{mark}diff", *lines, mark, ""]
    rows = report.rows(group)
    body += [f"- {_kernel(row)}" for row in rows[:_MOST_KERNELS]]
    body += [f"- and {len(rows) - _MOST_KERNELS} more"] if len(rows) > _MOST_KERNELS else []
    return details(one_line(title), body)


def _kernel(row: KernelRow) -> str:
    numbers = numbers_of(row)
    return f"{inline(one_line(row.shown))} {inline(row.target)}{f': {escaped(numbers)}' if numbers else ''}"


def _missing(report: CorpusReport) -> list[str]:
    """What was missed, left out and stood in for, folded."""
    reasons = {group.why: group.entries for group in missed_groups(report.missed)}
    parts = [_reasons("missed", reasons), _reasons("left out", report.left_out)]
    if report.packages:
        named = ", ".join(f"{inline(name)} ({count})" for name, count in report.packages.items())
        parts.append("\n".join(details(f"{len(report.packages)} packages not installed, stood in for", [named])))
    return [part for part in parts if part]


def _reasons(title: str, reasons: Mapping[str, Sequence[str]]) -> str:
    if not reasons:
        return ""
    ranked = sorted(reasons.items(), key=lambda item: -len(item[1]))
    lines = []
    for reason, names in ranked[:_MOST_REASONS]:
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        named = ", ".join(inline(one_line(name)) for name in names[:_MOST_NAMES])
        lines.append(f"- {len(names)}: {escaped(_short(reason, _LONGEST_LINE))} ({named}{more})")
    if len(ranked) > _MOST_REASONS:
        left = sum(len(names) for _, names in ranked[_MOST_REASONS:])
        lines.append(f"- {left} more for {len(ranked) - _MOST_REASONS} other reasons")
    return "\n".join(details(f"{sum(map(len, reasons.values()))} {title}", lines))


def _survey(report: SurveyReport, most_characters: int) -> str:
    """What a terminal shows, as it is a table of what a reader knows the names of."""
    lines = render_corpus_text(report).splitlines()
    mark = fence(lines)
    shown = []
    left = most_characters - 200
    for line in lines:
        left -= len(line) + 1
        if left > 0:
            shown.append(line)
    more = [f"_{len(lines) - len(shown)} more lines: the comment would be too long_"] if len(shown) < len(lines) else []
    return "\n".join([mark, *shown, mark, *more]) + "\n"


def _short(text: str, longest: int) -> str:
    line = one_line(text)
    return line if len(line) <= longest else line[: longest - 1] + "…"
