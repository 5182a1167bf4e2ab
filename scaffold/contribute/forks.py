"""Which remote a branch is pushed to: a fork, and never upstream itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from scaffold.builds.source.git import GitError, git, hide_password
from scaffold.contribute.opening import UPSTREAM, Remote
from scaffold.errors import EnvironmentProblem, UsageError

#: ``https://user@host/owner/name.git``, ``ssh://git@host:22/owner/name``, ``git@host:owner/name``.
_FORMS = re.compile(
    r"(?:^[a-z+]+://[^/]+/|^(?:[\w.+-]+@)?[\w.-]{2,}:)(?P<owner>[\w-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?$"
)
#: In place of a fork's remote where there is none.
NO_FORK = Remote("", "", "", "")


def add_fork(user: str = "") -> str:
    """The command that makes a fork on GitHub a remote of the checkout."""
    return f"git remote add fork https://github.com/{user or 'YOU'}/tilelang"


def _make_one() -> str:
    by_gh = "gh repo fork tile-ai/tilelang --remote --remote-name fork"
    return f"make one: {by_gh}, or fork it on github.com and {add_fork()}"


def remotes_of(root: Path, *, goes_to: str) -> dict[str, Remote]:
    """Every remote by its name, with the URL that is pushed to, as the user wrote it.

    ``goes_to`` is the remote the pull request goes to. It is upstream's where its URL says so, and also where that is a
    mirror or a clone on a disk: one that is called ``upstream``, or whose URL names nobody, is no fork.
    """
    found = {}
    for name in git("remote", at=root).split():
        written = _settings(root, f"remote.{name}.pushurl") or _settings(root, f"remote.{name}.url")
        resolved = git("remote", "get-url", "--push", "--all", name, at=root).splitlines()
        owner, repository = owner_of(written[0]) if written else ("", "")
        upstream = any("/".join(owner_of(url)).lower() == UPSTREAM for url in (*written, *resolved))
        upstream = upstream or (name == goes_to and (name == "upstream" or not owner))
        found[name] = Remote(name, hide_password(", ".join(written)), owner, repository, upstream)
    return found


def owner_of(url: str) -> tuple[str, str]:
    """Owner and name of a repository by its URL; empty where it is a path."""
    match = _FORMS.match(url)
    return (match["owner"], match["name"]) if match else ("", "")


def choose_fork(
    root: Path, branch: str, base_ref: str, *, asked: str, ask: Callable[[str], str] | None, needed: bool = True
) -> Remote:
    """The remote of the fork: the one named, the only one, the one Git is set to push to, or the one answered.

    Where it is not ``needed`` and there is none, it is :data:`NO_FORK`.

    Raises
    ------
    UsageError
        If the one named is not there or is upstream, or there are several.
    EnvironmentProblem
        If there is none, and it is needed.
    """
    remotes = remotes_of(root, goes_to=base_ref.partition("/")[0])
    forks = {name: remote for name, remote in remotes.items() if not remote.upstream}
    if len(forks) > 1:
        forks.pop(base_ref.partition("/")[0], None)
    if asked:
        return _named(asked, remotes)
    if not forks and not needed:
        return NO_FORK
    if not forks:
        raise EnvironmentProblem(f"{root} has no remote that is a fork of {UPSTREAM}", hint=_make_one())
    if len(forks) == 1:
        return next(iter(forks.values()))
    for key in (f"branch.{branch}.pushRemote", "remote.pushDefault"):
        for name in _settings(root, key)[-1:]:
            if name in forks:
                return forks[name]
    if ask is None:
        raise UsageError(f"several remotes could be your fork: {_listed(forks)}", hint=f"say --remote {min(forks)}")
    return _named(ask(f"push to which remote? {_listed(forks)}: ").strip(), remotes)


def _named(name: str, remotes: Mapping[str, Remote]) -> Remote:
    if name not in remotes:
        raise UsageError(
            f"there is no remote {name!r}", hint=f"there are: {', '.join(remotes)}" if remotes else _make_one()
        )
    if remotes[name].upstream:
        raise UsageError(
            f"{name} is {UPSTREAM} itself or a copy of it, to which nothing is pushed",
            hint="name your fork: --remote NAME",
        )
    return remotes[name]


def _listed(remotes: Mapping[str, Remote]) -> str:
    return ", ".join(f"{name} ({remote.url})" for name, remote in remotes.items())


def _settings(root: Path, key: str) -> list[str]:
    try:
        return git("config", "--get-all", key, at=root).splitlines()
    except GitError:
        return []
