"""Make a build from source: lay the source out, choose its TVM, compile, link the environment, prove.

Where another build was compiled from the same, its libraries are taken instead (``native/reuse.py``).

::

    builds/git-main/
      source/            the tree; source/build is CMake's folder, source/build/lib what is imported
      env/               a virtual environment with what the source asks for, and a path to source/
      log.txt            what pip said
      compile.log        what CMake and Ninja said
      build.json         the marker: written last, removed first
      attestation.json   what was made of what, and the proof that it is what gets imported
      build.aside/       CMake's folder of a worktree while libraries that were taken are in its place
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scaffold.builds.attestation import libraries_words
from scaffold.builds.environment import Environment, SitePackages
from scaffold.builds.marker import write_source
from scaffold.builds.names import BuildName
from scaffold.builds.native.compile import Native, Site, compile_tilelang, compile_tvm
from scaffold.builds.native.inputs import inputs_key, overlooked
from scaffold.builds.native.recipe import Backend, Recipe, choose_backends
from scaffold.builds.native.requirements import Requirements, read_requirements
from scaffold.builds.native.reuse import bring_back, native_facts, take_libraries
from scaffold.builds.native.toolbox import CudaChoice, Toolbox, gather_tools, require_compiler
from scaffold.builds.native.tvm import TvmLibraries, abi_versions, first_difference, libraries_of_wheel
from scaffold.builds.source.model import Source, SourceOptions
from scaffold.builds.source.obtain import obtain
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError
from scaffold.files import write_atomically
from scaffold.progress import Progress

#: What must lie in the environment itself.
_OWN = frozenset({"apache-tvm-ffi", "cmake", "ninja", "z3-solver"})


@dataclass(frozen=True)
class SourceBuildOptions:
    """Everything one may say about a build from source."""

    source: SourceOptions = field(default_factory=SourceOptions)
    recipe: Recipe = field(default_factory=Recipe)
    cuda: CudaChoice = "auto"


@dataclass(frozen=True)
class Made:
    """What came of it, for the attestation."""

    source: Source
    python: Path
    toolbox: Toolbox
    backends: tuple[Backend, ...]
    tvm: TvmLibraries
    tvm_reason: str
    native: Native
    tvm_native: Native | None
    #: What the libraries were compiled from and their hashes; ``None`` where no other build may have them.
    shared: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Releases:
    """What of the store a build from source needs: the newest release, where one is installed, what goes with one."""

    newest: Callable[[], str]
    site_packages: Callable[[str], Path | None]
    pins: Callable[[str], Sequence[str]]


class SourceBuilder:
    """Makes one build from source in ``folder``."""

    def __init__(
        self,
        name: BuildName,
        folder: Path,
        *,
        workspace: Workspace,
        progress: Progress,
        options: SourceBuildOptions,
        releases: Releases,
    ) -> None:
        self.name = name
        self.folder = folder
        self.workspace = workspace
        self.progress = progress
        self.options = options
        self.releases = releases
        self.environment = Environment(folder, progress)

    def obtain(self) -> Source:
        """Lay the source out, or see that it is."""
        require_compiler()
        return obtain(
            self.name,
            self.folder / "source",
            workspace=self.workspace,
            progress=self.progress,
            options=self.options.source,
        )

    def make(self, source: Source, torch: Environment | SitePackages) -> Made:
        """Compile ``source``, or take the libraries of a build that was compiled from the same, and link them to it.

        Raises
        ------
        BuildFailedError
            If something does not compile or install.
        MissingToolError
            If this machine lacks what it takes.
        """
        recipe = self.options.recipe
        requirements = read_requirements(source.folder)
        tvm, reason = self._release_tvm(source, recipe)
        pins = tvm.requirements if tvm else tuple(self.releases.pins(source.identity.version))
        self._environment(requirements, pins, torch)
        backends = recipe.backends or choose_backends()[0]
        toolbox = gather_tools(self.environment, backends, self.options.cuda, self.workspace)
        log = self.folder / "compile.log"
        site = Site(source.folder, log, toolbox, backends, requirements.stable_abi, self.workspace, self.progress)
        tvm_native = None
        if tvm is None:
            self.progress.say(f"compiling TVM too: {reason}")
            tvm, tvm_native = compile_tvm(site, recipe, abi_versions(self.environment.site_packages()))
        places = [self.environment.site_packages(), torch.site_packages()]
        key = inputs_key(site, source, tvm, recipe, places)
        native = take_libraries(key, self.folder, site) if key else None
        if native is not None:
            self.progress.say(f"nothing to compile: {libraries_words(native.taken_from)}")
        else:
            native = self._compile(site, tvm, recipe)
            if key and (read := overlooked(site)):
                self.progress.echo(f"no other build takes these libraries: {read} was read")
                key = None
        write_source(self.environment.site_packages(), [source.folder])
        shared = native_facts(site, key) if key else None
        return Made(source, self.environment.python, toolbox, backends, tvm, reason, native, tvm_native, shared)

    def _compile(self, site: Site, tvm: TvmLibraries, recipe: Recipe) -> Native:
        ffi = self._ffi()
        bring_back(self.folder, site.build)
        # A worktree is there to be edited: one file changed is one file compiled.
        native = compile_tilelang(site, tvm, ffi, recipe, grouped=self.name.kind != "worktree")
        self.progress.say(f"compiled {native.steps} steps in {native.seconds:.0f} s")
        return native

    def _release_tvm(self, source: Source, recipe: Recipe) -> tuple[TvmLibraries | None, str]:
        """The release whose TVM is the source's, if there is one, and why or why not."""
        if recipe.tvm == "source" or "llvm" in recipe.backends or recipe.debug:
            asked = "--tvm source" if recipe.tvm == "source" else "--debug" if recipe.debug else "no release has LLVM"
            return None, f"asked for ({asked})" if asked.startswith("--") else asked
        differences = []
        for version in self._releases_to_try(source):
            site_packages = self.releases.site_packages(version)
            if site_packages is None:
                continue
            difference = first_difference(source.folder, site_packages / "tilelang")
            if difference is None:
                libraries = libraries_of_wheel(f"wheel:{version}", site_packages)
                return libraries, f"the TVM of this source is that of wheel:{version}, file by file"
            differences.append(f"{difference} differs from wheel:{version}")
        reason = f"no release has the TVM of this source ({'; '.join(differences) or 'none could be looked at'})"
        if recipe.tvm == "release":
            raise BuildFailedError(reason, hint="compile it as well: --tvm source, or leave --tvm out")
        return None, reason

    def _releases_to_try(self, source: Source) -> Iterator[str]:
        """Releases whose TVM may be the source's, likeliest first: each has to be installed to be seen."""
        # VERSION is raised at the end of a cycle, TVM moved at its start: the archive a tree came from tells more.
        likely = list(dict.fromkeys((_archive_of(source), source.identity.version.partition("+")[0])))
        yield from filter(None, likely)
        with contextlib.suppress(BuildFailedError):
            newest = self.releases.newest()
            if newest not in likely:
                yield newest

    def _environment(self, requirements: Requirements, pins: Sequence[str], torch: Environment | SitePackages) -> None:
        """Make the environment, unless one with exactly this is there."""
        wanted = {
            "python": sys.version,
            "requirements": asdict(requirements),
            "pins": list(pins),
            "torch": str(torch.folder),
        }
        marker = self.folder / "env" / "installed.json"
        if marker.is_file() and json.loads(marker.read_text(encoding="utf-8")) == json.loads(json.dumps(wanted)):
            return
        with self.progress.step("installing what the source asks for", lasting=True):
            self.environment.create()
            self.environment.share(torch)
            self.environment.install([*requirements.run, *requirements.build, *pins])
            self._install_own([*requirements.run, *requirements.build, *pins])
        write_atomically(marker, json.dumps(wanted, indent=1).encode())

    def _install_own(self, requirements: Sequence[str]) -> None:
        """Install here what pip counted as installed because it lies beside the shared PyTorch.

        The environment's own are called by path (CMake, Ninja) or linked (the FFI, Z3).
        """
        own = {canonicalize_name(item.name) for item in distributions(path=[str(self.environment.site_packages())])}
        missing = [line for line in requirements if canonicalize_name(Requirement(line).name) in _OWN - own]
        if missing:
            self.environment.install(["--ignore-installed", "--no-deps", *missing])

    def _ffi(self) -> Path:
        """TVM's FFI library, which lies in a package of its own."""
        folder = self.environment.site_packages() / "tvm_ffi" / "lib"
        found = sorted(path for path in folder.glob("libtvm_ffi.*") if path.suffix in (".so", ".dylib"))
        if not found:
            raise BuildFailedError(
                f"apache-tvm-ffi holds no libtvm_ffi in {folder}",
                hint="TileLang before 0.1.7 has its own; build 0.1.7 or later",
            )
        return found[0]


def _archive_of(source: Source) -> str:
    """The release from whose source archive the TVM of ``source`` was taken; empty where it came another way."""
    folder = (source.folder / "3rdparty" / "tvm" / "include").resolve()
    return next((place.name.partition("-sdist-")[2] for place in folder.parents if "-sdist-" in place.name), "")
