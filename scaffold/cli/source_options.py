"""Flags that say how a build from source is made: the same for ``setup`` and ``builds add``."""

from __future__ import annotations

import argparse

from scaffold.builds.from_source import SourceBuildOptions
from scaffold.builds.native.recipe import BACKENDS, Recipe, parse_backends
from scaffold.builds.source.model import UPSTREAM, SourceOptions
from scaffold.cli.options import whole_number
from scaffold.errors import UsageError


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """``--url --third-party --tvm --backend --cuda --optimize --plain --debug --jobs --torch``."""
    group = parser.add_argument_group("where the source comes from")
    group.add_argument("--url", metavar="URL", default=UPSTREAM, help=f"for git: (default: {UPSTREAM})")
    group.add_argument(
        "--third-party", metavar="sdist:V", help="take TVM and CUTLASS from this release's source archive"
    )
    group = parser.add_argument_group("how it is compiled")
    group.add_argument(
        "--tvm",
        choices=("auto", "release", "source"),
        default="auto",
        help="link the TVM of a release wheel where it is the same (auto), or compile it (source)",
    )
    group.add_argument(
        "--backend", metavar="B", help=f"auto, or some of {','.join(BACKENDS)} (default: what this machine has)"
    )
    group.add_argument("--cuda", choices=("auto", "host", "pip"), default="auto", help="whose CUDA toolkit")
    group.add_argument(
        "--jobs", metavar="N", type=whole_number, help="compilers at a time (default: by cores and memory)"
    )
    group.add_argument("--optimize", metavar="N", type=int, choices=(0, 1, 2, 3), default=1, help="of GCC (default: 1)")
    group.add_argument("--debug", action="store_true", help="-O0 -g with TVM_LOG_DEBUG, TVM included")
    group.add_argument("--plain", action="store_true", help="without the kit's speed-ups: -O3, as upstream builds")
    group.add_argument("--torch", metavar="T", help="PyTorch: auto, reuse, cpu, or a pip requirement")


def source_options(namespace: argparse.Namespace) -> SourceBuildOptions:
    """What those flags say together.

    Raises
    ------
    UsageError
        If they contradict each other.
    """
    backends = parse_backends(namespace.backend)
    if namespace.tvm == "release" and (namespace.debug or "llvm" in backends):
        reason = "--debug" if namespace.debug else "--backend llvm"
        raise UsageError(f"--tvm release and {reason}: no release has such a TVM", hint="leave --tvm out")
    return SourceBuildOptions(
        source=SourceOptions(url=namespace.url, third_party=namespace.third_party),
        recipe=Recipe(
            backends=backends,
            tvm=namespace.tvm,
            optimize=namespace.optimize,
            plain=namespace.plain,
            debug=namespace.debug,
            jobs=namespace.jobs,
        ),
        cuda=namespace.cuda,
    )
