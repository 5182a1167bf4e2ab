"""Multi-head latent attention, one new token per sequence: heads share one compressed key that is also the value."""

from __future__ import annotations

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
    batch: int = 16,
    heads: int = 128,
    seq_len: int = 1024,
    latent_dim: int = 512,
    rope_dim: int = 64,
    block_H: int = 16,
    block_N: int = 32,
    num_stages: int = 1,
    threads: int = 128,
    dtype: str = "float16",
) -> Any:
    import tilelang.language as T

    log2_scale = LOG2_E / (latent_dim + rope_dim) ** 0.5

    @T.prim_func
    def mla_decode(
        Q: T.Tensor((batch, heads, latent_dim), dtype),
        Q_rope: T.Tensor((batch, heads, rope_dim), dtype),
        KV: T.Tensor((batch, seq_len, latent_dim), dtype),
        K_rope: T.Tensor((batch, seq_len, rope_dim), dtype),
        Out: T.Tensor((batch, heads, latent_dim), dtype),
    ):
        with T.Kernel(T.ceildiv(heads, block_H), batch, threads=threads) as (bx, by):
            Q_shared = T.alloc_shared((block_H, latent_dim), dtype)
            Q_rope_shared = T.alloc_shared((block_H, rope_dim), dtype)
            KV_shared = T.alloc_shared((block_N, latent_dim), dtype)
            K_rope_shared = T.alloc_shared((block_N, rope_dim), dtype)
            weight_shared = T.alloc_shared((block_H, block_N), dtype)
            score = T.alloc_fragment((block_H, block_N), "float32")
            out = T.alloc_fragment((block_H, latent_dim), "float32")
            peak = T.alloc_fragment((block_H,), "float32")
            peak_before = T.alloc_fragment((block_H,), "float32")
            rescale = T.alloc_fragment((block_H,), "float32")
            tile_sum = T.alloc_fragment((block_H,), "float32")
            total = T.alloc_fragment((block_H,), "float32")

            T.copy(Q[by, bx * block_H : (bx + 1) * block_H, :], Q_shared)
            T.copy(Q_rope[by, bx * block_H : (bx + 1) * block_H, :], Q_rope_shared)
            T.clear(out)
            T.clear(total)
            T.fill(peak, -T.infinity("float32"))

            for k in T.Pipelined(T.ceildiv(seq_len, block_N), num_stages=num_stages):
                T.copy(KV[by, k * block_N : (k + 1) * block_N, :], KV_shared)
                T.copy(K_rope[by, k * block_N : (k + 1) * block_N, :], K_rope_shared)
                T.clear(score)
                T.gemm(Q_shared, KV_shared, score, transpose_B=True, policy=T.GemmWarpPolicy.FullCol)
                T.gemm(Q_rope_shared, K_rope_shared, score, transpose_B=True, policy=T.GemmWarpPolicy.FullCol)
                T.copy(peak, peak_before)
                T.reduce_max(score, peak, dim=1, clear=False)
                for i in T.Parallel(block_H):
                    rescale[i] = T.exp2((peak_before[i] - peak[i]) * log2_scale)
                for i, j in T.Parallel(block_H, block_N):
                    score[i, j] = T.exp2((score[i, j] - peak[i]) * log2_scale)
                T.reduce_sum(score, tile_sum, dim=1)
                # Warps share out the columns of both products, so each needs the weights of all the others.
                T.copy(score, weight_shared)
                for i in T.Parallel(block_H):
                    total[i] = total[i] * rescale[i] + tile_sum[i]
                for i, j in T.Parallel(block_H, latent_dim):
                    out[i, j] = out[i, j] * rescale[i]
                T.gemm(weight_shared, KV_shared, out, policy=T.GemmWarpPolicy.FullCol)
            for i, j in T.Parallel(block_H, latent_dim):
                out[i, j] = out[i, j] / total[i]
            T.copy(out, Out[by, bx * block_H : (bx + 1) * block_H, :])

    return mla_decode


def tensors(params: Params) -> tuple[Tensor, ...]:
    batch, heads, seq_len, dtype = params["batch"], params["heads"], params["seq_len"], params["dtype"]
    latent, rope = params["latent_dim"], params["rope_dim"]
    return (
        Tensor("Q", (batch, heads, latent), dtype),
        Tensor("Q_rope", (batch, heads, rope), dtype),
        Tensor("KV", (batch, seq_len, latent), dtype),
        Tensor("K_rope", (batch, seq_len, rope), dtype),
        Tensor("Out", (batch, heads, latent), dtype, "output"),
    )


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    import torch

    q, q_rope, kv, k_rope = (tensor.float() for tensor in inputs)
    score = q @ kv.transpose(1, 2) + q_rope @ k_rope.transpose(1, 2)
    score = score / (params["latent_dim"] + params["rope_dim"]) ** 0.5
    return (torch.softmax(score, dim=-1) @ kv,)


def in_torch(params: Params) -> Callable[..., Any]:
    import torch

    scale = (params["latent_dim"] + params["rope_dim"]) ** -0.5

    def decode(q: Any, q_rope: Any, kv: Any, k_rope: Any) -> Any:
        # The heads of a sequence share its keys, so they are the rows of one product. scaled_dot_product_attention
        # would want [KV | K_rope] as one tensor, which copies the whole cache, and its flash kernels end at a width
        # of 256; adding up the two products of the scores copies nothing.
        score = torch.bmm(q_rope, k_rope.transpose(1, 2))
        score.baddbmm_(q, kv.transpose(1, 2), beta=scale, alpha=scale)
        return torch.bmm(torch.softmax(score, dim=-1), kv)

    return decode


def flops(params: Params) -> int:
    pairs = params["batch"] * params["heads"] * params["seq_len"]
    return 2 * pairs * (2 * params["latent_dim"] + params["rope_dim"])


def check(params: Params) -> None:
    require_positive(params, "batch")
    require_tile(params, "block_H", "heads")
    require_tile(params, "block_N", "seq_len")
    for name in ("latent_dim", "rope_dim"):
        require_multiple(params, name, 16, "the depth of one matrix instruction")
    require_stages(params)
    require_threads(params)
    require_matrix_tile(params, "block_H", "block_N", narrowest=8)
    require(
        params["threads"] <= 4 * params["block_N"],
        f"threads={params['threads']} leaves warps without 8 of the block_N={params['block_N']} columns; "
        f"pass threads={4 * params['block_N']} at most",
    )
    require_one_of(params, "dtype", ("float16", "bfloat16"))


KERNEL = ZooKernel(
    name="mla_decode",
    summary="multi-head latent attention decode: softmax(Q KV^T + Q_rope K_rope^T) KV, online softmax",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=5e-3),
    flops=flops,
    docs={
        "batch": "sequences, one query token each",
        "heads": "query heads, all reading the same latent",
        "seq_len": "cached tokens per sequence",
        "latent_dim": "width of the latent, key and value at once",
        "rope_dim": "width of the part of the key that carries the position",
        "block_H": "heads per thread block (64 or more to reach Hopper's warpgroup instructions)",
        "block_N": "cached tokens per step",
        "num_stages": "buffers of the software pipeline (0 and 1: none)",
        "threads": "threads per block",
        "dtype": "dtype of all tensors",
    },
    check=check,
    unsupported=needs_reductions,
    contenders={"torch": in_torch},
)
