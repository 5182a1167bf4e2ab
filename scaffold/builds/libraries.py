"""Say which binaries did it: sha256 of the native libraries a probe had loaded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from scaffold.builds.workspace import Workspace
from scaffold.files import file_sha256, write_atomically
from scaffold.trace.model import LoadedLibrary


def hash_libraries(paths: Iterable[str], workspace: Workspace) -> tuple[LoadedLibrary, ...]:
    """Hash each library once per content: the cache is keyed by path, size, and time of change in nanoseconds."""
    cache_path = workspace.cache / "libraries.json"
    try:
        cache: dict[str, str] = json.loads(cache_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        cache = {}
    found, changed = [], False
    for path in map(Path, paths):
        try:
            status = path.stat()
            key = f"{path}|{status.st_size}|{status.st_mtime_ns}"
            if key not in cache:
                cache[key] = file_sha256(path)
                changed = True
        except OSError:
            continue
        found.append(LoadedLibrary(path.name, cache[key]))
    if changed:
        write_atomically(cache_path, json.dumps(cache, indent=1, sort_keys=True).encode())
    return tuple(sorted(found, key=lambda library: library.name))
