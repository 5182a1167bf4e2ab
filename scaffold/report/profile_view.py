"""What a profile shows, in one model: every renderer reads this and nothing else.

A view has one side, or two: *baseline* and *candidate*. Cells hold numbers in the row's unit; percentages change by
points, everything else also by a ratio, candidate / baseline. Shares are 0 to 1.
Its JSON form is published as ``scaffold/report/profile.schema.json``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA_VERSION = 1

Outcome = Literal["view", "faster", "slower", "alike", "unknown", "missing"]
#: What a change of a metric means: ``changed`` where neither less nor more is better.
Direction = Literal["better", "worse", "same", "changed", "unknown"]

#: Beside the word, never instead of it.
SYMBOLS: dict[str, str] = {
    "view": "~",
    "faster": "+",
    "slower": "!",
    "alike": "=",
    "unknown": "?",
    "missing": "x",
    "better": "+",
    "worse": "!",
    "same": "=",
    "changed": "~",
}


@dataclass(frozen=True)
class Cell:
    """A number in the row's unit, and what the side's tool calls it."""

    value: float
    vendor_name: str


@dataclass(frozen=True)
class ProfileRow:
    """One metric; a side is ``None`` where its tool does not measure it."""

    key: str
    label: str
    unit: str
    group: str
    better: Literal["lower", "higher", "neither"]
    baseline: Cell | None
    candidate: Cell | None
    delta: float | None = None
    ratio: float | None = None
    direction: Direction = "unknown"


@dataclass(frozen=True)
class StallRow:
    """Share of the cycles of all warps that they waited for one reason."""

    reason: str
    vendor_name: str
    baseline: float | None
    candidate: float | None


@dataclass(frozen=True)
class AdviceView:
    """What a rule of the profiler says of one side, word for word.

    ``estimated_speedup`` is the rule's, in per cent: of the ``kernel``, or of the ``part`` it looks at.
    """

    side: str
    rule: str
    title: str
    severity: Literal["advice", "warning", "error", "note"]
    text: str
    estimated_speedup: float | None = None
    speedup_of: Literal["", "kernel", "part"] = ""


@dataclass(frozen=True)
class HotLineView:
    """A line of generated source, its share of all samples, and the TileLang line it came from, where known."""

    side: str
    place: str
    text: str
    share: float
    origin: str = ""
    origin_text: str = ""


@dataclass(frozen=True)
class KernelView:
    """One kernel function. ``launches`` are those profiled on each side, with the shortest and longest, in us."""

    name: str
    shapes: tuple[str, ...]
    launches: tuple[str, ...]
    rows: tuple[ProfileRow, ...]
    stalls: tuple[StallRow, ...] = ()
    advice: tuple[AdviceView, ...] = ()
    hot_lines: tuple[HotLineView, ...] = ()


@dataclass(frozen=True)
class ProfileSide:
    """A side as its reader knows it; ``why_missing`` says why nothing was measured on it.

    ``opened_by`` is the command that opens the raw report ``report``.
    """

    label: str
    build: str
    version: str
    settings: str
    target: str
    tool: str
    tool_version: str
    device: str
    report: str = ""
    opened_by: str = ""
    notes: tuple[str, ...] = ()
    why_missing: str = ""


@dataclass(frozen=True)
class ProfileReport:
    """The whole answer."""

    headline: str
    outcome: Outcome
    details: tuple[str, ...]
    kernel: str
    two_sided: bool
    sides: tuple[ProfileSide, ...]
    kernels: tuple[KernelView, ...]
    notes: tuple[str, ...] = ()
    command: str = ""
    next_command: str = ""
    schema_version: Literal[1] = 1
    kind: Literal["profile"] = "profile"
