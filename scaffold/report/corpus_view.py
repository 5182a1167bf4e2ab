"""The view model of many kernels: what a change did to all of them, ready for any of the renderers.

Its JSON form is published as ``scaffold/report/corpus.schema.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from scaffold.diff.change import KernelChange, Outcome
from scaffold.diff.pattern import Pattern
from scaffold.report.view import SkippedStatement

#: History: 1, first version.
CORPUS_SCHEMA_VERSION = 1

#: One symbol for each outcome, beside the word and never instead of it.
OUTCOME_SYMBOLS: Mapping[Outcome, str] = {
    Outcome.BROKEN: "x",
    Outcome.DIFFERS: "!",
    Outcome.MENDED: "+",
    Outcome.UNSTABLE: "?",
    Outcome.FAILS_ALIKE: "-",
    Outcome.SAME_CODE: "·",
    Outcome.EQUIVALENT: "~",
    Outcome.IDENTICAL: "=",
}

#: The answer over all kernels, the worst first; ``nothing``: none was compared.
Answer = Literal["nothing", "broken", "differs", "unstable", "fails alike", "same code", "equivalent", "identical"]

#: One symbol for each answer.
ANSWER_SYMBOLS: Mapping[str, str] = {
    "nothing": "?",
    "broken": "x",
    "differs": "!",
    "unstable": "?",
    "fails alike": "-",
    "same code": "=",
    "equivalent": "=",
    "identical": "=",
}


@dataclass(frozen=True)
class CorpusSide:
    """One build: what it is called, what it says it is, and the libraries and sources it was proven to have."""

    label: str
    build: str
    tilelang_version: str
    attested: str


@dataclass(frozen=True)
class KernelRow:
    """One kernel for one target. ``source`` is a kernel of the zoo, or the script it is from.

    ``resources`` are numbers of the machine code that differ (``registers`` from 98 to 104), where both were compiled.
    ``command`` compares this kernel alone; empty where that cannot be said in one.
    """

    name: str
    source: str
    target: str
    change: KernelChange
    resources: Mapping[str, tuple[int, int]]
    baseline_trace: str = ""
    candidate_trace: str = ""
    command: str = ""

    @property
    def shown(self) -> str:
        return self.name if self.name == self.source else f"{self.source.removeprefix('examples/')}::{self.name}"


@dataclass(frozen=True)
class PatternGroup:
    """Kernels that changed alike.

    ``kernels`` are positions in :attr:`CorpusReport.kernels`, what changed most first; a kernel that changed in several
    ways is in several groups. ``example`` is how the kernel ``example_kernel`` changed, the one that shows it in the
    fewest lines. ``passes`` counts the passes in which it is seen first. ``source`` is the line that defines the first
    of them, ``url`` where it can be read; empty where unknown.
    """

    key: str
    words: str
    outcome: Outcome
    kernels: tuple[int, ...]
    lines: int
    example: Pattern
    example_kernel: int
    passes: Mapping[str, int]
    source: str = ""
    url: str = ""

    @property
    def pass_name(self) -> str:
        return next(iter(self.passes), "")


@dataclass(frozen=True)
class MissedEntry:
    """What a side does not have all kernels of, and why."""

    name: str
    target: str
    side: str
    why: str


@dataclass(frozen=True)
class CorpusReport:
    """Everything a renderer shows of a corpus on two builds. ``command`` asks for the same again."""

    schema_version: int
    headline: str
    outcome: Answer
    details: tuple[str, ...]
    sides: tuple[CorpusSide, ...]
    groups: tuple[PatternGroup, ...]
    kernels: tuple[KernelRow, ...]
    counts: Mapping[str, int]
    missed: tuple[MissedEntry, ...]
    left_out: Mapping[str, tuple[str, ...]]
    packages: Mapping[str, int]
    next_command: str
    command: str = ""
    targets: tuple[str, ...] = ()
    kind: Literal["two-builds"] = "two-builds"

    def rows(self, group: PatternGroup) -> tuple[KernelRow, ...]:
        return tuple(self.kernels[at] for at in group.kernels)


@dataclass(frozen=True)
class CapturedKernel:
    """One kernel of a survey of one build."""

    name: str
    trace: str
    failure: str = ""


@dataclass(frozen=True)
class CapturedEntry:
    """What one entry gave: its kernels, and why not all (empty: all), as one text and as ``reasons``.

    ``passed_over`` counts statements that raised, ``skipped`` lists those beside the kernels.
    """

    name: str
    target: str
    kernels: tuple[CapturedKernel, ...]
    why_missing: str = ""
    packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    passed_over: int = 0
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()
    skipped: tuple[SkippedStatement, ...] = ()


@dataclass(frozen=True)
class SurveyReport:
    """Everything a renderer shows of a corpus in one build. ``command`` asks for the same again."""

    schema_version: int
    headline: str
    details: tuple[str, ...]
    side: CorpusSide
    entries: tuple[CapturedEntry, ...]
    left_out: Mapping[str, tuple[str, ...]]
    next_command: str
    command: str = ""
    kind: Literal["one-build"] = "one-build"
