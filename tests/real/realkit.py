"""Real TileLang wheels, installed into the workspace on first use and shared by all tests. A pytest plugin."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scaffold.builds.capture import CaptureOptions, capture
from scaffold.builds.store import Build, BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import parse_assignments
from scaffold.progress import Progress
from scaffold.trace.model import TraceFile

ROOT = Path(__file__).resolve().parents[2]

#: ``record("gemm", "cuda:sm_80", "num_stages=2", build="wheel:0.1.9")``
Capture = Callable[..., TraceFile]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.tilelang)


@pytest.fixture(scope="session")
def workspace() -> Workspace:
    """The workspace of the checkout, or the one the environment names."""
    return Workspace(Path(os.environ.get("SCAFFOLD_WORKSPACE") or ROOT / "workspace").resolve())


@pytest.fixture(scope="session")
def store(workspace: Workspace) -> BuildStore:
    return BuildStore(workspace, Progress(verbosity=-1))


@pytest.fixture(scope="session")
def newest(store: BuildStore) -> Build:
    """The newest release; never an older one that happens to be here."""
    return store.get("wheel:latest")


@pytest.fixture
def record(store: BuildStore, workspace: Workspace, newest: Build) -> Capture:
    """``record("gemm", "cuda:sm_80", "num_stages=2", build="wheel:0.1.9")`` captures one kernel."""

    def run(
        kernel: str, target: str, *assignments: str, build: str | None = None, machine_code: bool = False
    ) -> TraceFile:
        request = resolve(kernel, parse_assignments(assignments, flag="--set"), default_target=target)
        return capture(
            request,
            store.get(build) if build else newest,
            workspace=workspace,
            progress=Progress(verbosity=-1),
            argv=("test",),
            options=CaptureOptions(machine_code=machine_code, timeout_s=300),
        )

    return run
