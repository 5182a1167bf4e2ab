"""Nsight Systems: its command, and the summary of kernels read."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.errors import ProfileFileError
from scaffold.measure.profile.model import Value
from scaffold.measure.profile.nsys import nsys_command, read_kernel_summary, stats_command

SUMMARY = Path(__file__).parents[1] / "data" / "profile" / "nsys-cuda_gpu_kern_sum.csv"


def test_the_command_traces_the_range_and_nothing_of_the_cpu() -> None:
    words = nsys_command(Path("/opt/nsys"), Path("r.nsys-rep"), ["python", "x.py"])
    assert words[:2] == ["/opt/nsys", "profile"]
    assert {"--trace=cuda", "--capture-range=cudaProfilerApi", "--sample=none", "--output=r.nsys-rep"} <= set(words)
    assert words[-2:] == ["python", "x.py"]
    assert "cuda_gpu_kern_sum" in stats_command(Path("nsys"), Path("r.nsys-rep"))


def test_durations_are_medians_in_microseconds() -> None:
    told = read_kernel_summary(SUMMARY.read_text(), report="r.nsys-rep", tool_version="2025.3.2")
    gemm, fill = told.kernels
    assert (told.tool, told.report, told.tool_version) == ("nsys", "r.nsys-rep", "2025.3.2")
    assert gemm.name == "gemm_kernel"
    assert gemm.values == {"duration": Value(14.4, "us", "Med (ns)")}
    assert gemm.durations_us == pytest.approx((14.2, 14.4, 15.4))
    assert fill.name.startswith("void at::native::vectorized_elementwise_kernel<4,")
    assert fill.durations_us == (6.0,)
    assert "no counters" in told.notes[0]


def test_a_summary_without_medians_takes_averages_and_grouped_thousands() -> None:
    text = 'Time (%),Total Time (ns),Instances,Avg (ns),Name\n100.0,"3,000",2,"1,500.0",k\n'
    (kernel,) = read_kernel_summary(text).kernels
    assert kernel.values["duration"] == Value(1.5, "us", "Avg (ns)")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SKIPPED: report.sqlite does not contain CUDA kernel data.\n",
        "Time (%),Total Time (ns),Instances,Avg (ns),Name\n",
    ],
)
def test_a_summary_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(ProfileFileError):
        read_kernel_summary(text)
