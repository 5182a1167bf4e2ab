"""``tir-diff``: what each pass did to a kernel, and where two lowerings part."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.cli.comparing import compare_sides
from scaffold.cli.many_options import add_many, is_folder, is_script
from scaffold.cli.options import (
    Output,
    Parser,
    add_common,
    add_kernel,
    add_output,
    command_line,
    near,
    output_of,
    progress_of,
    whole_number,
    write_result,
)
from scaffold.cli.pass_links import links_of
from scaffold.cli.tracing import (
    Session,
    Side,
    obtain,
    open_session,
    plan,
    refuse_same,
    settings_of,
    trace_path,
    with_build,
)
from scaffold.diff.footprint import shared_bytes
from scaffold.diff.model import TwoSides
from scaffold.diff.one_side import effects_of
from scaffold.diff.two_sides import compare
from scaffold.errors import (
    ExitCode,
    KernelApiError,
    KernelSourceError,
    NothingCompiledError,
    OversizedKernelError,
    ScaffoldError,
    UnknownPassError,
    UsageError,
)
from scaffold.kernels.resolve import functions_of, is_run_on_stand_ins
from scaffold.kernels.spec import Settings, parse_spec
from scaffold.kernels.target import shared_limit
from scaffold.probe.kernel import KernelBuildError
from scaffold.progress import Progress
from scaffold.report.build import report_one_side, report_two_sides, texts_of
from scaffold.report.links import with_sources
from scaffold.report.terminal import TerminalOptions, make_console, matches, print_report, render_text
from scaffold.report.view import Report, Texts
from scaffold.trace.model import TraceFile
from scaffold.trace.store import SUFFIX

if TYPE_CHECKING:
    from scaffold.cli.corpus import ScriptGaps

#: Width of a report written to a file, in columns.
_FILE_WIDTH = 120


def run(argv: Sequence[str]) -> int:
    """Run the verb; 1 under ``--check`` where the sides differ, 5 where a kernel asked for did not lower."""
    namespace = _parser().parse_intermixed_args(argv)
    progress = progress_of(namespace)
    output = output_of(namespace)
    session = open_session(namespace, progress, ("tir-diff", *argv))
    if not (namespace.kernels or namespace.corpus or _are_two_traces(namespace)):
        raise UsageError("no kernel is named", hint="name one (gemm), a script (path/to/file.py), or say --corpus")
    if _are_many(namespace):
        from scaffold.cli.corpus import FUNCTIONS

        try:
            return _run_many(namespace, session, output)
        except NothingCompiledError as nothing:
            is_one = len(namespace.kernels) == 1 and is_script(namespace.kernels[0])
            if namespace.corpus or not is_one or set(nothing.context) - {FUNCTIONS}:
                raise
            named = _only_function(namespace, nothing)
            progress.say(f"{namespace.kernels[0]} compiles nothing when it is run: lowering its only kernel")
            namespace.kernels = [named]
    try:
        return _run_one(namespace, session, output)
    except KernelSourceError as error:
        return _run_on_stand_ins(namespace, session, output, error)


def _run_many(namespace: argparse.Namespace, session: Session, output: Output) -> int:
    from scaffold.cli.corpus import run_many  # takes a fifth of a second to import, and one kernel does not need it

    return run_many(
        namespace,
        session,
        output,
        show=lambda files, script: _show(session, files, script, namespace, output),
        given=partial(given, namespace),
    )


def _run_on_stand_ins(namespace: argparse.Namespace, session: Session, output: Output, error: KernelSourceError) -> int:
    """See what a function compiles when it is called, where it cannot simply be asked for its kernel.

    Raises
    ------
    KernelSourceError
        ``error``, if that does not help either.
    """
    if "::" not in namespace.kernels[0] or isinstance(error, KernelApiError) or error.raised is None:
        raise error
    try:
        return _run_many(namespace, session, output)
    except NothingCompiledError as nothing:
        # What was asked for is at fault, and not what the file does outside the stand-ins.
        raise (error if error.raised == KernelBuildError.__name__ else nothing) from None


def _are_two_traces(namespace: argparse.Namespace) -> bool:
    """Whether both sides were recorded before, so that no kernel has to be named."""
    return all((text or "").endswith(SUFFIX) for text in (namespace.baseline, namespace.candidate))


def _are_many(namespace: argparse.Namespace) -> bool:
    """Whether this is about several kernels, or a script to be run; a parameter is one of a function of a file."""
    if namespace.corpus or len(namespace.kernels) > 1:
        return True
    if not namespace.kernels:
        return False
    if (
        is_folder(namespace.kernels[0])
        or is_run_on_stand_ins(namespace.kernels[0])
        or namespace.init
        or namespace.input
    ):
        return True
    if not is_script(namespace.kernels[0]):
        return False
    sides = (("--baseline", namespace.baseline), ("--candidate", namespace.candidate))
    specs = [parse_spec(text, flag=flag) for flag, text in sides if text and not text.endswith(SUFFIX)]
    return not any(settings.parameters for settings in (settings_of(namespace), *specs))


def _only_function(namespace: argparse.Namespace, nothing: NothingCompiledError) -> str:
    """``file.py::name`` of the one function of the file that looks like a kernel; raises ``nothing`` without one."""
    path = namespace.kernels[0]
    if len(functions_of(Path(path))) > 1:
        raise nothing
    try:
        side = plan(path, settings_of(namespace))
    except ScaffoldError:
        raise nothing from None
    return f"{path}::{side.request.entry}" if side.request else path


def _run_one(namespace: argparse.Namespace, session: Session, output: Output) -> int:
    progress = session.progress
    settings = _sides_settings(namespace)
    sides = [plan(kernel, one) for kernel, one in settings]
    if namespace.dry_run:
        for side, (_, one) in zip(sides, settings, strict=True):
            _describe(side, one, session)
        return int(ExitCode.OK)
    sides = [with_build(session, side, one) for side, (_, one) in zip(sides, settings, strict=True)]
    if len(sides) == 2 and sides[0].build and sides[1].build:
        refuse_same(sides[0].build, sides[1].build, session.workspace)
    files = obtain(session, sides)
    report, files = _report(session, sides, files, namespace)
    code = _tell(report, files, namespace, session, output)
    for side, file in zip(sides, files, strict=True):
        if side.trace is None:
            progress.say(f"trace: {_shown(session, file)}")
    return code


def _show(
    session: Session, files: list[TraceFile], script: ScriptGaps, namespace: argparse.Namespace, output: Output
) -> int:
    """The report of one kernel of a script, lowered already."""
    if len(files) == 1:
        result = effects_of(files[0], context=namespace.context)
        report = report_one_side(files[0], result, next_command=_next_one(namespace))
    else:
        compared = compare(files[0], files[1], context=namespace.context)
        report = report_two_sides(files[0], files[1], compared, next_command=_next_two(namespace, _position(compared)))
    report = replace(report, incomplete=script.incomplete, skipped=script.skipped)
    return _tell(report, files, namespace, session, output)


def _tell(
    report: Report, files: Sequence[TraceFile], namespace: argparse.Namespace, session: Session, output: Output
) -> int:
    report = with_sources(report, links_of(files, session.workspace, session.progress))
    _check_passes(report, namespace.passes)
    _emit(report, texts_of(*files), output, namespace, session.progress)
    return _exit_code(report, files, check=namespace.check)


def _parser() -> Parser:
    parser = Parser(
        "tir-diff",
        "Show what each pass did to a kernel; with two SPECs, which pass makes the two lowerings part, and where.",
        example="tir-diff gemm --baseline num_stages=2 --candidate num_stages=3 --target cuda:sm_80",
    )
    parser.add_argument(
        "kernels",
        nargs="*",
        metavar="kernel",
        help="a zoo kernel (gemm), a file or folder (path/to/file.py, notebook.ipynb), one function, class or test of "
        "it (file.py::name), or a .tltrace",
    )
    group = parser.add_argument_group(
        "two sides", "SPEC is a comma list of build=…, target=…, param=value, pass.config=value"
    )
    group.add_argument("--baseline", metavar="SPEC", help="or a recorded .tltrace")
    group.add_argument("--candidate", metavar="SPEC", help="or a recorded .tltrace")
    group.add_argument("--check", action="store_true", help="exit 1 where the sides differ by more than names")
    group = parser.add_argument_group("what is shown")
    group.add_argument("--all", action="store_true", help="also passes that did nothing, or the same on both sides")
    group.add_argument("--patch", action="store_true", help="the changes of every pass shown")
    group.add_argument(
        "--pass", dest="passes", metavar="NAME", action="append", default=[], help="this pass only: 19 or LowerTileOp"
    )
    group.add_argument("--side-by-side", action="store_true", help="before and after in two columns")
    group.add_argument(
        "--context", metavar="N", type=whole_number, default=3, help="equal lines around a change (default: 3)"
    )
    add_many(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would be compiled, and stop")
    add_kernel(parser)
    add_output(parser)
    add_common(parser)
    return parser


def _sides_settings(namespace: argparse.Namespace) -> list[tuple[str, Settings]]:
    """The kernel and settings of each side: one, or two where a SPEC was given."""
    common = settings_of(namespace)
    if namespace.baseline is None and namespace.candidate is None:
        if namespace.check:
            raise UsageError("--check compares two sides", hint="add --baseline SPEC or --candidate SPEC")
        return [(namespace.kernels[0], common)]
    sides = []
    for flag, text in (("--baseline", namespace.baseline), ("--candidate", namespace.candidate)):
        if text is not None and text.endswith(SUFFIX):
            sides.append((text, Settings()))
        else:
            sides.append((namespace.kernels[0], common.overlaid(parse_spec(text or "", flag=flag))))
    return sides


def _describe(side: Side, settings: Settings, session: Session) -> None:
    if side.trace is not None:
        session.progress.say(f"would read {side.trace}")
    elif side.request is not None:
        parameters = " ".join(f"{key}={value}" for key, value in side.request.parameters.items())
        build = settings.build or "the newest wheel"
        session.progress.say(f"would lower {side.request.source} for {side.request.target} with {build}: {parameters}")


def _report(
    session: Session, sides: Sequence[Side], files: list[TraceFile], namespace: argparse.Namespace
) -> tuple[Report, list[TraceFile]]:
    """The report, and the lowerings it is of: where TileLang is not deterministic, others than the first."""
    if len(files) == 1:
        result = effects_of(files[0], context=namespace.context)
        return report_one_side(files[0], result, next_command=_next_one(namespace)), files
    compared = compare_sides(session, sides, files, context=namespace.context)
    following = _next_two(namespace, _position(compared.result))
    return report_two_sides(*compared.files, compared.result, next_command=following), list(compared.files)


def _position(result: TwoSides) -> int | None:
    finding = result.telling
    return None if finding is None or finding.position is None else finding.position + 1


def _next_one(namespace: argparse.Namespace) -> str:
    words = ["tir-diff", namespace.kernels[0], *given(namespace)]
    if namespace.passes or namespace.patch:
        return command_line(*words, "-o", "report.html")
    return command_line(*words, "--pass", "LowerTileOp")


def _next_two(namespace: argparse.Namespace, position: int | None) -> str:
    words = ["tir-diff", *namespace.kernels[:1], *given(namespace)]
    if position is None or namespace.passes:
        return command_line(*words, "-o", "report.html")
    return command_line(*words, "--pass", str(position))


#: Options about what is shown of a result: the next command says its own.
_SHOWING = frozenset(
    {"check", "all", "patch", "passes", "side_by_side", "context", "dry_run", "format", "json", "output", "color",
     "quiet", "verbose"}
)  # fmt: skip


def given(namespace: argparse.Namespace, *leave_out: str) -> list[str]:
    """What was given that decides what is compiled, and how: the next command repeats it."""
    return _parser().given(namespace, {*_SHOWING, *leave_out})


def _check_passes(report: Report, wanted: Sequence[str]) -> None:
    """Refuse a ``--pass`` that names none, with the nearest names."""
    import difflib

    names = list(dict.fromkeys(row.name for row in report.passes))
    for name in wanted:
        if any(matches(row, name) for row in report.passes):
            continue
        tails = {item.rpartition(".")[2]: item for item in names}
        near = [tails.get(item, item) for item in difflib.get_close_matches(name, [*names, *tails], n=3, cutoff=0.4)]
        meant = f"did you mean {', '.join(dict.fromkeys(near))}?" if near else "see the names with --all"
        raise UnknownPassError(f"no pass {name!r} ran ({len(report.passes)} did)", hint=meant)


def _emit(report: Report, texts: Texts, output: Output, namespace: argparse.Namespace, progress: Progress) -> None:
    options = TerminalOptions(
        all_rows=namespace.all,
        patch=namespace.patch,
        side_by_side=namespace.side_by_side,
        passes=tuple(namespace.passes),
    )
    if output.format == "terminal" and output.path is None and (sys.stdout.isatty() or output.color == "always"):
        print_report(report, make_console(sys.stdout, color=output.color, width=output.width), options)
        return
    with progress.step(f"writing {output.format}"):
        data = render(report, texts, output.format, options, width=output.width or _FILE_WIDTH)
    write_result(output, data)
    if output.path is None:
        return
    progress.say(report.verdict.headline)
    progress.say(f"wrote {output.path} ({len(data) / 1000:.0f} KB)")


def render(report: Report, texts: Texts, form: str, options: TerminalOptions, *, width: int) -> bytes:
    """The report in one of the forms.

    Raises
    ------
    UsageError
        If the form is none we know.
    """
    if form == "terminal":
        return render_text(report, options, width=width).encode()
    if form == "html":
        from scaffold.report.html import render_html

        return render_html(report, texts).encode()
    if form == "markdown":
        from scaffold.report.markdown import render_markdown

        return render_markdown(report).encode()
    if form == "json":
        from scaffold.report.json import render_json

        return render_json(report)
    if form == "png":
        from scaffold.report.png import render_png

        return render_png(report, options.passes)
    raise UsageError(f"unknown format {form!r}")


def _shown(session: Session, file: TraceFile) -> str:
    return near(trace_path(session.workspace, file))


def _exit_code(report: Report, files: Sequence[TraceFile], *, check: bool) -> int:
    for file in files:
        _check_fits(file)
    if check and report.verdict.outcome == "differs":
        return int(ExitCode.FINDING)
    return int(ExitCode.PROBE if any(file.trace.failure for file in files) else ExitCode.OK)


def _check_fits(file: TraceFile) -> None:
    """Refuse a kernel whose shared memory no block of the target has; said after the report, which shows where."""
    kernel = file.trace.kernel
    limit = shared_limit(kernel.target)
    used = shared_bytes(file)
    if limit is None or used is None or used <= limit:
        return
    knobs = [name for name in kernel.parameters if name.startswith(("block_", "num_stages"))]
    raise OversizedKernelError(
        f"{kernel.name} needs {used:,} bytes of shared memory a block; {kernel.target} has {limit:,}",
        hint=f"make it smaller with --set: {', '.join(knobs)}" if knobs else "use smaller tiles or fewer stages",
    )
