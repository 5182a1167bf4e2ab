"""How a benchmark's numbers and rows are worded: the same in a terminal, a comment, a page and a picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeGuard

from scaffold.report import bench_view
from scaffold.report.bench_view import (
    Arm,
    BenchReport,
    BenchRow,
    Block,
    Code,
    Comparison,
    Device,
    OutputError,
    Ratio,
    Word,
)
from scaffold.report.clean import cleaned
from scaffold.report.corpus_terminal import one_line

Tone = Literal["good", "bad", "warn", "calm", "plain"]
#: What a row is called: a claim, or that it was timed, where nothing is asked that could be claimed.
Shown = Literal[Word, "TIMED"]

#: Beside the word, never instead of it.
SYMBOLS: Mapping[str, str] = {**bench_view.SYMBOLS, "TIMED": "~"}
#: How loud a word is; the word itself is always beside the colour.
TONES: Mapping[Shown, Tone] = {
    "TIMED": "plain",
    "FASTER": "good",
    "SLOWER": "bad",
    "SAME": "calm",
    "AMBIGUOUS": "warn",
    "EQUAL CODE": "calm",
    "WRONG": "bad",
    "FAILED": "bad",
    "NOT TIMED": "warn",
}
#: Words a reader need not act on.
QUIET: frozenset[Shown] = frozenset({"SAME", "EQUAL CODE", "TIMED"})
#: Words of what has no speed.
_BROKEN: frozenset[Word] = frozenset({"WRONG", "FAILED"})
#: What a row without its time says of itself where nothing else is known; the row's word says as much.
_NO_REASON = frozenset({"", "not timed"})
#: Words that say how a time compares; a number is all their reason.
_CLAIMS: frozenset[Word] = frozenset({"FASTER", "SLOWER", "SAME"})
#: What a kernel is set beside, as its users write it.
PEERS: Mapping[str, str] = {"torch": "PyTorch", "triton": "Triton"}
#: What is not the subject of a row.
_OTHERS = frozenset({"again", *PEERS})

#: Compile times differ from run to run: less than this share is not told.
_TELLING_COMPILE = 0.3
_UNITS = ((1e-3, 1e6, "ns"), (1.0, 1e3, "µs"), (1e3, 1.0, "ms"), (math.inf, 1e-3, "s"))
#: Lines that name one number of the code: field, name, and unit of a whole number.
CODE_FIELDS = (
    ("registers", "registers", ""),
    ("spill_bytes", "spills", "B"),
    ("shared_bytes", "shared memory", "B"),
    ("sass_instructions", "SASS instructions", ""),
    ("binary_bytes", "binary", "B"),
)
NONE = "-"


# ---- numbers


def durations(*values_ms: float | None) -> tuple[str, ...]:
    """Times in the unit, and with the digits, that suit the longest of them."""
    longest = max((abs(value) for value in values_ms if is_finite(value)), default=0.0)
    factor, unit = next((factor, unit) for limit, factor, unit in _UNITS if longest < limit)
    digits = _digits(longest * factor)
    return tuple(f"{value * factor:,.{digits}f} {unit}" if is_finite(value) else NONE for value in values_ms)


def duration(value_ms: float | None) -> str:
    return durations(value_ms)[0]


def from_to(baseline_ms: float | None, candidate_ms: float | None) -> str:
    """``81.20 -> 74.05 µs``."""
    before, after = durations(baseline_ms, candidate_ms)
    return f"{before.rpartition(' ')[0]} -> {after}" if NONE not in (before, after) else f"{before} -> {after}"


def number(value: float | None) -> str:
    """Four digits at most, with thousands kept apart."""
    return f"{value:,.{_digits(value)}f}" if is_finite(value) else NONE


def percent(share: float | None) -> str:
    if not is_finite(share):
        return NONE
    return f"{share * 100:.0f} %" if abs(share) >= 0.1 else f"{share * 100:.2g} %"


def _digits(value: float) -> int:
    """Digits behind the point so that four are shown, three at most."""
    return min(3, max(0, 3 - math.floor(math.log10(abs(value))))) if value else 0


def is_finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def factor_text(value: float) -> str:
    """A ratio or one end of it, to a thousandth."""
    return f"{value:.3f}" if abs(value) < 10 else number(value)


def interval_text(ratio: Ratio | None) -> str:
    """``[1.008, 1.016]``."""
    return f"[{factor_text(ratio.low)}, {factor_text(ratio.high)}]" if ratio is not None else NONE


def ratio_text(ratio: Ratio | None) -> str:
    """``1.012 [1.008, 1.016]``."""
    return f"{factor_text(ratio.ratio)} {interval_text(ratio)}" if ratio is not None else NONE


def speed_text(ratio: Ratio | None) -> str:
    """``1.250x [1.240, 1.260]``: how many times as fast."""
    return f"{factor_text(ratio.ratio)}x {interval_text(ratio)}" if ratio is not None else NONE


def speed_of(ratio: Ratio | None) -> Ratio | None:
    """A ratio of times as one of speeds: its inverse."""
    if ratio is None or not is_drawable(ratio):
        return None
    return Ratio(1 / ratio.ratio, 1 / ratio.high, 1 / ratio.low, ratio.p_value, ratio.rounds)


def is_drawable(ratio: Ratio | None) -> TypeGuard[Ratio]:
    """Whether all of it are positive numbers, which have a place on an axis and an inverse."""
    return ratio is not None and all(is_finite(value) and value > 0 for value in (ratio.low, ratio.ratio, ratio.high))


# ---- who is who


def prepared(report: BenchReport) -> BenchReport:
    """The report safe to print; where there is one side, it is called by what it is."""
    report = cleaned(report)
    if report.two_sided:
        return report
    rows = tuple(
        replace(row, arms=tuple(replace(arm, label=_name_alone(arm)) for arm in row.arms)) for row in report.rows
    )
    return replace(report, rows=rows, sides=tuple(replace(side, label="build") for side in report.sides))


def _name_alone(arm: Arm) -> str:
    return {"baseline": "TileLang", "candidate": "TileLang", "again": "TileLang again"}.get(arm.key, arm.label)


@dataclass(frozen=True)
class RowName:
    """A row as its reader tells it from the others: the kernel, and settings that not all rows of it share."""

    kernel: str
    settings: str

    def __str__(self) -> str:
        return f"{self.kernel} {self.settings}".rstrip()


def row_names(report: BenchReport) -> tuple[RowName, ...]:
    """One name a row, in their order."""
    targets = len({row.target for row in report.rows}) > 1
    varying = {kernel: _varying(rows) for kernel, rows in _by_kernel(report).items()}
    return tuple(
        RowName(one_line(row.kernel), settings_text(row, varying[row.kernel], with_target=targets))
        for row in report.rows
    )


def _by_kernel(report: BenchReport) -> dict[str, list[BenchRow]]:
    found: dict[str, list[BenchRow]] = {}
    for row in report.rows:
        found.setdefault(row.kernel, []).append(row)
    return found


def _varying(rows: Sequence[BenchRow]) -> list[str]:
    """Parameters that not all of these rows have alike."""
    names = dict.fromkeys(name for row in rows for name in row.parameters)
    return [name for name in names if len({str(row.parameters.get(name)) for row in rows}) > 1]


def settings_text(row: BenchRow, names: Iterable[str] | None = None, *, with_target: bool = True) -> str:
    """``cuda:sm_90a M=4096 N=4096``; all parameters unless they are named."""
    wanted = row.parameters if names is None else names
    words = [row.target] if with_target else []
    words += [f"{name}={row.parameters[name]}" for name in wanted if name in row.parameters]
    return one_line(" ".join(words))


def shared_settings(report: BenchReport) -> list[tuple[list[str], str]]:
    """Kernels with the targets and parameters that all rows of them share: ``cuda:sm_90a: N=4096 K=4096``."""
    alike: dict[str, list[str]] = {}
    for kernel, rows in _by_kernel(report).items():
        varying = _varying(rows)
        targets = ", ".join(dict.fromkeys(row.target for row in rows))
        names = [name for name in rows[0].parameters if name not in varying]
        settings = settings_text(rows[0], names, with_target=False)
        alike.setdefault(one_line(f"{targets}{f': {settings}' if settings else ''}"), []).append(one_line(kernel))
    return [(names, settings) for settings, names in alike.items()]


def subject_of(row: BenchRow) -> Arm | None:
    """The arm the row is about."""
    asked = row.arm(row.asked.candidate) if row.asked else None
    return asked or next((arm for arm in row.arms if arm.key not in _OTHERS), None)


def baseline_of(row: BenchRow) -> Arm | None:
    """What the subject of a two-sided row is compared with."""
    return row.arm(row.asked.baseline if row.asked else "baseline")


def rated_of(row: BenchRow) -> Arm | None:
    """The arm whose rate and roof are shown: the subject, or the baseline where that is the same code."""
    subject = subject_of(row)
    return baseline_of(row) if word_of(row) == "EQUAL CODE" and (not subject or subject.median_ms is None) else subject


def peers_of(report: BenchReport) -> tuple[str, ...]:
    """Keys of PyTorch and Triton where any row has them."""
    return tuple(key for key in PEERS if any(row.arm(key) for row in report.rows))


def against(row: BenchRow, key: str) -> Comparison | None:
    """The subject of the row beside the arm ``key``."""
    subject = subject_of(row)
    return next(
        (one for one in row.comparisons if subject and (one.baseline, one.candidate) == (key, subject.key)), None
    )


def arm_name(arm: Arm) -> str:
    return one_line(arm.label) or PEERS.get(arm.key, arm.key)


def name_of(row: BenchRow, key: str) -> str:
    arm = row.arm(key)
    return arm_name(arm) if arm else PEERS.get(key, key)


def word_of(row: BenchRow) -> Word:
    return row.asked.word if row.asked else "NOT TIMED"


def shown_word(report: BenchReport, row: BenchRow) -> Shown:
    """The word of the row; of one side that it is broken or timed: claims stand beside what it is set beside."""
    if report.two_sided:
        return word_of(row)
    broken = next((one.word for one in row.comparisons if one.word in _BROKEN), None)
    subject = subject_of(row)
    return broken or ("TIMED" if subject and subject.median_ms is not None else "NOT TIMED")


def shown_outcome(report: BenchReport) -> Shown:
    """The word of the whole answer, in the same way."""
    return report.outcome if report.two_sided or report.outcome in _BROKEN else "TIMED"


def word_counts(words: Iterable[Shown]) -> str:
    """``18 SAME, 2 EQUAL CODE``."""
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())


# ---- what is told of them


def is_plotted(comparison: Comparison | None) -> TypeGuard[Comparison]:
    """Whether an axis must reach its ratio: the speed of a wrong answer would only press the others together."""
    return comparison is not None and comparison.word != "WRONG"


def median_of(block: Block) -> float | None:
    """The median of a block in milliseconds, if it has any sample."""
    return block.median_ms if block.samples_ms else None


def rate_text(arm: Arm | None) -> str:
    """The rate that its roof is of; else the one there is."""
    if arm is None:
        return NONE
    flops, moved = f"{number(arm.tflops)} TFLOP/s", f"{number(arm.gbytes_per_s)} GB/s"
    by_bytes = arm.gbytes_per_s is not None and ("bandwidth" in arm.roof_of or arm.tflops is None)
    return moved if by_bytes else flops if arm.tflops is not None else NONE


def roof_text(arm: Arm | None, *, whole: bool = False) -> str:
    """``62 %``, or ``62 % of float16 matrix rate``."""
    if arm is None or arm.roof is None:
        return NONE
    return f"{percent(arm.roof)} of {one_line(arm.roof_of)}" if whole and arm.roof_of else percent(arm.roof)


def device_text(device: Device) -> str:
    """``NVIDIA H100, driver 580.159, CUDA 13.0``."""
    return one_line(", ".join([device.name, *(f"{name} {value}" for name, value in device.facts.items())]))


def clocks_text(rows: Iterable[BenchRow]) -> str:
    """``SM clock 1,740 to 1,755 MHz while timing``; empty where it was not read."""
    known = [
        block.sm_clock_mhz for row in rows for arm in row.arms for block in arm.blocks if is_finite(block.sm_clock_mhz)
    ]
    if not known:
        return ""
    low, high = f"{min(known):,.0f}", f"{max(known):,.0f}"
    return f"SM clock {low if low == high else f'{low} to {high}'} MHz while timing"


def elapsed_text(seconds: float) -> str:
    """``3 min 20 s``."""
    if not is_finite(seconds):
        return NONE
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def error_text(output: OutputError) -> str:
    """``output C: relative error 3.1e-02, more than 1e-02``."""
    known = is_finite(output.relative_error)
    said = [f"relative error {output.relative_error:.1e}"] if known else []
    said += [one_line(output.reason)] if output.reason else [] if known else ["holds NaN or infinity"]
    return f"output {one_line(output.name)}: {', '.join(said)}"


def code_value(code: Code, field: str, unit: str) -> str:
    value = getattr(code, field)
    return NONE if value is None else f"{value:,} {unit}".rstrip()


def code_changes(baseline: Code, candidate: Code) -> list[str]:
    """Numbers of the code that differ, where both were measured."""
    words = []
    for field, name, unit in CODE_FIELDS:
        before, after = getattr(baseline, field), getattr(candidate, field)
        if before is not None and after is not None and before != after:
            words.append(f"{name} {before:,} -> {after:,} {unit}".rstrip())
    before, after = baseline.compile_ms, candidate.compile_ms
    if is_finite(before) and is_finite(after) and abs(after - before) > _TELLING_COMPILE * before:
        words.append(f"compile time {from_to(before, after)}")
    return words


def shown_reason(report: BenchReport, row: BenchRow) -> str:
    """Why the row has the word that is shown."""
    word = shown_word(report, row)
    comparisons = row.comparisons[:1] if report.two_sided else row.comparisons
    return next((one_line(one.reason) for one in comparisons if one.word == word), "")


def word_and_reason(report: BenchReport, row: BenchRow) -> str:
    """``: SLOWER, 3.1 % more time``, to stand behind a name; nothing of a row that was merely timed."""
    word, reason = shown_word(report, row), shown_reason(report, row)
    return "" if word == "TIMED" else f": {word}{f', {reason}' if reason else ''}"


def findings(report: BenchReport, row: BenchRow) -> list[str]:
    """What a reader must know of a row beside its word, its reason and its ratio."""
    lines = []
    for arm in row.arms:
        lines += [f"{arm_name(arm)}, {error_text(output)}" for output in arm.outputs if not output.passed]
    said = " ".join(one_line(comparison.reason) for comparison in row.comparisons)
    for arm in row.arms if word_of(row) != "EQUAL CODE" else ():
        why = one_line(arm.why_missing)
        if arm.median_ms is None and why not in _NO_REASON and why not in said:
            lines.append(f"{arm_name(arm)} not timed: {why}")
    if report.two_sided:
        lines += [comparison_text(row, comparison) for comparison in row.comparisons[1:]]
    else:
        # What is claimed of a one-sided row stands beside each thing it is set beside already.
        lines += [
            f"against {name_of(row, one.baseline)}: {one.word}{f', {one_line(one.reason)}' if one.reason else ''}"
            for one in row.comparisons
            if one.word not in _CLAIMS and one.baseline != one.candidate
        ]
    baseline, subject = baseline_of(row), subject_of(row)
    if report.two_sided and baseline is not None and subject is not None:
        changes = code_changes(baseline.code, subject.code)
        lines += [", ".join(changes)] if changes else []
    if row.asked and row.asked.word == "AMBIGUOUS" and row.asked.stopped:
        lines.append(f"no more rounds: {one_line(row.asked.stopped)}")
    if held_back := held_back_text(row):
        lines.append(held_back)
    return lines + [f"note: {one_line(note)}" for note in row.notes]


def comparison_text(row: BenchRow, comparison: Comparison) -> str:
    """``candidate / PyTorch: FASTER, 0.812 [0.808, 0.816], 19 % less time``."""
    words: list[str] = [comparison.word]
    words += [ratio_text(comparison.ratio)] if comparison.ratio else []
    words += [one_line(comparison.reason)] if comparison.reason else []
    return f"{name_of(row, comparison.candidate)} / {name_of(row, comparison.baseline)}: {', '.join(words)}"


def held_back_text(row: BenchRow) -> str:
    """``the device was held back in 3 of 24 blocks: power cap``; empty where it was not, or a note tells of it."""
    blocks = [block for arm in row.arms for block in arm.blocks]
    slowed = [block for block in blocks if block.throttled]
    why = dict.fromkeys(one_line(reason) for block in slowed for reason in block.throttled)
    if all(any(reason in note for note in row.notes) for reason in why):
        return ""
    return f"the device was held back in {len(slowed)} of {len(blocks)} blocks: {', '.join(why)}"
