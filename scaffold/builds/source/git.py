"""Git commands that never prompt, never stall for good, and never write where they only read."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from scaffold.errors import BuildFailedError, EnvironmentProblem, MissingToolError, OutputFolderError, ScaffoldError
from scaffold.progress import Progress

#: No bytes for this long, in seconds, and git gives up an HTTP transfer by itself.
_STALL_SECONDS = 60

#: Settings for every command: nothing of the user's hooks or watchers runs on our behalf.
_SETTINGS = (
    *(
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "gc.auto=0",
        "-c",
        "maintenance.auto=false",
    ),
    *("-c", "http.lowSpeedLimit=1", "-c", f"http.lowSpeedTime={_STALL_SECONDS}", "-c", "advice.detachedHead=false"),
)
#: Set where git itself started us, from a hook: they would turn every command to that repository.
FOREIGN_VARIABLES = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR"),
)
_UNREACHABLE = re.compile(
    r"could not resolve|couldn't connect|failed to connect|connection (timed out|refused|reset)|network is unreachable"
    r"|unable to access|operation too slow|early eof|hung up|could not read from remote|timed out"
    r"|could not read username|authentication failed|permission denied",
    re.IGNORECASE,
)
_ABSENT = re.compile(r"does not appear to be a git repository|repository .* (not found|does not exist)", re.IGNORECASE)
_FULL = re.compile(r"no space left|disk quota", re.IGNORECASE)


class GitError(BuildFailedError):
    """A git command that failed."""

    code = "git-failed"
    #: All that git wrote, and of it the line with the reason.
    stderr = ""
    said = ""

    @classmethod
    def of(cls, command: Sequence[str], stderr: str) -> GitError:
        lines = [line for line in stderr.splitlines() if line.startswith(("fatal:", "error:"))] or stderr.splitlines()
        said = lines[0].removeprefix("fatal: ").removeprefix("error: ") if lines else "it gave no reason"
        error = cls(
            f"git {command[0]} failed: {said}",
            hint="git config --global --add safe.directory DIR" if "dubious ownership" in stderr else None,
            context={"command": hide_password("git " + " ".join(command))},
        )
        error.stderr, error.said = stderr, said
        return error

    @property
    def unreachable(self) -> bool:
        return bool(_UNREACHABLE.search(self.stderr))


def git(*arguments: str, at: Path | None = None) -> str:
    """What a command that stays on this machine prints.

    Raises
    ------
    GitError
        If it fails.
    MissingToolError
        If there is no git.
    """
    return git_bytes(*arguments, at=at).decode("utf-8", "surrogateescape")


def git_bytes(*arguments: str, at: Path | None = None) -> bytes:
    try:
        done = subprocess.run(
            _command(arguments, at), stdin=subprocess.DEVNULL, capture_output=True, env=_environment(), check=False
        )
    except FileNotFoundError as error:
        raise _no_git() from error
    if done.returncode != 0:
        failure = GitError.of(arguments, done.stderr.decode("utf-8", "replace"))
        raise _disk_full() if _FULL.search(failure.stderr) else failure
    return done.stdout


def git_network(*arguments: str, url: str, progress: Progress, at: Path | None = None) -> str:
    """What a command prints that talks to ``url``; git's own progress is shown.

    Raises
    ------
    GitError
        If it fails for a reason of the repository (no such commit).
    EnvironmentProblem
        If ``url`` cannot be reached, or the disk is full.
    """
    command = _command(arguments, at)
    progress.echo(" ".join(("git", *arguments)))
    # Standard output goes to a file: a full pipe would stop git while its other one is followed.
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, env=_network_environment()
            )
        except FileNotFoundError as error:
            raise _no_git() from error
        assert process.stderr is not None
        try:
            with process.stderr:
                stderr = _follow(process.stderr, progress)
            process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        output.seek(0)
        stdout = output.read().decode("utf-8", "surrogateescape")
    if process.returncode != 0:
        raise _explain(GitError.of(arguments, stderr), url)
    return stdout


def _explain(error: GitError, url: str) -> ScaffoldError:
    shown = hide_password(url)
    if _FULL.search(error.stderr):
        return _disk_full()
    if _ABSENT.search(error.stderr):
        return EnvironmentProblem(f"{shown} is no Git repository", hint="name a repository: --url URL or a local path")
    if error.unreachable:
        return EnvironmentProblem(
            f"cannot reach {shown}: {error.said.replace(url, shown)}",
            hint="check the network and git's proxy, name a mirror with --url URL, "
            "or build a release without Git: --source sdist:latest",
        )
    return error


def _follow(stream: IO[bytes], progress: Progress) -> str:
    """Show the moving lines git writes; returns all of them."""
    text, line = bytearray(), bytearray()
    while byte := stream.read(1):
        text += byte
        if byte in b"\r\n":
            if b"%" in line:
                progress.update(line.decode("utf-8", "replace").strip())
            line.clear()
        else:
            line += byte
    return text.decode("utf-8", "replace")


def _command(arguments: Sequence[str], at: Path | None) -> list[str]:
    return ["git", *_SETTINGS, *(("-C", str(at)) if at else ()), *arguments]


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in FOREIGN_VARIABLES}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", "GCM_INTERACTIVE": "never"}


def _network_environment() -> dict[str, str]:
    """As :func:`_environment`, and ssh does not ask either, unless the user set up an ssh command of their own."""
    environment = _environment()
    if "GIT_SSH_COMMAND" not in environment and "GIT_SSH" not in environment:
        own = subprocess.run(["git", "config", "core.sshCommand"], capture_output=True, env=environment, check=False)
        if own.returncode != 0:
            environment["GIT_SSH_COMMAND"] = f"ssh -oBatchMode=yes -oConnectTimeout={_STALL_SECONDS}"
    return environment


def _disk_full() -> OutputFolderError:
    return OutputFolderError(
        "the disk is full", hint="free some space, or put the workspace elsewhere: --workspace DIR"
    )


def _no_git() -> MissingToolError:
    return MissingToolError(
        "git is not installed",
        hint="install it (apt install git, dnf install git, xcode-select --install), "
        "or build a release without it: --source sdist:latest",
    )


def hide_password(url: str) -> str:
    """``url`` without the ``user:password@`` it may have."""
    return re.sub(r"(?<=://)[^/]*@", "", url)
