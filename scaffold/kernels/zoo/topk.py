"""The k largest entries of every row, by k rounds of "find the maximum, then strike it out"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel, require
from scaffold.kernels.zoo._checks import require_even_spread, require_multiple, require_threads, require_tile
from scaffold.kernels.zoo._targets import needs_reductions

ROW_LIMIT = 16384


def build(
    M: int = 1024,
    N: int = 256,
    k: int = 8,
    block_M: int = 16,
    threads: int = 128,
) -> Any:
    import tilelang.language as T

    @T.prim_func
    def topk(X: T.Tensor((M, N), "float32"), values: T.Tensor((M, k), "float32"), indices: T.Tensor((M, k), "int32")):
        with T.Kernel(T.ceildiv(M, block_M), threads=threads) as bx:
            x = T.alloc_fragment((block_M, N), "float32")
            candidate = T.alloc_fragment((block_M, N), "int32")
            best = T.alloc_fragment((block_M,), "float32")
            where = T.alloc_fragment((block_M,), "int32")
            T.copy(X[bx * block_M, 0], x)
            for r in T.serial(k):
                T.reduce_max(x, best, dim=1)
                for i, j in T.Parallel(block_M, N):
                    candidate[i, j] = T.if_then_else(x[i, j] == best[i], j, N)
                # Of equal entries the leftmost wins, and only that one is struck out.
                T.reduce_min(candidate, where, dim=1)
                for i, j in T.Parallel(block_M, N):
                    x[i, j] = T.if_then_else(where[i] == j, -T.infinity("float32"), x[i, j])
                for i in T.Parallel(block_M):
                    values[bx * block_M + i, r] = best[i]
                    indices[bx * block_M + i, r] = where[i]

    return topk


def tensors(params: Params) -> tuple[Tensor, ...]:
    M, N, k = params["M"], params["N"], params["k"]
    return (
        Tensor("X", (M, N), "float32"),
        Tensor("values", (M, k), "float32", "output"),
        Tensor("indices", (M, k), "int32", "output"),
    )


def make_inputs(params: Params, device: str, seed: int) -> tuple[Any, ...]:
    """Draw rows without two equal entries, so that the expected indices do not depend on how ties are broken."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    M, N = params["M"], params["N"]
    ranks = torch.rand((M, N), generator=generator).argsort(dim=-1)
    return (((ranks - N // 2).float() / N).to(device),)


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    import torch

    (x,) = inputs
    # A stable sort puts the leftmost of equal entries first, as the kernel does; torch.topk promises no order.
    values, indices = torch.sort(x.float(), dim=-1, descending=True, stable=True)
    return (values[:, : params["k"]].contiguous(), indices[:, : params["k"]].to(torch.int32).contiguous())


def in_torch(params: Params) -> Callable[..., Any]:
    import torch

    k = params["k"]
    # Its indices are int64 and stay so: nobody would cast them.
    return lambda x: tuple(torch.topk(x, k, dim=-1))


def check(params: Params) -> None:
    require_tile(params, "block_M", "M")
    require_threads(params)
    require_even_spread(params, "block_M", "N")
    require_multiple(params, "N", 4, "one 16-byte load of a row")
    k, N = params["k"], params["N"]
    require(0 < k <= N, f"k={k} must be between 1 and N={N}; pass {min(max(k, 1), N)}")
    tile = params["block_M"] * N
    limit = ROW_LIMIT * params["threads"] // 128
    require(
        tile <= limit,
        f"block_M*N={tile} elements do not fit the registers of {params['threads']} threads; "
        f"pass at most {limit} (a smaller block_M, or more threads)",
    )


KERNEL = ZooKernel(
    name="topk",
    summary="k largest finite entries of each row and where they are, largest first, leftmost first among equals",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=1e-6),
    flops=lambda p: 4 * p["k"] * p["M"] * p["N"],
    docs={
        "M": "rows (tokens)",
        "N": "entries per row (experts)",
        "k": "entries to keep per row",
        "block_M": "rows per thread block",
        "threads": "threads per block",
    },
    make_inputs=make_inputs,
    check=check,
    unsupported=needs_reductions,
    contenders={"torch": in_torch},
)
