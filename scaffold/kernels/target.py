"""Target labels: ``cuda:sm_90a``, ``hip:gfx942``, ``metal``, ``c``."""

from __future__ import annotations

import difflib
import re

from scaffold.errors import UnknownTargetError

#: Used where a CUDA target is asked for and no GPU says otherwise: Hopper exercises TMA, wgmma and warp specialisation.
DEFAULT_CUDA = "cuda:sm_90a"

#: CUDA architectures nvcc knows; source: ``nvcc --list-gpu-arch`` of CUDA 11.8 to 13.0.
CUDA_ARCHS = (
    "sm_70", "sm_75", "sm_80", "sm_86", "sm_87", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_100a", "sm_100f",
    "sm_101", "sm_101a", "sm_103", "sm_103a", "sm_110", "sm_110a", "sm_120", "sm_120a", "sm_121", "sm_121a",
)  # fmt: skip

#: Largest shared memory of one thread block, in bytes; source: CUDA C++ Programming Guide, table "Technical
#: Specifications per Compute Capability", and AMD's CDNA3 ISA guide (64 KiB of LDS per workgroup).
SHARED_BYTES_PER_BLOCK = {
    "sm_70": 96 * 1024,
    "sm_75": 64 * 1024,
    "sm_80": 163 * 1024,
    "sm_86": 99 * 1024,
    "sm_87": 163 * 1024,
    "sm_89": 99 * 1024,
    "sm_90": 227 * 1024,
    "sm_100": 227 * 1024,
    "sm_101": 227 * 1024,
    "sm_103": 227 * 1024,
    "sm_110": 227 * 1024,
    "sm_120": 99 * 1024,
    "sm_121": 99 * 1024,
    "gfx90a": 64 * 1024,
    "gfx942": 64 * 1024,
    "gfx950": 160 * 1024,
}

PLAIN_KINDS = ("metal", "c", "llvm", "webgpu")


def parse_target(label: str) -> dict[str, str]:
    """Turn a label into the mapping that ``tvm.target.Target`` takes.

    Raises
    ------
    UnknownTargetError
        If the kind or the architecture is none we know, naming the nearest.
    """
    kind, _, arch = label.partition(":")
    if kind in PLAIN_KINDS and not arch:
        return {"kind": kind}
    if kind == "cuda" and arch in CUDA_ARCHS:
        return {"kind": "cuda", "arch": arch}
    if kind in ("hip", "rocm") and re.fullmatch(r"gfx[0-9a-f]{3,4}", arch):
        return {"kind": "hip", "mcpu": arch}
    raise UnknownTargetError(f"unknown target {label!r}", hint=_nearest(label))


def normal_label(label: str) -> str:
    """The one spelling of a label: lower case, ``hip`` for ``rocm``."""
    lowered = label.lower()
    return f"hip:{lowered.removeprefix('rocm:')}" if lowered.startswith("rocm:") else lowered


def _nearest(label: str) -> str:
    known = [f"cuda:{arch}" for arch in CUDA_ARCHS] + ["hip:gfx90a", "hip:gfx942", "hip:gfx950", *PLAIN_KINDS]
    kind, _, arch = label.partition(":")
    if not arch and kind in ("cuda", "hip", "rocm"):
        return f"say which: {DEFAULT_CUDA}, cuda:sm_80" if kind == "cuda" else "say which: hip:gfx942, hip:gfx90a"
    guesses = [f"cuda:{label}", f"cuda:{label}a", f"hip:{label}", f"cuda:sm_{label}"]
    near = [guess for guess in guesses if guess in known] or difflib.get_close_matches(label, known, n=3, cutoff=0.5)
    if not near and kind == "cuda":
        near = [f"cuda:{name}" for name in difflib.get_close_matches(arch, CUDA_ARCHS, n=3, cutoff=0.3)] or [
            DEFAULT_CUDA
        ]
    examples = ", ".join(near) if near else "cuda:sm_80, cuda:sm_90a, hip:gfx942, metal, c"
    return f"say --target with one of: {examples}"


def shared_limit(label: str) -> int | None:
    """Largest shared memory of one thread block on ``label`` in bytes; ``None`` where we do not know it."""
    _, _, arch = label.partition(":")
    return SHARED_BYTES_PER_BLOCK.get(arch) or SHARED_BYTES_PER_BLOCK.get(arch.rstrip("af") if "sm_" in arch else arch)
