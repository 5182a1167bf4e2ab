"""``bench``: how fast a kernel is, and whether one side is faster than the other."""

from __future__ import annotations

import argparse
import datetime
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scaffold.builds.build import Build
from scaffold.builds.capture import DEFAULT_TIMEOUT_S
from scaffold.builds.content import content_digest
from scaffold.builds.gpu import default_target
from scaffold.builds.version import tilelang_version
from scaffold.cli.bench_grid import run_grid
from scaffold.cli.options import (
    Output,
    Parser,
    add_common,
    add_kernel,
    add_output,
    amount,
    command_line,
    exit_for,
    gpu_numbers,
    near,
    output_of,
    positive,
    progress_of,
    write_result,
)
from scaffold.cli.tracing import Session, made_of, open_session, refuse_same, settings_of
from scaffold.corpus.checkout import named_tree, tree_of
from scaffold.corpus.gpus import find_gpus
from scaffold.errors import UsageError
from scaffold.files import write_atomically
from scaffold.kernels.catalog import load_zoo_kernel
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings, parse_spec
from scaffold.kernels.target import normal_label
from scaffold.measure.bench import require_gpus, run_bench
from scaffold.measure.cases import Case, Options, Side
from scaffold.measure.regression import find_cases
from scaffold.measure.shown import Told, bench_report
from scaffold.measure.statistics import require_scipy
from scaffold.probe.arguments import device_of
from scaffold.report.bench_view import FINDINGS, BenchReport
from scaffold.report.terminal import make_console

_FILE_WIDTH = 120
#: Names of a result's file that are written out; more become a count.
_MOST_NAMES = 3


def run(argv: Sequence[str]) -> int:
    """Run the verb; 1 under ``--check`` where a side is slower, wrong, or fails."""
    namespace = _parser().parse_intermixed_args(argv)
    progress = progress_of(namespace)
    output = output_of(namespace)
    namespace.no_machine_code = False
    session = open_session(namespace, progress, ("bench", *argv))
    if namespace.history:
        return _history(namespace, session, output)
    if not namespace.kernels and not namespace.regression:
        raise UsageError("no kernel is named", hint="for example: bench gemm, or bench cpu_gemm --target c")
    require_scipy()
    started, clock = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
    settings = _settings(namespace)
    if namespace.vary:
        return run_grid(
            namespace, settings, _options(namespace), session, output, side_of=lambda: _sides(settings, session)[0]
        )
    if namespace.regression:
        _require_builds_only(settings)
    cases = [] if namespace.regression else _cases(namespace, settings)
    target = cases[0].baseline.target if cases else namespace.target or default_target()
    if device_of(target) == "cuda":
        require_gpus()
    sides = _sides(settings, session)
    if namespace.regression:
        cases = _regressions(namespace, settings, sides[0], session)
    options = _options(namespace)
    outcome = run_bench(
        cases,
        sides,
        options,
        workspace=session.workspace,
        progress=progress,
        argv=session.argv,
        gpus=find_gpus(namespace.gpus) if namespace.gpus else (),
    )
    told = Told(
        started.isoformat(timespec="seconds"),
        time.monotonic() - clock,
        command_line("bench", *argv),
        _next(namespace, cases),
    )
    report = bench_report(outcome, sides, options, told)
    kept = _keep(report, cases, session)
    _emit(report, output, everything=namespace.all)
    progress.say(f"samples: {near(kept)}")
    return exit_for(
        finding=namespace.check and any(c.word in FINDINGS for row in report.rows for c in row.comparisons[:1])
    )


def _parser() -> Parser:
    parser = Parser(
        "bench",
        "Time kernels beside PyTorch and Triton, or on two sides: right before fast, no claim that noise could make.",
        example="bench gemm --baseline num_stages=2 --candidate num_stages=3",
    )
    parser.add_argument(
        "kernels", nargs="*", metavar="kernel", help="a zoo kernel (gemm), or path/to/file.py::function"
    )
    group = parser.add_argument_group(
        "two sides", "SPEC is a comma list of build=…, target=…, param=value, pass.config=value"
    )
    group.add_argument("--baseline", metavar="SPEC")
    group.add_argument("--candidate", metavar="SPEC")
    group.add_argument("--check", action="store_true", help="exit 1 where the candidate is slower, wrong or fails")
    group = parser.add_argument_group("how it is measured")
    group.add_argument(
        "--smallest", metavar="PERCENT", type=_percent, default=0.01, help="smallest effect of interest (default: 1)"
    )
    group.add_argument(
        "--time-limit", metavar="SECONDS", type=amount, default=600.0, help="for all timing (default: 600)"
    )
    group.add_argument("--rounds", metavar="N", type=_rounds, default=40, help="at most so many (default: 40)")
    group.add_argument(
        "--budget", metavar="MS", type=amount, default=200.0, help="of one kernel in one process (default: 200)"
    )
    group.add_argument("--method", choices=("auto", "events", "cupti"), default="auto", help="on a GPU (default: auto)")
    group.add_argument("--force", action="store_true", help="time also where the machine code is equal")
    group.add_argument("--no-contenders", action="store_true", help="without PyTorch and Triton")
    group.add_argument("--gpus", metavar="0,1", type=gpu_numbers, default=(), help="one of these (default: any)")
    group.add_argument("--regression", action="store_true", help="upstream's own regression_* cases, by topic or name")
    group.add_argument("--source-tree", metavar="DIR", help="the checkout whose cases these are")
    group.add_argument(
        "--vary", metavar="K=A,B", action="append", default=[], help="time every configuration of one kernel: a grid"
    )
    group.add_argument("--jobs", metavar="N", type=positive, help="of a grid, compiled at a time (default: one a core)")
    group.add_argument("--history", action="store_true", help="what was measured before, and stop")
    group.add_argument("--all", action="store_true", help="every row, round and number of the code")
    add_kernel(parser)
    add_output(parser)
    add_common(parser)
    return parser


def _percent(text: str) -> float:
    return amount(text) / 100


def _rounds(text: str) -> int:
    from scaffold.measure.statistics import FIRST_LOOK

    value = int(text)
    if value < FIRST_LOOK:
        message = f"with fewer than {FIRST_LOOK} rounds nothing can be claimed"
        raise argparse.ArgumentTypeError(message)
    return value


def _options(namespace: argparse.Namespace) -> Options:
    return Options(
        smallest=namespace.smallest,
        time_limit_s=namespace.time_limit,
        most_rounds=namespace.rounds,
        budget_ms=namespace.budget,
        timeout_s=namespace.timeout or DEFAULT_TIMEOUT_S,
        method=namespace.method,
        force=namespace.force,
    )


def _settings(namespace: argparse.Namespace) -> list[Settings]:
    """What is said of each side: one, or two where a SPEC was given."""
    common = settings_of(namespace)
    if namespace.baseline is not None or namespace.candidate is not None:
        return [
            common.overlaid(parse_spec(text or "", flag=flag))
            for flag, text in (("--baseline", namespace.baseline), ("--candidate", namespace.candidate))
        ]
    if namespace.check:
        raise UsageError("--check compares two sides", hint="add --baseline SPEC or --candidate SPEC")
    return [common]


def _require_builds_only(settings: Sequence[Settings]) -> None:
    """Refuse parameters and pass configs for upstream's own cases, which take none of ours."""
    for one in settings:
        if said := {**one.parameters, **one.pass_configs}:
            raise UsageError(
                f"--regression takes no {next(iter(said))}=…: upstream's cases say what they compile",
                hint="compare builds: --baseline build=… --candidate build=…",
            )


def _regressions(
    namespace: argparse.Namespace, settings: Sequence[Settings], side: Side, session: Session
) -> list[Case]:
    """Upstream's own cases, of the tree named or the one that goes with the build."""
    named = named_tree(namespace.source_tree) if namespace.source_tree else None
    tree = named or tree_of(side.build, session.workspace, session.progress)
    if tree.note:
        session.progress.say(tree.note)
    target = normal_label(namespace.target) if namespace.target else default_target()
    return find_cases(tree.folder, namespace.kernels, target, two_sided=len(settings) > 1)


def _cases(namespace: argparse.Namespace, settings: Sequence[Settings]) -> list[Case]:
    """Every kernel on every side, before anything is installed or run."""
    cases = []
    for name in dict.fromkeys(namespace.kernels):
        requests = [resolve(name, one, default_target=default_target()) for one in settings]
        two = len(requests) > 1
        with_contenders = not two and not namespace.no_contenders and requests[0].path is None
        contenders = tuple(load_zoo_kernel(name).contenders) if with_contenders else ()
        cases.append(Case(requests[0].name, requests[0], requests[1] if two else None, contenders))
    kinds = {
        request.target.partition(":")[0] for case in cases for request in (case.baseline, case.candidate) if request
    }
    if len(kinds) > 1:
        raise UsageError(
            f"targets of {len(kinds)} kinds cannot be timed on one device: {', '.join(sorted(kinds))}",
            hint="name kernels and targets of one kind",
        )
    return cases


def _sides(settings: Sequence[Settings], session: Session) -> list[Side]:
    labels = ("baseline", "candidate") if len(settings) > 1 else ("baseline",)
    sides = []
    for label, one in zip(labels, settings, strict=True):
        build = session.store.get(one.build)
        sides.append(Side(label, build, tilelang_version(build, session.workspace), _detail(build, one, session)))
    if len(sides) > 1:
        refuse_same(sides[0].build, sides[1].build, session.workspace)
    return sides


def _detail(build: Build, settings: Settings, session: Session) -> str:
    words = made_of(build, content_digest(build, session.workspace), session.workspace)
    return ", ".join(
        [*words, *(f"{key}={value}" for key, value in {**settings.parameters, **settings.pass_configs}.items())]
    )


def _next(namespace: argparse.Namespace, cases: Sequence[Case]) -> str:
    if namespace.regression:
        words = ["--regression", *namespace.kernels]
        words += ["--source-tree", namespace.source_tree] if namespace.source_tree else []
        sides = (("--baseline", namespace.baseline), ("--candidate", namespace.candidate))
        asked = [word for flag, text in sides if text is not None for word in (flag, text)]
        # Timed on one side it asks for the other; timed on two, for what a description can show.
        more = (
            [*asked, "-o", "bench.md"] if asked else ["--baseline", "build=git:main", "--candidate", "build=worktree"]
        )
        return command_line("bench", *words, *more)
    words = [cases[0].name if cases[0].baseline.path is None else namespace.kernels[0]]
    for item in namespace.set:
        words += ["--set", item]
    words += ["--target", namespace.target] if namespace.target else []
    words += ["--build", namespace.build] if namespace.build else []
    if cases[0].candidate is None:
        stages = cases[0].baseline.parameters.get("num_stages")
        if not isinstance(stages, int):
            return command_line("profile", *words)
        return command_line("bench", *words, "--candidate", f"num_stages={stages - 1 if stages > 2 else stages + 1}")
    for flag, text in (("--baseline", namespace.baseline), ("--candidate", namespace.candidate)):
        words += [flag, text] if text is not None else []
    return command_line("tir-diff", *words)


def _keep(report: BenchReport, cases: Sequence[Case], session: Session) -> Path:
    """Every sample, in the workspace: by when it was measured, and of what."""
    from scaffold.report.bench_json import render_bench_json

    names = [case.name for case in cases]
    shown = "+".join(names[:_MOST_NAMES]) + (f"+{len(names) - _MOST_NAMES}" if len(names) > _MOST_NAMES else "")
    stamp = re.sub(r"[^0-9T]", "", report.started_at.partition("+")[0])
    shown = re.sub(r"[^\w.+-]+", "-", shown)
    path = session.workspace.root / "bench" / f"{stamp}-{shown}.json"
    write_atomically(path, render_bench_json(report))
    return path


def _history(namespace: argparse.Namespace, session: Session, output: Output) -> int:
    """What is kept of the kernels named, or of all."""
    from scaffold.measure.history import read_history
    from scaffold.report.bench_history import render_history

    entries = read_history(session.workspace, namespace.kernels)
    write_result(output, render_history(entries, output.format, width=output.width or _FILE_WIDTH))
    return 0


def _emit(report: BenchReport, output: Output, *, everything: bool) -> None:
    if output.format == "terminal" and output.path is None and (sys.stdout.isatty() or output.color == "always"):
        from scaffold.report.bench_terminal import print_bench

        console = make_console(sys.stdout, color=output.color, width=output.width)
        print_bench(report, console, everything=everything)
        return
    write_result(output, render(report, output, everything=everything))


def render(report: BenchReport, output: Output, *, everything: bool = False) -> bytes:
    """The report in one of the forms."""
    match output.format:
        case "terminal":
            from scaffold.report.bench_terminal import render_bench_text

            return render_bench_text(report, width=output.width or _FILE_WIDTH, everything=everything).encode()
        case "markdown":
            from scaffold.report.bench_markdown import render_bench_markdown

            return render_bench_markdown(report).encode()
        case "html":
            from scaffold.report.bench_html import render_bench_html

            return render_bench_html(report).encode()
        case "png":
            from scaffold.report.bench_png import render_bench_png

            return render_bench_png(report)
        case "json":
            from scaffold.report.bench_json import render_bench_json

            return render_bench_json(report)
