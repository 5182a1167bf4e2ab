"""How a source is compiled: what the user chose, and what the machine has."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal, cast

from scaffold.builds.gpu import find_gpu
from scaffold.builds.limits import cores, memory_bytes
from scaffold.builds.machine import host_cuda_toolkit, rocm_root
from scaffold.errors import UsageError

Backend = Literal["cuda", "rocm", "metal", "cpu", "llvm"]
TvmChoice = Literal["auto", "release", "source"]

BACKENDS: tuple[Backend, ...] = ("cuda", "rocm", "metal", "cpu", "llvm")

#: What one compiler takes at worst, in bytes: the largest source of TileLang 0.1.14 with GCC 12 took 1.1 GiB.
MEMORY_PER_JOB = 1.3 * 1024**3
#: The same for a group of sources compiled as one.
MEMORY_PER_GROUP = 2.5 * 1024**3


@dataclass(frozen=True)
class Recipe:
    """What the user chose.

    Parameters
    ----------
    backends
        Empty: those this machine is for (:func:`choose_backends`).
    tvm
        ``release``: link the TVM of a release wheel; ``source``: compile it; ``auto``: the former where it is the same.
    optimize
        GCC's ``-O`` for TileLang's own code. It is what compiles, not what is compiled: 1 takes about two thirds of
        the time of 3, and lowering is as quick (``benchmarks/from_source.py``).
    plain
        Upstream's own settings, none of the kit's: ``-O3``, every header, nothing precompiled.
    debug
        ``-O0 -g`` and ``TVM_LOG_DEBUG``, for a debugger.
    jobs
        Compilers at a time; ``None``: by cores and memory.
    """

    backends: tuple[Backend, ...] = ()
    tvm: TvmChoice = "auto"
    optimize: int = 1
    plain: bool = False
    debug: bool = False
    jobs: int | None = None

    @property
    def flags(self) -> str:
        """Compiler flags of the build type."""
        if self.debug:
            return "-O0 -g"
        return f"-O{3 if self.plain else self.optimize} -DNDEBUG"


def parse_backends(text: str | None) -> tuple[Backend, ...]:
    """``cuda``, ``cuda,rocm``, ``cpu``; ``auto`` or nothing is empty.

    Raises
    ------
    UsageError
        If a backend is none of upstream's.
    """
    if text in (None, "", "auto"):
        return ()
    found = tuple(dict.fromkeys(part.strip() for part in str(text).split(",")))
    unknown = [part for part in found if part not in BACKENDS]
    if unknown or ("cpu" in found and {"cuda", "rocm", "metal"} & set(found)):
        raise UsageError(
            f"--backend {text}: {'cpu is for none of the others' if not unknown else f'no backend {unknown[0]!r}'}",
            hint=f"say auto, or some of {', '.join(BACKENDS)}, with commas between",
        )
    return cast("tuple[Backend, ...]", found)


def choose_backends() -> tuple[tuple[Backend, ...], str]:
    """The backends of this machine, and why.

    Without a GPU it is CUDA: that is what most of TileLang is for, and lowering for it needs no GPU.
    """
    if sys.platform == "darwin":
        return ("metal",), "this is a Mac"
    gpu = find_gpu()
    if (gpu is not None and gpu.target.startswith("hip")) or (rocm_root() and host_cuda_toolkit() is None):
        return ("rocm",), f"this machine has {gpu.name if gpu else 'ROCm'}"
    return ("cuda",), f"this machine has {gpu.name}" if gpu else "no GPU here, and lowering for CUDA needs none"


def choose_jobs(asked: int | None, memory_per_job: float) -> int:
    """Compilers at a time: one a core, as many as memory (bytes each) holds, at least one."""
    if asked is not None:
        return max(1, asked)
    _, available = memory_bytes()
    # Unknown memory is no reason to compile one by one.
    fitting = int(available / memory_per_job) if available else cores()
    return max(1, min(cores(), fitting))
