"""What makes a folder of ``workspace/builds`` a build, written the same by whoever makes one. Standard library only."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

#: Written last: with it, a build is whole.
MARKER = "build.json"

#: Read by an interpreter at its start, after its own packages and after other ``.pth`` files.
SHARED_PTH = "zz_scaffold_shared.pth"


def write_marker(folder: Path, document: Mapping[str, Any]) -> None:
    """Say that the build in ``folder`` is whole; no reader, and no kill, ever sees half of it."""
    write_whole(folder / MARKER, json.dumps(dict(document), indent=1).encode())


def write_shared(site_packages: Path, folders: Iterable[Path]) -> None:
    """Let an environment import what ``folders`` hold, behind its own packages."""
    write_whole(site_packages / SHARED_PTH, "".join(f"{folder}\n" for folder in folders).encode())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under another name, then give it its own."""
    descriptor, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(half).chmod(0o644)
        Path(half).replace(path)
    finally:
        Path(half).unlink(missing_ok=True)
