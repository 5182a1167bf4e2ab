"""What goes into a bundle: environments, the wheels they need, and folders."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from scaffold.builds.bundle.manifest import Environment as BundledEnvironment
from scaffold.builds.bundle.manifest import File, Tree, Wheel
from scaffold.builds.bundle.objects import ObjectFolder
from scaffold.builds.bundle.resolve import Resolver
from scaffold.builds.bundle.target import Target
from scaffold.builds.bundle.trees import KIT, import_paths, installed_in, kit_tree, source_build_tree
from scaffold.builds.bundle.wheel_file import read_wheel
from scaffold.builds.environment import Environment
from scaffold.builds.lock import locked_versions
from scaffold.builds.marker import MARKER
from scaffold.builds.names import BuildName, parse_name
from scaffold.builds.process import run_logged
from scaffold.builds.torch import choose_torch
from scaffold.builds.wheel import pins_of
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, EnvironmentProblem, UnknownBuildError
from scaffold.progress import Progress

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Each environment gets pip, as those of the store do.
_ALWAYS = ("pip",)
#: PyTorch is the box's. playwright drives a browser that no bundle holds; its tests skip without it.
_TORCH = frozenset({"torch"})
_NEEDS_A_BROWSER = frozenset({"playwright"})
_NOT_OF_THE_BUILD = frozenset({"torch", "pip", "setuptools", "wheel", "tilelang"})


@dataclass(frozen=True)
class BundleRequest:
    """What to bundle. ``torch`` is a setting of :func:`choose_torch`, none to leave PyTorch to the box."""

    target: Target
    builds: tuple[str, ...]
    torch: str | None = None
    tests: bool = True
    max_bytes: int | None = None


@dataclass
class Plan:
    """Environments, wheels and trees of a bundle."""

    kit_version: str = ""
    wheels: list[Wheel] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    environments: list[BundledEnvironment] = field(default_factory=list)


def make_plan(request: BundleRequest, *, workspace: Workspace, objects: ObjectFolder, progress: Progress) -> Plan:
    """Decide what ``request`` needs, and have it as objects.

    Raises
    ------
    BuildFailedError
        If a wheel cannot be had.
    UnknownBuildError, EnvironmentProblem
        If a build cannot be bundled.
    """
    scout = Environment(workspace.builds / ".scout", progress)
    with workspace.lock("scout", progress):
        if not scout.python.exists():
            scout.create()
        return _Planner(request, scout, workspace=workspace, objects=objects, progress=progress).plan()


class _Planner:
    def __init__(
        self,
        request: BundleRequest,
        scout: Environment,
        *,
        workspace: Workspace,
        objects: ObjectFolder,
        progress: Progress,
    ) -> None:
        self.request = request
        self.scout = scout
        self.workspace = workspace
        self.objects = objects
        self.progress = progress
        self._cache = workspace.cache / "wheels"
        self._wheels: dict[str, Wheel] = {}
        self._plan = Plan()

    def plan(self) -> Plan:
        self._add_kit()
        if self.request.torch:
            self._add_torch(self.request.torch)
        for text in self.request.builds:
            name = parse_name(text)
            if name.kind == "wheel":
                self._add_release(name.rest)
            elif name.from_source:
                self._add_source_build(name)
            else:
                raise UnknownBuildError(
                    f"{text} cannot be bundled", hint="bundle wheel:VERSION, or a build the kit made from source"
                )
        self._plan.wheels = sorted(self._wheels.values(), key=lambda wheel: wheel.file)
        return self._plan

    def _add_kit(self) -> None:
        """The kit: its source, a wheel of it, and what it needs."""
        with self.progress.step("reading the kit"):
            tree = kit_tree(self.objects)
            own = read_wheel(self._kit_wheel(tree), self.objects)
        self._plan.trees.append(tree)
        self._plan.kit_version = own.version
        requirements = [*_requirements_of(own, self.objects), *_ALWAYS]
        if self.request.tests:
            requirements += _test_group(tree, self.objects)
        wheels = self._fetch("the kit", requirements, without=_NEEDS_A_BROWSER)
        self._wheels[own.file] = own
        self._plan.environments.append(
            BundledEnvironment("kit", "", (own.file, *wheels), proof="scaffold.cli.tir_diff")
        )

    def _kit_wheel(self, tree: Tree) -> Path:
        """Build a wheel from the very files that are bundled."""
        folder = self.objects.folder.parent / "kit"
        for item in tree.files:
            path = folder / item.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.objects.read(item.sha256))
        command = [str(self.scout.python), "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(folder)]
        finished = run_logged([*command, str(folder)], log=self.scout.log, progress=self.progress, bound=True)
        made = sorted(folder.glob("*.whl"))
        if finished.returncode != 0 or not made:
            raise BuildFailedError(f"cannot make a wheel of the kit in {KIT}", hint=f"read {finished.log}")
        return made[0]

    def _add_torch(self, setting: str) -> None:
        choice = choose_torch(setting)
        requirement, *options = choice.arguments
        wheels = self._fetch("PyTorch", [requirement, *_ALWAYS], options=options)
        version = next(self._wheels[file].version for file in wheels if self._wheels[file].name == "torch")
        self._plan.environments.append(
            BundledEnvironment("torch", f"builds/{choice.key}", wheels, proof="torch", marker={"torch": version})
        )

    def _add_release(self, version: str) -> None:
        roots = ["tilelang" if version == "latest" else f"tilelang=={version}", *_ALWAYS]
        wheels = self._fetch(f"TileLang {version}", [*roots, *pins_of(version)], without=_TORCH)
        found = next(self._wheels[file].version for file in wheels if self._wheels[file].name == "tilelang")
        name = BuildName("wheel", found)
        self._add_build(name, wheels, marker={"name": str(name), "python": "{folder}/env/bin/python"})

    def _add_source_build(self, name: BuildName) -> None:
        """A TileLang the kit has built, with the versions of its dependencies that it was built with."""
        folder = self.workspace.builds / name.folder
        try:
            marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise EnvironmentProblem(
                f"{name} is not built in {self.workspace.builds}", hint=f"python -m scaffold builds add {name}"
            ) from error
        place = f"builds/{name.folder}"
        target = self.request.target
        self._plan.trees.append(
            source_build_tree(folder / "source", f"{place}/source", self.objects, python=target.python)
        )
        attestation = folder / "attestation.json"
        if attestation.is_file():
            self._plan.trees.append(
                Tree(place, (File("attestation.json", self.objects.add(attestation.read_bytes())),))
            )
        site_packages = Environment(folder, self.progress).site_packages()
        pins = dict(line.split("==") for line in installed_in(site_packages, without=_NOT_OF_THE_BUILD))
        wheels = self._fetch(str(name), [*_run_requirements(folder, pins), *_ALWAYS], without=_TORCH, pins=pins)
        paths = import_paths(site_packages, folder)
        self._add_build(name, wheels, marker=_relocatable(marker, folder), paths=paths)

    def _add_build(
        self, name: BuildName, wheels: tuple[str, ...], *, marker: Mapping[str, Any], paths: tuple[str, ...] = ()
    ) -> None:
        self._plan.environments.append(
            BundledEnvironment(
                str(name), f"builds/{name.folder}", wheels, "tilelang", needs_torch=True, paths=paths, marker=marker
            )
        )

    def _fetch(
        self,
        what: str,
        requirements: Iterable[str],
        *,
        without: frozenset[str] = frozenset(),
        pins: Mapping[str, str] | None = None,
        options: Iterable[str] = (),
    ) -> tuple[str, ...]:
        """Resolve and download; the names of the wheels."""
        target = self.request.target
        resolver = Resolver(self.scout, target, self._cache, tuple(options))
        with self.progress.step(f"resolving {what} for Python {target.python} on {target.platform}", lasting=True):
            listed = list(requirements)
            locked = locked_versions(target.markers)
            try:
                chosen = resolver.resolve(listed, without=without, pins=pins, preferred=locked)
            except BuildFailedError as error:
                self.progress.say(f"{error.message}; trying without the locked versions")
                chosen = resolver.resolve(listed, without=without, pins=pins)
        with self.progress.step(f"getting {len(chosen)} wheels", lasting=True):
            paths = resolver.download(chosen)
        for path in paths:
            if path.name not in self._wheels:
                self._wheels[path.name] = read_wheel(path, self.objects)
        return tuple(path.name for path in paths)


def _requirements_of(wheel: Wheel, objects: ObjectFolder) -> list[str]:
    metadata = next(item for item in wheel.files if item.path.endswith(".dist-info/METADATA"))
    return BytesParser().parsebytes(objects.read(metadata.sha256)).get_all("Requires-Dist") or []


def _test_group(tree: Tree, objects: ObjectFolder) -> list[str]:
    document = next(item for item in tree.files if item.path == "pyproject.toml")
    groups = tomllib.loads(objects.read(document.sha256).decode())["dependency-groups"]
    return [line for line in groups["test"] if isinstance(line, str)]


def _run_requirements(folder: Path, pins: Mapping[str, str]) -> list[str]:
    """What the source asks for to run, as noted when its environment was made; else all that is installed there."""
    try:
        noted = json.loads((folder / "env" / "installed.json").read_text(encoding="utf-8"))
        return [str(line) for line in noted["requirements"]["run"]]
    except (OSError, ValueError, KeyError, TypeError):
        return [f"{name}=={version}" for name, version in pins.items()]


def _relocatable(document: Any, folder: Path) -> Any:
    """A marker with ``{folder}`` where it names the build's folder."""
    if isinstance(document, str):
        return document.replace(str(folder), "{folder}")
    if isinstance(document, dict):
        return {key: _relocatable(value, folder) for key, value in document.items()}
    if isinstance(document, list):
        return [_relocatable(value, folder) for value in document]
    return document
