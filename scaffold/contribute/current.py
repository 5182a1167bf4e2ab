"""The branch one is on, and its draft: what ``evidence`` and ``open-pr`` begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.source.worktree import find_checkout
from scaffold.builds.workspace import Workspace
from scaffold.contribute.change import Change, current_branch, read_change
from scaffold.contribute.draft import Draft, all_drafts, find_draft
from scaffold.contribute.kinds import Kind, find_kind
from scaffold.contribute.upstream import open_checkout
from scaffold.errors import UsageError


@dataclass(frozen=True)
class Current:
    """A branch, what it changes, its draft and its kind."""

    draft: Draft
    change: Change
    kind: Kind


def current_pull_request(checkout: str, workspace: Workspace) -> Current:
    """The pull request of the branch that is checked out.

    Raises
    ------
    UsageError
        If HEAD is detached, the branch has no draft, or it changes nothing.
    """
    root = find_checkout(checkout, workspace, said_as="--checkout DIR").root
    open_checkout(root)
    branch = current_branch(root)
    if not branch:
        raise UsageError(f"HEAD of {root} is detached: a pull request is of a branch", hint="git switch BRANCH")
    draft = find_draft(workspace, root, branch)
    if draft is None:
        raise UsageError(f"the branch {branch} has no draft in {workspace.root}", hint=_how(root, workspace))
    change = read_change(root, draft.base_ref)
    if not change.files:
        raise UsageError(f"{branch} changes nothing that {draft.base_ref} does not have", hint="make the change first")
    return Current(draft, change, find_kind(draft.kind))


def _how(root: Path, workspace: Workspace) -> str:
    others = [draft.branch for draft in all_drafts(workspace) if draft.checkout.resolve() == root.resolve()]
    if others:
        return f"git switch {others[0]}, or start one for this branch: python -m scaffold new-pr KIND --adopt"
    return f"start one for it: python -m scaffold new-pr KIND --adopt --checkout {root}"
