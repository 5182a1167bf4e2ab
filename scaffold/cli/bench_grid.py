"""``bench --vary``: every configuration of a grid, and what to compare next."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from scaffold.builds.gpu import default_target
from scaffold.cli.options import Output, command_line, exit_for, write_result
from scaffold.cli.tracing import Session
from scaffold.corpus.gpus import find_gpus
from scaffold.errors import UsageError
from scaffold.kernels.spec import Settings
from scaffold.measure.bench import require_gpus, time_points
from scaffold.measure.cases import Options, Side
from scaffold.measure.sweep import ROUNDS, parse_axes, points_of
from scaffold.probe.arguments import device_of
from scaffold.report.bench_view import BenchSide
from scaffold.report.sweep_text import (
    print_sweep,
    render_sweep_json,
    render_sweep_markdown,
    render_sweep_png,
    render_sweep_text,
)
from scaffold.report.sweep_view import SweepReport
from scaffold.report.terminal import make_console

_FILE_WIDTH = 120


def run_grid(
    namespace: argparse.Namespace,
    settings: Sequence[Settings],
    options: Options,
    session: Session,
    output: Output,
    *,
    side_of: Callable[[], Side],
) -> int:
    """Time a grid of configurations of one kernel; the build is asked of ``side_of`` once all else is known to be good.

    Raises
    ------
    UsageError
        If more than one kernel or side was asked for, or none of the configurations can be built.
    MissingToolError
        If it needs a GPU and there is none.
    """
    if len(namespace.kernels) != 1 or len(settings) != 1 or namespace.regression:
        raise UsageError("--vary takes one kernel, on one side", hint="for example: bench gemm --vary num_stages=2,3,4")
    clock = time.monotonic()
    axes = parse_axes(namespace.vary)
    points = points_of(namespace.kernels[0], settings[0], axes, default_target=default_target())
    if any(point.request and device_of(point.request.target) == "cuda" for point in points):
        require_gpus()
    if not any(point.request for point in points):
        raise UsageError(f"no configuration can be built: {points[0].refused}", hint="vary over other values")
    side = side_of()
    device, configurations = time_points(
        points,
        side,
        options,
        workspace=session.workspace,
        progress=session.progress,
        gpus=find_gpus(namespace.gpus) if namespace.gpus else (),
        jobs=namespace.jobs,
    )
    report = SweepReport(
        kernel=next(point.request.name for point in points if point.request),
        target=next(point.request.target for point in points if point.request),
        axes=axes,
        configurations=tuple(configurations),
        rounds=ROUNDS,
        device=device,
        side=BenchSide(side.label, side.build.name, side.version, side.detail),
        seconds=time.monotonic() - clock,
        command=command_line(*session.argv),
        next_command="",
    )
    report = replace(report, next_command=_next(namespace, report))
    _emit(report, output)
    return exit_for(finding=namespace.check and not report.timed)


def _next(namespace: argparse.Namespace, report: SweepReport) -> str:
    """The defaults beside the fastest, compared as two sides are."""
    if not report.timed:
        return command_line("tir-diff", namespace.kernels[0])
    words = [namespace.kernels[0], *(word for item in namespace.set for word in ("--set", item))]
    words += ["--target", namespace.target] if namespace.target else []
    words += ["--build", namespace.build] if namespace.build else []
    best = ",".join(f"{name}={value}" for name, value in report.timed[0].values.items())
    return command_line("bench", *words, "--candidate", best)


def _emit(report: SweepReport, output: Output) -> None:
    match output.format:
        case "terminal" if output.path is None and (sys.stdout.isatty() or output.color == "always"):
            print_sweep(report, make_console(sys.stdout, color=output.color, width=output.width))
        case "terminal":
            write_result(output, render_sweep_text(report, width=output.width or _FILE_WIDTH).encode())
        case "markdown":
            write_result(output, render_sweep_markdown(report).encode())
        case "json":
            write_result(output, render_sweep_json(report))
        case "png":
            write_result(output, render_sweep_png(report))
        case "html":
            raise UsageError("a grid has no page", hint="say -o grid.png for the heat map, .md or .json")
