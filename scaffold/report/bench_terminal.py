"""A benchmark on a terminal: the answer, one row a kernel, then only what a reader must know of a row.

Colour is never alone: every row has a symbol and a word.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scaffold.report.bench_view import Arm, BenchReport, BenchRow, Comparison
from scaffold.report.bench_words import (
    CODE_FIELDS,
    NONE,
    PEERS,
    QUIET,
    SYMBOLS,
    TONES,
    RowName,
    Shown,
    against,
    arm_name,
    baseline_of,
    clocks_text,
    code_value,
    device_text,
    duration,
    durations,
    elapsed_text,
    error_text,
    findings,
    from_to,
    is_finite,
    median_of,
    name_of,
    number,
    peers_of,
    prepared,
    rate_text,
    rated_of,
    ratio_text,
    roof_text,
    row_names,
    settings_text,
    shared_settings,
    shown_outcome,
    shown_word,
    speed_of,
    speed_text,
    subject_of,
    word_and_reason,
    word_counts,
)
from scaffold.report.corpus_terminal import one_line
from scaffold.report.terminal import make_console

#: Columns from which a screen has room for times, rates and roofs beside the ratios.
_WIDE = 110
#: Rows that are shown unless all are asked for; only rows that need no look are left out.
_MOST_ROWS = 40
#: Kernels with other settings that are named above the table, and rows that are named in a line.
_MOST_KERNELS = 3
#: Columns that ratios, words and what is between them take on a narrow screen, and the least that is a name.
_NARROW_REST = 58
_SHORTEST_NAME = 12

_STYLE = {"good": "bold green", "bad": "bold red", "warn": "bold yellow", "calm": "green", "plain": "bold cyan"}
_LEGEND_TWO = (
    "ratio: candidate / baseline time with its 95 % interval, below 1 is faster; "
    "A/A: the baseline against itself in the same rounds; "
)
_LEGEND_ONE = "1.250x: 1.25 times as fast, with its 95 % interval; "
_LEGEND_ROOF = "roof: share of what this device was measured to reach"


def render_bench_text(report: BenchReport, *, width: int = 120, everything: bool = False) -> str:
    """The report as plain lines, for a file or a pipe."""
    stream = io.StringIO()
    print_bench(report, make_console(stream, color="never", width=width), everything=everything)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def print_bench(report: BenchReport, console: Console, *, everything: bool = False) -> None:
    """Write the report to ``console``; ``everything`` names every row, output, number of the code and round."""
    report = prepared(report)
    _print_head(report, console)
    names = row_names(report)
    rows = [_Named(row, name, shown_word(report, row)) for row, name in zip(report.rows, names, strict=True)]
    shown = rows if everything else _chosen(rows)
    if shown:
        console.print()
        _print_table(report, shown, console)
        if len(shown) < len(rows):
            left = [item.word for item in rows if item not in shown]
            console.print(Text(f"… {len(left)} more rows, {word_counts(left)}: --all", style="dim"))
        console.print(Text(_legend(report), style="dim"))
        _print_findings(report, shown, console, everything=everything)
    if report.notes:
        console.print()
    for note in report.notes:
        _print_hanging(f"note: {one_line(note)}", console, indent=0, style="yellow")
    console.print()
    if everything:
        console.print(Text(f"again: {one_line(report.command)}", style="dim"), soft_wrap=True)
    console.print(Text(f"next: {one_line(report.next_command)}", style="bold"), soft_wrap=True)


@dataclass(frozen=True, eq=False)
class _Named:
    """A row, what it is called, and its word."""

    row: BenchRow
    name: RowName
    word: Shown

    @property
    def symbol(self) -> Text:
        return Text(SYMBOLS[self.word], style=self.style)

    @property
    def style(self) -> str:
        return _STYLE[TONES[self.word]]


def _chosen(rows: Sequence[_Named]) -> list[_Named]:
    """All rows that need a look, and as many of the quiet ones as there is room for, in their order."""
    room = _MOST_ROWS - sum(item.word not in QUIET for item in rows)
    chosen = []
    for item in rows:
        quiet = item.word in QUIET
        if not quiet or room > 0:
            chosen.append(item)
        room -= quiet
    return chosen


# ---- head


def _print_head(report: BenchReport, console: Console) -> None:
    word = shown_outcome(report)
    headline = f"{SYMBOLS[word]} {one_line(report.headline)}"
    console.print(Text(headline, style=_STYLE[TONES[word]]), soft_wrap=True)
    for detail in report.details:
        _print_hanging(one_line(detail), console)
    clocks = clocks_text(report.rows)
    _print_hanging(f"device: {device_text(report.device)}{f', {clocks}' if clocks else ''}", console, style="dim")
    for side in report.sides:
        detail = f", {side.detail}" if side.detail else ""
        told = f"{side.label}: {side.build} (TileLang {side.version}{detail})"
        _print_hanging(one_line(told), console, style="dim")
    kernels = shared_settings(report)
    for names, settings in kernels if len(kernels) <= _MOST_KERNELS else ():
        _print_hanging(f"{', '.join(names)} for {settings}", console, style="dim")
    took = f"took {elapsed_text(report.seconds)}{f', started {report.started_at}' if report.started_at else ''}"
    _print_hanging(one_line(took), console, style="dim")
    for note in report.device.notes:
        _print_hanging(f"note: {one_line(note)}", console, style="yellow")


def _print_hanging(text: str, console: Console, *, indent: int = 2, style: str = "") -> None:
    """A line that stays behind its indent where it wraps."""
    console.print(Padding(Text(text, style=style, overflow="fold"), (0, 0, 0, indent), expand=False))


# ---- table


def _print_table(report: BenchReport, rows: Sequence[_Named], console: Console) -> None:
    if console.width < _WIDE:
        (_print_narrow_two if report.two_sided else _print_narrow_one)(report, rows, console)
        return
    columns: list[str] = ["baseline", "candidate", "rate"] if report.two_sided else ["time", "TFLOP/s", "GB/s"]
    peers = () if report.two_sided else peers_of(report)
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold", collapse_padding=False)
    table.add_column("")
    table.add_column("kernel", overflow="fold")
    for name in ("verdict", "ratio [95 %]", "A/A [95 %]") if report.two_sided else ():
        table.add_column(name, no_wrap=True)
    for name in (*columns, "roof"):
        table.add_column(name, justify="right", no_wrap=True)
    for peer in peers:
        table.add_column(f"against {PEERS[peer]}", no_wrap=True)
    for item in rows:
        cells = _cells_two(item) if report.two_sided else _cells_one(item, peers)
        table.add_row(item.symbol, _shown(item.name), *cells)
    console.print(table)


def _shown(name: RowName) -> Text:
    text = Text(name.kernel)
    return text.append(f" {name.settings}", style="dim") if name.settings else text


def _cells_two(item: _Named) -> list[str | Text]:
    asked, baseline, subject = item.row.asked, baseline_of(item.row), subject_of(item.row)
    before, after = durations(*(arm.median_ms if arm else None for arm in (baseline, subject)))
    rated = rated_of(item.row)
    return [
        Text(item.word, style=item.style),
        Text(ratio_text(asked.ratio if asked else None), style="bold"),
        Text(ratio_text(asked.again if asked else None), style="dim"),
        before,
        after,
        rate_text(rated),
        roof_text(rated),
    ]


def _cells_one(item: _Named, peers: Sequence[str]) -> list[str | Text]:
    subject = subject_of(item.row)
    cells: list[str | Text] = [duration(subject.median_ms if subject else None)]
    cells += [number(subject.tflops), number(subject.gbytes_per_s)] if subject else [NONE, NONE]
    cells.append(roof_text(subject))
    if not peers:
        return cells
    return [*cells, *(_against(against(item.row, peer)) for peer in peers)]


def _against(comparison: Comparison | None) -> Text:
    """``FASTER 1.250x [1.240, 1.260]``."""
    if comparison is None:
        return Text(NONE)
    speed = speed_of(comparison.ratio)
    text = Text(f"{comparison.word:<6}", style=_STYLE[TONES[comparison.word]])
    return text.append(f" {speed_text(speed)}", style="none") if speed else text


# ---- the same where there is no room for columns: numbers on a line below


def _print_narrow_two(report: BenchReport, rows: Sequence[_Named], console: Console) -> None:
    del report
    room = console.width - _NARROW_REST
    width = (
        min(room, max(len("kernel"), *(cell_len(item.name.kernel) for item in rows))) if room >= _SHORTEST_NAME else 0
    )
    if width:
        heading = f"  {_padded('kernel', width)}  {'verdict':<10}  {'ratio [95 %]':<20}  A/A [95 %]"
        console.print(Text(heading, style="bold"))
    for item in rows:
        asked = item.row.asked
        ratio, again = (ratio_text(one) for one in ((asked.ratio, asked.again) if asked else (None, None)))
        fits = cell_len(item.name.kernel) <= width
        line = item.symbol.append(f" {_padded(item.name.kernel, width)}", style="none")
        if not fits:
            console.print(line, soft_wrap=True)
            line = Text("  " + " " * width)
        line.append("  ").append(f"{item.word:<10}", style=item.style)
        line.append(f"  {ratio:<20}", style="bold").append(f"  {'' if width else 'A/A '}{again}", style="dim")
        console.print(line, overflow="fold")
        if numbers := _numbers_two(item):
            _print_hanging(numbers, console, indent=4, style="dim")


def _numbers_two(item: _Named) -> str:
    baseline, subject = baseline_of(item.row), subject_of(item.row)
    words = [item.name.settings] if item.name.settings else []
    times = [arm.median_ms if arm else None for arm in (baseline, subject)]
    words += [from_to(*times)] if any(map(is_finite, times)) else []
    rated = rated_of(item.row)
    return _joined([*words, rate_text(rated), roof_text(rated, whole=True)])


def _print_narrow_one(report: BenchReport, rows: Sequence[_Named], console: Console) -> None:
    peers = peers_of(report)
    for item in rows:
        subject = subject_of(item.row)
        line = item.symbol.append(f" {item.name.kernel}", style="none")
        line.append(f"  {duration(subject.median_ms if subject else None)}", style="bold")
        console.print(line, overflow="fold")
        numbers = [item.name.settings, *_rates(subject), roof_text(subject, whole=True)]
        if joined := _joined(numbers):
            _print_hanging(joined, console, indent=4, style="dim")
        for peer in peers:
            told = Text(f"{PEERS[peer]:<8} ").append_text(_against(against(item.row, peer)))
            console.print(Padding(told, (0, 0, 0, 4), expand=False))


def _rates(arm: Arm | None) -> list[str]:
    if arm is None:
        return []
    rates = ((arm.tflops, "TFLOP/s"), (arm.gbytes_per_s, "GB/s"))
    return [f"{number(value)} {unit}" for value, unit in rates if value is not None]


def _joined(words: Iterable[str]) -> str:
    return ", ".join(word for word in words if word not in ("", NONE))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _legend(report: BenchReport) -> str:
    roofs = dict.fromkeys(arm.roof_of for row in report.rows for arm in row.arms if arm.roof is not None)
    named = f" ({one_line(', '.join(filter(None, roofs)))})" if any(roofs) else ""
    legend = _LEGEND_TWO if report.two_sided else _LEGEND_ONE if peers_of(report) else ""
    return f"{legend}{_LEGEND_ROOF}{named}" if roofs else legend.rstrip("; ")


# ---- below the table


def _print_findings(report: BenchReport, rows: Sequence[_Named], console: Console, *, everything: bool) -> None:
    """Row by row; rows of which only a quiet reason is known share a line."""
    told = [(item, word_and_reason(report, item.row), findings(report, item.row)) for item in rows]
    console.print()
    if everything:
        for item, said, lines in told:
            _print_row(item, said, [*lines, *_everything(item.row)], console)
        return
    quiet: dict[str, list[_Named]] = {}
    for item, said, lines in told:
        if lines or item.word not in QUIET:
            _print_row(item, said, lines, console)
        elif said:
            quiet.setdefault(said, []).append(item)
    for said, items in quiet.items():
        names = ", ".join(str(item.name) for item in items) if len(items) <= _MOST_KERNELS else f"{len(items)} rows"
        _print_headed(items[0], f"{names}{said}", console)


def _print_row(item: _Named, said: str, lines: Iterable[str], console: Console) -> None:
    _print_headed(item, f"{item.name}{said}", console)
    for line in lines:
        _print_hanging(line, console, indent=4)


def _print_headed(item: _Named, text: str, console: Console) -> None:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row(item.symbol, text)
    console.print(table)


def _everything(row: BenchRow) -> Iterable[str]:
    yield f"settings: {settings_text(row)}"
    for comparison in row.comparisons:
        of = f"{name_of(row, comparison.candidate)} / {name_of(row, comparison.baseline)}"
        if comparison.ratio is not None:
            yield f"{of}: {ratio_text(comparison.ratio)}, p = {comparison.ratio.p_value:.2g}, {_rounds(comparison)}"
        if comparison.again is not None:
            again = f"{ratio_text(comparison.again)}, p = {comparison.again.p_value:.2g}"
            yield f"{name_of(row, comparison.baseline)} against itself: {again}"
    for arm in row.arms:
        yield from _arm_lines(arm)


def _rounds(comparison: Comparison) -> str:
    rounds = comparison.ratio.rounds if comparison.ratio else 0
    stopped = f", no more: {one_line(comparison.stopped)}" if comparison.stopped else ""
    return f"{rounds} round{'' if rounds == 1 else 's'}{stopped}"


def _arm_lines(arm: Arm) -> Iterable[str]:
    name = arm_name(arm)
    middle, low, high = durations(arm.median_ms, arm.low_ms, arm.high_ms)
    spread = f"[{low.rpartition(' ')[0]}, {high.rpartition(' ')[0]}]" if NONE not in (low, high) else ""
    known = _joined([f"{middle} {spread}".strip(), *_rates(arm), roof_text(arm, whole=True), one_line(arm.method)])
    yield f"{name}: {known or 'not timed'}"
    yield from (f"{name}, {error_text(output)}" for output in arm.outputs if output.passed)
    code = [
        f"{label} {code_value(arm.code, field, unit)}"
        for field, label, unit in CODE_FIELDS
        if getattr(arm.code, field) is not None
    ]
    code += [f"compile time {duration(arm.code.compile_ms)}"] if arm.code.compile_ms is not None else []
    if code and arm.key != "again":
        yield f"{name}: {', '.join(code)}"
    if arm.blocks:
        medians = durations(*map(median_of, arm.blocks))
        yield f"{name}, round by round: {', '.join(medians)}"
        yield from (f"{name}, {line}" for line in _device_lines(arm))


def _device_lines(arm: Arm) -> Iterable[str]:
    """What the device did while this arm ran, from the lowest to the highest."""
    for title, unit, values in (
        ("SM clock", "MHz", [block.sm_clock_mhz for block in arm.blocks]),
        ("temperature", "°C", [block.temperature_c for block in arm.blocks]),
        ("power", "W", [block.power_w for block in arm.blocks]),
    ):
        known = sorted(filter(is_finite, values))
        if known:
            yield f"{title} {known[0]:,.0f} to {known[-1]:,.0f} {unit}"
