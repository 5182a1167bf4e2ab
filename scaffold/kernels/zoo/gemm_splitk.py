"""Dense matrix product whose K loop is shared out over several blocks, for shapes with too few tiles to fill a GPU."""

# No postponed annotations: TileLang looks their names up among those that the kernel's body uses, and some are not.
from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel, require
from scaffold.kernels.zoo._checks import (
    require_matrix_tile,
    require_one_of,
    require_stages,
    require_threads,
    require_tile,
)
from scaffold.kernels.zoo._targets import needs_thread_blocks


def build(
    M: int = 256,
    N: int = 256,
    K: int = 4096,
    split_K: int = 4,
    block_M: int = 64,
    block_N: int = 64,
    block_K: int = 32,
    num_stages: int = 3,
    threads: int = 128,
    dtype: str = "float16",
) -> Any:
    import tilelang.language as T

    depth = K // split_K

    @T.prim_func
    def gemm_splitk(A: T.Tensor((M, K), dtype), B: T.Tensor((K, N), dtype), C: T.Tensor((M, N), "float32")):
        # The blocks below only add to C, so a kernel of its own clears it first: the caller may hand over garbage.
        with T.Kernel(T.ceildiv(N, block_N), T.ceildiv(M, block_M), threads=threads) as (zx, zy):
            zero = T.alloc_fragment((block_M, block_N), "float32")
            T.clear(zero)
            T.copy(zero, C[zy * block_M, zx * block_N])

        with T.Kernel(T.ceildiv(N, block_N), T.ceildiv(M, block_M), split_K, threads=threads) as (bx, by, bz):
            A_shared = T.alloc_shared((block_M, block_K), dtype)
            B_shared = T.alloc_shared((block_K, block_N), dtype)
            C_local = T.alloc_fragment((block_M, block_N), "float32")
            T.clear(C_local)
            for k in T.Pipelined(T.ceildiv(depth, block_K), num_stages=num_stages):
                T.copy(A[by * block_M, bz * depth + k * block_K], A_shared)
                T.copy(B[bz * depth + k * block_K, bx * block_N], B_shared)
                T.gemm(A_shared, B_shared, C_local)
            for i, j in T.Parallel(block_M, block_N):
                T.atomic_add(C[by * block_M + i, bx * block_N + j], C_local[i, j])

    return gemm_splitk


def tensors(params: Params) -> tuple[Tensor, ...]:
    M, N, K, dtype = params["M"], params["N"], params["K"], params["dtype"]
    return (Tensor("A", (M, K), dtype), Tensor("B", (K, N), dtype), Tensor("C", (M, N), "float32", "output"))


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    a, b = inputs
    return (a.float() @ b.float(),)


def in_torch(_: Params) -> Callable[..., Any]:
    import torch

    # Since PyTorch 2.8, on CUDA, a product may leave its float32 sums as they are. Elsewhere they are rounded to the
    # dtype of A and cast back: one more launch, and with bfloat16 less exact than this kernel.
    leaves_sums = "dtype" in torch.ops.aten.mm.overloads()

    def product(a: Any, b: Any) -> Any:
        if leaves_sums and a.is_cuda:
            return torch.mm(a, b, out_dtype=torch.float32)
        return torch.matmul(a, b).float()

    return product


def check(params: Params) -> None:
    require_tile(params, "block_M", "M")
    require_tile(params, "block_N", "N")
    require_tile(params, "split_K", "K")
    depth = params["K"] // params["split_K"]
    require(
        params["block_K"] > 0 and depth % params["block_K"] == 0,
        f"block_K={params['block_K']} does not divide K/split_K={depth}; pass a block_K that divides {depth}",
    )
    require_stages(params)
    require_threads(params)
    require_matrix_tile(params, "block_M", "block_N", "block_K")
    require_one_of(params, "dtype", ("float16", "bfloat16"))


def unsupported(target: str) -> str | None:
    if target == "metal":
        return "TileLang (up to 0.1.15) has atomic adds of 32-bit integers only on Metal, and this kernel adds float32"
    return needs_thread_blocks(target)


KERNEL = ZooKernel(
    name="gemm_splitk",
    summary="C = A @ B, K split over blocks that add their parts to a C cleared beforehand",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=5e-4),
    flops=lambda p: 2 * p["M"] * p["N"] * p["K"],
    docs={
        "M": "rows of A and C",
        "N": "columns of B and C",
        "K": "columns of A, rows of B",
        "split_K": "blocks that share one tile of C",
        "block_M": "rows of C per thread block",
        "block_N": "columns of C per thread block",
        "block_K": "depth of one pipeline step",
        "num_stages": "buffers of the software pipeline (0 and 1: none)",
        "threads": "threads per block",
        "dtype": "dtype of A and B (C is float32)",
    },
    check=check,
    unsupported=unsupported,
    contenders={"torch": in_torch},
)
