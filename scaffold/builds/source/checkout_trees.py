"""The third-party trees of a checkout: copies, since a build may write into the ones it uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scaffold.builds.source.model import SourceOptions
from scaffold.builds.source.needs import SHARED, UNUSED_SUBMODULES
from scaffold.builds.source.repository import Repository
from scaffold.builds.source.sdist import Sdists
from scaffold.builds.source.shared import SharedTree
from scaffold.builds.source.submodules import Submodule
from scaffold.builds.source.third_party import ThirdParty, ThirdPartyFinder
from scaffold.builds.source.tree import Entry, Hashes, lay_out, tree_sha256
from scaffold.builds.source.worktree import Checkout, has_changes, head_of
from scaffold.errors import BuildFailedError


def modules_at(repository: Repository, commit: str) -> list[Submodule]:
    """The submodules a build of ``commit`` needs."""
    return as_modules(repository.gitlinks(commit), repository.submodule_urls(commit))


def as_modules(links: dict[str, str], urls: dict[str, str]) -> list[Submodule]:
    trees = {path.removeprefix("3rdparty/"): path for path in links if path.startswith("3rdparty/")}
    return [
        Submodule(tree, links[path], urls.get(path)) for tree, path in trees.items() if tree not in UNUSED_SUBMODULES
    ]


class CheckoutTrees:
    """Finds the trees of one checkout; ``hashes`` remembers the content of those that have changes."""

    def __init__(self, checkout: Checkout, sdists: Sdists, repositories: Sequence[Repository], hashes: Hashes) -> None:
        self.checkout = checkout
        self.sdists = sdists
        self.repositories = repositories
        self.hashes = hashes
        #: Whether a submodule has changes of its own.
        self.dirty = False

    def find(self, options: SourceOptions) -> ThirdParty:
        """The trees of the checkout as it is now; those that are not filled as for a commit.

        Raises
        ------
        BuildFailedError
            If there is no such tree and nothing says which it should be.
        """
        modules = self._modules()
        finder = ThirdPartyFinder(self.sdists, self.repositories, may_fetch=False)
        if options.third_party:
            return finder.forced(options.third_party, modules)
        trees = []
        missing = []
        for tree in dict.fromkeys((*SHARED, *(module.tree for module in modules))):
            files = self.checkout.tree_files(tree)
            if files is not None:
                trees.append(self._copy(tree, files))
            elif module := next((module for module in modules if module.tree == tree), None):
                missing.append(module)
            else:
                raise BuildFailedError(
                    f"no sources in {self.checkout.root / '3rdparty' / tree}",
                    hint="put them there, or take a release's: --third-party sdist:VERSION",
                )
        found = finder.find(missing) if missing else ThirdParty(())
        wanted = {module.tree for module in missing}
        return ThirdParty((*trees, *(tree for tree in found.trees if tree.tree in wanted)), found.notes)

    def _modules(self) -> list[Submodule]:
        if not self.checkout.is_git:
            return []
        return as_modules(self.checkout.gitlinks(), self.repositories[0].submodule_urls(""))

    def _copy(self, tree: str, files: list[str]) -> SharedTree:
        """The tree at its shared place: by its commit where it is unchanged, else by its content."""
        folder = self.checkout.root / "3rdparty" / tree
        shared = self.sdists.trees
        if self.checkout.is_git and (folder / ".git").exists():
            commit = head_of(folder)
            if commit and not has_changes(folder):
                return shared.get(
                    tree, commit, lambda target: _fill(target, folder, Hashes().entries(folder, files)), commit=commit
                )
            self.dirty = True
        prefix = f"3rdparty/{tree}/"
        listed = self.hashes.entries(self.checkout.root, [prefix + path for path in files])
        entries = [Entry(entry.path.removeprefix(prefix), entry.kind, entry.sha256) for entry in listed]
        key = f"content-{tree_sha256(entries)[:16]}"
        return shared.get(tree, key, lambda target: _fill(target, folder, entries))


def _fill(target: Path, folder: Path, entries: list[Entry]) -> None:
    """Copy with the times of the checkout: Ninja then rebuilds what was edited there, and no more."""
    lay_out(entries, folder, {}, target, {}, keep_times=True)
