"""Libraries of another build that was compiled from the same: a change of Python compiles nothing.

They are copied: Ninja rewrites those of a worktree in place, and a build may be removed while others live on. What a
build's attestation says of them is held against the copies.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffold.builds.attestation import Attestation, attestation_in, attested_builds
from scaffold.builds.libraries import hashes_by_name
from scaffold.builds.native.compile import Native, Site
from scaffold.builds.native.configure import is_configured
from scaffold.files import file_sha256

_INCOMING = "build.incoming"
#: A worktree's own compilation while it runs on libraries that were taken: once it is back, one edited file is one
#: compiled file again.
_ASIDE = "build.aside"


def native_facts(site: Site, key: str) -> dict[str, Any]:
    """What an attestation says of the libraries in ``build/lib``, for :func:`take_libraries` of a later build."""
    libraries = filter(Path.is_file, (site.build / "lib").iterdir())
    return {"key": key, "libraries": hashes_by_name(libraries, site.workspace)}


def take_libraries(key: str, folder: Path, site: Site) -> Native | None:
    """Put libraries that were compiled from what ``key`` stands for into ``build/lib``; ``None`` if it has to compile.

    ``folder`` is that of the build itself, which keeps what it has: libraries that were taken before, and a compilation
    of its own that has nothing to do.
    """
    started = time.monotonic()
    own = attestation_in(folder)
    if own and _libraries(own, key):
        if is_configured(site.build):
            return None
        if own.libraries_of and _are_in(site.build / "lib", _libraries(own, key)):
            return _taken(own, started)
    for place, attestation in attested_builds(site.workspace):
        libraries = _libraries(attestation, key)
        if place != folder and libraries and _copy(place / "source" / "build" / "lib", libraries, folder, site.build):
            return _taken(attestation, started)
    return None


def bring_back(folder: Path, build: Path) -> None:
    """Before Ninja runs: its own folder instead of libraries that were taken, if there is one."""
    aside = folder / _ASIDE
    if aside.is_dir() and not is_configured(build):
        shutil.rmtree(build, ignore_errors=True)
        aside.rename(build)


def _libraries(attestation: Attestation, key: str) -> Mapping[str, str]:
    """Name and sha256 of each library; empty where they are of something else, or not those the proof had loaded."""
    native = attestation.made_with.get("native") or {}
    found: Mapping[str, str] = native.get("libraries", {}) if native.get("key") == key else {}
    loaded = {name: sha256 for name, sha256 in attestation.libraries.items() if name in found}
    plain = all(Path(name).name == name for name in found)
    whole = any(name.startswith("libtilelang") for name in loaded)
    return found if plain and whole and all(found[name] == sha256 for name, sha256 in loaded.items()) else {}


def _are_in(folder: Path, libraries: Mapping[str, str]) -> bool:
    try:
        return all(file_sha256(folder / name) == sha256 for name, sha256 in libraries.items())
    except OSError:
        return False


def _copy(origin: Path, libraries: Mapping[str, str], folder: Path, build: Path) -> bool:
    """Make ``build`` of copies, whole or not at all; no where they are not what was attested."""
    incoming, aside = folder / _INCOMING, folder / _ASIDE
    shutil.rmtree(incoming, ignore_errors=True)
    try:
        (incoming / "lib").mkdir(parents=True)
        # TileLang's env.py wants both folders.
        (incoming / "tvm").mkdir()
        for name in libraries:
            shutil.copy(origin / name, incoming / "lib" / name)
        if not _are_in(incoming / "lib", libraries):
            return False
        if is_configured(build):
            shutil.rmtree(aside, ignore_errors=True)
            build.rename(aside)
        elif build.exists():
            shutil.rmtree(build)
        incoming.rename(build)
    except OSError:
        # The other build goes or changes at this moment, or the disk is full: compiling says what is wrong.
        return False
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return True


def _taken(attestation: Attestation, started: float) -> Native:
    """In the words of who compiled them, however many hands they went through."""
    made = attestation.made_with
    return Native(
        steps=0,
        seconds=time.monotonic() - started,
        jobs=0,
        options=tuple(str(option) for option in made.get("cmake_options", ())),
        lean=bool(made.get("lean_headers")),
        taken_from=attestation.libraries_of or attestation.name,
    )
