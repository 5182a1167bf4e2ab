"""The commits of the branch, and where they stand."""

from __future__ import annotations

import re
import shlex
import time

from scaffold.builds.source.git import GitError, git
from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, warned

_UNFINISHED = re.compile(r"^(fixup|squash|amend)! |^\W*(wip\b|(tmp|temp)(\W*$|[\]:]))", re.IGNORECASE)
_DAY = 24 * 60 * 60
#: Upstream merges several commits a day.
_OLD = 3 * _DAY
_MOST_NAMED = 5


class OnTopOfBase(Rule):
    id = "on-top-of-base"
    title = "The branch begins at upstream's newest commit"
    why = "CI merges the branch into main and tests that; a conflict or another's change shows there first."
    link = "https://github.com/tile-ai/tilelang/blob/main/CONTRIBUTING.md"

    def check(self, facts: Facts) -> Answer:
        change = facts.change
        remote, _, branch = change.base_ref.partition("/")
        fetch = f"git fetch {remote} {branch}" if branch else "git fetch"
        age = _age_of_fetch(facts)
        known = f"{change.base_ref} as of {_ago(age)}" if age is not None else f"{change.base_ref} as this clone has it"
        if change.behind:
            word = "commit" if change.behind == 1 else "commits"
            return warned(f"{change.behind:,} {word} behind {known}", fix=f"{fetch} && git rebase {change.base_ref}")
        if age is not None and age > _OLD:
            return warned(f"on top of {known}: that is old", fix=f"{fetch} && git rebase {change.base_ref}")
        return passed(f"on top of {known}")


def _age_of_fetch(facts: Facts) -> float | None:
    """Seconds since anything was fetched; ``None`` where nothing ever was."""
    try:
        path = git("rev-parse", "--git-path", "FETCH_HEAD", at=facts.change.root).strip()
        return max(0.0, time.time() - (facts.change.root / path).stat().st_mtime)
    except (GitError, OSError):
        return None


def _ago(seconds: float) -> str:
    for length, word in ((_DAY, "day"), (60 * 60, "hour"), (60, "minute")):
        count = int(seconds // length)
        if count:
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"


def _commit(paths: tuple[str, ...]) -> str:
    named = shlex.join(paths) if len(paths) <= _MOST_NAMED else "FILES"
    return f"git add -- {named} && git commit, or put aside what is not meant: git stash"


class CommitsClean(Rule):
    id = "commits-clean"
    title = "Everything is committed, and no commit is unfinished"
    why = "What is not committed is not in the pull request; merges hide what was changed from who reads it."
    link = "https://github.com/tile-ai/tilelang/blob/main/CONTRIBUTING.md"

    def check(self, facts: Facts) -> Answer:
        change = facts.change
        unfinished = [
            f"{commit.sha[:9]} {commit.subject}" for commit in change.commits if _UNFINISHED.match(commit.subject)
        ]
        if unfinished:
            return failed(
                "commits that say they are not finished",
                *unfinished,
                fix=f"git rebase -i --autosquash {change.base_ref}",
            )
        if change.uncommitted:
            count = len(change.uncommitted)
            what = "file is" if count == 1 else "files are"
            return failed(f"{count} {what} not committed", *change.uncommitted, fix=_commit(change.uncommitted))
        if not change.commits:
            return failed("the branch has no commit of its own", fix="git commit")
        merges = self._merges(facts)
        if merges:
            return warned(
                "merge commits: upstream squashes, a rebase reads better", *merges, fix=f"git rebase {change.base_ref}"
            )
        return passed(f"{len(change.commits)} commit{'s' if len(change.commits) > 1 else ''}")

    @staticmethod
    def _merges(facts: Facts) -> list[str]:
        change = facts.change
        log = git(
            "log", "--merges", "--first-parent", "--format=%h %s", f"{change.base}..{change.head}", at=change.root
        )
        return log.splitlines()
