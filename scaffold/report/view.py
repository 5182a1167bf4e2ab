"""The view model: one answer, ready to be rendered by any of the renderers.

Built once from traces and differences; the terminal, HTML, Markdown, JSON and PNG renderers read nothing else.
Its JSON form is published as ``scaffold/report/report.schema.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from scaffold.diff.text import Hunk
from scaffold.trace.model import FunctionResources

#: History: 1, first version.
REPORT_SCHEMA_VERSION = 1

#: One symbol for each status, beside the word and never instead of it; all are in the fonts of a plain terminal.
SYMBOLS: Mapping[str, str] = {
    "changed": "~",
    "unchanged": " ",
    "same": "=",
    "introduces": "!",
    "carries": "·",
    "heals": "+",
    "only on baseline": "<",
    "only on candidate": ">",
    "failed": "x",
}


@dataclass(frozen=True)
class Verdict:
    """The answer. ``outcome`` decides colour and exit code; ``headline`` is one line; ``details`` prove it."""

    outcome: Literal["view", "identical", "equivalent", "differs", "unstable", "failed"]
    headline: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class SideView:
    """One lowering, as it is introduced to the reader. ``label`` is empty when there is only one."""

    label: str
    kernel: str
    source: str
    target: str
    parameters: Mapping[str, str]
    pass_configs: Mapping[str, str]
    build: str
    tilelang_version: str
    libraries: tuple[str, ...]
    lowering_ms: float | None
    pass_count: int
    warnings: tuple[str, ...]
    failure: str | None


@dataclass(frozen=True)
class MetricView:
    """A number on one or two sides. For one side ``baseline`` is before and ``candidate`` after the pass."""

    name: str
    baseline: int | None
    candidate: int | None

    @property
    def delta(self) -> int:
        return (self.candidate or 0) - (self.baseline or 0)


@dataclass(frozen=True)
class PassSideView:
    """A pass on one side; digests name texts of the report."""

    before: str
    after: str | None
    removed: int
    added: int
    duration_ms: float | None
    caller: str | None
    phase: str | None
    functions: tuple[str, ...]


@dataclass(frozen=True)
class PassView:
    """One row of the report.

    ``status`` is ``changed``, ``unchanged`` or ``failed`` for one side, a comparison's status for two.
    ``new_metrics`` are those of ``metrics`` that the row before did not show alike.
    ``quiet`` rows are folded unless all are asked for: the pass did nothing, or the same on both sides.
    ``renamed`` is what the candidate calls the pass where names alone did not tell; ``printed_lines`` differ after it
    only in how the releases write them, and are in no other count.
    ``source`` is the line that defines the pass, ``url`` where it can be read; empty where unknown.
    """

    index: int
    anchor: str
    name: str
    status: str
    degree: str
    quiet: bool
    depth: int
    phase: str | None
    moved: bool
    sides: tuple[PassSideView | None, ...]
    effect_lines: int
    state_lines: int
    hunks: tuple[Hunk, ...]
    hidden_hunks: int
    names: tuple[tuple[str, str], ...]
    metrics: tuple[MetricView, ...]
    new_metrics: tuple[MetricView, ...] = ()
    note: str = ""
    source: str = ""
    url: str = ""
    renamed: str = ""
    printed_lines: int = 0

    @property
    def shown_name(self) -> str:
        """The name on the baseline, and the candidate's where that is another."""
        return f"{self.name} -> {self.renamed}" if self.renamed else self.name


@dataclass(frozen=True)
class ArtifactView:
    """Generated source, PTX or SASS: one digest a side, or why it is missing there; hunks where both are there."""

    kind: str
    name: str
    digests: tuple[str | None, ...]
    missing: tuple[str | None, ...]
    lines: tuple[int, ...]
    hunks: tuple[Hunk, ...]


@dataclass(frozen=True)
class SeriesView:
    """One metric after each pass, for the chart; one list a side, as long as the passes, ``None`` where unknown."""

    name: str
    values: tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True)
class SkippedStatement:
    """A statement of a script that raised and was passed over; ``unknown`` is what it would have made."""

    file: str
    line: int
    error: str
    message: str
    unknown: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """One line: where, what it raised, and what is unknown since."""
        unknown = f"; unknown since: {', '.join(self.unknown)}" if self.unknown else ""
        return f"passed over {self.file}:{self.line} {self.error}: {self.message}{unknown}"


@dataclass(frozen=True)
class Focus:
    """The one change to show when there is room for one: a row, and the line of its hunks that tells the most."""

    index: int
    line: str | None


@dataclass(frozen=True)
class Report:
    """Everything a renderer shows.

    Of a kernel that a script compiled, ``incomplete`` says why kernels of the script are missing, each reason once, and
    ``skipped`` lists statements that were passed over.
    """

    schema_version: int
    kind: Literal["one-side", "two-sides"]
    title: str
    verdict: Verdict
    sides: tuple[SideView, ...]
    passes: tuple[PassView, ...]
    input_hunks: tuple[Hunk, ...]
    artifacts: tuple[ArtifactView, ...]
    final_metrics: tuple[MetricView, ...]
    resources: tuple[tuple[FunctionResources, ...], ...]
    series: tuple[SeriesView, ...]
    totals: Mapping[str, int]
    next_command: str
    focus: Focus | None = None
    incomplete: tuple[str, ...] = ()
    skipped: tuple[SkippedStatement, ...] = ()

    @property
    def script_notes(self) -> tuple[str, ...]:
        """What is to be known of the script, a line each."""
        return (*(f"the script is not whole: {why}" for why in self.incomplete), *(item.shown for item in self.skipped))

    @property
    def shown(self) -> tuple[PassView, ...]:
        """The rows that are not folded."""
        return tuple(row for row in self.passes if not row.quiet)


@dataclass(frozen=True)
class Texts:
    """The texts a report's digests name; kept apart so that the report itself stays small."""

    bodies: Mapping[str, str]

    def get(self, digest: str | None) -> str:
        return self.bodies.get(digest, "") if digest else ""
