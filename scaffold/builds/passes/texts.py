"""Where tests and docs of a release are read: a wheel has neither.

From what is here, in this order: a build from source of that release, upstream's tree of it in the cache, its tag in
the workspace's clone, the nearest older tree in the cache. Only when asked to is a source archive downloaded.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from packaging.version import InvalidVersion, Version

from scaffold.builds.passes.index import Tree
from scaffold.builds.passes.layout import Layout
from scaffold.builds.passes.origin import Origin, clone_of, release_urls, version_of
from scaffold.builds.source.git import GitError
from scaffold.builds.source.release_tree import ReleaseTrees
from scaffold.builds.source.state import read_state
from scaffold.builds.source.submodules import unpack_commit
from scaffold.builds.workspace import Workspace
from scaffold.errors import MissingToolError
from scaffold.progress import Progress


class TextTrees:
    """Finds the tests and docs that go with a release."""

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        self.workspace = workspace
        self.progress = progress
        self._releases = ReleaseTrees(workspace, progress)

    def find(self, version: str) -> Origin | None:
        """The tree for release ``version``, of what is here; ``None`` where nothing fits."""
        if not version:
            return None
        if folder := self._built(version):
            return self._origin(f"sdist:{version}", version, folder)
        if (self._releases.root / version).is_dir() or self._unpack_tag(version):
            return self._release(version)
        older = [item for item in self._here() if item < Version(version)]
        return self._release(str(max(older))) if older else None

    def fetch(self, version: str) -> Origin:
        """The tree for release ``version`` or the nearest older one, downloaded if need be.

        Raises
        ------
        UnknownBuildError
            If no release that old has a source archive.
        EnvironmentProblem
            If no index answers.
        """
        return self._release(self._releases.get(version).version)

    def _release(self, version: str) -> Origin:
        return self._origin(f"sdist:{version}", version, self._releases.root / version)

    def _origin(self, label: str, version: str, folder: Path) -> Origin:
        url, tvm_url = release_urls(version, self.workspace, self.progress)
        tree = Tree(label=label, version=version, folder=str(folder), url=url, tvm_url=tvm_url)
        return Origin(tree, Layout.of_repository(folder))

    def _here(self) -> list[Version]:
        found = []
        for path in self._releases.root.glob("[0-9]*"):
            with contextlib.suppress(InvalidVersion):
                found.append(Version(path.name))
        return found

    def _built(self, version: str) -> Path | None:
        """The source of a build of that very release."""
        for folder in sorted(self.workspace.builds.glob("sdist-*/source")):
            state = read_state(folder)
            if state is not None and version_of(state.identity.version) == version and (folder / "testing").is_dir():
                return folder
        return None

    def _unpack_tag(self, version: str) -> bool:
        """Put the tree of the release's tag where upstream's trees are kept, if the clone has it."""
        clone = clone_of(self.workspace, self.progress)
        folder = self._releases.root / version
        with contextlib.suppress(GitError, MissingToolError):
            commit = clone.release_tags().get(Version(version)) if clone else None
            if clone is None or commit is None:
                return False
            with self.workspace.lock(f"upstream-{version}", self.progress):
                if not folder.is_dir():
                    incoming = self._releases.root / f".incoming-{version}"
                    shutil.rmtree(incoming, ignore_errors=True)
                    unpack_commit(clone, commit, incoming, self.progress)
                    incoming.replace(folder)
            return True
        return False
