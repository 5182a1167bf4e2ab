"""Rows for which TileLang an import gives, and whether its dependencies fit it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from scaffold.builds.doctor.interpreter import Loaded, Survey
from scaffold.builds.doctor.model import Row, absent, missing, ok, warning
from scaffold.builds.wheel import pins_of
from scaffold.files import file_sha256

#: Upstream's own bound, kept where a release's metadata has none.
#: Source: tile-ai/tilelang v0.1.14, pyproject.toml (dependencies and build-system.requires).
Z3_NEEDED = "z3-solver<4.15.5"
_SHOWN_SHA = 12


def shadow_row(survey: Survey, environment: Mapping[str, str]) -> Row:
    """Which TileLang the user's own interpreter imports, and what that hides.

    The kit's builds are not touched by it: their probes run without ``PYTHONPATH`` and user site.
    """
    if not survey.tilelang:
        return absent(f"no TileLang in {survey.python}")
    package = Path(survey.tilelang).parent
    folder = str(package.parent)
    version = survey.package_version("tilelang")
    hidden = [entry for entry in survey.folders if Path(entry).resolve() != package.parent.resolve()]
    installed = Path(survey.purelib).resolve() == package.parent.resolve()
    if installed and not hidden:
        return ok(f"{version} in {folder}")
    editable = str(survey.packages.get("tilelang", {}).get("editable", "")).removeprefix("file://")
    how, fix = _cause(survey, folder, editable, environment)
    found = f"import tilelang gives {package} ({how})"
    if not survey.built:
        return warning(f"{found}, which was never built: no build/lib", fix)
    if hidden:
        return warning(f"{found}, which hides the one in {', '.join(hidden)}", fix)
    if version and not editable and not installed:
        return warning(f"{found}, while {version} is installed", fix)
    return ok(f"{found}; after a change in C++, rebuild there")


def _cause(survey: Survey, folder: str, editable: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """How ``folder`` came onto the path, and what takes it off."""
    here = Path(folder).resolve()
    for entry in environment.get("PYTHONPATH", "").split(os.pathsep):
        if entry and Path(entry).resolve() == here:
            return "by PYTHONPATH", "unset PYTHONPATH"
    if survey.user_site and Path(survey.user_site).resolve() == here:
        return "from the user site", "export PYTHONNOUSERSITE=1"
    for path, lines in survey.pth.items():
        if any(not line.startswith("import") and Path(line).resolve() == here for line in lines):
            return f"by {path}", f"rm {path}"
    if editable:
        return f"editable install of {editable}", f"{survey.python} -m pip uninstall tilelang"
    return "on sys.path", f"{survey.python} -m pip uninstall tilelang"


def loaded_row(loaded: Loaded, build: str, root: Path, shared: Path, attested: str, repair: str) -> Row:
    """Which ``libtilelang`` is in the process when ``build`` is imported.

    Parameters
    ----------
    root
        The folder that this build's libtilelang lies in.
    shared
        Where its TVM may lie: builds share one.
    attested
        The sha256 of libtilelang when the build was proven; empty if it never was.
    repair
        The command that makes the build anew.
    """
    foreign = [
        path
        for path in loaded.libraries
        if not _inside(path, root) and (Path(path).name.startswith("libtilelang") or not _inside(path, shared))
    ]
    if foreign:
        return warning(f"{build} loads {', '.join(foreign)}, which is not its own", repair)
    own = next((path for path in loaded.libraries if Path(path).name.startswith("libtilelang.")), None)
    if own is None:
        return warning(f"{build} imports, but no libtilelang is loaded", repair)
    digest = file_sha256(Path(own))
    if attested and digest != attested:
        found = f"{build}: {own} has sha256 {digest[:_SHOWN_SHA]}, and had {attested[:_SHOWN_SHA]} when it was proven"
        return warning(found, repair)
    proven = ", as proven" if attested else ""
    return ok(f"{build}, TileLang {loaded.version}: {own}, sha256 {digest[:_SHOWN_SHA]}{proven}")


def import_failure_row(build: str, python: str, trouble: str) -> Row:
    return missing(
        f"{build} does not import: {trouble}",
        f"{python} -c 'import tilelang'",
        lack=f"{build} does not import",
        steps=("lower", "run"),
    )


def _inside(path: str, folder: Path) -> bool:
    return Path(path).resolve().is_relative_to(folder.resolve())


def dependency_row(survey: Survey, package: str) -> Row:
    """Whether ``package`` is in the range that the TileLang beside it needs: by its metadata, and by what we know."""
    version = survey.package_version("tilelang")
    if not version:
        return absent(f"no TileLang in {survey.python}")
    needed = [item for item in _demands(survey, version) if item.name == package]
    installed = survey.package_version(package)
    if not needed:
        return absent(f"TileLang {version} does not need it")
    range_ = str(SpecifierSet(",".join(str(item.specifier) for item in needed)))
    fix = f"{survey.python} -m pip install '{package}{range_}'"
    if not installed:
        return warning(f"none beside TileLang {version}, which needs {range_ or 'it'}", fix)
    try:
        fits = SpecifierSet(range_).contains(Version(installed), prereleases=True)
    except InvalidVersion:
        return warning(f"{installed} is no version; TileLang {version} needs {range_}", fix)
    if not fits:
        return warning(f"{installed}, but TileLang {version} needs {range_}", fix)
    return ok(f"{installed}, as TileLang {version} needs ({range_})")


def _demands(survey: Survey, version: str) -> list[Requirement]:
    """Requirements of the installed TileLang that hold here, and those its metadata gets wrong."""
    lines = [str(line) for line in survey.packages["tilelang"].get("requires", [])]
    lines += pins_of(version)
    found = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(requirement)
    if any(item.name == "z3-solver" for item in found):
        found.append(Requirement(Z3_NEEDED))
    return found
