"""What a device can do at most, measured once and kept: "72 % of the roof" means this machine's."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from scaffold.builds.build import Build
from scaffold.builds.probing import own_folder, run_in
from scaffold.builds.workspace import Workspace
from scaffold.files import write_atomically
from scaffold.progress import Progress
from scaffold.trace.spool import lines_of

_VERSION = 1
_TIMEOUT_S = 180.0


class Ceiling(msgspec.Struct, frozen=True):
    """``copy_gbytes_per_s`` counts bytes read and written; ``tflops`` is by dtype; ``torch`` is what measured it."""

    torch: str
    copy_gbytes_per_s: float
    tflops: dict[str, float]

    def roof(self, flops: int | None, moved: int | None, dtype: str) -> tuple[float, str] | None:
        """The shortest time in milliseconds in which the device could do so much, and what bounds it."""
        bounds = []
        rate = self.tflops.get(dtype)
        if flops and rate:
            bounds.append((flops / rate / 1e9, f"{dtype} matrix rate"))
        if moved and self.copy_gbytes_per_s:
            bounds.append((moved / self.copy_gbytes_per_s / 1e6, "copy bandwidth"))
        return max(bounds, default=None)


def ceiling_of(
    device: str,
    identity: str,
    build: Build,
    *,
    workspace: Workspace,
    environment: Mapping[str, str],
    progress: Progress,
) -> Ceiling | None:
    """The ceiling of ``device`` (``cuda``, ``cpu``), which ``identity`` tells from others; ``None`` if it has none."""
    key = hashlib.sha256(f"{_VERSION} {device} {identity}".encode()).hexdigest()[:16]
    kept = workspace.cache / "ceilings" / f"{key}.json"
    try:
        return msgspec.json.decode(kept.read_bytes(), type=Ceiling)
    except (OSError, msgspec.MsgspecError):
        pass
    with progress.step("measuring what this device can do at most"):
        found = _measure(device, build, workspace, environment, progress)
    if found is not None:
        write_atomically(kept, msgspec.json.encode(found))
    return found


def _measure(
    device: str, build: Build, workspace: Workspace, environment: Mapping[str, str], progress: Progress
) -> Ceiling | None:
    folder = own_folder(workspace)
    try:
        spool = folder / "spool.jsonl"
        Path(folder / "request.json").write_text(json.dumps({"device": device, "spool": str(spool)}), encoding="utf-8")
        run_in("ceiling", build, folder, server=None, progress=progress, timeout_s=_TIMEOUT_S, environment=environment)
        for kind, value in lines_of(spool):
            if kind == "ceiling":
                return msgspec.convert(value, Ceiling)
        return None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
