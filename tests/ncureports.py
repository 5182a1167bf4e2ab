"""Reports of Nsight Compute made up: what ``ncu_report`` gives, as far as we ask it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scaffold.measure.profile.model import Advice, HotLine, KernelProfile, ProfileResult, Stall, Value, metric

STALLED = "smsp__average_warps_issue_stalled_{}_per_issue_active.ratio"
SAMPLED = "smsp__pcsamp_warps_issue_stalled_{}"


@dataclass
class Metric:
    """``IMetric``: a value with its unit, and instances with the addresses they are of."""

    number: float | int | str | None
    unit_text: str = ""
    instances: Mapping[int, int] = field(default_factory=dict)

    def value(self) -> float | int | str | None:
        return self.number

    def unit(self) -> str:
        return self.unit_text

    def num_instances(self) -> int:
        return len(self.instances)

    def has_correlation_ids(self) -> bool:
        return bool(self.instances)

    def correlation_ids(self) -> Metric:
        return Metric(None, "", dict(enumerate(self.instances)))

    def as_uint64(self, at: int) -> int:
        return list(self.instances.values())[at]


@dataclass
class Action:
    """``IAction``: one launch of a kernel."""

    kernel: str
    metrics: dict[str, Metric]
    rules: Sequence[Mapping[str, Any]] = ()
    lines: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def name(self) -> str:
        return self.kernel

    def metric_by_name(self, name: str) -> Metric | None:
        return self.metrics.get(name)

    def metric_names(self) -> tuple[str, ...]:
        return tuple(self.metrics)

    def rule_results_as_dicts(self) -> list[Mapping[str, Any]]:
        return list(self.rules)

    def source_files(self) -> Mapping[str, str]:
        return self.files

    def source_info(self, address: int) -> Any:
        place = self.lines.get(address)
        return place and SimpleNamespace(file_name=lambda: place[0], line=lambda: place[1])


def module_with(*actions: Action) -> Any:
    """``ncu_report`` with one report, of these launches."""
    return SimpleNamespace(load_report=lambda _: [list(actions)] if actions else [])


def recorded(path: Path) -> list[Action]:
    """The launches of a real report, of which ``tests/data/profile`` keeps numbers, units and the rules' words."""
    return [
        Action(item["name"], {name: Metric(*pair) for name, pair in item["metrics"].items()}, item["rules"])
        for item in json.loads(path.read_text(encoding="utf-8"))
    ]


def rule(name: str, text: str, *, kind: int = 2, speedup: float | None = None, of: int = 2) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "rule_identifier": name,
        "section_identifier": "SpeedOfLight",
        "rule_message": {"title": f"{name} title", "message": text, "type": kind},
    }
    if speedup is not None:
        found["speedup_estimation"] = {"type": of, "speedup": speedup}
    return found


def launch(duration_ns: float = 14200.0, **metrics: Metric) -> Action:
    """A launch of ``gemm_kernel`` with what every launch has."""
    return Action(
        "gemm_kernel",
        {
            "gpu__time_duration.sum": Metric(duration_ns, "ns"),
            "device__attribute_display_name": Metric("NVIDIA H100 80GB HBM3"),
            "launch__registers_per_thread": Metric(168.0, "register/thread"),
            "launch__shared_mem_per_block_dynamic": Metric(49152.0, "byte/block"),
            **{f"launch__grid_dim_{axis}": Metric(extent) for axis, extent in zip("xyz", (16, 16, 1), strict=True)},
            **{f"launch__block_dim_{axis}": Metric(extent) for axis, extent in zip("xyz", (256, 1, 1), strict=True)},
            **metrics,
        },
    )


def values(**numbers: float) -> dict[str, Value]:
    """Values by key, in each metric's unit."""
    return {key: Value(number, metric(key).unit, f"vendor__{key}") for key, number in numbers.items()}


def profile(name: str = "gemm_kernel", /, **numbers: float) -> KernelProfile:
    told = values(**numbers)
    durations = (told["duration"].value,) if "duration" in told else ()
    return KernelProfile(name, told, durations_us=durations, grid=(16, 16, 1), block=(256, 1, 1))


BASELINE = KernelProfile(
    "gemm_kernel",
    values(
        duration=14.2,
        clock=1700.0,
        matrix_use=61.0,
        l2_hit=92.0,
        occupancy=12.4,
        dram_read=4_200_000.0,
        registers=168.0,
        shared_dynamic=49152.0,
        blocks=256.0,
    ),
    durations_us=(14.6, 14.2, 14.1),
    stalls=(Stall("gmma", 0.5, 6.0, STALLED.format("gmma")), Stall("barrier", 0.25, 3.0, STALLED.format("barrier"))),
    advice=(
        Advice(
            "SOLBottleneck", "Latency Issue", "advice", "Low @section:WarpStateStats:Warp State@ use.", 12.5, "kernel"
        ),
        Advice("Occupancy", "Occupancy Limiters", "note", "All is well."),
    ),
    hot_lines=(
        HotLine("tvm_kernels.cu", 88, "tl::wgmma_ss<…>(a, b);", 0.61, "gemm.py:37", "T.gemm(A_shared, B_shared, C)"),
        HotLine("tvm_kernels.cu", 70, "mbarrier[0].wait(0);", 0.09),
    ),
    grid=(16, 16, 1),
    block=(256, 1, 1),
)
CANDIDATE = KernelProfile(
    "gemm_kernel",
    values(
        duration=15.336,
        clock=1702.0,
        matrix_use=48.0,
        l2_hit=71.0,
        occupancy=12.5,
        dram_read=9_100_000.0,
        registers=168.0,
        shared_dynamic=73728.0,
        blocks=256.0,
    ),
    durations_us=(15.336,),
    stalls=(Stall("gmma", 0.375, 6.0, STALLED.format("gmma")),),
    grid=(16, 16, 1),
    block=(256, 1, 1),
)
DEVICE = "NVIDIA H100 80GB HBM3"


def result(*kernels: KernelProfile, **changes: Any) -> ProfileResult:
    facts: dict[str, Any] = {
        "tool": "ncu",
        "tool_version": "2025.3.1.0",
        "device": DEVICE,
        "report": "a/report.ncu-rep",
    }
    return ProfileResult(kernels=kernels, **{**facts, **changes})
