"""The two builds evidence compares: where the branch left upstream, and the branch as it lies in the checkout."""

from __future__ import annotations

from dataclasses import dataclass

from scaffold.builds.attestation import commit_words, read_attestation
from scaffold.builds.build import Build
from scaffold.builds.content import content_digest
from scaffold.builds.from_source import SourceBuildOptions
from scaffold.builds.source.model import SourceOptions
from scaffold.builds.store import BuildStore
from scaffold.builds.version import tilelang_version
from scaffold.builds.workspace import Workspace
from scaffold.contribute.change import Change
from scaffold.contribute.evidence.model import SideRecord
from scaffold.errors import ScaffoldError
from scaffold.progress import Progress

_FULL_SHA = 40


@dataclass(frozen=True)
class Sides:
    """Baseline and candidate; one build is both where the change cannot make another one."""

    baseline: Build
    candidate: Build

    @property
    def same(self) -> bool:
        return self.baseline.name == self.candidate.name

    def specs(self) -> tuple[str, ...]:
        return ("--baseline", f"build={self.baseline.name}", "--candidate", f"build={self.candidate.name}")


def names_of(change: Change, *, generates: bool, baseline: str, candidate: str) -> tuple[str, str]:
    """Names of the two builds, with what the user asked for on top."""
    base = baseline or f"git:{change.base}"
    return base, candidate or (f"worktree:{change.root}" if generates else base)


def make_sides(
    names: tuple[str, str], change: Change, workspace: Workspace, progress: Progress, torch: str | None
) -> Sides:
    """Make the builds, or bring them up to date.

    Raises
    ------
    BuildFailedError
        If one does not compile: of the candidate, that is the first thing a reviewer would see.
    """
    there = BuildStore(workspace, progress, torch=torch)
    # The commit is in the checkout; it may be nowhere else.
    own = SourceBuildOptions(source=SourceOptions(url=str(change.root)))
    from_checkout = BuildStore(workspace, progress, torch=torch, options=own)
    builds = []
    for name in names:
        found = _of_commit(name.removeprefix("git:"), there, workspace)
        unknown = name.startswith("git:") and there.find(name) is None
        builds.append(found or (from_checkout if unknown else there).get(name))
    return Sides(*builds)


def _of_commit(sha: str, store: BuildStore, workspace: Workspace) -> Build | None:
    """A build of that commit and nothing else, whatever it is called."""
    for build in store.installed() if len(sha) == _FULL_SHA else ():
        attestation = read_attestation(workspace, build.name)
        made_of = attestation.made_of if attestation else {}
        if made_of.get("commit") == sha and not made_of.get("dirty") and not build.name.startswith("worktree:"):
            return build
    return None


def record_of(build: Build, workspace: Workspace) -> SideRecord:
    """What tells the build from another one."""
    attestation = read_attestation(workspace, build.name)
    facts = attestation.short() if attestation else {}
    words = commit_words(facts)
    if tree := facts.get("tree_sha256"):
        words.append(f"tree {tree[:12]}")
    try:
        words.append(f"content {content_digest(build, workspace)[:12]}")
    except ScaffoldError as error:
        words.append(error.message)
    words += [f"{key} {facts[key]}" for key in ("compiler", "flags", "tvm") if facts.get(key)]
    # The folder of a worktree is nobody's business.
    return SideRecord(
        name=build.name.partition(":")[0] if build.name.startswith("worktree:") else build.name,
        version=tilelang_version(build, workspace),
        made_of=tuple(words),
    )
