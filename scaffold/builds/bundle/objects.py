"""Objects on disk and in compressed streams. Standard library only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from scaffold.builds.bundle.manifest import Object, Stream
from scaffold.errors import BundleFileError, EnvironmentProblem
from scaffold.files import stream_sha256

#: Largest dictionary, in bytes: what a machine that unpacks needs in memory for each stream.
MAX_DICTIONARY = 128 * 1024**2
_MIN_DICTIONARY = 1024**2
_CHUNK = 1024**2
_ELF = b"\x7fELF"


class ObjectFolder:
    """Contents by sha256 in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        return self.folder / sha256

    def add(self, content: bytes) -> str:
        """Keep ``content`` and return its sha256."""
        digest = hashlib.sha256(content).hexdigest()
        if not self.path(digest).exists():
            self.path(digest).write_bytes(content)
        return digest

    def read(self, sha256: str) -> bytes:
        return self.path(sha256).read_bytes()

    def is_native(self, sha256: str) -> bool:
        with self.path(sha256).open("rb") as file:
            return file.read(4) == _ELF


def write_stream(digests: Sequence[str], objects: ObjectFolder, target: Path, *, x86: bool) -> Stream:
    """Compress objects, one after the other, into ``target``; ``x86`` makes jumps of x86 code repeat."""
    import lzma

    sizes = [objects.path(digest).stat().st_size for digest in digests]
    dictionary = _MIN_DICTIONARY
    while dictionary < min(sum(sizes), MAX_DICTIONARY):
        dictionary *= 2
    filters: list[dict[str, int]] = [{"id": lzma.FILTER_X86}] if x86 else []
    filters += [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": dictionary}]
    with lzma.open(target, "wb", check=lzma.CHECK_CRC64, filters=filters) as output:
        for digest in digests:
            output.write(objects.read(digest))
    with target.open("rb") as packed:
        sha256 = stream_sha256(packed)
    contents = tuple(Object(digest, size) for digest, size in zip(digests, sizes, strict=True))
    return Stream(target.name, target.stat().st_size, sha256, contents)


def read_stream(stream: Stream, source: IO[bytes], objects: ObjectFolder, *, origin: str) -> None:
    """Unpack a stream into ``objects``, each verified against its digest before it gets its name.

    Raises
    ------
    BundleFileError
        If the stream is cut short or was altered.
    EnvironmentProblem
        If this Python was built without lzma.
    """
    try:
        import lzma
    except ImportError as error:
        raise EnvironmentProblem(
            "this Python was built without the lzma module",
            hint="run the bundle with another Python, for example the system's: /usr/bin/python3",
        ) from error
    half = objects.folder / ".half"
    try:
        with lzma.open(source, "rb") as unpacked:
            for item in stream.objects:
                _copy(unpacked, half, item, origin)
                half.replace(objects.path(item.sha256))
            if unpacked.read(1):
                raise BundleFileError(f"{origin}: {stream.member} holds more than it says", hint="copy it again")
    except (lzma.LZMAError, EOFError) as error:
        raise BundleFileError(
            f"{origin} is damaged: {stream.member} does not unpack ({error})", hint="copy the bundle again"
        ) from error


def _copy(source: IO[bytes], target: Path, item: Object, origin: str) -> None:
    digest = hashlib.sha256()
    left = item.size
    with target.open("wb") as output:
        while left:
            chunk = source.read(min(left, _CHUNK))
            if not chunk:
                raise EOFError("it ends early")
            digest.update(chunk)
            output.write(chunk)
            left -= len(chunk)
    if digest.hexdigest() != item.sha256:
        raise BundleFileError(
            f"{origin} was altered: a file has sha256 {digest.hexdigest()}, its manifest says {item.sha256}",
            hint="copy the bundle again, and compare its own sha256 with the one shown where it was made",
        )
