"""A benchmark as a picture, to paste into a pull request; and a sweep over two parameters as a map.

Drawn with Matplotlib's Agg in the font it ships, with none of the reader's settings: the same bytes every time.
"""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.report.bench_scale import Scale, scale_of
from scaffold.report.bench_view import BenchReport, BenchRow, Ratio, Word
from scaffold.report.bench_words import (
    PEERS,
    QUIET,
    SYMBOLS,
    TONES,
    RowName,
    Tone,
    against,
    device_text,
    duration,
    factor_text,
    is_drawable,
    is_finite,
    is_plotted,
    number,
    peers_of,
    percent,
    prepared,
    ratio_text,
    row_names,
    shown_outcome,
    shown_reason,
    shown_word,
    subject_of,
    word_counts,
)
from scaffold.report.clean import cleaned
from scaffold.report.corpus_terminal import one_line

_DPI = 160
#: Sizes in inches.
_WIDTH, _ROW, _FOOT, _LINE, _EDGE = 11.0, 0.36, 0.62, 0.2, 0.18
#: Where the axes begin and end, in shares of the width.
_LEFT, _RIGHT = 0.25, 0.73
#: Rows drawn; a picture is for a glance, the HTML report for the rest.
_MOST_ROWS = 30
#: Characters of a name, of its settings, of a reason, and of a line and the lines of the head.
_LONGEST_NAME, _LONGEST_SETTINGS, _LONGEST_REASON, _LONGEST_LINE, _MOST_LINES = 29, 37, 60, 118, 2

_INK, _FAINT, _RULE, _BAND, _PAPER = "#1f2328", "#656d76", "#d0d7de", "#eef1f4", "#ffffff"
_TONE: Mapping[Tone, str] = {"good": "#1a7f37", "bad": "#b3261e", "warn": "#8a5a00", "calm": "#3d5a6c", "plain": _INK}
_BARS = ("#0b57c2", "#b9c4d0")

#: Cells of a map: more have no room for their numbers.
_MOST_NUMBERED = 400
_LONGEST_TICK = 24
#: Largest by smallest number from which the colours are of their logarithms.
_LOGARITHMIC = 20


def render_bench_png(report: BenchReport) -> bytes:
    """Ratios with their intervals; of a one-sided report, times relative to PyTorch's."""
    report = prepared(report)
    return _saved(lambda: _ratios(report) if report.two_sided else _bars(report))


# ---- head and rows


@dataclass(frozen=True)
class _Rows:
    """Rows that are drawn, their names, and the words of those that are not."""

    rows: tuple[BenchRow, ...]
    names: tuple[RowName, ...]
    left: str


def _chosen(report: BenchReport) -> _Rows:
    """As many rows as there is room for, those that need no look left out first, in their order."""
    named = list(zip(report.rows, row_names(report), strict=True))
    kept = sorted(sorted(range(len(named)), key=lambda at: shown_word(report, named[at][0]) in QUIET)[:_MOST_ROWS])
    return _Rows(
        tuple(named[at][0] for at in kept),
        tuple(named[at][1] for at in kept),
        word_counts(shown_word(report, row) for at, (row, _) in enumerate(named) if at not in kept),
    )


def _figure(report: BenchReport, rows: _Rows, *, slots: float) -> tuple[Any, Any]:
    """A figure with the head written, and axes for the rows below it, the first at the top."""
    from matplotlib.figure import Figure

    word = shown_outcome(report)
    headline = textwrap.wrap(f"{SYMBOLS[word]} {one_line(report.headline)}", 100) or [""]
    facts = [
        device_text(report.device),
        *(f"{side.label}: {side.build}, {side.detail}" for side in report.sides),
    ]
    lines = [line for fact in facts for line in textwrap.wrap(one_line(fact), _LONGEST_LINE)[:_MOST_LINES]]
    left = f"{len(report.rows) - len(rows.rows)} more rows: {rows.left}" if rows.left else ""
    head = _EDGE + 0.3 * min(len(headline), 3) + _LINE * len(lines) + 0.16
    height = head + _ROW * slots + _FOOT + (_LINE if left else 0)
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor=_PAPER)
    top = height - _EDGE
    for line in headline[:3]:
        figure.text(0.02, top / height, line, va="top", size=13, weight="bold", color=_TONE[TONES[word]])
        top -= 0.3
    for line in lines:
        figure.text(0.02, top / height, line, va="top", size=8.5, color=_FAINT)
        top -= _LINE
    if left:
        figure.text(0.02, 0.1 / height, left, va="bottom", size=8.5, color=_FAINT)
    foot = _FOOT + (_LINE if left else 0)
    axes = figure.add_axes((_LEFT, foot / height, _RIGHT - _LEFT, _ROW * slots / height))
    axes.set_ylim(slots - 0.5, -0.5)
    axes.set_yticks([])
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_RULE)
    axes.tick_params(axis="x", colors=_FAINT, labelsize=8.5)
    return figure, axes


def _beside(
    axes: Any, at: float, text: str, *, side: str, color: str = _INK, weight: str = "normal", size: float = 9.5
) -> None:
    """Text in the margin of the axes."""
    # A point of the axes' own width to the left of them, or to the right.
    place, align = (-0.02, "right") if side == "left" else (1.02, "left")
    transform = axes.get_yaxis_transform()
    axes.text(place, at, text, transform=transform, ha=align, va="center", color=color, weight=weight, size=size)


def _name(axes: Any, at: float, name: RowName) -> None:
    """A kernel, and below it, smaller, what sets this row of it apart."""
    offset = 0.17 if name.settings else 0.0
    _beside(axes, at - offset, _short(name.kernel, _LONGEST_NAME), side="left")
    if name.settings:
        _beside(axes, at + 0.24, _short(name.settings, _LONGEST_SETTINGS), side="left", color=_FAINT, size=7.5)


# ---- two sides


def _ratios(report: BenchReport) -> Any:
    rows = _chosen(report)
    compared = [row.asked for row in rows.rows if is_plotted(row.asked)]
    scale = scale_of((one.ratio for one in compared), (one.again for one in compared), report.smallest)
    figure, axes = _figure(report, rows, slots=max(1, len(rows.rows)))
    axes.set_xlim(0, 1)
    axes.axvspan(scale.at(1 / (1 + report.smallest)), scale.at(1 + report.smallest), color=_BAND, lw=0, zorder=0)
    axes.axvline(scale.at(1), color=_FAINT, lw=0.9, ls=(0, (2, 3)), zorder=1)
    _ticks(axes, scale)
    axes.set_xlabel(
        f"candidate / baseline time, 95 % interval; left of 1 is faster.  "
        f"Grey: the baseline against itself.  Shaded: ±{percent(report.smallest)}",
        size=8.5,
        color=_FAINT,
    )
    for at, (row, name) in enumerate(zip(rows.rows, rows.names, strict=True)):
        word = shown_word(report, row)
        color = _TONE[TONES[word]]
        _name(axes, at, name)
        _beside(axes, at, f"{SYMBOLS[word]} {word}", side="right", color=color, weight="bold")
        ratio, again = (row.asked.ratio, row.asked.again) if row.asked else (None, None)
        if is_drawable(again):
            _grey(axes, at, scale, again)
        if is_drawable(ratio):
            _interval(axes, at, scale, ratio, color)
            axes.text(
                1.27, at, ratio_text(ratio), transform=axes.get_yaxis_transform(), va="center", color=_INK, size=9
            )
        elif reason := shown_reason(report, row):
            axes.text(0.5, at, _short(reason, _LONGEST_REASON), ha="center", va="center", color=_FAINT, size=8.5)
    return figure


def _ticks(axes: Any, scale: Scale) -> None:
    ticks = scale.ticks()
    axes.set_xticks([scale.at(ratio) for ratio, _ in ticks], [label for _, label in ticks])


def _grey(axes: Any, at: float, scale: Scale, again: Ratio) -> None:
    low, high = scale.at(again.low), scale.at(again.high)
    axes.barh(at, max(high - low, 0.002), left=low, height=0.62, color="#b6bfc9", lw=0, zorder=2)
    middle = scale.at(again.ratio)
    axes.plot([middle, middle], [at - 0.31, at + 0.31], color="#7d8894", lw=1.2, zorder=3)


def _interval(axes: Any, at: float, scale: Scale, ratio: Ratio, color: str) -> None:
    low, high, middle = scale.at(ratio.low), scale.at(ratio.high), scale.at(ratio.ratio)
    # Beyond the axis it points to where it is.
    marker = "o" if scale.holds(ratio.ratio) else "<" if ratio.ratio < 1 else ">"
    if marker == "o":
        axes.plot([low, high], [at, at], color=color, lw=2, zorder=4, solid_capstyle="butt")
        for end in (low, high):
            axes.plot([end, end], [at - 0.14, at + 0.14], color=color, lw=1.6, zorder=4)
    axes.plot([middle], [at], marker=marker, ms=6.5, color=color, mec=_PAPER, mew=0.8, zorder=5, clip_on=False)


# ---- one side


@dataclass(frozen=True)
class _Bar:
    """One bar: a time relative to the reference's, with its interval where it has one."""

    name: str
    value: float
    low: float | None
    high: float | None
    fill: str
    word: Word | None


def _bars(report: BenchReport) -> Any:
    """Bars of time relative to PyTorch's, or to Triton's where no row has PyTorch."""
    rows = _chosen(report)
    peers = peers_of(report)
    reference = peers[0] if peers else ""
    bars = [_row_bars(row, reference, peers) for row in rows.rows]
    slots = [max(1, len(of)) for of in bars]
    figure, axes = _figure(report, rows, slots=sum(slots) + 0.35 * len(slots))
    longest = max([1.0, *(bar.high or bar.value for of in bars for bar in of)])
    axes.set_xlim(0, longest * 1.06)
    named = PEERS.get(reference, "")
    if named:
        axes.axvline(1.0, color=_INK, lw=1.0, ls=(0, (3, 2)), zorder=3)
    axes.set_xlabel(
        f"time relative to {named} (dashed), 95 % interval; shorter is faster" if named else "nothing to set it beside",
        size=8.5,
        color=_FAINT,
    )
    at = 0.0
    for row, name, of in zip(rows.rows, rows.names, bars, strict=True):
        subject = subject_of(row)
        time = duration(subject.median_ms if subject else None)
        _name(axes, at, name)
        if not of:
            said = _without_reference(report, row, reference)
            axes.text(
                0.01, at, _short(said, 80), transform=axes.get_yaxis_transform(), va="center", color=_FAINT, size=8.5
            )
        for bar in of:
            _draw_bar(axes, at, bar, time)
            at += 1
        at += 0.35 + (0 if of else 1)
    return figure


def _row_bars(row: BenchRow, reference: str, peers: Sequence[str]) -> list[_Bar]:
    beside = row.arm(reference)
    subject = subject_of(row)
    if beside is None or subject is None or not is_finite(beside.median_ms) or beside.median_ms <= 0:
        return []
    bars = []
    for arm in (subject, *(row.arm(key) for key in peers if key != reference)):
        if arm is None or not is_finite(arm.median_ms):
            continue
        mine = arm is subject
        compared = against(row, reference) if mine else None
        ratio = compared.ratio if compared and is_drawable(compared.ratio) else None
        value = ratio.ratio if ratio else arm.median_ms / beside.median_ms
        low, high = (ratio.low, ratio.high) if ratio else (None, None)
        name = "TileLang" if mine else PEERS[arm.key]
        bars.append(_Bar(name, value, low, high, _BARS[0 if mine else 1], compared.word if compared else None))
    return bars


def _without_reference(report: BenchReport, row: BenchRow, reference: str) -> str:
    """``no time of PyTorch; TileLang 41.20 µs, Triton 45.18 µs``."""
    subject = subject_of(row)
    if subject is None or subject.median_ms is None:
        word, why = shown_word(report, row), shown_reason(report, row)
        return f"{SYMBOLS[word]} {word}{f': {one_line(why)}' if why else ''}"
    arms = [arm for arm in row.arms if arm.median_ms is not None and (arm is subject or arm.key in PEERS)]
    times = ", ".join(f"{PEERS.get(arm.key, 'TileLang')} {duration(arm.median_ms)}" for arm in arms)
    return f"no time of {PEERS[reference]}; {times}" if reference else times


def _draw_bar(axes: Any, at: float, bar: _Bar, time: str) -> None:
    axes.barh(at, bar.value, height=0.72, color=bar.fill, lw=0, zorder=2)
    if bar.low is not None and bar.high is not None:
        axes.plot([bar.low, bar.high], [at, at], color=_INK, lw=1.6, zorder=4, solid_capstyle="butt")
        for end in (bar.low, bar.high):
            axes.plot([end, end], [at - 0.16, at + 0.16], color=_INK, lw=1.4, zorder=4)
    if bar.word is None:
        _beside(axes, at, f"{bar.name} {factor_text(bar.value)}", side="right", color=_FAINT, size=9)
        return
    color = _TONE[TONES[bar.word]]
    _beside(axes, at, f"{bar.name} {factor_text(bar.value)}", side="right", size=9)
    said = f"{SYMBOLS[bar.word]} {bar.word}, {time}"
    axes.text(1.27, at, said, transform=axes.get_yaxis_transform(), va="center", color=color, weight="bold", size=9)


# ---- a sweep


def render_heat_map_png(
    x_name: str,
    x_values: Sequence[str],
    y_name: str,
    y_values: Sequence[str],
    cells: Mapping[tuple[str, str], float | None],
    title: str,
    unit: str,
    *,
    best: tuple[str, str] | None = None,
) -> bytes:
    """A map of one number over two parameters, the first value of ``y`` at the top.

    ``cells`` are by (x, y); ``None`` is a cell that failed (hatched), one that is missing was not tried (empty).
    ``best`` is framed.
    """
    named = cleaned((x_name, tuple(x_values), y_name, tuple(y_values), title, unit))
    tried = {
        (column, line): cells[x, y]
        for column, x in enumerate(x_values)
        for line, y in enumerate(y_values)
        if (x, y) in cells
    }
    framed = (x_values.index(best[0]), y_values.index(best[1])) if best else None
    return _saved(lambda: _map(named, tried, framed))


def _map(
    named: tuple[str, tuple[str, ...], str, tuple[str, ...], str, str],
    tried: Mapping[tuple[int, int], float | None],
    framed: tuple[int, int] | None,
) -> Any:
    import numpy
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    x_name, x_values, y_name, y_values, title, unit = named
    columns, lines = max(1, len(x_values)), max(1, len(y_values))
    width, height = min(max(6.0, 0.8 * columns + 2.6), 16.0), min(max(3.2, 0.46 * lines + 1.7), 16.0)
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor=_PAPER, layout="constrained")
    axes = figure.add_subplot()
    grid = numpy.full((lines, columns), numpy.nan)
    for (column, line), value in tried.items():
        grid[line, column] = value if is_finite(value) else numpy.nan
    known = grid[numpy.isfinite(grid)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    logarithmic = low > 0 and high > _LOGARITHMIC * low
    norm = LogNorm(low, high) if logarithmic else Normalize(low, high if high > low else low + 1)
    image = axes.imshow(grid, cmap="cividis", aspect="auto", norm=norm)
    numbered = columns * lines <= _MOST_NUMBERED
    for (column, line), value in tried.items():
        if not is_finite(value):
            axes.add_patch(
                Rectangle((column - 0.5, line - 0.5), 1, 1, fill=False, hatch="////", edgecolor="#8a939d", lw=0)
            )
        elif numbered:
            # Cividis goes from dark to light.
            ink = "#ffffff" if float(norm(value)) < 0.55 else "#000000"
            axes.text(column, line, number(value), ha="center", va="center", color=ink, size=8)
    if framed:
        corner = (framed[0] - 0.5, framed[1] - 0.5)
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor="#b3261e", lw=2.5, zorder=5))
    axes.set_xticks(range(len(x_values)), [_short(value, _LONGEST_TICK) for value in x_values])
    axes.set_yticks(range(len(y_values)), [_short(value, _LONGEST_TICK) for value in y_values])
    if max((len(value) for value in x_values), default=0) > 6:
        axes.tick_params(axis="x", rotation=30)
    axes.tick_params(length=0, labelsize=8.5, colors=_INK)
    for spine in axes.spines.values():
        spine.set_color(_RULE)
    axes.set_xlabel(_short(x_name, 60), size=9.5, color=_INK)
    axes.set_ylabel(_short(y_name, 40), size=9.5, color=_INK)
    failed = sum(not is_finite(value) for value in tried.values())
    said = [f"hatched: {failed} failed"] if failed else []
    said += [f"empty: {columns * lines - len(tried)} not tried"] if len(tried) < columns * lines else []
    said += ["framed: the best"] if framed else []
    axes.set_title("\n".join(textwrap.wrap(one_line(title), int(width * 10))), size=11, loc="left", color=_INK)
    if said:
        figure.supxlabel(", ".join(said), x=0.99, ha="right", size=8, color=_FAINT)
    bar = figure.colorbar(image, ax=axes, pad=0.015)
    bar.set_label(f"{_short(unit, 40)}{', logarithmic' if logarithmic else ''}", size=9, color=_INK)
    bar.ax.tick_params(labelsize=8, colors=_INK)
    bar.outline.set_visible(False)
    return figure


# ---- bytes


def _saved(draw: Callable[[], Any]) -> bytes:
    """A figure as PNG, drawn with Matplotlib's own settings and none of the reader's."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        # A letter its font does not have is drawn as a box; that is all there is to it.
        warnings.simplefilter("ignore", UserWarning)
        mpl.rcdefaults()
        # A dollar in a name is a dollar.
        mpl.rcParams["text.parse_math"] = False
        mpl.rcParams["font.family"] = "DejaVu Sans"
        buffer = io.BytesIO()
        draw().savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _short(text: str, longest: int) -> str:
    line = one_line(text)
    return line if len(line) <= longest else line[: longest - 1] + "…"
