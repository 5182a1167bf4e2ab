"""Softmax over rows in Triton: every program reads one row, keeps it in registers and writes it."""

from typing import Any

import torch
import triton
import triton.language as tl

from scaffold.kernels.triton._rows import next_power_of_two, warps_for


@triton.jit
def _softmax(X, Y, N, BLOCK: tl.constexpr):
    columns = tl.arange(0, BLOCK)
    inside = columns < N
    row = tl.program_id(0).to(tl.int64) * N
    x = tl.load(X + row + columns, mask=inside, other=float("-inf")).to(tl.float32)
    weight = tl.exp(x - tl.max(x, axis=0))
    tl.store(Y + row + columns, weight / tl.sum(weight, axis=0), mask=inside)


def softmax(x: Any) -> Any:
    """Softmax of the rows of ``x`` (M, N), contiguous; computed in float32, returned in its dtype."""
    rows, columns = x.shape
    block = next_power_of_two(columns)
    y = torch.empty_like(x)
    _softmax[(rows,)](x, y, columns, BLOCK=block, num_warps=warps_for(block))
    return y
