"""Where the third-party sources of a commit come from: its submodules, or a release archive that has the same ones.

A release's source archive names its TileLang commit (``.git_commit.txt``), and its tag is in the repository; where the
submodule commits there equal those wanted, the archive holds the sources wanted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from scaffold.builds.source.git import GitError
from scaffold.builds.source.repository import Repository
from scaffold.builds.source.sdist import Sdists, sdist_version
from scaffold.builds.source.shared import SharedTree
from scaffold.builds.source.submodules import Submodule, fetch_submodule
from scaffold.errors import BuildFailedError, EnvironmentProblem, ScaffoldError, UnknownBuildError

_TVM = "3rdparty/tvm"


@dataclass(frozen=True)
class ThirdParty:
    """The trees of a source, and what the user should know of them."""

    trees: tuple[SharedTree, ...]
    notes: tuple[str, ...] = ()


class ThirdPartyFinder:
    """Finds trees for submodule commits; ``repositories`` are asked for tags, the first may fetch them."""

    def __init__(self, sdists: Sdists, repositories: Sequence[Repository], *, may_fetch: bool) -> None:
        self.sdists = sdists
        self.repositories = repositories
        self.may_fetch = may_fetch

    def find(self, modules: Sequence[Submodule]) -> ThirdParty:
        """Trees for ``modules``, fetched, or of a release archive with the same TVM.

        Raises
        ------
        EnvironmentProblem
            If they cannot be fetched and no release archive has the same TVM.
        """
        found: dict[str, SharedTree] = {}
        notes: list[str] = []
        problem: ScaffoldError | None = None
        for module in modules:
            try:
                tree, note = self._known(module) or (
                    fetch_submodule(module, self.sdists.workspace, self.sdists.progress),
                    None,
                )
            except (EnvironmentProblem, UnknownBuildError, GitError) as error:
                problem = error
                break
            found[module.tree] = tree
            notes += [note] if note else []
        if problem is None:
            return ThirdParty(tuple(found.values()), tuple(dict.fromkeys(notes)))
        return self._from_matching_sdist(modules, problem)

    def forced(self, wanted: str, modules: Sequence[Submodule]) -> ThirdParty:
        """The trees of the release the user named, and where they are not those of ``modules``."""
        version = sdist_version(wanted)
        trees = self.sdists.unpack(version, None)
        has = self._commits_of(trees)
        notes = [f"third-party sources from sdist:{version}, as asked"]
        for module in modules:
            path = f"3rdparty/{module.tree}"
            if path not in has:
                notes.append(f"whether its {path} is {module.commit[:12]} cannot be told")
            elif has[path] != module.commit:
                notes.append(f"its {path} is {has[path][:12]}, the source wants {module.commit[:12]}")
        return ThirdParty(_with_commits(trees, has), tuple(notes))

    def _known(self, module: Submodule) -> tuple[SharedTree, str | None] | None:
        """The tree, if it was fetched or found equal before."""
        tree = self.sdists.trees.find(module.tree, module.commit)
        if tree is None:
            return None
        release = tree.folder.resolve().name.partition("-sdist-")[2]
        note = f"{module.tree} from sdist:{release}: its commit is the same, {module.commit[:12]}" if release else None
        return replace(tree, identity=module.commit), note

    def _from_matching_sdist(self, modules: Sequence[Submodule], problem: ScaffoldError) -> ThirdParty:
        wanted = {f"3rdparty/{module.tree}": module.commit for module in modules}
        for version in self._releases_with(wanted):
            try:
                trees = self.sdists.unpack(version, None)
            except (UnknownBuildError, BuildFailedError, EnvironmentProblem) as error:
                self.sdists.progress.say(f"sdist:{version} has the same TVM, but: {error.message}")
                continue
            has = self._commits_of(trees)
            if has.get(_TVM) != wanted[_TVM]:
                continue
            return ThirdParty(_with_commits(trees, has), tuple(self._note(version, trees, has, wanted)))
        raise EnvironmentProblem(
            f"no third-party sources: {problem.message}; and no release archive has TVM {wanted.get(_TVM, '?')[:12]}",
            hint="connect to the network, or insist on a release's: --third-party sdist:VERSION "
            "(its TVM is another commit, the build may fail or behave differently)",
            context={f"{path} wanted": commit for path, commit in wanted.items()}
            | {f"TVM of {version}": commit for version, commit in self._tvm_of_releases()[:3]},
        )

    def _note(
        self, version: str, trees: Sequence[SharedTree], has: Mapping[str, str], wanted: Mapping[str, str]
    ) -> list[str]:
        """Say where the trees come from; equal ones are remembered by their commit."""
        notes = []
        for tree in trees:
            commit = wanted.get(tree.link)
            if commit is None:
                continue
            if has.get(tree.link) == commit:
                self.sdists.trees.alias(tree, commit)
                notes.append(f"{tree.tree} from sdist:{version}: its commit is the same, {commit[:12]}")
            else:
                other = has.get(tree.link, "unknown")[:12]
                notes.append(f"{tree.tree} from sdist:{version}: its commit is {other}, the source wants {commit[:12]}")
        return notes

    def _releases_with(self, wanted: Mapping[str, str]) -> list[str]:
        """Releases whose TVM is the one wanted; those that match in all, then the newest, first."""
        if self.may_fetch:
            with contextlib.suppress(EnvironmentProblem, GitError):  # the tags fetched before still count
                self.repositories[0].fetch_release_tags()
        matching = []
        for version, links in self._links_of_releases():
            if links.get(_TVM) == wanted.get(_TVM):
                matching.append((links.items() >= wanted.items(), version))
        return [str(version) for _, version in sorted(matching, reverse=True)]

    def _links_of_releases(self) -> list[tuple[Version, dict[str, str]]]:
        found: dict[Version, tuple[Repository, str]] = {}
        for repository in self.repositories:
            for version, commit in repository.release_tags().items():
                found.setdefault(version, (repository, commit))
        return [(version, found[version][0].gitlinks(found[version][1])) for version in sorted(found, reverse=True)]

    def _tvm_of_releases(self) -> list[tuple[str, str]]:
        return [(str(version), links[_TVM][:12]) for version, links in self._links_of_releases() if _TVM in links]

    def _commits_of(self, trees: Sequence[SharedTree]) -> dict[str, str]:
        """The submodule commits at the TileLang commit the archive of ``trees`` names; empty where it is not here."""
        commit = next((tree.tilelang_commit for tree in trees if tree.tilelang_commit), None)
        for repository in self.repositories:
            if commit and repository.has(commit):
                return repository.gitlinks(commit)
        return {}


def _with_commits(trees: Sequence[SharedTree], commits: Mapping[str, str]) -> tuple[SharedTree, ...]:
    return tuple(replace(tree, identity=commits.get(tree.link, tree.identity)) for tree in trees)
