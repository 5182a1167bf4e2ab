"""Two sides, one of which cannot build the kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from traces import module, trace_of

from scaffold.builds.build import Build
from scaffold.builds.capture import CaptureOptions
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.cli import tracing
from scaffold.cli.tracing import Session, Side, obtain
from scaffold.errors import ExitCode, KernelApiError, KernelSourceError
from scaffold.probe.protocol import KernelRequest
from scaffold.progress import Progress
from scaffold.trace.model import TraceFile

REQUEST = KernelRequest("gemm", "zoo:gemm", None, "gemm", {}, "cuda:sm_80", {"kind": "cuda"})
OLD, NEW = Build("wheel:0.1.8", "python"), Build("wheel:0.1.15", "python")


@pytest.fixture
def obtained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[TraceFile]]:
    """Obtain both sides, each of which lowers, or raises what it is given."""

    def run(outcomes: dict[str, KernelSourceError | None]) -> list[TraceFile]:
        def capture(_: KernelRequest, build: Build, **__: object) -> TraceFile:
            if error := outcomes[build.name]:
                raise error
            return trace_of(module("C[0] = 1"))

        monkeypatch.setattr(tracing, "capture", capture)
        workspace, progress = Workspace(tmp_path), Progress(verbosity=-1)
        store = BuildStore(workspace, progress)
        session = Session(workspace, progress, store, CaptureOptions(machine_code=False), ("test",))
        return obtain(session, [Side(None, REQUEST, build) for build in (OLD, NEW) if build.name in outcomes])

    return run


@pytest.mark.parametrize(("lacks", "has"), [(OLD, NEW), (NEW, OLD)])
def test_api_that_one_side_lacks_is_said_as_such(
    lacks: Build, has: Build, obtained: Callable[..., list[TraceFile]]
) -> None:
    error = KernelSourceError(
        "gemm gave no kernel", gap="tilelang.language has no 'alloc_tmem'", context={"traceback": "…"}
    )
    with pytest.raises(KernelApiError) as caught:
        obtained({lacks.name: error, has.name: None} if lacks is OLD else {has.name: None, lacks.name: error})
    assert caught.value.message == (
        f"gemm is written for an API that {lacks.name} does not have: tilelang.language has no 'alloc_tmem' "
        "(there in wheel:0.1.15)"
    )
    assert caught.value.hint is not None
    assert caught.value.context == {"traceback": "…"}
    assert caught.value.exit_code == ExitCode.USAGE


def test_kernel_that_neither_side_builds_is_broken(obtained: Callable[..., list[TraceFile]]) -> None:
    errors = [KernelSourceError(f"gemm gave no kernel {at}", gap="tilelang.language has no 'x'") for at in (1, 2)]
    with pytest.raises(KernelSourceError) as caught:
        obtained({OLD.name: errors[0], NEW.name: errors[1]})
    assert caught.value in errors


def test_error_of_another_kind_is_told_as_it_is(obtained: Callable[..., list[TraceFile]]) -> None:
    error = KernelSourceError("gemm gave no kernel: ValueError")
    with pytest.raises(KernelSourceError) as caught:
        obtained({OLD.name: error, NEW.name: None})
    assert caught.value is error


def test_one_side_alone_is_told_as_it_is(obtained: Callable[..., list[TraceFile]]) -> None:
    error = KernelSourceError("gemm gave no kernel", gap="tilelang.language has no 'x'")
    with pytest.raises(KernelSourceError) as caught:
        obtained({OLD.name: error})
    assert caught.value is error
