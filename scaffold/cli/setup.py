"""``setup``: from a fresh machine to a TileLang that is built, proven and ready to be changed.

Imports only the standard library until it is known that no bundle is to be unpacked: from a bundle it runs before
anything is installed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from scaffold.cli.options import Parser, add_common, command_line, progress_of
from scaffold.errors import ExitCode, UsageError


def run(argv: Sequence[str]) -> int:
    """Get the source, build it, prove it, and say what to type next."""
    if any(argument == "--bundle" or argument.startswith("--bundle=") for argument in argv):
        return _from_bundle(argv)
    return _from_source(argv)


def _from_bundle(argv: Sequence[str]) -> int:
    from scaffold.builds.bundle.unpack import set_up

    parser = Parser("setup --bundle", "Set up from a bundle, without a network.", example="setup --bundle kit.tlbundle")
    parser.add_argument("--bundle", metavar="FILE", required=True, help="what `scaffold bundle` made elsewhere")
    parser.add_argument("--torch", metavar="PATH", help="an interpreter that has PyTorch (default: this one)")
    parser.add_argument("--python", metavar="PATH", help="the interpreter for environments (default: this one)")
    add_common(parser)
    namespace = parser.parse_args(argv)
    progress = progress_of(namespace)
    workspace = Path(namespace.workspace or os.environ.get("SCAFFOLD_WORKSPACE") or "workspace").resolve()
    installed = set_up(
        Path(namespace.bundle), workspace=workspace, torch=namespace.torch, python=namespace.python, say=progress.say
    )
    for line in installed.lines():
        print(line)  # noqa: T201 - the result, before rich is there
    return int(ExitCode.OK)


def _from_source(argv: Sequence[str]) -> int:
    from rich.text import Text

    from scaffold.builds.choose_source import choose_source
    from scaffold.builds.names import parse_name
    from scaffold.builds.native.recipe import choose_backends
    from scaffold.builds.store import BuildStore
    from scaffold.builds.workspace import Workspace
    from scaffold.cli.attested import print_attestation
    from scaffold.cli.builds import attestation_of
    from scaffold.cli.source_options import add_source_options, source_options
    from scaffold.report.terminal import make_console

    parser = Parser(
        "setup",
        "Get TileLang's source, build it, prove that it is what gets imported, and say what to type next.",
        example="setup --source sdist:0.1.14",
    )
    parser.add_argument(
        "--source",
        metavar="NAME",
        help="worktree, worktree:DIR, git:main, sdist:0.1.14, wheel:latest (default: a checkout that is here, "
        "else git:main where the Git host answers, else sdist:latest)",
    )
    parser.add_argument("--bundle", metavar="FILE", help="set up from a bundle instead, without a network")
    add_source_options(parser)
    add_common(parser)
    namespace = parser.parse_args(argv)
    if namespace.source == "":
        raise UsageError("--source takes a name", hint="for example: --source sdist:0.1.14")
    if namespace.source:
        parse_name(namespace.source)
    options = source_options(namespace)
    progress = progress_of(namespace)
    workspace = Workspace.at(namespace.workspace)
    progress.say(_machine())
    name, why = (namespace.source, "") if namespace.source else choose_source(workspace, options.source, progress)
    backends, backends_why = (options.recipe.backends, "asked for") if options.recipe.backends else choose_backends()
    progress.say(f"building {name}{f': {why}' if why else ''}; backend {', '.join(backends)}: {backends_why}")
    store = BuildStore(workspace, progress, torch=namespace.torch, options=options)
    build = store.get(name)
    attestation = attestation_of(build, workspace, progress)
    console = make_console(sys.stdout, color="auto", width=None)
    print_attestation(console, attestation)
    console.print(Text(f"next: {command_line('tir-diff', 'gemm')}", style="bold"), soft_wrap=True)
    return int(ExitCode.FINDING if attestation.proof.wrong else ExitCode.OK)


def _machine() -> str:
    """What was found, in a line."""
    from scaffold.builds.gpu import find_gpu
    from scaffold.builds.limits import cores, memory_bytes
    from scaffold.builds.machine import cxx_compiler, find_tool, host_cuda_toolkit

    gpu, toolkit, compiler = find_gpu(), host_cuda_toolkit(), cxx_compiler()
    cache = find_tool("ccache") or find_tool("sccache")
    found = [
        f"{cores()} cores",
        f"{memory_bytes()[1] / 1024**3:.0f} GiB of memory free",
        f"{gpu.name} ({gpu.target}, driver {gpu.driver})" if gpu else "no GPU",
        f"CUDA {toolkit.version} in {toolkit.root}" if toolkit else "no CUDA toolkit",
        f"{compiler.path.name} {compiler.version}" if compiler else "no C++ compiler",
        f"{cache.name} {cache.version}" if cache else "no compiler cache",
    ]
    return "found " + ", ".join(found)
