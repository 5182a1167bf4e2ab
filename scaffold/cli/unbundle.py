"""``bundle list FILE`` and ``bundle unpack FILE``, and ``python3 kit.tlbundle``. Standard library only."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from scaffold.builds.bundle.file import BundleFile
from scaffold.builds.bundle.manifest import Manifest
from scaffold.builds.bundle.unpack import set_up
from scaffold.cli.options import Parser, add_common, progress_of
from scaffold.errors import ExitCode

_MIB = 1024**2


def main(bundle: str, arguments: Sequence[str]) -> int:
    """Run from inside ``bundle``: unpack it, or say what is in it."""
    from scaffold.cli.main import main as run_verb

    rest = [argument for argument in arguments if argument != "--list"]
    return run_verb(["bundle", "list" if len(rest) < len(arguments) else "unpack", bundle, *rest])


def run(argv: Sequence[str]) -> int:
    """``list`` or ``unpack`` a bundle."""
    action = argv[0]
    inside = len(argv) > 1 and Path(sys.argv[0]).is_file() and Path(argv[1]).resolve() == Path(sys.argv[0]).resolve()
    parser = Parser(
        f"bundle {action}",
        "Set up the TileLang contribution starter kit from this bundle: its environment, its source and tests, and the "
        "TileLang builds that were bundled, beside the PyTorch of this machine. Uses no network. "
        "--list shows what is in it, with versions and sha256.",
        example=f"bundle {action} kit.tlbundle",
    )
    if inside:
        parser.prog = f"python3 {os.path.relpath(argv[1])}"
        parser.epilog = f"example: {parser.prog} --workspace /data/workspace"
    parser.add_argument("file", metavar="FILE", help=argparse.SUPPRESS if inside else "the .tlbundle file")
    if action == "list":
        parser.add_argument("--json", action="store_true", help="the manifest, whole")
    else:
        parser.add_argument("--python", metavar="PATH", help="the interpreter to make environments with")
        parser.add_argument(
            "--torch", metavar="PATH", help="the interpreter, or site-packages folder, that has PyTorch"
        )
        parser.add_argument("--list", action="store_true", help="show what is in it, with versions and sha256")
    add_common(parser)
    if inside:
        parser.usage = f"{parser.prog} [--list] [--python PATH] [--torch PATH] [--workspace DIR] [-q] [-h]"
    namespace = parser.parse_args(argv[1:])
    if action == "list" or namespace.list:
        _show(Path(namespace.file), as_json=getattr(namespace, "json", False))
        return int(ExitCode.OK)
    installed = set_up(
        Path(namespace.file),
        workspace=Path(namespace.workspace or os.environ.get("SCAFFOLD_WORKSPACE") or "workspace"),
        torch=namespace.torch,
        python=namespace.python,
        say=progress_of(namespace).say,
    )
    sys.stdout.write("".join(f"{line}\n" for line in installed.lines()))
    return int(ExitCode.OK)


def _show(path: Path, *, as_json: bool) -> None:
    with BundleFile(path) as bundle:
        manifest = bundle.manifest
    lines = [json.dumps(asdict(manifest), indent=1)] if as_json else _listing(path, manifest)
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _listing(path: Path, manifest: Manifest) -> Iterator[str]:
    sizes = {digest: item.size for digest, item in manifest.objects().items()}
    needs = manifest.requires
    yield f"{path}: {path.stat().st_size / _MIB:.1f} MiB, {manifest.raw_size / _MIB:.0f} MiB unpacked"
    glibc = f", glibc {needs.glibc} or newer" if needs.glibc else ""
    yield f"for CPython {needs.python} on {needs.system} {needs.machine}{glibc}"
    yield f"kit {manifest.kit_version}, commit {manifest.kit_commit}"
    for environment in manifest.environments:
        beside = ", with the PyTorch of the machine" if environment.needs_torch else ""
        yield f"environment {environment.name}: {len(environment.wheels)} wheels{beside}"
    for tree in manifest.trees:
        yield f"folder {tree.path}: {len(tree.files)} files"
    yield ""
    yield f"{'MiB':>7}  {'sha256 of the released wheel':64}  wheel"
    for wheel in manifest.wheels:
        size = sum(sizes[item.sha256] for item in wheel.files) / _MIB
        yield f"{size:7.2f}  {wheel.origin_sha256}  {wheel.name} {wheel.version}"
    if manifest.left_out or manifest.stripped:
        yield ""
    for item in manifest.left_out:
        yield f"left out: {item.what}: {item.files} files, {item.size / _MIB:.1f} MiB"
    for library in manifest.stripped:
        yield f"stripped: {library.path}: {library.origin_size / _MIB:.1f} to {library.size / _MIB:.1f} MiB"
        yield f"  sha256 {library.origin_sha256} to {library.sha256}"
