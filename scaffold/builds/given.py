"""Builds that the user made: an interpreter that has TileLang, or a folder that holds one."""

from __future__ import annotations

from importlib.metadata import PathDistribution
from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.build import Build
from scaffold.builds.environment import Environment, SitePackages
from scaffold.builds.marker import write_source
from scaffold.builds.names import BuildName
from scaffold.builds.native.requirements import applicable, read_requirements
from scaffold.builds.wheel import pins_of
from scaffold.errors import EnvironmentProblem
from scaffold.progress import Progress

_HAS_TILELANG = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('tilelang') else 9)"
_TIMEOUT_S = 60.0


def interpreter(name: BuildName) -> Build:
    """``python:PATH``.

    Raises
    ------
    EnvironmentProblem
        If it does not run or has no TileLang.
    """
    resolved = Path(name.rest).expanduser().absolute()
    answer = ask([resolved, "-c", _HAS_TILELANG], timeout_s=_TIMEOUT_S)
    if answer.returncode == 9:
        raise EnvironmentProblem(
            f"no module 'tilelang' in {name.rest}", hint=f"{name.rest} -m pip install tilelang, or leave --build out"
        )
    if not answer.ok:
        raise EnvironmentProblem(f"{name.rest} does not run: {answer.why_not}", hint="name a Python interpreter")
    return Build(name=str(name), python=str(resolved))


def folder_of(name: BuildName) -> tuple[Path, Path]:
    """``path:DIR``: the folder to import from, and the one that holds its libraries.

    A checkout with ``build/lib`` in it, or a folder an installed ``tilelang`` lies in.

    Raises
    ------
    EnvironmentProblem
        If there is no TileLang, or it was never built.
    """
    root = Path(name.rest).expanduser().absolute()
    if not (root / "tilelang" / "__init__.py").is_file():
        raise EnvironmentProblem(
            f"no TileLang in {root}: it holds no tilelang/__init__.py",
            hint="name a checkout you built, a site-packages folder, or a virtual environment",
        )
    for libraries in (root / "tilelang" / "lib", root / "build" / "lib"):
        if next(libraries.glob("libtilelang*"), None):
            return root, libraries
    raise EnvironmentProblem(
        f"{root} was never built: no libtilelang in {root / 'build' / 'lib'}",
        hint=f"let the kit build it: --build worktree:{name.rest}",
    )


def virtual_environment(name: BuildName) -> Build | None:
    """``path:DIR`` where the folder is a virtual environment."""
    root = Path(name.rest).expanduser().absolute()
    python = next((path for path in (root / "bin/python", root / "Scripts/python.exe") if path.exists()), None)
    if python is None or not (root / "pyvenv.cfg").is_file():
        return None
    return Build(str(name), interpreter(BuildName("python", str(python))).python)


def link_folder(root: Path, folder: Path, torch: Environment | SitePackages, progress: Progress) -> Environment:
    """An environment in ``folder`` that imports TileLang from ``root``, with what that asks for."""
    environment = Environment(folder, progress)
    with progress.step(f"making an environment for {root}", lasting=True):
        environment.create()
        environment.share(torch)
        environment.install(_requirements(root))
        write_source(environment.site_packages(), [root])
    return environment


def _requirements(root: Path) -> list[str]:
    if (root / "pyproject.toml").is_file():
        version = (root / "VERSION").read_text(encoding="utf-8").strip() if (root / "VERSION").is_file() else ""
        return [*read_requirements(root).run, *pins_of(version)]
    for folder in root.glob("tilelang-*.dist-info"):
        distribution = PathDistribution(folder)
        return [*applicable(distribution.requires or ()), *pins_of(distribution.version)]
    raise EnvironmentProblem(
        f"cannot tell what the TileLang in {root} needs: no pyproject.toml and no tilelang-*.dist-info beside it",
        hint="name an interpreter that has what it needs: --build python:/path/to/python",
    )
