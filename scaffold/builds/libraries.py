"""Say which binaries did it: sha256 of the native libraries a probe had loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from scaffold.builds.content import FileHashes
from scaffold.builds.workspace import Workspace
from scaffold.trace.model import LoadedLibrary


def hashes_by_name(paths: Iterable[Path], workspace: Workspace) -> dict[str, str]:
    """Name -> sha256 of each, sorted by path; raises OSError for one that cannot be read."""
    hashes = FileHashes(workspace.cache / "libraries.json")
    found = {path.name: hashes.of(path) for path in sorted(paths)}
    hashes.save()
    return found


def hash_libraries(paths: Iterable[str], workspace: Workspace) -> tuple[LoadedLibrary, ...]:
    """Name and hash of each library that is there."""
    hashes = FileHashes(workspace.cache / "libraries.json")
    found = []
    for path in map(Path, paths):
        with contextlib.suppress(OSError):
            found.append(LoadedLibrary(path.name, hashes.of(path)))
    hashes.save()
    return tuple(sorted(found, key=lambda library: library.name))
