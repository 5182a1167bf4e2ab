"""Where the kit keeps what it makes: one folder, ``workspace/`` unless ``--workspace`` or ``SCAFFOLD_WORKSPACE`` say.

In a checkout of TileLang it is the kit's own ``workspace/``: nothing of ours lies among the user's files.

::

    workspace/
      builds/wheel-0.1.15/   one TileLang: env/ (a virtual environment), build.json (written last: it is whole), log
      builds/git-main/       one from source: source/ (the tree, and CMake's source/build), env/, attestation.json
      builds/torch-…/        one PyTorch, shared by every build that uses it
      thirdparty/            TVM and CUTLASS, shared by every build from source that has the same
      tilelang/              a clone of upstream: the user's checkout, of which only objects and refs are ours
      git/                   what was fetched from other Git URLs
      contributions/         drafts of pull requests: pr.toml, description, repro, evidence
      preflight/             what preflight installed: environments of upstream's hooks and of its docs
      corpus/                what scripts and the zoo came to, by build: for many kernels at once
      bench/                 every sample of every benchmark
      profiles/              raw reports of the last profile of each kernel and side
      traces/                the .tltrace of each run, with its run record
      cache/                 what may be deleted at any time: downloads, compiled objects, hashes, machine code
      runs/                  folders of runs that failed, kept for a look
      tmp/                   of runs that go on
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from scaffold.errors import OutputFolderError
from scaffold.progress import Progress


@dataclass(frozen=True)
class Workspace:
    root: Path

    @classmethod
    def at(cls, folder: str | None) -> Workspace:
        return cls(Path(folder or os.environ.get("SCAFFOLD_WORKSPACE") or _default()).resolve())

    @property
    def builds(self) -> Path:
        return self.root / "builds"

    @property
    def thirdparty(self) -> Path:
        return self.root / "thirdparty"

    @property
    def traces(self) -> Path:
        return self.root / "traces"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def folder(self, path: Path) -> Path:
        """Make ``path`` and return it.

        Raises
        ------
        OutputFolderError
            If it cannot be made.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFolderError(
                f"cannot make folder {path}: {error.strerror}",
                hint="name one you may write to: --workspace DIR or SCAFFOLD_WORKSPACE=DIR",
            ) from error
        return path

    @contextmanager
    def lock(self, name: str, progress: Progress) -> Iterator[None]:
        """Hold ``name`` alone; says so where another process has it, and waits."""
        path = self.folder(self.root / "locks") / f"{name}.lock"
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress.say(f"another process is making {name}; waiting for it")
            lock.acquire()
        except OSError as error:
            raise OutputFolderError(
                f"cannot lock {path}: {error.strerror}", hint="name a folder you may write to with --workspace DIR"
            ) from error
        try:
            yield
        finally:
            lock.release()


def _default() -> Path:
    """``workspace`` in the current folder; in a checkout of TileLang, which is not the kit's to write in, the kit's."""
    here, kit = Path.cwd(), Path(__file__).parents[2]
    in_tilelang = any((folder / "tilelang" / "__init__.py").is_file() for folder in (here, *here.parents))
    return kit / "workspace" if in_tilelang and (kit / "pyproject.toml").is_file() else Path("workspace")
