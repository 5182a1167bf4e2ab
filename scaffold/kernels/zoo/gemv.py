"""Matrix-vector product: one read of the matrix, so the speed of memory is the speed of the kernel."""

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
    N: int = 4096,
    K: int = 4096,
    block_N: int = 4,
    block_K: int = 512,
    threads: int = 128,
    dtype: str = "float16",
) -> Any:
    import tilelang.language as T

    @T.prim_func
    def gemv(A: T.Tensor((N, K), dtype), x: T.Tensor((K,), dtype), y: T.Tensor((N,), dtype)):
        with T.Kernel(T.ceildiv(N, block_N), threads=threads) as bx:
            tile = T.alloc_fragment((block_N, block_K), dtype)
            partial = T.alloc_fragment((block_N, block_K), "float32")
            total = T.alloc_fragment((block_N,), "float32")
            T.clear(partial)
            for k in T.serial(T.ceildiv(K, block_K)):
                T.copy(A[bx * block_N, k * block_K], tile)
                for i, j in T.Parallel(block_N, block_K):
                    partial[i, j] = partial[i, j] + T.cast(tile[i, j], "float32") * T.cast(
                        x[k * block_K + j], "float32"
                    )
            T.reduce_sum(partial, total, dim=1)
            T.copy(total, y[bx * block_N])

    return gemv


def tensors(params: Params) -> tuple[Tensor, ...]:
    N, K, dtype = params["N"], params["K"], params["dtype"]
    return (Tensor("A", (N, K), dtype), Tensor("x", (K,), dtype), Tensor("y", (N,), dtype, "output"))


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    a, x = inputs
    return (a.float() @ x.float(),)


def in_torch(_: Params) -> Callable[..., Any]:
    import torch

    return torch.mv


def in_triton(_: Params) -> Callable[..., Any]:
    from scaffold.kernels.triton.gemv import gemv

    return gemv


def check(params: Params) -> None:
    for tile, extent in (("block_N", "N"), ("block_K", "K")):
        require_tile(params, tile, extent)
    require_threads(params)
    require_even_spread(params, "block_N", "block_K")
    require_row_spread(params, "block_K")
    require_one_of(params, "dtype", ("float16", "bfloat16", "float32"))


KERNEL = ZooKernel(
    name="gemv",
    summary="y = A @ x, partial products in registers, one reduction per row",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=4e-3),
    flops=lambda p: 2 * p["N"] * p["K"],
    docs={
        "N": "rows of A, length of y",
        "K": "columns of A, length of x",
        "block_N": "rows of A per thread block",
        "block_K": "columns of A read per step",
        "threads": "threads per block",
        "dtype": "dtype of A, x and y (products accumulate in float32)",
    },
    check=check,
    unsupported=needs_reductions,
    contenders={"torch": in_torch, "triton": in_triton},
)
