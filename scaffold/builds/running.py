"""Run a zoo kernel on this machine against its PyTorch reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scaffold.builds.build import Build
from scaffold.builds.probing import run_probe
from scaffold.builds.workspace import Workspace
from scaffold.errors import LoweringFailedError, ProbeError
from scaffold.probe.protocol import KernelRequest
from scaffold.progress import Progress


@dataclass(frozen=True)
class OutputCheck:
    """One output against the reference; ``relative_error`` is ``None`` where it holds NaN or infinity."""

    name: str
    relative_error: float | None
    passed: bool
    reason: str


@dataclass(frozen=True)
class RunCheck:
    """A run on ``device`` with all its outputs."""

    device: str
    tolerance: float
    outputs: tuple[OutputCheck, ...]

    @property
    def passed(self) -> bool:
        return all(output.passed for output in self.outputs)


def run_kernel(
    request: KernelRequest, build: Build, *, workspace: Workspace, progress: Progress, timeout_s: float
) -> RunCheck:
    """Compile, launch and compare.

    Raises
    ------
    LoweringFailedError
        If it does not compile or launch.
    ProbeError
        If the process died.
    """
    with progress.step(f"running {request.name} for {request.target} in {build.name}"):
        probed = run_probe("run", request, build, workspace=workspace, progress=progress, timeout_s=timeout_s)
    if probed.failure is not None:
        said = probed.failure.message.strip().splitlines() or [""]
        raise LoweringFailedError(
            f"{request.name} did not run for {request.target}: {probed.failure.error}: {said[-1]}",
            hint=f"see its passes: python -m scaffold tir-diff {request.name} --target {request.target}",
        )
    if probed.spool.run is None:
        raise ProbeError(f"running {request.name} gave no result", hint="run again with -v")
    result: Mapping[str, object] = probed.spool.run
    outputs = tuple(OutputCheck(**item) for item in probed.spool.run["outputs"])
    return RunCheck(str(result["device"]), float(str(result["tolerance"])), outputs)
