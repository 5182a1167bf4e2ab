"""``kernels``: the zoo, and what one of its kernels takes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from scaffold.cli.options import Parser, add_common, add_output, command_line, output_of
from scaffold.errors import ExitCode
from scaffold.kernels.catalog import load_zoo_kernel, typed_parameters, zoo_names
from scaffold.kernels.model import ZooKernel
from scaffold.kernels.spec import parse_assignments
from scaffold.report.terminal import make_console
from scaffold.trace.store import write_atomically

#: Targets a newcomer meets; the table of the docs has the same.
COMMON_TARGETS = ("cuda:sm_80", "cuda:sm_90a", "cuda:sm_100a", "hip:gfx942", "metal", "c")


def run(argv: Sequence[str]) -> int:
    """List the zoo, or show one kernel with given parameters."""
    parser = Parser("kernels", "List the kernel zoo, or show one kernel.", example="kernels gemm --set K=4096")
    parser.add_argument("kernel", nargs="?", help="show this one")
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="a parameter, to see what follows")
    add_output(parser, ("terminal", "json"))
    add_common(parser)
    namespace = parser.parse_args(argv)
    output = output_of(namespace)
    names = [namespace.kernel] if namespace.kernel else zoo_names()
    assignments = parse_assignments(namespace.set, flag="--set").parameters
    facts = [describe(load_zoo_kernel(name), assignments if namespace.kernel else {}) for name in names]
    if output.format == "json":
        document = facts[0] if namespace.kernel else facts
        data = msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
        if output.path is not None:
            write_atomically(output.path, data)
        else:
            sys.stdout.write(data.decode())
        return int(ExitCode.OK)
    console = make_console(sys.stdout, color=output.color, width=output.width)
    if namespace.kernel:
        _show_one(facts[0], console)
    else:
        _show_all(facts, console)
    return int(ExitCode.OK)


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
