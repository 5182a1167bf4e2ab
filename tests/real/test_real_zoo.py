"""Every zoo kernel lowers for every common GPU target, or says why not; and one really runs here."""

from __future__ import annotations

import shutil

import pytest
from realkit import Capture

from scaffold.builds.build import Build
from scaffold.builds.running import run_kernel
from scaffold.builds.workspace import Workspace
from scaffold.diff.metrics import measure
from scaffold.errors import UnsupportedTargetError
from scaffold.kernels.catalog import load_zoo_kernel, zoo_names
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings
from scaffold.kernels.target import shared_limit
from scaffold.progress import Progress

TARGETS = ("cuda:sm_80", "cuda:sm_90a", "cuda:sm_100a", "hip:gfx942")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", [name for name in zoo_names() if name != "cpu_gemm"])
def test_zoo_kernel_lowers_or_says_why_not(name: str, target: str, record: Capture) -> None:
    reason = load_zoo_kernel(name).unsupported(target)
    if reason is not None:
        with pytest.raises(UnsupportedTargetError, match=name):
            record(name, target)
        assert len(reason) > 20
        return
    file = record(name, target)
    assert file.trace.failure is None
    source = file.trace.artifact("source")
    assert source is not None
    assert "__global__" in file.text(source.digest)
    assert len(file.trace.passes) > 50
    limit = shared_limit(target)
    assert limit is not None
    sizes = measure(file.text(file.trace.passes[-1].after)).buffer_bytes
    assert sum(count for scope, count in sizes.items() if scope.startswith("shared")) <= limit
    assert not any('metadata["' in text for text in file.texts.values())


def test_cpu_gemm_runs_and_matches_its_reference(newest: Build, workspace: Workspace) -> None:
    request = resolve("cpu_gemm", Settings(), default_target="c")
    result = run_kernel(request, newest, workspace=workspace, progress=Progress(verbosity=-1), timeout_s=300)
    assert result.passed
    assert result.outputs[0].relative_error is not None
    assert result.outputs[0].relative_error < 1e-5


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc on PATH: no machine code to look at")
@pytest.mark.parametrize("name", ["gemm", "mla_decode"])
def test_machine_code_has_ptx_sass_and_resources(name: str, record: Capture) -> None:
    file = record(name, "cuda:sm_90a", machine_code=True)
    for kind, word in (("ptx", ".visible .entry"), ("sass", "EXIT")):
        artifact = file.trace.artifact(kind)  # type: ignore[arg-type]
        assert artifact is not None
        assert artifact.missing is None
        assert word in file.text(artifact.digest)
    (resources,) = file.trace.resources
    assert resources.registers > 32
    assert resources.sass_instructions is not None
    assert resources.sass_instructions > 500


@pytest.mark.gpu
def test_zoo_kernels_run_on_the_gpu(newest: Build, workspace: Workspace) -> None:
    from scaffold.builds.gpu import find_gpu

    gpu = find_gpu()
    if gpu is None:
        pytest.skip("no GPU on this machine")
    for name in zoo_names():
        if load_zoo_kernel(name).unsupported(gpu.target) is None:
            request = resolve(name, Settings(), default_target=gpu.target)
            result = run_kernel(request, newest, workspace=workspace, progress=Progress(verbosity=-1), timeout_s=300)
            assert result.passed, f"{name}: {result.outputs}"
