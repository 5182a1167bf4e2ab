"""What a terminal shows of the evidence of a pull request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepRow:
    """One step: its verdict, or why it was not run; ``kept`` where it was up to date.

    ``cannot`` tells what could be run elsewhere, or with what is missing here, from what says nothing of this change.
    """

    step: str
    verdict: str
    finding: bool
    not_run: str
    kept: bool
    commands: tuple[str, ...] = ()
    cannot: bool = False


@dataclass(frozen=True)
class Line:
    """One thing the change touches, and why one thinks so."""

    what: str
    name: str
    because: str


@dataclass(frozen=True)
class EvidenceReport:
    """The answer, the steps, what is touched, what is left to do."""

    headline: str
    finding: bool
    title: str
    steps: tuple[StepRow, ...]
    impact: tuple[Line, ...]
    notes: tuple[str, ...]
    next_command: str
