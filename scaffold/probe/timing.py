"""Time a launch on its device: by CUDA or HIP events, by the kernels' own timestamps (CUPTI), or by the host's clock.

Every sample is of one launch, in milliseconds. On a GPU the caches are flushed before each: by writing complex
numbers, so that the writing is told from what is timed by the name of its kernel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

#: Below this many milliseconds events, which include what it takes to launch, are noisier than CUPTI's timestamps.
#: Source: 24 processes of one build on an H200, a GEMM of 14 us by CUPTI: between processes 0.3 % by CUPTI, 1.6 % by
#: events; of one of 3 ms, 0.2 % and 0.4 %.
CUPTI_BELOW_MS = 0.1

#: Written between launches, in bytes: more than any GPU's last cache.
_FLUSH_BYTES = 256 * 1024 * 1024
#: How the flushing kernel's name shows what it writes.
_FLUSH_MARK = "complex<double>"

_WARM_MS = 100.0
_FEWEST, _MOST = 10, 200
#: A host sample lasts at least so long, in milliseconds: the clock and the call cost microseconds.
_HOST_SAMPLE_MS = 2.0


@dataclass(frozen=True)
class Timed:
    """Samples in milliseconds, how they were taken, and what is worth knowing of it."""

    method: str
    samples_ms: list[float]
    notes: tuple[str, ...] = ()


#: A launch; the number says which of several equal sets of arguments it takes.
Launch = Callable[[int], Any]


def time_launch(launch: Launch, *, device: str, method: str, budget_ms: float) -> Timed:
    """Time ``launch`` for about ``budget_ms``; ``method`` is ``auto``, ``events``, ``cupti`` or ``host``.

    Raises
    ------
    RuntimeError
        Whatever the device reports of a launch that failed.
    """
    if device != "cuda":
        return _by_host(launch, device, budget_ms)
    timer = _GpuTimer(launch)
    about = timer.warm_up()
    count = max(_FEWEST, min(_MOST, int(budget_ms / max(about + timer.flush_ms, 1e-3))))
    if about > budget_ms:
        count = 3
    if method == "events" or (method == "auto" and about >= CUPTI_BELOW_MS):
        return Timed("events", timer.by_events(count))
    samples = timer.by_cupti(count)
    if samples is None:
        return Timed("events", timer.by_events(count), ("CUPTI gave no timestamps for every launch: timed by events",))
    return Timed("cupti", samples)


class _GpuTimer:
    def __init__(self, launch: Launch) -> None:
        import torch

        self._torch, self._launch = torch, launch
        self._scratch = torch.zeros(_FLUSH_BYTES // 16, dtype=torch.complex128, device="cuda")
        self.flush_ms = 0.0

    def _flush(self) -> None:
        self._scratch.zero_()

    def warm_up(self) -> float:
        """Launch until the clocks are up, and say how long one launch takes, about, in milliseconds."""
        torch = self._torch
        self._launch(0)
        torch.cuda.synchronize()
        self.flush_ms = min(self._between(self._flush) for _ in range(3))
        about = min(self._between(lambda: self._launch(0)) for _ in range(3))
        until, number = time.monotonic() + _WARM_MS / 1e3, 0
        while time.monotonic() < until:
            for _ in range(max(1, min(50, int(5 / max(about, 1e-3))))):
                number += 1
                self._launch(number)
            torch.cuda.synchronize()
        return min(self.by_events(5))

    def _between(self, what: Callable[[], Any]) -> float:
        start, end = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        what()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end))

    def by_events(self, count: int) -> list[float]:
        pairs = [[self._torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(count)]
        for number, (start, end) in enumerate(pairs):
            self._flush()
            start.record()
            self._launch(number)
            end.record()
        self._torch.cuda.synchronize()
        return [float(start.elapsed_time(end)) for start, end in pairs]

    def by_cupti(self, count: int) -> list[float] | None:
        """Time of all kernels, copies and fills of each launch, summed; ``None`` where launches cannot be told."""
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CUDA]) as profiler:
            for number in range(count):
                self._flush()
                self._launch(number)
            self._torch.cuda.synchronize()
        found = [event for event in profiler.events() if "cuda" in str(event.device_type).lower()]
        found.sort(key=lambda event: event.time_range.start)
        return split_at_flushes([(event.name, event.time_range.elapsed_us() / 1e3) for event in found], count)


def split_at_flushes(events: Sequence[tuple[str, float]], count: int) -> list[float] | None:
    """Sum what the device did between one flush and the next: ``events`` are names and milliseconds, in order.

    ``None`` unless there are ``count`` flushes, each with something after it.
    """
    samples: list[float] = []
    for name, milliseconds in events:
        if _FLUSH_MARK in name:
            samples.append(0.0)
        elif samples:
            samples[-1] += milliseconds
    return samples if len(samples) == count and all(samples) else None


def _by_host(launch: Launch, device: str, budget_ms: float) -> Timed:
    """The host's clock around as many launches as make a sample long enough to be read."""
    from scaffold.probe.arguments import synchronize

    def once(numbers: Iterator[int]) -> float:
        started = time.perf_counter_ns()
        for number in numbers:
            launch(number)
        synchronize(device)
        return (time.perf_counter_ns() - started) / 1e6

    once(iter(range(1)))
    about = min(once(iter(range(1))) for _ in range(3))
    inner = max(1, round(_HOST_SAMPLE_MS / max(about, 1e-4)))
    count = max(_FEWEST, min(_MOST, int(budget_ms / max(about * inner, 1e-3))))
    if about > budget_ms:
        count = 3
    return Timed("host", [once(iter(range(at, at + inner))) / inner for at in range(count)])
