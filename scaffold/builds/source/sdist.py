"""Sources from a release's source archive, which holds TileLang with TVM and CUTLASS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from scaffold.builds.source.archive import extract
from scaffold.builds.source.download import download
from scaffold.builds.source.index import source_archive
from scaffold.builds.source.needs import SHARED, UNUSED_SUBMODULES, needed
from scaffold.builds.source.pip_settings import read_pip_settings
from scaffold.builds.source.shared import SharedTree, SharedTrees
from scaffold.builds.source.tree import COMMIT_FILE, read_line
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, UsageError
from scaffold.files import file_sha256
from scaffold.progress import Progress


class Sdists:
    """Source archives of TileLang, downloaded once."""

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        self.workspace = workspace
        self.progress = progress
        self.trees = SharedTrees(workspace, progress)

    def newest(self) -> str:
        """The newest release that has a source archive."""
        with self.progress.step("asking the index for the newest source archive"):
            return str(source_archive("latest").version)

    def archive(self, version: str) -> Path:
        """The archive of ``version``, here and checked; asks no index for one that was checked before."""
        folder = self.workspace.folder(self.workspace.cache / "downloads")
        path, checked = folder / f"tilelang-{version}.tar.gz", folder / f"tilelang-{version}.tar.gz.sha256"
        with self.workspace.lock(f"download-tilelang-{version}", self.progress):
            if path.is_file() and checked.is_file() and checked.read_text(encoding="utf-8") == file_sha256(path):
                return path
            found = source_archive(version)
            path = download(found, folder, self.progress, certificate=read_pip_settings().certificate)
            checked.write_text(file_sha256(path), encoding="utf-8")
            return path

    def unpack(self, version: str, own: Path | None) -> list[SharedTree]:
        """TileLang's own tree into ``own`` if given; the third-party trees at their shared place.

        Raises
        ------
        BuildFailedError
            If the archive holds no TileLang.
        """
        key = f"sdist-{version}"
        with self.workspace.lock(f"thirdparty-{key}", self.progress):
            found = {tree: self.trees.find(tree, key) for tree in SHARED}
            if own is not None or not all(found.values()):
                archive = self.archive(version)
                missing = {tree: self.trees.incoming(tree, key) for tree, here in found.items() if here is None}
                title = f"unpacking TileLang {version}"
                note = self.trees.incoming("commit", key) / COMMIT_FILE
                places = _Places(own, missing, note)
                with self.progress.step(title, lasting=True):
                    extract(archive, places.of, self.progress, title=title, strip_top=True)
                _require_tilelang(archive, own, missing)
                commit = read_line((own / COMMIT_FILE) if own else note)
                found |= {tree: self.trees.accept(tree, key, tilelang_commit=commit) for tree in missing}
                self.trees.discard("commit", key)
        return [tree for tree in found.values() if tree is not None]


@dataclass(frozen=True)
class _Places:
    """Where each path of an archive goes: ``own`` tree, ``trees`` to be made, or only the ``commit_file``."""

    own: Path | None
    trees: Mapping[str, Path]
    commit_file: Path

    def of(self, path: str) -> Path | None:
        parts = path.split("/")
        if parts[0] == "3rdparty" and len(parts) > 2 and parts[1] in (*SHARED, *UNUSED_SUBMODULES):
            tree, inside = parts[1], "/".join(parts[2:])
            return self.trees[tree] / inside if tree in self.trees and needed(tree, inside) else None
        if self.own is not None:
            return self.own / path
        return self.commit_file if path == COMMIT_FILE else None


def _require_tilelang(archive: Path, own: Path | None, trees: Mapping[str, Path]) -> None:
    expected = [folder / ("CMakeLists.txt" if tree == "tvm" else "include") for tree, folder in trees.items()]
    if own is not None:
        expected += [own / "CMakeLists.txt", own / "VERSION", own / "src"]
    lacking = [path for path in expected if not path.exists()]
    if lacking:
        raise BuildFailedError(
            f"{archive} is no complete TileLang source: no {lacking[0].name} where one belongs",
            hint=f"take another release, or delete it and run the command again: rm {archive}",
        )


def sdist_version(text: str) -> str:
    """The version of ``sdist:0.1.13``.

    Raises
    ------
    UsageError
        If it is none.
    """
    kind, _, version = text.partition(":")
    try:
        if kind == "sdist" and version:
            return str(Version(version))
    except InvalidVersion:
        pass
    raise UsageError(f"{text!r} is no source of third-party code", hint="say --third-party sdist:0.1.13")
