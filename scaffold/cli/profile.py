"""``profile``: the key metrics of a kernel by the vendor's profiler, on one side or two."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scaffold.builds.capture import DEFAULT_TIMEOUT_S
from scaffold.builds.gpu import default_target
from scaffold.builds.version import tilelang_version
from scaffold.cli.options import (
    Output,
    Parser,
    add_common,
    add_kernel,
    add_output,
    command_line,
    near,
    output_of,
    positive,
    progress_of,
    write_result,
)
from scaffold.cli.tracing import Session, open_session, refuse_same, settings_of
from scaffold.errors import ExitCode, UsageError
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings, parse_spec
from scaffold.measure.profile.model import ProfileResult
from scaffold.measure.profile.reading import SUFFIXES, is_report
from scaffold.measure.profile.run import Profiled, ProfileOptions, get_ready, profile_sides
from scaffold.measure.profile.told import SideFacts, open_command, profile_report
from scaffold.report.profile_view import ProfileReport
from scaffold.report.terminal import make_console

_FILE_WIDTH = 120
_TOOLS = ("auto", "ncu", "nsys", "rocprofv3")


def run(argv: Sequence[str]) -> int:
    """Run the verb; 5 where one of two sides could not be measured."""
    namespace = _parser().parse_intermixed_args(argv)
    progress = progress_of(namespace)
    output = output_of(namespace)
    namespace.no_machine_code = False
    session = open_session(namespace, progress, ("profile", *argv))
    options = _options(namespace)
    planned = [_planned(namespace, label, text) for label, text in _texts(namespace)]
    ready = get_ready([side.request.target for side, _ in planned if side.request], options)
    sides = _with_builds([side for side, _ in planned], [settings for _, settings in planned], session)
    results = profile_sides(sides, ready, options, workspace=session.workspace, progress=progress)
    facts = [_facts(side, settings, session) for side, (_, settings) in zip(sides, planned, strict=True)]
    report = profile_report(
        _name(namespace, sides),
        list(zip(facts, results, strict=True)),
        command=command_line("profile", *argv),
        next_command=_next(namespace, sides),
    )
    if namespace.open:
        report = replace(report, notes=(*report.notes, *_openings(results, facts)))
    _emit(report, output, everything=namespace.all)
    for result, side in zip(results, sides, strict=True):
        if result.report and side.report is None:
            progress.say(f"raw report: {near(Path(result.report))}")
    return int(ExitCode.PROBE if any(result.why_missing for result in results) else ExitCode.OK)


def _parser() -> Parser:
    parser = Parser(
        "profile",
        "Measure a kernel with the vendor's profiler: Nsight Compute or Nsight Systems, rocprofv3 on AMD. "
        "With two SPECs, side by side, with what moved. Reads raw reports made elsewhere, too.",
        example="profile gemm --baseline num_stages=2 --candidate num_stages=3",
    )
    parser.add_argument(
        "kernel",
        nargs="?",
        help=f"a zoo kernel (gemm), path/to/file.py::function, or a raw report ({', '.join(SUFFIXES)}, a folder)",
    )
    group = parser.add_argument_group(
        "two sides", "SPEC is a comma list of build=…, target=…, param=value, pass.config=value"
    )
    group.add_argument("--baseline", metavar="SPEC", help="or a raw report")
    group.add_argument("--candidate", metavar="SPEC", help="or a raw report")
    group = parser.add_argument_group("how it is measured")
    group.add_argument("--tool", choices=_TOOLS, default="auto", help="default: the one that tells most of those here")
    group.add_argument("--launches", metavar="N", type=positive, default=3, help="under the profiler (default: 3)")
    group.add_argument("--only", metavar="REGEX", default="", help="kernel functions whose names match")
    group.add_argument("--open", action="store_true", help="say how to open the raw reports")
    group.add_argument("--all", action="store_true", help="all advice, lines, stalls and kernels")
    add_kernel(parser)
    add_output(parser, ("terminal", "markdown", "json"))
    add_common(parser)
    return parser


def _options(namespace: argparse.Namespace) -> ProfileOptions:
    return ProfileOptions(
        tool=namespace.tool,
        launches=namespace.launches,
        only=namespace.only,
        timeout_s=namespace.timeout or DEFAULT_TIMEOUT_S,
    )


def _with_builds(sides: Sequence[Profiled], settings: Sequence[Settings], session: Session) -> list[Profiled]:
    """The sides with their builds made."""
    made = [
        replace(side, build=session.store.get(one.build)) if side.request else side
        for side, one in zip(sides, settings, strict=True)
    ]
    builds = [side.build for side in made if side.build]
    if len(builds) == 2:
        refuse_same(builds[0], builds[1], session.workspace)
    return made


def _facts(side: Profiled, settings: Settings, session: Session) -> SideFacts:
    """A side as its reader knows it."""
    if side.build is None or side.request is None:
        return SideFacts(side.label, build=near(side.report) if side.report else "")
    version = tilelang_version(side.build, session.workspace)
    said = {**settings.parameters, **settings.pass_configs}
    settings_text = ", ".join(f"{key}={value}" for key, value in said.items())
    return SideFacts(side.label, side.build.name, version, settings_text, side.request.target)


def _texts(namespace: argparse.Namespace) -> list[tuple[str, str | None]]:
    """Labels and SPECs: one side, or two where a SPEC was given."""
    if namespace.baseline is None and namespace.candidate is None:
        return [("profiled", None)]
    return [("baseline", namespace.baseline), ("candidate", namespace.candidate)]


def _planned(namespace: argparse.Namespace, label: str, text: str | None) -> tuple[Profiled, Settings]:
    common = settings_of(namespace)
    word = text if text is not None and is_report(text) else namespace.kernel if text is None else None
    if word is not None and is_report(word):
        if common.describe():
            raise UsageError(
                f"{word} is measured already; {common.describe()} cannot change it",
                hint="name the kernel instead of the report",
            )
        return Profiled(label, report=Path(word)), Settings()
    if not namespace.kernel or is_report(namespace.kernel):
        raise UsageError(
            "no kernel is named", hint="name one: profile gemm; or two raw reports: --baseline FILE --candidate FILE"
        )
    settings = common.overlaid(parse_spec(text, flag=f"--{label}")) if text else common
    return Profiled(label, resolve(namespace.kernel, settings, default_target=default_target())), settings


def _name(namespace: argparse.Namespace, sides: Sequence[Profiled]) -> str:
    request = next((side.request for side in sides if side.request), None)
    return request.name if request else str(namespace.kernel or namespace.candidate or namespace.baseline)


def _next(namespace: argparse.Namespace, sides: Sequence[Profiled]) -> str:
    """Of two sides: whether one is faster; of one: the same beside another setting; of reports: for a pull request."""
    if not any(side.request for side in sides):
        named = [namespace.kernel] if namespace.kernel else []
        return command_line("profile", *named, *_specs(namespace), "-o", "profile.md")
    words = [namespace.kernel, *(word for item in namespace.set for word in ("--set", item))]
    words += ["--target", namespace.target] if namespace.target else []
    words += ["--build", namespace.build] if namespace.build else []
    if len(sides) == 1:
        return command_line("profile", *words, "--baseline", "num_stages=2", "--candidate", "num_stages=3")
    return command_line("bench", *words, *_specs(namespace))


def _specs(namespace: argparse.Namespace) -> list[str]:
    given = (("--baseline", namespace.baseline), ("--candidate", namespace.candidate))
    return [word for flag, text in given if text is not None for word in (flag, text)]


def _emit(report: ProfileReport, output: Output, *, everything: bool) -> None:
    if output.format == "terminal" and output.path is None and (sys.stdout.isatty() or output.color == "always"):
        from scaffold.report.profile_terminal import print_profile

        print_profile(report, make_console(sys.stdout, color=output.color, width=output.width), everything=everything)
        return
    write_result(output, render(report, output, everything=everything))


def render(report: ProfileReport, output: Output, *, everything: bool = False) -> bytes:
    """The report in one of the forms.

    Raises
    ------
    UsageError
        If the form is none we know.
    """
    match output.format:
        case "terminal":
            from scaffold.report.profile_terminal import render_profile_text

            return render_profile_text(report, width=output.width or _FILE_WIDTH, everything=everything).encode()
        case "markdown":
            from scaffold.report.profile_markdown import render_profile_markdown

            return render_profile_markdown(report).encode()
        case "json":
            from scaffold.report.profile_json import render_profile_json

            return render_profile_json(report)
    raise UsageError(f"a profile has no form {output.format}", hint="say --format terminal, markdown or json")


def _openings(results: Sequence[ProfileResult], facts: Sequence[SideFacts]) -> list[str]:
    """How to open the raw reports."""
    return [
        f"open the raw report of {side.label}: {command}"
        for result, side in zip(results, facts, strict=True)
        if (command := open_command(result))
    ]
