"""What the change does to speed, where there is a GPU."""

from __future__ import annotations

from scaffold.builds.gpu import find_gpu
from scaffold.contribute.evidence.model import StepRecord
from scaffold.contribute.evidence.proof import bench_proof, profile_proof
from scaffold.contribute.evidence.work import NO_GPU, NO_KERNEL, Work, document_of, found, impossible, needless, typed
from scaffold.files import write_atomically
from scaffold.report.bench_json import parse_bench_json
from scaffold.report.bench_png import render_bench_png
from scaffold.report.bench_view import FINDINGS


def compare_times(work: Work, record: StepRecord) -> StepRecord:
    """The kernels of the draft, timed on both sides; for the host where its targets have that and there is no GPU."""
    if reason := work.no_difference:
        return _not_timed(work, record, reason)
    if not work.draft.kernels:
        return impossible(record, NO_KERNEL)
    if find_gpu() is None and "c" not in work.draft.targets:
        return impossible(record, NO_GPU)
    words = [*work.draft.kernel_arguments, *(["--target", "c"] if find_gpu() is None else []), *work.sides.specs()]
    said = work.ask("bench", words)
    if said.missing:
        return impossible(record, said.missing)
    report = parse_bench_json(said.document)
    name = "images/bench.png"
    write_atomically(work.draft.folder / name, render_bench_png(report))
    verdicts = {row.kernel: row.asked.word for row in report.rows if row.asked}
    return found(
        record,
        verdict=report.headline,
        finding=any(word in FINDINGS for word in verdicts.values()),
        proof=bench_proof(report),
        commands=(typed("bench", words, work.draft.names_of_arguments),),
        details={"verdicts": verdicts},
        images=(name,),
    )


def compare_profiles(work: Work, record: StepRecord) -> StepRecord:
    """The vendor's profiler on the first kernel of the draft, on both sides."""
    if reason := work.no_difference:
        return _not_timed(work, record, reason)
    if not work.draft.kernels:
        return impossible(record, NO_KERNEL)
    if find_gpu() is None:
        return impossible(record, NO_GPU)
    words = [work.draft.kernel_arguments[0], *work.sides.specs()]
    said = work.ask("profile", words)
    if said.missing:
        return impossible(record, said.missing)
    return found(
        record,
        verdict=document_of(said)["headline"],
        proof=profile_proof(document_of(said)),
        commands=(typed("profile", words, work.draft.names_of_arguments),),
    )


def _not_timed(work: Work, record: StepRecord, reason: str) -> StepRecord:
    """Where code cannot differ there is nothing to time; changed examples may be faster, and nobody knows."""
    if work.impact.examples and not work.impact.generates:
        return impossible(record, f"{reason}, and these are not timed")
    return needless(record, reason)
