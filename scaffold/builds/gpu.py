"""The GPUs of this machine, asked without touching them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scaffold.kernels.target import CUDA_ARCHS, DEFAULT_CUDA

_KFD_NODES = Path("/sys/class/kfd/kfd/topology/nodes")


@dataclass(frozen=True)
class Gpu:
    """One GPU. ``target`` is its label (``cuda:sm_90a``), ``driver`` the driver's version."""

    name: str
    target: str
    driver: str


@cache
def find_gpu() -> Gpu | None:
    """The first GPU, NVIDIA's before AMD's; ``None`` on a machine without one."""
    return _nvidia() or _amd(_KFD_NODES)


def default_target() -> str:
    """The target a kernel is lowered for when nobody says: the GPU's own, else Hopper's."""
    gpu = find_gpu()
    return gpu.target if gpu else DEFAULT_CUDA


def _nvidia() -> Gpu | None:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        if pynvml.nvmlDeviceGetCount() == 0:
            return None
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
        return Gpu(
            str(pynvml.nvmlDeviceGetName(handle)),
            cuda_label(major, minor),
            str(pynvml.nvmlSystemGetDriverVersion()),
        )
    except pynvml.NVMLError:
        return None
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def cuda_label(major: int, minor: int) -> str:
    """Target of a compute capability; from Hopper on the arch-specific one, which TMA's and wgmma's users want."""
    arch = f"sm_{major}{minor}"
    specific = f"{arch}a"
    return f"cuda:{specific if major >= 9 and specific in CUDA_ARCHS else arch}"


def _amd(nodes: Path) -> Gpu | None:
    """Read the kernel driver's topology; ``gfx_target_version`` 90402 is gfx942 (major, minor, stepping in hex)."""
    for properties in sorted(nodes.glob("*/properties")):
        with contextlib.suppress(OSError, ValueError):
            facts = dict(line.split(maxsplit=1) for line in properties.read_text().splitlines() if " " in line)
            version = int(facts.get("gfx_target_version", "0"))
            if version:
                major, minor, stepping = version // 10000, version // 100 % 100, version % 100
                return Gpu("AMD GPU", f"hip:gfx{major}{minor:x}{stepping:x}", "amdgpu")
    return None
