"""Virtual environments of builds, made by virtualenv and filled by pip."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.builds.lock import pins_for
from scaffold.builds.marker import write_shared
from scaffold.builds.process import Finished, run_logged
from scaffold.errors import BuildFailedError, OutputFolderError
from scaffold.locked_pip import install_locked
from scaffold.progress import Progress

#: What pip says when no index answers, and what it says when an index has no such thing.
_NO_NETWORK = ("NewConnectionError", "Temporary failure in name resolution", "Network is unreachable", "Max retries")
_LINES_OF_AN_ERROR = 200
_DISK_FULL = ("No space left on device", "[Errno 28]")


@dataclass(frozen=True)
class SitePackages:
    """Packages of an interpreter that is not ours to change."""

    folder: Path

    def site_packages(self) -> Path:
        return self.folder


class Environment:
    """One virtual environment in ``folder/env`` with its log in ``folder/log.txt``."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder = folder
        self.progress = progress
        self._shared: list[Path] = []

    @property
    def python(self) -> Path:
        return self.folder / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def create(self) -> None:
        """Make the environment anew; what lay there was never finished."""
        import virtualenv

        try:
            if (self.folder / "env").exists():
                shutil.rmtree(self.folder / "env")
            self.folder.mkdir(parents=True, exist_ok=True)
            virtualenv.cli_run([str(self.folder / "env"), "--quiet", "--no-periodic-update"])
        except (OSError, RuntimeError, SystemExit) as error:
            raise OutputFolderError(
                f"cannot make a virtual environment in {self.folder}: {error}",
                hint="check the disk, or name another folder with --workspace DIR",
            ) from error

    def site_packages(self) -> Path:
        found = sorted((self.folder / "env").glob("lib/python*/site-packages"))
        return found[0] if found else self.folder / "env" / "Lib" / "site-packages"

    def share(self, other: Environment | SitePackages) -> None:
        """Let this environment import what ``other`` holds, behind its own packages."""
        self._shared = [other.site_packages().resolve()]
        write_shared(self.site_packages(), self._shared)

    def install(self, arguments: Sequence[str], *, locked: bool = True) -> None:
        """``pip install`` into this environment, at the locked versions where ``arguments`` leave a choice.

        Raises
        ------
        BuildFailedError
            If pip fails, with its reason and the remedy.
        """
        runs: list[Finished] = []

        def run_pip(words: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
            runs.append(self._pip(words, env))
            return runs[-1].returncode, runs[-1].tail(_LINES_OF_AN_ERROR)

        pins = pins_for(arguments, self._shared) if locked else []
        options = ["--disable-pip-version-check", "--no-input", "--no-compile"]
        if install_locked(run_pip, [*options, *arguments], pins, self.progress.say_once) != 0:
            raise _explain(arguments, runs[-1])

    def would_install(self, arguments: Sequence[str]) -> list[dict[str, Any]]:
        """What pip would install, each with ``metadata`` and ``download_info``; empty where pip cannot tell."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            command = ["install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--report", str(report)]
            finished = self._pip([*command, *arguments])
            if finished.returncode != 0 or not report.exists():
                raise _explain(arguments, finished)
            items: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["install"]
            return items

    @contextmanager
    def downloaded(self, requirement: str) -> Iterator[Path]:
        """A wheel that pip would install, as a file, while the block runs.

        Raises
        ------
        BuildFailedError
            If pip cannot get it.
        """
        with tempfile.TemporaryDirectory() as folder:
            finished = self._pip(["download", "--no-deps", "--only-binary=:all:", "--dest", folder, requirement])
            wheels = sorted(Path(folder).glob("*.whl"))
            if finished.returncode != 0 or not wheels:
                raise _explain([requirement], finished)
            yield wheels[0]

    def _pip(self, arguments: Sequence[str], env: Mapping[str, str] | None = None) -> Finished:
        command = [str(self.python), "-m", "pip", *arguments]
        return run_logged(command, log=self.log, progress=self.progress, env={**os.environ, **(env or {})}, bound=True)


def _explain(arguments: Sequence[str], finished: Finished) -> BuildFailedError:
    wanted = " ".join(argument for argument in arguments if not argument.startswith("-"))
    tail = finished.tail(_LINES_OF_AN_ERROR)
    errors = [line.strip() for line in tail.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1].removeprefix("ERROR: ") if errors else f"pip ended with {finished.returncode}"
    hint = f"read {finished.log}"
    if any(sign in tail for sign in _DISK_FULL):
        reason, hint = "the disk is full", "free some space, or put the workspace elsewhere: --workspace DIR"
    elif any(sign in tail for sign in _NO_NETWORK):
        hint = "no package index answers: check the network and pip's own settings (python -m pip config list)"
    elif "No matching distribution" in tail:
        hint = "check the version, and that it has a wheel for this Python and platform: pip index versions tilelang"
    return BuildFailedError(f"cannot install {wanted}: {reason}", hint=hint, context={"log": finished.log})
