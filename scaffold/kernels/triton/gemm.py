"""Dense matrix product in Triton: every program computes one tile of C, in an order that keeps its inputs in cache."""

from typing import Any

import torch
import triton
import triton.language as tl

#: Tiles (rows, columns), the largest first: with fewer of them than ENOUGH, much of a large GPU would have none.
TILES = ((128, 128), (128, 64), (64, 64))
ENOUGH = 128
#: Bytes of one row of A per step: 64 elements of 16 bits.
STEP_BYTES = 128


@triton.jit
def _gemm(
    A,
    B,
    C,
    M,
    N,
    K,
    SUM: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    GROUP: tl.constexpr,
):
    # Down the tiles of GROUP rows, then one column on: neighbours in time share what they read.
    tile, across = tl.program_id(0), tl.cdiv(N, BLOCK_N)
    tile_m, tile_n = tl.swizzle2d(tile // across, tile % across, tl.cdiv(M, BLOCK_M), across, GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)
    depth = tl.arange(0, BLOCK_K)
    a_at = A + rows[:, None].to(tl.int64) * K + depth[None, :]
    b_at = B + depth[:, None].to(tl.int64) * N + columns[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), SUM)
    for start in range(0, K, BLOCK_K):
        left = K - start
        a = tl.load(a_at, mask=(rows < M)[:, None] & (depth < left)[None, :], other=0)
        b = tl.load(b_at, mask=(depth < left)[:, None] & (columns < N)[None, :], other=0)
        total = tl.dot(a, b, total, out_dtype=SUM)
        a_at += BLOCK_K
        b_at += BLOCK_K * N
    c_at = C + rows[:, None].to(tl.int64) * N + columns[None, :]
    tl.store(c_at, total.to(C.dtype.element_ty), mask=(rows < M)[:, None] & (columns < N)[None, :])


def tile_of(M: int, N: int) -> tuple[int, int]:
    """Rows and columns of a tile of C for a product of that size."""
    for block_m, block_n in TILES:
        if triton.cdiv(M, block_m) * triton.cdiv(N, block_n) >= ENOUGH:
            return block_m, block_n
    return TILES[-1]


def gemm(a: Any, b: Any) -> Any:
    """``a @ b`` with ``a`` (M, K) and ``b`` (K, N), contiguous, returned in their dtype.

    Sums are float32 (float32 matrices multiply as TF32 on NVIDIA's tensor cores), those of int8 int32.
    """
    (M, K), N = a.shape, b.shape[1]
    block_m, block_n = tile_of(M, N)
    c = torch.empty((M, N), dtype=a.dtype, device=a.device)
    _gemm[(triton.cdiv(M, block_m) * triton.cdiv(N, block_n),)](
        a,
        b,
        c,
        M,
        N,
        K,
        SUM=tl.float32 if a.dtype.is_floating_point else tl.int32,
        BLOCK_M=block_m,
        BLOCK_N=block_n,
        BLOCK_K=STEP_BYTES // a.element_size(),
        GROUP=8,
        num_warps=4,
        num_stages=3,
    )
    return c
