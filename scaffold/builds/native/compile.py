"""Compile a source: TileLang's own code against a TVM that is built, or TVM itself."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.builds.native.common_headers import common_headers
from scaffold.builds.native.configure import configure
from scaffold.builds.native.groups import exceptions_file, find_alone, find_bare, forget, group_size, remember
from scaffold.builds.native.lean_headers import MARK
from scaffold.builds.native.ninja import compile_targets, lacked_room, steps_done
from scaffold.builds.native.recipe import MEMORY_PER_GROUP, MEMORY_PER_JOB, Backend, Recipe, choose_jobs
from scaffold.builds.native.stand_in import CMAKE_FILES, write_stand_in
from scaffold.builds.native.toolbox import Toolbox, build_environment, cache_counts
from scaffold.builds.native.tvm import TILELANG_IN_TVM, TvmLibraries
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError
from scaffold.files import file_sha256, write_atomically
from scaffold.progress import Progress

#: Targets of TVM's own libraries, newest layout first (split in two with TileLang 0.1.10).
_TVM_TARGETS = (("tvm_runtime", "tvm_compiler"), ("tvm",))


@dataclass(frozen=True)
class Native:
    """What a compilation did.

    ``steps`` is 0 where nothing had changed; the cache counts are ``None`` without ccache. ``taken_from`` is the build
    that compiled the libraries where they were taken instead (:mod:`scaffold.builds.native.reuse`), else empty.
    """

    steps: int
    seconds: float
    jobs: int
    options: tuple[str, ...]
    lean: bool
    cache_hits: int | None = None
    cache_misses: int | None = None
    taken_from: str = ""


@dataclass(frozen=True)
class Site:
    """Where a compilation takes place: the source, its log, and the programs to use."""

    source: Path
    log: Path
    toolbox: Toolbox
    backends: tuple[Backend, ...]
    stable_abi: str | None
    workspace: Workspace
    progress: Progress

    @property
    def build(self) -> Path:
        """CMake's folder; TileLang's Python looks for its libraries in ``build/lib`` of a checkout."""
        return self.source / "build"

    @property
    def tvm(self) -> Path:
        return (self.source / "3rdparty" / "tvm").resolve()

    @property
    def thirdparty(self) -> Path:
        return self.workspace.thirdparty


def compile_tilelang(site: Site, tvm: TvmLibraries, ffi: Path, recipe: Recipe, *, grouped: bool) -> Native:
    """Compile TileLang's own code and link it to ``tvm``; the libraries end in ``build/lib`` of the source.

    ``grouped`` compiles several sources as one, which is quick the first time and slow for one that is edited.

    Raises
    ------
    BuildFailedError
        If CMake or a compiler fails.
    """
    needs_full = site.thirdparty / f"{site.tvm.name}.full-headers"
    native, seconds, steps = None, 0.0, 0
    remembered: set[str] = set()
    while native is None:
        offset = site.log.stat().st_size if site.log.exists() else 0
        started = time.monotonic()
        lean = not (recipe.plain or needs_full.exists())
        try:
            native = _compile_tilelang(site, tvm, ffi, recipe, lean=lean, grouped=grouped and not recipe.plain)
        except BuildFailedError:
            log = site.log.read_bytes()[offset:].decode(errors="replace")
            if lean and MARK in log:
                site.progress.say("a source needs TVM's full headers; using them from now on")
                needs_full.touch()
            elif lacked_room(log):
                raise
            elif alone := find_alone(log, site.source, site.build) - remembered:
                site.progress.say(f"compiling alone from now on: {', '.join(sorted(alone))}")
                remember("alone", alone, site.workspace)
                remembered |= alone
            elif bare := set() if recipe.plain else find_bare(log, site.workspace):
                site.progress.say(f"compiling without precompiled headers from now on: {', '.join(sorted(bare))}")
                remember("bare", bare, site.workspace)
            else:
                # Sources that do not compile alone either tell nothing about groups.
                forget("alone", remembered, site.workspace)
                raise
            seconds += time.monotonic() - started
            steps += steps_done(log)
    return replace(native, seconds=native.seconds + seconds, steps=native.steps + steps)


def _compile_tilelang(site: Site, tvm: TvmLibraries, ffi: Path, recipe: Recipe, *, lean: bool, grouped: bool) -> Native:
    stand_in = write_stand_in(site.tvm, site.thirdparty, lean=lean)
    jobs = choose_jobs(recipe.jobs, MEMORY_PER_GROUP if grouped else MEMORY_PER_JOB)
    sources = sum(1 for _ in (site.source / "src").rglob("*.cc"))
    options = [
        *cmake_options(site, recipe),
        f"-DSCAFFOLD_TVM_LIBRARIES={tvm.folder}",
        f"-DSCAFFOLD_TVM_FFI={ffi}",
        f"-DSCAFFOLD_PRECOMPILE={'' if recipe.plain else ';'.join(_precompiled(site, stand_in))}",
        f"-DSCAFFOLD_GROUP_SIZE={group_size(sources, jobs) if grouped else 1}",
        f"-DSCAFFOLD_ALONE={exceptions_file('alone', site.workspace)}",
        f"-DSCAFFOLD_BARE={exceptions_file('bare', site.workspace)}",
    ]
    native = _build(
        site,
        site.build,
        options,
        {"TVM_ROOT": str(stand_in)},
        jobs=jobs,
        log=site.log,
        label=f"compiling TileLang with {_shown(jobs)}",
        # With groups, see every one that does not hold together at once.
        keep_going=grouped,
    )
    _add_stubs(tvm.folder, site.build / "lib")
    return replace(native, lean=lean)


def compile_tvm(site: Site, recipe: Recipe, requirements: Sequence[str]) -> tuple[TvmLibraries, Native | None]:
    """The TVM of the source, compiled once for all builds that have the same and kept below ``thirdparty``.

    ``requirements`` are what it is compiled against. The second value is ``None`` where it was there already.
    """
    facts = {
        "tvm": site.tvm.name,
        "backends": site.backends,
        "flags": recipe.flags if recipe.debug else "",
        "compiler": [str(site.toolbox.compiler.path), site.toolbox.compiler.version],
        "cuda": site.toolbox.cuda.version if site.toolbox.cuda else "",
        "requirements": sorted(requirements),
        "tilelang": [file_sha256(path) for name in TILELANG_IN_TVM if (path := site.source / name).exists()],
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
    folder = site.thirdparty / f"built-{site.tvm.name}-{'-'.join(site.backends)}-{key}"
    marker = folder / "built.json"
    libraries = TvmLibraries("source", f"compiled from {site.tvm.name}", folder / "lib", tuple(requirements))
    with site.workspace.lock(folder.name, site.progress):
        if marker.is_file():
            return libraries, None
        native = _compile_tvm(site, recipe, folder)
        write_atomically(marker, json.dumps({**facts, "steps": native.steps, "seconds": native.seconds}).encode())
    return libraries, native


def _compile_tvm(site: Site, recipe: Recipe, folder: Path) -> Native:
    folder.mkdir(parents=True, exist_ok=True)
    build = folder / "build"
    jobs = choose_jobs(recipe.jobs, MEMORY_PER_JOB)
    native = _build(
        site,
        build,
        cmake_options(site, recipe, optimize=False),
        {},
        jobs=jobs,
        log=folder / "log.txt",
        label=f"compiling TVM with {_shown(jobs)}, once for this TVM",
        targets=_tvm_targets,
    )
    unfinished = folder / "lib.tmp"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for library in sorted((build / "lib").glob("*")):
        if "tvm" in library.name or "stub" in library.name:
            shutil.copy2(library, unfinished)
    shutil.rmtree(folder / "lib", ignore_errors=True)
    unfinished.rename(folder / "lib")
    shutil.rmtree(build)
    return native


def _tvm_targets(build: Path) -> tuple[str, ...]:
    ninja_file = (build / "build.ninja").read_text(encoding="utf-8")
    return next(names for names in _TVM_TARGETS if f"build {names[-1]}: phony" in ninja_file)


def _build(
    site: Site,
    build: Path,
    options: Sequence[str],
    variables: Mapping[str, str],
    *,
    jobs: int,
    log: Path,
    label: str,
    targets: Callable[[Path], tuple[str, ...]] = lambda _: (),
    keep_going: bool = False,
) -> Native:
    """Configure in ``build``, compile the ``targets`` it then has (all, if none are named), and say what that took."""
    env = {**build_environment(site.toolbox, site.workspace), **variables}
    counts = cache_counts(site.toolbox, env)
    configure(site.toolbox.cmake, site.source, build, options, log=log, env=env, progress=site.progress)
    compiled = compile_targets(
        site.toolbox.ninja,
        build,
        targets(build),
        jobs=jobs,
        keep_going=keep_going,
        label=label,
        log=log,
        env=env,
        progress=site.progress,
    )
    hits, misses = _counted_since(counts, cache_counts(site.toolbox, env))
    return Native(compiled.steps, compiled.seconds, jobs, tuple(options), False, hits, misses)


def _shown(jobs: int) -> str:
    return f"{jobs} job{'s' if jobs > 1 else ''}"


def cmake_options(site: Site, recipe: Recipe, *, optimize: bool = True) -> list[str]:
    """CMake options that TVM's and TileLang's own compilation share."""
    toolbox = site.toolbox
    build_type = "Debug" if recipe.debug else "Release"
    launcher = toolbox.launcher.path if toolbox.launcher else ""
    options = [
        # CMake keeps the compiler it found first; another one is another configuration.
        f"-DSCAFFOLD_COMPILER={toolbox.compiler.path} {toolbox.compiler.version}",
        f"-DSCAFFOLD_CUDA={toolbox.cuda.version if toolbox.cuda else ''}",
        f"-DCMAKE_BUILD_TYPE={build_type}",
        f"-DCMAKE_C_COMPILER_LAUNCHER={launcher}",
        f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}",
        # CMake 4 refuses projects written for CMake before 3.5, as some third-party ones of older TVMs are.
        "-DCMAKE_POLICY_VERSION_MINIMUM=3.5",
        f"-DPython_EXECUTABLE={toolbox.python}",
        f"-DPython3_EXECUTABLE={toolbox.python}",
        f"-DCMAKE_PROJECT_TILE_LANG_INCLUDE={CMAKE_FILES / 'speed.cmake'}",
    ]
    if optimize and not recipe.plain:
        options.append(f"-DCMAKE_CXX_FLAGS_{build_type.upper()}={recipe.flags}")
    for name in ("cuda", "rocm", "metal", "llvm"):
        options.append(f"-DUSE_{name.upper()}={'ON' if name in site.backends else 'OFF'}")
    if site.stable_abi is not None:
        # As scikit-build-core says it when it makes upstream's wheels: the extension module is for later Pythons too.
        options += [
            f"-DSKBUILD_SABI_VERSION={site.stable_abi}",
            "-DSKBUILD_SABI_COMPONENT=Development.SABIModule",
        ]
    if toolbox.cuda is not None:
        options.append(f"-DCUDAToolkit_ROOT={toolbox.cuda.root}")
    if toolbox.nvrtc_include is not None:
        options.append(f"-DSCAFFOLD_NVRTC_INCLUDE={toolbox.nvrtc_include}")
    return options


def _precompiled(site: Site, stand_in: Path) -> tuple[str, ...]:
    """The headers to precompile: chosen once for a TVM, so that its builds find each other's objects in the cache."""
    chosen = stand_in / "precompile.txt"
    if not chosen.exists():
        found = common_headers(sorted((site.source / "src").rglob("*.cc")))
        # Another TVM than the source was written for may be without one.
        headers = [name for name in found if "/" not in name or (stand_in / "include" / name.strip("<>")).exists()]
        write_atomically(chosen, "\n".join(headers).encode())
    return tuple(chosen.read_text(encoding="utf-8").split())


def _add_stubs(folder: Path, target: Path) -> None:
    """TVM's libraries need the stubs they were linked with; those this build makes itself are its own."""
    for stub in sorted(folder.glob("lib*stub*")):
        if not (target / stub.name).exists():
            shutil.copy2(stub, target / stub.name)


def _counted_since(before: tuple[int, int] | None, after: tuple[int, int] | None) -> tuple[int | None, int | None]:
    if before is None or after is None:
        return None, None
    return after[0] - before[0], after[1] - before[1]
