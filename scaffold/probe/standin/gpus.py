"""GPUs that are pretended, by architecture.

Figures of the devices: NVIDIA's data sheets and the table "Technical Specifications per Compute Capability" of the
CUDA C++ Programming Guide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class PretendedDevice:
    """What a script may ask of a GPU. Sizes are in bytes."""

    name: str
    capability: tuple[int, int]
    multiprocessors: int
    shared_per_block: int
    shared_per_multiprocessor: int
    memory: int
    l2_cache: int
    gcn_arch: str = ""
    warp_size: int = 32


KIB, _MIB, _GIB = 1024, 1024**2, 1024**3

_BY_ARCH = {
    "sm_70": PretendedDevice("Tesla V100", (7, 0), 80, 96 * KIB, 96 * KIB, 32 * _GIB, 6 * _MIB),
    "sm_75": PretendedDevice("Tesla T4", (7, 5), 40, 64 * KIB, 64 * KIB, 16 * _GIB, 4 * _MIB),
    "sm_80": PretendedDevice("NVIDIA A100", (8, 0), 108, 163 * KIB, 164 * KIB, 80 * _GIB, 40 * _MIB),
    "sm_86": PretendedDevice("NVIDIA A10", (8, 6), 72, 99 * KIB, 100 * KIB, 24 * _GIB, 6 * _MIB),
    "sm_89": PretendedDevice("NVIDIA L40", (8, 9), 142, 99 * KIB, 100 * KIB, 48 * _GIB, 96 * _MIB),
    "sm_90": PretendedDevice("NVIDIA H100", (9, 0), 132, 227 * KIB, 228 * KIB, 80 * _GIB, 50 * _MIB),
    "sm_100": PretendedDevice("NVIDIA B200", (10, 0), 148, 227 * KIB, 228 * KIB, 180 * _GIB, 126 * _MIB),
    "sm_103": PretendedDevice("NVIDIA B300", (10, 3), 148, 227 * KIB, 228 * KIB, 270 * _GIB, 126 * _MIB),
    "sm_120": PretendedDevice("NVIDIA RTX PRO 6000", (12, 0), 188, 99 * KIB, 100 * KIB, 96 * _GIB, 128 * _MIB),
    "gfx90a": PretendedDevice("AMD MI250X", (9, 0), 110, 64 * KIB, 64 * KIB, 64 * _GIB, 8 * _MIB, "gfx90a", 64),
    "gfx942": PretendedDevice("AMD MI300X", (9, 4), 304, 64 * KIB, 64 * KIB, 192 * _GIB, 4 * _MIB, "gfx942", 64),
    "gfx950": PretendedDevice("AMD MI355X", (9, 5), 256, 160 * KIB, 160 * KIB, 288 * _GIB, 4 * _MIB, "gfx950", 64),
}


def device_for(target: str) -> PretendedDevice | None:
    """The device that stands for ``target`` (``cuda:sm_90a``); ``None`` for one that has no GPU behind torch.cuda."""
    kind, _, arch = target.partition(":")
    if kind not in ("cuda", "hip"):
        return None
    known = _BY_ARCH.get(arch) or _BY_ARCH.get(arch.rstrip("af") if arch.startswith("sm_") else arch)
    if known is not None:
        return known
    digits = arch.removeprefix("sm_").rstrip("af")
    like = _BY_ARCH["sm_90"] if arch.startswith("sm_") else _BY_ARCH["gfx942"]
    capability = (int(digits[:-1]), int(digits[-1])) if digits.isdigit() else like.capability
    return replace(like, name=f"a device of {arch}", capability=capability)
