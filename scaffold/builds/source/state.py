"""What is known of a laid out source: a file beside its folder, so that an unchanged one is known at a glance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from scaffold.builds.source.model import SourceIdentity
from scaffold.builds.source.tree import Entry, EntryKind, Stamp
from scaffold.files import write_atomically

_FORMAT = 1


@dataclass(frozen=True)
class State:
    """What lies in a folder since it was last laid out, and the hashes of its files by their ``stat``."""

    #: What it was made from; empty for a worktree, which is looked at every time.
    key: str
    identity: SourceIdentity
    entries: Mapping[str, Entry]
    links: Mapping[str, Path]
    folder_stamps: Mapping[str, Stamp]
    origin_stamps: Mapping[str, Stamp] = field(default_factory=dict)


def state_file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.state.json")


def read_state(folder: Path) -> State | None:
    """The state of ``folder``; ``None`` where there is none, or it cannot be read."""
    try:
        fields = json.loads(state_file(folder).read_text(encoding="utf-8"))
        if fields["format"] != _FORMAT:
            return None
        return State(
            fields["key"],
            SourceIdentity.from_json(fields["identity"]),
            {path: Entry(path, cast("EntryKind", kind), digest) for path, (kind, digest) in fields["entries"].items()},
            {path: Path(target) for path, target in fields["links"].items()},
            fields["folder_stamps"],
            fields["origin_stamps"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_state(folder: Path, state: State) -> None:
    fields = {
        "format": _FORMAT,
        "key": state.key,
        "identity": state.identity.to_json(),
        "entries": {path: [entry.kind, entry.sha256] for path, entry in state.entries.items()},
        "links": {path: str(target) for path, target in state.links.items()},
        "folder_stamps": dict(state.folder_stamps),
        "origin_stamps": dict(state.origin_stamps),
    }
    write_atomically(state_file(folder), json.dumps(fields).encode())
