"""What a build is: the libraries it loads, what they were made of, that it lowers. Kept as ``attestation.json``.

``prove.py`` makes it; a short form of it goes into every trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from scaffold.builds.marker import MARKER
from scaffold.builds.names import parse_name
from scaffold.builds.workspace import Workspace

SCHEMA_VERSION = 1

_FILE = "attestation.json"


class Proof(msgspec.Struct, frozen=True):
    """``kernel`` lowered for ``target`` through ``passes`` passes; ``ran`` says how it did on the GPU, or why not.

    Where it does not lower, ``ran`` says in which pass it stopped.
    """

    kernel: str
    target: str
    passes: int
    ran: str

    @property
    def wrong(self) -> bool:
        """Whether the kernel does not lower, does not run on the GPU that is there, or gives a wrong result."""
        return self.ran.startswith(("wrong", "failed"))


class Attestation(msgspec.Struct, frozen=True):
    """Everything that tells this build from another one.

    ``libraries`` are those its interpreter loaded: file name, and sha256. ``made_of`` and ``made_with`` are empty for a
    build that was not compiled here.
    """

    schema_version: int
    name: str
    python: str
    python_version: str
    tilelang_version: str
    tilelang_path: str
    libraries: dict[str, str]
    packages: dict[str, str]
    made_of: dict[str, Any]
    made_with: dict[str, Any]
    proof: Proof

    @property
    def libraries_of(self) -> str:
        """The build that compiled its libraries; empty where it did so itself, or nothing was compiled."""
        return str(self.made_with.get("libraries_of") or "")

    def short(self) -> dict[str, str]:
        """What goes into a trace: text, without paths or times."""
        source, tvm = self.made_of, self.made_with.get("tvm", {})
        facts = {
            "commit": source.get("commit"),
            "dirty": "yes" if source.get("dirty") else "no" if source else None,
            "tree_sha256": source.get("tree_sha256"),
            **source.get("thirdparty", {}),
            "tvm": tvm.get("origin"),
            "compiler": self.made_with.get("compiler"),
            "flags": self.made_with.get("flags"),
            "backends": ", ".join(self.made_with.get("backends", ())) or None,
        }
        return {key: str(value) for key, value in facts.items() if value is not None}


def path_of(workspace: Workspace, name: str) -> Path:
    return workspace.builds / parse_name(name).folder / _FILE


def read_attestation(workspace: Workspace, name: str) -> Attestation | None:
    """The attestation of a build; ``None`` where none was made, or it is not readable."""
    return attestation_in(path_of(workspace, name).parent)


def attestation_in(folder: Path) -> Attestation | None:
    """The same by the folder of a build."""
    try:
        return msgspec.json.decode((folder / _FILE).read_bytes(), type=Attestation)
    except (OSError, msgspec.MsgspecError):
        return None


def attested_builds(workspace: Workspace) -> Iterator[tuple[Path, Attestation]]:
    """Folder and attestation of every whole build that has one."""
    for marker in sorted(workspace.builds.glob(f"*/{MARKER}")):
        if attestation := attestation_in(marker.parent):
            yield marker.parent, attestation


def commit_words(short: Mapping[str, str]) -> list[str]:
    """The commit of a build from source, by its :meth:`Attestation.short` form; nothing for others."""
    if not (commit := short.get("commit")):
        return []
    return [f"commit {commit[:12]}{', with uncommitted changes' if short.get('dirty') == 'yes' else ''}"]


def libraries_words(origin: str) -> str:
    """Whose libraries a build has that did not compile its own."""
    return f"libraries of {origin}, compiled from the same sources"
