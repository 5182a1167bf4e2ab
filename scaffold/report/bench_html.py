"""A benchmark as one self-contained HTML file: ratios on one axis, and behind each row its rounds and its code.

Everything is there without a script; the script switches the theme, copies commands and opens all rows. Positions are
percentages of attributes of SVG, so that text keeps its size on every screen and no style of an element is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scaffold.report.bench_scale import Scale, scale_of
from scaffold.report.bench_view import Arm, BenchReport, BenchRow, Block, Comparison, Ratio
from scaffold.report.bench_words import (
    CODE_FIELDS,
    NONE,
    PEERS,
    SYMBOLS,
    TONES,
    RowName,
    against,
    arm_name,
    baseline_of,
    clocks_text,
    code_value,
    duration,
    durations,
    elapsed_text,
    findings,
    from_to,
    is_drawable,
    is_finite,
    is_plotted,
    median_of,
    name_of,
    number,
    peers_of,
    percent,
    prepared,
    rate_text,
    rated_of,
    ratio_text,
    roof_text,
    row_names,
    settings_text,
    shown_outcome,
    shown_reason,
    shown_word,
    speed_of,
    speed_text,
    subject_of,
)
from scaffold.report.page import render_page

#: Height of the strip of rounds in pixels, and the room above its highest and below its lowest point.
_STRIP_HEIGHT, _STRIP_MARGIN = 120, 10
#: Blocks of an arm that are drawn.
_MOST_BLOCKS = 400
#: Rounds that are kept apart by lines.
_MOST_LINES = 60
#: The shape of each arm in a strip, whatever the colours; the subject is a dot.
_SHAPES = {"baseline": "ring", "candidate": "dot", "again": "square", "torch": "up", "triton": "down"}


def render_bench_html(report: BenchReport) -> str:
    """One HTML page, complete in itself; the same bytes for the same report."""
    report = prepared(report)
    word = shown_outcome(report)
    lanes = [comparison for row in report.rows for _, comparison in _lanes(report, row)]
    pairs = [_plotted(report, comparison) for comparison in lanes if is_plotted(comparison)]
    scale = scale_of((ratio for ratio, _ in pairs), (again for _, again in pairs), report.smallest)
    return render_page(
        "bench.html.j2",
        style=("report.css", "bench.css"),
        script=("store.js", "shell.js", "bench.js"),
        data={},
        report=report,
        title=_title(report),
        symbol=SYMBOLS[word],
        word=word,
        tone=TONES[word],
        facts=_facts(report),
        elapsed=elapsed_text(report.seconds),
        smallest=percent(report.smallest),
        ticks=[(_place(scale.at(ratio)), label, _anchor(scale.at(ratio))) for ratio, label in scale.ticks()],
        band=_span(scale, 1 / (1 + report.smallest), 1 + report.smallest),
        one=_place(scale.at(1.0)),
        rows=[_row(report, row, name, scale) for row, name in zip(report.rows, row_names(report), strict=True)],
        strip_height=_STRIP_HEIGHT,
    )


def _lanes(report: BenchReport, row: BenchRow) -> list[tuple[str, Comparison | None]]:
    """What a row draws, each under its own name: what was asked for, or what it is set beside."""
    if report.two_sided:
        return [("", row.asked)]
    return [(PEERS[key], against(row, key)) for key in peers_of(report)]


def _plotted(report: BenchReport, comparison: Comparison | None) -> tuple[Ratio | None, Ratio | None]:
    """A ratio and the one of a side against itself, in the direction in which the page tells them."""
    if comparison is None:
        return None, None
    if report.two_sided:
        return comparison.ratio, comparison.again
    return speed_of(comparison.ratio), speed_of(comparison.again)


def _title(report: BenchReport) -> str:
    builds = " → ".join(dict.fromkeys(side.build for side in report.sides))
    rows = f"{len(report.rows):,} row{'' if len(report.rows) == 1 else 's'}"
    return f"{builds or 'benchmark'}: {rows} on {report.device.name}"


def _facts(report: BenchReport) -> list[tuple[str, str]]:
    device = [("GPU", report.device.name), *report.device.facts.items()]
    if clocks := clocks_text(report.rows):
        device.append(("clocks", clocks))
    return device


# ---- a row


def _row(report: BenchReport, row: BenchRow, name: RowName, scale: Scale) -> dict[str, Any]:
    baseline, subject = baseline_of(row), subject_of(row)
    rated = rated_of(row)
    word = shown_word(report, row)
    if report.two_sided:
        time = from_to(baseline.median_ms if baseline else None, subject.median_ms if subject else None)
    else:
        time = duration(subject.median_ms if subject else None)
    return {
        "word": word,
        "symbol": SYMBOLS[word],
        "tone": TONES[word],
        "name": name,
        "lanes": [_lane(report, label, comparison, scale) for label, comparison in _lanes(report, row)],
        "time": time.replace("->", "→"),
        "rate": rate_text(rated),
        "roof": roof_text(rated),
        "roof_of": rated.roof_of if rated and rated.roof is not None else "",
        "reason": shown_reason(report, row),
        "open": len(report.rows) == 1,
        "findings": findings(report, row),
        "settings": settings_text(row),
        "work": _work(row),
        "arms": [_arm(arm) for arm in row.arms],
        "comparisons": [_comparison(row, comparison) for comparison in row.comparisons],
        "strip": _strip(row),
        "outputs": [
            (arm_name(arm), output, _error(output.relative_error)) for arm in row.arms for output in arm.outputs
        ],
        "coded": [arm_name(arm) for arm in _coded(row)],
        "code": _code(row),
    }


def _lane(report: BenchReport, label: str, comparison: Comparison | None, scale: Scale) -> dict[str, Any]:
    """One line of the plot, with what it says in words beside it."""
    if comparison is None:
        return {"label": label, "text": NONE, "again": "", "shapes": None, "tone": "calm", "word": ""}
    ratio, again = _plotted(report, comparison)
    return {
        "label": label,
        "word": "" if report.two_sided else comparison.word,
        "tone": TONES[comparison.word],
        "text": ratio_text(ratio) if report.two_sided else speed_text(ratio),
        "again": f"A/A {ratio_text(again)}" if again else "",
        "shapes": _shapes(ratio, again, scale),
    }


def _shapes(ratio: Ratio | None, again: Ratio | None, scale: Scale) -> dict[str, Any] | None:
    if not is_drawable(ratio):
        return None
    return {
        "ratio": _place(scale.at(ratio.ratio)),
        "ends": (_place(scale.at(ratio.low)), _place(scale.at(ratio.high))),
        "beyond": "" if scale.holds(ratio.ratio) else "left" if ratio.ratio < 1 else "right",
        "again": _span(scale, again.low, again.high) if is_drawable(again) else None,
        "again_at": _place(scale.at(again.ratio)) if is_drawable(again) else None,
    }


def _span(scale: Scale, low: float, high: float) -> tuple[str, str]:
    """Where a rectangle begins, and how wide it is."""
    start, end = scale.at(low), scale.at(high)
    return _place(start), _place(end - start)


def _anchor(share: float) -> str:
    """Which part of a label stands at its place, so that none reaches beyond the axis."""
    return "start" if share < 0.05 else "end" if share > 0.95 else "middle"


def _place(share: float) -> str:
    return f"{100 * share:.2f}%"


# ---- behind it


def _work(row: BenchRow) -> str:
    flops = f"{row.flops:,} floating-point operations" if row.flops is not None else ""
    moved = f"{row.bytes:,} bytes" if row.bytes is not None else ""
    return ", ".join(filter(None, (flops, moved)))


def _arm(arm: Arm) -> dict[str, Any]:
    middle, low, high = durations(arm.median_ms, arm.low_ms, arm.high_ms)
    return {
        "name": arm_name(arm),
        "time": middle,
        "spread": "" if NONE in (low, high) else f"[{low.rpartition(' ')[0]}, {high.rpartition(' ')[0]}]",
        "tflops": number(arm.tflops),
        "gbytes": number(arm.gbytes_per_s),
        "roof": roof_text(arm, whole=True),
        "method": arm.method,
        "blocks": len(arm.blocks),
        "why_missing": arm.why_missing,
    }


def _comparison(row: BenchRow, comparison: Comparison) -> dict[str, Any]:
    ratio = comparison.ratio
    return {
        "of": f"{name_of(row, comparison.candidate)} / {name_of(row, comparison.baseline)}",
        "word": f"{SYMBOLS[comparison.word]} {comparison.word}",
        "tone": TONES[comparison.word],
        "ratio": ratio_text(ratio),
        "again": ratio_text(comparison.again),
        "p_value": f"{ratio.p_value:.2g}" if ratio else NONE,
        "rounds": ratio.rounds if ratio else NONE,
        "why": comparison.reason,
        "stopped": comparison.stopped,
    }


def _error(value: float | None) -> str:
    return f"{value:.2e}" if is_finite(value) else "NaN or infinity in it"


def _code(row: BenchRow) -> list[tuple[str, list[str], bool]]:
    """Name, one value an arm that has any, and whether they differ."""
    arms = _coded(row)
    rows = []
    for field, name, unit in CODE_FIELDS:
        values = [code_value(arm.code, field, unit) for arm in arms]
        rows.append((name, values, len(set(values) - {NONE}) > 1))
    rows.append(("compile time", list(durations(*(arm.code.compile_ms for arm in arms))), False))
    return [item for item in rows if set(item[1]) - {NONE}]


def _coded(row: BenchRow) -> list[Arm]:
    """Arms whose code was looked at; the baseline once more has the code it had before."""
    empty = type(row.arms[0].code)() if row.arms else None
    return [arm for arm in row.arms if arm.code != empty and arm.key != "again"]


@dataclass(frozen=True)
class _Strip:
    """Where a block is drawn: rounds from left to right, in a round as they ran; longer is higher."""

    rounds: int
    slots: int
    arms: int
    low: float
    high: float

    def across(self, block: Block, arm: int) -> str:
        # What shares a process stands side by side.
        slot = (block.order + (arm + 1) / (self.arms + 1)) / self.slots
        return _place((block.round + 0.1 + 0.8 * slot) / self.rounds)

    def down(self, value: float) -> str:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return f"{_STRIP_HEIGHT - _STRIP_MARGIN - share * (_STRIP_HEIGHT - 2 * _STRIP_MARGIN):.1f}"


def _strip(row: BenchRow) -> dict[str, Any] | None:
    """Medians of all blocks of the row."""
    subject = subject_of(row)
    timed = [
        (arm, [(block, value) for block in arm.blocks[:_MOST_BLOCKS] if is_finite(value := median_of(block))])
        for arm in row.arms
        if arm.blocks
    ]
    shown = [pair for _, pairs in timed for pair in pairs]
    if not shown:
        return None
    strip = _Strip(
        rounds=1 + max(block.round for block, _ in shown),
        slots=1 + max(block.order for block, _ in shown),
        arms=len(timed),
        low=min(value for _, value in shown),
        high=max(value for _, value in shown),
    )
    top, bottom = durations(strip.high, strip.low)
    return {
        "top": top,
        "bottom": bottom,
        "rounds": strip.rounds,
        "lines": [_place(at / strip.rounds) for at in range(1, strip.rounds)] if strip.rounds <= _MOST_LINES else [],
        "slowed": any(block.throttled for block, _ in shown),
        "arms": [
            {
                "key": "candidate" if arm is subject or arm.key not in _SHAPES else arm.key,
                "shape": "dot" if arm is subject else _SHAPES.get(arm.key, "dot"),
                "name": arm_name(arm),
                "left": len(arm.blocks) - len(pairs),
                "points": [
                    {
                        "x": strip.across(block, at),
                        "y": strip.down(value),
                        "slowed": bool(block.throttled),
                        "said": f"round {block.round + 1}, {arm_name(arm)}: {', '.join(_said(block))}",
                    }
                    for block, value in pairs
                ],
            }
            for at, (arm, pairs) in enumerate(timed)
        ],
    }


def _said(block: Block) -> Iterable[str]:
    yield duration(median_of(block))
    yield from [f"{block.sm_clock_mhz:,.0f} MHz"] if is_finite(block.sm_clock_mhz) else []
    yield from [f"{block.temperature_c:.0f} °C"] if is_finite(block.temperature_c) else []
    yield from [f"{block.power_w:.0f} W"] if is_finite(block.power_w) else []
    yield from [f"held back: {', '.join(block.throttled)}"] if block.throttled else []
