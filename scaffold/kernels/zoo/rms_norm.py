"""Root-mean-square normalisation of rows with a learned gain, as in most language models."""

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

ROW_LIMIT = 16384


def build(
    M: int = 1024,
    N: int = 4096,
    block_M: int = 1,
    threads: int = 128,
    eps: float = 1e-6,
    dtype: str = "float16",
) -> Any:
    import tilelang.language as T

    @T.prim_func
    def rms_norm(X: T.Tensor((M, N), dtype), W: T.Tensor((N,), dtype), Y: T.Tensor((M, N), dtype)):
        with T.Kernel(T.ceildiv(M, block_M), threads=threads) as bx:
            x = T.alloc_fragment((block_M, N), dtype)
            square = T.alloc_fragment((block_M, N), "float32")
            scale = T.alloc_fragment((block_M,), "float32")
            T.copy(X[bx * block_M, 0], x)
            for i, j in T.Parallel(block_M, N):
                square[i, j] = T.cast(x[i, j], "float32") * T.cast(x[i, j], "float32")
            T.reduce_sum(square, scale, dim=1)
            for i in T.Parallel(block_M):
                scale[i] = T.rsqrt(scale[i] / N + eps)
            for i, j in T.Parallel(block_M, N):
                x[i, j] = T.cast(x[i, j], "float32") * scale[i] * T.cast(W[j], "float32")
            T.copy(x, Y[bx * block_M, 0])

    return rms_norm


def tensors(params: Params) -> tuple[Tensor, ...]:
    M, N, dtype = params["M"], params["N"], params["dtype"]
    return (Tensor("X", (M, N), dtype), Tensor("W", (N,), dtype), Tensor("Y", (M, N), dtype, "output"))


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    import torch

    x, w = (tensor.float() for tensor in inputs)
    return (x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + params["eps"]) * w,)


def in_torch(params: Params) -> Callable[..., Any]:
    import torch

    shape, eps = (params["N"],), params["eps"]
    rms_norm = getattr(torch.nn.functional, "rms_norm", None)
    if rms_norm is not None:
        return lambda x, w: rms_norm(x, shape, w, eps)

    def by_hand(x: Any, w: Any) -> Any:
        """As models wrote it before PyTorch 2.4."""
        wide = x.float()
        return (wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)).to(x.dtype) * w

    return by_hand


def in_triton(params: Params) -> Callable[..., Any]:
    from scaffold.kernels.triton.rms_norm import rms_norm

    eps = params["eps"]
    return lambda x, w: rms_norm(x, w, eps)


def check(params: Params) -> None:
    require_tile(params, "block_M", "M")
    require_threads(params)
    require_even_spread(params, "block_M", "N")
    require_row_spread(params, "N")
    require_one_of(params, "dtype", ("float16", "bfloat16", "float32"))
    require_multiple(params, "N", 8, "one 16-byte load of a row")
    require(params["eps"] >= 0, f"eps={params['eps']} must be 0 or more; pass 1e-6")
    tile = params["block_M"] * params["N"]
    limit = ROW_LIMIT * params["threads"] // 128
    require(
        tile <= limit,
        f"block_M*N={tile} elements do not fit the registers of {params['threads']} threads; "
        f"pass at most {limit} (a smaller block_M, or more threads)",
    )


KERNEL = ZooKernel(
    name="rms_norm",
    summary="Y = X / rms(X) * W over rows, rows held in registers",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=4e-3),
    flops=lambda p: 4 * p["M"] * p["N"],
    docs={
        "M": "rows (tokens)",
        "N": "columns (hidden size), normalised together",
        "block_M": "rows per thread block",
        "threads": "threads per block",
        "eps": "added to the mean square before the root",
        "dtype": "dtype of X, W and Y",
    },
    check=check,
    unsupported=needs_reductions,
    contenders={"torch": in_torch, "triton": in_triton},
)
