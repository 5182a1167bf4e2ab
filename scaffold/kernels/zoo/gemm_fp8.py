"""FP8 matrix product with one scale per row of A and per column of C, applied to the accumulator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel
from scaffold.kernels.zoo._checks import (
    require_matrix_tile,
    require_one_of,
    require_stages,
    require_threads,
    require_tile,
)
from scaffold.kernels.zoo._targets import needs_thread_blocks


def build(
    M: int = 1024,
    N: int = 1024,
    K: int = 1024,
    block_M: int = 128,
    block_N: int = 128,
    block_K: int = 64,
    num_stages: int = 3,
    threads: int = 128,
    dtype: str = "float8_e4m3fn",
    out_dtype: str = "bfloat16",
) -> Any:
    import tilelang.language as T

    @T.prim_func
    def gemm_fp8(
        A: T.Tensor((M, K), dtype),
        B: T.Tensor((N, K), dtype),
        scale_A: T.Tensor((M,), "float32"),
        scale_B: T.Tensor((N,), "float32"),
        C: T.Tensor((M, N), out_dtype),
    ):
        with T.Kernel(T.ceildiv(N, block_N), T.ceildiv(M, block_M), threads=threads) as (bx, by):
            A_shared = T.alloc_shared((block_M, block_K), dtype)
            B_shared = T.alloc_shared((block_N, block_K), dtype)
            C_local = T.alloc_fragment((block_M, block_N), "float32")
            C_cast = T.alloc_fragment((block_M, block_N), out_dtype)
            T.clear(C_local)
            for k in T.Pipelined(T.ceildiv(K, block_K), num_stages=num_stages):
                T.copy(A[by * block_M, k * block_K], A_shared)
                T.copy(B[bx * block_N, k * block_K], B_shared)
                T.gemm(A_shared, B_shared, C_local, transpose_B=True)
            for i, j in T.Parallel(block_M, block_N):
                C_cast[i, j] = C_local[i, j] * scale_A[by * block_M + i] * scale_B[bx * block_N + j]
            T.copy(C_cast, C[by * block_M, bx * block_N])

    return gemm_fp8


def tensors(params: Params) -> tuple[Tensor, ...]:
    M, N, K, dtype = params["M"], params["N"], params["K"], params["dtype"]
    return (
        Tensor("A", (M, K), dtype),
        Tensor("B", (N, K), dtype),
        Tensor("scale_A", (M,), "float32"),
        Tensor("scale_B", (N,), "float32"),
        Tensor("C", (M, N), params["out_dtype"], "output"),
    )


def make_inputs(params: Params, device: str, seed: int) -> tuple[Any, ...]:
    """Quantise normal matrices the way an inference stack does: each row scaled so that its largest entry just fits."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    dtype = getattr(torch, params["dtype"])
    largest = torch.finfo(dtype).max
    matrices, scales = [], []
    for rows in (params["M"], params["N"]):
        dense = torch.randn((rows, params["K"]), generator=generator)
        scale = dense.abs().amax(dim=-1) / largest
        matrices.append((dense / scale[:, None]).clamp(-largest, largest).to(dtype).to(device))
        scales.append(scale.to(device))
    return (*matrices, *scales)


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    a, b, scale_a, scale_b = (tensor.float() for tensor in inputs)
    return ((a @ b.T) * scale_a[:, None] * scale_b[None, :],)


def in_torch(params: Params) -> Callable[..., Any]:
    import torch

    out_dtype = getattr(torch, params["out_dtype"])

    def scaled(a: Any, b: Any, scale_a: Any, scale_b: Any) -> Any:
        # Transposed, B is stored column by column, which is how _scaled_mm wants it. Fast accumulation leaves the sum
        # in the tensor cores from the first step to the last, as this kernel does. Not every GPU takes another output
        # dtype than bfloat16 beside scales of rows; the cast to one is timed too.
        product = torch._scaled_mm(
            a, b.T, scale_a[:, None], scale_b[None, :], out_dtype=torch.bfloat16, use_fast_accum=True
        )
        return product.to(out_dtype)

    def widened(a: Any, b: Any, scale_a: Any, scale_b: Any) -> Any:
        # No _scaled_mm multiplies two float8_e5m2 matrices; bfloat16 holds all their values.
        product = torch.matmul(a.bfloat16(), b.bfloat16().T)
        return (product * scale_a[:, None] * scale_b).to(out_dtype)

    return widened if params["dtype"] == "float8_e5m2" else scaled


def check(params: Params) -> None:
    for tile, extent in (("block_M", "M"), ("block_N", "N"), ("block_K", "K")):
        require_tile(params, tile, extent)
    require_stages(params)
    require_threads(params)
    require_matrix_tile(params, "block_M", "block_N", "block_K", step=32)
    require_one_of(params, "dtype", ("float8_e4m3fn", "float8_e5m2"))
    require_one_of(params, "out_dtype", ("bfloat16", "float16", "float32"))


def unsupported(target: str) -> str | None:
    kind, _, arch = target.partition(":")
    if kind == "cuda" and int("".join(filter(str.isdigit, arch)) or 0) < 89:
        return f"{arch} has no FP8 tensor cores; they start at sm_89"
    if kind == "hip" and arch.startswith("gfx94"):
        return (
            f"the matrix cores of {arch} read FP8 as float8_e4m3fnuz/e5m2fnuz (other bias), "
            "not as the OCP formats of this kernel"
        )
    if kind == "metal":
        return "Metal has no FP8 dtype"
    return needs_thread_blocks(target)


KERNEL = ZooKernel(
    name="gemm_fp8",
    summary="C = (A @ B^T) * scale_A * scale_B with FP8 A and B, accumulated in float32",
    build=build,
    tensors=tensors,
    reference=reference,
    # Hopper's FP8 tensor cores keep about 14 bits of the sum, and a bfloat16 result another 8.
    tolerance=Tolerance(relative=1e-2),
    flops=lambda p: 2 * p["M"] * p["N"] * p["K"],
    docs={
        "M": "rows of A and C",
        "N": "rows of B, columns of C",
        "K": "columns of A and B",
        "block_M": "rows of C per thread block",
        "block_N": "columns of C per thread block",
        "block_K": "depth of one pipeline step",
        "num_stages": "buffers of the software pipeline (0 and 1: none)",
        "threads": "threads per block",
        "dtype": "dtype of A and B: float8_e4m3fn or float8_e5m2",
        "out_dtype": "dtype of C",
    },
    make_inputs=make_inputs,
    check=check,
    unsupported=unsupported,
    contenders={"torch": in_torch},
)
