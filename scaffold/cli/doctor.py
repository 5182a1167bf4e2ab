"""``doctor``: what this machine has and lacks, and what to type."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scaffold.builds.asking import end_questions
from scaffold.builds.build import Build
from scaffold.builds.doctor.examine import examine
from scaffold.builds.doctor.facts import Subject
from scaffold.builds.doctor.model import STEPS, Diagnosis, Row, Step
from scaffold.builds.given import virtual_environment
from scaffold.builds.names import parse_name
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.cli.builds import not_here
from scaffold.cli.options import (
    Parser,
    add_common,
    add_output,
    as_run,
    command_line,
    output_of,
    progress_of,
    write_result,
)
from scaffold.errors import ExitCode
from scaffold.progress import Progress
from scaffold.report.terminal import make_console

#: 1: first.
SCHEMA_VERSION = 1

_SYMBOL = {"ok": "=", "warning": "!", "missing": "x", "absent": "·"}
_BEGINS: dict[Step, tuple[str, ...]] = {
    "lower": ("tir-diff", "gemm"),
    "run": ("kernels", "gemm", "--run"),
    "source": ("setup",),
}
_WORD = {"ok": "ok", "warning": "warning", "missing": "missing", "absent": "-"}
_STATUS_WIDTH = len("! warning")
_STYLE = {"ok": "green", "warning": "yellow", "missing": "bold red", "absent": "dim"}


def run(argv: Sequence[str]) -> int:
    """Look, print the table; exit 3 only where the step lacks something."""
    parser = Parser("doctor", "Say what this machine has, what it lacks, and what to type.", example="doctor")
    parser.add_argument(
        "--for",
        dest="step",
        choices=STEPS,
        help="what comes next: lower kernels, run them on a GPU, build from source "
        "(default: run with a GPU, else lower); exit 3 where that lacks something",
    )
    parser.add_argument("--build", metavar="NAME", help="the build to import (default: the newest of the workspace)")
    parser.add_argument("--offline", action="store_true", help="ask no server")
    add_output(parser, ("terminal", "json"))
    add_common(parser)
    namespace = parser.parse_args(argv)
    output = output_of(namespace)
    progress = progress_of(namespace)
    workspace = Workspace.at(namespace.workspace)
    subject = Subject(workspace, _build(workspace, namespace.build), namespace.offline, Path.cwd(), dict(os.environ))
    try:
        with progress.step("looking at this machine"):
            diagnosis = examine(subject, namespace.step)
    finally:
        end_questions()
    if output.format == "json":
        write_result(output, msgspec.json.format(msgspec.json.encode(_document(diagnosis)), indent=1) + b"\n")
    elif output.path is not None or (not sys.stdout.isatty() and output.color != "always"):
        write_result(output, render(diagnosis, workspace, width=output.width or 120).encode())
    else:
        print_diagnosis(diagnosis, make_console(sys.stdout, color=output.color, width=output.width), workspace)
    return int(ExitCode.OK if diagnosis.ready else ExitCode.ENVIRONMENT)


def _build(workspace: Workspace, name: str | None) -> Build | None:
    """The build called ``name``, which must be there already; without a name, the one other verbs would take.

    Raises
    ------
    UnknownBuildError
        If it is not in the workspace.
    """
    store = BuildStore(workspace, Progress(verbosity=-1))
    installed = _installed(store)
    if name is None:
        return store.preferred() if installed else None
    if parse_name(name).kind == "python":
        return store.get(name)
    found = next((build for build in installed if build.name == name), None)
    if found is None and parse_name(name).kind == "path":
        found = virtual_environment(parse_name(name))
    if found is None:
        raise not_here(name, workspace, installed)
    return found


def _installed(store: BuildStore) -> list[Build]:
    """Builds of the workspace; none where it cannot be read, which the row of the disk says."""
    try:
        return store.installed()
    except OSError:
        return []


def _document(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "headline": diagnosis.headline,
        "for": diagnosis.step,
        "because": diagnosis.because,
        "ready": {step: not diagnosis.lacks(step) for step in STEPS},
        "lacks": {step: list(diagnosis.lacks(step)) for step in STEPS},
        "next": next_command(diagnosis),
        "probes": [{"group": group, **asdict(row)} for group, rows in diagnosis.groups for row in rows],
    }


def next_command(diagnosis: Diagnosis) -> str:
    """What to type next: what mends the step, else what begins it."""
    blocking = [row.fix for row in diagnosis.fixes if row.stops(diagnosis.step)]
    if blocking:
        return as_run(blocking[0])
    # What nothing typed can mend (no GPU) leaves what can be done all the same.
    step = diagnosis.step if diagnosis.ready else "lower"
    no_git_host = any(row.name == "Git host" and row.status == "warning" for row in diagnosis.rows)
    options = ("--source", "sdist:latest") if step == "source" and no_git_host else ()
    return command_line(*_BEGINS[step], *options)


def print_diagnosis(diagnosis: Diagnosis, console: Console, workspace: Workspace) -> None:
    """The answer, the table, what to type."""
    symbol, style = ("=", "bold green") if diagnosis.ready else ("x", "bold red")
    console.print(Text(f"{symbol} {diagnosis.headline} (judged: {diagnosis.step})", style=style), soft_wrap=True)
    if diagnosis.because:
        others = " or ".join(f"--for {step}" for step in STEPS if step != diagnosis.step)
        said = f"  judged for '{diagnosis.step}', since {diagnosis.because}; {others} asks for another"
        console.print(Text(said, style="dim"), soft_wrap=True)
    name_width = max(len(row.name) for row in diagnosis.rows)
    for group, rows in diagnosis.groups:
        console.print()
        console.print(Text(group, style="bold"))
        table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
        table.add_column(width=_STATUS_WIDTH, no_wrap=True)
        table.add_column(width=name_width, no_wrap=True)
        table.add_column(overflow="fold")
        for row in rows:
            table.add_row(*_cells(row, diagnosis, workspace))
        console.print(table)
    _print_fixes(diagnosis, console, name_width)
    console.print()
    console.print(Text(f"next: {next_command(diagnosis)}", style="bold"), soft_wrap=True)


def _cells(row: Row, diagnosis: Diagnosis, workspace: Workspace) -> tuple[Text, Text, Text]:
    """What only another step lacks is no alarm."""
    calm = row.status == "absent" or (row.status == "missing" and not row.stops(diagnosis.step))
    symbol = _SYMBOL["absent"] if calm else _SYMBOL[row.status]
    status = Text(f"{symbol} {_WORD[row.status]}", style="dim" if calm else _STYLE[row.status])
    found = shortened(row.found, workspace.root)
    return status, Text(row.name, style="dim" if calm else ""), Text(found, style="dim" if calm else "")


def shortened(text: str, workspace: Path) -> str:
    """Paths as one would say them: from the workspace, from the home folder."""
    text = text.replace(f"{workspace}{os.sep}", "")
    home = os.environ.get("HOME", "").rstrip(os.sep)
    return re.sub(rf"(?<![^\s(:=]){re.escape(home)}(?={re.escape(os.sep)})", "~", text) if home else text


def _print_fixes(diagnosis: Diagnosis, console: Console, name_width: int) -> None:
    """One command a line, never wrapped, so that it can be pasted."""
    if not diagnosis.fixes:
        return
    console.print()
    console.print(Text("what mends it", style="bold"))
    for row in diagnosis.fixes:
        stops = row.stops(diagnosis.step)
        symbol = _SYMBOL["absent"] if row.status == "missing" and not stops else _SYMBOL[row.status]
        line = Text(f"{symbol} {row.name:{name_width}} ", style="bold red" if stops else "yellow")
        line.append(as_run(row.fix), style="default")
        console.print(line, soft_wrap=True)


def render(diagnosis: Diagnosis, workspace: Workspace, *, width: int) -> str:
    """The table as plain lines, for a file or a pipe."""
    stream = io.StringIO()
    print_diagnosis(diagnosis, make_console(stream, color="never", width=width), workspace)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())
