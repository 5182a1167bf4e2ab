"""A sweep as a grid on a terminal, as Markdown, as JSON and as a heat map."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scaffold.report.bench_words import NONE, device_text, duration, durations, factor_text, number
from scaffold.report.clean import cleaned, encodable
from scaffold.report.corpus_terminal import one_line
from scaffold.report.sweep_view import Configuration, SweepReport
from scaffold.report.terminal import make_console
from scaffold.trace.json_schema import as_json

SWEEP_SCHEMA_VERSION = 1
#: Configurations named below the grid, the fastest first.
_MOST_NAMED = 5


def headline_of(report: SweepReport) -> str:
    """The fastest configuration, and what it is beside the kernel's own."""
    timed = report.timed
    failed = len(report.configurations) - len(timed)
    if not timed:
        return f"x {report.kernel}: none of {len(report.configurations)} configurations could be timed"
    best, default = timed[0], report.default
    said = f"{report.kernel} is fastest with {best.shown}: {duration(best.median_ms)}"
    if default is not None and default.median_ms and best.median_ms and default is not best:
        said += f", {factor_text(default.median_ms / best.median_ms)}x as fast as its defaults"
    elif default is best:
        said += ", which are its defaults"
    left = f"; {failed} of {len(report.configurations)} failed" if failed else ""
    return f"+ {said}{left}"


def reasons_of(report: SweepReport) -> dict[str, list[Configuration]]:
    """Configurations without a time, by the reason."""
    found: dict[str, list[Configuration]] = {}
    for one in report.configurations:
        if one.median_ms is None:
            found.setdefault(one_line(one.why_missing), []).append(one)
    return found


def render_sweep_text(report: SweepReport, *, width: int = 120) -> str:
    """The grid as plain lines, for a file or a pipe."""
    stream = io.StringIO()
    print_sweep(report, make_console(stream, color="never", width=width))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def print_sweep(report: SweepReport, console: Console) -> None:
    """Write the answer, the grid, the fastest, and why some have no time, to ``console``."""
    report = cleaned(report)
    console.print(Text(one_line(headline_of(report)), style="bold"), soft_wrap=True)
    for line in _facts(report):
        console.print(Text(f"  {line}", style="dim"), soft_wrap=True)
    for title, rows, columns, cells in grids(report):
        console.print()
        if title:
            console.print(Text(title, style="bold"))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column(rows[0] if columns[0] == "" else f"{rows[0]} \\ {columns[0]}".replace("\\", "/"))
        for column in columns[1]:
            table.add_column(column or "time", justify="right")
        for value, row in zip(rows[1], cells, strict=True):
            table.add_row(value, *(_cell(one, report) for one in row))
        console.print(table)
    _print_fastest(report, console)
    for reason, found in reasons_of(report).items():
        console.print()
        console.print(Text(f"x {len(found)}: {reason}"), soft_wrap=True)
        console.print(Text(f"    {', '.join(one.shown for one in found)}", style="dim"), soft_wrap=True)
    console.print()
    console.print(Text(f"next: {one_line(report.next_command)}", style="bold"), soft_wrap=True)


def _facts(report: SweepReport) -> Iterator[str]:
    yield f"{report.target} on {device_text(report.device)}"
    yield f"{report.side.build} (TileLang {report.side.version}), {report.side.detail}"
    yield f"median of {report.rounds} rounds of fresh processes; outputs compared with the reference first"


#: A title, the first axis with its values, the second one, and a configuration for each pair.
Grid = tuple[str, tuple[str, Sequence[str]], tuple[str, Sequence[str]], list[list[Configuration]]]


def grids(report: SweepReport) -> Iterator[Grid]:
    """The last two axes as a grid, one for each combination of the axes before them."""
    outer, inner = report.axes[:-2], report.axes[-2:]
    rows = inner[0]
    columns: tuple[str, Sequence[str]] = inner[1] if len(inner) == 2 else ("", ("",))
    by_values = {tuple(one.values.items()): one for one in report.configurations}
    for chosen in itertools.product(*(values for _, values in outer)):
        fixed = tuple(zip((name for name, _ in outer), chosen, strict=True))
        cells = []
        for value in rows[1]:
            row = []
            for other in columns[1]:
                tail = ((rows[0], value), (columns[0], other)) if columns[0] else ((rows[0], value),)
                row.append(by_values[fixed + tail])
            cells.append(row)
        yield " ".join(f"{name}={value}" for name, value in fixed), rows, columns, cells


def _cell(one: Configuration, report: SweepReport) -> Text:
    if one.median_ms is None:
        return Text("failed", style="red")
    best = report.timed[0]
    shown = durations(one.median_ms, best.median_ms)[0]
    mark = " *" if one is best else " d" if one.is_default else "  "
    return Text(f"{shown}{mark}", style="bold green" if one is best else "")


def _print_fastest(report: SweepReport, console: Console) -> None:
    timed = report.timed
    if not timed:
        return
    console.print(Text("* the fastest, d the kernel's defaults", style="dim"))
    console.print()
    # A CPU's rates are in thousandths of a GPU's.
    unit, factor = ("TFLOP/s", 1.0) if any((one.tflops or 0.0) >= 1.0 for one in timed) else ("GFLOP/s", 1e3)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name, justify in (("the fastest", "left"), ("time", "right"), ("rounds", "left"), (unit, "right"),
                          ("GB/s", "right"), ("compiling", "right")):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for one in timed[:_MOST_NAMED]:
        low, high = durations(one.low_ms, one.high_ms)
        table.add_row(
            one.shown,
            duration(one.median_ms),
            f"{low} to {high}",
            number(one.tflops * factor if one.tflops is not None else None),
            number(one.gbytes_per_s),
            duration(one.compile_ms) if one.compile_ms is not None else NONE,
        )
    console.print(table)


def render_sweep_markdown(report: SweepReport) -> str:
    """A table for a pull request: every configuration, the fastest first, then those without a time."""
    report = cleaned(report)
    lines = [f"**{_plain(headline_of(report))}**", ""]
    lines += [f"{_plain(line)}  " for line in _facts(report)]
    names = [name for name, _ in report.axes]
    lines += ["", f"| {' | '.join(map(_plain, names))} | Time | TFLOP/s | GB/s |", "|---" * (len(names) + 3) + "|"]
    for one in (*report.timed, *(one for one in report.configurations if one.median_ms is None)):
        values = [_plain(one.values[name]) for name in names]
        shown = duration(one.median_ms) if one.median_ms is not None else f"failed: {_plain(one.why_missing)}"
        lines.append(f"| {' | '.join([*values, shown, number(one.tflops), number(one.gbytes_per_s)])} |")
    lines += ["", f"`{report.command.replace('`', '')}`", ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def render_sweep_json(report: SweepReport) -> bytes:
    """The view model, indented, keys sorted."""
    document = {"schema_version": SWEEP_SCHEMA_VERSION, **msgspec.to_builtins(encodable(report))}
    return as_json(document)


def render_sweep_png(report: SweepReport) -> bytes:
    """The grid of the last two axes as a heat map; of more axes, that of the fastest configuration."""
    from scaffold.report.bench_png import render_heat_map_png

    report = cleaned(report)
    best = report.timed[0] if report.timed else None
    for title, rows, columns, cells in grids(report):
        if best is None or any(one is best for row in cells for one in row):
            times = {
                (other, value): one.median_ms
                for value, row in zip(rows[1], cells, strict=True)
                for other, one in zip(columns[1], row, strict=True)
            }
            head = f"{report.kernel} {title}".strip()
            return render_heat_map_png(columns[0] or "time", columns[1], rows[0], rows[1], times, head, "ms")
    raise ValueError("a sweep has at least one grid")
