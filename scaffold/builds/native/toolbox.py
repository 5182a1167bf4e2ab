"""The programs and headers a compilation uses: found on the machine, else from pip."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scaffold.builds.environment import Environment
from scaffold.builds.machine import CudaToolkit, Tool, cxx_compiler, find_tool, host_cuda_toolkit, pip_cuda_toolkit
from scaffold.builds.native.recipe import Backend
from scaffold.builds.process import probe_environment
from scaffold.builds.workspace import Workspace
from scaffold.errors import MissingToolError
from scaffold.files import write_atomically

CudaChoice = Literal["auto", "host", "pip"]

#: The CUDA toolkit that pip has: nvcc, its runtime's and CCCL's headers, NVRTC's header.
_CUDA_OF_PIP = ("nvidia-cuda-nvcc", "nvidia-cuda-runtime", "nvidia-cuda-cccl", "nvidia-cuda-nvrtc")

#: What lets ccache find an object made in another folder: paths below the workspace are made relative, precompiled
#: headers are told by content. Source: ccache's manual, "Precompiled headers" and "Compiling in different directories".
_CCACHE = {
    "CCACHE_NOHASHDIR": "true",
    "CCACHE_COMPILERCHECK": "content",
    "CCACHE_SLOPPINESS": "pch_defines,time_macros,include_file_mtime,include_file_ctime",
}


@dataclass(frozen=True)
class Toolbox:
    """What there is to compile with; ``launcher`` is ccache or sccache, ``cuda`` and ``nvrtc`` only for CUDA."""

    compiler: Tool
    cmake: Path
    ninja: Path
    python: Path
    launcher: Tool | None
    cuda: CudaToolkit | None
    nvrtc_include: Path | None


def gather_tools(
    environment: Environment, backends: tuple[Backend, ...], cuda: CudaChoice, workspace: Workspace
) -> Toolbox:
    """Find everything, installing from pip what the machine lacks.

    Raises
    ------
    MissingToolError
        If there is no C++ compiler, or no CUDA toolkit where the host's was asked for.
    """
    compiler = require_compiler()
    toolkit = _cuda_toolkit(environment, cuda) if "cuda" in backends else None
    programs = environment.python.parent
    return Toolbox(
        compiler=compiler,
        cmake=programs / "cmake",
        ninja=programs / "ninja",
        python=environment.python,
        launcher=find_tool("ccache") or find_tool("sccache"),
        cuda=toolkit,
        nvrtc_include=_nvrtc_include(toolkit, environment, workspace) if toolkit else None,
    )


def require_compiler() -> Tool:
    """The C++ compiler.

    Raises
    ------
    MissingToolError
        If there is none; before anything is downloaded.
    """
    compiler = cxx_compiler()
    if compiler is None:
        named = f" (CXX is {os.environ['CXX']!r})" if os.environ.get("CXX") else ""
        raise MissingToolError(
            f"no C++ compiler{named}",
            hint="install one: apt install g++, or dnf install gcc-c++; or use a release: --source wheel:latest",
        )
    return compiler


def build_environment(toolbox: Toolbox, workspace: Workspace) -> dict[str, str]:
    """Variables of CMake and Ninja: an allow-list of ours, and the compiler cache's settings."""
    settings = dict(_CCACHE)
    settings["CCACHE_BASEDIR"] = str(workspace.root)
    for name, folder in (("CCACHE_DIR", "ccache"), ("SCCACHE_DIR", "sccache")):
        settings[name] = os.environ.get(name) or str(workspace.cache / folder)
    return probe_environment({**settings, "PATH": f"{toolbox.cmake.parent}{os.pathsep}{os.environ.get('PATH', '')}"})


def cache_counts(toolbox: Toolbox, env: Mapping[str, str]) -> tuple[int, int] | None:
    """Ccache's hits and misses so far; ``None`` without ccache."""
    from scaffold.builds.asking import ask

    if toolbox.launcher is None or toolbox.launcher.name != "ccache":
        return None
    answer = ask([toolbox.launcher.path, "--print-stats"], env=env)
    counts = dict(line.split("\t", 1) for line in answer.text.splitlines() if "\t" in line)
    names = ("direct_cache_hit", "preprocessed_cache_hit", "cache_miss")
    direct, preprocessed, missed = (int(counts.get(name, "0")) for name in names)
    return direct + preprocessed, missed


def _cuda_toolkit(environment: Environment, choice: CudaChoice) -> CudaToolkit:
    host = host_cuda_toolkit() if choice != "pip" else None
    if host is not None:
        return host
    if choice == "host":
        raise MissingToolError(
            "no CUDA toolkit on this machine", hint="set CUDA_HOME to one, or use the one pip has: --cuda pip"
        )
    found = pip_cuda_toolkit(environment.site_packages())
    if found is None:
        with environment.progress.step("installing pip's CUDA toolkit", lasting=True):
            environment.install(_CUDA_OF_PIP)
        found = pip_cuda_toolkit(environment.site_packages())
    if found is None:
        raise MissingToolError(
            "pip's CUDA packages hold no nvcc that runs here", hint="install a CUDA toolkit and set CUDA_HOME to it"
        )
    return found


def _nvrtc_include(toolkit: CudaToolkit, environment: Environment, workspace: Workspace) -> Path | None:
    """A folder with ``nvrtc.h``, which toolkits are often without; ``None`` where the toolkit has it.

    Only the header is kept of pip's package: the library is for running, and PyTorch brings it.
    """
    if toolkit.nvrtc_header is not None:
        return None
    major = toolkit.version.partition(".")[0]
    folder = workspace.thirdparty / f"nvrtc-{major}"
    header = folder / "nvrtc.h"
    if not header.is_file():
        package = "nvidia-cuda-nvrtc" if int(major) >= 13 else f"nvidia-cuda-nvrtc-cu{major}"
        text = "fetching nvrtc.h from pip: this CUDA toolkit has none"
        with (
            environment.progress.step(text, lasting=True),
            environment.downloaded(f"{package}=={major}.*") as wheel,
            zipfile.ZipFile(wheel) as archive,
        ):
            names = [name for name in archive.namelist() if name.endswith("/nvrtc.h")]
            if not names:
                raise MissingToolError(
                    f"{wheel.name} holds no nvrtc.h", hint="name a whole CUDA toolkit with CUDA_HOME, or use --cuda pip"
                )
            write_atomically(header, archive.read(names[0]))
    return folder
