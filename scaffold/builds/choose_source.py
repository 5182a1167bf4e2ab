"""Which source ``setup`` builds when nobody says."""

from __future__ import annotations

from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.machine import find_tool
from scaffold.builds.source.git import GitError, git, hide_password
from scaffold.builds.source.model import UPSTREAM, SourceOptions
from scaffold.builds.source.worktree import find_checkout, has_changes, head_of
from scaffold.builds.workspace import Workspace
from scaffold.errors import UnknownBuildError
from scaffold.progress import Progress

#: A Git host that does not answer within this time is taken for one that cannot be reached.
_ANSWER_S = 10.0


def choose_source(workspace: Workspace, options: SourceOptions, progress: Progress) -> tuple[str, str]:
    """A build's name and the reason: a checkout that is here, else upstream's main branch, else the newest archive."""
    if options.url != UPSTREAM:
        return "git:main", f"from {hide_password(options.url)}"
    try:
        root = find_checkout("", workspace).root
    except UnknownBuildError:
        root = None
    # The kit's own clone is nobody's work until something is changed or committed in it.
    if root is not None and not (root == workspace.root / "tilelang" and _is_as_cloned(root)):
        return "worktree", f"there is a checkout in {root}"
    with progress.step(f"asking {options.url}"):
        answers, why_not = _git_answers(options.url)
    if answers:
        return "git:main", f"{options.url} answers"
    return "sdist:latest", f"{why_not}, so the newest release's source archive it is"


def _is_as_cloned(root: Path) -> bool:
    try:
        upstream = git("rev-parse", "--verify", "refs/remotes/origin/HEAD", at=root).strip()
        return head_of(root) == upstream and not has_changes(root)
    except GitError:
        return False


def _git_answers(url: str) -> tuple[bool, str]:
    program = find_tool("git")
    if program is None:
        return False, "there is no git here"
    quiet = ["-c", "credential.helper=", "-c", "core.askPass="]
    command: list[str | Path] = [program.path, *quiet, "ls-remote", "--exit-code", url, "refs/heads/main"]
    answer = ask(command, timeout_s=_ANSWER_S, env=None)
    return answer.ok, f"{url} does not answer ({answer.why_not})"
