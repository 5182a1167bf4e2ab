"""Attention forward pass in Triton with an online softmax: every program takes a block of queries past all its keys."""

from typing import Any

import torch
import triton
import triton.language as tl

from scaffold.kernels.triton._rows import next_power_of_two

LOG2_E = 1.4426950408889634


@triton.jit
def _see(
    out,
    peak,
    total,
    q,
    K,
    V,
    rows,
    lanes,
    start,
    end,
    seq_len,
    stride,
    log2_scale,
    DIM: tl.constexpr,
    BLOCK_N: tl.constexpr,
    CAUSAL: tl.constexpr,
    MASKED: tl.constexpr,
):
    """Go on with keys ``start`` to ``end``; MASKED looks for each pair of query and key whether it exists."""
    for first in range(start, end, BLOCK_N):
        keys = first + tl.arange(0, BLOCK_N)
        at = keys[:, None] * stride + lanes[None, :]
        inside = (lanes < DIM)[None, :]
        if MASKED:
            inside = inside & (keys < seq_len)[:, None]
        k = tl.load(K + at, mask=inside, other=0.0)
        score = tl.dot(q, tl.trans(k))
        if MASKED:
            seen = (keys < seq_len)[None, :]
            if CAUSAL:
                seen = seen & (keys[None, :] <= rows[:, None])
            score = tl.where(seen, score, float("-inf"))
        # Key 0 is visible to every query, so from the first tile on the peak is finite.
        peak_now = tl.maximum(peak, tl.max(score, axis=1) * log2_scale)
        weight = tl.exp2(score * log2_scale - peak_now[:, None])
        fade = tl.exp2(peak - peak_now)
        total = total * fade + tl.sum(weight, axis=1)
        v = tl.load(V + at, mask=inside, other=0.0)
        out = tl.dot(weight.to(v.dtype), v, out * fade[:, None])
        peak = peak_now
    return out, peak, total


@triton.jit
def _attention(
    Q,
    K,
    V,
    Out,
    heads,
    seq_len,
    log2_scale,
    DIM: tl.constexpr,
    BLOCK_DIM: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    CAUSAL: tl.constexpr,
):
    block = tl.program_id(0)
    if CAUSAL:
        # Later queries see more keys: those with most to do start first.
        block = tl.num_programs(0) - 1 - block
    sequence, head = tl.program_id(1) // heads, tl.program_id(1) % heads
    stride = heads * DIM
    base = sequence.to(tl.int64) * seq_len * stride + head * DIM
    rows = block * BLOCK_M + tl.arange(0, BLOCK_M)
    lanes = tl.arange(0, BLOCK_DIM)
    at = base + rows[:, None] * stride + lanes[None, :]
    inside = (rows < seq_len)[:, None] & (lanes < DIM)[None, :]
    q = tl.load(Q + at, mask=inside, other=0.0)

    out = tl.zeros((BLOCK_M, BLOCK_DIM), tl.float32)
    peak = tl.full((BLOCK_M,), float("-inf"), tl.float32)
    total = tl.zeros((BLOCK_M,), tl.float32)
    # Keys up to ``whole`` exist in tiles of BLOCK_N and are visible to every query of the block.
    if CAUSAL:
        whole = block * BLOCK_M
        end = tl.minimum(whole + BLOCK_M, seq_len)
    else:
        whole = seq_len // BLOCK_N * BLOCK_N
        end = seq_len
    k, v = K + base, V + base
    out, peak, total = _see(
        out, peak, total, q, k, v, rows, lanes, 0, whole, seq_len, stride, log2_scale, DIM, BLOCK_N, CAUSAL, False
    )
    out, peak, total = _see(
        out, peak, total, q, k, v, rows, lanes, whole, end, seq_len, stride, log2_scale, DIM, BLOCK_N, CAUSAL, True
    )
    tl.store(Out + at, (out / total[:, None]).to(Out.dtype.element_ty), mask=inside)


def flash_attention(q: Any, k: Any, v: Any, *, causal: bool) -> Any:
    """``softmax(q k^T / sqrt(dim)) v`` per head; all (batch, seq_len, heads, dim), contiguous, in 16 bits."""
    batch, seq_len, heads, dim = q.shape
    narrow = dim <= 128
    block_m = 128 if narrow else 64
    out = torch.empty_like(q)
    _attention[(triton.cdiv(seq_len, block_m), batch * heads)](
        q,
        k,
        v,
        out,
        heads,
        seq_len,
        LOG2_E / dim**0.5,
        DIM=dim,
        BLOCK_DIM=next_power_of_two(dim),
        BLOCK_M=block_m,
        BLOCK_N=64 if narrow else 32,
        CAUSAL=causal,
        num_warps=4 if dim <= 64 else 8,
        num_stages=3 if dim <= 64 else 2,
    )
    return out
