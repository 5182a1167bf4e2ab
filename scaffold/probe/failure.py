"""What went wrong in a build, as a spool line: without what is this machine's, and without C++ frames."""

from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path
from typing import Any

from scaffold.probe.kernel import KernelBuildError
from scaffold.probe.spool import SpoolWriter

#: What precedes the part of a path that means something elsewhere: of packages, the standard library, the kit.
_LIBRARY = re.compile(r".*/(?:site-packages|python3\.\d+|project)/|.*/(?=scaffold/(?:probe|kernels)/)")

#: TVM errors carry the C++ stack; these lines of it say nothing about the kernel.
_STACK_LINE = ('  File "<unknown>"', '  File "python/tvm_ffi/')


#: Lines by which TileLang shows the user's source and points into it, below what it says.
POINTING = re.compile(r"\s*(?:-->|\d*\s*\|)")


def fail(spool: SpoolWriter, stage: str, error: BaseException, *, running: tuple[int, str] | None) -> None:
    spool.write(
        "failure",
        {
            "stage": stage,
            "pass_sequence": running[0] if running else None,
            "pass_name": running[1] if running else None,
            "error": type(error).__name__,
            "message": message(error),
            "traceback": _traceback(error),
            "where": _where(error),
            "users_fault": isinstance(error, KernelBuildError),
        },
    )


def _traceback(error: BaseException) -> str:
    """The way to the error without what is this machine's: short paths, and only the user's lines are quoted."""
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == "<unknown>":
            continue  # a C++ frame without debug information, of which TVM adds dozens
        lines.append(f'  File "{short_path(frame.filename)}", line {frame.lineno}, in {frame.name}')
        if frame.line and not _LIBRARY.search(frame.filename.replace("\\", "/")):
            lines.append(f"    {frame.line}")
    return "\n".join([*lines, f"{type(error).__name__}: {message(error)}"])


def short_path(path: str) -> str:
    """``tilelang/engine/lower.py`` for a file of a library, the bare name for one of the user's."""
    path = path.replace("\\", "/")
    match = _LIBRARY.search(path)
    return path[match.end() :] if match else path.rpartition("/")[2]


def _where(error: BaseException) -> str | None:
    """The innermost line of TileLang's own Python on the way to the error; TVM's inside it does not count."""
    package = Path(str(getattr(sys.modules.get("tilelang"), "__file__", None) or "/nowhere")).parent
    found = None
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(package) and "3rdparty" not in path.parts:
            found = f"tilelang/{path.relative_to(package).as_posix()}:{frame.lineno}"
    return found


def message(error: BaseException) -> str:
    """What the error says, without C++ frames."""
    lines = [line for line in str(error).splitlines() if line.strip() and not line.startswith(_STACK_LINE)]
    said = "\n".join(lines).strip() or type(error).__name__
    # TileLang points at the user's line by its whole path; the name of the file says as much, on any machine.
    said = re.sub(r"(--> )\S*/", r"\1", said)
    # Python says after the name of a module where its file lies.
    return re.sub(r"^(cannot import name '\w+' from .*'[\w.]+') \(\S+\)$", r"\1", said)


def tell(error: BaseException) -> dict[str, Any]:
    """An error in short: its kind, what it says, and where in TileLang it arose."""
    said = [line for line in message(error).splitlines() if not POINTING.match(line)]
    if said and said[0].startswith(("CUDA error", "HIP error", "CUDA driver error")):
        said = said[:1]  # below it PyTorch says how to debug it
    return {
        "error": type(error).__name__,
        "message": (said[-1] if said else type(error).__name__).strip()[:300],
        "where": _where(error),
    }
