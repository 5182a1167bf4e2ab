"""Upstream's own performance cases: call one ``regression_*`` function and take the latencies it reports.

Such a function hands functions that return milliseconds to ``tilelang.testing.process_func``, which is taken here.
Source: ``tilelang/testing/perf_regression.py`` and ``examples/*/regression_*.py`` of 0.1.13.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from scaffold.probe.protocol import KernelRequest


def latencies_ms(request: KernelRequest) -> list[float]:
    """What the case ``request.entry`` of the file ``request.path`` reports, in milliseconds, in order.

    Raises
    ------
    ValueError
        If it reports nothing, or what is no positive number.
    """
    import tilelang.testing

    found: list[float] = []

    def process_func(function: Any, name: str | None = None, /, **options: Any) -> None:
        del name
        found.append(float(function(**options)))

    original = tilelang.testing.process_func
    tilelang.testing.process_func = process_func
    try:
        getattr(_module(Path(str(request.path))), request.entry)()
    finally:
        tilelang.testing.process_func = original
    if not found or any(not value > 0 for value in found):
        message = f"{request.entry} reported {found or 'nothing'}, and not positive milliseconds"
        raise ValueError(message)
    return found


def _module(path: Path) -> Any:
    """The file, imported beside its neighbours; a second case of it finds it there."""
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        message = f"{path.name} cannot be imported"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
