"""The report on a terminal, or as plain lines where there is none.

The verdict first, then one row a pass, then the changes asked for, and last what to type next.
Colour is never alone: every status has a symbol and a word, and changed words are underlined, or pointed at with
carets where the output cannot underline.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scaffold.diff.text import Hunk, Line
from scaffold.report.clean import cleaned
from scaffold.report.derived import fold_derived, folded_note
from scaffold.report.focus import focused_pass, focused_window
from scaffold.report.view import SYMBOLS, MetricView, PassView, Report, SideView

#: Lines of a pass shown as an example below the table; ``--pass`` shows all.
EXAMPLE_LINES = 24
_LEGEND = (
    "effect: lines that only one side's pass took away or put in; state: lines that differ after it. "
    "! introduces a difference, · carries it on, + heals it; "
    "kind: names, values, annotations, or shape (docs/reading-a-diff.md)"
)
#: Columns from which a screen has room for a column of what changed.
_WIDE = 110
#: Metric deltas named in a row of the table.
_MOST_DELTAS = 3

_STATUS_STYLE = {
    "changed": "cyan",
    "introduces": "bold red",
    "carries": "yellow",
    "heals": "green",
    "only on baseline": "magenta",
    "only on candidate": "magenta",
    "failed": "bold red",
}
_OUTCOME_STYLE = {
    "view": "bold cyan",
    "identical": "bold green",
    "equivalent": "bold green",
    "differs": "bold yellow",
    "unstable": "bold yellow",
    "failed": "bold red",
}
_OUTCOME_SYMBOL = {"view": "~", "identical": "=", "equivalent": "=", "differs": "!", "unstable": "?", "failed": "x"}
_LINE_STYLE = {"-": "red", "+": "green", " ": "dim"}


@dataclass(frozen=True)
class TerminalOptions:
    """What to show. ``passes`` are names or positions; their changes are shown whole."""

    all_rows: bool = False
    patch: bool = False
    side_by_side: bool = False
    passes: tuple[str, ...] = ()


class _Console(Console):
    """A console that leaves a closed pipe to the command line, which knows it is no failure."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console(stream: TextIO, *, color: str, width: int | None = None) -> Console:
    """A console on ``stream``; ``color`` is ``auto``, ``always`` or ``never`` (``auto`` honours NO_COLOR)."""
    return _Console(
        file=stream,
        force_terminal={"always": True, "never": False}.get(color),
        no_color=True if color == "never" else None,
        highlight=False,
        markup=False,
        emoji=False,
        width=width,
        soft_wrap=False,
    )


def render_text(report: Report, options: TerminalOptions, *, width: int = 120) -> str:
    """The report as plain lines, for a file or a pipe."""
    stream = io.StringIO()
    print_report(report, make_console(stream, color="never", width=width), options)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def print_report(report: Report, console: Console, options: TerminalOptions) -> None:
    """Write the report to ``console``."""
    report = cleaned(report)
    _print_verdict(report, console)
    for side in report.sides:
        for warning in side.warnings:
            console.print(Text(f"note: {side.label + ': ' if side.label else ''}{warning}", style="yellow"))
    for note in report.script_notes:
        console.print(Text(f"note: {' '.join(note.split())}", style="yellow"), soft_wrap=True)
    wanted = select_passes(report, options.passes) if options.passes else ()
    if not wanted:
        _print_table(report, console, all_rows=options.all_rows)
        _print_products(report, console)
    rows: Iterable[PassView] = wanted or (report.shown if options.patch else ())
    for row in rows:
        _print_row_changes(row, console, options)
    if not wanted and not options.patch:
        example = focused_pass(report)
        if example is not None:
            _print_row_changes(example, console, options, window=focused_window(report, EXAMPLE_LINES))
    console.print()
    console.print(Text(f"next: {report.next_command}", style="bold"), soft_wrap=True)


def select_passes(report: Report, wanted: Sequence[str]) -> tuple[PassView, ...]:
    """Rows named by position (``19``), name (``tl.LowerTileOp``) or its end (``LowerTileOp``)."""
    found: dict[int, PassView] = {}
    for name in wanted:
        rows = [row for row in report.passes if matches(row, name)]
        if not rows:
            return ()
        found |= {row.index: row for row in rows}
    return tuple(found[index] for index in sorted(found))


def matches(row: PassView, name: str) -> bool:
    """Whether ``name`` means this row, in any case."""
    if name.isdecimal():
        return row.index == int(name)
    names = {part for known in (row.name, *row.renamed.split(" + ")) if known for part in _parts(known)}
    wanted = name.lower()
    return any(wanted in (item.lower(), item.lower().rpartition(".")[2]) for item in names)


def _parts(name: str) -> tuple[str, ...]:
    """A name whole; of ``pass_fn (AddWrapper)`` also what TVM and what the pipeline calls it."""
    return name, name.partition(" (")[0], name.rpartition("(")[2].rstrip(")")


def _print_verdict(report: Report, console: Console) -> None:
    verdict = report.verdict
    headline = Text(f"{_OUTCOME_SYMBOL[verdict.outcome]} {verdict.headline}", style=_OUTCOME_STYLE[verdict.outcome])
    console.print(headline, soft_wrap=True)
    for detail in verdict.details:
        console.print(Text(f"  {detail}"), soft_wrap=True)
    for side in report.sides:
        label = f"{side.label}: " if side.label else ""
        took = f", lowered in {side.lowering_ms:.0f} ms" if side.lowering_ms is not None else ""
        facts = f"  {label}{side.kernel} for {side.target}, {side.build} (TileLang {side.tilelang_version}){took}"
        console.print(Text(facts, style="dim"), soft_wrap=True)
        if settings := _settings(side, report.sides[0]):
            console.print(Text(f"    {settings}", style="dim"), soft_wrap=True)
    console.print()


def _settings(side: SideView, first: SideView) -> str:
    """All settings of the first side; of the other one those that differ."""
    settings = {**side.parameters, **side.pass_configs}
    if side is not first:
        known = {**first.parameters, **first.pass_configs}
        settings = {key: value for key, value in settings.items() if known.get(key) != value}
    return " ".join(f"{key}={value}" for key, value in settings.items())


def _print_table(report: Report, console: Console, *, all_rows: bool) -> None:
    rows = report.passes if all_rows else report.shown
    if not rows:
        return
    two = report.kind == "two-sides"
    # On a narrow screen what changed goes below the name: a column of its own would be three words wide.
    wide = console.width >= _WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold", collapse_padding=True)
    table.add_column("#", justify="right")
    table.add_column("")
    table.add_column("pass", overflow="fold")
    if two:
        table.add_column("kind", no_wrap=True)
    table.add_column("effect" if two else "lines", justify="right", no_wrap=True)
    table.add_column("state" if two else "ms", justify="right", no_wrap=True)
    if wide:
        table.add_column("what changed", overflow="fold")
    folded = 0
    for row in report.passes:
        if row not in rows:
            folded += 1
            continue
        if folded:
            _add_fold(table, folded, two=two)
            folded = 0
        table.add_row(*_cells(row, two=two, wide=wide))
    if folded:
        _add_fold(table, folded, two=two)
    console.print(table)
    if two:
        console.print(Text(_LEGEND, style="dim"))


def _cells(row: PassView, *, two: bool, wide: bool) -> list[str | Text]:
    word = row.status.replace("only on ", "only ")
    status = Text(
        f"{SYMBOLS[row.status]} {word}" if two else SYMBOLS[row.status], style=_STATUS_STYLE.get(row.status, "dim")
    )
    indent = "  " * row.depth
    name = Text(indent + row.shown_name, style="dim" if row.quiet else "")
    summary = _row_summary(row)
    if summary and not wide:
        name.append(f"\n{indent}  {summary}", style="dim")
    cells: list[str | Text] = [str(row.index), status, name]
    if two:
        cells.append(row.degree if row.degree != "none" else "")
    cells += [f"{row.effect_lines:,}", f"{row.state_lines:,}"] if two else [_plus_minus(row), _duration(row)]
    return [*cells, summary] if wide else cells


def _add_fold(table: Table, count: int, *, two: bool) -> None:
    passes = "pass" if count == 1 else "passes"
    did = "did the same" if two else "changed nothing"
    table.add_row("", Text("…", style="dim"), Text(f"{count} {passes} {did}", style="dim"))


def _plus_minus(row: PassView) -> str:
    side = row.sides[0]
    return f"-{side.removed} +{side.added}" if side and (side.removed or side.added) else ""


def _duration(row: PassView) -> str:
    side = row.sides[0]
    return f"{side.duration_ms:.1f}" if side and side.duration_ms is not None else ""


def _row_summary(row: PassView) -> str:
    parts = ["moved"] if row.moved else []
    parts += [_metric_text(metric) for metric in _telling(row.new_metrics)]
    if row.note and row.status not in ("only on baseline", "only on candidate"):
        parts = [row.note] if row.status == "changed" else [*parts, row.note]
    return ", ".join(parts)


def _telling(metrics: Sequence[MetricView]) -> list[MetricView]:
    """The deltas worth a row: line counts are in the next column already."""
    return [metric for metric in metrics if metric.name != "lines"][:_MOST_DELTAS]


def _metric_text(metric: MetricView) -> str:
    return f"{metric.name} {_number(metric.baseline)} -> {_number(metric.candidate)}"


def _number(value: int | None) -> str:
    return "0" if value is None else f"{value:,}"


def _print_products(report: Report, console: Console) -> None:
    """What came out at the end: the metrics of the device code, then registers and their like."""
    two = report.kind == "two-sides"
    changed = [metric for metric in report.final_metrics if metric.delta or not two]
    if changed:
        console.print()
        words = [_metric_text(m) if two else f"{m.name} {_number(m.candidate)}" for m in changed]
        console.print(Text("at the end: ", style="bold") + Text(", ".join(words)))
    if two:
        missing = {
            reason
            for artifact in report.artifacts
            for reason in artifact.missing
            if reason and artifact.kind != "source"
        }
        for reason in sorted(missing):
            console.print(Text(f"no machine code: {reason}", style="dim"), soft_wrap=True)


def _print_row_changes(
    row: PassView, console: Console, options: TerminalOptions, *, window: Sequence[Hunk] | None = None
) -> None:
    """The changes of a row; all of them, or the ``window`` of them that is worth the room."""
    console.print()
    header = Text(f"{SYMBOLS[row.status]} {row.index} {row.shown_name}", style="bold")
    header.append(f"  {row.status}" + (f", {row.degree}" if row.degree != "none" else ""), style="dim")
    side = next((item for item in row.sides if item), None)
    if side and side.caller:
        header.append(f"  {side.caller}", style="dim")
    console.print(header)
    if row.source:
        console.print(Text(f"  defined in {row.source}", style="dim"), soft_wrap=True)
    if row.metrics:
        console.print(Text("  " + ", ".join(_metric_text(metric) for metric in row.metrics), style="cyan"))
    if row.names:
        console.print(Text("  names matched: " + ", ".join(f"{new} for {old}" for new, old in row.names), style="dim"))
    if row.note:
        console.print(Text(f"  {row.note}", style="dim"))
    all_hunks, folded = (row.hunks, 0) if options.all_rows else fold_derived(row.hunks)
    hunks = all_hunks if window is None else window
    for hunk in hunks:
        console.print(Text(f"@@ {hunk.place or 'module'} @@", style="cyan"), soft_wrap=True)
        if options.side_by_side:
            _print_side_by_side(hunk, console)
        else:
            _print_unified(hunk, console)
    left = sum(len(hunk.lines) for hunk in all_hunks) - sum(len(hunk.lines) for hunk in hunks)
    if left > 0:
        console.print(Text(f"… {left} more lines: --pass {row.index}", style="dim"))
    elif folded:
        console.print(Text(f"… {folded_note(folded)}: --all", style="dim"))
    if row.hidden_hunks:
        carried = (
            f"{row.hidden_hunks} more place{'s' if row.hidden_hunks > 1 else ''} differed before this pass already"
        )
        console.print(Text(carried, style="dim"))
    if not row.hunks and not row.note:
        console.print(Text("  no change of its own", style="dim"))


def _print_unified(hunk: Hunk, console: Console) -> None:
    carets = not console.is_terminal
    for line in hunk.lines:
        style = "dim" if line.carried else _LINE_STYLE[line.kind]
        text = Text(f"{line.kind} {line.text}", style=style)
        for start, end in line.marks:
            text.stylize("bold underline", start + 2, end + 2)
        if carets:
            console.print(text, soft_wrap=True)
        else:
            console.print(text, overflow="fold")
        if carets and line.marks:
            console.print(Text("  " + _carets(line)), soft_wrap=True)


def _carets(line: Line) -> str:
    length = max(end for _, end in line.marks)
    marks = [" "] * length
    for start, end in line.marks:
        marks[start:end] = "^" * (end - start)
    return "".join(marks).rstrip()


def _print_side_by_side(hunk: Hunk, console: Console) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False, expand=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    for left, right in _columns(hunk):
        table.add_row(_cell(left), _cell(right))
    console.print(table)


def _columns(hunk: Hunk) -> Iterable[tuple[Line | None, Line | None]]:
    """Removed lines beside added ones, run by run; equal lines on both sides."""
    removed: list[Line] = []
    added: list[Line] = []
    for line in (*hunk.lines, None):
        if line is not None and line.kind != " ":
            (removed if line.kind == "-" else added).append(line)
            continue
        for index in range(max(len(removed), len(added))):
            yield (
                removed[index] if index < len(removed) else None,
                added[index] if index < len(added) else None,
            )
        removed, added = [], []
        if line is not None:
            yield line, line


def _cell(line: Line | None) -> Text:
    if line is None:
        return Text("")
    text = Text(f"{line.kind} {line.text}", style="dim" if line.carried else _LINE_STYLE[line.kind])
    for start, end in line.marks:
        text.stylize("bold underline", start + 2, end + 2)
    return text
