"""Set a workspace up from a bundle, without a network. Standard library only.

::

    workspace/
      kit/                 the kit's source, with its tests
      env/                 the kit's environment
      builds/wheel-0.1.15/ a build like any other: env/, build.json
      bundle.json          what was set up from which bundle, written last
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.bundle.box import Interpreter, Torch, choose_interpreter, find_torch
from scaffold.builds.bundle.file import BundleFile
from scaffold.builds.bundle.install import Place, places_of
from scaffold.builds.bundle.manifest import Manifest, Tree
from scaffold.builds.bundle.objects import ObjectFolder
from scaffold.builds.bundle.wheel_file import write_wheel
from scaffold.errors import EnvironmentProblem, OutputFolderError
from scaffold.files import write_atomically

#: In a workspace: which bundle it was set up from.
INSTALLED = "bundle.json"
#: In ``workspace/kit``: which files were put there.
_KIT_MARKER = ".bundle.json"
#: Beside what is installed, the objects, the wheels put together, and room to breathe.
_SPACE_FACTOR = 3


@dataclass(frozen=True)
class InstalledBundle:
    """What was set up. ``torch`` says which PyTorch the builds import."""

    workspace: Path
    python: Path
    kit: Path
    builds: tuple[str, ...]
    torch: str

    def lines(self) -> list[str]:
        """What was set up, and what to type next: a first diff, and the tests marked for a real TileLang."""
        elsewhere = [] if Path.cwd() / "workspace" == self.workspace else ["--workspace", str(self.workspace)]
        python = str(self.python) if elsewhere else os.path.relpath(self.python)
        tests = f'cd {shlex.quote(str(self.kit))} && ../env/bin/python -m pytest -m "gpu or tilelang"'
        return [
            f"set up in {self.workspace}: {', '.join(self.builds) or 'no build'}; PyTorch {self.torch}",
            "no network was used",
            f"tests: {tests}",
            f"next: {shlex.join([python, '-m', 'scaffold', 'tir-diff', 'gemm', *elsewhere])}",
        ]


def set_up(
    bundle: Path,
    *,
    workspace: Path,
    torch: str | None,
    python: str | None,
    say: Callable[[str], None],
) -> InstalledBundle:
    """Unpack ``bundle`` into ``workspace``: the kit, its environment, and every build as an ordinary build.

    Run again after a kill, it completes; run again after it completed, it only looks again for PyTorch. ``torch`` names
    the interpreter or folder that has PyTorch, ``python`` the interpreter the environments are made with.

    Raises
    ------
    BundleFileError
        If the file is cut short or was altered.
    EnvironmentProblem
        If the bundle is for another Python or platform, or there is no PyTorch.
    OutputFolderError
        If the workspace cannot be written, or the disk has no room.
    BuildFailedError
        If something does not install or import.
    """
    with BundleFile(bundle) as file:
        manifest = file.manifest
        interpreter = choose_interpreter(manifest.requires, python)
        workspace = workspace.resolve()
        own_torch = any(item.proof == "torch" for item in manifest.environments)
        shared = None if own_torch or not _needs_torch(manifest) else find_torch(interpreter, torch)
        with _errors_of(workspace), _alone(workspace, say):
            places = places_of(manifest, workspace, interpreter)
            _Setup(file, workspace, interpreter, say).run(places, shared)
    shown = shared or next((_torch_in(place) for place in places if place.environment.proof == "torch"), None)
    return InstalledBundle(
        workspace,
        next(place.python for place in places if not place.environment.folder),
        workspace / "kit",
        tuple(place.environment.name for place in places if place.environment.proof == "tilelang"),
        f"{shown.version} of {shown.where}" if shown else "none",
    )


def _needs_torch(manifest: Manifest) -> bool:
    return any(item.needs_torch for item in manifest.environments)


def _torch_in(place: Place) -> Torch:
    version = str((place.environment.marker or {}).get("torch", ""))
    return Torch(version, "the bundle", (str(place.site_packages),))


class _Setup:
    """The steps, under the workspace's lock."""

    def __init__(self, file: BundleFile, workspace: Path, interpreter: Interpreter, say: Callable[[str], None]) -> None:
        self.file = file
        self.manifest = file.manifest
        self.workspace = workspace
        self.interpreter = interpreter
        self.say = say
        self._scratch = workspace / "tmp" / "bundle"

    def run(self, places: Sequence[Place], torch: Torch | None) -> None:
        missing = [place for place in places if not place.is_whole(self.manifest) and not place.is_foreign()]
        if any(place.env.resolve() == Path(sys.prefix).resolve() for place in missing):
            raise EnvironmentProblem(
                f"{sys.prefix} is to be made anew and runs this very command",
                hint=f"run it from outside: {self.interpreter.base} {self.file.path}",
            )
        trees = [tree for tree in self.manifest.trees if self._is_kit(tree) and not self._kit_is_there(tree)]
        if missing or trees:
            self._unpack(missing, trees)
        for place in places:
            if place.environment.proof == "torch":
                torch = _torch_in(place)
        for place in places:
            self._finish(place, torch if place.environment.needs_torch else None, new=place in missing)
        document = {"bundle": self.file.path.name, "manifest_sha256": self.file.identity, "offline": True}
        write_atomically(self.workspace / INSTALLED, json.dumps(document, indent=1).encode())

    def _unpack(self, missing: Sequence[Place], trees: Sequence[Tree]) -> None:
        """Objects, then wheels, then folders and environments; the scratch folder goes, whatever happens."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._require_space()
        try:
            wheels = self._scratch / "wheels"
            wheels.mkdir(parents=True)
            self.say(f"unpacking {self.manifest.raw_size / 1024**2:.0f} MiB and verifying each file")
            objects = ObjectFolder(self._scratch / "objects")
            self.file.unpack(objects)
            for file in sorted({file for place in missing for file in place.environment.wheels}):
                write_wheel(self.manifest.wheel(file), objects, wheels)
            for tree in trees:
                self._place_kit(tree, objects)
            for place in missing:
                self.say(f"installing {place.environment.name}: {len(place.environment.wheels)} wheels")
                place.clear()
                for tree in self.manifest.trees:
                    if place.environment.folder and _is_below(tree.path, place.environment.folder):
                        _write_tree(tree, objects, self.workspace / tree.path)
                place.install(wheels)
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _finish(self, place: Place, torch: Torch | None, *, new: bool) -> None:
        """Point a build at its PyTorch, prove it imports, and mark it whole; leave builds that no bundle made alone."""
        if place.is_foreign():
            self.say(f"{place.environment.name} is here already, made without a bundle: left as it is")
            return
        place.share(torch)
        version = place.prove(torch)
        if new:
            place.finish(self.manifest)
        beside = f", with PyTorch {torch.version} of {torch.where}" if torch else ""
        self.say(f"{place.environment.name} imports{' ' * bool(version) + version}{beside}")

    def _require_space(self) -> None:
        needed = self.manifest.raw_size * _SPACE_FACTOR
        free = shutil.disk_usage(self.workspace).free
        if free < needed:
            raise OutputFolderError(
                f"{self.workspace} has {free / 1024**2:.0f} MiB free; unpacking takes {needed / 1024**2:.0f} MiB",
                hint="free some space, or put the workspace elsewhere: --workspace DIR",
            )

    @staticmethod
    def _is_kit(tree: Tree) -> bool:
        return tree.path == "kit"

    def _kit_identity(self, tree: Tree) -> str:
        return json.dumps(sorted([item.path, item.sha256] for item in tree.files))

    def _kit_is_there(self, tree: Tree) -> bool:
        try:
            return (self.workspace / tree.path / _KIT_MARKER).read_text(encoding="utf-8") == self._kit_identity(tree)
        except OSError:
            return False

    def _place_kit(self, tree: Tree, objects: ObjectFolder) -> None:
        """Put the kit's source in place at once; what lay there is moved aside: someone may work in it."""
        new = self._scratch / "kit"
        _write_tree(tree, objects, new)
        write_atomically(new / _KIT_MARKER, self._kit_identity(tree).encode())
        target = self.workspace / tree.path
        if target.exists():
            number = 1
            while (aside := target.with_name(f"kit.{number}")).exists():
                number += 1
            target.rename(aside)
            self.say(f"moved the kit that was in {target} to {aside}")
        new.rename(target)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _write_tree(tree: Tree, objects: ObjectFolder, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for item in tree.files:
        path = target / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(objects.path(item.sha256), path)
        path.chmod(0o755 if item.executable else 0o644)
    for link, destination in tree.links.items():
        path = target / link
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(destination)


@contextmanager
def _errors_of(workspace: Path) -> Iterator[None]:
    """Turn the disk's errors into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputFolderError(
                f"the disk of {workspace} is full",
                hint="free some space and run it again, or put the workspace elsewhere: --workspace DIR",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise OutputFolderError(
                f"cannot write {error.filename or workspace}: {error.strerror}",
                hint="name a folder you may write to: --workspace DIR",
            ) from error
        raise


@contextmanager
def _alone(workspace: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the workspace for this set-up; another one waits. The lock goes with the process, however that ends."""
    try:
        import fcntl
    except ImportError as error:
        raise EnvironmentProblem("a bundle is not for Windows", hint="use Linux, WSL or macOS") from error
    folder = workspace / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "bundle.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is setting up {workspace}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
