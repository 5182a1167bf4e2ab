"""Evidence on a terminal: the answer, each step, what the change touches and why, what is left, what to type next."""

from __future__ import annotations

import io

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scaffold.report.clean import cleaned
from scaffold.report.corpus_terminal import one_line
from scaffold.report.evidence_view import EvidenceReport, StepRow
from scaffold.report.terminal import make_console


def render_evidence_text(report: EvidenceReport, *, width: int = 120) -> str:
    """As plain lines, for a file or a pipe."""
    stream = io.StringIO()
    print_evidence(report, make_console(stream, color="never", width=width))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def print_evidence(report: EvidenceReport, console: Console) -> None:
    it = cleaned(report)
    sign = "!" if it.finding else "~" if all(row.not_run for row in it.steps) else "+"
    console.print(Text(f"{sign} {one_line(it.headline)}", style="bold"), soft_wrap=True)
    console.print(Text(f"  {one_line(it.title)}", style="dim"), soft_wrap=True)
    if it.steps:
        console.print()
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for row in it.steps:
            table.add_row(Text(_sign(row)), Text(row.step, style="bold"), _said(row))
        console.print(table)
    if it.impact:
        console.print()
        console.print(Text("what the change touches", style="bold"))
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        for line in it.impact:
            table.add_row(Text(line.what), Text.assemble(line.name, ("  " + line.because, "dim"), overflow="fold"))
        console.print(table)
    if it.notes:
        console.print()
        for note in it.notes:
            console.print(Padding(Text(one_line(note)), (0, 0, 0, 2)))
    console.print()
    console.print(Text(f"next: {one_line(it.next_command)}", style="bold"), soft_wrap=True)


def _sign(row: StepRow) -> str:
    if row.not_run:
        return "?" if row.cannot else "-"
    return "!" if row.finding else "+"


def _said(row: StepRow) -> Text:
    if row.not_run:
        return Text(f"{'not run' if row.cannot else 'does not apply'}: {row.not_run}", style="dim")
    return Text(row.verdict + (" (up to date)" if row.kept else ""))
