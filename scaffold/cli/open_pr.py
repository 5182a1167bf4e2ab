"""``open-pr``: the pull request as it would be; with ``--push`` the branch is pushed and a draft of it opened."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from scaffold.builds.workspace import Workspace
from scaffold.cli.options import Parser, add_common, command_line, near, progress_of, write_out
from scaffold.contribute.current import current_pull_request
from scaffold.contribute.draft import Draft
from scaffold.contribute.forks import add_fork, choose_fork
from scaffold.contribute.opening import UPSTREAM, Opening, prepare
from scaffold.contribute.posting import Posted, body_file, create_command, edit_command, post
from scaffold.contribute.redaction import Redactor, describe
from scaffold.errors import ExitCode, UsageError
from scaffold.report.corpus_words import many
from scaffold.report.pull_request_json import render_opening_json
from scaffold.report.pull_request_view import CommitRow, OpeningReport, RemoteRow

_MOST_FILES = 40
_GPU_TESTS = (
    "upstream's GPU tests run on tile-ai's machines, for pull requests that are no draft: mark it ready when it is. "
    "A first pull request also waits for a maintainer to let CI run."
)


def run(argv: Sequence[str]) -> int:
    """Show it, and with ``--push`` open it."""
    namespace = _parser().parse_args(argv)
    progress = progress_of(namespace)
    workspace = Workspace.at(namespace.workspace)
    current = current_pull_request(namespace.checkout or "", workspace)
    draft, change = current.draft, current.change
    asks = sys.stdin.isatty() and not namespace.json
    fork = choose_fork(
        change.root,
        change.branch,
        draft.base_ref,
        asked=namespace.remote or "",
        ask=input if asks else None,
        needed=namespace.push,
    )
    redactor = Redactor.of_this_machine(workspace.root, draft.checkout)
    opening = prepare(draft, change, fork, user=namespace.user or fork.owner, redactor=redactor)
    posted = None
    if namespace.push:
        _require_sound(opening, draft.body, despite=namespace.although_checks_fail)
        posted = post(opening, draft.folder, change.root, redactor=redactor, progress=progress)
    if namespace.json:
        write_out(render_opening_json(_told(opening, posted, draft)))
        return int(ExitCode.OK)
    following = _following(opening, draft, argv, despite=namespace.although_checks_fail)
    lines = _posted(posted, opening, draft) if posted else (*_shown(opening), f"next: {following}")
    print("\n".join(_plain(line) for line in lines))  # noqa: T201
    return int(ExitCode.OK)


def _parser() -> Parser:
    parser = Parser(
        "open-pr",
        "Show the pull request as it would be opened: title, description without what tells of this machine, commits, "
        "files, pictures, and the checks that still fail. With --push, push the branch to your fork and open a draft.",
        example="open-pr --push",
    )
    parser.add_argument("--push", action="store_true", help="push the branch to the fork and open a draft")
    parser.add_argument(
        "--although-checks-fail",
        action="store_true",
        help="push although checks of preflight failed on this commit, or something is still to be written",
    )
    parser.add_argument("--remote", metavar="NAME", help="the remote of your fork (default: the one not upstream's)")
    parser.add_argument("--user", metavar="NAME", help="whose fork it is, on GitHub (default: by the remote's URL)")
    parser.add_argument("--checkout", metavar="DIR", help="default: the one around this folder, else the workspace's")
    parser.add_argument("--json", action="store_true", help="all of it as JSON")
    add_common(parser)
    return parser


def _require_sound(opening: Opening, body: Path, *, despite: bool) -> None:
    """See to it that nothing is pushed that is not ready.

    Raises
    ------
    UsageError
        If a commit holds a credential, whatever was asked for; if a check fails or something is still to be written.
    """
    if opening.leaks:
        raise UsageError(
            f"not pushed: {', '.join(opening.leaks)}",
            hint="take it out of every commit (git rebase -i), and revoke it if it was ever pushed; if it is none, "
            "push by hand",
        )
    if opening.failed and not despite:
        raise UsageError(
            f"not pushed, as checks fail on this commit: {', '.join(opening.failed)}",
            hint=f"mend them: {command_line('preflight')}; or push all the same: --although-checks-fail",
        )
    if opening.unwritten and not despite:
        raise UsageError(
            f"not pushed, as this is still to be written in the description: {'; '.join(opening.unwritten)}",
            hint=f"write it in {near(body)}, or push all the same: --although-checks-fail",
        )


def _shown(opening: Opening) -> Iterator[str]:
    yield f"~ {opening.title}"
    yield f"  from {opening.head_label or f'YOU:{opening.branch}'} to {opening.base} of {UPSTREAM}, as a draft"
    yield from _pushed(opening)
    yield from _warnings(opening)
    yield from _pictures(opening)
    yield from (f"  {line}" for line in describe(opening.redactions))
    yield f"---- description, {len(opening.body):,} characters " + "-" * 40
    yield opening.body.rstrip("\n")
    yield "-" * 72


def _following(opening: Opening, draft: Draft, argv: Sequence[str], *, despite: bool) -> str:
    """What is done before it is opened, else the command that opens it."""
    if opening.leaks:
        return f"take the credential out of every commit: git rebase -i {shlex.quote(draft.base_ref)}"
    if opening.failed and not despite:
        return command_line("preflight", "--checkout", str(draft.checkout))
    if opening.unwritten and not despite:
        return f"write what is missing in {near(draft.body)}"
    if not opening.remote.name:
        return add_fork(opening.user)
    if not opening.user:
        return command_line("open-pr", *(word for word in argv if word != "--push"), "--user", "YOU", "--push")
    return command_line("open-pr", *(word for word in argv if word != "--push"), "--push")


def _pushed(opening: Opening) -> Iterator[str]:
    count = opening.to_push
    new = (
        f"{opening.branch} is not there yet"
        if count is None
        else f"it lacks {many(count, 'commit')}"
        if count
        else "it has them all"
    )
    if opening.remote.name:
        yield f"  pushed to {opening.remote.name} ({opening.remote.url}): {new}"
    else:
        yield "  pushed to your fork, once there is one"
    for commit in reversed(opening.commits):
        yield f"    {commit.sha[:9]} {commit.subject}"
    for path, letter in opening.files[:_MOST_FILES]:
        yield f"    {letter} {path}"
    if len(opening.files) > _MOST_FILES:
        yield f"    and {many(len(opening.files) - _MOST_FILES, 'file')} more"


def _warnings(opening: Opening) -> Iterator[str]:
    yield f"  {'!' if opening.failed or not opening.preflight.head else '·'} {opening.preflight.told(opening.head)}"
    yield from (f"  ! {leak}" for leak in opening.leaks)
    if opening.uncommitted:
        yield f"  ! in no commit, so not in it: {', '.join(opening.uncommitted[:6])}" + (
            f" and {len(opening.uncommitted) - 6} more" if len(opening.uncommitted) > 6 else ""
        )
    if opening.unwritten:
        yield "  ! still to be written in the description:"
        yield from (f"    {what}" for what in opening.unwritten)
    if opening.cut:
        yield f"  ! left out of the description, to fit GitHub's limit: {', '.join(opening.cut)}"
    if not opening.remote.name:
        also = "" if opening.user else ", or say whose it will be: --user NAME"
        yield f"  ! no remote here is your fork: {add_fork(opening.user)}{also}"
    elif not opening.user:
        url = f"https://github.com/YOU/{opening.remote.repository or 'tilelang'}"
        yield (
            f"  ! {opening.remote.name} does not say whose fork it is: --user NAME, or git remote set-url "
            + shlex.join([opening.remote.name, url])
        )
    if opening.branch == opening.base:
        yield f"  ! the branch is called {opening.base}: a fork has one of that name, for one pull request"
    if opening.behind:
        yield f"  · {opening.base} has {many(opening.behind, 'commit')} that the branch does not have"


def _pictures(opening: Opening) -> Iterator[str]:
    if opening.images:
        yield "  pictures, to be dragged into the description on GitHub, which takes them no other way:"
        yield from (f"    {near(path)} ({max(path.stat().st_size // 1000, 1)} KB)" for path in opening.images)


def _posted(posted: Posted, opening: Opening, draft: Draft) -> Iterator[str]:
    body = body_file(draft.folder)
    yield f"+ {opening.branch} is pushed to {opening.remote.name} ({opening.remote.url})"
    yield from _warnings(opening)
    if posted.by_hand:
        yield f"  {posted.by_hand}, so the rest is yours:"
        yield f"  1. open {opening.compare_url}"
        yield f"  2. title: {opening.title}"
        yield f"  3. description: paste {near(body)}"
        yield "  4. choose 'Create draft pull request'"
        yield from _pictures(opening)
        yield f"  {_GPU_TESTS}"
        yield f"next: with gh it is {shlex.join(create_command(opening, body))}"
        return
    if posted.existed:
        yield f"  its pull request was there already: {posted.url}"
        yield "  its title and description are as they were; to replace the description:"
        yield f"next: {shlex.join(edit_command(posted.url, body))}"
        return
    yield f"+ a draft is open: {posted.url}"
    yield from _pictures(opening)
    yield f"  {_GPU_TESTS}"
    yield f"next: gh pr ready {posted.url}"


def _told(opening: Opening, posted: Posted | None, draft: Draft) -> OpeningReport:
    return OpeningReport(
        title=opening.title,
        body=opening.body,
        cut=opening.cut,
        redactions={line.what: line.count for line in opening.redactions},
        head=opening.head_label,
        base=opening.base,
        commit=opening.head,
        remote=RemoteRow(opening.remote.name, opening.remote.url) if opening.remote.name else None,
        commits=tuple(CommitRow(commit.sha, commit.subject) for commit in reversed(opening.commits)),
        files=dict(opening.files),
        uncommitted=opening.uncommitted,
        to_push=opening.to_push,
        images=tuple(str(path) for path in opening.images),
        failed=opening.failed,
        preflight=opening.preflight.told(opening.head),
        unwritten=opening.unwritten,
        compare_url=opening.compare_url,
        body_file=str(body_file(draft.folder)) if posted else None,
        pushed=posted is not None,
        url=posted.url or None if posted else None,
        existed=posted.existed if posted else False,
    )


def _plain(text: str) -> str:
    """Without control characters: a title, a path or a message of a commit may hold what a terminal would obey."""
    return "".join(sign for sign in text if sign in "\n\t" or sign.isprintable() or ord(sign) > 0x9F)
