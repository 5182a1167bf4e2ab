"""Matrix product with 4-bit weights: two signed nibbles per byte, unpacked and scaled on the way into the product."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel
from scaffold.kernels.zoo._checks import (
    require_matrix_tile,
    require_multiple,
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
    group_size: int = 128,
    block_M: int = 64,
    block_N: int = 128,
    block_K: int = 64,
    num_stages: int = 2,
    threads: int = 128,
    dtype: str = "float16",
) -> Any:
    import tilelang.language as T

    def signed_nibble(byte: Any, half: Any) -> Any:
        nibble = T.bitwise_and(T.shift_right(T.cast(byte, "int32"), half * 4), 15)
        # Two's complement in four bits: flipping the sign bit and taking its weight off again extends the sign.
        return T.bitwise_xor(nibble, 8) - 8

    @T.prim_func
    def dequant_gemm(
        A: T.Tensor((M, K), dtype),
        B: T.Tensor((N, K // 2), "uint8"),
        scale: T.Tensor((N, K // group_size), dtype),
        C: T.Tensor((M, N), dtype),
    ):
        with T.Kernel(T.ceildiv(N, block_N), T.ceildiv(M, block_M), threads=threads) as (bx, by):
            A_shared = T.alloc_shared((block_M, block_K), dtype)
            B_packed = T.alloc_shared((block_N, block_K // 2), "uint8")
            B_shared = T.alloc_shared((block_N, block_K), dtype)
            C_local = T.alloc_fragment((block_M, block_N), "float32")
            T.clear(C_local)
            for k in T.Pipelined(T.ceildiv(K, block_K), num_stages=num_stages):
                T.copy(A[by * block_M, k * block_K], A_shared)
                T.copy(B[bx * block_N, k * (block_K // 2)], B_packed)
                for i, j in T.Parallel(block_N, block_K):
                    B_shared[i, j] = (
                        T.cast(signed_nibble(B_packed[i, j // 2], j % 2), dtype)
                        * scale[bx * block_N + i, (k * block_K + j) // group_size]
                    )
                T.gemm(A_shared, B_shared, C_local, transpose_B=True)
            T.copy(C_local, C[by * block_M, bx * block_N])

    return dequant_gemm


def tensors(params: Params) -> tuple[Tensor, ...]:
    M, N, K, dtype = params["M"], params["N"], params["K"], params["dtype"]
    return (
        Tensor("A", (M, K), dtype),
        Tensor("B", (N, K // 2), "uint8"),
        Tensor("scale", (N, K // params["group_size"]), dtype),
        Tensor("C", (M, N), dtype, "output"),
    )


def make_inputs(params: Params, device: str, seed: int) -> tuple[Any, ...]:
    """Draw every byte of the weights (so all sixteen values occur in both halves) and positive scales."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    M, N, K, dtype = params["M"], params["N"], params["K"], getattr(torch, params["dtype"])
    a = torch.randn((M, K), generator=generator).to(dtype)
    packed = torch.randint(0, 256, (N, K // 2), generator=generator, dtype=torch.uint8)
    scale = (torch.rand((N, K // params["group_size"]), generator=generator) * 0.1 + 0.05).to(dtype)
    return a.to(device), packed.to(device), scale.to(device)


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    import torch

    a, packed, scale = inputs
    nibbles = torch.stack((packed & 15, packed >> 4), dim=-1).flatten(1).to(torch.int32)
    weights = torch.where(nibbles >= 8, nibbles - 16, nibbles).float()
    weights = weights * scale.float().repeat_interleave(params["group_size"], dim=1)
    return (a.float() @ weights.T,)


def in_torch(params: Params) -> Callable[..., Any]:
    """Unpack all weights, then multiply: PyTorch's own int4 product wants them packed in an order of its own."""
    import torch

    N, K, group_size = params["N"], params["K"], params["group_size"]

    @functools.cache
    def lift(device: Any) -> Any:
        """How far to shift a byte to the left for each of its halves to be the upper one: the same for all inputs."""
        return torch.tensor([4, 0], dtype=torch.int8, device=device)

    def product(a: Any, packed: Any, scale: Any) -> Any:
        # Shifting a signed byte to the right extends the sign of its upper half.
        nibbles = (packed.view(torch.int8)[..., None] << lift(packed.device)) >> 4
        weights = nibbles.view(N, K // group_size, group_size) * scale[..., None]
        return torch.matmul(a, weights.view(N, K).T)

    return product


def check(params: Params) -> None:
    for tile, extent in (("block_M", "M"), ("block_N", "N"), ("block_K", "K"), ("group_size", "K")):
        require_tile(params, tile, extent)
    require_multiple(params, "block_K", 32, "16 bytes of packed weights")
    require_stages(params)
    require_threads(params)
    require_matrix_tile(params, "block_M", "block_N")
    require_one_of(params, "dtype", ("float16", "bfloat16"))


def unsupported(target: str) -> str | None:
    if target == "metal":
        return "TileLang (up to 0.1.15) cannot express the vector loads of packed bytes (uint8x16) on Metal"
    return needs_thread_blocks(target)


KERNEL = ZooKernel(
    name="dequant_gemm",
    summary="C = A @ W^T with int4 weights W, one scale per group of columns",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=5e-3),
    flops=lambda p: 2 * p["M"] * p["N"] * p["K"],
    docs={
        "M": "rows of A and C",
        "N": "rows of W, columns of C",
        "K": "columns of A and W",
        "group_size": "neighbouring weights of a row that share one scale",
        "block_M": "rows of C per thread block",
        "block_N": "columns of C per thread block",
        "block_K": "depth of one pipeline step",
        "num_stages": "buffers of the software pipeline (0 and 1: none)",
        "threads": "threads per block",
        "dtype": "dtype of A, the scales and C (weights are packed int4)",
    },
    make_inputs=make_inputs,
    check=check,
    unsupported=unsupported,
    contenders={"torch": in_torch},
)
