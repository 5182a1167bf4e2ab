"""Which PyTorch a build gets.

``SCAFFOLD_TORCH`` (or ``--torch``) says it: ``auto``, ``reuse``, ``cpu``, or any pip requirement (``torch==2.11.0``).
``auto`` reuses the PyTorch that is there already, as in containers and on clusters; else it is one that fits the
driver, and ``cpu`` on a machine without a GPU.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.environment import Environment, SitePackages
from scaffold.builds.gpu import Gpu, find_gpu
from scaffold.builds.marker import MARKER, write_marker
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem
from scaffold.progress import Progress

#: The newest PyTorch the kit was run with (TileLang 0.1.8 to 0.1.15 import with it).
TORCH_VERSION = "2.13.0"

#: PyTorch's own index of builds without CUDA; pip prefers ``2.13.0+cpu`` from it to ``2.13.0`` from PyPI, by PEP 440.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_INDEX_TIMEOUT_S = 5.0

#: PyTorch's indexes by the oldest driver that runs them, newest first; PyPI's own wheel is the first one.
#: Source: NVIDIA's "CUDA Toolkit and Corresponding Driver Versions", minor version compatibility.
_CUDA_INDEXES = ((580, ""), (525, "https://download.pytorch.org/whl/cu126"))

_IMPORT_TIMEOUT_S = 60.0

#: Says what PyTorch an interpreter has, and whether it works there.
_ASK = """
import json, sys
import torch
cuda = torch.version.cuda or torch.version.hip
works = bool(torch.empty(1, device="cuda").add(1).isfinite().all()) if torch.cuda.is_available() else None
print(json.dumps({"version": torch.__version__, "cuda": cuda, "works": works, "file": torch.__file__,
                  "python": list(sys.version_info[:2])}))
"""


@dataclass(frozen=True)
class TorchChoice:
    """pip arguments, a name for the shared environment, and why."""

    key: str
    arguments: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class FoundTorch:
    """A PyTorch in an interpreter of this machine; ``gpu`` says whether a GPU works with it, ``None`` without one."""

    python: str
    version: str
    cuda: str | None
    gpu: bool | None
    site_packages: Path


def torch_environment(setting: str | None, workspace: Workspace, progress: Progress) -> Environment | SitePackages:
    """Where the builds of ``workspace`` import PyTorch from, installed if need be.

    Raises
    ------
    EnvironmentProblem
        If ``reuse`` was asked for and there is none to reuse.
    BuildFailedError
        If pip cannot install it.
    """
    asked = setting or os.environ.get("SCAFFOLD_TORCH") or "auto"
    if asked in ("auto", "reuse"):
        found = reusable_torch()
        if found is not None:
            progress.say_once(f"reusing PyTorch {found.version} of {found.python}")
            return SitePackages(found.site_packages)
        if asked == "reuse":
            raise EnvironmentProblem(
                "no PyTorch to reuse in " + ", ".join(_interpreters()),
                hint="run this with the interpreter that has it, or let the kit install one: --torch auto",
            )
    return _installed(choose_torch(asked), workspace, progress)


def choose_torch(setting: str | None = None) -> TorchChoice:
    """Decide which PyTorch to install from ``setting``, the environment and the machine."""
    asked = setting or os.environ.get("SCAFFOLD_TORCH") or "auto"
    if asked not in ("auto", "cpu"):
        return TorchChoice(_key(asked), (asked,), "asked for")
    requirement = f"torch=={TORCH_VERSION}"
    if asked == "auto" and (gpu := find_gpu()) is not None:
        index = _cuda_index(gpu)
        options = ("--extra-index-url", index) if index else ()
        requirement += "+" + index.rpartition("/")[2] if index else ""
        return TorchChoice(_key(requirement.replace("==", "-")), (requirement, *options), f"for {gpu.name}")
    reason = "asked for" if asked == "cpu" else "no GPU here"
    # Only Linux on x86 and Windows have CUDA in PyPI's wheel; elsewhere it is the CPU build already.
    if sys.platform == "darwin" or platform.machine() not in ("x86_64", "AMD64") or not _answers(CPU_INDEX):
        return TorchChoice(f"torch-{TORCH_VERSION}-cpu", (requirement,), reason)
    return TorchChoice(f"torch-{TORCH_VERSION}-cpu", (requirement, "--extra-index-url", CPU_INDEX), reason)


def reusable_torch() -> FoundTorch | None:
    """The PyTorch of the interpreter that ran the command, or of the one below its virtual environment, if it works.

    It must be of our Python version, since builds import it, and must reach the GPU where there is one.
    """
    for python in _interpreters():
        found = ask_torch(python)
        if found is not None and (found.gpu or find_gpu() is None):
            return found
    return None


def ask_torch(python: str) -> FoundTorch | None:
    """What PyTorch ``python`` has; ``None`` if none that imports, or if it is another Python version than ours."""
    answer = ask([python, "-I", "-c", _ASK], timeout_s=_IMPORT_TIMEOUT_S)
    try:
        facts = json.loads(answer.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return None
    if tuple(facts["python"]) != sys.version_info[:2]:
        return None
    return FoundTorch(python, facts["version"], facts["cuda"], facts["works"], Path(facts["file"]).parent.parent)


def _interpreters() -> Iterator[str]:
    """The user's interpreters, without repetition: nox names the one it runs in, a virtual environment its base."""
    base = getattr(sys, "_base_executable", "")
    named = [os.environ.get("SCAFFOLD_PYTHON", ""), sys.executable, base]
    if environment := os.environ.get("VIRTUAL_ENV"):
        named.append(str(Path(environment) / "bin" / "python"))
    yield from dict.fromkeys(str(Path(path).absolute()) for path in named if path and Path(path).exists())


def _installed(choice: TorchChoice, workspace: Workspace, progress: Progress) -> Environment:
    # Builds import it, so it is of their Python.
    key = f"{choice.key}-py{sys.version_info[0]}.{sys.version_info[1]}"
    folder = workspace.builds / key
    environment = Environment(folder, progress)
    with workspace.lock(key, progress):
        if (folder / MARKER).is_file():
            return environment
        environment.create()
        planned = environment.would_install(choice.arguments)
        version = next((item["metadata"]["version"] for item in planned), "?")
        cuda_after_all = choice.key.endswith("-cpu") and "+cpu" not in version and sys.platform == "linux"
        size = " (no CPU build found: with CUDA, GBs)" if cuda_after_all else ""
        with progress.step(f"installing PyTorch {version}{size}, {choice.reason}", lasting=True):
            environment.install(choice.arguments)
        write_marker(folder, {"torch": version})
    return environment


def _cuda_index(gpu: Gpu) -> str:
    """The index whose PyTorch runs with the GPU's driver; PyPI's own where it does, or where one cannot tell."""
    if not gpu.target.startswith("cuda"):
        return "https://download.pytorch.org/whl/rocm7.0" if gpu.target.startswith("hip") else ""
    major = int(gpu.driver.partition(".")[0]) if gpu.driver.partition(".")[0].isdigit() else _CUDA_INDEXES[0][0]
    return next((index for oldest, index in _CUDA_INDEXES if major >= oldest), _CUDA_INDEXES[-1][1])


def _key(requirement: str) -> str:
    return "".join(character if character.isalnum() or character in ".-" else "-" for character in requirement)


def _answers(index: str) -> bool:
    """Whether an index can be reached: pip retries a silent one for minutes."""
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=_INDEX_TIMEOUT_S):
            return True
    except (urllib.error.URLError, OSError, ValueError):
        return False
