"""Sum over rows in Triton: every program streams one row and adds up its parts at the end."""

from typing import Any

import torch
import triton
import triton.language as tl

from scaffold.kernels.triton._rows import next_power_of_two, warps_for

#: Columns read per step at most.
STEP = 4096


@triton.jit
def _reduce_sum(X, Y, N, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, BLOCK)
    partial = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, N, BLOCK):
        at = start + columns
        partial += tl.load(X + row * N + at, mask=at < N, other=0.0).to(tl.float32)
    tl.store(Y + row, tl.sum(partial, axis=0))


def reduce_sum(x: Any) -> Any:
    """Sums (M,) of the rows of ``x`` (M, N), contiguous, in float32."""
    rows, columns = x.shape
    block = min(next_power_of_two(columns), STEP)
    y = torch.empty((rows,), dtype=torch.float32, device=x.device)
    _reduce_sum[(rows,)](x, y, columns, BLOCK=block, num_warps=warps_for(block))
    return y
