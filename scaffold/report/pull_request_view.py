"""What ``new-pr`` wrote and what ``open-pr`` would open, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StartedReport:
    """What ``new-pr`` wrote, or would write where ``written`` is false.

    ``files`` are paths in the checkout, with what each is to the pull request; ``kept`` stay in the folder ``draft``.
    """

    written: bool
    branch: str
    base_ref: str
    title: str
    draft: str
    files: dict[str, str]
    added_to: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class RemoteRow:
    """Where the branch is pushed to; ``url`` is without any password."""

    name: str
    url: str


@dataclass(frozen=True)
class CommitRow:
    """One commit of the pull request."""

    sha: str
    subject: str


@dataclass(frozen=True)
class OpeningReport:
    """The pull request as it would be, or was, opened.

    Attributes
    ----------
    cut
        What was left out of the description to fit GitHub's limit.
    redactions
        What was taken out of title and description -> how often.
    files
        Path -> Git's letter of its status.
    head, compare_url
        ``null`` until it is known whose fork it comes from.
    remote
        The fork's; ``null`` where no remote of the checkout is one.
    to_push
        How many commits the fork lacks; ``null`` where the branch is not there.
    failed
        Checks of preflight that failed on this commit, and commits that hold a credential.
    url
        Of the pull request; ``null`` where none was opened.
    existed
        Whether it was open before.
    """

    title: str
    body: str
    cut: tuple[str, ...]
    redactions: dict[str, int]
    head: str | None
    base: str
    commit: str
    remote: RemoteRow | None
    commits: tuple[CommitRow, ...]
    files: dict[str, str]
    uncommitted: tuple[str, ...]
    to_push: int | None
    images: tuple[str, ...]
    failed: tuple[str, ...]
    preflight: str
    unwritten: tuple[str, ...]
    compare_url: str | None
    body_file: str | None
    pushed: bool
    url: str | None
    existed: bool
