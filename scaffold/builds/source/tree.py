"""Trees as lists of entries, and folders made equal to them.

A file that is right already is not touched: its modification time is what Ninja rebuilds by.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scaffold.builds.source.disk import writing

EntryKind = Literal["file", "executable", "link"]

_MODES: dict[EntryKind, int] = {"file": 0o644, "executable": 0o755}

#: A file younger than this when it was hashed may change again within the same time stamp, so it is hashed again.
#: Nanoseconds; 2 s is the coarsest clock of a file system in use (FAT).
_RACY_NS = 2_000_000_000

#: Names the commit where there is no ``.git``: an sdist has it, upstream's ``version_provider.py`` reads it. No part of
#: a tree's identity.
COMMIT_FILE = ".git_commit.txt"

#: Size, modification time, change time, inode, then the clock when hashed, and the hash.
Stamp = list["int | str"]


@dataclass(frozen=True)
class Entry:
    """One file of a tree; ``sha256`` is of its content, or of where the link leads."""

    path: str
    kind: EntryKind
    sha256: str


class Hashes:
    """Content hashes remembered by what ``stat`` says of a file."""

    def __init__(self, known: Mapping[str, Stamp] | None = None) -> None:
        self._known = dict(known or {})
        self.seen: dict[str, Stamp] = {}

    def entry(self, root: Path, path: str) -> Entry:
        """The entry of a file; raises FileNotFoundError where there is none."""
        full = root / path
        status = full.lstat()
        if stat.S_ISLNK(status.st_mode):
            return Entry(path, "link", hashlib.sha256(os.fsencode(full.readlink())).hexdigest())
        kind: EntryKind = "executable" if status.st_mode & 0o100 else "file"
        signature = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        known = self._known.get(path)
        if known and known[:4] == signature and int(known[4]) - max(signature[1], signature[2]) > _RACY_NS:
            self.seen[path] = known
            return Entry(path, kind, str(known[5]))
        now = time.time_ns()
        digest = hashlib.sha256(full.read_bytes()).hexdigest()
        self.seen[path] = [*signature, now, digest]
        return Entry(path, kind, digest)

    def entries(self, root: Path, paths: Iterable[str]) -> list[Entry]:
        return [self.entry(root, path) for path in sorted(paths)]

    @property
    def news(self) -> bool:
        """Whether there is something to remember that was not known."""
        return self.seen != self._known


def tree_sha256(entries: Iterable[Entry]) -> str:
    """One hash over the sorted (path, kind, content) of every entry."""
    digest = hashlib.sha256()
    for entry in sorted(entries, key=lambda entry: entry.path):
        digest.update(f"{entry.path}\0{entry.kind}\0{entry.sha256}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def read_line(path: Path) -> str | None:
    """The text of a short file; ``None`` where it is empty or not there."""
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def walk(root: Path, *, skip_top: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every file and link below ``root``, as relative paths; compiled Python is not listed."""
    pending = [""]
    while pending:
        prefix = pending.pop()
        with os.scandir(root / prefix) as found:
            for item in found:
                path = prefix + item.name
                if item.is_dir(follow_symlinks=False):
                    if item.name != "__pycache__" and not (not prefix and item.name in skip_top):
                        pending.append(path + "/")
                else:
                    yield path


class ChangedMeanwhileError(Exception):
    """A file is not what it was when its tree was listed; its path is the argument."""


def lay_out(
    entries: Iterable[Entry],
    origin: Path,
    links: Mapping[str, Path],
    folder: Path,
    present: Mapping[str, Entry],
    *,
    keep_times: bool = False,
) -> bool:
    """Make ``folder`` hold exactly ``entries``, with content from ``origin``, and ``links`` to shared folders.

    ``present`` is what it holds now; with ``keep_times`` files have the time of their origin. ``build/`` and compiled
    Python stay. Says whether anything was changed.

    Raises
    ------
    ChangedMeanwhileError
        If a file of ``origin`` is no longer the one its entry describes.
    OutputFolderError
        If the disk is full or not writable.
    """
    wanted = {entry.path: entry for entry in entries}
    changed = False
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(set(present) - set(wanted) - set(links)):
            _remove(folder, folder / path)
            changed = True
        incoming = folder.with_name(f"{folder.name}.incoming-file")
        for path, entry in wanted.items():
            if present.get(path) != entry:
                if _same_content(present.get(path), entry):
                    (folder / path).chmod(_MODES[entry.kind])
                else:
                    _put(entry, origin / path, folder / path, incoming, keep_times=keep_times)
                changed = True
        for path, target in links.items():
            changed |= _link(folder / path, target)
    return changed


def _same_content(have: Entry | None, want: Entry) -> bool:
    return have is not None and "link" not in (have.kind, want.kind) and have.sha256 == want.sha256


def _put(entry: Entry, source: Path, target: Path, incoming: Path, *, keep_times: bool) -> None:
    _make_room(target)
    incoming.unlink(missing_ok=True)
    try:
        if entry.kind == "link":
            incoming.symlink_to(source.readlink())
        else:
            shutil.copyfile(source, incoming, follow_symlinks=False)
            if keep_times:
                shutil.copystat(source, incoming)
            incoming.chmod(_MODES[entry.kind])
        copied = Hashes().entry(incoming.parent, incoming.name)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ChangedMeanwhileError(entry.path) from error
    if (copied.kind, copied.sha256) != (entry.kind, entry.sha256):
        incoming.unlink()
        raise ChangedMeanwhileError(entry.path)
    incoming.replace(target)


def _link(path: Path, target: Path) -> bool:
    """Make ``path`` a link to ``target``, relative so that both may be moved together."""
    _make_room(path)
    destination = os.path.relpath(target.resolve(), path.parent.resolve())
    if path.is_symlink() and str(path.readlink()) == destination:
        return False
    if path.is_symlink() or path.exists():
        path.unlink()
    path.symlink_to(destination, target_is_directory=True)
    return True


def _make_room(target: Path) -> None:
    """Make the folder of ``target``, and take away a folder that stands in its place."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)


def _remove(folder: Path, path: Path) -> None:
    """Delete ``path`` and the folders it leaves empty."""
    path.unlink(missing_ok=True)
    for parent in path.parents:
        if parent == folder:
            return
        if [item.name for item in parent.iterdir()] == ["__pycache__"]:
            shutil.rmtree(parent / "__pycache__")
        try:
            parent.rmdir()
        except OSError:
            return
