"""Lay out the source of a build: ``sdist:``, ``git:`` or ``worktree``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scaffold.builds.names import FROM_SOURCE, BuildName
from scaffold.builds.source.checkout_trees import CheckoutTrees, modules_at
from scaffold.builds.source.disk import writing
from scaffold.builds.source.model import Source, SourceIdentity, SourceOptions
from scaffold.builds.source.repository import Repository, open_repository, origin_url
from scaffold.builds.source.sdist import Sdists, sdist_version
from scaffold.builds.source.shared import entries_of
from scaffold.builds.source.state import State, read_state, write_state
from scaffold.builds.source.submodules import unpack_commit
from scaffold.builds.source.third_party import ThirdParty, ThirdPartyFinder
from scaffold.builds.source.tree import (
    COMMIT_FILE,
    ChangedMeanwhileError,
    Entry,
    Hashes,
    Stamp,
    lay_out,
    read_line,
    tree_sha256,
    walk,
)
from scaffold.builds.source.worktree import find_checkout
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, UnknownBuildError
from scaffold.files import write_atomically
from scaffold.progress import Progress

_DEFAULT = SourceOptions()
#: What a build makes in the folder of its source.
_NOT_SOURCE = frozenset({"build"})
#: How often a checkout is read again that changes while it is read.
_ATTEMPTS = 3


def obtain(
    name: BuildName, folder: Path, *, workspace: Workspace, progress: Progress, options: SourceOptions = _DEFAULT
) -> Source:
    """Make ``folder`` hold exactly the source of ``name``.

    Files that are right already keep their modification time, others get a new one, and what the source does not
    have goes; ``folder/build`` and compiled Python are left alone. Killed at any moment, the next call repairs.

    Raises
    ------
    UnknownBuildError
        If there is no such version, ref or checkout.
    EnvironmentProblem
        If something it needs does not answer or is not installed.
    OutputFolderError
        If the disk is full or not writable.
    BuildFailedError
        If what was fetched is damaged, or third-party sources cannot be had.
    """
    folder = folder.absolute()
    workspace.folder(folder.parent)
    with workspace.lock(f"source-{name.folder}", progress):
        obtaining = _Obtaining(name, folder, workspace, progress, options)
        if name.kind == "sdist":
            return obtaining.sdist()
        if name.kind == "git":
            return obtaining.git()
        if name.kind == "worktree":
            return obtaining.worktree()
    raise UnknownBuildError(f"{name} is not built from source", hint=f"kinds that are: {', '.join(FROM_SOURCE)}")


class _Obtaining:
    """One call of :func:`obtain`."""

    def __init__(
        self, name: BuildName, folder: Path, workspace: Workspace, progress: Progress, options: SourceOptions
    ) -> None:
        self.name = name
        self.folder = folder
        self.workspace = workspace
        self.progress = progress
        self.options = options
        self.state = read_state(folder)
        self.sdists = Sdists(workspace, progress)
        self._hashes = Hashes(self.state.folder_stamps if self.state else None)
        self._present = self._list_folder()

    def sdist(self) -> Source:
        version = self.sdists.newest() if self.name.rest == "latest" else self.name.rest
        third_party = sdist_version(self.options.third_party) if self.options.third_party else version
        key = f"sdist:{version} with sdist:{third_party}"
        if source := self._unchanged(key):
            return source
        with self._staging() as staging:
            found = ThirdParty(tuple(self.sdists.unpack(version, staging)))
            if third_party != version:
                note = f"third-party sources from sdist:{third_party}, as asked"
                found = ThirdParty(tuple(self.sdists.unpack(third_party, None)), (note,))
            entries = own_entries(entries_of(staging))
            commit = read_line(staging / COMMIT_FILE)
            return self._lay_out(key, f"sdist:{version}", commit, staging, entries, found)

    def git(self) -> Source:
        repository = open_repository(self.options.url, self.workspace, self.progress)
        commit, note = repository.resolve(self.name.rest)
        key = f"git:{commit} with {self.options.third_party}"
        if source := self._unchanged(key):
            return source
        modules = modules_at(repository, commit)
        finder = ThirdPartyFinder(self.sdists, [repository], may_fetch=True)
        forced = self.options.third_party
        found = finder.forced(forced, modules) if forced else finder.find(modules)
        if note:
            found = ThirdParty(found.trees, (note, *found.notes))
        with self._staging() as staging:
            tree = staging / "tree"
            unpack_commit(repository, commit, tree, self.progress)
            return self._lay_out(key, str(self.name), commit, tree, own_entries(entries_of(tree)), found)

    def worktree(self) -> Source:
        for attempt in range(_ATTEMPTS):
            try:
                return self._worktree_now()
            except (ChangedMeanwhileError, FileNotFoundError) as error:
                changing = error
                self.progress.echo(f"{error} changed while it was read (attempt {attempt + 1})")
                self._present = self._list_folder()
        raise BuildFailedError(
            f"the checkout changes while it is read: {changing}",
            hint="wait for what writes there (an editor, a branch switch), then run the command again",
        )

    def _worktree_now(self) -> Source:
        checkout = find_checkout(self.name.rest, self.workspace)
        hashes = Hashes(self.state.origin_stamps if self.state else None)
        places = [checkout.root, self.workspace.root / "tilelang"]
        repositories = [
            Repository(path, origin_url(path), self.progress) for path in places if (path / ".git").exists()
        ]
        entries = own_entries(hashes.entries(checkout.root, checkout.files()))
        trees = CheckoutTrees(checkout, self.sdists, repositories, hashes)
        found = trees.find(self.options)
        commit = checkout.head() or (None if checkout.is_git else read_line(checkout.root / COMMIT_FILE))
        dirty = checkout.is_dirty() or trees.dirty
        origin = f"worktree:{checkout.root}"
        return self._lay_out("", origin, commit, checkout.root, entries, found, dirty=dirty, origin_hashes=hashes)

    def _list_folder(self) -> dict[str, Entry]:
        """What the folder holds now."""
        if not self.folder.is_dir():
            return {}
        found = self._hashes.entries(self.folder, walk(self.folder, skip_top=_NOT_SOURCE))
        return {entry.path: entry for entry in found}

    def _unchanged(self, key: str) -> Source | None:
        """The source, if the folder still is what was laid out from ``key``."""
        state = self.state
        if state is None or state.key != key or read_line(self.folder / COMMIT_FILE) != state.identity.commit:
            return None
        own = {path: entry for path, entry in self._own_present().items() if path not in state.links}
        if own != state.entries or any(not _leads(self.folder / path, to) for path, to in state.links.items()):
            return None
        if self._hashes.news:
            write_state(self.folder, replace(state, folder_stamps=self._hashes.seen))
        return Source(self.folder, state.identity)

    def _own_present(self) -> dict[str, Entry]:
        return {path: entry for path, entry in self._present.items() if path != COMMIT_FILE}

    def _lay_out(
        self,
        key: str,
        origin: str,
        commit: str | None,
        root: Path,
        entries: list[Entry],
        found: ThirdParty,
        *,
        dirty: bool = False,
        origin_hashes: Hashes | None = None,
    ) -> Source:
        """Bring the folder to ``entries`` of ``root`` and the trees of ``found``, and remember it."""
        links = {tree.link: tree.folder for tree in found.trees}
        changed = lay_out(entries, root, links, self.folder, self._own_present())
        changed |= _write_commit(self.folder, commit)
        identity = SourceIdentity(
            origin=origin,
            version=read_line(self.folder / "VERSION") or "unknown",
            commit=commit,
            dirty=dirty,
            tree_sha256=tree_sha256(entries),
            thirdparty={tree.link: tree.identity for tree in found.trees},
            notes=found.notes,
        )
        stamps = self._stamps() if changed else self._hashes.seen
        origin_stamps = origin_hashes.seen if origin_hashes else {}
        state = State(key, identity, {entry.path: entry for entry in entries}, links, stamps, origin_stamps)
        if state != self.state:
            write_state(self.folder, state)
        return Source(self.folder, identity)

    def _stamps(self) -> dict[str, Stamp]:
        hashes = Hashes(self._hashes.seen)
        hashes.entries(self.folder, walk(self.folder, skip_top=_NOT_SOURCE))
        return hashes.seen

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """An empty folder beside the source; what an interrupted run left there goes."""
        staging = self.folder.with_name(f"{self.folder.name}.incoming")
        with writing(staging.parent):
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def own_entries(entries: list[Entry]) -> list[Entry]:
    """Without the commit file, which is written for every kind alike."""
    return [entry for entry in entries if entry.path != COMMIT_FILE]


def _write_commit(folder: Path, commit: str | None) -> bool:
    path = folder / COMMIT_FILE
    if read_line(path) == commit:
        return False
    with writing(folder):
        if commit is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, commit.encode())
    return True


def _leads(link: Path, target: Path) -> bool:
    return link.is_symlink() and target.is_dir() and link.resolve() == target.resolve()
