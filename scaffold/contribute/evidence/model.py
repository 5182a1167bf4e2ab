"""What evidence is: one record a step, each with the change it is about."""

from __future__ import annotations

from typing import Any

import msgspec

from scaffold.contribute.kinds import Step

#: History: 1, first version.
SCHEMA_VERSION = 1
STEPS: tuple[Step, ...] = ("repro", "tests", "docs", "tir-diff", "examples", "corpus", "bench", "profile")


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What one step came to.

    Attributes
    ----------
    key
        Digest of everything it depends on; another key means it is stale.
    at
        When it was run, in seconds since 1970.
    verdict
        One line; empty where it was not run.
    finding
        Whether a reader should look: a test that fails now, a slower kernel, other code.
    proof
        Markdown below the verdict: a table, the first lines of a difference.
    details
        For rules: ``fails_on_base``, ``passes_now``, ``nothing_ran``, ``verdicts``, ``differs``.
    not_run
        Why there is no result; empty where there is one.
    cannot
        Whether there could be one elsewhere (no GPU, no profiler, no kernel named); else the step does not apply.
    images
        Pictures in the draft's folder, to attach by hand: GitHub takes none from a command.
    """

    step: Step
    key: str
    at: float
    verdict: str = ""
    finding: bool = False
    proof: str = ""
    commands: tuple[str, ...] = ()
    details: dict[str, Any] = {}
    not_run: str = ""
    cannot: bool = False
    images: tuple[str, ...] = ()


class SideRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two builds: its name, the TileLang it is, and what tells it from others."""

    name: str
    version: str
    made_of: tuple[str, ...] = ()


class EvidenceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All steps, and where they ran."""

    schema_version: int = SCHEMA_VERSION
    branch: str
    base: str
    head: str
    baseline: SideRecord | None = None
    candidate: SideRecord | None = None
    machine: tuple[str, ...] = ()
    steps: dict[str, StepRecord] = {}
