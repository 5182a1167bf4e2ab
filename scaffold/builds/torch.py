"""Which PyTorch a build gets.

``SCAFFOLD_TORCH`` (or ``--torch``) says it: ``auto``, ``cpu``, or any pip requirement (``torch==2.11.0``).
``auto`` is ``cpu`` on a machine without a GPU.
"""

from __future__ import annotations

import os
import platform
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass

from scaffold.builds.gpu import find_gpu

#: The newest PyTorch the kit was run with (TileLang 0.1.8 to 0.1.15 import with it).
TORCH_VERSION = "2.13.0"

#: PyTorch's own index of builds without CUDA; pip prefers ``2.13.0+cpu`` from it to ``2.13.0`` from PyPI, by PEP 440.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
_INDEX_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class TorchChoice:
    """pip arguments, a name for the shared environment, and why."""

    key: str
    arguments: tuple[str, ...]
    reason: str


def choose_torch(setting: str | None = None) -> TorchChoice:
    """Decide which PyTorch to install from ``setting``, the environment and the machine."""
    asked = setting or os.environ.get("SCAFFOLD_TORCH") or "auto"
    if asked not in ("auto", "cpu"):
        return TorchChoice(_key(asked), (asked,), "asked for")
    if asked == "auto" and find_gpu() is not None:
        return TorchChoice(f"torch-{TORCH_VERSION}", (f"torch=={TORCH_VERSION}",), "this machine has a GPU")
    requirement = f"torch=={TORCH_VERSION}"
    reason = "asked for" if asked == "cpu" else "no GPU here"
    # Only Linux on x86 and Windows have CUDA in PyPI's wheel; elsewhere it is the CPU build already.
    if sys.platform == "darwin" or platform.machine() not in ("x86_64", "AMD64") or not _answers(CPU_INDEX):
        return TorchChoice(f"torch-{TORCH_VERSION}-cpu", (requirement,), reason)
    return TorchChoice(f"torch-{TORCH_VERSION}-cpu", (requirement, "--extra-index-url", CPU_INDEX), reason)


def _key(requirement: str) -> str:
    return "".join(character if character.isalnum() or character in ".-" else "-" for character in requirement)


def _answers(index: str) -> bool:
    """Whether an index can be reached: pip retries a silent one for minutes."""
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=_INDEX_TIMEOUT_S):
            return True
    except (urllib.error.URLError, OSError, ValueError):
        return False
