"""The answer of a profile, in one line, and what must be known to believe it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ncureports import BASELINE, CANDIDATE, profile, result

from scaffold.measure.profile.model import ProfileResult
from scaffold.measure.profile.told import SideFacts, open_command, profile_report
from scaffold.report.profile_view import ProfileReport

TWO = (SideFacts("baseline", "wheel:0.1.15", "0.1.15", "num_stages=2", "cuda:sm_90a"), SideFacts("candidate"))


def told(*results: ProfileResult, **changes: Any) -> ProfileReport:
    facts = TWO if len(results) > 1 else (SideFacts("profiled", "wheel:0.1.15", "0.1.15", "", "cuda:sm_90a"),)
    sides = list(zip(facts, results, strict=True))
    return profile_report("gemm", sides, **{"command": "again", "next_command": "bench gemm", **changes})


def test_the_answer_names_what_moved_most() -> None:
    report = told(result(BASELINE), result(CANDIDATE))
    assert report.outcome == "slower"
    assert report.headline == (
        "candidate is 8 % slower: read from DRAM 4.2 MB -> 9.1 MB, L2 hit rate 92 % -> 71 %, "
        "shared memory per block, dynamic 49.2 KB -> 73.7 KB"
    )
    assert told(result(CANDIDATE), result(BASELINE)).outcome == "faster"


@pytest.mark.parametrize(
    ("baseline", "candidate", "outcome", "headline"),
    [
        (
            {"duration": 10.0},
            {"duration": 10.1},
            "alike",
            "candidate takes as long as baseline (10.1 µs), and no metric moved",
        ),
        (
            {"duration": 10.0, "l2_hit": 90.0},
            {"duration": 10.0, "l2_hit": 70.0},
            "alike",
            "candidate takes as long as baseline (10 µs); but L2 hit rate 90 % -> 70 %",
        ),
        ({"duration": 10.0}, {"duration": 24.0}, "slower", "candidate is 2.4 times slower, and no metric says why"),
        (
            {"l2_hit": 90.0},
            {"l2_hit": 70.0},
            "unknown",
            "durations are not known on both sides: L2 hit rate 90 % -> 70 %",
        ),
    ],
)
def test_the_answer_says_what_it_does_not_know(
    baseline: dict[str, float], candidate: dict[str, float], outcome: str, headline: str
) -> None:
    report = told(result(profile(**baseline)), result(profile(**candidate)))
    assert (report.outcome, report.headline) == (outcome, headline)


def test_one_side_says_how_long_it_takes_and_what_is_used() -> None:
    report = told(result(BASELINE, profile("reduce_kernel", duration=1.0)))
    assert (report.outcome, report.two_sided) == ("view", False)
    assert report.headline == "gemm_kernel takes 14.2 µs: tensor-core use 61 %, occupancy achieved 12 %; 1 more kernel"
    assert report.details == ()
    assert [kernel.name for kernel in report.kernels] == ["gemm_kernel", "reduce_kernel"], "the longest first"
    assert report.kernels[0].launches == ("3 launches, 14.1 µs to 14.6 µs",)
    assert report.kernels[0].shapes == ("grid 16 x 16 x 1, block 256 x 1 x 1",)


def test_durations_of_all_kernels_of_a_side_are_added() -> None:
    split = (profile("a", duration=6.0), profile("b", duration=3.0))
    report = told(result(profile("a", duration=10.0)), result(*split))
    assert report.headline.startswith("candidate is 10 % faster")
    assert "durations are sums: of 1 kernel on baseline, 2 on candidate" in report.details
    assert "only on one side: b" in report.details


def test_what_stands_in_the_way_of_a_comparison_is_said() -> None:
    slow_clock = replace(
        CANDIDATE, values={**CANDIDATE.values, "clock": replace(CANDIDATE.values["clock"], value=1500.0)}
    )
    report = told(result(BASELINE), result(slow_clock, tool="nsys", device="NVIDIA H200"))
    details = "\n".join(report.details)
    assert "bench tells" in details
    assert "different tools (ncu and nsys)" in details
    assert "different devices: NVIDIA H100 80GB HBM3 and NVIDIA H200" in details
    assert "the clock differed: clock of the SMs 1,700 MHz -> 1,500 MHz" in details


def test_a_side_that_was_not_measured_leaves_the_other_to_be_seen() -> None:
    report = told(result(BASELINE), result(why_missing="it did not compile"))
    assert (report.outcome, report.headline) == (
        "missing",
        "not compared: candidate was not measured, it did not compile",
    )
    assert report.sides[1].why_missing == "it did not compile"
    (kernel,) = report.kernels
    assert kernel.launches == ("3 launches, 14.1 µs to 14.6 µs", "not there")
    assert all(row.candidate is None for row in kernel.rows)
    assert told(result(why_missing="no"), result(CANDIDATE)).headline == "not compared: baseline was not measured, no"


def test_rows_say_which_way_is_better() -> None:
    (kernel,) = told(result(BASELINE), result(CANDIDATE)).kernels
    directions = {row.key: row.direction for row in kernel.rows}
    assert directions["duration"] == directions["matrix_use"] == directions["dram_read"] == "worse"
    assert (directions["registers"], directions["clock"]) == ("same", "same")
    assert [(one.side, one.rule) for one in kernel.advice] == [("baseline", "SOLBottleneck"), ("baseline", "Occupancy")]
    assert kernel.hot_lines[0].place == "tvm_kernels.cu:88"


def test_a_raw_report_is_opened_by_its_own_program() -> None:
    assert open_command(result(report="my folder/report.ncu-rep")) == "ncu-ui 'my folder/report.ncu-rep'"
    assert open_command(result(tool="nsys", report="r.nsys-rep")) == "nsys-ui r.nsys-rep"
    assert open_command(result(tool="rocprofv3", report="out")) == "CSV files, in the folder out"
    assert open_command(result(report="")) == ""
