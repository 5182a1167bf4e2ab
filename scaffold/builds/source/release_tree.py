"""Upstream's own tree of a release: its examples, tests, docs and sources, without third-party code.

Taken from the release's source archive and kept below ``workspace/cache/upstream``. A release without an archive
(0.1.15) gets that of the nearest older one, and whoever asks is told.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from scaffold.builds.source.archive import extract
from scaffold.builds.source.disk import writing
from scaffold.builds.source.index import source_archives
from scaffold.builds.source.sdist import Sdists
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem, UnknownBuildError
from scaffold.progress import Progress


@dataclass(frozen=True)
class ReleaseTree:
    """The tree of ``version``, which was the nearest to what was ``asked`` for."""

    folder: Path
    version: str
    asked: str

    @property
    def exact(self) -> bool:
        return self.version == self.asked


class ReleaseTrees:
    """The trees of a workspace, unpacked when first asked for."""

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        self.workspace = workspace
        self.progress = progress
        self.root = workspace.cache / "upstream"

    def get(self, version: str) -> ReleaseTree:
        """The tree of release ``version`` (``0.1.14``, ``0.1.14+cu128``), or of the nearest older one that has one.

        Raises
        ------
        UnknownBuildError
            If ``version`` is none, or no release that old has a source archive.
        EnvironmentProblem
            If no index answers, and no tree that fits is here.
        """
        asked = _public(version)
        if (self.root / asked).is_dir():
            return ReleaseTree(self.root / asked, asked, asked)
        found = self._nearest(asked)
        folder = self.root / found
        if not folder.is_dir():
            with self.workspace.lock(f"upstream-{found}", self.progress):
                if not folder.is_dir():
                    self._unpack(found, folder)
        return ReleaseTree(folder, found, asked)

    def _nearest(self, asked: str) -> str:
        """The newest version up to ``asked`` that the index has an archive of; of those here where none answers."""
        try:
            listed = [item.version for item in source_archives("tilelang") if not item.yanked]
        except EnvironmentProblem:
            listed = self._here()
            if not any(version <= Version(asked) for version in listed):
                raise
        older = [version for version in listed if version <= Version(asked)]
        exact = [version for version in older if version == Version(asked)]
        stable = [version for version in older if not version.is_prerelease]
        if not (exact or stable):
            there = ", ".join(map(str, sorted(listed))) or "none"
            raise UnknownBuildError(
                f"no release up to {asked} has a source archive", hint=f"versions that have one: {there}"
            )
        return str(max(exact or stable))

    def _here(self) -> list[Version]:
        """Versions that take no index: unpacked, or downloaded and checked."""
        names = [path.name for path in self.root.glob("[0-9]*") if path.is_dir()]
        checked = (self.workspace.cache / "downloads").glob("tilelang-*.tar.gz.sha256")
        names += [path.name.removeprefix("tilelang-").removesuffix(".tar.gz.sha256") for path in checked]
        return [Version(name) for name in names]

    def _unpack(self, version: str, folder: Path) -> None:
        archive = Sdists(self.workspace, self.progress).archive(version)
        incoming = self.root / f".incoming-{version}"
        title = f"unpacking the examples, tests and sources of TileLang {version}"
        with writing(self.root), self.progress.step(title, lasting=True):
            shutil.rmtree(incoming, ignore_errors=True)
            incoming.mkdir(parents=True)
            extract(
                archive,
                lambda path: None if path.startswith("3rdparty/") else incoming / path,
                self.progress,
                title=title,
                strip_top=True,
            )
            incoming.replace(folder)


def _public(version: str) -> str:
    """``0.1.14`` of ``0.1.14+cu128``."""
    try:
        return Version(version).public
    except InvalidVersion as error:
        raise UnknownBuildError(f"{version!r} is no version of a release", hint="for example: 0.1.14") from error
