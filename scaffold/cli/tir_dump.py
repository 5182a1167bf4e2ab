"""``tir-dump``: the module after every pass as numbered files."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from scaffold.cli.options import Parser, add_common, add_kernel, command_line, progress_of
from scaffold.cli.tracing import obtain, open_session, plan, settings_of, with_build
from scaffold.errors import ExitCode, OutputFolderError
from scaffold.report.verdict import stopped_in
from scaffold.trace.dump import dump_files

_INDEX = "index.txt"

#: Lists the files of a dump, one a line; only a folder that holds these and nothing else is ever replaced.
_MARKER = ".scaffold-dump"


def run(argv: Sequence[str]) -> int:
    """Run the verb; 5 where the kernel did not lower (what came before is written)."""
    parser = Parser(
        "tir-dump", "Write the module after every pass as numbered files, for grep.", example="tir-dump gemm -o dump"
    )
    parser.add_argument("kernel", help="a zoo kernel (gemm), path/to/file.py::function, or a recorded .tltrace")
    parser.add_argument("-o", "--output", metavar="DIR", help="the folder to make (default: KERNEL-TARGET.tir)")
    parser.add_argument("--overwrite", action="store_true", help="replace a folder an earlier dump made")
    add_kernel(parser)
    add_common(parser)
    namespace = parser.parse_args(argv)
    progress = progress_of(namespace)
    session = open_session(namespace, progress, ("tir-dump", *argv))
    settings = settings_of(namespace)
    side = plan(namespace.kernel, settings)
    if namespace.output:
        require_free(Path(namespace.output), overwrite=namespace.overwrite)
    file = obtain(session, [with_build(session, side, settings)])[0]
    label = f"{file.trace.kernel.name}-{file.trace.kernel.target}".replace(":", "-").replace("/", "-")
    folder = Path(namespace.output or f"{label}.tir")
    require_free(folder, overwrite=namespace.overwrite)
    count = write_folder(folder, dump_files(file))
    changed = sum(record.after not in (None, record.before) for record in file.trace.passes)
    sys.stdout.write(
        f"{count} files in {folder}: {len(file.trace.passes)} passes, {changed} of them changed the module\n"
    )
    if file.trace.failure is not None:
        failure = file.trace.failure
        sys.stdout.write(f"lowering stopped {stopped_in(failure)}: {failure.error}: {failure.message}\n")
        return int(ExitCode.PROBE)
    sys.stdout.write(
        f"next: cat {shlex.quote(str(folder / _INDEX))}   (or {command_line('tir-diff', namespace.kernel)})\n"
    )
    return int(ExitCode.OK)


def require_free(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds anything but an earlier dump that may be replaced.

    Raises
    ------
    OutputFolderError
        If it does, or cannot be made.
    """
    if not folder.exists():
        return
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        return
    is_dump = _is_dump(folder)
    if not (is_dump and overwrite):
        raise OutputFolderError(
            f"{folder} exists already",
            hint="add --overwrite to replace that dump" if is_dump else "name another folder with -o DIR",
        )


def _is_dump(folder: Path) -> bool:
    """Whether a folder is an earlier dump, and nobody has put anything of theirs into it."""
    try:
        listed = set((folder / _MARKER).read_text(encoding="utf-8").splitlines())
        return not folder.is_symlink() and {path.name for path in folder.iterdir()} <= {*listed, _MARKER}
    except OSError:
        return False


def write_folder(folder: Path, files: Iterable[tuple[str, str]]) -> int:
    """Write all files beside the folder, then put the whole in its place; the number of files.

    Raises
    ------
    OutputFolderError
        If a file cannot be written.
    """
    folder = folder.absolute()
    aside = folder.with_name(f".{folder.name}.replaced")
    temporary: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        temporary.chmod(0o755)
        names = []
        for name, content in files:
            (temporary / name).write_text(content, encoding="utf-8")
            names.append(name)
        (temporary / _MARKER).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        if folder.exists():
            # Aside first: at no moment is there neither the old dump nor the new one.
            folder.rename(aside)
        temporary.rename(folder)
        shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise OutputFolderError(
            f"cannot write {folder}: {error.strerror}", hint="name a folder you may write to with -o DIR"
        ) from error
    else:
        return len(names)
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
