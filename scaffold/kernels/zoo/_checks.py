"""Parameter checks several kernels of the zoo share."""

from __future__ import annotations

from scaffold.kernels.model import Params, require, require_divides


def require_threads(params: Params) -> None:
    """Require whole warps, and no more threads than one block may have."""
    threads = params["threads"]
    require(
        threads > 0 and threads % 32 == 0 and threads <= 1024,
        f"threads={threads} must be a positive multiple of 32 (one warp), 1024 at most; pass 128 or 256",
    )


def require_positive(params: Params, *names: str) -> None:
    """Require that each named parameter is at least 1."""
    for name in names:
        require(params[name] > 0, f"{name}={params[name]} must be positive; pass 1 or more")


def require_stages(params: Params) -> None:
    """Require a pipeline depth that makes sense."""
    require(params["num_stages"] >= 0, f"num_stages={params['num_stages']} must be 0 or more; pass 0 for no pipeline")


def require_one_of(params: Params, name: str, allowed: tuple[str, ...]) -> None:
    """Require that parameter ``name`` is one of ``allowed``."""
    require(params[name] in allowed, f"{name}={params[name]!r} is not supported; pass one of: {', '.join(allowed)}")


def require_multiple(params: Params, name: str, unit: int, why: str) -> None:
    """Require that parameter ``name`` is a positive multiple of ``unit``, naming the nearest value that is."""
    value = params[name]
    nearest = max(unit, round(value / unit) * unit)
    require(
        value > 0 and value % unit == 0, f"{name}={value} must be a positive multiple of {unit} ({why}); pass {nearest}"
    )


def require_tile(params: Params, tile: str, extent: str) -> None:
    """Require that parameter ``tile`` cuts a positive parameter ``extent`` into whole pieces."""
    require_positive(params, extent)
    require_divides(params, tile, extent)


def require_matrix_tile(
    params: Params, rows: str, columns: str, depth: str | None = None, step: int = 16, narrowest: int = 16
) -> None:
    """Require a tile made of whole matrix instructions, with 16 rows and ``narrowest`` columns for every warp."""
    require_multiple(params, rows, 16, "the rows of one matrix instruction")
    require_multiple(params, columns, 16, "the columns of one matrix instruction")
    if depth is not None:
        require_multiple(params, depth, step, "the depth of one matrix instruction")
    most = params[rows] // 16 * (params[columns] // narrowest) * 32
    require(
        params["threads"] <= most,
        f"threads={params['threads']} leaves warps without a piece of the {params[rows]}x{params[columns]} tile; "
        f"pass threads={min(most, 128)}, or a larger {rows} or {columns}",
    )


def require_even_spread(params: Params, rows: str, columns: str) -> None:
    """Require that a tile held in registers gives every thread equally many elements."""
    tile = params[rows] * params[columns]
    require(
        tile % params["threads"] == 0,
        f"{rows}*{columns}={tile} elements do not spread evenly over threads={params['threads']}; "
        f"pass a {rows} or {columns} that makes it a multiple of {params['threads']}",
    )


def require_row_spread(params: Params, columns: str) -> None:
    """Require rows that threads can share out evenly, or TileLang finds no layout for their reduction."""
    row, threads = params[columns], params["threads"]
    require(
        row % threads == 0 or threads % row == 0,
        f"{columns}={row} is neither a multiple nor a divisor of threads={threads}; "
        f"pass {columns}={max(1, round(row / threads)) * threads}",
    )
