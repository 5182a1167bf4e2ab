"""``builds``: the TileLang builds of this workspace."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec
from rich.text import Text

from scaffold.builds.attestation import Attestation, libraries_words, read_attestation
from scaffold.builds.build import Build
from scaffold.builds.names import parse_name
from scaffold.builds.prove import prove
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.cli.attested import print_attestation
from scaffold.cli.options import (
    Output,
    Parser,
    add_common,
    add_output,
    command_line,
    output_of,
    progress_of,
    write_result,
)
from scaffold.cli.source_options import add_source_options, source_options
from scaffold.errors import ExitCode, UnknownBuildError
from scaffold.progress import Progress
from scaffold.report.terminal import make_console


def run(argv: Sequence[str]) -> int:
    """List the builds, make some, show one, or remove some."""
    parser = Parser(
        "builds",
        "List the TileLang builds of this workspace, add or remove some, or show what one is made of.",
        example="builds add wheel:0.1.13",
    )
    parser.add_argument("action", nargs="?", choices=("list", "add", "show", "remove"), default="list")
    parser.add_argument("names", nargs="*", metavar="NAME", help="wheel:0.1.13, sdist:0.1.14, git:main, worktree:DIR")
    add_source_options(parser)
    add_output(parser, ("terminal", "json"))
    add_common(parser)
    namespace = parser.parse_args(argv)
    if (namespace.action == "list") == bool(namespace.names):
        parser.error(f"'builds {namespace.action}' takes {'no names' if namespace.names else 'the names of builds'}")
    output, progress = output_of(namespace), progress_of(namespace)
    if output.path is not None and output.format != "json":
        parser.error("-o takes a .json file here")
    workspace = Workspace.at(namespace.workspace)
    options = source_options(namespace) if namespace.action == "add" else None
    store = BuildStore(workspace, progress, torch=namespace.torch, options=options)
    if namespace.action == "remove":
        return _remove(store, namespace.names, output)
    if namespace.action == "show":
        return _show([_found(store, name) for name in namespace.names], workspace, progress, output)
    return _list([store.get(name) for name in namespace.names] or store.installed(), store, output)


def _found(store: BuildStore, name: str) -> Build:
    """The build, which must be here: to show one is no reason to make it for minutes.

    Raises
    ------
    UnknownBuildError
        If it is not.
    """
    build = store.find(name)
    if build is None:
        raise not_here(name, store.workspace, store.installed())
    return build


def not_here(name: str, workspace: Workspace, installed: Sequence[Build]) -> UnknownBuildError:
    """What to say of a build that a verb only looks at, and would not make."""
    here = ", ".join(build.name for build in installed) or "none"
    hint = f"make it: {command_line('builds', 'add', name)}; builds here: {here}"
    return UnknownBuildError(f"{name} is not in {workspace.builds}", hint=hint)


def attestation_of(build: Build, workspace: Workspace, progress: Progress) -> Attestation:
    """The build's attestation; made now if there is none, and each time for one that is the user's to change."""
    theirs = parse_name(build.name).kind in ("path", "python")
    kept = None if theirs else read_attestation(workspace, build.name)
    return kept or prove(build, workspace=workspace, progress=progress)


def _list(builds: list[Build], store: BuildStore, output: Output) -> int:
    if output.format == "json":
        write_result(output, msgspec.json.format(msgspec.json.encode(builds), indent=1) + b"\n")
        return int(ExitCode.OK)
    console = make_console(sys.stdout, color=output.color, width=output.width)
    width = max((len(build.name) for build in builds), default=0) + 2
    for build in builds:
        attestation = read_attestation(store.workspace, build.name)
        origin = attestation.libraries_of if attestation else ""
        words = f" ({libraries_words(origin)})" if origin else ""
        console.print(Text(f"{build.name:{width}} {build.python}{words}"), soft_wrap=True)
    if not builds:
        console.print(Text(f"no builds in {store.workspace.builds}"), soft_wrap=True)
    following = ("tir-diff", "gemm", "--build", builds[-1].name) if builds else ("builds", "add", "wheel:latest")
    console.print(Text(f"next: {command_line(*following)}", style="bold"), soft_wrap=True)
    return int(ExitCode.OK)


def _show(builds: list[Build], workspace: Workspace, progress: Progress, output: Output) -> int:
    attestations = [attestation_of(build, workspace, progress) for build in builds]
    if output.format == "json":
        write_result(output, msgspec.json.format(msgspec.json.encode(attestations), indent=1) + b"\n")
        return int(ExitCode.OK)
    console = make_console(sys.stdout, color=output.color, width=output.width)
    for attestation in attestations:
        print_attestation(console, attestation)
    following = command_line("tir-diff", "gemm", "--build", builds[-1].name)
    console.print(Text(f"next: {following}", style="bold"), soft_wrap=True)
    return int(ExitCode.OK)


def _remove(store: BuildStore, names: Sequence[str], output: Output) -> int:
    removed = [str(store.remove(name)) for name in names]
    if output.format == "json":
        write_result(output, msgspec.json.encode(removed) + b"\n")
        return int(ExitCode.OK)
    console = make_console(sys.stdout, color=output.color, width=output.width)
    for folder in removed:
        console.print(Text(f"removed {folder}"), soft_wrap=True)
    console.print(Text(f"next: {command_line('builds', 'list')}", style="bold"), soft_wrap=True)
    return int(ExitCode.OK)
