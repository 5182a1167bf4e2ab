"""What makes a folder of ``workspace/builds`` a build, written the same by whoever makes one. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scaffold.files import write_atomically

#: Written last: with it, a build is whole.
MARKER = "build.json"

#: Read by an interpreter at its start, after its own packages: the first before all other ``.pth`` of ours, so that a
#: TileLang from source wins over one that lies beside a shared PyTorch.
SOURCE_PTH = "scaffold_source.pth"
SHARED_PTH = "zz_scaffold_shared.pth"


def write_marker(folder: Path, document: Mapping[str, Any]) -> None:
    """Say that the build in ``folder`` is whole; no reader, and no kill, ever sees half of it."""
    write_atomically(folder / MARKER, json.dumps(dict(document), indent=1).encode())


def write_shared(site_packages: Path, folders: Iterable[Path]) -> None:
    """Let an environment import what ``folders`` hold, behind its own packages."""
    _write_pth(site_packages / SHARED_PTH, folders)


def write_source(site_packages: Path, folders: Iterable[Path]) -> None:
    """Let an environment import the TileLang that lies in ``folders``."""
    _write_pth(site_packages / SOURCE_PTH, folders)


def _write_pth(path: Path, folders: Iterable[Path]) -> None:
    write_atomically(path, "".join(f"{folder}\n" for folder in folders).encode())
