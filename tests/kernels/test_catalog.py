"""The zoo by name, and its parameters as typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from scaffold.errors import ParameterValueError, UnknownKernelError, UnknownParameterError
from scaffold.kernels.catalog import load_zoo_kernel, parse_scalar, typed_parameters, zoo_names
from scaffold.kernels.model import (
    KernelParameterError,
    Params,
    Scalar,
    Tensor,
    Tolerance,
    ZooKernel,
    require_divides,
)


def test_zoo_names_are_sorted_and_without_helpers() -> None:
    names = zoo_names()
    assert names == sorted(names)
    assert "gemm" in names
    assert not any(name.startswith("_") for name in names)


@pytest.mark.parametrize(
    ("name", "near"), [("gem", "gemm"), ("flash_atention", "flash_attention"), ("gemm_split", "gemm_splitk")]
)
def test_load_unknown_kernel_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UnknownKernelError) as caught:
        load_zoo_kernel(name)
    assert caught.value.message == f"unknown kernel {name!r}"
    assert "did you mean" in (caught.value.hint or "")
    assert near in (caught.value.hint or "")


def test_load_kernel_like_none_lists_all() -> None:
    with pytest.raises(UnknownKernelError) as caught:
        load_zoo_kernel("zzzzzz")
    assert all(name in (caught.value.hint or "") for name in zoo_names())
    assert "path/to/file.py::function" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["_checks", "_targets", "", "gemm.py", "../gemm", "gemm\n", "model"])
def test_load_what_is_no_kernel_imports_nothing(name: str) -> None:
    with pytest.raises(UnknownKernelError):
        load_zoo_kernel(name)


def test_typed_parameters_are_defaults_with_the_assignments() -> None:
    kernel = load_zoo_kernel("gemm")
    values = typed_parameters(kernel, {"num_stages": "2", "dtype": "bfloat16"})
    assert values == {**kernel.defaults(), "num_stages": 2, "dtype": "bfloat16"}
    assert type(values["num_stages"]) is int


def test_typed_parameters_unknown_name_names_the_nearest_and_all() -> None:
    with pytest.raises(UnknownParameterError) as caught:
        typed_parameters(load_zoo_kernel("gemm"), {"num_stage": "2"})
    assert caught.value.message == "gemm has no parameter 'num_stage'"
    assert "did you mean num_stages" in (caught.value.hint or "")
    assert "block_M" in (caught.value.hint or "")


def test_typed_parameters_wrong_type_says_the_value_and_the_default() -> None:
    with pytest.raises(ParameterValueError) as caught:
        typed_parameters(load_zoo_kernel("gemm"), {"num_stages": "two"})
    assert caught.value.message == "num_stages='two' is not an integer"
    assert "num_stages=3" in (caught.value.hint or "")


def test_typed_parameters_tile_that_does_not_divide_names_those_that_do() -> None:
    with pytest.raises(ParameterValueError) as caught:
        typed_parameters(load_zoo_kernel("gemm"), {"block_M": "100"})
    assert caught.value.message == "gemm: block_M=100 does not divide M=1024; nearest that do: 32, 64, 128"
    assert caught.value.hint == "see what each parameter means: python -m scaffold kernels gemm"


@pytest.mark.parametrize(
    ("text", "like", "value"),
    [
        ("3", 2, 3),
        ("-3", 2, -3),
        ("1e-5", 1.0, 1e-5),
        ("3", 1.0, 3.0),
        ("True", False, True),
        ("on", False, True),
        ("0", True, False),
        ("NO", True, False),
        ("3", "x", "3"),
        ("", "x", ""),
    ],
)
def test_parse_scalar_takes_the_type_of_the_default(text: str, like: Scalar, value: Scalar) -> None:
    found = parse_scalar(text, like=like, name="p")
    assert found == value
    assert type(found) is type(like)


@pytest.mark.parametrize(
    ("text", "like", "message"),
    [
        ("3.5", 2, "p='3.5' is not an integer"),
        ("", 2, "p='' is not an integer"),
        ("x", 1.0, "p='x' is not a number"),
        ("2", True, "p='2' is not a truth value"),
        ("9" * 5000, 2, "is not an integer"),
    ],
)
def test_parse_scalar_of_the_wrong_type_is_refused(text: str, like: Scalar, message: str) -> None:
    with pytest.raises(ParameterValueError, match=message):
        parse_scalar(text, like=like, name="p")


def test_tensor_bytes_are_elements_times_dtype() -> None:
    assert Tensor("A", (3, 5), "float16").bytes == 30
    assert Tensor("A", (), "float32").bytes == 4


def build(M: int = 4, causal: bool = True, scale: float = 0.5, dtype: str = "float16") -> Any:
    raise NotImplementedError


def tensors(params: Params) -> tuple[Tensor, ...]:
    return (Tensor("A", (params["M"],), params["dtype"]), Tensor("B", (params["M"],), "float32", "output"))


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    raise NotImplementedError


def test_kernel_reads_its_parameters_from_the_signature() -> None:
    kernel = ZooKernel("k", "", build, tensors, reference, Tolerance(1e-3), lambda _: 1, docs={"M": "rows"})
    assert kernel.defaults() == {"M": 4, "causal": True, "scale": 0.5, "dtype": "float16"}
    assert [(p.name, p.type, p.doc) for p in kernel.parameters][:2] == [("M", int, "rows"), ("causal", bool, "")]
    assert kernel.bytes(kernel.defaults()) == 4 * 2 + 4 * 4
    assert typed_parameters(kernel, {"causal": "false", "scale": "2"})["scale"] == 2.0
    assert kernel.unsupported("metal") is None


@pytest.mark.parametrize(
    ("tile", "extent", "near"),
    [(100, 1024, "32, 64, 128"), (3, 4, "4"), (7, 64, "8, 16, 32"), (2000, 1024, "1024, 512, 256")],
)
def test_require_divides_names_the_nearest_that_do(tile: int, extent: int, near: str) -> None:
    with pytest.raises(KernelParameterError) as caught:
        require_divides({"t": tile, "e": extent}, "t", "e")
    assert sorted(str(caught.value).rpartition(": ")[2].split(", ")) == sorted(near.split(", "))


@pytest.mark.parametrize("tile", [0, -8])
def test_require_divides_tile_that_is_not_positive_is_refused(tile: int) -> None:
    with pytest.raises(KernelParameterError, match="must be positive"):
        require_divides({"t": tile, "e": 64}, "t", "e")
