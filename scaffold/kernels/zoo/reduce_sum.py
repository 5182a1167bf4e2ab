"""Sum over rows: partial sums in registers while the row streams by, one reduction across threads at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel
from scaffold.kernels.zoo._checks import (
    require_even_spread,
    require_one_of,
    require_row_spread,
    require_threads,
    require_tile,
)
from scaffold.kernels.zoo._targets import needs_reductions


def build(
    M: int = 1024,
    N: int = 4096,
    block_M: int = 4,
    block_N: int = 512,
    threads: int = 128,
    dtype: str = "float32",
) -> Any:
    import tilelang.language as T

    @T.prim_func
    def reduce_sum(X: T.Tensor((M, N), dtype), Y: T.Tensor((M,), "float32")):
        with T.Kernel(T.ceildiv(M, block_M), threads=threads) as bx:
            tile = T.alloc_fragment((block_M, block_N), dtype)
            partial = T.alloc_fragment((block_M, block_N), "float32")
            total = T.alloc_fragment((block_M,), "float32")
            T.clear(partial)
            for k in T.serial(T.ceildiv(N, block_N)):
                T.copy(X[bx * block_M, k * block_N], tile)
                for i, j in T.Parallel(block_M, block_N):
                    partial[i, j] = partial[i, j] + T.cast(tile[i, j], "float32")
            T.reduce_sum(partial, total, dim=1)
            T.copy(total, Y[bx * block_M])

    return reduce_sum


def tensors(params: Params) -> tuple[Tensor, ...]:
    M, N = params["M"], params["N"]
    return (Tensor("X", (M, N), params["dtype"]), Tensor("Y", (M,), "float32", "output"))


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    (x,) = inputs
    return (x.double().sum(dim=-1),)


def in_torch(_: Params) -> Callable[..., Any]:
    import torch

    return lambda x: torch.sum(x, dim=-1, dtype=torch.float32)


def in_triton(_: Params) -> Callable[..., Any]:
    from scaffold.kernels.triton.reduce_sum import reduce_sum

    return reduce_sum


def check(params: Params) -> None:
    for tile, extent in (("block_M", "M"), ("block_N", "N")):
        require_tile(params, tile, extent)
    require_threads(params)
    require_even_spread(params, "block_M", "block_N")
    require_row_spread(params, "block_N")
    require_one_of(params, "dtype", ("float32", "float16", "bfloat16"))


KERNEL = ZooKernel(
    name="reduce_sum",
    summary="Y[i] = sum of row i of X, accumulated in float32",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=1e-5),
    flops=lambda p: p["M"] * p["N"],
    docs={
        "M": "rows",
        "N": "columns, summed",
        "block_M": "rows per thread block",
        "block_N": "columns read per step",
        "threads": "threads per block",
        "dtype": "dtype of X (Y is float32)",
    },
    check=check,
    unsupported=needs_reductions,
    contenders={"torch": in_torch, "triton": in_triton},
)
