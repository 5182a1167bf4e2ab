"""Many kernels at once: ``tir-diff --corpus``, ``tir-diff script.py``, ``tir-diff gemm softmax``."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scaffold.builds.version import tilelang_version
from scaffold.cli.corpus_asked import Side, is_script, manifest_of, sides_of, task_of
from scaffold.cli.corpus_code import compiled, with_resources
from scaffold.cli.options import Output, command_line, near, write_result
from scaffold.cli.pass_links import links_to
from scaffold.cli.tracing import Session, made_of
from scaffold.corpus.comparing import ComparedEntry, ComparedKernel, CompareTask
from scaffold.corpus.lowering import Lowered
from scaffold.corpus.manifest import Manifest
from scaffold.corpus.pool import open_pool
from scaffold.corpus.survey import by_reason, compare_all, lower_all
from scaffold.diff.change import CHANGED, Outcome
from scaffold.errors import ExitCode, NothingCompiledError, UsageError
from scaffold.report.corpus_build import corpus_report, survey_report, with_links
from scaffold.report.corpus_markdown import render_corpus_markdown
from scaffold.report.corpus_terminal import print_corpus, render_corpus_text
from scaffold.report.corpus_view import (
    CapturedEntry,
    CapturedKernel,
    CorpusReport,
    CorpusSide,
    KernelRow,
    MissedEntry,
    SurveyReport,
)
from scaffold.report.terminal import make_console
from scaffold.trace.model import TraceFile

_FILE_WIDTH = 120

#: Shows one kernel, lowered in one build or in both, pass by pass.
Show = Callable[[list[TraceFile]], int]


def run_many(namespace: argparse.Namespace, session: Session, output: Output, show: Show) -> int:
    """Compare two builds, or survey one; 1 under ``--check`` where something changed.

    Where it comes to a single kernel of a script, ``show`` tells the whole of it.

    Raises
    ------
    NothingCompiledError
        If no kernel came of it.
    """
    sides = sides_of(namespace, session)
    manifest = manifest_of(namespace, session, sides[0])
    if not manifest.lowered and manifest.left_out:
        reasons = dict.fromkeys(entry.left_out for entry in manifest.left_out)
        raise NothingCompiledError(
            f"nothing is left to lower: {'; '.join(reasons)}", hint="name another target, or leave --target out"
        )
    for entry in manifest.lowered if namespace.dry_run else ():
        session.progress.say(f"would lower {entry.shown} for {entry.target}")
    if namespace.dry_run:
        return int(ExitCode.OK)
    tasks = [[task_of(entry, side, namespace, session) for entry in manifest.lowered] for side in sides]
    with open_pool(namespace.jobs or os.cpu_count() or 1, namespace.scheduler) as pool:
        if len(sides) == 1:
            lowered = lower_all(tasks[0], pool, session.progress)
            _require_some([k.name for one in lowered for k in one.kernels], [one.why_missing for one in lowered])
            if (single := _single_captured(namespace, manifest, lowered)) is not None:
                return show([compiled(single, sides[0], namespace, session)])
            return _survey(namespace, session, output, sides[0], manifest, lowered)
        pairs = [CompareTask(one, other) for one, other in zip(*tasks, strict=True)]
        compared = compare_all(pairs, pool, session.progress)
    _require_some(
        [kernel.name for entry in compared for kernel in entry.kernels],
        [entry.missed_candidate or entry.missed_baseline for entry in compared],
    )
    if (pair := _single_compared(namespace, manifest, compared)) is not None:
        files = zip(pair, sides, strict=True)
        return show([compiled(path, side, namespace, session) for path, side in files])
    report = _compared(namespace, session, sides, manifest, compared)
    passes = dict.fromkeys(group.pass_name for group in report.groups if group.pass_name)
    report = with_links(report, links_to(passes, sides[1].build.name, session.workspace, session.progress))
    _emit(report, output, everything=namespace.all)
    found = any(group.outcome in CHANGED for group in report.groups)
    return int(ExitCode.FINDING if namespace.check and found else ExitCode.OK)


def _single_captured(namespace: argparse.Namespace, manifest: Manifest, results: Sequence[Lowered]) -> str | None:
    """The trace of the one kernel this is about: the only one of a script, or the one named."""
    kernels = [(kernel.name, str(lowered.trace_path(kernel))) for lowered in results for kernel in lowered.kernels]
    found = _the_one(namespace, manifest, [name for name, _ in kernels])
    return None if found is None else kernels[found][1]


def _single_compared(
    namespace: argparse.Namespace, manifest: Manifest, results: Sequence[ComparedEntry]
) -> tuple[str, str] | None:
    """Both traces of the one kernel this is about, where both sides have it."""
    kernels = [kernel for entry in results for kernel in entry.kernels]
    found = _the_one(namespace, manifest, [kernel.name for kernel in kernels])
    if found is None or not (kernels[found].baseline_trace and kernels[found].candidate_trace):
        return None
    return kernels[found].baseline_trace, kernels[found].candidate_trace


def _the_one(namespace: argparse.Namespace, manifest: Manifest, names: Sequence[str]) -> int | None:
    """Which of the kernels this is about; ``None`` where it is about all.

    Raises
    ------
    UsageError
        If ``--kernel`` names none of them.
    """
    if namespace.kernel is not None:
        if namespace.kernel not in names:
            listed = ", ".join(dict.fromkeys(names)) or "none"
            raise UsageError(f"no kernel {namespace.kernel!r} was compiled", hint=f"there are: {listed}")
        return list(names).index(namespace.kernel)
    is_one_script = not namespace.corpus and len(manifest.entries) == 1 and manifest.entries[0].is_script
    return 0 if is_one_script and len(names) == 1 else None


def _survey(
    namespace: argparse.Namespace,
    session: Session,
    output: Output,
    side: Side,
    manifest: Manifest,
    results: Sequence[Lowered],
) -> int:
    entries = [
        CapturedEntry(
            name=entry.shown,
            target=entry.target,
            kernels=tuple(
                CapturedKernel(kernel.name, str(lowered.trace_path(kernel)), kernel.failure)
                for kernel in lowered.kernels
            ),
            why_missing=lowered.why_missing,
            packages=lowered.missing,
            notes=lowered.notes,
            passed_over=lowered.passed_over,
            seconds=lowered.seconds,
        )
        for entry, lowered in zip(manifest.lowered, results, strict=True)
    ]
    first = next(entry for entry in entries if entry.kernels)
    following = command_line("tir-diff", *namespace.kernels[:1], "--kernel", first.kernels[0].name)
    if len(entries) > 1:
        following = command_line("tir-diff", near(first.kernels[0].trace))
    report = survey_report(
        entries, side=_shown_side(side, session), left_out=by_reason(manifest.left_out), next_command=following
    )
    _emit(report, output, everything=namespace.all)
    return int(ExitCode.OK)


def _require_some(names: Sequence[str], why: Sequence[str]) -> None:
    if names:
        return
    said = next(filter(None, why), "")
    raise NothingCompiledError(
        f"no kernel was compiled{f': {said}' if said else ''}",
        hint="name the function that returns the kernel: path/to/file.py::function",
    )


def _compared(
    namespace: argparse.Namespace,
    session: Session,
    sides: Sequence[Side],
    manifest: Manifest,
    results: Sequence[ComparedEntry],
) -> CorpusReport:
    rows = [_row(entry, kernel) for entry in results for kernel in entry.kernels]
    rows, not_measured = with_resources(rows, sides, namespace, session)
    typed = {Path(name).name: name for name in namespace.kernels if is_script(name)}
    trees = [word for flag in ("source_tree", "candidate_tree") for word in _flag(namespace, flag)]
    rows = [replace(row, command=_command(row, sides, typed, trees)) for row in rows]
    missed = [
        MissedEntry(entry.name.removeprefix("examples/"), entry.target, label, why)
        for entry in results
        for label, why in (("baseline", entry.missed_baseline), ("candidate", entry.missed_candidate))
        if why
    ]
    packages = Counter(package for entry in results for package in entry.missing_packages)
    return corpus_report(
        rows,
        sides=(_shown_side(sides[0], session), _shown_side(sides[1], session)),
        entries=len({entry.name for entry in results}),
        missed=missed,
        left_out=by_reason(manifest.left_out),
        packages=dict(packages.most_common()),
        not_measured=not_measured,
        next_command=_next(rows, sides),
        command=command_line(*session.argv),
    )


def _row(entry: ComparedEntry, kernel: ComparedKernel) -> KernelRow:
    return KernelRow(
        name=kernel.name,
        source=entry.name,
        target=entry.target,
        change=kernel.change,
        resources={},
        baseline_trace=kernel.baseline_trace,
        candidate_trace=kernel.candidate_trace,
    )


def _next(rows: Sequence[KernelRow], sides: Sequence[Side]) -> str:
    """The kernel that no longer lowers, else the one that changed most, pass by pass."""
    broken = [row for row in rows if row.change.outcome is Outcome.BROKEN and row.command]
    changed = [row for row in rows if row.change.outcome is Outcome.DIFFERS and row.command]
    if broken or changed:
        return broken[0].command if broken else max(changed, key=lambda row: row.change.size).command
    return command_line("tir-diff", "--corpus", *_specs(sides), "-o", "corpus.md")


def _flag(namespace: argparse.Namespace, name: str) -> list[str]:
    value = getattr(namespace, name)
    return [f"--{name.replace('_', '-')}", value] if value else []


def _command(row: KernelRow, sides: Sequence[Side], typed: Mapping[str, str], trees: Sequence[str]) -> str:
    """What compares this kernel alone."""
    words = [row.source] if row.name == row.source else [typed.get(row.source, row.source), "--kernel", row.name]
    words += trees if row.name != row.source and row.source not in typed else []
    return command_line("tir-diff", *words, "--target", row.target, *_specs(sides))


def _specs(sides: Sequence[Side]) -> list[str]:
    return [
        word
        for side in sides
        for word in (f"--{side.label}", replace(side.settings, target=None, build=side.build.name).describe())
    ]


def _shown_side(side: Side, session: Session) -> CorpusSide:
    words = made_of(side.build, side.content, session.workspace)
    words += [f"{key}={value}" for key, value in side.settings.pass_configs.items()]
    words += [f"scripts of {near(side.tree)}"] if side.tree else []
    version = tilelang_version(side.build, session.workspace)
    return CorpusSide(side.label, side.build.name, version, ", ".join(words))


def _emit(report: CorpusReport | SurveyReport, output: Output, *, everything: bool) -> None:
    if output.format == "terminal" and output.path is None and (sys.stdout.isatty() or output.color == "always"):
        console = make_console(sys.stdout, color=output.color, width=output.width)
        print_corpus(report, console, everything=everything)
        return
    width = output.width or _FILE_WIDTH
    if output.format == "terminal":
        data = render_corpus_text(report, width=width, everything=everything).encode()
    elif output.format == "markdown":
        data = render_corpus_markdown(report).encode()
    elif output.format == "html":
        from scaffold.report.corpus_html import render_corpus_html

        data = render_corpus_html(report).encode()
    elif output.format == "json":
        from scaffold.report.corpus_json import render_corpus_json

        data = render_corpus_json(report)
    else:
        raise UsageError(f"many kernels have no picture ({output.format})", hint="say -o corpus.html, .md or .json")
    write_result(output, data)
