"""What decides how a build lowers a kernel, as one digest: its Python, its libraries, what it stands on.

An attestation says what was loaded once; this says what would be loaded now, without importing it, so that a result
kept from last time can be told from one that no longer holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.build import Build
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem
from scaffold.files import file_sha256, write_atomically

_WHERE = (
    "import importlib.util as u, sysconfig; "
    "print(u.find_spec('tilelang').origin); print(sysconfig.get_paths()['platlib'])"
)
_TIMEOUT_S = 60.0

#: Of a checkout, what a wheel has inside the package: the libraries, and the headers its kernels are compiled with.
_BESIDE = ("build/lib", "src/tl_templates")

#: Distributions whose version decides too; the rest of an environment does not lower anything.
_STANDS_ON = re.compile(r"(?:apache_tvm_ffi|torch|z3_solver)-", re.IGNORECASE)

#: Of the kit itself, what runs inside a build.
_PROBE = ("probe", "kernels/zoo", "kernels/model.py", "trace/model.py")


class FileHashes:
    """sha256 of files, each hashed once per content: kept by path, size, and time of change in nanoseconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _read(path)
        self._changed = False

    def of(self, file: str | Path) -> str:
        """The sha256 of ``file`` in hex; raises OSError."""
        status = os.stat(file)  # noqa: PTH116 - thousands of files: a path takes three times as long
        stamp = f"{status.st_size}|{status.st_mtime_ns}|{status.st_ino}"
        known = self._known.get(str(file))
        if known is None or known[0] != stamp:
            known = self._known[str(file)] = [stamp, file_sha256(Path(file))]
            self._changed = True
        return known[1]

    def save(self) -> None:
        if self._changed:
            write_atomically(self._path, json.dumps(dict(self._known), sort_keys=True).encode())
            self._changed = False


def _read(path: Path) -> dict[str, list[str]]:
    """What was kept in ``path``; nothing of what cannot be read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {str(file): [str(stamp), str(sha256)] for file, (stamp, sha256) in kept.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def content_digest(build: Build, workspace: Workspace) -> str:
    """The digest of ``build`` as it is on disk now.

    Raises
    ------
    EnvironmentProblem
        If its interpreter has no TileLang.
    """
    package, site = _where(build.python)
    name = hashlib.sha256(str(package).encode()).hexdigest()[:16]
    hashes = FileHashes(workspace.folder(workspace.cache / "content") / f"{name}.json")
    digest = hashlib.sha256()
    for root in (package, *(package.parent / part for part in _BESIDE)):
        for name, file in _files(str(root), ""):
            digest.update(f"{name} {hashes.of(file)}\n".encode())
    stands_on = sorted(item.name for item in site.glob("*.dist-info") if _STANDS_ON.match(item.name))
    digest.update("\n".join(stands_on).encode())
    hashes.save()
    return digest.hexdigest()


@cache
def probe_digest() -> str:
    """The digest of what of the kit itself takes part in a lowering."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for part in _PROBE:
        place = root / part
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def _where(python: str) -> tuple[Path, Path]:
    answer = ask([python, "-I", "-c", _WHERE], timeout_s=_TIMEOUT_S)
    lines = answer.stdout.splitlines()
    if not answer.ok or len(lines) < 2:
        raise EnvironmentProblem(
            f"{python} finds no TileLang: {answer.why_not}", hint=f"see it whole: {python} -c 'import tilelang'"
        )
    return Path(lines[-2]).parent, Path(lines[-1])


def _files(folder: str, below: str) -> Iterator[tuple[str, str]]:
    """Files below ``folder``, by their names from the root on. Thousands: strings take a third of the time of paths."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    yield from ((f"{below}{entry.name}", entry.path) for entry in entries if entry.is_file())
    for entry in entries:
        if entry.name != "__pycache__" and entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path, f"{below}{entry.name}/")


def files_digest(files: Iterable[Path], hashes: FileHashes) -> str | None:
    """One digest of several files; ``None`` where one of them is gone."""
    digest = hashlib.sha256()
    try:
        for file in files:
            digest.update(f"{file} {hashes.of(file)}\n".encode())
    except OSError:
        return None
    return digest.hexdigest()
