"""Run upstream's CMake with the kit's settings; again only when they or the set of files changed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from scaffold.builds.process import Finished, run_logged
from scaffold.errors import BuildFailedError
from scaffold.files import write_atomically
from scaffold.progress import Progress

_MARKER = "scaffold-configured.json"
_SOURCES = (".cc", ".cpp", ".c")
#: Either ``CMake Error at CMakeLists.txt:4 (project):`` with its text below, or all in a line.
_ERROR = re.compile(
    r"^CMake Error(?: at (?P<place>\S+:\d+)[^\n]*|: (?P<said>[^\n]*)|[^\n]*)\n(?P<text>(?:[ \t]*\n|  [^\n]*\n)*)",
    re.MULTILINE,
)


def configure(
    cmake: Path,
    source: Path,
    build: Path,
    options: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    progress: Progress,
) -> bool:
    """Configure ``source`` in ``build``; says whether CMake had to run.

    Upstream lists its sources with ``file(GLOB)``, which Ninja does not see: a new or vanished file counts as a change.

    Raises
    ------
    BuildFailedError
        If CMake fails, with its first error.
    """
    wanted = {"options": list(options), "tvm_root": env.get("TVM_ROOT", ""), "files": _files_key(source)}
    marker = build / _MARKER
    before = _read(marker)
    if before == wanted and (build / "build.ninja").is_file():
        return False
    if {**before, "files": ""} != {**wanted, "files": ""} and build.exists():
        shutil.rmtree(build)
    build.mkdir(parents=True, exist_ok=True)
    marker.unlink(missing_ok=True)
    command = [str(cmake), "-G", "Ninja", "-S", str(source), "-B", str(build), *options]
    start = log.stat().st_size if log.exists() else 0
    with progress.step("configuring"):
        finished = run_logged(command, log=log, progress=progress, env=env, bound=True)
    if finished.returncode != 0:
        raise _explain(finished, log.read_bytes()[start:].decode(errors="replace"))
    write_atomically(marker, json.dumps(wanted, indent=1).encode())
    return True


def is_configured(build: Path) -> bool:
    """Whether Ninja can go on in ``build``."""
    return (build / _MARKER).is_file() and (build / "build.ninja").is_file()


def _read(marker: Path) -> dict[str, object]:
    try:
        content: dict[str, object] = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content


def _files_key(source: Path) -> str:
    names = []
    for folder, _, files in os.walk(source / "src"):
        names += [os.path.relpath(Path(folder) / name, source) for name in files if Path(name).suffix in _SOURCES]
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()


def _explain(finished: Finished, text: str) -> BuildFailedError:
    match = _ERROR.search(text)
    said = " ".join(f"{match['said'] or ''} {match['text']}".split()) if match else ""
    said = said or f"cmake ended with {finished.returncode}"
    # What CMake found before it failed names the same things.
    wrong = text[match.start() :] if match else text
    place = f"{match['place']}: " if match and match["place"] else ""
    hint = f"read {finished.log}"
    if "No space left on device" in text:
        said, hint = "the disk is full", "free some space, or put the workspace elsewhere with --workspace DIR"
    elif any(sign in wrong for sign in ("CMAKE_CXX_COMPILER", "CMAKE_C_COMPILER", "is not able to compile")):
        hint = "install a C++17 compiler: apt install g++, or dnf install gcc-c++; python -m scaffold doctor tells more"
    elif "Python.h" in wrong or "Development.Module" in wrong:
        hint = "install Python's headers: apt install python3-dev, or dnf install python3-devel"
    elif "CUDAToolkit" in wrong:
        hint = "name a whole CUDA toolkit with CUDA_HOME, or use pip's: --cuda pip"
    return BuildFailedError(f"cannot configure: {place}{said}", hint=hint, context={"log": finished.log})
