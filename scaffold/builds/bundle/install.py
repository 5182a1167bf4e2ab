"""Environments of a bundle, made without a network by the interpreter's own venv and the bundle's pip.

Standard library only. ``venv --without-pip`` needs no ensurepip, which Debian keeps in a package of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.bundle.box import Interpreter, Torch
from scaffold.builds.bundle.manifest import Environment, Manifest
from scaffold.builds.marker import MARKER, write_marker, write_shared, write_source
from scaffold.builds.process import Finished, run_logged
from scaffold.errors import BuildFailedError, EnvironmentProblem, OutputFolderError
from scaffold.files import write_atomically
from scaffold.progress import Progress

_VENV_TIMEOUT_S = 120.0
_IMPORT_TIMEOUT_S = 600.0
#: A path file for what a build imports from its own folder.
#: In an environment: the wheels it was made of, written when they were all installed.
_INSTALLED = "bundle.json"


@dataclass(frozen=True)
class Place:
    """One environment of a bundle in a workspace."""

    environment: Environment
    folder: Path
    interpreter: Interpreter

    @property
    def env(self) -> Path:
        return self.folder / "env"

    @property
    def python(self) -> Path:
        return self.env / "bin" / "python"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def site_packages(self) -> Path:
        return self.env / "lib" / f"python{self.interpreter.python}" / "site-packages"

    def is_whole(self, manifest: Manifest) -> bool:
        """Whether it was made from just these wheels, by this interpreter, and finished."""
        try:
            noted = json.loads((self.env / _INSTALLED).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        marked = self.environment.marker is None or (self.folder / MARKER).is_file()
        return bool(noted == self._made_of(manifest)) and self.python.exists() and marked

    def is_foreign(self) -> bool:
        """Whether a whole build of this name is here that no bundle made."""
        return (self.folder / MARKER).is_file() and not (self.env / _INSTALLED).exists() and self.python.exists()

    def _made_of(self, manifest: Manifest) -> dict[str, str]:
        listing = [
            [wheel.file, [[item.path, item.sha256] for item in wheel.files]]
            for wheel in map(manifest.wheel, self.environment.wheels)
        ]
        trees = [
            [tree.path, [[item.path, item.sha256] for item in tree.files]]
            for tree in manifest.trees
            if self.environment.folder and tree.path.startswith(self.environment.folder)
        ]
        digest = hashlib.sha256(json.dumps([listing, trees]).encode()).hexdigest()
        return {"content": digest, "interpreter": self.interpreter.base}

    def clear(self) -> None:
        """Remove what an earlier run left half made."""
        (self.folder / MARKER).unlink(missing_ok=True)
        shutil.rmtree(self.env, ignore_errors=True)
        if self.environment.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)

    def install(self, wheels: Path) -> None:
        """Make the environment and install its wheels from the folder ``wheels``.

        Raises
        ------
        EnvironmentProblem
            If the interpreter makes no environments.
        BuildFailedError, OutputFolderError
            If pip fails, or the disk is full.
        """
        answer = ask([self.interpreter.base, "-I", "-m", "venv", "--without-pip", self.env], timeout_s=_VENV_TIMEOUT_S)
        if not answer.ok or not self.python.exists():
            raise EnvironmentProblem(
                f"{self.interpreter.base} makes no virtual environment: {answer.why_not}",
                hint="name another interpreter with --python PATH",
            )
        pip = next(name for name in self.environment.wheels if name.startswith("pip-"))
        command = [str(self.python), "-m", "pip", "install", "--no-index", "--no-deps", "--no-compile", "--no-input"]
        finished = run_logged(
            [*command, *(str(wheels / name) for name in self.environment.wheels)],
            log=self.log,
            progress=Progress(verbosity=-1),
            env=offline_environment({"PYTHONPATH": str(wheels / pip)}),
            cwd=self.folder,
            bound=True,
        )
        if finished.returncode != 0:
            raise self._explain(finished)

    def _explain(self, finished: Finished) -> BuildFailedError | OutputFolderError:
        tail = finished.tail(200)
        if "No space left on device" in tail or "[Errno 28]" in tail:
            return OutputFolderError(
                f"the disk of {self.folder} is full", hint="free some space, or say --workspace DIR"
            )
        errors = [line.strip() for line in tail.splitlines() if line.startswith("ERROR:")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else f"pip ended with {finished.returncode}"
        return BuildFailedError(f"cannot install {self.environment.name}: {reason}", hint=f"read {finished.log}")

    def share(self, torch: Torch | None) -> None:
        """Let it import PyTorch, behind its own packages, and its own folders."""
        if torch is not None:
            write_shared(self.site_packages, [Path(folder) for folder in torch.folders])
        if self.environment.paths:
            write_source(self.site_packages, [self.folder / path for path in self.environment.paths])

    def prove(self, torch: Torch | None) -> str:
        """Import what the environment is for; the version it says.

        Raises
        ------
        BuildFailedError
            If it does not import.
        """
        module = self.environment.proof
        code = f"import {module} as module; print('version:' + str(getattr(module, '__version__', '')))"
        variables = {"TILELANG_CACHE_DIR": str(self.folder / "cache"), "TILELANG_DISABLE_CACHE": "1"}
        answer = ask(
            [self.python, "-c", code],
            timeout_s=_IMPORT_TIMEOUT_S,
            env=offline_environment(variables),
            cwd=self.folder,
        )
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        if not answer.ok:
            beside = f" with PyTorch {torch.version} of {torch.where}" if torch else ""
            raise BuildFailedError(
                f"{module} does not import in {self.environment.name}{beside}: {answer.why_not}",
                hint=f"see it whole: {self.python} -c 'import {module}'"
                + ("; another PyTorch: --torch /path/to/python" if torch else ""),
            )
        return answer.stdout.rpartition("version:")[2].strip()

    def finish(self, manifest: Manifest) -> None:
        """Say that it is whole."""
        write_atomically(self.env / _INSTALLED, json.dumps(self._made_of(manifest)).encode())
        if self.environment.marker is not None:
            write_marker(self.folder, {key: self._placed(value) for key, value in self.environment.marker.items()})

    def _placed(self, value: object) -> object:
        if isinstance(value, str):
            return value.replace("{folder}", str(self.folder))
        if isinstance(value, dict):
            return {key: self._placed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._placed(item) for item in value]
        return value


def offline_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Our environment without proxies, pip settings and foreign Python paths, with pip kept off any index."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PIP_", "PYTHON", "__PYVENV")) and not key.lower().endswith("_proxy")
    }
    pip = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {**kept, **pip, "PIP_NO_CACHE_DIR": "1", "PYTHONNOUSERSITE": "1", **extra}


def places_of(manifest: Manifest, workspace: Path, interpreter: Interpreter) -> Sequence[Place]:
    """Where each environment of a bundle goes: the kit's first, then PyTorch, then builds."""
    if sys.platform == "win32":
        raise EnvironmentProblem("a bundle is not for Windows", hint="use Linux, WSL or macOS")
    return [Place(item, workspace / item.folder, interpreter) for item in manifest.environments]
