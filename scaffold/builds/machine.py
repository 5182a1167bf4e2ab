"""Facts about this machine: programs, compilers, CUDA and ROCm toolkits. Cores and memory are in ``limits``."""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scaffold.builds.asking import Answer, ask
from scaffold.builds.limits import cores, memory_bytes

__all__ = [
    "CudaToolkit",
    "Tool",
    "candidates",
    "cores",
    "cxx_compiler",
    "find_tool",
    "host_cuda_toolkit",
    "memory_bytes",
    "pip_cuda_toolkit",
    "pip_nvrtc_header",
    "rocm_root",
]

_CXX_NAMES = ("c++", "g++", "clang++")
_LAUNCHERS = frozenset({"ccache", "sccache", "distcc"})
#: Names that CUDA gives this processor under ``targets/``.
_CUDA_TARGETS = {"x86_64": ("x86_64-linux",), "aarch64": ("sbsa-linux", "aarch64-linux")}


@dataclass(frozen=True)
class Tool:
    """A program: where it is, and its version ("13.0.88"; empty where it names none)."""

    name: str
    path: Path
    version: str


@dataclass(frozen=True)
class CudaToolkit:
    """A CUDA toolkit with its nvcc. ``include`` holds every folder of headers it has, its own before CCCL's."""

    root: Path
    version: str
    nvcc: Path
    include: tuple[Path, ...]
    nvrtc_header: Path | None
    origin: Literal["host", "pip"]


def find_tool(name: str, *, folders: Sequence[Path] = (), version_args: Sequence[str] = ("--version",)) -> Tool | None:
    """The first program of this name that runs, in ``folders`` and then on ``PATH``.

    One that cannot say its version (a shim of pyenv, a program that hangs) is passed over.
    """
    for path in candidates(name, folders=folders):
        answer = ask([path, *version_args])
        if answer.ok:
            return Tool(name, path, version_in(answer.text))
    return None


def candidates(name: str, *, folders: Sequence[Path] = ()) -> Iterator[Path]:
    """Executable files of this name, in ``folders`` and then on ``PATH``; a name with a slash is a path."""
    if os.sep in name:
        places = [Path(name).expanduser()]
    else:
        on_path = [Path(entry) for entry in os.environ.get("PATH", "").split(os.pathsep) if entry]
        places = [folder / name for folder in (*folders, *on_path)]
    seen = set()
    for place in places:
        if place not in seen and _is_program(place):
            seen.add(place)
            yield place


def version_in(text: str) -> str:
    """The version in what a program prints about itself; empty if there is none.

    ``V13.0.88`` is nvcc's full one; what stands in parentheses is the packager's.
    """
    if found := re.search(r"\bV(\d+(?:\.\d+)+)", text):
        return found.group(1)
    for part in (re.sub(r"\([^)]*\)", "", text), text):
        if found := re.search(r"(?<![\w.])v?(\d+(?:\.\d+)+)", part):
            return found.group(1)
    return ""


def cxx_compiler() -> Tool | None:
    """The C++ compiler CMake would take: what ``CXX`` says and nothing else, else c++, g++ or clang++."""
    words = [word for word in shlex.split(os.environ.get("CXX", "")) if Path(word).name not in _LAUNCHERS]
    found = (find_tool(name) for name in (words[:1] or _CXX_NAMES))
    return next((tool for tool in found if tool), None)


def host_cuda_toolkit() -> CudaToolkit | None:
    """The machine's CUDA toolkit: ``CUDA_HOME``, ``CUDA_PATH``, the nvcc on ``PATH``, then the usual folders."""
    return next((found for root in _host_roots() if (found := _toolkit(root, "host"))), None)


def pip_cuda_toolkit(site_packages: Path) -> CudaToolkit | None:
    """The toolkit of pip's packages in ``site_packages``; ``None`` unless they hold an nvcc that runs.

    CUDA 13's wheels share the folder ``nvidia/cu13``; before, each had its own (``nvidia/cuda_nvcc``), and CUDA 12's
    hold ptxas but no nvcc. Source: nvidia-cuda-nvcc 13.0.88 and nvidia-cuda-nvcc-cu12 12.9.86 on PyPI.
    """
    roots = [*_newest_first((site_packages / "nvidia").glob("cu[0-9]*")), site_packages / "nvidia" / "cuda_nvcc"]
    return next((found for root in roots if (found := _toolkit(root, "pip"))), None)


def pip_nvrtc_header(site_packages: Path) -> Path | None:
    """``nvrtc.h`` of pip's nvidia-cuda-nvrtc, for a toolkit that came without."""
    folders = [*_newest_first((site_packages / "nvidia").glob("cu[0-9]*")), site_packages / "nvidia" / "cuda_nvrtc"]
    return _header("nvrtc.h", [folder / "include" for folder in folders])


def rocm_root() -> Path | None:
    """The folder of ROCm: what ``ROCM_PATH``, ``ROCM_HOME`` or ``HIP_PATH`` say, hipcc's, or ``/opt/rocm``."""
    named = [Path(value) for name in ("ROCM_PATH", "ROCM_HOME", "HIP_PATH") if (value := os.environ.get(name))]
    by_hipcc = [path.resolve().parent.parent for path in candidates("hipcc")]
    for root in (*named, *by_hipcc, Path("/opt/rocm"), *_newest_first(Path("/opt").glob("rocm-*"))):
        if _is_program(root / "bin" / "hipcc") or (root / "include" / "hip").is_dir():
            return root
    return None


def _host_roots() -> Iterator[Path]:
    """Folders that may be a toolkit; what the user named comes first."""
    yield from (Path(value) for name in ("CUDA_HOME", "CUDA_PATH") if (value := os.environ.get(name)))
    for nvcc in candidates("nvcc"):
        root = nvcc.resolve().parent.parent
        if (root / "nvvm").is_dir():
            yield root
        elif real := _real_nvcc(nvcc):
            yield real.parent.parent
    yield from (Path("/usr/local/cuda"), *_newest_first(Path("/usr/local").glob("cuda-*")))
    yield from (Path("/opt/cuda"), Path("/usr/lib/nvidia-cuda-toolkit"))


def _real_nvcc(script: Path) -> Path | None:
    """The nvcc that a script of this name runs: nvcc names its own folder when asked what it would do."""
    said = re.search(r"^#\$ _HERE_=(.+)$", ask([script, "--dryrun", "-x", "cu", os.devnull]).text, re.MULTILINE)
    if said:
        return Path(said.group(1).strip()) / "nvcc"
    try:
        with script.open("rb") as file:
            head = file.read(4096).decode("utf-8", errors="replace")
    except OSError:
        return None
    named = re.search(r"(/[^\s\"']+/nvcc)\b", head) if head.startswith("#!") else None
    return Path(named.group(1)).resolve() if named else None


def _toolkit(root: Path, origin: Literal["host", "pip"]) -> CudaToolkit | None:
    nvcc = root / "bin" / ("nvcc.exe" if sys.platform == "win32" else "nvcc")
    if not _is_program(nvcc):
        return None
    answer: Answer = ask([nvcc, "--version"])
    if not answer.ok:
        return None
    include = _include_folders(root, origin)
    return CudaToolkit(root, version_in(answer.text), nvcc, include, _header("nvrtc.h", include), origin)


def _include_folders(root: Path, origin: Literal["host", "pip"]) -> tuple[Path, ...]:
    folders = [root / "include"]
    folders += [root / "targets" / name / "include" for name in _CUDA_TARGETS.get(platform.machine(), ())]
    if origin == "pip" and root.name == "cuda_nvcc":
        folders += [root.parent / name / "include" for name in ("cuda_runtime", "cuda_nvrtc", "cuda_cccl")]
    if origin == "host" and root.is_relative_to("/usr/lib"):
        # Debian's own package keeps the headers where every compiler looks.
        folders.append(Path("/usr/include"))
    folders += [folder / "cccl" for folder in tuple(folders)]
    found: dict[Path, Path] = {}
    for folder in folders:
        if folder.is_dir():
            found.setdefault(folder.resolve(), folder)
    return tuple(found.values())


def _header(name: str, folders: Iterable[Path]) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _newest_first(folders: Iterable[Path]) -> list[Path]:
    """Folders sorted by the numbers in their names: ``cuda-13.0`` before ``cuda-9.2``."""
    return sorted(folders, key=lambda folder: tuple(map(int, re.findall(r"\d+", folder.name))), reverse=True)


def _is_program(path: Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.X_OK)
    except OSError:
        return False
