"""What a source is: a folder, and the facts that tell it from every other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

#: The public repository of TileLang.
UPSTREAM = "https://github.com/tile-ai/tilelang"


@dataclass(frozen=True)
class SourceIdentity:
    """Which source it is. Two with the same ``tree_sha256`` and ``thirdparty`` compile to the same library."""

    #: ``sdist:0.1.14``, ``git:v0.1.13``, ``worktree:/home/me/tilelang``
    origin: str
    #: The text of the ``VERSION`` file.
    version: str
    #: TileLang's commit; for an sdist the content of its ``.git_commit.txt``.
    commit: str | None
    #: Whether a worktree has changes that are not committed.
    dirty: bool
    #: Over (path, executable bit, content) of every file, without third-party trees, ``build/`` and the commit file.
    tree_sha256: str
    #: ``3rdparty/tvm`` to its commit, or to ``sha256:<content>``.
    thirdparty: Mapping[str, str]
    #: What the user should know.
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "notes": list(self.notes)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> SourceIdentity:
        return cls(**{**fields, "notes": tuple(fields["notes"])})


@dataclass(frozen=True)
class Source:
    folder: Path
    identity: SourceIdentity


@dataclass(frozen=True)
class SourceOptions:
    #: Where ``git:`` fetches from: any Git URL or a local path.
    url: str = UPSTREAM
    #: ``sdist:0.1.13``: take the third-party sources from there, whatever the commits say.
    third_party: str | None = None
