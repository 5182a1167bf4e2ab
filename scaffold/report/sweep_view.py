"""A sweep over parameters: the grid of configurations with the time of each, or why it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scaffold.report.bench_view import BenchSide, Device


@dataclass(frozen=True)
class Configuration:
    """One point of the grid.

    ``median_ms`` is over fresh processes, between ``low_ms`` and ``high_ms``; ``why_missing`` says why there is none.
    """

    values: Mapping[str, str]
    median_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    tflops: float | None = None
    gbytes_per_s: float | None = None
    compile_ms: float | None = None
    why_missing: str = ""
    is_default: bool = False

    @property
    def shown(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.values.items())


@dataclass(frozen=True)
class SweepReport:
    """All configurations of one kernel, in the order of the grid. ``axes`` are the parameters and their values."""

    kernel: str
    target: str
    axes: tuple[tuple[str, tuple[str, ...]], ...]
    configurations: tuple[Configuration, ...]
    rounds: int
    device: Device
    side: BenchSide
    seconds: float
    command: str
    next_command: str

    @property
    def timed(self) -> tuple[Configuration, ...]:
        """Those that were timed, the fastest first."""
        found = [one for one in self.configurations if one.median_ms is not None]
        return tuple(sorted(found, key=lambda one: one.median_ms or 0.0))

    @property
    def default(self) -> Configuration | None:
        return next((one for one in self.configurations if one.is_default), None)
