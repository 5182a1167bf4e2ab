"""Rows for the two servers that a build comes from."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from scaffold.builds.asking import ask
from scaffold.builds.doctor.look import CouldNotLook
from scaffold.builds.doctor.model import STEPS, Row, Step, absent, missing, ok, warning
from scaffold.builds.machine import Tool
from scaffold.builds.source.index import source_archives
from scaffold.builds.source.model import UPSTREAM

#: Seconds a server has to answer.
SECONDS = 6.0
OFFLINE = "not asked: --offline"


def look_at_index() -> str:
    """The newest source archive of TileLang on pip's index.

    Raises
    ------
    CouldNotLook
        If it has none.
    """
    found = source_archives("tilelang")
    if not found:
        raise CouldNotLook("it answers, but has no TileLang")
    return str(found[-1].version)


def index_row(newest: Callable[[], str] | None, *, has_build: bool) -> Row:
    """``newest`` is ``None`` where nobody may ask; ``has_build``: where one is installed, lowering needs no index."""
    if newest is None:
        return absent(OFFLINE)
    try:
        return ok(f"answers; newest source archive of TileLang: {newest()}")
    except CouldNotLook as trouble:
        steps: tuple[Step, ...] = ("source",) if has_build else STEPS
        return missing(
            f"package index: {trouble}",
            f"{shlex.quote(sys.executable)} -m pip config list; look at index-url, cert and HTTPS_PROXY",
            lack="no package index",
            steps=steps,
        )


def look_at_git_host(git: Tool | None) -> str:
    """Ask upstream's repository for its newest commit, with the user's own Git settings.

    Raises
    ------
    CouldNotLook
        If it does not answer.
    """
    if git is None:
        raise CouldNotLook("no git to ask it with")
    # No prompt may open: neither Git's own, nor a window for credentials, nor ssh's question about a host.
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    said = ask([git.path, "ls-remote", UPSTREAM, "HEAD"], env=quiet, timeout_s=SECONDS)
    commit = said.stdout.split(maxsplit=1)[0] if said.ok and said.stdout else ""
    if not commit:
        raise CouldNotLook(re.sub(r"^fatal: (unable to access '[^']*': )?", "", said.why_not))
    return commit


def git_host_row(head: Callable[[], str] | None) -> Row:
    """Without it, a source still comes from the package index; ``head`` is ``None`` where nobody may ask."""
    if head is None:
        return absent(OFFLINE)
    host = urlsplit(UPSTREAM).netloc
    try:
        return ok(f"{host} answers; tile-ai/tilelang is at {head()[:10]}")
    except CouldNotLook as trouble:
        return warning(
            f"{host}: {trouble}; sdist:VERSION builds without it",
            "python -m scaffold setup --source sdist:latest",
        )
