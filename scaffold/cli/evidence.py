"""``evidence``: run what a pull request needs on both sides, and fill its description from the results."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scaffold.builds.workspace import Workspace
from scaffold.cli.options import (
    Output,
    Parser,
    add_common,
    add_output,
    amount,
    command_line,
    exit_for,
    near,
    output_of,
    progress_of,
    write_result,
)
from scaffold.contribute.body import fit_body, unwritten
from scaffold.contribute.current import Current, current_pull_request
from scaffold.contribute.draft import Draft, write_draft
from scaffold.contribute.evidence.model import STEPS, StepRecord
from scaffold.contribute.evidence.run import Asked, Brought, bring, wanted_steps
from scaffold.contribute.impact import Hit, Impact, impact_of
from scaffold.contribute.redaction import describe
from scaffold.errors import ExitCode, OutputFolderError, UsageError
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings
from scaffold.report.corpus_words import many
from scaffold.report.evidence_text import print_evidence, render_evidence_text
from scaffold.report.evidence_view import EvidenceReport, Line, StepRow
from scaffold.report.pull_request_json import render_evidence_json
from scaffold.report.terminal import make_console

_FILE_WIDTH = 120


def run(argv: Sequence[str]) -> int:
    """Bring it up to date and say what it came to; under ``--check`` 1 where a reader should look."""
    namespace = _parser().parse_args(argv)
    output, progress = output_of(namespace), progress_of(namespace)
    workspace = Workspace.at(namespace.workspace)
    current = current_pull_request(namespace.checkout or "", workspace)
    _check_kernels(current)
    asked = Asked(
        only=tuple(namespace.only),
        again=namespace.again,
        baseline=_build(namespace.baseline, current.draft.baseline),
        candidate=_build(namespace.candidate, current.draft.candidate),
        corpus=namespace.corpus,
        timeout_s=namespace.timeout,
        torch=namespace.torch,
    )
    if namespace.impact or namespace.dry_run:
        impact = impact_of(current.change, workspace, progress, baseline=asked.baseline)
        _emit(_planned(current, impact, asked, argv), output)
        return int(ExitCode.OK)
    brought = bring(current.draft, current.change, current.kind, asked, workspace, progress)
    _remember(current.draft, asked)
    images = _post(current, brought, Path(namespace.post_image)) if namespace.post_image else ()
    _emit(_report(current, brought, asked, namespace, images), output)
    return exit_for(finding=namespace.check and any(step.finding for step in brought.record.steps.values()))


def _build(given: str | None, remembered: str) -> str:
    return remembered if given is None else given


def _remember(draft: Draft, asked: Asked) -> None:
    """Keep the builds that were compared: asked again without them, it would compile others and find all stale."""
    if (draft.baseline, draft.candidate) != (asked.baseline, asked.candidate):
        write_draft(replace(draft, baseline=asked.baseline, candidate=asked.candidate))


def _parser() -> Parser:
    parser = Parser(
        "evidence",
        "Run what the pull request of your branch needs (repro, tests, IR, other kernels, speed), on the revision it "
        "left upstream at and with the change; fill its description. Only what the change made stale is run again.",
        example="evidence --checkout ../tilelang",
    )
    parser.add_argument("--checkout", metavar="DIR", help="your clone (default: around here, else workspace/tilelang)")
    group = parser.add_argument_group("what is run")
    group.add_argument("--only", choices=STEPS, action="append", default=[], metavar="STEP", help=", ".join(STEPS))
    group.add_argument("--again", action="store_true", help="also what is up to date")
    group.add_argument(
        "--corpus",
        choices=("zoo", "all", "none"),
        default="zoo",
        help="other kernels: the kit's, upstream's examples for several GPUs too, none (default: zoo)",
    )
    group.add_argument(
        "--baseline",
        metavar="BUILD",
        help="instead of the revision the branch left upstream at; kept in pr.toml ('' to forget it)",
    )
    group.add_argument("--candidate", metavar="BUILD", help="instead of the checkout as it is; kept in pr.toml")
    group.add_argument("--torch", metavar="T", help="PyTorch of a new build: auto, cpu, or a pip requirement")
    group.add_argument("--timeout", metavar="SECONDS", type=amount, default=600.0, help="of one test or the repro")
    group.add_argument("--impact", action="store_true", help="say what the change touches and why, and stop")
    group.add_argument("--dry-run", action="store_true", help="say what would be run, and stop")
    group = parser.add_argument_group("what comes of it")
    group.add_argument("--post-image", metavar="DIR", help="copy the pictures to attach there")
    group.add_argument(
        "--show-redactions", action="store_true", help="what was taken out of the description, and how often"
    )
    group.add_argument("--check", action="store_true", help="exit 1 where a reader should look")
    add_output(parser, ("terminal", "json"))
    add_common(parser)
    return parser


def _check_kernels(current: Current) -> None:
    """Say at once what of ``pr.toml`` is no kernel, before builds are made."""
    for kernel in current.draft.kernel_arguments:
        for target in current.draft.targets:
            if not kernel.endswith(".py"):
                resolve(kernel, Settings(target=target), default_target=target)


def _planned(current: Current, impact: Impact, asked: Asked, argv: Sequence[str]) -> EvidenceReport:
    told = ", ".join(wanted_steps(current.kind, asked, current.change)) or "nothing"
    changed = f"{many(len(current.change.files), 'file')} changed since {current.change.base_ref}"
    return EvidenceReport(
        headline=f"{changed}; would run {told}",
        finding=False,
        title=current.draft.title,
        steps=(),
        impact=_impact_lines(impact),
        notes=(),
        next_command=command_line("evidence", *[word for word in argv if word not in ("--impact", "--dry-run")]),
    )


def _impact_lines(impact: Impact) -> tuple[Line, ...]:
    lines = []
    hits: tuple[tuple[str, tuple[Hit, ...]], ...] = (
        ("pass", impact.passes),
        ("kernel", impact.kernels),
        ("test", impact.tests),
        ("example", impact.examples),
    )
    for what, found in hits:
        lines += [Line(what, hit.name, hit.because) for hit in found]
    if not impact.generates:
        lines.append(Line("kernel", "none", "no file that TileLang is built of or imports is changed"))
    elif impact.unknown:
        lines.append(Line("kernel", "not known", impact.unknown))
    return tuple(lines)


def _report(
    current: Current,
    brought: Brought,
    asked: Asked,
    namespace: argparse.Namespace,
    images: Sequence[str],
) -> EvidenceReport:
    steps = [brought.record.steps[name] for name in STEPS if name in brought.record.steps]
    looks = [step for step in steps if step.finding]
    ran = [step for step in steps if not step.not_run]
    told = _headline(steps, ran, looks)
    chosen = [f"{side} {name}" for side, name in (("baseline", asked.baseline), ("candidate", asked.candidate)) if name]
    notes = [f"compared, until pr.toml says otherwise: {', '.join(chosen)}"] if chosen else []
    notes += [f"up to date, not run again: {', '.join(brought.kept)}"] if brought.kept else []
    notes += [f"the description has no place for: {', '.join(brought.homeless)}"] if brought.homeless else []
    body = current.draft.body.read_text(encoding="utf-8") if current.draft.body.is_file() else ""
    _, cut = fit_body(body)
    notes += [f"too long for GitHub; when opened it goes without: {', '.join(cut)}"] if cut else []
    notes += [f"yours to write: {what}" for what in unwritten(body)]
    notes += [f"attach {image}" for image in images]
    notes += describe(brought.redactions) if namespace.show_redactions else []
    if namespace.show_redactions and not brought.redactions:
        notes.append("nothing had to be taken out of the description")
    return EvidenceReport(
        headline=told,
        finding=bool(looks),
        title=current.draft.title,
        steps=tuple(_row(step, step.step in brought.kept) for step in steps),
        impact=_impact_lines(brought.impact),
        notes=(f"description: {near(current.draft.body)}", *notes),
        next_command=command_line("preflight", *(["--checkout", namespace.checkout] if namespace.checkout else [])),
    )


def _headline(steps: Sequence[StepRecord], ran: Sequence[StepRecord], looks: Sequence[StepRecord]) -> str:
    """How many of the steps that say something of this change have a result, and which to look at."""
    due = [step for step in steps if not step.not_run or step.cannot]
    if not ran:
        why = due[0] if due else steps[0] if steps else None
        return f"nothing to show: {why.step}: {why.not_run}" if why else "nothing to show"
    if len(due) == 1:
        return f"{ran[0].step}: {ran[0].verdict}"
    count = f"all {len(due)}" if len(ran) == len(due) else f"{len(ran)} of {len(due)}"
    return f"{count} steps have a result" + (f"; look at {', '.join(step.step for step in looks)}" if looks else "")


def _row(step: StepRecord, kept: bool) -> StepRow:
    return StepRow(step.step, step.verdict, step.finding, step.not_run, kept, step.commands, step.cannot)


def _post(current: Current, brought: Brought, folder: Path) -> tuple[str, ...]:
    """Copy the pictures; GitHub takes them by hand only.

    Raises
    ------
    UsageError
        If there is none.
    """
    names = [name for step in brought.record.steps.values() for name in step.images]
    there = [current.draft.folder / name for name in names if (current.draft.folder / name).is_file()]
    if not there:
        raise UsageError(
            "there is no picture to post: nothing differs that was drawn, nothing was timed",
            hint="leave out --post-image",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(str(shutil.copy(path, folder / path.name)) for path in there)
    except OSError as error:
        raise OutputFolderError(f"cannot write to {folder}: {error.strerror}", hint="name another folder") from error


def _emit(report: EvidenceReport, output: Output) -> None:
    match output.format:
        case "json":
            write_result(output, render_evidence_json(report))
        case "terminal" if output.path is None and (sys.stdout.isatty() or output.color == "always"):
            print_evidence(report, make_console(sys.stdout, color=output.color, width=output.width))
        case _:
            text = render_evidence_text(report, width=output.width or _FILE_WIDTH)
            write_result(output, text.encode())
