"""Downloads that go on where they stopped, and are taken for whole only with the right checksum."""

from __future__ import annotations

import http.client
import time
import urllib.error
from http.client import HTTPResponse
from pathlib import Path
from typing import BinaryIO

from scaffold.builds.source.disk import writing
from scaffold.builds.source.index import SourceArchive
from scaffold.builds.source.web import open_url, unreachable, without_credentials
from scaffold.errors import BuildFailedError, EnvironmentProblem
from scaffold.files import file_sha256
from scaffold.progress import Progress

_CHUNK = 1 << 20
_ATTEMPTS = 4


def download(archive: SourceArchive, folder: Path, progress: Progress, *, certificate: str | None = None) -> Path:
    """Fetch ``archive`` into ``folder``; one that is there with the right checksum is used as it is.

    Raises
    ------
    BuildFailedError
        If its checksum is wrong: what was fetched is deleted.
    EnvironmentProblem
        If the server stops answering; what was fetched stays, and the next call goes on there.
    OutputFolderError
        If the disk is full or not writable.
    """
    target, part = folder / archive.filename, folder / f"{archive.filename}.part"
    if target.exists():
        if archive.sha256 in (None, file_sha256(target)):
            return target
        progress.say(f"{target} has the wrong checksum; fetching it anew")
        target.unlink()
    with writing(folder), progress.step(f"downloading {archive.filename}{_megabytes(archive.size)}", lasting=True):
        folder.mkdir(parents=True, exist_ok=True)
        _fetch_with_retries(archive, part, progress, certificate)
        _require_checksum(archive, part)
        part.replace(target)
    return target


def _fetch_with_retries(archive: SourceArchive, part: Path, progress: Progress, certificate: str | None) -> None:
    """Append to ``part`` until the server has no more; a broken connection is tried again while it brings bytes."""
    for attempt in range(1, _ATTEMPTS + 1):
        before = part.stat().st_size if part.exists() else 0
        try:
            _fetch(archive, part, progress, certificate)
        except (EnvironmentProblem, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            grown = part.exists() and part.stat().st_size > before
            if attempt == _ATTEMPTS or not grown:
                if isinstance(error, EnvironmentProblem):
                    raise
                raise unreachable(without_credentials(archive.url), error) from error
            progress.say(f"connection lost ({error}); going on at {part.stat().st_size / 1e6:.0f} MB")
            time.sleep(attempt)
        else:
            return


def _fetch(archive: SourceArchive, part: Path, progress: Progress, certificate: str | None) -> None:
    have = part.stat().st_size if part.exists() else 0
    if archive.size is not None and have == archive.size:
        return
    if archive.size is not None and have > archive.size:
        part.unlink()
        have = 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        answer = open_url(archive.url, headers=headers, certificate=certificate)
    except urllib.error.HTTPError as error:
        if have and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # Nothing lies behind what is here; the checksum tells whether that is the whole of it.
        raise EnvironmentProblem(
            f"{without_credentials(archive.url)} answers {error.code} {error.reason}",
            hint="check pip's index: python -m pip config list",
        ) from error
    with answer:
        resumed = have > 0 and answer.status == http.client.PARTIAL_CONTENT
        with part.open("ab" if resumed else "wb") as file:
            _copy(answer, file, have if resumed else 0, progress, archive.filename)


def _copy(answer: HTTPResponse, file: BinaryIO, done: int, progress: Progress, name: str) -> None:
    length = answer.headers.get("Content-Length")
    total = done + int(length) if length else None
    while chunk := answer.read(_CHUNK):
        file.write(chunk)
        done += len(chunk)
        share = f"{100 * done // total}% of {total / 1e6:.0f}" if total else f"{done / 1e6:.0f}"
        progress.update(f"downloading {name}: {share} MB")
    if total is not None and done < total:
        raise ConnectionError(f"{total - done} bytes are missing")


def _require_checksum(archive: SourceArchive, part: Path) -> None:
    if archive.sha256 is None:
        return
    got = file_sha256(part)
    if got != archive.sha256:
        part.unlink()
        raise BuildFailedError(
            f"{archive.filename} has the wrong checksum; what was fetched is deleted",
            hint="run the command again; if it stays, a proxy or mirror changes the file: "
            "choose another index with PIP_INDEX_URL",
            context={"expected sha256": archive.sha256, "got": got, "from": without_credentials(archive.url)},
        )


def _megabytes(size: int | None) -> str:
    return f" ({size / 1e6:.0f} MB)" if size else ""
