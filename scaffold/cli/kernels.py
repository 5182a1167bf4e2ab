"""``kernels``: the zoo, and what one of its kernels takes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from scaffold.builds.gpu import default_target, find_gpu
from scaffold.builds.running import run_kernel
from scaffold.cli.options import (
    Output,
    Parser,
    add_common,
    add_kernel,
    add_output,
    command_line,
    exit_for,
    output_of,
    progress_of,
    write_result,
)
from scaffold.cli.tracing import open_session, settings_of
from scaffold.errors import ExitCode, MissingToolError, UsageError
from scaffold.kernels.catalog import load_zoo_kernel, typed_parameters, zoo_names
from scaffold.kernels.model import ZooKernel
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import parse_assignments
from scaffold.report.terminal import make_console

#: Targets a newcomer meets; the table of the docs has the same.
COMMON_TARGETS = ("cuda:sm_80", "cuda:sm_90a", "cuda:sm_100a", "hip:gfx942", "metal", "c")


def run(argv: Sequence[str]) -> int:
    """List the zoo, or show one kernel with given parameters."""
    parser = Parser("kernels", "List the kernel zoo, or show one kernel.", example="kernels gemm --set K=4096")
    parser.add_argument("kernel", nargs="?", help="show this one")
    parser.add_argument("--run", action="store_true", help="run it here and compare with its reference; 1 if wrong")
    add_kernel(parser)
    add_output(parser, ("terminal", "json"))
    add_common(parser)
    namespace = parser.parse_args(argv)
    output = output_of(namespace)
    if namespace.run:
        return _run_one(namespace, output)
    names = [namespace.kernel] if namespace.kernel else zoo_names()
    assignments = parse_assignments(namespace.set, flag="--set").parameters
    facts = [describe(load_zoo_kernel(name), assignments if namespace.kernel else {}) for name in names]
    if output.format == "json":
        document = facts[0] if namespace.kernel else facts
        write_result(output, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
        return int(ExitCode.OK)
    console = make_console(sys.stdout, color=output.color, width=output.width)
    if namespace.kernel:
        _show_one(facts[0], console)
    else:
        _show_all(facts, console)
    return int(ExitCode.OK)


def _run_one(namespace: argparse.Namespace, output: Output) -> int:
    """Run one kernel against its reference."""
    if not namespace.kernel:
        raise UsageError("--run takes one kernel", hint="for example: kernels cpu_gemm --run")
    load_zoo_kernel(namespace.kernel)
    progress = progress_of(namespace)
    settings = settings_of(namespace)
    request = resolve(namespace.kernel, settings, default_target=default_target())
    if request.target.startswith(("cuda:", "hip:")) and find_gpu() is None:
        raise MissingToolError(
            f"{request.name} runs on {request.target}, and there is no GPU here", hint="try: kernels cpu_gemm --run"
        )
    session = open_session(namespace, progress, ())
    build = session.store.get(settings.build)
    result = run_kernel(
        request, build, workspace=session.workspace, progress=progress, timeout_s=session.options.timeout_s
    )
    if output.format == "json":
        write_result(output, msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
        return exit_for(finding=not result.passed)
    console = make_console(sys.stdout, color=output.color, width=output.width)
    verdict = "right" if result.passed else "WRONG"
    console.print(Text(f"{request.name} for {request.target} on {result.device}: {verdict}", style="bold"))
    for item in result.outputs:
        error = "no number" if item.relative_error is None else f"relative error {item.relative_error:.2e}"
        reason = f", {item.reason}" if item.reason else ""
        console.print(Text(f"  {item.name}: {error}, at most {result.tolerance:.0e} is right{reason}"))
    console.print(Text(f"next: {command_line('tir-diff', request.name, '--target', request.target)}", style="bold"))
    return exit_for(finding=not result.passed)


def describe(kernel: ZooKernel, assignments: Mapping[str, str]) -> dict[str, Any]:
    """Everything a kernel says of itself, for given parameters; ``flops`` and ``bytes`` are of one launch."""
    parameters = typed_parameters(kernel, assignments)
    flops, moved = kernel.flops(parameters), kernel.bytes(parameters)
    return {
        "name": kernel.name,
        "summary": kernel.summary,
        "parameters": [
            {"name": p.name, "type": p.type.__name__, "value": parameters[p.name], "default": p.default, "doc": p.doc}
            for p in kernel.parameters
        ],
        "tensors": [
            {"name": t.name, "role": t.role, "shape": list(t.shape), "dtype": t.dtype}
            for t in kernel.tensors(parameters)
        ],
        "relative_tolerance": kernel.tolerance.relative,
        "flops": flops,
        "bytes": moved,
        "flops_per_byte": round(flops / moved, 2) if moved else None,
        "default_target": kernel.default_target,
        "unsupported": {t: reason for t in COMMON_TARGETS if (reason := kernel.unsupported(t)) is not None},
    }


def _show_all(facts: Sequence[Mapping[str, Any]], console: Any) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, justify in (("kernel", "left"), ("what it computes", "left"), ("MFLOP", "right"), ("MB", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for fact in facts:
        flops, moved = fact["flops"] / 1e6, fact["bytes"] / 1e6
        table.add_row(fact["name"], fact["summary"], f"{flops:,.1f}", f"{moved:,.1f}")
    console.print(table)
    console.print()
    console.print(Text(f"next: {command_line('kernels', 'gemm')}", style="bold"))


def _show_one(fact: Mapping[str, Any], console: Any) -> None:
    console.print(Text(f"{fact['name']}: {fact['summary']}", style="bold"))
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("parameter", "type", "value", "meaning"):
        table.add_column(column)
    for parameter in fact["parameters"]:
        changed = "" if parameter["value"] == parameter["default"] else f" (default {parameter['default']})"
        table.add_row(parameter["name"], parameter["type"], f"{parameter['value']}{changed}", parameter["doc"])
    console.print(table)
    console.print()
    for tensor in fact["tensors"]:
        shape = ", ".join(map(str, tensor["shape"]))
        console.print(Text(f"{tensor['role']:7}{tensor['name']}: {tensor['dtype']}[{shape}]"))
    intensity = f", {fact['flops_per_byte']:,} FLOP a byte" if fact["flops_per_byte"] is not None else ""
    console.print()
    console.print(Text(f"{fact['flops']:,} FLOP, {fact['bytes']:,} bytes{intensity}"))
    console.print(Text(f"right when norm(out - reference) / norm(reference) <= {fact['relative_tolerance']}"))
    for target, reason in fact["unsupported"].items():
        console.print(Text(f"not for {target}: {reason}"))
    console.print()
    console.print(Text(f"next: {command_line('tir-diff', fact['name'])}", style="bold"))
