"""``explain``: one kernel on two sides, from the pass that parts them to the time they take."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scaffold.builds.gpu import default_target
from scaffold.builds.workspace import Workspace
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
    write_result,
)
from scaffold.errors import ExitCode, UsageError
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import parse_spec
from scaffold.measure.explain import (
    code_link,
    headline_of,
    metric_link,
    pass_link,
    time_link,
)
from scaffold.report.bench_html import render_bench_html
from scaffold.report.bench_json import parse_bench_json
from scaffold.report.explain_text import (
    print_explanation,
    render_explanation_html,
    render_explanation_json,
    render_explanation_markdown,
    render_explanation_text,
)
from scaffold.report.explain_view import Explanation
from scaffold.report.terminal import make_console
from scaffold.verbs import Said, ask_verb, run_verb

_FILE_WIDTH = 120


def run(argv: Sequence[str]) -> int:
    """Run the verb; 5 where not even the passes could be compared."""
    namespace = _parser().parse_args(argv)
    progress = progress_of(namespace)
    output = output_of(namespace)
    if namespace.baseline is None and namespace.candidate is None:
        raise UsageError(
            "explain compares two sides",
            hint="for example: explain gemm --baseline num_stages=2 --candidate num_stages=3",
        )
    for flag, text in (("--baseline", namespace.baseline), ("--candidate", namespace.candidate)):
        settings = parse_spec(text or "", flag=flag)
        resolve(
            namespace.kernel,
            replace(settings, target=settings.target or namespace.target),
            default_target=default_target(),
        )
    folder = _folder(namespace)
    words = _words(namespace)
    passes = ask_verb("tir-diff", words, folder, progress)
    if not passes.missing:
        run_verb(["tir-diff", *words, "-q", "-o", str(folder / "tir-diff.html")])
    speed = Said(missing="--no-bench") if namespace.no_bench else ask_verb("bench", words, folder, progress)
    metrics = Said(missing="--no-profile") if namespace.no_profile else ask_verb("profile", words, folder, progress)
    if not speed.missing:
        page = render_bench_html(parse_bench_json(speed.document))
        (folder / "bench.html").write_text(page, encoding="utf-8")
    links = (
        pass_link(passes, _there(folder, "tir-diff.html", "tir-diff.json")),
        code_link(speed),
        metric_link(metrics, _there(folder, "profile.json")),
        time_link(speed, _there(folder, "bench.html", "bench.json")),
    )
    explanation = Explanation(
        kernel=namespace.kernel,
        headline=headline_of(namespace.kernel, links),
        sides=(namespace.baseline or "as it is", namespace.candidate or "as it is"),
        links=links,
        folder=near(folder),
        command=command_line("explain", *argv),
        next_command=command_line("tir-diff", *words, "-o", "report.html"),
    )
    (folder / "index.html").write_text(render_explanation_html(explanation), encoding="utf-8")
    _emit(explanation, output, folder)
    progress.say(f"page: {near(folder / 'index.html')}")
    return int(ExitCode.PROBE if passes.missing else ExitCode.OK)


def _parser() -> Parser:
    parser = Parser(
        "explain",
        "One kernel on two sides: the pass that parts them, what it made of the code, what the hardware did, the time.",
        example="explain gemm --baseline num_stages=2 --candidate num_stages=3",
    )
    parser.add_argument("kernel", help="a zoo kernel (gemm), or path/to/file.py::function")
    group = parser.add_argument_group("two sides", "SPEC is a comma list of build=…, param=value, pass.config=value")
    group.add_argument("--baseline", metavar="SPEC")
    group.add_argument("--candidate", metavar="SPEC")
    group.add_argument("--no-bench", action="store_true", help="without timing")
    group.add_argument("--no-profile", action="store_true", help="without a profiler")
    add_kernel(parser)
    add_output(parser, ("terminal", "html", "markdown", "json"))
    add_common(parser)
    return parser


def _words(namespace: argparse.Namespace) -> list[str]:
    """What every verb is told."""
    words = [namespace.kernel]
    for flag in ("baseline", "candidate", "target", "build", "torch", "timeout", "workspace"):
        value = getattr(namespace, flag)
        words += [f"--{flag}", str(value)] if value is not None else []
    return words + [word for item in namespace.set for word in ("--set", item)]


def _there(folder: Path, *names: str) -> list[str]:
    return [name for name in names if (folder / name).is_file()]


def _folder(namespace: argparse.Namespace) -> Path:
    workspace = Workspace.at(namespace.workspace)
    words = [namespace.kernel, namespace.baseline or "", namespace.candidate or "", namespace.target or ""]
    name = "-".join(filter(None, (re.sub(r"[^\w.=]+", "-", word).strip("-") for word in words)))
    return workspace.folder(workspace.root / "explained" / name[:120])


def _emit(explanation: Explanation, output: Output, folder: Path) -> None:
    match output.format:
        case "terminal" if output.path is None and (sys.stdout.isatty() or output.color == "always"):
            print_explanation(explanation, make_console(sys.stdout, color=output.color, width=output.width))
        case "terminal":
            write_result(output, render_explanation_text(explanation, width=output.width or _FILE_WIDTH).encode())
        case "markdown":
            write_result(output, render_explanation_markdown(explanation).encode())
        case "html":
            page_in = (output.path or Path("page")).resolve().parent
            way = Path(os.path.relpath(folder.resolve(), page_in)).as_posix()
            write_result(output, render_explanation_html(explanation, reports_in=way).encode())
        case "json":
            write_result(output, render_explanation_json(explanation))
        case "png":
            raise UsageError("an explanation has no picture", hint="say -o explained.html, .md or .json")
