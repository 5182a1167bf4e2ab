"""``bundle``: one file that sets the kit up on a machine without a network."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.cli.options import Parser, add_common, progress_of
from scaffold.errors import ExitCode

if TYPE_CHECKING:
    from scaffold.builds.bundle.pack import Packed

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|KiB|MB|MiB|GB|GiB|K|M|G)?\Z", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30, "k": 2**10, "m": 2**20, "g": 2**30}
_MIB = 2**20


def run(argv: Sequence[str]) -> int:
    """Make a bundle, or ``list`` or ``unpack`` one."""
    if argv and argv[0] in ("list", "unpack"):
        from scaffold.cli import unbundle

        return unbundle.run(argv)
    return _make(argv)


def _make(argv: Sequence[str]) -> int:
    from scaffold.builds.bundle.pack import pack
    from scaffold.builds.bundle.plan import BundleRequest
    from scaffold.builds.bundle.target import Target, this_platform, this_python
    from scaffold.builds.workspace import Workspace
    from scaffold.cli.options import require_writable

    parser = Parser(
        "bundle",
        "Make one file that sets up the kit, its tests and TileLang on a machine without a network: there, "
        "python3 kit.tlbundle. 'bundle list FILE' shows what a bundle holds, 'bundle unpack FILE' sets it up.",
        example="bundle --python 3.12 --build wheel:0.1.15 --max-size 60MiB -o kit.tlbundle",
    )
    parser.add_argument("--python", metavar="X.Y", default=this_python(), help="CPython there (default: as here)")
    parser.add_argument("--platform", metavar="TAG", help="manylinux_2_28_x86_64 (default: this machine's kind)")
    parser.add_argument(
        "--build",
        metavar="NAME",
        action="append",
        help="wheel:0.1.15, or one built from source here: sdist:0.1.14; may be repeated (default: wheel:latest)",
    )
    parser.add_argument("--with-torch", metavar="T", help="bundle PyTorch too: cpu, or a pip requirement (default: no)")
    parser.add_argument("--no-tests", action="store_true", help="leave out what the kit's tests need")
    parser.add_argument("--max-size", metavar="SIZE", type=_bytes, help="60MiB: leave out what nobody needs to fit")
    parser.add_argument("-o", "--output", metavar="FILE", default="kit.tlbundle", help="default: kit.tlbundle")
    add_common(parser)
    namespace = parser.parse_args(argv)
    output = Path(namespace.output)
    require_writable(output)
    request = BundleRequest(
        Target(namespace.python, namespace.platform or this_platform()),
        tuple(dict.fromkeys(namespace.build or ["wheel:latest"])),
        torch=namespace.with_torch,
        tests=not namespace.no_tests,
        max_bytes=namespace.max_size,
    )
    # Compressing takes minutes of every core it gets; whoever sits at this machine comes first.
    if hasattr(os, "nice"):
        os.nice(19)
    packed = pack(request, output, workspace=Workspace.at(namespace.workspace), progress=progress_of(namespace))
    sys.stdout.write("".join(f"{line}\n" for line in _summary(packed)))
    return int(ExitCode.OK)


def _bytes(text: str) -> int:
    match = _SIZE.match(text.strip())
    if match is None or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; say 60MiB")
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def _summary(packed: Packed) -> list[str]:
    manifest = packed.manifest
    needs = manifest.requires
    names = [environment.name for environment in manifest.environments if environment.proof != "scaffold.cli.tir_diff"]
    lines = [
        f"{packed.path}: {packed.size / _MIB:.1f} MiB, {manifest.raw_size / _MIB:.0f} MiB unpacked",
        f"for CPython {needs.python} on {needs.platform}: {', '.join(names)}",
        f"sha256 {packed.sha256}",
    ]
    lines += [f"left out: {item.what} ({item.files} files, {item.size / _MIB:.1f} MiB)" for item in manifest.left_out]
    if manifest.stripped:
        lines.append(f"stripped: {len(manifest.stripped)} libraries; 'bundle list' shows both sha256 of each")
    return [*lines, f"next, on the other machine: python{needs.python} {packed.path.name}"]
