"""A profile on a terminal, or as plain lines: the answer, the sides, the metrics, advice, hottest lines, what is next.

Colour is never alone: a metric that got better or worse has a sign and says so in words.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scaffold.report.clean import cleaned
from scaffold.report.corpus_terminal import one_line
from scaffold.report.profile_view import (
    SYMBOLS,
    AdviceView,
    HotLineView,
    KernelView,
    ProfileReport,
    ProfileRow,
    ProfileSide,
    StallRow,
)
from scaffold.report.profile_words import (
    broken_name,
    delta_text,
    number_with_unit,
    plain_advice,
    share_text,
    speedup_text,
)
from scaffold.report.terminal import make_console

#: Shown of each unless all are asked for.
_MOST_STALLS = 5
_MOST_ADVICE = 4
_MOST_LINES = 6
_MOST_KERNELS = 3
#: Columns from which there is room for the vendor's own names beside the numbers.
_WIDE = 100
_INDENT = 2

_OUTCOME_STYLE = {
    "view": "bold cyan",
    "faster": "bold green",
    "slower": "bold red",
    "alike": "bold green",
    "unknown": "bold yellow",
    "missing": "bold red",
}
_DIRECTION_STYLE = {"better": "green", "worse": "red", "changed": "cyan", "same": "dim", "unknown": "dim"}


def render_profile_text(report: ProfileReport, *, width: int = 120, everything: bool = False) -> str:
    """The report as plain lines, for a file or a pipe."""
    stream = io.StringIO()
    print_profile(report, make_console(stream, color="never", width=width), everything=everything)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def print_profile(report: ProfileReport, console: Console, *, everything: bool = False) -> None:
    """Write the report to ``console``; ``everything`` shows all advice, lines, stalls and kernels."""
    report = cleaned(report)
    style = _OUTCOME_STYLE[report.outcome]
    console.print(Text(f"{SYMBOLS[report.outcome]} {one_line(report.headline)}", style=style), soft_wrap=True)
    for detail in report.details:
        console.print(Text(f"  {one_line(detail)}"), soft_wrap=True)
    for side in report.sides:
        _print_side(side, console)
    shown = report.kernels if everything else report.kernels[:_MOST_KERNELS]
    for kernel in shown:
        _print_kernel(report, kernel, console, everything=everything)
    if len(shown) < len(report.kernels):
        console.print(Text(f"… {len(report.kernels) - len(shown)} more kernels: --all", style="dim"))
    for note in report.notes:
        console.print(Text(f"note: {one_line(note)}", style="yellow"), soft_wrap=True)
    console.print()
    console.print(Text(f"next: {one_line(report.next_command)}", style="bold"), soft_wrap=True)


def _print_side(side: ProfileSide, console: Console) -> None:
    version = f"TileLang {side.version}" if side.version else ""
    tool = f"by {side.tool} {side.tool_version}".rstrip()
    words = [side.build, version, side.settings, side.target, f"on {side.device}" if side.device else "", tool]
    console.print(
        Text(f"  {side.label}: {', '.join(one_line(word) for word in words if word)}", style="dim"), soft_wrap=True
    )
    if side.why_missing:
        console.print(
            Text(f"  x {side.label} was not measured: {one_line(side.why_missing)}", style="bold red"), soft_wrap=True
        )
    for note in side.notes:
        console.print(Text(f"  note: {side.label}: {one_line(note)}", style="yellow"), soft_wrap=True)


def _print_kernel(report: ProfileReport, kernel: KernelView, console: Console, *, everything: bool) -> None:
    console.print()
    console.print(Text(one_line(kernel.name), style="bold"), soft_wrap=True)
    for side, shape, launches in zip(report.sides, kernel.shapes, kernel.launches, strict=True):
        told = "; ".join(word for word in (shape, launches) if word)
        console.print(Text(f"  {side.label}: {told}", style="dim"), soft_wrap=True)
    console.print()
    console.print(metric_table(report, kernel.rows, wide=console.width >= _WIDE))
    stalls = kernel.stalls if everything else kernel.stalls[:_MOST_STALLS]
    if stalls:
        console.print()
        console.print(Text("why warps waited, as a share of their cycles", style="bold"))
        console.print(stall_table(report, stalls, wide=console.width >= _WIDE))
    _print_advice(kernel.advice, console, two_sided=report.two_sided, everything=everything)
    _print_lines(kernel.hot_lines, console, two_sided=report.two_sided, everything=everything)


def metric_table(report: ProfileReport, rows: Sequence[ProfileRow], *, wide: bool) -> Table:
    """A row a metric; where the sides' tools name it differently, both names."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", collapse_padding=True)
    table.add_column("metric")
    if not report.two_sided:
        table.add_column("value", justify="right", no_wrap=True)
    else:
        for column in ("baseline", "candidate", "change"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("")
    if wide:
        table.add_column("as the tool calls it", overflow="fold", style="dim")
    group = rows[0].group if rows else ""
    for row in rows:
        table.add_row(*_metric_cells(report, row, wide=wide), end_section=row.group != group)
        group = row.group
    return table


def _metric_cells(report: ProfileReport, row: ProfileRow, *, wide: bool) -> list[Text]:
    label = Text(row.label)
    cells = [
        label,
        *(Text(_shown(row, cell)) for cell in ((row.baseline, row.candidate) if report.two_sided else (row.baseline,))),
    ]
    if report.two_sided:
        style = _DIRECTION_STYLE[row.direction]
        cells.append(Text(delta_text(row.delta, row.ratio, row.unit), style=style))
        word = row.direction if row.direction in ("better", "worse") else ""
        cells.append(Text(f"{SYMBOLS[word]} {word}" if word else "", style=style))
    if wide:
        cells.append(Text(broken_name(vendor_names(row)) if report.two_sided else vendor_names(row)))
    return cells


def _shown(row: ProfileRow, cell: object) -> str:
    value = getattr(cell, "value", None)
    return "-" if value is None else number_with_unit(float(value), row.unit)


def vendor_names(row: ProfileRow) -> str:
    """What the tools call a metric, once where both call it the same."""
    return " / ".join(dict.fromkeys(cell.vendor_name for cell in (row.baseline, row.candidate) if cell))


def stall_table(report: ProfileReport, stalls: Sequence[StallRow], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("reason")
    for column in ("baseline", "candidate", "change") if report.two_sided else ("share",):
        table.add_column(column, justify="right", no_wrap=True)
    if wide:
        table.add_column("as the tool calls it", overflow="fold", style="dim")
    for row in stalls:
        cells = [row.reason, share_text(row.baseline)]
        if report.two_sided:
            known = row.baseline is not None and row.candidate is not None
            points = 100 * ((row.candidate or 0.0) - (row.baseline or 0.0))
            cells += [share_text(row.candidate), f"{points:+.1f} points" if known else ""]
        table.add_row(*cells, *([row.vendor_name] if wide else []))
    return table


def _print_advice(advice: Sequence[AdviceView], console: Console, *, two_sided: bool, everything: bool) -> None:
    """The profiler's advice, word for word; of each side the most promising first."""
    shown: list[AdviceView] = []
    for side in dict.fromkeys(one.side for one in advice):
        of_side = [one for one in advice if one.side == side and (everything or one.severity != "note")]
        shown += of_side if everything else of_side[:_MOST_ADVICE]
    if not shown:
        return
    console.print()
    console.print(Text("the profiler's advice", style="bold"))
    for one in shown:
        side = f"{one.side}: " if two_sided else ""
        gain = speedup_text(one.estimated_speedup, one.speedup_of)
        head = f"{side}{one.title} ({one.rule}{', ' + gain if gain else ''})"
        console.print(Padding(Text(head, style="yellow" if one.severity != "note" else ""), (0, 0, 0, _INDENT)))
        console.print(Padding(Text(plain_advice(one.text)), (0, 0, 0, 2 * _INDENT)))
    if len(shown) < len(advice):
        console.print(Text(f"  … {len(advice) - len(shown)} more: --all", style="dim"))


def _print_lines(lines: Sequence[HotLineView], console: Console, *, two_sided: bool, everything: bool) -> None:
    """The hottest lines of generated source, and of TileLang below those whose origin is known."""
    if not lines:
        return
    console.print()
    console.print(Text("hottest lines of the generated source, by samples", style="bold"))
    for side in dict.fromkeys(line.side for line in lines):
        of_side = [line for line in lines if line.side == side]
        if two_sided:
            console.print(Text(f"  {side}", style="bold"))
        for line in of_side if everything else of_side[:_MOST_LINES]:
            console.print(
                Text(f"  {share_text(line.share):>6}  {line.place}  {one_line(line.text)}"),
                overflow="ellipsis",
                no_wrap=True,
            )
            if line.origin:
                origin = f"          from {line.origin}  {one_line(line.origin_text)}"
                console.print(Text(origin, style="dim"), overflow="ellipsis", no_wrap=True)
