"""Where a vendor's profiler is, and which version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.machine import candidates, rocm_root, version_in
from scaffold.errors import ProfilerMissingError

#: Profilers of CUDA are scripts that look for their own folder first; on a cold disk that takes seconds.
_VERSION_TIMEOUT_S = 20.0

#: What a program is of.
_PRODUCTS = {"ncu": "Nsight Compute", "nsys": "Nsight Systems", "rocprofv3": "ROCm's rocprofiler-sdk"}
_INSTALL = {
    "ncu": (
        "install it: it comes with the CUDA toolkit, as nsight-compute from NVIDIA's package index, or from "
        "https://developer.nvidia.com/nsight-compute; then put ncu on PATH or set CUDA_HOME"
    ),
    "nsys": (
        "install it: nsight-systems-cli from NVIDIA's package index, or from "
        "https://developer.nvidia.com/nsight-systems; then put nsys on PATH"
    ),
    "rocprofv3": "install ROCm 6.2 or newer with rocprofiler-sdk; then put /opt/rocm/bin on PATH or set ROCM_PATH",
}


@dataclass(frozen=True)
class Program:
    """A profiler that runs: its name, path and version."""

    name: str
    path: Path
    version: str


def find_program(name: str) -> Program | None:
    """The first ``ncu``, ``nsys`` or ``rocprofv3`` that says its version: on ``PATH``, then in the usual folders."""
    on_path = candidates(name)
    elsewhere = (path for folder in _folders(name) for path in candidates(str(folder / name)))
    for path in (*on_path, *elsewhere):
        answer = ask([path, "--version"], timeout_s=_VERSION_TIMEOUT_S)
        if answer.ok:
            return Program(name, path, _version(answer.text))
    return None


def require_program(name: str) -> Program:
    """The same.

    Raises
    ------
    ProfilerMissingError
        If there is none.
    """
    found = find_program(name)
    if found is None:
        message = f"no {name} here: {_PRODUCTS[name]} is not installed, or does not run"
        raise ProfilerMissingError(message, hint=_INSTALL[name])
    return found


def _version(text: str) -> str:
    """``2025.3.1.0`` of Nsight Compute, ``1.0.0`` of rocprofv3 (whose first line is ``version: 1.0.0``)."""
    said = re.search(r"(?im)^\s*version:?\s+(\d+(?:\.\d+)+)", text)
    return said.group(1) if said else version_in(text)


def _folders(name: str) -> Iterable[Path]:
    if name == "rocprofv3":
        root = rocm_root()
        return [root / "bin"] if root else []
    named = [Path(value) / "bin" for key in ("CUDA_HOME", "CUDA_PATH") if (value := os.environ.get(key))]
    product = "nsight-compute" if name == "ncu" else "nsight-systems"
    toolkits = [Path("/usr/local/cuda/bin"), *(root / "bin" for root in newest_first(Path("/usr/local"), "cuda-*"))]
    own = newest_first(Path("/opt/nvidia") / product, "*")
    return [*named, *own, *(folder / "bin" for folder in own), *toolkits]


def newest_first(parent: Path, pattern: str) -> list[Path]:
    """Folders sorted by the numbers in their names: ``2025.3.1`` before ``2024.1.0``."""
    return sorted(parent.glob(pattern), key=lambda path: tuple(map(int, re.findall(r"\d+", path.name))), reverse=True)
