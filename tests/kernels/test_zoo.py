"""What every kernel of the zoo says of itself, read without TileLang and without PyTorch."""

from __future__ import annotations

import ast
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.kernels import zoo
from scaffold.kernels.catalog import load_zoo_kernel, zoo_names
from scaffold.kernels.model import DTYPE_BYTES, KernelParameterError, Scalar, ZooKernel
from scaffold.kernels.target import CUDA_ARCHS, parse_target

FOLDER = Path(next(iter(zoo.__path__)))
ROOT = FOLDER.parents[2]
TARGETS = [*(f"cuda:{arch}" for arch in CUDA_ARCHS), "hip:gfx90a", "hip:gfx942", "hip:gfx950", "metal", "c"]
EVERY = pytest.mark.parametrize("name", zoo_names())


def test_zoo_loads_without_tilelang_torch_or_any_library_of_the_kit() -> None:
    """As the probe does: a bare interpreter that refuses everything but the standard library and our package."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tilelang", "tvm", "torch", "msgspec", "rich", "numpy", "jinja2"):
            raise AssertionError(name + " was imported")
sys.meta_path.insert(0, Refuse())
import importlib
for name in {zoo_names()!r}:
    kernel = importlib.import_module("scaffold.kernels.zoo." + name).KERNEL
    kernel.check(kernel.defaults()); kernel.tensors(kernel.defaults()); kernel.unsupported("cuda:sm_80")
print("fine")
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert done.stdout == "fine\n", done.stderr


@EVERY
def test_zoo_kernel_is_named_like_its_file_and_says_what_it_does(name: str) -> None:
    kernel = load_zoo_kernel(name)
    assert kernel.name == name
    assert kernel.summary
    assert not kernel.summary.endswith(".")
    assert ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8")))


@EVERY
def test_zoo_kernel_documents_exactly_its_parameters(name: str) -> None:
    kernel = load_zoo_kernel(name)
    assert list(kernel.docs) == [parameter.name for parameter in kernel.parameters]
    assert all(parameter.doc for parameter in kernel.parameters)
    assert all(type(parameter.default) in (int, float, bool, str) for parameter in kernel.parameters)


@EVERY
def test_zoo_kernel_defaults_pass_its_own_check(name: str) -> None:
    kernel = load_zoo_kernel(name)
    kernel.check(kernel.defaults())


@EVERY
def test_zoo_kernel_tensors_flops_and_bytes_are_sane(name: str) -> None:
    kernel = load_zoo_kernel(name)
    values = kernel.defaults()
    found = kernel.tensors(values)
    assert len({tensor.name for tensor in found}) == len(found)
    assert {tensor.role for tensor in found} == {"input", "output"}
    roles = [tensor.role for tensor in found]
    assert roles == sorted(roles), "outputs come last"
    for tensor in found:
        assert tensor.dtype in DTYPE_BYTES
        assert all(type(extent) is int and extent > 0 for extent in tensor.shape)
    assert kernel.bytes(values) == sum(math.prod(t.shape) * DTYPE_BYTES[t.dtype] for t in found)
    outputs = sum(math.prod(tensor.shape) for tensor in found if tensor.role == "output")
    assert type(kernel.flops(values)) is int
    assert outputs <= kernel.flops(values) < 10**15
    assert 0 < kernel.tolerance.relative < 0.1


@EVERY
def test_zoo_kernel_tensors_are_the_arguments_of_its_prim_func(name: str) -> None:
    """Read from the source: ``tensors`` repeats what the PrimFunc declares, in its order."""
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    (function,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(item, ast.Attribute) and item.attr == "prim_func" for item in node.decorator_list)
    ]
    kernel = load_zoo_kernel(name)
    assert [argument.arg for argument in function.args.args] == [t.name for t in kernel.tensors(kernel.defaults())]


@EVERY
@pytest.mark.parametrize("extent", ["M", "N", "K", "batch", "seq_len", "heads"])
def test_zoo_kernel_flops_grow_with_the_problem(name: str, extent: str) -> None:
    kernel = load_zoo_kernel(name)
    values: dict[str, Any] = kernel.defaults()
    if extent not in values:
        return
    doubled = {**values, extent: 2 * values[extent]}
    assert kernel.flops(doubled) >= 2 * kernel.flops(values)
    assert kernel.bytes(doubled) > kernel.bytes(values)


@EVERY
@pytest.mark.parametrize("target", TARGETS)
def test_zoo_kernel_says_of_every_target_why_not(name: str, target: str) -> None:
    reason = load_zoo_kernel(name).unsupported(target)
    assert reason is None or (isinstance(reason, str) and len(reason) > 20)


@EVERY
def test_zoo_kernel_lowers_for_its_default_target_and_for_one_at_least(name: str) -> None:
    kernel = load_zoo_kernel(name)
    target = kernel.default_target or "cuda:sm_90a"
    parse_target(target)
    assert kernel.unsupported(target) is None


@EVERY
def test_zoo_kernel_with_tiles_in_shared_memory_refuses_the_host(name: str) -> None:
    reason = load_zoo_kernel(name).unsupported("c")
    assert (reason is None) is (name == "cpu_gemm")


@EVERY
def test_zoo_kernel_refuses_a_tile_that_does_not_divide(name: str) -> None:
    kernel = load_zoo_kernel(name)
    tiles = [parameter for parameter in kernel.defaults() if parameter.startswith("block_")]
    assert tiles
    # conv2d computes output pixels that no image has to be a multiple of.
    checked = [tile for tile in tiles if (name, tile) != ("conv2d", "block_M")]
    for tile in checked:
        with pytest.raises(KernelParameterError, match=tile):
            kernel.check({**kernel.defaults(), tile: 97})
        with pytest.raises(KernelParameterError, match=tile):
            kernel.check({**kernel.defaults(), tile: 0})


def some_values(kernel: ZooKernel) -> st.SearchStrategy[dict[str, Scalar]]:
    numbers = st.sampled_from([-128, -1, 0, 1, 2, 3, 4, 7, 8, 16, 32, 33, 64, 128, 256, 1024, 4096])
    texts = st.sampled_from(["float16", "bfloat16", "float32", "float8_e4m3fn", "int8", "float12"])
    kinds: dict[type, st.SearchStrategy[Any]] = {int: numbers, str: texts, bool: st.booleans()}
    kinds[float] = st.floats(-1, 1)
    return st.fixed_dictionaries(
        {}, optional={parameter.name: kinds[parameter.type] for parameter in kernel.parameters}
    )


@pytest.mark.parametrize(
    "name",
    zoo_names(),
)
@given(data=st.data())
def test_zoo_kernel_check_takes_any_values_and_what_it_lets_through_has_tensors(name: str, data: st.DataObject) -> None:
    kernel = load_zoo_kernel(name)
    values = {**kernel.defaults(), **data.draw(some_values(kernel))}
    try:
        kernel.check(values)
    except KernelParameterError:
        return
    assert all(extent > 0 for tensor in kernel.tensors(values) for extent in tensor.shape), values
    assert kernel.flops(values) > 0
    assert kernel.bytes(values) > 0
