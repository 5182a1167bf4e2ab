"""Softmax over rows, each row held in registers from its only read to its only write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel, require
from scaffold.kernels.zoo._checks import (
    require_even_spread,
    require_multiple,
    require_one_of,
    require_row_spread,
    require_threads,
    require_tile,
)
from scaffold.kernels.zoo._targets import needs_reductions

LOG2_E = 1.4426950408889634
ROW_LIMIT = 16384


def build(
    M: int = 1024,
    N: int = 2048,
    block_M: int = 4,
    threads: int = 128,
    dtype: str = "float16",
) -> Any:
    import tilelang.language as T

    @T.prim_func
    def softmax(X: T.Tensor((M, N), dtype), Y: T.Tensor((M, N), dtype)):
        with T.Kernel(T.ceildiv(M, block_M), threads=threads) as bx:
            x = T.alloc_fragment((block_M, N), dtype)
            weight = T.alloc_fragment((block_M, N), "float32")
            peak = T.alloc_fragment((block_M,), "float32")
            total = T.alloc_fragment((block_M,), "float32")
            T.copy(X[bx * block_M, 0], x)
            for i, j in T.Parallel(block_M, N):
                weight[i, j] = x[i, j]
            T.reduce_max(weight, peak, dim=1)
            for i, j in T.Parallel(block_M, N):
                weight[i, j] = T.exp2((weight[i, j] - peak[i]) * LOG2_E)
            T.reduce_sum(weight, total, dim=1)
            for i, j in T.Parallel(block_M, N):
                x[i, j] = weight[i, j] / total[i]
            T.copy(x, Y[bx * block_M, 0])

    return softmax


def tensors(params: Params) -> tuple[Tensor, ...]:
    shape, dtype = (params["M"], params["N"]), params["dtype"]
    return (Tensor("X", shape, dtype), Tensor("Y", shape, dtype, "output"))


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    import torch

    (x,) = inputs
    return (torch.softmax(x.float(), dim=-1),)


def in_torch(_: Params) -> Callable[..., Any]:
    import torch

    return lambda x: torch.softmax(x, dim=-1)


def in_triton(_: Params) -> Callable[..., Any]:
    from scaffold.kernels.triton.softmax import softmax

    return softmax


def check(params: Params) -> None:
    require_tile(params, "block_M", "M")
    require_threads(params)
    require_even_spread(params, "block_M", "N")
    require_row_spread(params, "N")
    require_one_of(params, "dtype", ("float16", "bfloat16", "float32"))
    require_multiple(params, "N", 8, "one 16-byte load of a row")
    tile = params["block_M"] * params["N"]
    limit = ROW_LIMIT * params["threads"] // 128
    require(
        tile <= limit,
        f"block_M*N={tile} elements do not fit the registers of {params['threads']} threads; "
        f"pass at most {limit} (a smaller block_M, or more threads)",
    )


KERNEL = ZooKernel(
    name="softmax",
    summary="Y = softmax(X) over rows, rows held in registers",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=4e-3),
    flops=lambda p: 5 * p["M"] * p["N"],
    docs={
        "M": "rows",
        "N": "columns, the length of one softmax",
        "block_M": "rows per thread block",
        "threads": "threads per block",
        "dtype": "dtype of X and Y",
    },
    check=check,
    unsupported=needs_reductions,
    contenders={"torch": in_torch, "triton": in_triton},
)
