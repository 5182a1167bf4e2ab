"""Nsight Systems: durations of kernels without the GPU's counters, for where Nsight Compute is not permitted any."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from scaffold.errors import ProfileFileError
from scaffold.measure.profile.model import METRICS, KernelProfile, ProfileResult, Value, converted

SUFFIX = ".nsys-rep"
#: The column that only a summary of kernels has, beside their times.
_COUNT, _NAME = "Instances", "Name"
_TIME = "Total Time (ns)"


def nsys_command(program: Path, report: Path, command: Sequence[str]) -> list[str]:
    """Trace ``command`` between its ``cudaProfilerStart`` and ``Stop``, and nothing of the CPU."""
    words = [str(program), "profile", "--trace=cuda", "--sample=none", "--cpuctxsw=none"]
    words += ["--capture-range=cudaProfilerApi", "--capture-range-end=stop"]
    return [*words, "--force-overwrite=true", f"--output={report}", *command]


def stats_command(program: Path, report: Path) -> list[str]:
    """Sum the kernels of a report up, as CSV on stdout."""
    words = [str(program), "stats", "--report", "cuda_gpu_kern_sum", "--format", "csv", "--force-export=true"]
    return [*words, str(report)]


def read_kernel_summary(text: str, *, report: str = "", tool_version: str = "", device: str = "") -> ProfileResult:
    """Read the CSV of ``nsys stats --report cuda_gpu_kern_sum``; lines before its header are the program's talk.

    Raises
    ------
    ProfileFileError
        If there is no such header, or no kernel below it.
    """
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if _COUNT in line and _NAME in line and "Time" in line), None)
    if start is None:
        raise ProfileFileError(
            f"{report or 'the text'} is no summary of kernels by nsys",
            hint="make one: nsys stats --report cuda_gpu_kern_sum --format csv name.nsys-rep",
        )
    rows = [row for row in csv.DictReader(lines[start:]) if row.get(_NAME)]
    if not rows:
        raise ProfileFileError(f"{report or 'the summary'} holds no kernel", hint="profile again")
    kernels = tuple(_kernel(row) for row in rows)
    notes = ("Nsight Systems tells durations only: no counters, no advice; install Nsight Compute for those",)
    return ProfileResult("nsys", tool_version, device, kernels, report=report, notes=notes)


def _kernel(row: Mapping[str, str]) -> KernelProfile:
    values: dict[str, Value] = {}
    for item in METRICS:
        for name in item.names.get("nsys", ()):
            if (number := _number(row.get(name.name))) is not None:
                values[item.key] = converted(item, name, number, "")
                break
    low, high = _number(row.get("Min (ns)")), _number(row.get("Max (ns)"))
    count = int(_number(row.get(_COUNT)) or 0)
    middle = values["duration"].value if "duration" in values else 0.0
    # Of the launches the summary tells the least, the median and the most.
    spread = tuple(sorted({number / 1e3 for number in (low, high) if number is not None}))
    durations = (spread[0], middle, spread[-1]) if count > 2 and spread else spread or (middle,)
    return KernelProfile(str(row[_NAME]), values, durations_us=durations)


def _number(text: str | None) -> float | None:
    """A number as nsys writes it; some versions group thousands."""
    try:
        return float((text or "").replace(",", "").strip())
    except ValueError:
        return None
