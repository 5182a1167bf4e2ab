"""Say which binaries did it: sha256 of the native libraries a probe had loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from scaffold.builds.content import FileHashes
from scaffold.builds.workspace import Workspace
from scaffold.trace.model import LoadedLibrary


def hash_libraries(paths: Iterable[str], workspace: Workspace) -> tuple[LoadedLibrary, ...]:
    """Name and hash of each library that is there."""
    hashes = FileHashes(workspace.cache / "libraries.json")
    found = []
    for path in map(Path, paths):
        with contextlib.suppress(OSError):
            found.append(LoadedLibrary(path.name, hashes.of(path)))
    hashes.save()
    return tuple(sorted(found, key=lambda library: library.name))
