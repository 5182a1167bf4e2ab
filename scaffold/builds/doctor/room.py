"""Rows for disk and memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.doctor.model import Row, Step, absent, missing, ok, warning
from scaffold.builds.marker import MARKER
from scaffold.builds.native.recipe import MEMORY_PER_JOB

GB = 1_000_000_000

#: What a first build takes on disk, in GB. Measured on Linux x86-64 with TileLang 0.1.14: PyTorch 2.13 for CPU 0.77 and
#: with CUDA's libraries 4.4, a wheel's environment 0.35; a source 0.47 and its archive 0.09, its CMake folder 0.32.
NEED_GB: dict[Step, float] = {"lower": 1.2, "run": 4.8, "source": 2.0}
#: What one more build takes where PyTorch is there already.
NEXT_GB: dict[Step, float] = {"lower": 0.4, "run": 0.4, "source": 1.3}


@dataclass(frozen=True)
class Disk:
    """The disk a workspace is on: ``folder`` is the part of its path that exists."""

    folder: Path
    free_bytes: int
    writable: bool


def look_at_disk(root: Path) -> Disk:
    """The disk under ``root``, which need not exist yet."""
    folder = next((parent for parent in (root, *root.parents) if _exists(parent)), Path("/"))
    return Disk(folder, shutil.disk_usage(folder).free, folder.is_dir() and os.access(folder, os.W_OK | os.X_OK))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def disk_row(disk: Disk, *, has_torch: bool) -> Row:
    """Whether a build fits; ``has_torch`` where the workspace has a PyTorch already."""
    need = NEXT_GB if has_torch else NEED_GB
    free = disk.free_bytes / GB
    if not disk.writable:
        return missing(
            f"{disk.folder} takes no files",
            'export SCAFFOLD_WORKSPACE="$HOME/scaffold-workspace"',
            lack="the workspace is not writable",
            steps=("lower", "run", "source"),
        )
    shown = f"{free:,.1f} GB free in {disk.folder}"
    fix = "export SCAFFOLD_WORKSPACE=/a/disk/with/room"
    short: tuple[Step, ...] = tuple(step for step in need if free < need[step])
    if short:
        needs = ", ".join(f"{need[step]:g} GB to {_WORDS[step]}" for step in short)
        return missing(f"{shown}; needs {needs}", fix, lack="the disk is full", steps=short)
    most = max(need.values())
    if free < 2 * most:
        return warning(f"{shown}; a build takes up to {most:g} GB", fix)
    return ok(f"{shown}; a build takes up to {most:g} GB")


_WORDS: dict[Step, str] = {"lower": "lower", "run": "run", "source": "build from source"}


def memory_row(total: int, available: int, cores: int) -> Row:
    """Whether the compiler jobs that the cores allow also fit in memory (bytes)."""
    if not total:
        return absent("this system does not say how much memory it has")
    shown = f"{available / GB:.1f} of {total / GB:.1f} GB free, {cores} core{'s' if cores > 1 else ''}"
    jobs = int(available // MEMORY_PER_JOB)
    if jobs < 1:
        return missing(
            f"{shown}; one compiler takes up to {MEMORY_PER_JOB / GB:.1f} GB",
            "end what holds the memory (ps aux --sort=-rss | head), or give the container more",
            lack="not enough memory to compile",
            steps=("source",),
        )
    if jobs < cores:
        return warning(f"{shown}: room for {jobs} compiler{'s' if jobs > 1 else ''} at a time, not {cores}")
    return ok(f"{shown}: room for {cores} compiler{'s' if cores > 1 else ''} at a time")


def has_torch(folders: Sequence[Path]) -> bool:
    """Whether a workspace's folder of builds has a whole PyTorch; ``folders`` are those in it."""
    return any(folder.name.startswith("torch-") and (folder / MARKER).is_file() for folder in folders)
