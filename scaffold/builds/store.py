"""The TileLang builds of a workspace: made when first asked for, whole or not at all."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from scaffold.builds.environment import Environment
from scaffold.builds.torch import choose_torch
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem, UnknownBuildError
from scaffold.progress import Progress
from scaffold.trace.store import write_atomically

_MARKER = "build.json"
_VERSION = re.compile(r"\d+(\.\d+)*(\.post\d+|rc\d+|a\d+|b\d+)?\Z")

#: Versions of apache-tvm-ffi an older wheel needs, where its own metadata allows newer ones that abort on import.
#: Source: tile-ai/tilelang issues #2040 (0.1.8 with 0.1.10) and #2367 (0.1.11 with 0.1.12); 0.1.9, 0.1.10: tried.
TVM_FFI_OF_ITS_TIME = {
    "0.1.8": "apache-tvm-ffi<0.1.10",
    "0.1.9": "apache-tvm-ffi<0.1.10",
    "0.1.10": "apache-tvm-ffi<0.1.12",
    "0.1.11": "apache-tvm-ffi<0.1.12",
}


@dataclass(frozen=True)
class Build:
    """A TileLang one can run a probe in: its name (``wheel:0.1.15``) and its interpreter."""

    name: str
    python: str


class BuildStore:
    """Finds and makes builds by name: ``wheel:VERSION``, or ``python:PATH`` for an interpreter that has TileLang."""

    def __init__(self, workspace: Workspace, progress: Progress, *, torch: str | None = None) -> None:
        self.workspace = workspace
        self.progress = progress
        self._torch = torch

    def get(self, name: str | None = None) -> Build:
        """The build called ``name``, made if need be; without a name, the newest wheel here, else the newest there is.

        Raises
        ------
        UnknownBuildError
            If ``name`` has a form the kit does not know.
        BuildFailedError
            If it cannot be installed.
        """
        if name is None:
            return self._default()
        kind, _, rest = name.partition(":")
        if kind == "wheel" and rest == "latest":
            return self._wheel(self._newest_version())
        if kind == "wheel" and _VERSION.match(rest):
            return self._wheel(rest)
        if kind == "python" and rest:
            return _interpreter(rest)
        raise UnknownBuildError(
            f"unknown build {name!r}",
            hint="say wheel:0.1.15, wheel:latest, or python:/path/to/python for one that has TileLang",
        )

    def installed(self) -> list[Build]:
        """Whole builds of this workspace, oldest version first."""
        found = [_read_marker(marker.parent) for marker in self.workspace.builds.glob(f"wheel-*/{_MARKER}")]
        return sorted((build for build in found if build), key=lambda build: _version_key(build.name))

    def _default(self) -> Build:
        installed = self.installed()
        return installed[-1] if installed else self._wheel(self._newest_version())

    def _wheel(self, version: str) -> Build:
        folder = self.workspace.builds / f"wheel-{version}"
        if build := _read_marker(folder):
            return build
        with self.workspace.lock(f"wheel-{version}", self.progress):
            if build := _read_marker(folder):
                return build
            torch = self._torch_environment()
            with self.progress.step(f"installing TileLang {version} into {folder}", lasting=True):
                environment = Environment(folder, self.progress)
                environment.create()
                environment.share(torch)
                pins = [TVM_FFI_OF_ITS_TIME[version]] if version in TVM_FFI_OF_ITS_TIME else []
                environment.install([f"tilelang=={version}", *pins])
            build = Build(name=f"wheel:{version}", python=str(environment.python))
            write_atomically(folder / _MARKER, json.dumps(asdict(build), indent=1).encode())
            return build

    def _torch_environment(self) -> Environment:
        choice = choose_torch(self._torch)
        folder = self.workspace.builds / choice.key
        environment = Environment(folder, self.progress)
        with self.workspace.lock(choice.key, self.progress):
            if (folder / _MARKER).is_file():
                return environment
            environment.create()
            planned = environment.would_install(choice.arguments)
            version = next((item["metadata"]["version"] for item in planned), "?")
            size = (
                "" if "+cpu" in version or not choice.key.endswith("-cpu") else " (no CPU build found: with CUDA, GBs)"
            )
            with self.progress.step(f"installing PyTorch {version}{size}, {choice.reason}", lasting=True):
                environment.install(choice.arguments)
            write_atomically(folder / _MARKER, json.dumps({"torch": version}).encode())
        return environment

    def _newest_version(self) -> str:
        """The newest release an index has for this Python, asked by a resolver's dry run."""
        scout = Environment(self.workspace.builds / ".scout", self.progress)
        with self.workspace.lock("scout", self.progress), self.progress.step("asking for the newest TileLang release"):
            if not scout.python.exists():
                scout.create()
            return str(scout.would_install(["tilelang"])[0]["metadata"]["version"])


def _read_marker(folder: Path) -> Build | None:
    """The build in ``folder``; ``None`` unless it is whole and its interpreter is still there."""
    try:
        build = Build(**json.loads((folder / _MARKER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return build if Path(build.python).exists() else None


def _interpreter(path: str) -> Build:
    """An interpreter the user named.

    Raises
    ------
    EnvironmentProblem
        If it does not run or has no TileLang.
    """
    resolved = Path(path).expanduser().absolute()
    check = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('tilelang') else 9)"
    try:
        finished = subprocess.run([str(resolved), "-c", check], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentProblem(f"{path} does not run: {error}", hint="name a Python interpreter") from error
    if finished.returncode != 0:
        raise EnvironmentProblem(
            f"no module 'tilelang' in {path}", hint=f"{path} -m pip install tilelang, or leave --build out"
        )
    return Build(name=f"python:{path}", python=str(resolved))


def _version_key(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", name))
