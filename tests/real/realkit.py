"""Real TileLang wheels, installed into the workspace on first use and shared by all tests. A pytest plugin."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scaffold.builds.build import Build
from scaffold.builds.capture import CaptureOptions, capture
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import parse_assignments
from scaffold.progress import Progress
from scaffold.trace.model import TraceFile

ROOT = Path(__file__).resolve().parents[2]

#: Beside a kit that a bundle set up; there is no package index then (docs/air-gapped.md).
BUNDLED = ROOT.parent / "bundle.json"
OFFLINE = BUNDLED.is_file() or os.environ.get("SCAFFOLD_OFFLINE") == "1"

#: The release that the tests know. The lane of the newest versions names ``wheel:latest`` here.
RELEASE = os.environ.get("SCAFFOLD_TEST_RELEASE") or "wheel:0.1.15"

#: ``record("gemm", "cuda:sm_80", "num_stages=2", build="wheel:0.1.9")``
Capture = Callable[..., TraceFile]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.tilelang)


@pytest.fixture(scope="session")
def workspace() -> Workspace:
    """The workspace of the checkout, the one the environment names, or the one this kit was bundled into."""
    default = BUNDLED.parent if BUNDLED.is_file() else ROOT / "workspace"
    return Workspace(Path(os.environ.get("SCAFFOLD_WORKSPACE") or default).resolve())


class InstalledOnly(BuildStore):
    """A store without a package index: what is not installed skips the test that asks for it."""

    def get(self, name: str | None = None) -> Build:
        here = {build.name: build for build in self.installed()}
        releases = [build for build in here.values() if build.name.startswith("wheel:")]
        if name == RELEASE and releases and RELEASE not in here:
            return releases[-1]
        if name is not None and name not in here and not name.startswith("python:"):
            pytest.skip(f"no network, and {name} is not installed in {self.workspace.builds}")
        return super().get(name)


@pytest.fixture(scope="session")
def store(workspace: Workspace) -> BuildStore:
    return (InstalledOnly if OFFLINE else BuildStore)(workspace, Progress(verbosity=-1))


@pytest.fixture(scope="session")
def newest(store: BuildStore) -> Build:
    """The release whose facts the tests state: one that appears on the index later changes none of them."""
    return store.get(RELEASE)


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
