"""Sum of two matrices: no reuse at all, so nothing but memory traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel
from scaffold.kernels.zoo._checks import require_even_spread, require_one_of, require_threads, require_tile
from scaffold.kernels.zoo._targets import needs_thread_blocks


def build(
    M: int = 1024,
    N: int = 1024,
    block_M: int = 32,
    block_N: int = 128,
    threads: int = 128,
    dtype: str = "float32",
) -> Any:
    import tilelang.language as T

    @T.prim_func
    def elementwise_add(A: T.Tensor((M, N), dtype), B: T.Tensor((M, N), dtype), C: T.Tensor((M, N), dtype)):
        with T.Kernel(T.ceildiv(N, block_N), T.ceildiv(M, block_M), threads=threads) as (bx, by):
            a = T.alloc_fragment((block_M, block_N), dtype)
            b = T.alloc_fragment((block_M, block_N), dtype)
            T.copy(A[by * block_M, bx * block_N], a)
            T.copy(B[by * block_M, bx * block_N], b)
            for i, j in T.Parallel(block_M, block_N):
                a[i, j] = a[i, j] + b[i, j]
            T.copy(a, C[by * block_M, bx * block_N])

    return elementwise_add


def tensors(params: Params) -> tuple[Tensor, ...]:
    shape, dtype = (params["M"], params["N"]), params["dtype"]
    return (Tensor("A", shape, dtype), Tensor("B", shape, dtype), Tensor("C", shape, dtype, "output"))


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    a, b = inputs
    return (a.float() + b.float(),)


def in_torch(_: Params) -> Callable[..., Any]:
    import torch

    return torch.add


def in_triton(_: Params) -> Callable[..., Any]:
    from scaffold.kernels.triton.elementwise_add import elementwise_add

    return elementwise_add


def check(params: Params) -> None:
    for tile, extent in (("block_M", "M"), ("block_N", "N")):
        require_tile(params, tile, extent)
    require_threads(params)
    require_even_spread(params, "block_M", "block_N")
    require_one_of(params, "dtype", ("float32", "float16", "bfloat16"))


KERNEL = ZooKernel(
    name="elementwise_add",
    summary="C = A + B, one tile per block, held in registers",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=4e-3),
    flops=lambda p: p["M"] * p["N"],
    docs={
        "M": "rows",
        "N": "columns",
        "block_M": "rows per thread block",
        "block_N": "columns per thread block",
        "threads": "threads per block",
        "dtype": "dtype of A, B and C",
    },
    check=check,
    unsupported=needs_thread_blocks,
    contenders={"torch": in_torch, "triton": in_triton},
)
