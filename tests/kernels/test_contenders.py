"""What zoo kernels are compared with: named without any library, and made of one only when asked for."""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from scaffold.kernels import triton, zoo
from scaffold.kernels.catalog import load_zoo_kernel, zoo_names
from scaffold.kernels.model import Tensor, Tolerance, ZooKernel
from scaffold.kernels.triton._rows import WIDEST, next_power_of_two, warps_for

ROOT = Path(next(iter(zoo.__path__))).parents[2]
EVERY = pytest.mark.parametrize("name", zoo_names())
PAIRS = [(name, contender) for name in zoo_names() for contender in load_zoo_kernel(name).contenders]

IN_TRITON = {"elementwise_add", "flash_attention", "gemm", "gemv", "reduce_sum", "rms_norm", "softmax"}


def test_kernel_names_no_contender_unless_it_says_so() -> None:
    kernel = ZooKernel(
        name="copy",
        summary="",
        build=lambda: None,
        tensors=lambda _: (Tensor("A", (1,), "float32"),),
        reference=lambda _, inputs: tuple(inputs),
        tolerance=Tolerance(relative=1e-3),
        flops=lambda _: 1,
    )
    assert dict(kernel.contenders) == {}


@EVERY
def test_zoo_kernel_is_compared_with_pytorch_first(name: str) -> None:
    contenders = list(load_zoo_kernel(name).contenders)
    assert contenders[0] == "torch"
    assert set(contenders) <= {"torch", "triton"}


def test_kernels_that_are_short_in_triton_are_compared_with_it() -> None:
    assert {name for name, contender in PAIRS if contender == "triton"} == IN_TRITON


def test_every_file_of_triton_kernels_is_a_contender() -> None:
    files = {module.name for module in pkgutil.iter_modules(triton.__path__) if not module.name.startswith("_")}
    assert files == IN_TRITON


@pytest.mark.parametrize(("name", "contender"), PAIRS)
def test_contender_takes_the_parameters_and_nothing_else(name: str, contender: str) -> None:
    assert len(inspect.signature(load_zoo_kernel(name).contenders[contender]).parameters) == 1


def test_contender_asked_for_without_its_library_names_it() -> None:
    """In a bare interpreter: zoo kernels load there, contenders ask for what they are made of."""
    code = f"""
import importlib, sys
sys.path.insert(0, {str(ROOT)!r})
for name, contender in {PAIRS!r}:
    kernel = importlib.import_module("scaffold.kernels.zoo." + name).KERNEL
    try:
        kernel.contenders[contender](kernel.defaults())
    except ModuleNotFoundError as error:
        assert error.name in ("torch", "triton"), error
    else:
        raise AssertionError(name)
    assert not {{"torch", "triton"}} & set(sys.modules)
print("fine")
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert done.stdout == "fine\n", done.stderr


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 2), (3, 4), (64, 64), (65, 128), (16384, 16384)])
def test_next_power_of_two_is_the_smallest_that_is_enough(count: int, expected: int) -> None:
    assert next_power_of_two(count) == expected


def test_warps_grow_with_the_row_up_to_what_every_gpu_can_launch() -> None:
    assert [warps_for(1 << exponent) for exponent in range(18)] == sorted(warps_for(1 << e) for e in range(18))
    assert (warps_for(16), warps_for(2048), warps_for(1 << 17)) == (1, 4, WIDEST)
    # 64 threads a warp on some of AMD's, 1024 threads a block on all.
    assert WIDEST * 64 <= 1024
