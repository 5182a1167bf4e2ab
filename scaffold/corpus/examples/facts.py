"""What a build has, and whether an example can run with it on a GPU."""

from __future__ import annotations

import functools
import json
import operator
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.process import probe_environment
from scaffold.corpus.examples.discover import OF_THE_BUILD
from scaffold.corpus.examples.model import Example, Need
from scaffold.corpus.gpus import GpuSlot
from scaffold.errors import EnvironmentProblem

#: An import of PyTorch and TileLang from a cold network disk takes minutes.
_TIMEOUT_S = 300.0

#: Every module of the build's path by its top name, and whether its PyTorch reaches a GPU.
_ASK = """
import json, os, pkgutil, sys
names = {item.name for item in pkgutil.iter_modules()} | set(sys.builtin_module_names)
for folder in sys.path:
    if os.path.isdir(folder):
        names |= {name for name in os.listdir(folder) if name.isidentifier() and os.path.isdir(folder + "/" + name)}
import torch, tilelang
print(json.dumps({"names": sorted(names), "python": list(sys.version_info[:2]), "tilelang": str(tilelang.__version__),
                  "torch": str(torch.__version__), "gpus": torch.cuda.device_count()}))
"""

_COMPARE = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt, "==": operator.eq}


@dataclass(frozen=True)
class BuildFacts:
    """Versions, the top-level modules there are, and how many GPUs PyTorch sees."""

    build: str
    tilelang: str
    torch: str
    python: tuple[int, int]
    available: frozenset[str]
    gpus: int


@functools.cache
def facts_of(build: str, python: str) -> BuildFacts:
    """Ask the interpreter ``python`` of ``build``; once a process.

    Raises
    ------
    EnvironmentProblem
        If it is not there, or TileLang does not import in it.
    """
    if not Path(python).exists():
        raise EnvironmentProblem(
            f"the interpreter of {build} is not on this machine: {python}",
            hint="workers of a cluster must see the workspace: put it on a shared disk, --workspace DIR",
        )
    environment = probe_environment({"TILELANG_DISABLE_CACHE": "1", "PYTHONDONTWRITEBYTECODE": "1"})
    answer = ask([python, "-I", "-c", _ASK], timeout_s=_TIMEOUT_S, env=environment)
    try:
        facts = json.loads(answer.stdout.strip().splitlines()[-1])
        return BuildFacts(
            build,
            facts["tilelang"],
            facts["torch"],
            (facts["python"][0], facts["python"][1]),
            frozenset(facts["names"]),
            facts["gpus"],
        )
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise EnvironmentProblem(
            f"TileLang does not import in {build}: {answer.why_not}",
            hint=f"see it whole: {python} -c 'import torch, tilelang'",
        ) from error


def lacks(example: Example, facts: BuildFacts) -> str:
    """What keeps an example from running with this build on any GPU; empty where nothing does."""
    for need in example.needs:
        if need.kind == "package" and need.value not in facts.available | OF_THE_BUILD:
            return f"needs {need.value}, which {facts.build} does not have ({need.why})"
        if need.kind == "argument":
            return f"needs arguments: {' '.join(item.value for item in example.needs if item.kind == 'argument')}"
        if need.kind == "never":
            return need.value
    return ""


def refuses(example: Example, gpu: GpuSlot) -> str:
    """Why an example is not for ``gpu``; empty where it is."""
    return next((why for need in example.needs if (why := _refuses(need, gpu))), "")


def _refuses(need: Need, gpu: GpuSlot) -> str:
    why = f" ({need.why})" if need.why else ""
    if need.kind == "backend" and gpu.backend not in need.value.split(" or "):
        wanted = {"cuda": "an NVIDIA GPU", "hip": "an AMD GPU", "metal": "a Mac's GPU"}
        return f"needs {wanted.get(need.value, need.value)}{why}"
    if need.kind == "arch" and gpu.arch != need.value:
        return f"needs {need.value}, this GPU is {gpu.arch}{why}"
    if need.kind == "capability":
        sign, _, number = need.value.partition(" ")
        major, _, minor = number.partition(".")
        if gpu.capability is None:
            return f"needs an NVIDIA GPU{why}"
        if not _COMPARE[sign](gpu.capability, (int(major), int(minor))):
            return f"needs compute capability {need.value}, this GPU has {'.'.join(map(str, gpu.capability))}{why}"
    return ""
