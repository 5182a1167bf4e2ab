"""A user's own files: every way to hold a kernel, and every way to be at fault."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from realkit import ROOT, Capture

from scaffold.builds.workspace import Workspace
from scaffold.errors import KernelSourceError, ProbeError
from scaffold.report.verdict import stopped_in

KERNELS = """
import tilelang
import tilelang.language as T

def scale(N, factor=2.0):
    @T.prim_func
    def main(A: T.Tensor((N,), "float32"), B: T.Tensor((N,), "float32")):
        with T.Kernel(T.ceildiv(N, 128), threads=128) as bx:
            for i in T.Parallel(128):
                B[bx * 128 + i] = A[bx * 128 + i] * T.float32(factor)
    return main

@tilelang.jit(out_idx=[-1], pass_configs={"tl.disable_tma_lower": True})
def lazy(N=1024, factor=2.0):
    return scale(N, factor)

@tilelang.jit
def eager(A, B, block: int = 128):
    N = T.const("N")
    A: T.Tensor[[N], "float32"]
    B: T.Tensor[[N], "float32"]
    with T.Kernel(T.ceildiv(N, block), threads=block) as bx:
        for i in T.Parallel(block):
            B[bx * block + i] = A[bx * block + i] + 1.0

whole = scale(256)

def tiles():
    @T.prim_func
    def main(A: T.Tensor((128, 128), "float16"), B: T.Tensor((128, 128), "float16")):
        with T.Kernel(1, threads=128) as bx:
            A_shared = T.alloc_shared((128, 128), "float16")
            product = T.alloc_fragment((128, 128), "float32")
            T.copy(A, A_shared)
            T.gemm(A_shared, A_shared, product)
            T.copy(product, B)
    return main
"""


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    folder.mkdir()
    path = folder / "my kernels.py"
    path.write_text(KERNELS, encoding="utf-8")
    # A decoy where the command is run from: the build's own TileLang must be the one that is imported.
    (folder / "tilelang.py").write_text("raise ImportError('the decoy')", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("entry", "assignments"),
    [
        ("scale", ("N=512",)),
        ("lazy", ()),
        ("lazy", ("N=2048",)),
        ("whole", ()),
        ("eager", ("A=float32[512]", "B=float32[512]")),
    ],
)
def test_every_form_of_kernel_is_captured(
    entry: str, assignments: tuple[str, ...], kernels: Path, record: Capture
) -> None:
    (kernels.parent / "tilelang.py").unlink()
    file = record(f"{kernels}::{entry}", "cuda:sm_80", *assignments)
    assert file.trace.failure is None
    assert len(file.trace.passes) > 50
    if entry == "lazy":
        assert file.trace.kernel.pass_configs == {"tl.disable_tma_lower": True}


def test_a_decoy_in_the_current_folder_is_not_imported(
    kernels: Path, record: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kernels.parent)
    assert record("gemm", "cuda:sm_80").trace.failure is None


def written(folder: Path, text: str) -> str:
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return f"{path}::f"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise RuntimeError('at import')\ndef f(): ...", "RuntimeError: at import"),
        ("import sys\ndef f():\n    sys.exit(4)", "SystemExit: 4"),
        ("def f():\n    return 3", "returned int, not a PrimFunc"),
        ("def f(M):\n    return M", "--set M="),
        ("f = 3", "int is neither a kernel"),
    ],
)
def test_a_file_at_fault_says_so(text: str, said: str, tmp_path: Path, record: Capture) -> None:
    with pytest.raises(KernelSourceError) as caught:
        record(written(tmp_path, text), "cuda:sm_80")
    assert said in caught.value.message
    assert caught.value.hint


def test_a_file_that_ends_the_process_is_a_dead_probe(tmp_path: Path, record: Capture) -> None:
    with pytest.raises(ProbeError, match="exit code 3"):
        record(written(tmp_path, "import os\ndef f():\n    os._exit(3)"), "cuda:sm_80")


def test_a_pass_that_raises_keeps_everything_before_it(kernels: Path, record: Capture) -> None:
    # A tile product has no implementation for a target without threads.
    file = record(f"{kernels}::tiles", "c")
    failure = file.trace.failure
    assert failure is not None
    assert failure.stage == "lowering"
    assert failure.pass_name is not None
    raised = [one for one in file.trace.passes if one.after is None]
    assert failure.pass_name in [one.name for one in raised]
    assert len([one for one in file.trace.passes if one.after]) > 10
    assert 'File "<unknown>"' not in failure.traceback


def test_code_generation_that_raises_is_told_from_a_pass(record: Capture) -> None:
    # Causal attention has a pipelined loop of unknown length, which 0.1.14 and 0.1.15 cannot print for sm_80.
    file = record("flash_attention", "cuda:sm_80", "causal=true", "num_stages=2", build="wheel:0.1.15")
    failure = file.trace.failure
    assert failure is not None
    assert failure.pass_name is None
    assert stopped_in(failure).startswith("in code generation (tilelang/backend/device_codegen.py:")


def test_an_interrupt_leaves_nothing_half_written(tmp_path: Path, workspace: Workspace, record: Capture) -> None:
    slow = written(tmp_path, "import time\ndef f():\n    time.sleep(60)")
    command = [sys.executable, "-m", "scaffold", "tir-diff", slow, "-o", str(tmp_path / "out.html")]
    record("gemm", "cuda:sm_80")  # the build is made by now
    process = subprocess.Popen(
        [*command, "--workspace", str(workspace.root)], cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True
    )
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"interrupted" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]
