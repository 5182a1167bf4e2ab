"""The ``.tlbundle`` file: a zip that Python can run, with its content in xz streams. Standard library only."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from scaffold.builds.bundle.manifest import MEMBER, Manifest, decode_manifest, encode_manifest
from scaffold.builds.bundle.objects import ObjectFolder, read_stream
from scaffold.errors import BundleFileError

SUFFIX = ".tlbundle"
#: Zip members carry no time of their own.
_TIME = (1980, 1, 1, 0, 0, 0)
#: A manifest larger than this is none: 60,000 files take 6 MB.
_MAX_MANIFEST = 64 * 1024**2
_LZMA_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


class BundleFile:
    """An open bundle; a context manager.

    Raises
    ------
    BundleFileError
        If there is no such file, or it is cut short, altered, or no bundle.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise BundleFileError(f"cannot read {path}: {error.strerror}", hint="check the path") from error
        except zipfile.BadZipFile as error:
            raise BundleFileError(
                f"{path} is cut short, or no bundle: {path.stat().st_size:,} bytes",
                hint="copy it again, and compare its size and sha256 with those shown where it was made",
            ) from error
        try:
            if self._zip.getinfo(MEMBER).file_size > _MAX_MANIFEST:
                raise BundleFileError(f"{path} has a manifest too large to be one", hint="this is no bundle")
            data = self._zip.read(MEMBER)
        except KeyError as error:
            raise BundleFileError(
                f"{path} is no bundle: it has no {MEMBER}", hint="make one: python -m scaffold bundle"
            ) from error
        except _LZMA_DAMAGE as error:
            raise BundleFileError(f"{path} is damaged: {error}", hint="copy the bundle again") from error
        self.identity = hashlib.sha256(data).hexdigest()
        self.manifest: Manifest = decode_manifest(data, origin=str(path))

    def __enter__(self) -> BundleFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def unpack(self, objects: ObjectFolder) -> None:
        """Put every object into ``objects``, each verified.

        Raises
        ------
        BundleFileError
            If one does not have the sha256 that the manifest says.
        """
        for stream in self.manifest.streams:
            try:
                with self._zip.open(stream.member) as source:
                    read_stream(stream, source, objects, origin=str(self.path))
            except KeyError as error:
                raise BundleFileError(f"{self.path} lacks {stream.member}", hint="copy the bundle again") from error
            except _LZMA_DAMAGE as error:
                raise BundleFileError(
                    f"{self.path} is damaged in {stream.member}: {error}", hint="copy the bundle again"
                ) from error


def write_bundle(path: Path, manifest: Manifest, streams: Sequence[Path], program: Mapping[str, bytes]) -> None:
    """Write a bundle to ``path``; ``program`` are the modules that unpack it, ``__main__.py`` among them."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in sorted({**program, MEMBER: encode_manifest(manifest)}.items()):
            archive.writestr(_entry(name, zipfile.ZIP_DEFLATED), data, compresslevel=9)
        for stream in streams:
            with stream.open("rb") as source, archive.open(_entry(stream.name, zipfile.ZIP_STORED), "w") as target:
                while chunk := source.read(1024**2):
                    target.write(chunk)


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = method
    entry.external_attr = 0o100644 << 16
    return entry
