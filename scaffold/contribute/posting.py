"""Push a branch to a fork and open a draft of its pull request: the only two things the kit ever sends anywhere.

Nothing is forced, and nothing goes through a shell: a title is one argument, whatever it holds.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.source.git import FOREIGN_VARIABLES, hide_password
from scaffold.contribute.opening import UPSTREAM, Opening
from scaffold.contribute.redaction import Redactor
from scaffold.errors import EnvironmentProblem, MissingToolError, UsageError
from scaffold.files import write_atomically
from scaffold.progress import Progress

#: What gh and git may take, in seconds.
_TIMEOUT_S = 600.0
_URL = re.compile(r"https://[\w.-]+/[\w.-]+/[\w.-]+/pull/\d+")
_REJECTED = re.compile(r"\[rejected\]|non-fast-forward|fetch first|stale info")
_UNREACHABLE = re.compile(r"could not resolve|timed out|failed to connect|couldn't connect|unreachable", re.IGNORECASE)
_DENIED = re.compile(
    r"permission|denied|could not read|authentication|not found|403|401|terminal prompts|does not appear", re.IGNORECASE
)


@dataclass(frozen=True)
class Posted:
    """What came of it: the URL of the pull request, and whether it was there before.

    ``by_hand`` says why the last step is the user's; empty where it is not.
    """

    url: str = ""
    existed: bool = False
    by_hand: str = ""


def body_file(folder: Path) -> Path:
    """Where the description as posted is kept, beside the one that is edited."""
    return folder / "body-as-posted.md"


def push_command(opening: Opening) -> list[str]:
    """Pushes this branch and nothing else, whatever the user's settings add."""
    ref = f"refs/heads/{opening.branch}"
    options = ("-c", "push.followTags=false", "push", "--recurse-submodules=no")
    return ["git", *options, opening.remote.name, f"{ref}:{ref}"]


def create_command(opening: Opening, body: Path) -> list[str]:
    flags = ["--draft", f"--repo={UPSTREAM}", f"--base={opening.base}", f"--head={opening.head_label}"]
    return ["gh", "pr", "create", *flags, f"--title={opening.title}", f"--body-file={body}"]


def edit_command(url: str, body: Path) -> list[str]:
    return ["gh", "pr", "edit", url, f"--body-file={body}"]


def why_no_gh() -> str:
    """Why gh cannot open it; empty where it can."""
    program = shutil.which("gh")
    if program is None:
        return "gh is not installed"
    done = _run([program, "auth", "status", "--hostname", "github.com"], Path.cwd())
    return "" if done.returncode == 0 else "gh is not logged in (gh auth login)"


def post(opening: Opening, folder: Path, root: Path, *, redactor: Redactor, progress: Progress) -> Posted:
    """Push, then open a draft; where gh cannot, the branch is pushed and the rest is the user's.

    Raises
    ------
    UsageError
        If the fork has commits of this branch that are not here.
    EnvironmentProblem
        If the fork cannot be reached or takes nothing from this user, or GitHub refuses.
    """
    if not opening.user:
        raise UsageError(
            f"{opening.remote.name} ({opening.remote.url}) does not say whose fork it is",
            hint="say your name on GitHub: --user NAME",
        )
    body = body_file(folder)
    write_atomically(body, opening.body.encode())
    _push(opening, root, redactor, progress)
    if why := why_no_gh():
        return Posted(by_hand=why)
    return _create(opening, body, root, redactor, progress)


def _push(opening: Opening, root: Path, redactor: Redactor, progress: Progress) -> None:
    command = push_command(opening)
    progress.echo(shlex.join(command))
    with progress.step(f"pushing {opening.branch} to {opening.remote.name}"):
        done = _run(command, root)
    if done.returncode != 0:
        raise _push_failed(opening, redactor, done.stderr)


def _create(opening: Opening, body: Path, root: Path, redactor: Redactor, progress: Progress) -> Posted:
    command = create_command(opening, body)
    progress.echo(shlex.join(command))
    with progress.step("opening the pull request"):
        done = _run(command, root)
    said = f"{done.stdout}\n{done.stderr}"
    url = _URL.search(said)
    if url and (done.returncode == 0 or "already exists" in said):
        return Posted(url[0], existed=done.returncode != 0)
    raise EnvironmentProblem(
        "the branch is pushed, but gh could not open the pull request",
        context={"gh": _shown(said, redactor)},
        hint=f"open it by hand: {opening.compare_url}",
    )


def _push_failed(opening: Opening, redactor: Redactor, stderr: str) -> Exception:
    said = _shown(stderr, redactor)
    again = shlex.join(["git", "push", opening.remote.name, opening.branch])
    if _REJECTED.search(stderr):
        return UsageError(
            f"{opening.remote.name} has commits of {opening.branch} that are not here, or yours was rebased",
            context={"git": said},
            hint=f"nothing is forced; look first: git fetch {shlex.quote(opening.remote.name)}; if it was your rebase: "
            f"git push --force-with-lease {shlex.quote(opening.remote.name)} {shlex.quote(opening.branch)}",
        )
    why = "takes nothing from you" if _DENIED.search(stderr) else "did not take it"
    why = "cannot be reached" if _UNREACHABLE.search(stderr) else why
    return EnvironmentProblem(
        f"{opening.remote.name} ({opening.remote.url}) {why}",
        context={"git": said},
        hint=f"see that this works, then run it again: {again}",
    )


def _shown(said: str, redactor: Redactor) -> str:
    return redactor.redact(hide_password(said))[0].strip()


def _run(command: Sequence[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it; what it asks, it asks on a terminal or not at all."""
    quiet = {"GH_PROMPT_DISABLED": "1", "NO_COLOR": "1", "LC_ALL": "C"}
    if not sys.stdin.isatty():
        quiet["GIT_TERMINAL_PROMPT"] = "0"
    environment = {key: value for key, value in os.environ.items() if key not in FOREIGN_VARIABLES}
    try:
        return subprocess.run(
            list(command),
            cwd=cwd,
            env={**environment, **quiet},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise MissingToolError(f"{command[0]} is not installed", hint=f"install {command[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentProblem(
            f"{command[0]} did not end within {_TIMEOUT_S:.0f} s", hint="check the network, then run it again"
        ) from error
