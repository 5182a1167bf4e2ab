"""Reading tar archives without trusting them.

Only regular files, and links that stay inside, are made; each file is written by us at a place the caller names, so
owners, device files and paths that climb out have no way in, on every Python alike (``tarfile``'s filters are newer
than 3.10.0).
"""

from __future__ import annotations

import os
import posixpath
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

from scaffold.builds.source.disk import writing
from scaffold.errors import BuildFailedError
from scaffold.progress import Progress

#: From a path inside the archive to where it goes; ``None`` leaves it out.
Place = Callable[[str], "Path | None"]


def extract(archive: Path, place: Place, progress: Progress, *, title: str, strip_top: bool = False) -> None:
    """Write what ``place`` wants of ``archive``; ``strip_top`` drops the first folder of every path.

    Raises
    ------
    BuildFailedError
        If the archive is damaged, or holds a path that climbs out.
    OutputFolderError
        If the disk is full or not writable.
    """
    size = max(archive.stat().st_size, 1)
    links: list[tuple[Path, str]] = []
    try:
        with archive.open("rb") as raw, tarfile.open(fileobj=raw) as tar, writing(archive.parent):
            shown = -1
            for member in tar:
                path = _checked(archive, member.name, strip_top=strip_top)
                if (percent := 100 * raw.tell() // size) != shown:
                    progress.update(f"{title}: {percent}%")
                    shown = percent
                target = place(path) if path else None
                if target is None or member.isdir():
                    continue
                if member.issym():
                    _checked(archive, posixpath.join(posixpath.dirname(path), member.linkname))
                    links.append((target, member.linkname))
                elif member.isfile() or member.islnk():
                    _write(tar, member, target)
                else:
                    raise _refuse(archive, member.name, "it is neither a file nor a link")
    except (tarfile.TarError, EOFError) as error:
        raise BuildFailedError(
            f"{archive} is damaged: {error}", hint=f"delete it and run the command again: rm {archive}"
        ) from error
    # Links come last: nothing is ever written through one.
    with writing(archive.parent):
        for target, destination in links:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(destination)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 18)
        os.fchmod(file.fileno(), 0o755 if member.mode & 0o100 else 0o644)


def _checked(archive: Path, name: str, *, strip_top: bool = False) -> str:
    """The path of a member, normalised; empty for the archive's root."""
    path = posixpath.normpath(name)
    if path.startswith(("/", "../")) or path == ".." or "\\" in path or "\0" in path:
        raise _refuse(archive, name, "it leads out of the archive")
    if strip_top:
        path = path.partition("/")[2]
    return "" if path == "." else path


def _refuse(archive: Path, name: str, why: str) -> BuildFailedError:
    return BuildFailedError(
        f"{archive} holds {name!r}, which is refused: {why}",
        hint=f"this is no TileLang source; delete it: rm {archive}",
    )
