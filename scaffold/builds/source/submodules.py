"""Third-party trees from the repositories that TileLang names as submodules, without ``git submodule``.

Only what a build needs is fetched, by commit and without history, into repositories of the kit's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.source.archive import extract
from scaffold.builds.source.disk import writing
from scaffold.builds.source.git import git
from scaffold.builds.source.needs import needed
from scaffold.builds.source.repository import Repository, clear_stale_locks, open_repository
from scaffold.builds.source.shared import SharedTree, SharedTrees
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem
from scaffold.progress import Progress


@dataclass(frozen=True)
class Submodule:
    """One submodule of TileLang: ``tree`` is ``tvm`` or ``cutlass``."""

    tree: str
    commit: str
    url: str | None


def fetch_submodule(module: Submodule, workspace: Workspace, progress: Progress) -> SharedTree:
    """The tree of ``module`` with the nested ones its build needs.

    Raises
    ------
    EnvironmentProblem
        If one of them cannot be fetched.
    """

    def make(folder: Path) -> None:
        _lay_out(module.tree, module.url, module.commit, folder, "", workspace, progress)

    return SharedTrees(workspace, progress).get(module.tree, module.commit, make, commit=module.commit)


def _lay_out(
    tree: str, url: str | None, commit: str, folder: Path, below: str, workspace: Workspace, progress: Progress
) -> None:
    """Write ``commit`` to ``folder/below``, then its own submodules below that."""
    if not url:
        raise EnvironmentProblem(f".gitmodules has no URL for {below or tree}", hint="add it there")
    repository = open_repository(url, workspace, progress)
    with workspace.lock(f"git-{repository.refs.rpartition('/')[2]}", progress):
        clear_stale_locks(repository)
        repository.fetch_shallow(commit)
        unpack_commit(repository, commit, folder / below, progress, tree=tree, below=below)
        links, urls = repository.gitlinks(commit), repository.submodule_urls(commit)
    for path, nested in links.items():
        inside = f"{below}{path}"
        if needed(tree, inside):
            _lay_out(tree, urls.get(path), nested, folder, f"{inside}/", workspace, progress)


def unpack_commit(
    repository: Repository, commit: str, folder: Path, progress: Progress, *, tree: str = "", below: str = ""
) -> None:
    """Write the files of ``commit`` into ``folder``, by ``git archive``: no ``.git``, no checkout is touched."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    packed = folder.with_name(f"{folder.name}.tar")
    try:
        git("archive", "--format=tar", f"--output={packed}", commit, at=repository.path)
        extract(
            packed,
            lambda path: folder / path if needed(tree, below + path) else None,
            progress,
            title=f"unpacking {tree or 'TileLang'} {commit[:12]}",
        )
    finally:
        packed.unlink(missing_ok=True)
