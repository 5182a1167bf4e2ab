"""The names of builds: ``wheel:0.1.15``, ``sdist:0.1.14``, ``git:main``, ``worktree``, ``path:DIR``, ``python:PATH``.

A name says where a TileLang comes from, and is also the folder it is kept in.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from scaffold.errors import UnknownBuildError

Kind = Literal["wheel", "sdist", "git", "worktree", "path", "python", "auto"]

#: What a name may be, with what ``--help`` and errors say of it.
FORMS: dict[Kind, str] = {
    "wheel": "wheel:0.1.15 or wheel:latest, a release from the package index",
    "sdist": "sdist:0.1.14 or sdist:latest, a release built from its source archive",
    "git": "git:main or git:v0.1.13, a commit built from source",
    "worktree": "worktree or worktree:DIR, a checkout as it is now, uncommitted changes included",
    "path": "path:DIR, a TileLang you built yourself",
    "python": "python:/path/to/python, an interpreter that has TileLang",
    "auto": "auto, the release that the project of the file asks for",
}

_SHORT_FORMS = "wheel:0.1.15, sdist:0.1.14, git:main, worktree, worktree:DIR, path:DIR, python:PATH or auto"

#: Kinds that the kit compiles.
FROM_SOURCE: tuple[Kind, ...] = ("sdist", "git", "worktree")

_VERSION = re.compile(r"\d+(\.\d+)*(\.post\d+|rc\d+|a\d+|b\d+)?\Z")
_SAFE = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True)
class BuildName:
    """A parsed name; ``rest`` is the version, ref, folder or interpreter, empty for a bare ``worktree``."""

    kind: Kind
    rest: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.rest}" if self.rest else self.kind

    @property
    def from_source(self) -> bool:
        return self.kind in FROM_SOURCE

    @property
    def folder(self) -> str:
        """Name of its folder: readable, and another one for every name."""
        if not self.rest:
            return self.kind
        safe = _SAFE.sub("-", self.rest).strip("-.")[-60:]
        if safe == self.rest:
            return f"{self.kind}-{safe}"
        return f"{self.kind}-{safe}-{hashlib.sha256(self.rest.encode()).hexdigest()[:8]}"


def parse_name(text: str) -> BuildName:
    """Read a build's name; folders are made absolute, so that a name means the same wherever it is read again.

    Raises
    ------
    UnknownBuildError
        If it has none of the known forms.
    """
    kind, colon, rest = text.strip().partition(":")
    known = kind in FORMS
    versioned = kind in ("wheel", "sdist")
    if (
        known
        and (bool(rest) != (kind == "auto") or (kind in ("worktree", "auto") and not colon))
        and (not versioned or rest == "latest" or _VERSION.match(rest))
    ):
        folder = kind in ("worktree", "path") and rest
        return BuildName(cast("Kind", kind), str(Path(rest).expanduser().resolve()) if folder else rest)
    hint = f"say {FORMS[cast('Kind', kind)]}" if known else f"say {_SHORT_FORMS}"
    raise UnknownBuildError(f"unknown build {text!r}", hint=hint)
