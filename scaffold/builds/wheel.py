"""Builds from release wheels, and the releases there are."""

from __future__ import annotations

from pathlib import Path

from scaffold.builds.environment import Environment, SitePackages
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress

#: Versions of apache-tvm-ffi an older release needs, where its own metadata allows newer ones that abort on import.
#: Source: tile-ai/tilelang issues #2040 (0.1.8 with 0.1.10) and #2367 (0.1.11 with 0.1.12); 0.1.9, 0.1.10: tried.
TVM_FFI_OF_ITS_TIME = {
    "0.1.8": "apache-tvm-ffi<0.1.10",
    "0.1.9": "apache-tvm-ffi<0.1.10",
    "0.1.10": "apache-tvm-ffi<0.1.12",
    "0.1.11": "apache-tvm-ffi<0.1.12",
}


def pins_of(version: str) -> tuple[str, ...]:
    """Requirements to add to a release's own (``0.1.9``, ``0.1.9+git1234``)."""
    base = version.partition("+")[0]
    return (TVM_FFI_OF_ITS_TIME[base],) if base in TVM_FFI_OF_ITS_TIME else ()


def install_wheel(version: str, folder: Path, torch: Environment | SitePackages, progress: Progress) -> Environment:
    """Install release ``version`` into a new environment in ``folder``.

    Raises
    ------
    BuildFailedError
        If pip cannot.
    """
    with progress.step(f"installing TileLang {version} into {folder}", lasting=True):
        environment = Environment(folder, progress)
        environment.create()
        environment.share(torch)
        environment.install([f"tilelang=={version}", *pins_of(version)])
        if not list(environment.site_packages().glob("tilelang-*.dist-info")):
            # pip counts a TileLang that lies beside the shared PyTorch as installed already.
            environment.install(["--ignore-installed", "--no-deps", f"tilelang=={version}"])
    return environment


def newest_release(workspace: Workspace, progress: Progress, requirement: str = "tilelang") -> str:
    """The newest release an index has for this Python that meets ``requirement``, asked by a resolver's dry run."""
    scout = Environment(workspace.builds / ".scout", progress)
    with workspace.lock("scout", progress), progress.step(f"asking for the newest release of {requirement}"):
        if not scout.python.exists():
            scout.create()
        return str(scout.would_install([requirement])[0]["metadata"]["version"])
