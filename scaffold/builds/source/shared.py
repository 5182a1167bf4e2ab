"""Third-party trees (TVM, CUTLASS), shared between builds: ``workspace/thirdparty/<tree>-<key>``.

A tree is made under another name and renamed when it is whole, with a marker inside that says what it is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.source.disk import writing
from scaffold.builds.source.tree import Entry, Hashes, tree_sha256, walk
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress

_MARKER = ".scaffold-tree.json"


@dataclass(frozen=True)
class SharedTree:
    """One tree: ``identity`` is its commit, or ``sha256:`` and its content."""

    tree: str
    folder: Path
    identity: str
    #: The commit of TileLang whose source archive it is from.
    tilelang_commit: str | None = None

    @property
    def link(self) -> str:
        return f"3rdparty/{self.tree}"


class SharedTrees:
    """The shared trees of a workspace."""

    def __init__(self, workspace: Workspace, progress: Progress) -> None:
        self.workspace = workspace
        self.progress = progress
        self.root = workspace.root / "thirdparty"

    def find(self, tree: str, key: str) -> SharedTree | None:
        """The tree called ``key``, if it is here and whole."""
        folder = self.root / f"{tree}-{key}"
        try:
            marker = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
            return SharedTree(tree, folder.resolve(), marker["identity"], marker["tilelang_commit"])
        except (OSError, ValueError, KeyError):
            return None

    def incoming(self, tree: str, key: str) -> Path:
        """An empty place to make the tree in; what an interrupted run left there is gone."""
        folder = self.root / f".incoming-{tree}-{key}"
        with writing(self.root):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        return folder

    def discard(self, tree: str, key: str) -> None:
        shutil.rmtree(self.root / f".incoming-{tree}-{key}", ignore_errors=True)

    def accept(
        self, tree: str, key: str, *, commit: str | None = None, tilelang_commit: str | None = None
    ) -> SharedTree:
        """Take what lies in :meth:`incoming` for the whole tree."""
        made, folder = self.root / f".incoming-{tree}-{key}", self.root / f"{tree}-{key}"
        identity = commit or f"sha256:{tree_sha256(entries_of(made))}"
        marker = {"identity": identity, "tilelang_commit": tilelang_commit}
        with writing(self.root):
            (made / _MARKER).write_text(json.dumps(marker), encoding="utf-8")
            _clear(folder)
            made.replace(folder)
        return SharedTree(tree, folder, identity, tilelang_commit)

    def alias(self, shared: SharedTree, key: str) -> None:
        """Let ``shared`` be found by ``key``, too."""
        link = self.root / f"{shared.tree}-{key}"
        with writing(self.root):
            _clear(link)
            link.symlink_to(shared.folder.name, target_is_directory=True)

    def get(self, tree: str, key: str, make: Callable[[Path], None], *, commit: str | None = None) -> SharedTree:
        """The tree called ``key``, made by ``make`` if it is not here."""
        if found := self.find(tree, key):
            return found
        with self.workspace.lock(f"thirdparty-{tree}-{key}", self.progress):
            if found := self.find(tree, key):
                return found
            try:
                make(self.incoming(tree, key))
                return self.accept(tree, key, commit=commit)
            finally:
                self.discard(tree, key)


def _clear(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def entries_of(folder: Path) -> list[Entry]:
    return Hashes().entries(folder, (path for path in walk(folder) if path != _MARKER))
