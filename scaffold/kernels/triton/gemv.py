"""Matrix-vector product in Triton: every program streams a few rows and adds up their parts at the end."""

from typing import Any

import torch
import triton
import triton.language as tl

from scaffold.kernels.triton._rows import next_power_of_two

#: Columns read per step at most; with four rows and four warps, 32 elements a thread are on their way.
STEP = 1024


@triton.jit
def _gemv(A, X, Y, N, K, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr):
    rows = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    partial = tl.zeros((BLOCK_N, BLOCK_K), tl.float32)
    for start in range(0, K, BLOCK_K):
        columns = start + tl.arange(0, BLOCK_K)
        inside = (rows < N)[:, None] & (columns < K)[None, :]
        a = tl.load(A + rows[:, None].to(tl.int64) * K + columns[None, :], mask=inside, other=0.0)
        x = tl.load(X + columns, mask=columns < K, other=0.0)
        partial += a.to(tl.float32) * x.to(tl.float32)[None, :]
    tl.store(Y + rows, tl.sum(partial, axis=1), mask=rows < N)


def gemv(a: Any, x: Any) -> Any:
    """``a @ x`` with ``a`` (N, K), contiguous, and ``x`` (K,); summed in float32, returned in their dtype."""
    rows, columns = a.shape
    block_n, block_k = 4, min(next_power_of_two(columns), STEP)
    y = torch.empty((rows,), dtype=a.dtype, device=a.device)
    _gemv[(triton.cdiv(rows, block_n),)](a, x, y, rows, columns, BLOCK_N=block_n, BLOCK_K=block_k, num_warps=4)
    return y
