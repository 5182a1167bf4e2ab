"""What a benchmark shows, in one model: every renderer reads this and nothing else.

An *arm* is one thing that was timed: a side of the comparison, PyTorch, Triton. A *comparison* sets two arms of a row
beside each other. Times are in milliseconds, rates per second, ratios candidate / baseline: below 1.0 is faster.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Word = Literal["FASTER", "SLOWER", "SAME", "AMBIGUOUS", "EQUAL CODE", "WRONG", "FAILED", "NOT TIMED"]

#: Beside the word, never instead of it.
SYMBOLS: dict[str, str] = {
    "FASTER": "+",
    "SLOWER": "!",
    "SAME": "=",
    "AMBIGUOUS": "?",
    "EQUAL CODE": "=",
    "WRONG": "x",
    "FAILED": "x",
    "NOT TIMED": "-",
}

#: What is bad news: ``--check`` exits with 1.
FINDINGS: frozenset[Word] = frozenset({"WRONG", "FAILED", "SLOWER"})


@dataclass(frozen=True)
class Block:
    """One fresh process: its samples in milliseconds, and the device while it ran.

    ``round`` counts from 0; ``order`` is its place in the round. Clocks are medians in MHz, power in watts.
    """

    round: int
    order: int
    samples_ms: tuple[float, ...]
    sm_clock_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    throttled: tuple[str, ...] = ()

    @property
    def median_ms(self) -> float:
        ordered = sorted(self.samples_ms)
        middle = len(ordered) // 2
        return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


@dataclass(frozen=True)
class OutputError:
    """One output against the reference, as ``norm(out - ref) / norm(ref)``; ``None`` where it holds NaN or infinity."""

    name: str
    relative_error: float | None
    passed: bool
    reason: str = ""


@dataclass(frozen=True)
class Code:
    """What the compiler made. Bytes are per thread for spills, per block for shared memory; ``None``: not measured."""

    compile_ms: float | None = None
    registers: int | None = None
    spill_bytes: int | None = None
    shared_bytes: int | None = None
    sass_instructions: int | None = None
    binary_bytes: int | None = None


@dataclass(frozen=True)
class Arm:
    """One thing that was timed.

    ``key`` is ``baseline``, ``candidate``, ``again`` (the baseline once more), ``torch`` or ``triton``; ``why_missing``
    says why there is no time. ``roof`` is the share of the device's own measured ceiling, ``roof_of`` which one:
    ``float16 matrix rate`` or ``copy bandwidth``.
    """

    key: str
    label: str
    median_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    method: str = ""
    tflops: float | None = None
    gbytes_per_s: float | None = None
    roof: float | None = None
    roof_of: str = ""
    outputs: tuple[OutputError, ...] = ()
    code: Code = field(default_factory=Code)
    blocks: tuple[Block, ...] = ()
    why_missing: str = ""


@dataclass(frozen=True)
class Ratio:
    """A ratio with its interval at 95 %, the p value of "no difference", and the rounds it is of."""

    ratio: float
    low: float
    high: float
    p_value: float
    rounds: int


@dataclass(frozen=True)
class Comparison:
    """Two arms of a row: ``ratio`` is ``candidate`` / ``baseline``, ``again`` the baseline against itself.

    ``stopped`` says why there were no more rounds.
    """

    baseline: str
    candidate: str
    word: Word
    reason: str
    ratio: Ratio | None = None
    again: Ratio | None = None
    stopped: str = ""


@dataclass(frozen=True)
class BenchRow:
    """One kernel: its arms, and what is claimed of them; the first comparison is the one that was asked for."""

    kernel: str
    target: str
    parameters: dict[str, object]
    flops: int | None
    bytes: int | None
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...] = ()
    notes: tuple[str, ...] = ()

    def arm(self, key: str) -> Arm | None:
        return next((arm for arm in self.arms if arm.key == key), None)

    @property
    def asked(self) -> Comparison | None:
        return self.comparisons[0] if self.comparisons else None


@dataclass(frozen=True)
class Device:
    """What it was timed on; ``facts`` are lines such as ``driver`` -> ``580.159``."""

    name: str
    facts: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BenchSide:
    """A side as its reader knows it; ``detail`` holds content, commit and settings."""

    label: str
    build: str
    version: str
    detail: str = ""


@dataclass(frozen=True)
class BenchReport:
    """The whole answer. ``smallest`` is the smallest effect of interest (0.01: one per cent).

    ``two_sided``: two builds or settings were compared; else one was set beside PyTorch and Triton.
    """

    headline: str
    outcome: Word
    details: tuple[str, ...]
    device: Device
    sides: tuple[BenchSide, ...]
    rows: tuple[BenchRow, ...]
    smallest: float
    two_sided: bool
    seconds: float
    started_at: str
    command: str
    next_command: str
    notes: tuple[str, ...] = ()
