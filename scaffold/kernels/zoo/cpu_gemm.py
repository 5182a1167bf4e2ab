"""Dense matrix product for the host: plain loops over tiles that fit the cache, no threads and no shared memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel, require
from scaffold.kernels.zoo._checks import require_one_of, require_tile


def build(
    M: int = 128,
    N: int = 128,
    K: int = 128,
    block_M: int = 32,
    block_N: int = 32,
    block_K: int = 32,
    dtype: str = "float32",
) -> Any:
    import inspect

    import tilelang.language as T

    # Newer releases derive "no threads" from the target and no longer take the flag.
    launch = {"is_cpu": True} if "is_cpu" in inspect.signature(T.Kernel).parameters else {}

    @T.prim_func
    def cpu_gemm(A: T.Tensor((M, K), dtype), B: T.Tensor((K, N), dtype), C: T.Tensor((M, N), dtype)):
        with T.Kernel(T.ceildiv(N, block_N), T.ceildiv(M, block_M), **launch) as (bx, by):
            A_tile = T.alloc_local((block_M, block_K), dtype)
            B_tile = T.alloc_local((block_K, block_N), dtype)
            C_tile = T.alloc_local((block_M, block_N), dtype)
            for i in T.serial(block_M):
                for j in T.serial(block_N):
                    C_tile[i, j] = 0
            for k in T.serial(T.ceildiv(K, block_K)):
                for i in T.serial(block_M):
                    for p in T.serial(block_K):
                        A_tile[i, p] = A[by * block_M + i, k * block_K + p]
                for p in T.serial(block_K):
                    for j in T.serial(block_N):
                        B_tile[p, j] = B[k * block_K + p, bx * block_N + j]
                for i in T.serial(block_M):
                    for p in T.serial(block_K):
                        for j in T.serial(block_N):
                            C_tile[i, j] = C_tile[i, j] + A_tile[i, p] * B_tile[p, j]
            for i in T.serial(block_M):
                for j in T.serial(block_N):
                    C[by * block_M + i, bx * block_N + j] = C_tile[i, j]

    return cpu_gemm


def tensors(params: Params) -> tuple[Tensor, ...]:
    M, N, K, dtype = params["M"], params["N"], params["K"], params["dtype"]
    return (Tensor("A", (M, K), dtype), Tensor("B", (K, N), dtype), Tensor("C", (M, N), dtype, "output"))


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    a, b = inputs
    return (a.double() @ b.double(),)


def in_torch(_: Params) -> Callable[..., Any]:
    import torch

    # It uses as many cores as it may and this kernel one: torch.set_num_threads(1) makes it a match of equals.
    return torch.matmul


def check(params: Params) -> None:
    for tile, extent in (("block_M", "M"), ("block_N", "N"), ("block_K", "K")):
        require_tile(params, tile, extent)
    require_one_of(params, "dtype", ("float32", "float64"))
    largest = max(params["block_M"], params["block_K"]) * max(params["block_N"], params["block_K"])
    require(
        largest <= 1 << 16,
        f"a tile of {largest} elements may overflow the stack, where tiles live; pass tiles of 256x256 at most",
    )


def unsupported(target: str) -> str | None:
    if target.partition(":")[0] != "c":
        return f"cpu_gemm runs its loops without threads, which only target c takes, not {target}; use gemm"
    return None


KERNEL = ZooKernel(
    name="cpu_gemm",
    summary="C = A @ B on the host, tiled loops",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=1e-5),
    flops=lambda p: 2 * p["M"] * p["N"] * p["K"],
    docs={
        "M": "rows of A and C",
        "N": "columns of B and C",
        "K": "columns of A, rows of B",
        "block_M": "rows of C per tile",
        "block_N": "columns of C per tile",
        "block_K": "depth of one tile",
        "dtype": "dtype of A, B, C and of the accumulator",
    },
    check=check,
    unsupported=unsupported,
    default_target="c",
    contenders={"torch": in_torch},
)
