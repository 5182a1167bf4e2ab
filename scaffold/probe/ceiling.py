"""What this device can do at most: copy bandwidth, and matrix rate by dtype. The job ``ceiling`` of ``start.py``.

Measured through PyTorch, as anybody would check it: a copy of a large tensor, and a square matrix product.
"""

from __future__ import annotations

import time
from typing import Any

from scaffold.probe.spool import SpoolWriter

_COPY_BYTES = {"cuda": 1 << 30, "cpu": 1 << 27}
_EXTENT = {"cuda": 8192, "cpu": 1024}
_TIMES = 12
_DTYPES = {"cuda": ("float16", "bfloat16", "float32", "float8_e4m3fn", "int8"), "cpu": ("float32",)}


def run(document: dict[str, Any]) -> int:
    """Measure the device ``document`` names (``cuda``, ``cpu``) and write ``{"ceiling": {...}}``."""
    import torch

    device = document["device"]
    with SpoolWriter(document["spool"]) as spool:
        found: dict[str, Any] = {"torch": torch.__version__, "copy_gbytes_per_s": _copy(device), "tflops": {}}
        for dtype in _DTYPES[device]:
            try:
                found["tflops"][dtype] = _matrix(device, dtype)
            except (RuntimeError, TypeError, AttributeError) as error:
                spool.write("warning", f"no matrix rate of {dtype}: {str(error).splitlines()[0]}")
        spool.write("ceiling", found)
        spool.write("end", {})
    return 0


def _copy(device: str) -> float:
    """Bytes read and written a second, in 1e9."""
    import torch

    source = torch.ones(_COPY_BYTES[device] // 4, device=device)
    target = torch.empty_like(source)
    return 2 * _COPY_BYTES[device] / _best(lambda: target.copy_(source), device) / 1e9


def _matrix(device: str, dtype: str) -> float:
    """Operations a second of a square product of normal values, in 1e12; zeros would draw less power."""
    import torch

    extent, kind = _EXTENT[device], getattr(torch, dtype)
    drawn = [torch.randn(extent, extent, device=device) for _ in range(2)]
    if dtype == "int8":
        a, b = ((one * 20).to(torch.int8) for one in drawn)
        call = lambda: torch._int_mm(a, b.t())  # noqa: E731
    elif dtype.startswith("float8"):
        a, b = (one.to(kind) for one in drawn)
        one = torch.ones((), device=device)
        call = lambda: torch._scaled_mm(a, b.t(), one, one, out_dtype=torch.bfloat16)  # noqa: E731
    else:
        a, b = (one.to(kind) for one in drawn)
        call = lambda: a @ b  # noqa: E731
    return 2 * extent**3 / _best(call, device) / 1e12


def _best(call: Any, device: str) -> float:
    """Seconds of the median call, after three that do not count."""
    import torch

    for _ in range(3):
        call()
    if device != "cuda":
        found = []
        for _ in range(_TIMES):
            started = time.perf_counter()
            call()
            found.append(time.perf_counter() - started)
        return sorted(found)[len(found) // 2]
    pairs = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(_TIMES)]
    for start, end in pairs:
        start.record()
        call()
        end.record()
    torch.cuda.synchronize()
    return sorted(float(start.elapsed_time(end)) for start, end in pairs)[_TIMES // 2] / 1e3
