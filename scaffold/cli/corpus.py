"""Many kernels at once: ``tir-diff --corpus``, ``tir-diff script.py``, ``tir-diff gemm softmax``."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.builds.script import PassedOver
from scaffold.builds.version import tilelang_version
from scaffold.cli.corpus_asked import Side, manifest_of, sides_of, task_of
from scaffold.cli.corpus_code import compiled, with_resources
from scaffold.cli.many_options import is_folder
from scaffold.cli.options import Output, command_line, near, write_result
from scaffold.cli.pass_links import links_to
from scaffold.cli.tracing import Session, made_of
from scaffold.corpus.comparing import ComparedEntry, ComparedKernel, CompareTask
from scaffold.corpus.lowering import Lowered
from scaffold.corpus.manifest import Entry, Manifest
from scaffold.corpus.pool import open_pool
from scaffold.corpus.survey import by_reason, compare_all, lower_all
from scaffold.diff.change import CHANGED, Outcome
from scaffold.errors import ExitCode, NothingCompiledError, ProbeTimeoutError, UsageError
from scaffold.kernels.resolve import functions_of
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
from scaffold.report.view import SkippedStatement
from scaffold.trace.model import TraceFile

_FILE_WIDTH = 120
#: Under this name functions are listed where nothing was compiled, so many of them.
FUNCTIONS = "functions that look like one"
_MOST_FUNCTIONS = 12
#: Notes that may say why nothing was compiled.
_TELLING = re.compile(r": the script caught it\Z|\A\d+ tests? (?:was|were) skipped")

#: The options that were given, as words, but for those that are named: the next command repeats them.
Given = Callable[..., list[str]]

#: Shows one kernel, lowered in one build or in both, pass by pass.
Show = Callable[[list[TraceFile], "ScriptGaps"], int]


@dataclass(frozen=True)
class ScriptGaps:
    """Why the script of a single kernel is not whole, and the statements that were passed over."""

    incomplete: tuple[str, ...]
    skipped: tuple[SkippedStatement, ...]


def run_many(namespace: argparse.Namespace, session: Session, output: Output, show: Show, given: Given) -> int:
    """Compare two builds, or survey one; 1 under ``--check`` where something changed.

    Where it comes to a single kernel of a script, ``show`` tells the whole of it.

    Raises
    ------
    NothingCompiledError
        If no kernel came of it.
    ProbeTimeoutError
        If the only script did not end in time, and no kernel came of it.
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
            _require_some(manifest, lowered)
            if (single := _single_captured(namespace, manifest, lowered)) is not None:
                path, one = single
                script = ScriptGaps(one.reasons, _skipped(one.skipped))
                return show([compiled(path, sides[0], namespace, session)], script)
            return _survey(namespace, session, output, sides[0], manifest, lowered, given)
        pairs = [CompareTask(one, other) for one, other in zip(*tasks, strict=True)]
        compared = compare_all(pairs, pool, session.progress)
    if not any(entry.kernels for entry in compared):
        _require_some(manifest, [_as_lowered(entry) for entry in compared])
    if (pair := _single_compared(namespace, manifest, compared)) is not None:
        whole = next(item for item in compared if item.kernels)
        missed = (("baseline", whole.missed_baseline), ("candidate", whole.missed_candidate))
        script = ScriptGaps(tuple(f"{label}: {why}" for label, why in missed if why), _skipped(whole.skipped))
        files = zip(pair, sides, strict=True)
        return show([compiled(path, side, namespace, session) for path, side in files], script)
    report = _compared(namespace, session, sides, manifest, compared, given)
    passes = dict.fromkeys(group.pass_name for group in report.groups if group.pass_name)
    report = with_links(report, links_to(passes, sides[1].build.name, session.workspace, session.progress))
    _emit(report, output, everything=namespace.all)
    found = any(group.outcome in CHANGED for group in report.groups)
    return int(ExitCode.FINDING if namespace.check and found else ExitCode.OK)


def _single_captured(
    namespace: argparse.Namespace, manifest: Manifest, results: Sequence[Lowered]
) -> tuple[str, Lowered] | None:
    """The trace of the one kernel this is about, the only one of a script or the one named, and what it is of."""
    kernels = [(kernel, lowered) for lowered in results for kernel in lowered.kernels]
    found = _the_one(namespace, manifest, [kernel.name for kernel, _ in kernels])
    return None if found is None else (str(kernels[found][1].trace_path(kernels[found][0])), kernels[found][1])


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
    given: Given,
) -> int:
    entries = [
        CapturedEntry(
            name=entry.shown,
            target=entry.target,
            kernels=tuple(
                CapturedKernel(kernel.name, str(lowered.trace_path(kernel)), kernel.failure)
                for kernel in lowered.kernels
            ),
            why_missing=lowered.why_missing or _why_none(lowered, named=_are_named(namespace)),
            packages=lowered.missing,
            notes=lowered.notes,
            passed_over=len(lowered.passed_over),
            reasons=lowered.reasons,
            skipped=_skipped(lowered.skipped),
            seconds=lowered.seconds,
        )
        for entry, lowered in zip(manifest.lowered, results, strict=True)
    ]
    entry, first = next(pair for pair in zip(manifest.lowered, entries, strict=True) if pair[1].kernels)
    words = [_typed(entry), *given("kernel", "target", "corpus"), "--target", entry.target]
    named = ["--kernel", first.kernels[0].name] if entry.is_script else []
    following = command_line("tir-diff", *words, *named)
    report = survey_report(
        entries, side=_shown_side(side, session), left_out=by_reason(manifest.left_out), next_command=following
    )
    _emit(report, output, everything=namespace.all)
    return int(ExitCode.OK)


def _require_some(manifest: Manifest, results: Sequence[Lowered]) -> None:
    """Say why no kernel came of anything, script by script, and which functions could be named instead."""
    if any(lowered.kernels for lowered in results):
        return
    entries = list(zip(manifest.lowered, results, strict=True))
    if len(entries) == 1 and results[0].timed_out_after_s is not None:
        raise ProbeTimeoutError(
            f"{entries[0][0].shown} did not end within {results[0].timed_out_after_s:g} s",
            hint="give it longer with --timeout SECONDS",
            context=_why_by_script(entries),
        )
    why = _why_by_script(entries)
    said = next((text.partition("\n")[0] for text in why.values()), "")
    functions = [
        f"{_typed(entry)}::{name}" for entry, _ in entries if entry.is_script for name in functions_of(entry.path)
    ]
    listed = "\n".join(functions[:_MOST_FUNCTIONS])
    raise NothingCompiledError(
        f"no kernel was compiled{f': {said}' if said else ''}",
        hint="name what makes the kernel: path/to/file.py::function, ::Class, or ::test_name",
        context={**why, **({FUNCTIONS: listed} if listed else {})},
    )


def _why_by_script(entries: Sequence[tuple[Entry, Lowered]]) -> dict[str, str]:
    """Why each script gave nothing, a line each reason; empty where all ran to their end as they should."""
    found: dict[str, str] = {}
    for entry, lowered in entries:
        noted = [note for note in lowered.notes if _TELLING.search(note)]
        missing = [f"{name} is not installed, and nothing in the project is called so" for name in lowered.missing]
        lines = (*lowered.reasons, *(item.shown for item in _skipped(lowered.skipped)), *noted, *missing)
        if lines:
            found[f"{entry.shown} {entry.target}"] = "\n".join(lines)
    return found


def _are_named(namespace: argparse.Namespace) -> bool:
    """Whether every entry was asked for by its name: one of the corpus or of a folder may be no script."""
    return not namespace.corpus and not any(map(is_folder, namespace.kernels))


def _why_none(lowered: Lowered, *, named: bool) -> str:
    """Why an entry gave no kernel, where it ran to its end; empty for one nobody named, which may be no script."""
    if lowered.kernels or not (named or lowered.skipped):
        return ""
    return "; ".join(["nothing compiled", *(item.shown for item in _skipped(lowered.skipped))])


def _skipped(items: Sequence[PassedOver]) -> tuple[SkippedStatement, ...]:
    return tuple(SkippedStatement(item.file, item.line, item.error, item.message, item.unknown) for item in items)


def _as_lowered(entry: ComparedEntry) -> Lowered:
    """What both sides of an entry without a kernel came to."""
    missed = dict.fromkeys(filter(None, (entry.missed_baseline, entry.missed_candidate)))
    return Lowered(
        (), not_built=tuple(missed), passed_over=entry.skipped, missing=entry.missing_packages, notes=entry.notes
    )


def _compared(
    namespace: argparse.Namespace,
    session: Session,
    sides: Sequence[Side],
    manifest: Manifest,
    results: Sequence[ComparedEntry],
    given: Given,
) -> CorpusReport:
    rows = [_row(entry, kernel) for entry in results for kernel in entry.kernels]
    rows, not_measured = with_resources(rows, sides, namespace, session)
    typed = {(entry.name, entry.target): _typed(entry) for entry in manifest.lowered}
    # What a SPEC says is repeated with its side, where builds are named as they were found.
    options = given("kernel", "target", "corpus", "set", "build", "baseline", "candidate", "machine_code")
    rows = [replace(row, command=_command(row, sides, typed[row.source, row.target], options)) for row in rows]
    missed = [
        MissedEntry(entry.name.removeprefix("examples/"), entry.target, label, why)
        for entry in results
        for label, why in (("baseline", entry.missed_baseline), ("candidate", entry.missed_candidate))
        if why
    ]
    missed += [
        MissedEntry(entry.name.removeprefix("examples/"), entry.target, label, why)
        for entry in results
        if not (entry.kernels or entry.missed_baseline or entry.missed_candidate)
        and (why := _why_none(_as_lowered(entry), named=_are_named(namespace)))
        for label in ("baseline", "candidate")
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
        next_command=_next(rows, [*namespace.kernels, *given()]),
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


def _next(rows: Sequence[KernelRow], words: Sequence[str]) -> str:
    """The kernel that no longer lowers, else the one that changed most, pass by pass; ``words`` are what was typed."""
    broken = [row for row in rows if row.change.outcome is Outcome.BROKEN and row.command]
    changed = [row for row in rows if row.change.outcome is Outcome.DIFFERS and row.command]
    if broken or changed:
        return broken[0].command if broken else max(changed, key=lambda row: row.change.size).command
    return command_line("tir-diff", *words, "-o", "corpus.md")


def _typed(entry: Entry) -> str:
    """The name under which an entry is asked for: of a file of the user's, its path from here."""
    own = entry.is_script and not entry.name.startswith("examples/")
    return near(Path(entry.tree) / entry.name) if own else entry.name


def _command(row: KernelRow, sides: Sequence[Side], typed: str, options: Sequence[str]) -> str:
    """What compares this kernel alone."""
    words = [typed] if row.name == row.source else [typed, "--kernel", row.name]
    return command_line("tir-diff", *words, "--target", row.target, *options, *_specs(sides))


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
