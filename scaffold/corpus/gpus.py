"""The GPUs a job may have, and having one of them alone.

A GPU is held by locking a file in the machine's temporary folder: two jobs never share one, be they of this run, of
another one, or of two Dask workers; the kernel lets go of it when its holder dies.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from scaffold.builds.gpu import cuda_label
from scaffold.corpus.stopping import stop_requested
from scaffold.errors import TaskLostError, UsageError

_KFD_NODES = Path("/sys/class/kfd/kfd/topology/nodes")
#: How often a job that waits for a GPU looks again, in seconds.
_LOOK_S = 0.2


@dataclass(frozen=True)
class GpuSlot:
    """One GPU.

    ``token`` is what ``CUDA_VISIBLE_DEVICES`` or ``HIP_VISIBLE_DEVICES`` calls it, ``identity`` what it is locked by;
    ``capability`` is NVIDIA's compute capability; ``arch`` AMD's (``gfx942``), or NVIDIA's label (``sm_90a``).
    """

    index: int
    token: str
    identity: str
    name: str
    backend: str
    arch: str
    capability: tuple[int, int] | None = None

    def environment(self) -> dict[str, str]:
        """Variables that show a process this GPU and no other."""
        return {"HIP_VISIBLE_DEVICES" if self.backend == "hip" else "CUDA_VISIBLE_DEVICES": self.token}


def find_gpus(wanted: Sequence[int] = ()) -> list[GpuSlot]:
    """The GPUs of this machine that this process may use, or those numbered ``wanted`` of them.

    NVIDIA's before AMD's. ``CUDA_VISIBLE_DEVICES`` (``HIP_VISIBLE_DEVICES``) is obeyed: schedulers of clusters set it.

    Raises
    ------
    UsageError
        If there is no GPU of a wanted number.
    """
    found = _nvidia(os.environ) or _amd(os.environ, _KFD_NODES)
    unknown = [number for number in wanted if number >= len(found)]
    if unknown:
        there = ", ".join(f"{gpu.index} {gpu.name}" for gpu in found) or "none"
        raise UsageError(f"no GPU {unknown[0]} here", hint=f"GPUs of this machine: {there}")
    return [found[number] for number in dict.fromkeys(wanted)] if wanted else found


@contextlib.contextmanager
def hold_one(gpus: Sequence[GpuSlot]) -> Iterator[GpuSlot]:
    """Wait for one of ``gpus`` and hold it alone while the block runs.

    Raises
    ------
    TaskLostError
        If the pool that the caller is a task of is cancelled meanwhile.
    """
    folder = _lock_folder()
    while True:
        for gpu in gpus:
            lock = FileLock(folder / f"{_safe(gpu)}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield gpu
            finally:
                lock.release()
            return
        if stop_requested():
            raise TaskLostError("stopped while it waited for a GPU")
        time.sleep(_LOOK_S)


def held_by_others(gpus: Sequence[GpuSlot]) -> list[GpuSlot]:
    """Those of ``gpus`` that another run holds now."""
    held = []
    for gpu in gpus:
        lock = FileLock(_lock_folder() / f"{_safe(gpu)}.lock")
        try:
            with lock.acquire(timeout=0):
                pass
        except Timeout:
            held.append(gpu)
    return held


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"scaffold-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _safe(gpu: GpuSlot) -> str:
    return re.sub(r"[^\w.-]+", "-", f"{gpu.backend}-{gpu.identity}")


def _nvidia(environment: Mapping[str, str]) -> list[GpuSlot]:
    """NVIDIA's GPUs by NVML, in ``nvidia-smi``'s order, by UUID: CUDA's own order is another one by default."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(at) for at in range(pynvml.nvmlDeviceGetCount())]
        everything = [_nvidia_slot(at, handle) for at, handle in enumerate(handles)]
    except pynvml.NVMLError:
        return []
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
    return visible(everything, environment.get("CUDA_VISIBLE_DEVICES"))


def _nvidia_slot(index: int, handle: object) -> GpuSlot:
    import pynvml

    major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    identity = str(pynvml.nvmlDeviceGetUUID(handle))
    return GpuSlot(
        index,
        identity,
        identity,
        str(pynvml.nvmlDeviceGetName(handle)),
        "cuda",
        cuda_label(major, minor).partition(":")[2],
        (major, minor),
    )


def visible(everything: Sequence[GpuSlot], setting: str | None) -> list[GpuSlot]:
    """What of ``everything`` the setting of ``CUDA_VISIBLE_DEVICES`` leaves, numbered anew, in its order.

    Words of the setting are handed on as they are, so that CUDA resolves them as it did for us; as in CUDA, what comes
    after one that is none is not seen.
    Source: CUDA C++ Programming Guide, "CUDA Environment Variables".
    """
    if setting is None or not everything:
        return list(everything)
    found: list[GpuSlot] = []
    for word in (item.strip() for item in setting.split(",")):
        named = [gpu for gpu in everything if gpu.identity.startswith(word)] if word.startswith("GPU-") else []
        if word.isdigit() and int(word) < len(everything):
            named = [everything[int(word)]]
        elif word.startswith("MIG-"):
            # A slice of a GPU of this machine, held apart from its other slices.
            named = [replace(everything[0], identity=word)]
        if not named:
            break
        found.append(replace(named[0], index=len(found), token=word))
    return found


def _amd(environment: Mapping[str, str], nodes: Path) -> list[GpuSlot]:
    """AMD's GPUs by the kernel driver's topology; ``gfx_target_version`` 90402 is gfx942."""
    found: list[GpuSlot] = []
    for properties in sorted(nodes.glob("*/properties"), key=lambda path: int(path.parent.name)):
        with contextlib.suppress(OSError, ValueError):
            facts = dict(line.split(maxsplit=1) for line in properties.read_text().splitlines() if " " in line)
            if version := int(facts.get("gfx_target_version", "0")):
                major, minor, stepping = version // 10000, version // 100 % 100, version % 100
                arch = f"gfx{major}{minor:x}{stepping:x}"
                number = str(len(found))
                found.append(GpuSlot(len(found), number, number, f"AMD {arch}", "hip", arch))
    return visible(found, environment.get("HIP_VISIBLE_DEVICES"))
