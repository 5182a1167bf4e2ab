"""Root-mean-square normalisation of rows in Triton: every program reads one row, keeps it and writes it."""

from typing import Any

import torch
import triton
import triton.language as tl

from scaffold.kernels.triton._rows import next_power_of_two, warps_for


@triton.jit
def _rms_norm(X, W, Y, N, eps, BLOCK: tl.constexpr):
    columns = tl.arange(0, BLOCK)
    inside = columns < N
    row = tl.program_id(0).to(tl.int64) * N
    x = tl.load(X + row + columns, mask=inside, other=0.0).to(tl.float32)
    w = tl.load(W + columns, mask=inside, other=0.0).to(tl.float32)
    scale = tl.rsqrt(tl.sum(x * x, axis=0) / N + eps)
    tl.store(Y + row + columns, x * scale * w, mask=inside)


def rms_norm(x: Any, w: Any, eps: float) -> Any:
    """Rows of ``x`` (M, N) by their root mean square, times ``w`` (N,); in float32, returned in the dtype of ``x``."""
    rows, columns = x.shape
    block = next_power_of_two(columns)
    y = torch.empty_like(x)
    _rms_norm[(rows,)](x, w, y, columns, eps, BLOCK=block, num_warps=warps_for(block))
    return y
