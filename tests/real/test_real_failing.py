"""``new-pr --from-failure`` on programs that fail in real releases, without a GPU."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.builds.build import Build
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.contribute.failing import FailingCase, read_failure, record_failure, render_repro
from scaffold.progress import Progress

QUIET = Progress(verbosity=-1)
needs_nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc not found")

_ADD = """
import torch
import tilelang
import tilelang.language as T


@tilelang.jit(out_idx=[-1])
def add(n):
    @T.prim_func
    def main(A: T.Tensor((n,), "float32"), B: T.Tensor((n,), "float32")):
        with T.Kernel(1, threads=128):
            for i in T.Parallel(n):
                B[i] = A[i] + 1

    return main
"""
_MULTIPLY = """
import torch
import tilelang
import tilelang.language as T


@tilelang.jit(out_idx=[-1], pass_configs={"tl.disable_warp_specialized": True})
def multiply(m, n, k=64):
    @T.prim_func
    def main(A: T.Tensor((m, k), "float16"), B: T.Tensor((64, n), "float16"), C: T.Tensor((m, n), "float32")):
        with T.Kernel(1, threads=128):
            a = T.alloc_shared((m, k), "float16")
            b = T.alloc_shared((64, n), "float16")
            c = T.alloc_fragment((m, n), "float32")
            T.copy(A, a)
            T.copy(B, b)
            T.clear(c)
            T.gemm(a, b, c)
            T.copy(c, C)

    return main


a = torch.randn(128, 64, device="cuda", dtype=torch.float16)
b = torch.randn(64, 128, device="cuda").half()
print(multiply(128, 128)(a, b).sum().item())
"""
#: A choice of one vector element at a time: up to 0.1.13 its condition is generated as a vector (issue #2115).
_SELECT = """
import tilelang
import tilelang.language as T


@tilelang.jit
def select():
    @T.prim_func
    def main(X: T.Tensor((16,), "float32"), Y: T.Tensor((16,), "float32")):
        with T.Kernel(1, threads=4):
            thread = T.get_thread_binding()
            for i in T.vectorized(4):
                Y[thread * 4 + i] = T.Select(X[thread * 4 + i] < 2.0, X[thread * 4 + i], T.float32(2))

    return main


select()
"""


def _recorded(text: str, build: Build, workspace: Workspace, folder: Path) -> FailingCase:
    path = folder / "fails.py"
    path.write_text(text)
    return record_failure(read_failure(path), build, workspace=workspace, progress=QUIET, timeout_s=300)


def _answer(case: FailingCase, build: Build, folder: Path) -> tuple[int, str]:
    repro = folder / "repro.py"
    repro.write_text(render_repro(case, case.name))
    ran = subprocess.run([build.python, str(repro)], capture_output=True, text=True, check=False, cwd=folder)
    return ran.returncode, ran.stdout.strip()


@pytest.mark.parametrize(
    ("text", "stage", "number", "error", "pass_name", "fixed"),
    [
        pytest.param(
            _MULTIPLY + "multiply(8, 8)\n",
            "lower",
            2,
            "M must be divisible by 16, but got 8",
            "LayoutInference",
            ("multiply(8, 8)", "multiply(64, 64)"),
            id="lowering-its-second-kernel",
        ),
        pytest.param(
            _MULTIPLY.replace("print(", "multiply(128, 128, k=32)\nprint("),
            "program",
            0,
            "AssertionError: T.gemm K shape check failed",
            "",
            ("k=32", "k=64"),
            id="building-a-kernel",
        ),
        pytest.param(
            _ADD + "source = add(128).get_kernel_source()\nassert 'nowhere' in source, 'no such call'\n",
            "program",
            0,
            "AssertionError: no such call",
            "",
            ("nowhere", "float"),
            id="what-it-asserts-of-the-source",
        ),
        pytest.param(
            _ADD + "import ctypes\nctypes.string_at(0)\n",
            "program",
            0,
            "died of signal 11",
            "",
            ("ctypes.string_at(0)", ""),
            id="a-crash",
        ),
    ],
)
def test_a_failure_is_recorded_and_recognised_without_a_gpu(
    text: str,
    stage: str,
    number: int,
    error: str,
    pass_name: str,
    fixed: tuple[str, str],
    newest: Build,
    workspace: Workspace,
    tmp_path: Path,
) -> None:
    case = _recorded(text, newest, workspace, tmp_path)
    assert (case.stage, case.number, case.pass_name) == (stage, number, pass_name)
    assert error in case.error
    assert _answer(case, newest, tmp_path) == (1, f"reproduces: {case.error}")
    gone = replace(case, source=text.replace(*fixed))
    assert _answer(gone, newest, tmp_path) == (0, "does not reproduce")
    other = replace(case, source="raise KeyError('another')\n")
    assert _answer(other, newest, tmp_path) == (2, "cannot tell: another error: KeyError: 'another'")


@pytest.mark.parametrize(
    ("text", "error", "answer"),
    [
        pytest.param(
            _ADD + "a = torch.randn(128, device='cuda')\nassert (add(128)(a) == a + 2).all(), 'wrong'\n",
            "",
            "cannot tell: its kernels lower, and there is no GPU here to run them on",
            id="a-wrong-result",
        ),
        pytest.param(
            "import not_here\n",
            "ModuleNotFoundError: No module named 'not_here'",
            "cannot tell: ModuleNotFoundError: No module named 'not_here'",
            id="a-module-of-its-own",
        ),
    ],
)
def test_nothing_is_taken_for_a_failure_for_want_of_a_gpu_or_a_file(
    text: str, error: str, answer: str, newest: Build, workspace: Workspace, tmp_path: Path
) -> None:
    case = _recorded(text, newest, workspace, tmp_path)
    assert (case.stage, case.error) == ("", error)
    assert _answer(case, newest, tmp_path) == (2, answer)


@needs_nvcc
def test_what_nvcc_refuses_in_one_release_is_gone_in_another(
    newest: Build, workspace: Workspace, tmp_path: Path
) -> None:
    old = BuildStore(workspace, QUIET).get("wheel:0.1.13")
    case = _recorded(_SELECT, old, workspace, tmp_path)
    assert (case.stage, case.number) == ("compile", 1)
    assert "expression must have bool type" in case.error
    assert _answer(case, old, tmp_path)[0] == 1
    assert _answer(case, newest, tmp_path) == (0, "does not reproduce")
    assert not _recorded(_SELECT, newest, workspace, tmp_path).stage
