"""Bring the evidence of a branch up to date: run what is stale, keep the rest, fill the description."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from scaffold.builds.gpu import find_gpu
from scaffold.builds.workspace import Workspace
from scaffold.contribute.body import fill
from scaffold.contribute.change import Change
from scaffold.contribute.draft import Draft
from scaffold.contribute.evidence.model import STEPS, EvidenceRecord, StepRecord
from scaffold.contribute.evidence.sections import fill_sections, parts_without_result
from scaffold.contribute.evidence.sides import make_sides, names_of, record_of
from scaffold.contribute.evidence.steps import run_step
from scaffold.contribute.evidence.store import full_key, read_evidence, with_step, write_evidence
from scaffold.contribute.evidence.work import Work
from scaffold.contribute.impact import Impact, impact_of, with_kernels
from scaffold.contribute.kinds import Kind, Step, parts_of
from scaffold.contribute.redaction import Redaction, Redactor, joined
from scaffold.errors import ScaffoldError
from scaffold.files import write_atomically
from scaffold.progress import Progress


@dataclass(frozen=True)
class Asked:
    """What the command line says of a run."""

    only: tuple[Step, ...] = ()
    again: bool = False
    baseline: str = ""
    candidate: str = ""
    corpus: str = "zoo"
    timeout_s: float = 600.0
    torch: str | None = None


@dataclass(frozen=True)
class Brought:
    """What there is now. ``kept`` are steps that were up to date; ``homeless`` has no place in the description."""

    record: EvidenceRecord
    impact: Impact
    kept: tuple[str, ...]
    homeless: tuple[str, ...]
    redactions: tuple[Redaction, ...]


def wanted_steps(kind: Kind, asked: Asked, change: Change) -> tuple[Step, ...]:
    """The steps that were named, or those of the kind, in their order; a changed example is looked at with any code."""
    own = set(kind.evidence)
    if own & {"tir-diff", "corpus"} and any(path.endswith(".py") for path in change.below("examples")):
        own.add("examples")
    return tuple(step for step in STEPS if step in (asked.only or own))


def bring(draft: Draft, change: Change, kind: Kind, asked: Asked, workspace: Workspace, progress: Progress) -> Brought:
    """Run what is stale. What is finished is kept if a later step is interrupted or a build fails.

    Raises
    ------
    BuildFailedError
        If a side does not compile.
    """
    record = read_evidence(draft) or EvidenceRecord(branch=change.branch, base=change.base, head=change.head)
    record = msgspec.structs.replace(record, branch=change.branch, base=change.base, head=change.head)
    impact = impact_of(change, workspace, progress, baseline=asked.baseline)
    names = names_of(change, generates=impact.generates, baseline=asked.baseline, candidate=asked.candidate)
    how = (*names, asked.corpus)
    wanted = wanted_steps(kind, asked, change)
    stale = [step for step in wanted if asked.again or _is_stale(step, record, draft, change, how)]
    kept = [step for step in wanted if step not in stale]
    work = Work(
        draft=draft,
        change=change,
        impact=impact,
        make_sides=lambda: make_sides(names, change, workspace, progress, asked.torch),
        workspace=workspace,
        progress=progress,
        corpus=asked.corpus,
        timeout_s=asked.timeout_s,
    )
    if any(step != "docs" for step in stale):
        # Before any step, so that a side that does not compile is said at once and not once a step.
        record = msgspec.structs.replace(
            record,
            baseline=record_of(work.sides.baseline, workspace),
            candidate=record_of(work.sides.candidate, workspace),
            machine=machine(),
        )
    for step in stale:
        record = with_step(record, _one(step, work, full_key(step, draft, change, *how)))
        write_evidence(draft, record)
    homeless, redactions = fill_body(draft, kind, record, workspace)
    lowered = asked.baseline or (record.baseline.name if record.baseline else "")
    return Brought(record, with_kernels(impact, workspace, progress, lowered), tuple(kept), homeless, redactions)


def _is_stale(step: Step, record: EvidenceRecord, draft: Draft, change: Change, how: Sequence[str]) -> bool:
    there = record.steps.get(step)
    # What could not be run may be possible by now: another machine, a kernel that was added.
    return there is None or bool(there.not_run) or there.key != full_key(step, draft, change, *how)


def _one(step: Step, work: Work, key: str) -> StepRecord:
    """One step; an error of the environment is its result and stops no other step."""
    work.progress.say(f"{step} ...")
    try:
        done = run_step(step, work, key)
    except ScaffoldError as error:
        done = StepRecord(step=step, key=key, at=time.time(), not_run=error.message, cannot=True)
    missing = f"{'not run' if done.cannot else 'does not apply'}: {done.not_run}"
    work.progress.say(f"{step}: {done.verdict or missing}")
    return done


def fill_body(
    draft: Draft, kind: Kind, record: EvidenceRecord, workspace: Workspace
) -> tuple[tuple[str, ...], tuple[Redaction, ...]]:
    """Write what was found into the description, without what is this machine's alone."""
    if not draft.body.is_file():
        return (), ()
    redactor = Redactor.of_this_machine(workspace.root, draft.checkout)
    redactor = replace(redactor, also=(*redactor.also, *_kernel_files(draft), *_folders_of(record)))
    filled: dict[str, str] = {}
    all_redactions: list[Redaction] = []
    for name, text in fill_sections(record, kind, draft).items():
        filled[name], redactions = redactor.redact(text)
        all_redactions += redactions
    before = draft.body.read_text(encoding="utf-8")
    text, homeless = fill(before, filled)
    if text != before:
        write_atomically(draft.body, text.encode())
    # A part the kind's own description never had is not missed, nor is one that nothing was found for.
    missed = parts_of(kind) - parts_without_result(record)
    return tuple(name for name in homeless if name in missed), joined(all_redactions)


def _kernel_files(draft: Draft) -> Iterator[tuple[str, str]]:
    """Files that hold a kernel of the draft, wherever they lie, and what a reader sees of them: the name."""
    for kernel in draft.kernel_arguments:
        path = Path(kernel.partition("::")[0])
        if path.is_absolute():
            yield str(path), path.name


def _folders_of(record: EvidenceRecord) -> Iterator[tuple[str, str]]:
    """Interpreters and folders that a build is called by: to a reader the last part says as much."""
    for side in (record.baseline, record.candidate):
        kind, _, rest = side.name.partition(":") if side else ("", "", "")
        if kind in ("python", "path"):
            yield rest, Path(rest).name


def machine() -> tuple[str, ...]:
    """Where it ran, as far as it concerns a reader: GPU and driver, or that there is none."""
    gpu = find_gpu()
    return (f"GPU: {gpu.name}, driver {gpu.driver}",) if gpu else ("no GPU",)
