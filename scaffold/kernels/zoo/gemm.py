"""Dense matrix product with a software-pipelined K loop: the kernel every tutorial starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel
from scaffold.kernels.zoo._checks import require_one_of, require_stages, require_threads, require_tile
from scaffold.kernels.zoo._targets import needs_thread_blocks


def build(
    M: int = 1024,
    N: int = 1024,
    K: int = 1024,
    block_M: int = 128,
    block_N: int = 128,
    block_K: int = 32,
    num_stages: int = 3,
    threads: int = 128,
    dtype: str = "float16",
    accum_dtype: str = "float32",
) -> Any:
    import tilelang.language as T

    @T.prim_func
    def gemm(A: T.Tensor((M, K), dtype), B: T.Tensor((K, N), dtype), C: T.Tensor((M, N), dtype)):
        with T.Kernel(T.ceildiv(N, block_N), T.ceildiv(M, block_M), threads=threads) as (bx, by):
            A_shared = T.alloc_shared((block_M, block_K), dtype)
            B_shared = T.alloc_shared((block_K, block_N), dtype)
            C_local = T.alloc_fragment((block_M, block_N), accum_dtype)
            T.clear(C_local)
            for k in T.Pipelined(T.ceildiv(K, block_K), num_stages=num_stages):
                T.copy(A[by * block_M, k * block_K], A_shared)
                T.copy(B[k * block_K, bx * block_N], B_shared)
                T.gemm(A_shared, B_shared, C_local)
            T.copy(C_local, C[by * block_M, bx * block_N])

    return gemm


def tensors(params: Params) -> tuple[Tensor, ...]:
    M, N, K, dtype = params["M"], params["N"], params["K"], params["dtype"]
    return (Tensor("A", (M, K), dtype), Tensor("B", (K, N), dtype), Tensor("C", (M, N), dtype, "output"))


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    a, b = inputs
    return (a.float() @ b.float(),)


def in_torch(params: Params) -> Callable[..., Any]:
    import torch

    if params["dtype"] == "int8":
        # cuBLAS multiplies int8 only by a matrix stored column by column; B is not, so its transposition is timed too.
        return lambda a, b: torch._int_mm(a, b.T.contiguous().T).to(torch.int8)
    if params["dtype"] == "float32":
        return product_in_tf32
    return torch.matmul


def product_in_tf32(a: Any, b: Any) -> Any:
    """``a @ b`` as T.gemm computes it on NVIDIA's tensor cores; PyTorch has to be allowed to, for this product only."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        return torch.matmul(a, b)
    finally:
        torch.set_float32_matmul_precision(before)


def in_triton(_: Params) -> Callable[..., Any]:
    from scaffold.kernels.triton.gemm import gemm

    return gemm


def check(params: Params) -> None:
    for tile, extent in (("block_M", "M"), ("block_N", "N"), ("block_K", "K")):
        require_tile(params, tile, extent)
    require_stages(params)
    require_threads(params)
    require_one_of(params, "dtype", ("float16", "bfloat16", "float32", "int8"))
    require_one_of(params, "accum_dtype", ("float32", "float16", "int32"))


KERNEL = ZooKernel(
    name="gemm",
    summary="C = A @ B, shared-memory tiles, software-pipelined over K",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=2e-3),
    flops=lambda p: 2 * p["M"] * p["N"] * p["K"],
    docs={
        "M": "rows of A and C",
        "N": "columns of B and C",
        "K": "columns of A, rows of B",
        "block_M": "rows of C per thread block",
        "block_N": "columns of C per thread block",
        "block_K": "depth of one pipeline step",
        "num_stages": "buffers of the software pipeline (0 and 1: none)",
        "threads": "threads per block",
        "dtype": "dtype of A, B and C",
        "accum_dtype": "dtype of the accumulator",
    },
    check=check,
    unsupported=needs_thread_blocks,
    contenders={"torch": in_torch, "triton": in_triton},
)
