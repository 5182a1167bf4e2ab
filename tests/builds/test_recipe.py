"""How a source is compiled: what the user said, and what the machine has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scaffold.builds.gpu import Gpu
from scaffold.builds.machine import CudaToolkit
from scaffold.builds.native import recipe
from scaffold.builds.native.recipe import MEMORY_PER_JOB, Recipe, choose_backends, choose_jobs, parse_backends
from scaffold.errors import UsageError

H200 = Gpu("NVIDIA H200", "cuda:sm_90a", "580.0")
MI300 = Gpu("AMD GPU", "hip:gfx942", "amdgpu")
TOOLKIT = CudaToolkit(Path("/cuda"), "13.0.88", Path("/cuda/bin/nvcc"), (), None, "host")
GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "backends"),
    [
        (None, ()),
        ("", ()),
        ("auto", ()),
        ("cuda", ("cuda",)),
        ("cuda, rocm,cuda", ("cuda", "rocm")),
        ("cpu", ("cpu",)),
        ("cpu,llvm", ("cpu", "llvm")),
    ],
)
def test_parse_backends(text: str | None, backends: tuple[str, ...]) -> None:
    assert parse_backends(text) == backends


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vulkan", "'vulkan'"),
        ("cuda,", "''"),
        ("auto,cuda", "'auto'"),
        ("cpu,cuda", "cpu is for none"),
        ("CUDA", "'CUDA'"),
    ],
)
def test_parse_backends_names_what_is_wrong_and_what_there_is(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_backends(text)
    assert said in caught.value.message
    assert "cuda, rocm, metal, cpu, llvm" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("platform", "gpu", "rocm", "cuda", "backends", "why"),
    [
        ("linux", H200, False, True, ("cuda",), "NVIDIA H200"),
        ("linux", None, False, False, ("cuda",), "no GPU here"),
        ("linux", None, False, True, ("cuda",), "no GPU here"),
        ("linux", MI300, True, False, ("rocm",), "AMD GPU"),
        ("linux", MI300, False, True, ("rocm",), "AMD GPU"),
        ("linux", None, True, False, ("rocm",), "ROCm"),
        ("linux", None, True, True, ("cuda",), "no GPU here"),
        ("darwin", None, False, False, ("metal",), "Mac"),
    ],
)
def test_choose_backends(
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    gpu: Gpu | None,
    rocm: bool,
    cuda: bool,
    backends: tuple[str, ...],
    why: str,
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(recipe, "find_gpu", lambda: gpu)
    monkeypatch.setattr(recipe, "rocm_root", lambda: Path("/opt/rocm") if rocm else None)
    monkeypatch.setattr(recipe, "host_cuda_toolkit", lambda: TOOLKIT if cuda else None)
    chosen, reason = choose_backends()
    assert chosen == backends
    assert why in reason


@pytest.mark.parametrize(
    ("asked", "cores", "available", "jobs"),
    [
        (None, 8, 64 * GIB, 8),
        (None, 64, 13 * GIB, 10),
        (None, 8, 1 * GIB, 1),
        (None, 1, 64 * GIB, 1),
        (5, 2, 1 * GIB, 5),
        (0, 2, 64 * GIB, 1),
    ],
)
def test_choose_jobs_by_cores_and_memory(
    monkeypatch: pytest.MonkeyPatch, asked: int | None, cores: int, available: int, jobs: int
) -> None:
    monkeypatch.setattr(recipe, "cores", lambda: cores)
    monkeypatch.setattr(recipe, "memory_bytes", lambda: (2 * available, available))
    assert choose_jobs(asked, MEMORY_PER_JOB) == jobs


@pytest.mark.parametrize(
    ("made", "flags"),
    [
        (Recipe(), "-O1 -DNDEBUG"),
        (Recipe(optimize=3), "-O3 -DNDEBUG"),
        (Recipe(plain=True), "-O3 -DNDEBUG"),
        (Recipe(debug=True, optimize=2), "-O0 -g"),
    ],
)
def test_flags(made: Recipe, flags: str) -> None:
    assert made.flags == flags
