"""A pull request as it would be opened: title and description without what tells of this machine, and what is pushed.

Reads the checkout and the draft, and sends nothing; :mod:`scaffold.contribute.posting` does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from scaffold.builds.source.git import GitError, git, git_bytes
from scaffold.contribute.body import LIMIT, fit_body, unwritten
from scaffold.contribute.change import Change, Commit
from scaffold.contribute.credentials import credentials_in
from scaffold.contribute.draft import Draft
from scaffold.contribute.redaction import Redaction, Redactor, joined
from scaffold.contribute.titles import LONGEST_TITLE
from scaffold.errors import UsageError
from scaffold.files import write_atomically

UPSTREAM = "tile-ai/tilelang"
#: In the draft's folder: what the last preflight of the branch said.
PREFLIGHT = "preflight.json"
#: A longer address is refused by some browsers and by GitHub itself.
_LONGEST_URL = 2_000
_IMAGES = frozenset({".png", ".gif", ".jpg", ".jpeg", ".svg", ".webp"})


@dataclass(frozen=True)
class Remote:
    """A remote; ``owner`` is empty where its URL does not say one, and ``name`` where there is none of a fork yet.

    ``url`` is without any password; ``upstream`` says that a push would go to upstream itself.
    """

    name: str
    url: str
    owner: str
    repository: str
    upstream: bool = False


@dataclass(frozen=True)
class Preflight:
    """What the last preflight of the branch said; ``head`` is empty where there was none."""

    head: str
    failed: tuple[str, ...]

    def told(self, head: str) -> str:
        if not self.head:
            return "preflight was not run on this branch"
        if self.head != head:
            return f"preflight was not run on this commit, but on {self.head[:12]}"
        return f"{len(self.failed)} failed: {', '.join(self.failed)}" if self.failed else "nothing failed"


@dataclass(frozen=True)
class Opening:
    """All there is to show before a pull request is opened.

    Attributes
    ----------
    cut
        What was left out of the description to fit GitHub's limit.
    files
        Path -> letter of its status, of what is committed; nothing else is pushed.
    to_push
        How many commits the fork does not have, as far as is known here; ``None`` where the branch is not there.
    leaks
        Commits and the kind of credential that each would publish.
    failed
        Checks of the last preflight that failed on this very commit.
    user
        Whose fork it is; empty where that is not known yet.
    """

    title: str
    body: str
    cut: tuple[str, ...]
    redactions: tuple[Redaction, ...]
    branch: str
    base: str
    head: str
    commits: tuple[Commit, ...]
    files: tuple[tuple[str, str], ...]
    uncommitted: tuple[str, ...]
    to_push: int | None
    images: tuple[Path, ...]
    preflight: Preflight
    unwritten: tuple[str, ...]
    leaks: tuple[str, ...]
    behind: int
    remote: Remote
    user: str

    @property
    def failed(self) -> tuple[str, ...]:
        on_this = self.preflight.failed if self.preflight.head == self.head else ()
        return (*on_this, *self.leaks)

    @property
    def head_label(self) -> str | None:
        """``jo:fix/short-fragment``: how GitHub and gh name the branch of a fork; ``None`` for nobody's."""
        return f"{self.user}:{self.branch}" if self.user else None

    @property
    def compare_url(self) -> str | None:
        """The page on which the pull request is opened by hand; its title is filled in where there is room.

        ``None`` as long as it is not known whose fork it is: there is no such page.
        """
        if not self.user:
            return None
        fork = f"{self.user}:{self.remote.repository}" if self.remote.repository not in ("", "tilelang") else self.user
        page = f"https://github.com/{UPSTREAM}/compare/{quote(self.base)}...{quote(f'{fork}:{self.branch}', safe='/:')}"
        full = f"{page}?expand=1&title={quote(self.title, safe='')}"
        return full if len(full) <= _LONGEST_URL else f"{page}?expand=1"


def prepare(draft: Draft, change: Change, remote: Remote, *, user: str, redactor: Redactor) -> Opening:
    """Everything as it would be opened.

    Raises
    ------
    UsageError
        If the branch has no commit of its own, there is no description, or the title is none.
    """
    _require_something(draft, change)
    title, taken = redactor.redact(_title(draft))
    body, more = redactor.redact(draft.body.read_text(encoding="utf-8", errors="replace"))
    fitting, cut = fit_body(body, LIMIT)
    return Opening(
        title=title,
        body=fitting,
        cut=cut,
        redactions=joined((*taken, *more)),
        branch=change.branch,
        base=base_branch(draft.base_ref, change.root),
        head=change.head,
        commits=change.commits,
        files=_committed(change),
        uncommitted=change.uncommitted,
        to_push=_to_push(change, remote.name),
        images=images_of(draft),
        preflight=read_preflight(draft),
        unwritten=unwritten(body),
        leaks=leaks(change),
        behind=change.behind,
        remote=remote,
        user=user,
    )


def _require_something(draft: Draft, change: Change) -> None:
    if not change.commits:
        count = len(change.uncommitted)
        told = "1 changed file is" if count == 1 else f"{count} changed files are"
        waiting = f"; {told} in no commit" if count else ""
        raise UsageError(
            f"{change.branch} has no commit that {draft.base_ref} does not have{waiting}",
            hint="commit your change: git add -A && git commit",
        )
    if not draft.body.is_file():
        raise UsageError(
            f"{draft.body} is not there", hint="bring it back, or start anew: python -m scaffold new-pr KIND --adopt"
        )


def _title(draft: Draft) -> str:
    title = " ".join(draft.title.split())
    if not re.search(r"\w", title):
        raise UsageError("the draft has no title", hint=f'write one: title = "…" in {draft.folder / "pr.toml"}')
    if len(title) > LONGEST_TITLE:
        raise UsageError(
            f"the title has {len(title)} characters, GitHub takes {LONGEST_TITLE}",
            hint=f"shorten it in {draft.folder / 'pr.toml'}",
        )
    return title


def base_branch(base_ref: str, root: Path) -> str:
    """``main`` of ``upstream/main``; ``main`` too where the draft names a commit or a branch of its own."""
    remote, slash, branch = base_ref.partition("/")
    return branch if slash and remote in git("remote", at=root).split() else "main"


def _committed(change: Change) -> tuple[tuple[str, str], ...]:
    listing = git("diff", "--name-status", "--no-renames", "-z", change.base, change.head, at=change.root).split("\0")
    return tuple(zip(listing[1::2], listing[::2], strict=False))


def _to_push(change: Change, remote: str) -> int | None:
    try:
        known = f"refs/remotes/{remote}/{change.branch}"
        git("rev-parse", "--verify", "--quiet", known, at=change.root)
        return int(git("rev-list", "--count", f"{known}..{change.head}", at=change.root))
    except GitError:
        return None


def leaks(change: Change) -> tuple[str, ...]:
    """What is a credential by its form alone, in a message or an added line: once pushed it is public for good."""
    found = []
    for commit in change.commits:
        patch = git_bytes("show", "--format=", "--unified=0", "--no-color", "--no-ext-diff", commit.sha, at=change.root)
        added = (line[1:] for line in patch.decode("utf-8", "replace").split("\n") if line.startswith("+"))
        kinds = credentials_in("\n".join((commit.subject, commit.body, *added)))
        found += [f"commit {commit.sha[:12]} holds a {kind}" for kind in kinds]
    return tuple(found)


def images_of(draft: Draft) -> tuple[Path, ...]:
    """Pictures that ``evidence`` drew and others of the draft; GitHub takes them by drag and drop alone."""
    there = (path for folder in ("images", "evidence") for path in sorted((draft.folder / folder).rglob("*")))
    return tuple(path for path in there if path.suffix.lower() in _IMAGES and path.is_file())


def write_preflight(draft: Draft, head: str, failed: Sequence[str]) -> None:
    """Keep what a preflight of the whole branch said, for :func:`read_preflight`."""
    document = {"schema_version": 1, "head": head, "failed": sorted(failed)}
    write_atomically(draft.folder / PREFLIGHT, json.dumps(document, indent=1).encode())


def read_preflight(draft: Draft) -> Preflight:
    """The result that lies in the draft's folder; one that cannot be read counts as none."""
    try:
        document = json.loads((draft.folder / PREFLIGHT).read_bytes())
        if document["schema_version"] != 1:
            return Preflight("", ())
        return Preflight(str(document["head"]), tuple(map(str, document["failed"])))
    except (OSError, ValueError, KeyError, TypeError):
        return Preflight("", ())
