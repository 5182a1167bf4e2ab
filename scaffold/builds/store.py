"""The TileLang builds of a workspace: found by name, made when first asked for, whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from scaffold.builds.build import Build
from scaffold.builds.environment import Environment, SitePackages
from scaffold.builds.given import folder_of, interpreter, link_folder, virtual_environment
from scaffold.builds.marker import MARKER, write_marker
from scaffold.builds.names import BuildName, parse_name
from scaffold.builds.resident import end_residents
from scaffold.builds.torch import torch_environment
from scaffold.builds.wheel import install_wheel, newest_release, pins_of
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, UnknownBuildError, UsageError
from scaffold.files import write_atomically
from scaffold.progress import Progress

if TYPE_CHECKING:
    # What makes a build from source is half of the kit's start; who has a build needs none of it.
    from scaffold.builds.from_source import Releases, SourceBuildOptions
    from scaffold.builds.source.model import SourceIdentity

_OPTIONS = "options.json"


class BuildStore:
    """Finds and makes builds by name (:mod:`scaffold.builds.names` has the forms).

    ``options`` say how builds from source are made; without them one that is there is taken as it was made.
    ``project`` is a folder of the project for which ``auto`` is looked up.
    """

    def __init__(
        self,
        workspace: Workspace,
        progress: Progress,
        *,
        torch: str | None = None,
        options: SourceBuildOptions | None = None,
        project: Path | None = None,
    ) -> None:
        self._project = project or Path.cwd()
        self.workspace = workspace
        self.progress = progress
        self._torch = torch
        self._options = options

    def get(self, name: str | None = None) -> Build:
        """The build called ``name``, made if need be; without a name, one from source if there is one, else a wheel.

        A worktree is looked at each time, and what changed in it is compiled; what another build has compiled from the
        same is taken from there.

        Raises
        ------
        UnknownBuildError
            If ``name`` has a form the kit does not know, or names what is not there.
        BuildFailedError
            If it cannot be installed or does not compile.
        """
        if name is None:
            return self._default()
        parsed = self._settled(parse_name(name))
        if parsed.kind == "python":
            return interpreter(parsed)
        if parsed.kind == "path":
            return self._path(parsed)
        if parsed.kind == "wheel":
            return self._wheel(parsed.rest)
        return self._from_source(parsed)

    def find(self, name: str) -> Build | None:
        """The build called ``name`` if it is here; nothing is made, but ``python:`` and ``path:`` are looked at."""
        parsed = self._settled(parse_name(name))
        if parsed.kind in ("python", "path"):
            return self.get(name)
        return _read_marker(self.workspace.builds / parsed.folder)

    def installed(self) -> list[Build]:
        """Whole builds of this workspace: wheels by version, then those from source by name."""
        found = [_read_marker(marker.parent) for marker in self.workspace.builds.glob(f"*/{MARKER}")]
        return sorted((build for build in found if build), key=_order)

    def folder(self, name: str) -> Path:
        return self.workspace.builds / self._settled(parse_name(name)).folder

    def remove(self, name: str) -> Path:
        """Delete a build and return its folder; what others share (PyTorch, third-party sources) stays.

        Raises
        ------
        UnknownBuildError
            If there is none of that name, whole or half-made.
        UsageError
            If it is an interpreter of the user's.
        """
        parsed = parse_name(name)
        if parsed.kind == "python":
            raise UsageError(f"{name} is yours, not the kit's", hint="the kit removes only what it made")
        folder = self.folder(name)
        if not folder.is_dir():
            here = ", ".join(build.name for build in self.installed()) or "none"
            raise UnknownBuildError(f"no build {name!r} in {self.workspace.builds}", hint=f"there are: {here}")
        with self.workspace.lock(folder.name, self.progress):
            end_residents(str(Environment(folder, self.progress).python))
            (folder / MARKER).unlink(missing_ok=True)
            shutil.rmtree(folder)
        return folder

    def preferred(self) -> Build | None:
        """The build a verb takes when nobody says which, as it is now; ``None`` in a workspace without any."""
        installed = [build for build in self.installed() if not _is_gone(parse_name(build.name))]
        if from_source := [build for build in installed if parse_name(build.name).from_source]:
            return max(from_source, key=self._made_at)
        wheels = [build for build in installed if parse_name(build.name).kind == "wheel"]
        return wheels[-1] if wheels else None

    def _settled(self, name: BuildName) -> BuildName:
        """The name that means the same tomorrow and elsewhere: a version for ``latest``, the folder of a checkout."""
        if name.kind == "auto":
            return BuildName("wheel", self._pinned)
        if name.rest == "latest" and name.kind == "wheel":
            return BuildName("wheel", newest_release(self.workspace, self.progress))
        if name.rest == "latest" and name.kind == "sdist":
            from scaffold.builds.source.sdist import Sdists

            return BuildName("sdist", Sdists(self.workspace, self.progress).newest())
        if name.kind == "worktree" and not name.rest:
            from scaffold.builds.source.worktree import find_checkout

            return BuildName("worktree", str(find_checkout("", self.workspace).root))
        return name

    def _default(self) -> Build:
        build = self.preferred()
        return self.get(build.name if build else "wheel:latest")

    def _made_at(self, build: Build) -> float:
        return (self.folder(build.name) / MARKER).stat().st_mtime

    def _wheel(self, version: str) -> Build:
        name = BuildName("wheel", version)
        folder = self.workspace.builds / name.folder
        if build := _read_marker(folder):
            return build
        with self.workspace.lock(name.folder, self.progress):
            if build := _read_marker(folder):
                return build
            environment = install_wheel(version, folder, self._torch_environment, self.progress)
            return _write_marker(folder, Build(str(name), str(environment.python)))

    def _path(self, name: BuildName) -> Build:
        if build := virtual_environment(name):
            return build
        root, _ = folder_of(name)
        folder = self.workspace.builds / name.folder
        with self.workspace.lock(name.folder, self.progress):
            if build := _read_marker(folder):
                return build
            environment = link_folder(root, folder, self._torch_environment, self.progress)
            return _write_marker(folder, Build(str(name), str(environment.python)))

    def _from_source(self, name: BuildName) -> Build:
        folder = self.workspace.builds / name.folder
        moves = name.kind == "worktree"
        if not moves and self._options is None and (build := _read_marker(folder)):
            return build
        with self.workspace.lock(name.folder, self.progress):
            return self._make(name, folder)

    def _make(self, name: BuildName, folder: Path) -> Build:
        """Make it, or bring it up to date; nothing is done where it is."""
        from scaffold.builds.from_source import SourceBuilder, SourceBuildOptions
        from scaffold.builds.prove import prove

        options = self._options or _remembered(folder) or SourceBuildOptions()
        self.workspace.folder(folder)
        builder = SourceBuilder(
            name, folder, workspace=self.workspace, progress=self.progress, options=options, releases=self._releases()
        )
        if not (folder / MARKER).exists():
            # An interrupted command is taken up by a plain `--build NAME`, which must know what was asked for.
            write_atomically(folder / _OPTIONS, msgspec.json.encode(options))
        source = builder.obtain()
        key = _key(source.identity, options)
        if (build := _read_marker(folder)) and _read(folder).get("made") == key:
            if self._options is not None:
                # Asked for by name and options, as if it were made now: it is the one to use from here on.
                (folder / MARKER).touch()
            return build
        for note in source.identity.notes:
            self.progress.say(note)
        (folder / MARKER).unlink(missing_ok=True)
        write_atomically(folder / _OPTIONS, msgspec.json.encode(options))
        made = builder.make(source, self._torch_environment)
        build = Build(str(name), str(made.python))
        prove(build, made=made, flags=options.recipe.flags, workspace=self.workspace, progress=self.progress)
        return _write_marker(folder, build, key)

    def _releases(self) -> Releases:
        from scaffold.builds.from_source import Releases

        return Releases(
            newest=lambda: newest_release(self.workspace, self.progress),
            site_packages=self._release_site_packages,
            pins=pins_of,
        )

    def _release_site_packages(self, version: str) -> Path | None:
        """Where release ``version`` is installed; ``None`` if there is no such release for this machine."""
        try:
            build = self._wheel(version)
        except BuildFailedError as error:
            self.progress.say(f"wheel:{version} cannot be had: {error.message}")
            return None
        return Environment(self.folder(build.name), self.progress).site_packages()

    @cached_property
    def _pinned(self) -> str:
        """The release that the project asks for: the one that is named, else the newest that meets what is asked."""
        from scaffold.builds.pinned import find_pinned

        pinned = find_pinned(self._project)
        requirement = pinned.requirement
        exact = [
            item.version.partition("+")[0]
            for item in requirement.specifier
            if item.operator == "==" and "*" not in item.version
        ]
        version = (
            exact[0] if exact else newest_release(self.workspace, self.progress, f"tilelang{requirement.specifier}")
        )
        self.progress.say(f"build: wheel:{version}, as {pinned} asks")
        return version

    @cached_property
    def _torch_environment(self) -> Environment | SitePackages:
        """One answer for all builds this store makes: to find a PyTorch to reuse takes an import of it."""
        return torch_environment(self._torch, self.workspace, self.progress)


def _key(identity: SourceIdentity, options: SourceBuildOptions) -> dict[str, Any]:
    """What a build from source was made of and how; two that are equal need no second compilation."""
    facts = {
        "commit": identity.commit,
        "tree_sha256": identity.tree_sha256,
        "thirdparty": dict(identity.thirdparty),
        "recipe": asdict(replace(options.recipe, jobs=None)),
        "cuda": options.cuda,
    }
    key: dict[str, Any] = json.loads(json.dumps(facts))
    return key


def _remembered(folder: Path) -> SourceBuildOptions | None:
    """How the build in ``folder`` was asked for."""
    from scaffold.builds.from_source import SourceBuildOptions

    try:
        return msgspec.json.decode((folder / _OPTIONS).read_bytes(), type=SourceBuildOptions)
    except (OSError, msgspec.MsgspecError):
        return None


def _write_marker(folder: Path, build: Build, made: Mapping[str, Any] | None = None) -> Build:
    write_marker(folder, {**asdict(build), **({"made": dict(made)} if made else {})})
    return build


def _read(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_marker(folder: Path) -> Build | None:
    """The build in ``folder``; ``None`` unless it is whole and its interpreter is still there."""
    content = _read(folder)
    if not {"name", "python"} <= content.keys() or not Path(str(content["python"])).exists():
        return None
    return Build(str(content["name"]), str(content["python"]))


def _is_gone(name: BuildName) -> bool:
    """Whether the checkout of a worktree is no longer there."""
    return name.kind == "worktree" and not Path(name.rest).is_dir()


def _order(build: Build) -> tuple[int, tuple[int, ...], str]:
    kind = parse_name(build.name).kind
    numbers = tuple(int(part) for part in re.findall(r"\d+", build.name)) if kind == "wheel" else ()
    return (0 if kind == "wheel" else 1, numbers, build.name)
