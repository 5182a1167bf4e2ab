"""Many kernels on a terminal: the answer, a pattern of change at a time with one example, what is missing and why."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scaffold.diff.change import Outcome
from scaffold.report.clean import cleaned
from scaffold.report.corpus_build import with_links
from scaffold.report.corpus_missed import missed_groups
from scaffold.report.corpus_view import (
    ANSWER_SYMBOLS,
    OUTCOME_SYMBOLS,
    CorpusReport,
    CorpusSide,
    KernelRow,
    PatternGroup,
    SurveyReport,
)
from scaffold.report.corpus_words import become, many, numbers_of, passes_of
from scaffold.report.links import Links
from scaffold.report.terminal import make_console
from scaffold.report.verdict import windows

#: Patterns, kernels of a pattern, reasons, and names beside a reason that are shown unless all are asked for.
_MOST_PATTERNS = 12
_MOST_KERNELS = 4
_MOST_REASONS = 8
_LONGEST_LINE = 160
_SHORTEST_LINE = 60
#: Wider than any screen: to ask how wide a table would like to be.
_WIDEST = 10_000

#: Outcomes in which nothing came of it: a line is enough.
_QUIET = frozenset({Outcome.SAME_CODE, Outcome.EQUIVALENT, Outcome.IDENTICAL})

_STYLE = {
    Outcome.BROKEN: "bold red",
    Outcome.DIFFERS: "bold yellow",
    Outcome.MENDED: "bold green",
    Outcome.UNSTABLE: "bold magenta",
    Outcome.FAILS_ALIKE: "bold",
    Outcome.SAME_CODE: "green",
    Outcome.EQUIVALENT: "green",
    Outcome.IDENTICAL: "green",
}
_ANSWER_STYLE = {
    "nothing": "bold red",
    "broken": "bold red",
    "differs": "bold yellow",
    "unstable": "bold magenta",
    "fails alike": "bold magenta",
    "same code": "bold green",
    "equivalent": "bold green",
    "identical": "bold green",
}


def render_corpus_text(
    report: CorpusReport | SurveyReport, *, width: int = 120, everything: bool = False, links: Links | None = None
) -> str:
    """The report as plain lines, for a file or a pipe."""
    stream = io.StringIO()
    print_corpus(report, make_console(stream, color="never", width=width), everything=everything, links=links)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def print_corpus(
    report: CorpusReport | SurveyReport, console: Console, *, everything: bool, links: Links | None = None
) -> None:
    """Write the report to ``console``; ``everything`` names every kernel and every reason."""
    report = cleaned(report)
    if isinstance(report, SurveyReport):
        _print_survey(report, console, everything=everything)
    else:
        _print_two(with_links(report, links or {}), console, everything=everything)
    console.print()
    console.print(Text(f"next: {one_line(report.next_command)}", style="bold"), soft_wrap=True)


def _print_two(report: CorpusReport, console: Console, *, everything: bool) -> None:
    headline = f"{ANSWER_SYMBOLS[report.outcome]} {one_line(report.headline)}"
    console.print(Text(headline, style=_ANSWER_STYLE[report.outcome]), soft_wrap=True)
    for detail in report.details:
        console.print(Text(f"  {one_line(detail)}"), soft_wrap=True)
    for side in report.sides:
        console.print(Text(f"  {side.label}: {_told(side)}", style="dim"), soft_wrap=True)
    groups = [group for group in report.groups if group.outcome is not Outcome.IDENTICAL]
    loud = [group for group in groups if group.outcome not in _QUIET]
    quiet = [group for group in groups if group.outcome in _QUIET]
    for group in loud if everything else loud[:_MOST_PATTERNS]:
        _print_group(report, group, console, everything=everything)
    _print_rest("patterns", loud[_MOST_PATTERNS:], console, everything=everything)
    for group in quiet if everything else quiet[:_MOST_PATTERNS]:
        (_print_group if everything else _print_quiet)(report, group, console, everything=everything)
    _print_rest("patterns of the same code", quiet[_MOST_PATTERNS:], console, everything=everything)
    reasons = {group.why: group.entries for group in missed_groups(report.missed)}
    _print_reasons("missed", reasons, console, everything=everything)
    _print_reasons("left out", report.left_out, console, everything=everything)
    if report.packages:
        named = ", ".join(f"{name} ({count})" for name, count in report.packages.items())
        console.print(Text(f"\nnot installed, stood in for: {one_line(named)}", style="dim"), soft_wrap=True)


# ---- patterns


def _print_group(report: CorpusReport, group: PatternGroup, console: Console, *, everything: bool) -> None:
    rows = report.rows(group)
    console.print()
    console.print(_head(group), soft_wrap=True)
    change = group.example
    if change.baseline_line is not None or change.candidate_line is not None:
        example = report.kernels[group.example_kernel]
        place = f" at {change.place}" if change.place else ""
        where = f"    for example {example.shown} {example.target}{place}"
        longest = max(_SHORTEST_LINE, min(console.width - len("    - "), _LONGEST_LINE))
        ours, theirs = windows(change.baseline_line, change.candidate_line, longest)
        console.print(Text(short(where), style="dim"), soft_wrap=True)
        console.print(Text(f"    - {one_line(ours)}", style="red"), soft_wrap=True)
        console.print(Text(f"    + {one_line(theirs)}", style="green"), soft_wrap=True)
    merged = list(_merged(rows))
    _print_rows(merged if everything else merged[:_MOST_KERNELS], console)
    left = sum(len(targets) for _, targets, _ in merged[_MOST_KERNELS:])
    if left and not everything:
        console.print(Text(f"    … and {left} more", style="dim"))


def _print_quiet(report: CorpusReport, group: PatternGroup, console: Console, *, everything: bool) -> None:
    """One line on kernels of which nothing came, and who they are."""
    del everything
    names = list(dict.fromkeys(one_line(row.shown) for row in report.rows(group)))
    console.print()
    console.print(_head(group), soft_wrap=True)
    console.print(Text(f"    {_fitting(names, console.width - 4)}", style="dim"), soft_wrap=True)


def _fitting(names: Sequence[str], width: int) -> str:
    """As many names as a line holds, at least one, and how many there are beyond them."""
    whole = ", ".join(names)
    if len(whole) <= width:
        return whole
    kept, used = 1, len(names[0])
    while kept < len(names):
        more = len(f" and {len(names) - kept - 1} more")
        used += len(", ") + len(names[kept])
        if used + more > width:
            break
        kept += 1
    left = len(names) - kept
    return ", ".join(names[:kept]) + (f" and {left} more" if left else "")


def _head(group: PatternGroup) -> Text:
    """``! 10 kernels differ: +float4  (tl.LowerTileOp, src/op/copy.cc:12)``."""
    text = Text(
        f"{OUTCOME_SYMBOLS[group.outcome]} {become(len(group.kernels), group.outcome)}: ", style=_STYLE[group.outcome]
    )
    text.append(short(group.words), style="none" if group.outcome in _QUIET else "bold")
    seen = [f"seen first in {passes_of(group)}"] if group.passes and group.pass_name not in group.words else []
    seen += [group.source] if group.source else []
    if seen:
        text.append(f"  ({short(', '.join(seen))})", style="dim")
    return text


def _merged(rows: Sequence[KernelRow]) -> Iterable[tuple[str, list[str], str]]:
    """Kernels of one name and with the same numbers in one row: name, targets, numbers."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        found.setdefault((row.shown, numbers_of(row)), []).append(row.target)
    return ((name, targets, numbers) for (name, numbers), targets in found.items())


def _print_rows(rows: Sequence[tuple[str, Sequence[str], str]], console: Console) -> None:
    """A table where the screen has room for it; numbers on a line of their own where it has not."""
    cells = [(one_line(name), ", ".join(map(one_line, targets)), numbers) for name, targets, numbers in rows]
    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
    table.add_column(width=3)
    for _ in range(3):
        table.add_column(overflow="fold")
    for name, targets, numbers in cells:
        table.add_row("", name, targets, Text(numbers, style="dim"))
    if console.measure(table, options=console.options.update(max_width=_WIDEST)).maximum <= console.width:
        console.print(table)
        return
    for name, targets, numbers in cells:
        console.print(Text(f"    {name} {targets}"), soft_wrap=True)
        if numbers:
            console.print(Text(f"      {numbers}", style="dim"), soft_wrap=True)


def _print_rest(what: str, groups: Sequence[PatternGroup], console: Console, *, everything: bool) -> None:
    if groups and not everything:
        kernels = len({at for group in groups for at in group.kernels})
        console.print(Text(f"\n… {len(groups)} more {what}, {many(kernels, 'kernel')}: --all", style="dim"))


# ---- what is not there


def _print_reasons(title: str, reasons: Mapping[str, Sequence[str]], console: Console, *, everything: bool) -> None:
    """``  12: no CUDA kernel in it (a.py, b.py and 10 more)``, the most frequent reason first."""
    if not reasons:
        return
    total = sum(map(len, reasons.values()))
    console.print(Text(f"\n{total} {title}:", style="bold"))
    ranked = sorted(reasons.items(), key=lambda item: -len(item[1]))
    for reason, names in ranked if everything else ranked[:_MOST_REASONS]:
        console.print(Text(f"  {len(names)}: {short(reason)}"), soft_wrap=True)
        named = list(map(one_line, names))
        listed = ", ".join(named) if everything else _fitting(named, console.width - 5)
        console.print(Text(f"     {listed}", style="dim"), soft_wrap=True)
    if len(ranked) > _MOST_REASONS and not everything:
        left = sum(len(names) for _, names in ranked[_MOST_REASONS:])
        console.print(Text(f"  … {left} more for {len(ranked) - _MOST_REASONS} other reasons: --all", style="dim"))


# ---- one build


def _print_survey(report: SurveyReport, console: Console, *, everything: bool) -> None:
    console.print(Text(f"~ {one_line(report.headline)}", style="bold cyan"), soft_wrap=True)
    for detail in report.details:
        console.print(Text(f"  {one_line(detail)}"), soft_wrap=True)
    console.print(Text(f"  {_told(report.side)}", style="dim"), soft_wrap=True)
    shown = report.entries if everything else [entry for entry in report.entries if entry.kernels or entry.why_missing]
    if shown:
        console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    table.add_column("")
    table.add_column("script", overflow="fold")
    table.add_column("target", overflow="fold")
    table.add_column("kernels", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold")
    for entry in shown:
        failed = [kernel for kernel in entry.kernels if kernel.failure]
        symbol = "x" if entry.why_missing else "-" if failed else " " if not entry.kernels else "="
        names = ", ".join(kernel.name for kernel in entry.kernels[:_MOST_KERNELS])
        names += f" and {len(entry.kernels) - _MOST_KERNELS} more" if len(entry.kernels) > _MOST_KERNELS else ""
        why = entry.why_missing or (f"{failed[0].name}: {failed[0].failure}" if failed else names)
        table.add_row(
            symbol, one_line(entry.name), one_line(entry.target), str(len(entry.kernels)), Text(short(why), style="dim")
        )
    if shown:
        console.print(table)
    for entry in report.entries:
        for text in (*entry.reasons[1:], *(item.shown for item in entry.skipped)):
            console.print(
                Text(f"{one_line(entry.name)} {entry.target}: {one_line(text)}", style="yellow"), soft_wrap=True
            )
    for note in dict.fromkeys(note for entry in report.entries for note in entry.notes) if len(shown) == 1 else ():
        console.print(Text(f"note: {one_line(note)}", style="yellow"), soft_wrap=True)
    _print_reasons("left out", report.left_out, console, everything=everything)


# ---- words


def _told(side: CorpusSide) -> str:
    return one_line(f"{side.build} (TileLang {side.tilelang_version}){f', {side.attested}' if side.attested else ''}")


def one_line(text: str) -> str:
    """The text with every run of white space as one blank: a name may hold a line feed."""
    return " ".join(text.split(" ")) if text.isprintable() else " ".join(text.split())


def short(text: str) -> str:
    """The text on one line that is not too long; its indentation stays."""
    indent = text[: len(text) - len(text.lstrip(" "))]
    line = indent + " ".join(text.split())
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"
