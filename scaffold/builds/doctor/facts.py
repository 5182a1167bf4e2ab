"""Everything the doctor looks at, all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from scaffold.builds.build import Build
from scaffold.builds.doctor import accelerator, checkout, network, room, tools
from scaffold.builds.doctor.interpreter import (
    IMPORT_SECONDS,
    Loaded,
    Survey,
    Torch,
    import_tilelang,
    import_torch,
    invoking_python,
    survey,
)
from scaffold.builds.doctor.look import Look
from scaffold.builds.doctor.packages import Packages
from scaffold.builds.machine import (
    CudaToolkit,
    cores,
    cxx_compiler,
    find_tool,
    host_cuda_toolkit,
    memory_bytes,
    pip_cuda_toolkit,
    pip_nvrtc_header,
    rocm_root,
)
from scaffold.builds.process import probe_environment
from scaffold.builds.source.worktree import is_tilelang
from scaffold.builds.workspace import Workspace

T = TypeVar("T")
#: Seconds for what asks programs and files; imports and servers have their own.
_QUICK_SECONDS = 10.0


@dataclass(frozen=True)
class Subject:
    """What is looked at: a workspace, one of its builds, and what the kit was started with."""

    workspace: Workspace
    build: Build | None
    offline: bool
    folder: Path
    environment: Mapping[str, str]


class Facts:
    """Everything the rows are made of, each being looked at by a thread of its own from now on."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.packages = Packages.of_this_machine()
        self.git = _quick(lambda: find_tool("git"))
        self.compiler = _quick(cxx_compiler)
        self.compiler_trouble = Look(lambda: tools.look_at_compiler(self.compiler()), seconds=25)
        self.cmake = _quick(lambda: find_tool("cmake"))
        self.ninja = _quick(lambda: find_tool("ninja"))
        self.cache = _quick(tools.look_for_cache)
        self.header = _quick(tools.look_for_python_header)
        self.virtualenv = _quick(tools.look_at_virtualenv)
        self.disk = _quick(lambda: room.look_at_disk(subject.workspace.root))
        self.builds = _quick(lambda: _folders(subject.workspace.builds))
        self.memory = _quick(lambda: (*memory_bytes(), cores()))
        connected = not subject.offline
        self.index = Look(network.look_at_index, seconds=network.SECONDS) if connected else None
        self.git_host = (
            Look(lambda: network.look_at_git_host(self.git()), seconds=network.SECONDS + 1) if connected else None
        )
        self.gpus = _quick(accelerator.look_at_gpus)
        self.host_toolkit = _quick(host_cuda_toolkit)
        self.failing_nvcc = _quick(lambda: tools.program_that_fails("nvcc"))
        self.rocm = _quick(rocm_root)
        self.metal = _quick(lambda: find_tool("xcrun", version_args=("--find", "metal")))
        self.invoker = _quick(lambda: survey(str(invoking_python())))
        self.torch: Look[Torch | None] = Look(self._torch, seconds=IMPORT_SECONDS + 10)
        self.build: Look[Survey | None] = _quick(self._build)
        self.loaded: Look[Loaded | None] = Look(self._loaded, seconds=IMPORT_SECONDS + 1)
        self.pip_toolkits = _quick(self._pip_toolkits)
        self.checkouts = _quick(self._checkouts)
        self.libraries = _quick(lambda: checkout.look_at_libraries(self.checkouts()))
        self.pre_commit = _quick(lambda: find_tool("pre-commit"))
        self.kernel_cache = _quick(lambda: checkout.look_at_kernel_cache(subject.environment))

    @property
    def tilelang(self) -> Survey:
        """The interpreter whose TileLang counts: the build's, else the user's own."""
        return self.build() or self.invoker()

    def toolkits(self) -> tuple[CudaToolkit, ...]:
        host = self.host_toolkit()
        return (*((host,) if host else ()), *(toolkit for _, toolkit in self.pip_toolkits() if toolkit))

    def pip_header(self) -> Path | None:
        folders = (pip_nvrtc_header(Path(folder)) for folder, _ in self.pip_toolkits())
        return next((header for header in folders if header), None)

    def _torch(self) -> Torch | None:
        invoker = self.invoker()
        return import_torch(invoker.python) if invoker.torch else None

    def _build(self) -> Survey | None:
        build = self.subject.build
        return survey(build.python, probe_environment({})) if build else None

    def _loaded(self) -> Loaded | None:
        build = self.subject.build
        return import_tilelang(build.python, probe_environment({})) if build else None

    def _pip_toolkits(self) -> tuple[tuple[str, CudaToolkit | None], ...]:
        surveys = [found for found in (self.build(), self.invoker()) if found]
        return tuple((item.purelib, pip_cuda_toolkit(Path(item.purelib))) for item in surveys)

    def _checkouts(self) -> tuple[Path, ...]:
        here = checkout.checkout_around(self.subject.folder)
        imported = Path(self.invoker().tilelang).parent.parent
        in_workspace = self.subject.workspace.root / "tilelang"
        own = folder_of(self.subject.build) / "source" if self.subject.build else None
        return tuple(folder for folder in (here, imported, in_workspace, own) if folder and is_tilelang(folder))


def folder_of(build: Build) -> Path:
    """The folder that holds a build: its interpreter is ``env/bin/python`` in it."""
    return Path(build.python).absolute().parents[2]


def _quick(function: Callable[[], T]) -> Look[T]:
    return Look(function, seconds=_QUICK_SECONDS)


def _folders(parent: Path) -> tuple[Path, ...]:
    """What is in ``parent``; nothing where it cannot be read, which the row of the disk says."""
    try:
        return tuple(parent.iterdir())
    except OSError:
        return ()
