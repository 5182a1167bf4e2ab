"""Many kernels at once: ``tir-diff --corpus``, ``tir-diff script.py``, ``tir-diff gemm softmax``."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from scaffold.builds.build import Build
from scaffold.builds.capture import Captured, with_machine_code
from scaffold.builds.content import content_digest
from scaffold.builds.gpu import default_target, find_gpu
from scaffold.builds.version import tilelang_version
from scaffold.cli.options import Output, command_line, near, write_result
from scaffold.cli.pass_links import links_to
from scaffold.cli.tracing import Session, made_of, refuse_same, settings_of
from scaffold.corpus.checkout import named_tree, tree_of
from scaffold.corpus.comparing import ComparedEntry, ComparedKernel, CompareTask
from scaffold.corpus.examples.lending import lend_to_scripts
from scaffold.corpus.lowering import Lowered, LowerTask
from scaffold.corpus.manifest import Entry, Manifest, make_manifest
from scaffold.corpus.pool import open_pool
from scaffold.corpus.survey import by_reason, compare_all, lower_all
from scaffold.diff.change import CHANGED, Outcome
from scaffold.errors import EnvironmentProblem, ExitCode, NothingCompiledError, UsageError
from scaffold.kernels.spec import Settings, parse_spec
from scaffold.kernels.target import normal_label, parse_target
from scaffold.progress import Progress
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
from scaffold.trace.model import FunctionResources, TraceFile
from scaffold.trace.store import read_trace

#: Kernels whose machine code is made on both sides unless all are asked for: nvcc takes seconds each.
_MOST_COMPILED = 12

#: For one script of many, in seconds: of upstream's examples four take longer, as TileLang lowers theirs in 30 s each.
_TIMEOUT_S = 120.0

_FILE_WIDTH = 120

#: Numbers of the machine code that are compared, as the reader knows them.
_RESOURCES = (
    ("registers", "registers"),
    ("spill_store_bytes", "bytes spilled"),
    ("static_shared_bytes", "static shared bytes"),
    ("sass_instructions", "SASS instructions"),
)


def add_many(parser: argparse.ArgumentParser) -> None:
    """The flags that ask for many kernels."""
    group = parser.add_argument_group("many kernels")
    group.add_argument(
        "--corpus", action="store_true", help="the whole zoo and every upstream example; names narrow it down"
    )
    group.add_argument(
        "--source-tree", metavar="DIR", help="a checkout, or its examples (default: what goes with the baseline)"
    )
    group.add_argument(
        "--candidate-tree", metavar="DIR", help="the candidate's scripts, where they differ too (needs --source-tree)"
    )
    group.add_argument("--machine-code", action="store_true", help="registers and spills of every kernel that differs")
    group.add_argument("--jobs", metavar="N", type=int, default=0, help="kernels at a time (default: one a core)")
    group.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask cluster whose workers do it")
    group.add_argument("--script-args", metavar="ARGS", default="", help="command line of the script, quoted as one")
    group.add_argument(
        "--run", action="store_true", help="scripts as they are, on this machine's GPU (default: on stand-ins)"
    )
    group.add_argument("--kernel", metavar="NAME", help="of a script, this kernel only")


def is_script(name: str) -> bool:
    """Whether ``name`` is a file to be run as a script, and not one function of it."""
    return name.endswith(".py") and "::" not in name


@dataclass(frozen=True)
class _Side:
    """One build of the comparison, and what is set beside it; ``tree`` where it takes scripts of its own."""

    label: str
    build: Build
    content: str
    settings: Settings
    tree: str = ""


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
    sides = _sides(namespace, session)
    manifest = _manifest(namespace, session, sides[0])
    if not manifest.lowered and manifest.left_out:
        reasons = dict.fromkeys(entry.left_out for entry in manifest.left_out)
        raise NothingCompiledError(
            f"nothing is left to lower: {'; '.join(reasons)}", hint="name another target, or leave --target out"
        )
    for entry in manifest.lowered if namespace.dry_run else ():
        session.progress.say(f"would lower {entry.shown} for {entry.target}")
    if namespace.dry_run:
        return int(ExitCode.OK)
    tasks = [[_task(entry, side, namespace, session) for entry in manifest.lowered] for side in sides]
    with open_pool(namespace.jobs or os.cpu_count() or 1, namespace.scheduler) as pool:
        if len(sides) == 1:
            lowered = lower_all(tasks[0], pool, session.progress)
            _require_some([k.name for one in lowered for k in one.kernels], [one.why_missing for one in lowered])
            if (single := _single_captured(namespace, manifest, lowered)) is not None:
                return show([_with_machine_code(single, sides[0], namespace, session)])
            return _survey(namespace, session, output, sides[0], manifest, lowered)
        pairs = [CompareTask(one, other) for one, other in zip(*tasks, strict=True)]
        compared = compare_all(pairs, pool, session.progress)
    _require_some(
        [kernel.name for entry in compared for kernel in entry.kernels],
        [entry.missed_candidate or entry.missed_baseline for entry in compared],
    )
    if (pair := _single_compared(namespace, manifest, compared)) is not None:
        files = zip(pair, sides, strict=True)
        return show([_with_machine_code(path, side, namespace, session) for path, side in files])
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


def _with_machine_code(path: str, side: _Side, namespace: argparse.Namespace, session: Session) -> TraceFile:
    captured = Captured(read_trace(Path(path)), include_dirs_beside(path))
    if namespace.no_machine_code:
        return captured.file
    return with_machine_code(captured, side.build, workspace=session.workspace, progress=session.progress)


def _sides(namespace: argparse.Namespace, session: Session) -> list[_Side]:
    """The builds asked for, made if they are not here, told apart by what they are and not by their names.

    Raises
    ------
    SameBuildError
        If two builds were asked for and both are the same TileLang.
    """
    common = settings_of(namespace)
    if common.parameters:
        raise UsageError(
            f"--set {next(iter(common.parameters))}=… is a parameter of one kernel",
            hint="many kernels take pass configs only, which have a dot: --set tl.disable_warp_specialized=true",
        )
    specs = [("baseline", namespace.baseline), ("candidate", namespace.candidate)]
    if namespace.candidate_tree and not namespace.source_tree:
        raise UsageError(
            "--candidate-tree says the candidate's scripts only", hint="name the baseline's too: --source-tree DIR"
        )
    if namespace.baseline is None and namespace.candidate is None and not namespace.candidate_tree:
        return [_side("", common, session)]
    sides = []
    for label, text in specs:
        settings = common.overlaid(parse_spec(text or "", flag=f"--{label}"))
        if settings.parameters or settings.target != common.target:
            raise UsageError(
                f"--{label} {text} says more than a build and pass configs",
                hint="for many kernels, say --baseline build=… and --candidate build=…; targets by --target",
            )
        sides.append(_side(label, settings, session))
    if namespace.candidate_tree:
        trees = (named_tree(namespace.source_tree), named_tree(namespace.candidate_tree))
        return [replace(side, tree=str(tree.folder)) for side, tree in zip(sides, trees, strict=True)]
    refuse_same(sides[0].build, sides[1].build, session.workspace)
    return sides


def _side(label: str, settings: Settings, session: Session) -> _Side:
    build = session.store.get(settings.build)
    return _Side(label, build, content_digest(build, session.workspace), settings)


def _manifest(namespace: argparse.Namespace, session: Session, side: _Side) -> Manifest:
    """What is asked for: the corpus or part of it, or scripts of the user's own."""
    targets = tuple(normal_label(item.strip()) for item in (namespace.target or "").split(",") if item.strip())
    for target in targets:
        parse_target(target)
    if namespace.run:
        targets = (_target_to_run(targets),)
    # Of two trees a script is one of theirs, whatever lies in the current folder.
    own = [
        Path(name)
        for name in namespace.kernels
        if is_script(name) and Path(name).is_file() and not namespace.candidate_tree
    ]
    names = [name for name in namespace.kernels if Path(name) not in own]
    entries = [
        Entry(path.name, target, str(path.resolve().parent))
        for path in own
        for target in targets or (default_target(),)
    ]
    if names or namespace.corpus or not own:
        tree = _tree(namespace, session, side) if _needs_tree(namespace, names) else None
        other = named_tree(namespace.candidate_tree).folder if namespace.candidate_tree else None
        entries += make_manifest(tree, targets, names, other_tree=other).entries
    return Manifest(tuple(entries))


def _target_to_run(targets: Sequence[str]) -> str:
    """What scripts are run for: this machine's GPU, or its CPU where that was asked for.

    Raises
    ------
    UsageError
        If another target was asked for.
    EnvironmentProblem
        If there is no GPU.
    """
    if targets in (("c",), ("llvm",)):
        return targets[0]
    gpu = find_gpu()
    if gpu is None:
        raise EnvironmentProblem(
            "--run needs a GPU, and this machine has none",
            hint="leave --run out: scripts then run on stand-ins; or --target c, if they compile for the CPU",
        )
    if targets not in ((), (gpu.target,)):
        raise UsageError(
            f"--run runs on this machine's {gpu.name} ({gpu.target}), not on {', '.join(targets)}",
            hint="leave --run out to lower for another target",
        )
    return gpu.target


def _needs_tree(namespace: argparse.Namespace, names: Sequence[str]) -> bool:
    from scaffold.kernels.catalog import zoo_names

    return namespace.corpus or bool(namespace.source_tree) or any(name not in zoo_names() for name in names)


def _tree(namespace: argparse.Namespace, session: Session, side: _Side) -> Path:
    if namespace.source_tree:
        return named_tree(namespace.source_tree).folder
    found = tree_of(side.build, session.workspace, session.progress)
    if found.note:
        session.progress.say(found.note)
    return found.folder


def _task(entry: Entry, side: _Side, namespace: argparse.Namespace, session: Session) -> LowerTask:
    return LowerTask(
        entry=replace(entry, tree=side.tree) if entry.is_script and side.tree else entry,
        build=side.build,
        content=side.content,
        workspace=str(session.workspace.root),
        timeout_s=namespace.timeout or _TIMEOUT_S,
        pass_configs=tuple(sorted(side.settings.pass_configs.items())),
        argv=tuple(shlex.split(namespace.script_args)) if entry.is_script else (),
        packages=lend_to_scripts(session.workspace.cache) if entry.is_script else (),
        real=namespace.run and entry.is_script,
    )


def _survey(
    namespace: argparse.Namespace,
    session: Session,
    output: Output,
    side: _Side,
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
    sides: Sequence[_Side],
    manifest: Manifest,
    results: Sequence[ComparedEntry],
) -> CorpusReport:
    rows = [_row(entry, kernel) for entry in results for kernel in entry.kernels]
    rows, not_measured = _with_resources(rows, sides, namespace, session)
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


def _next(rows: Sequence[KernelRow], sides: Sequence[_Side]) -> str:
    """The kernel that no longer lowers, else the one that changed most, pass by pass."""
    broken = [row for row in rows if row.change.outcome is Outcome.BROKEN and row.command]
    changed = [row for row in rows if row.change.outcome is Outcome.DIFFERS and row.command]
    if broken or changed:
        return broken[0].command if broken else max(changed, key=lambda row: row.change.size).command
    return command_line("tir-diff", "--corpus", *_specs(sides), "-o", "corpus.md")


def _flag(namespace: argparse.Namespace, name: str) -> list[str]:
    value = getattr(namespace, name)
    return [f"--{name.replace('_', '-')}", value] if value else []


def _command(row: KernelRow, sides: Sequence[_Side], typed: Mapping[str, str], trees: Sequence[str]) -> str:
    """What compares this kernel alone."""
    words = [row.source] if row.name == row.source else [typed.get(row.source, row.source), "--kernel", row.name]
    words += trees if row.name != row.source and row.source not in typed else []
    return command_line("tir-diff", *words, "--target", row.target, *_specs(sides))


def _specs(sides: Sequence[_Side]) -> list[str]:
    return [
        word
        for side in sides
        for word in (f"--{side.label}", replace(side.settings, target=None, build=side.build.name).describe())
    ]


def _with_resources(
    rows: list[KernelRow], sides: Sequence[_Side], namespace: argparse.Namespace, session: Session
) -> tuple[list[KernelRow], str]:
    """Registers, spills and their like of kernels whose generated source differs, where nvcc is there."""
    differing = [
        index
        for index, row in enumerate(rows)
        if row.change.outcome is Outcome.DIFFERS
        and row.target.startswith("cuda")
        and row.change.source_removed + row.change.source_added
    ]
    if not differing:
        return rows, ""
    if namespace.no_machine_code:
        return rows, "registers and spills: not measured (--no-machine-code)"
    differing.sort(key=lambda index: -rows[index].change.size)
    chosen = differing if namespace.machine_code else differing[:_MOST_COMPILED]
    found = list(rows)
    for count, index in enumerate(chosen, start=1):
        session.progress.update(f"machine code {count}/{len(chosen)} {rows[index].shown}")
        found[index], missing = _measured(rows[index], sides, session)
        if missing:
            return found, f"registers and spills: not measured: {missing}"
    left = len(differing) - len(chosen)
    return found, f"registers and spills of the {len(chosen)} that changed most; --machine-code for all" if left else ""


def _measured(row: KernelRow, sides: Sequence[_Side], session: Session) -> tuple[KernelRow, str]:
    resources = []
    for side, path in zip(sides, (row.baseline_trace, row.candidate_trace), strict=True):
        captured = Captured(read_trace(Path(path)), include_dirs_beside(path))
        file = with_machine_code(captured, side.build, workspace=session.workspace, progress=_quiet())
        missing = next((item.missing for item in file.trace.artifacts if item.kind == "ptx" and item.missing), None)
        if missing and "nvcc failed" not in missing:
            return row, missing
        resources.append(file.trace.resources)
    return replace(row, resources=_deltas(*resources)), ""


def _deltas(ours: Sequence[FunctionResources], theirs: Sequence[FunctionResources]) -> dict[str, tuple[int, int]]:
    """Numbers of all device functions of a kernel, summed, where the sides differ; registers are the most of any."""
    found: dict[str, tuple[int, int]] = {}
    for key, label in _RESOURCES:
        take = max if key == "registers" else sum
        values = [[getattr(item, key) for item in side if getattr(item, key) is not None] for side in (ours, theirs)]
        if all(values):
            one, other = take(values[0]), take(values[1])
            if one != other:
                found[label] = (one, other)
    return found


def include_dirs_beside(trace: str) -> tuple[str, ...]:
    """Folders of headers that were noted where the trace is kept."""
    folder = Path(trace).parent
    try:
        lowered = msgspec.json.decode((folder / "lowered.json").read_bytes(), type=Lowered)
    except (OSError, msgspec.MsgspecError):
        return ()
    return next((kernel.include_dirs for kernel in lowered.kernels if kernel.trace == Path(trace).name), ())


def _quiet() -> Progress:
    return Progress(verbosity=-1)


def _shown_side(side: _Side, session: Session) -> CorpusSide:
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
