"""``builds``: the TileLang builds of this workspace."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec
from rich.text import Text

from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.cli.options import Parser, add_common, add_output, command_line, output_of, progress_of, write_result
from scaffold.errors import ExitCode
from scaffold.report.terminal import make_console


def run(argv: Sequence[str]) -> int:
    """List the builds, or make one."""
    parser = Parser(
        "builds", "List the TileLang builds of this workspace, or add one.", example="builds add wheel:0.1.13"
    )
    parser.add_argument("action", nargs="?", choices=("list", "add"), default="list")
    parser.add_argument("names", nargs="*", metavar="NAME", help="wheel:0.1.13, wheel:latest")
    parser.add_argument("--torch", metavar="T", help="PyTorch of a new build: auto, cpu, or a pip requirement")
    add_output(parser, ("terminal", "json"))
    add_common(parser)
    namespace = parser.parse_args(argv)
    if (namespace.action == "add") != bool(namespace.names):
        parser.error("'builds add' takes the names of builds, 'builds list' takes none")
    output = output_of(namespace)
    store = BuildStore(Workspace.at(namespace.workspace), progress_of(namespace), torch=namespace.torch)
    builds = [store.get(name) for name in namespace.names] if namespace.names else store.installed()
    if output.format == "json":
        write_result(output, msgspec.json.format(msgspec.json.encode(builds), indent=1) + b"\n")
        return int(ExitCode.OK)
    console = make_console(sys.stdout, color=output.color, width=output.width)
    for build in builds:
        console.print(Text(f"{build.name:16} {build.python}"), soft_wrap=True)
    if not builds:
        console.print(Text(f"no builds in {store.workspace.builds}"), soft_wrap=True)
    following = ("tir-diff", "gemm", "--build", builds[-1].name) if builds else ("builds", "add", "wheel:latest")
    console.print(Text(f"next: {command_line(*following)}", style="bold"), soft_wrap=True)
    return int(ExitCode.OK)
