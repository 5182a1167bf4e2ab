"""Attention forward pass with an online softmax: the matrix of scores never leaves the chip."""

# No postponed annotations: TileLang looks their names up among those that the kernel's body uses, and some are not.
from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel, require
from scaffold.kernels.zoo._checks import (
    require_matrix_tile,
    require_multiple,
    require_one_of,
    require_positive,
    require_stages,
    require_threads,
    require_tile,
)
from scaffold.kernels.zoo._targets import needs_reductions

LOG2_E = 1.4426950408889634


def build(
    batch: int = 1,
    heads: int = 8,
    seq_len: int = 1024,
    dim: int = 64,
    causal: bool = False,
    block_M: int = 128,
    block_N: int = 64,
    num_stages: int = 2,
    threads: int = 128,
    dtype: str = "float16",
) -> Any:
    import tilelang.language as T

    shape = (batch, seq_len, heads, dim)
    log2_scale = LOG2_E / dim**0.5

    @T.prim_func
    def flash_attention(
        Q: T.Tensor(shape, dtype),
        K: T.Tensor(shape, dtype),
        V: T.Tensor(shape, dtype),
        Out: T.Tensor(shape, dtype),
    ):
        with T.Kernel(T.ceildiv(seq_len, block_M), heads, batch, threads=threads) as (bx, by, bz):
            Q_shared = T.alloc_shared((block_M, dim), dtype)
            K_shared = T.alloc_shared((block_N, dim), dtype)
            V_shared = T.alloc_shared((block_N, dim), dtype)
            score = T.alloc_fragment((block_M, block_N), "float32")
            weight = T.alloc_fragment((block_M, block_N), dtype)
            out = T.alloc_fragment((block_M, dim), "float32")
            peak = T.alloc_fragment((block_M,), "float32")
            peak_before = T.alloc_fragment((block_M,), "float32")
            rescale = T.alloc_fragment((block_M,), "float32")
            tile_sum = T.alloc_fragment((block_M,), "float32")
            total = T.alloc_fragment((block_M,), "float32")

            T.copy(Q[bz, bx * block_M : (bx + 1) * block_M, by, :], Q_shared)
            T.clear(out)
            T.clear(total)
            T.fill(peak, -T.infinity("float32"))

            # No query of this block sees a key beyond the block's own last row.
            steps = T.ceildiv((bx + 1) * block_M, block_N) if causal else T.ceildiv(seq_len, block_N)
            for k in T.Pipelined(steps, num_stages=num_stages):
                T.copy(K[bz, k * block_N : (k + 1) * block_N, by, :], K_shared)
                T.clear(score)
                T.gemm(Q_shared, K_shared, score, transpose_B=True, policy=T.GemmWarpPolicy.FullRow)
                if causal:
                    for i, j in T.Parallel(block_M, block_N):
                        score[i, j] = T.if_then_else(
                            bx * block_M + i >= k * block_N + j, score[i, j], -T.infinity("float32")
                        )
                T.copy(peak, peak_before)
                T.reduce_max(score, peak, dim=1, clear=False)
                # Column 0 is visible to every row, so from the first tile on the peak is finite.
                for i in T.Parallel(block_M):
                    rescale[i] = T.exp2((peak_before[i] - peak[i]) * log2_scale)
                for i, j in T.Parallel(block_M, block_N):
                    score[i, j] = T.exp2((score[i, j] - peak[i]) * log2_scale)
                T.reduce_sum(score, tile_sum, dim=1)
                for i in T.Parallel(block_M):
                    total[i] = total[i] * rescale[i] + tile_sum[i]
                for i, j in T.Parallel(block_M, dim):
                    out[i, j] = out[i, j] * rescale[i]
                T.copy(score, weight)
                T.copy(V[bz, k * block_N : (k + 1) * block_N, by, :], V_shared)
                T.gemm(weight, V_shared, out, policy=T.GemmWarpPolicy.FullRow)
            for i, j in T.Parallel(block_M, dim):
                out[i, j] = out[i, j] / total[i]
            T.copy(out, Out[bz, bx * block_M : (bx + 1) * block_M, by, :])

    return flash_attention


def tensors(params: Params) -> tuple[Tensor, ...]:
    shape, dtype = tuple(params[name] for name in ("batch", "seq_len", "heads", "dim")), params["dtype"]
    return (*(Tensor(name, shape, dtype) for name in "QKV"), Tensor("Out", shape, dtype, "output"))


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    import torch

    q, k, v = (tensor.float().transpose(1, 2) for tensor in inputs)
    score = q @ k.transpose(-1, -2) / params["dim"] ** 0.5
    if params["causal"]:
        seen = torch.ones(score.shape[-2:], dtype=torch.bool, device=score.device).tril()
        score = score.masked_fill(~seen, float("-inf"))
    return ((torch.softmax(score, dim=-1) @ v).transpose(1, 2).contiguous(),)


def in_torch(params: Params) -> Callable[..., Any]:
    import torch

    causal = params["causal"]

    def attention(q: Any, k: Any, v: Any) -> Any:
        # PyTorch has heads before tokens; its fused kernels take any strides, so the transpositions are views.
        out = torch.nn.functional.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=causal
        )
        return out.transpose(1, 2)

    return attention


def in_triton(params: Params) -> Callable[..., Any]:
    from scaffold.kernels.triton.flash_attention import flash_attention

    causal = params["causal"]
    return lambda q, k, v: flash_attention(q, k, v, causal=causal)


def flops(params: Params) -> int:
    seq_len = params["seq_len"]
    pairs = seq_len * (seq_len + 1) // 2 if params["causal"] else seq_len * seq_len
    return 4 * params["batch"] * params["heads"] * pairs * params["dim"]


def check(params: Params) -> None:
    require_positive(params, "batch", "heads")
    for tile in ("block_M", "block_N"):
        require_tile(params, tile, "seq_len")
    require_multiple(params, "dim", 16, "the depth of one matrix instruction")
    require_stages(params)
    require_threads(params)
    require_matrix_tile(params, "block_M", "block_N")
    require(
        params["threads"] <= 2 * params["block_M"],
        f"threads={params['threads']} leaves warps without 16 of the block_M={params['block_M']} rows; "
        f"pass threads={2 * params['block_M']} at most",
    )
    require_one_of(params, "dtype", ("float16", "bfloat16"))


KERNEL = ZooKernel(
    name="flash_attention",
    summary="Out = softmax(Q K^T / sqrt(dim)) V per head, online softmax, optionally causal",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=5e-3),
    flops=flops,
    docs={
        "batch": "sequences",
        "heads": "attention heads, of queries and of keys alike",
        "seq_len": "queries and keys per sequence",
        "dim": "width of one head",
        "causal": "let a query see only keys up to its own position",
        "block_M": "queries per thread block",
        "block_N": "keys per step",
        "num_stages": "buffers of the software pipeline (0 and 1: none)",
        "threads": "threads per block",
        "dtype": "dtype of Q, K, V and Out",
    },
    check=check,
    unsupported=needs_reductions,
    contenders={"torch": in_torch, "triton": in_triton},
)
