"""Evidence on disk: ``evidence/results.json`` of a draft, one record a step, written whole after each."""

from __future__ import annotations

import hashlib

import msgspec

from scaffold.contribute.change import Change
from scaffold.contribute.draft import Draft
from scaffold.contribute.evidence.model import SCHEMA_VERSION, EvidenceRecord, StepRecord
from scaffold.contribute.kinds import Step
from scaffold.contribute.preflight.model import NotRun, StepResult
from scaffold.files import write_atomically

_FILE = "results.json"


def step_key(step: Step, draft: Draft, change: Change) -> str:
    """What a step depends on: the change itself, committed or not, and what the draft says is compared."""
    digest = hashlib.sha256()
    for part in (step, change.base, *_asked(step, draft)):
        digest.update(part.encode() + b"\0")
    digest.update(change.patch)
    return digest.hexdigest()


def _asked(step: Step, draft: Draft) -> tuple[str, ...]:
    """What of the draft a step takes: another repro makes only the repro stale."""
    if step == "repro":
        return (draft.repro.read_text(encoding="utf-8", errors="replace") if draft.repro.is_file() else "",)
    if step in ("tir-diff", "bench", "profile"):
        return (*draft.kernels, "|", *draft.targets)
    return draft.targets if step in ("corpus", "examples") else ()


def read_evidence(draft: Draft) -> EvidenceRecord | None:
    """What is kept; ``None`` where nothing is, or of a schema we do not read: then it is run again."""
    try:
        record = msgspec.json.decode((draft.evidence / _FILE).read_bytes(), type=EvidenceRecord)
    except (OSError, msgspec.MsgspecError):
        return None
    return record if record.schema_version == SCHEMA_VERSION else None


def write_evidence(draft: Draft, record: EvidenceRecord) -> None:
    data = msgspec.json.format(msgspec.json.encode(record, order="deterministic"), indent=1)
    write_atomically(draft.evidence / _FILE, data + b"\n")


def with_step(record: EvidenceRecord, step: StepRecord) -> EvidenceRecord:
    return msgspec.structs.replace(record, steps={**record.steps, step.step: step})


def read_results(draft: Draft, change: Change) -> dict[str, StepResult]:
    """Step -> what it found, for who judges the branch; steps that were not run are left out."""
    record = read_evidence(draft)
    if record is None:
        return {}
    return {
        name: StepResult(
            verdict=step.verdict,
            stale=not step.key.startswith(step_key(step.step, draft, change)),
            finding=step.finding,
            details={**step.details, "measured_at": step.at},
        )
        for name, step in record.steps.items()
        if not step.not_run
    }


def read_not_run(draft: Draft, change: Change) -> dict[str, NotRun]:
    """Step -> why it was not run when it was asked for on this state of the change."""
    record = read_evidence(draft)
    return {
        name: NotRun(step.not_run, step.cannot)
        for name, step in (record.steps if record else {}).items()
        if step.not_run and step.key.startswith(step_key(step.step, draft, change))
    }


def full_key(step: Step, draft: Draft, change: Change, *more: str) -> str:
    """:func:`step_key` of the change, and behind it one of how it is run, which only ``evidence`` itself compares."""
    how = hashlib.sha256("\0".join(more).encode()).hexdigest()[:16]
    return f"{step_key(step, draft, change)}-{how}"
