"""Results that were kept, a line each: when, which build, on what, how fast, and what was claimed."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from rich.table import Table
from rich.text import Text

from scaffold.report.bench_view import BenchReport, BenchRow
from scaffold.report.bench_words import duration, ratio_text, word_of
from scaffold.report.clean import cleaned
from scaffold.report.corpus_terminal import one_line
from scaffold.report.terminal import make_console

_COLUMNS = ("when", "kernel", "device", "side", "build", "time", "A/A", "verdict", "ratio")


@dataclass(frozen=True)
class HistoryEntry:
    """One row of a report that was kept in ``file``."""

    report: BenchReport
    row: BenchRow
    file: str


def render_history(entries: Sequence[HistoryEntry], form: str, *, width: int) -> bytes:
    """The history as a table, as Markdown or as JSON.

    Raises
    ------
    ValueError
        If it has no such form.
    """
    lines = [line for entry in entries for line in _lines(cleaned(entry))]
    if form == "json":
        document = [dict(zip((*_COLUMNS, "file"), line, strict=True)) for line in lines]
        return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
    if form == "markdown":
        head = [f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|"]
        return ("\n".join([*head, *(f"| {' | '.join(line[:-1])} |" for line in lines)]) + "\n").encode()
    if form != "terminal":
        message = f"a history has no form {form}"
        raise ValueError(message)
    stream = io.StringIO()
    console = make_console(stream, color="never", width=width)
    if not lines:
        console.print(Text("nothing was measured yet"))
        console.print(Text("next: python -m scaffold bench gemm", style="bold"))
        return stream.getvalue().encode()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in _COLUMNS:
        table.add_column(name)
    for line in lines:
        table.add_row(*line[:-1])
    console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines()).encode()


def _lines(entry: HistoryEntry) -> Iterator[tuple[str, ...]]:
    """One line a side that was timed."""
    report, row = entry.report, entry.row
    sides = {side.label: side for side in report.sides}
    asked = row.asked
    for arm in row.arms:
        if arm.key not in ("baseline", "candidate") or arm.median_ms is None:
            continue
        is_last = arm.key == "candidate" or not report.two_sided
        side = sides.get(arm.key) or report.sides[0]
        yield (
            one_line(report.started_at.replace("T", " ").partition("+")[0]),
            one_line(row.kernel),
            one_line(report.device.name),
            arm.key,
            one_line(f"{side.build} {side.detail.removeprefix('content ')[:12]}"),
            duration(arm.median_ms),
            ratio_text(asked.again) if asked and is_last else "",
            word_of(row) if is_last and report.two_sided else "",
            ratio_text(asked.ratio) if asked and is_last and report.two_sided else "",
            entry.file,
        )
