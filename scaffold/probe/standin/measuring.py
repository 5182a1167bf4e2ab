"""What TileLang measures a kernel with, and what of it looks for a GPU: all of it says what is pretended."""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Sequence
from typing import Any

import torch

from scaffold.probe.standin.replacing import always, put, replace_everywhere

#: What a benchmark is told to have taken, in milliseconds.
LATENCY_MS = 1.0


def replace_profiler() -> None:
    from tilelang import profiler

    for name, answer in (
        ("do_bench", LATENCY_MS),
        ("assert_allclose", None),
        ("manual_assert_close", None),
        ("assert_consistent", None),
        ("run_once", None),
    ):
        if hasattr(profiler.Profiler, name):
            put(profiler.Profiler, name, _answering(answer))
    original = getattr(profiler, "do_bench", None)
    if original is not None:
        replace_everywhere(original, _bench_once)


def _answering(answer: Any) -> Any:
    def method(_: Any, *__: Any, **options: Any) -> Any:
        quantiles = options.get("quantiles")
        return [answer] * len(quantiles) if quantiles and answer is not None else answer

    return method


def _bench_once(fn: Any = None, *_: Any, **options: Any) -> Any:
    """``do_bench``: call once, for what it may compile, and say that it took a millisecond."""
    if fn is not None:
        fn()
    quantiles: Sequence[float] | None = options.get("quantiles")
    return [LATENCY_MS] * len(quantiles) if quantiles else LATENCY_MS


def replace_what_looks_for_a_gpu(tvm: Any) -> None:
    """The device as TileLang's architecture descriptions, its choice of backends and TVM ask for it."""
    nvrtc: Any = None
    with contextlib.suppress(ImportError):
        nvrtc = importlib.import_module("tilelang.jit.adapter.nvrtc")
    properties = torch.cuda.get_device_properties(0)
    for module, name, answer in (
        ("tilelang.carver.arch.driver.cuda_driver", "get_cuda_device_properties", properties),
        ("tilelang.carver.arch.driver.cuda_driver", "get_persisting_l2_cache_max_size", properties.L2_cache_size),
        (
            "tilelang.carver.arch.driver.cuda_driver",
            "get_max_dynamic_shared_size_bytes",
            properties.shared_memory_per_block_optin,
        ),
        ("tilelang.contrib.cc", "get_cplus_compiler", "c++"),
        ("tilelang.jit.adapter.nvrtc", "check_nvrtc_available", None),
    ):
        original = getattr(sys.modules.get(module), name, None)
        if original is not None:
            replace_everywhere(original, always(answer))
    if hasattr(nvrtc, "is_nvrtc_available"):
        put(nvrtc, "is_nvrtc_available", True)
    device = types.SimpleNamespace(
        exist=True,
        max_shared_memory_per_block=properties.shared_memory_per_block,
        max_threads_per_block=properties.max_threads_per_block,
        warp_size=properties.warp_size,
        compute_version=f"{properties.major}.{properties.minor}",
        device_name=properties.name,
        multi_processor_count=properties.multi_processor_count,
        l2_cache_size_bytes=properties.L2_cache_size,
        total_global_memory=properties.total_memory,
    )
    for owner in (tvm, tvm.runtime):
        for name in ("cuda", "rocm"):
            put(owner, name, always(device))
