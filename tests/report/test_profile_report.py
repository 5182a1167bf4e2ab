"""A profile in every form."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest
from ncureports import BASELINE, CANDIDATE, result

from scaffold.measure.profile.told import SideFacts, profile_report
from scaffold.report.profile_json import profile_schema, render_profile_json
from scaffold.report.profile_markdown import render_profile_markdown
from scaffold.report.profile_terminal import render_profile_text
from scaffold.report.profile_view import AdviceView, ProfileReport
from scaffold.report.profile_words import delta_text, number_with_unit, plain_advice

SIDES = (
    SideFacts("baseline", "wheel:0.1.15", "0.1.15", "num_stages=2", "cuda:sm_90a"),
    SideFacts("candidate", "wheel:0.1.15", "0.1.15", "num_stages=3", "cuda:sm_90a"),
)
NEXT = "python -m scaffold bench gemm"


def two() -> ProfileReport:
    results = (result(BASELINE), result(CANDIDATE, notes=("a note",)))
    return profile_report("gemm", list(zip(SIDES, results, strict=True)), command="again", next_command=NEXT)


def one() -> ProfileReport:
    return profile_report("gemm", [(SIDES[0], result(BASELINE))], command="again", next_command=NEXT)


def missing() -> ProfileReport:
    results = (result(BASELINE), result(why_missing="it crashed"))
    return profile_report("gemm", list(zip(SIDES, results, strict=True)), command="again", next_command=NEXT)


@pytest.mark.parametrize("report", [two(), one(), missing()], ids=["two", "one", "missing"])
@pytest.mark.parametrize("width", [60, 120, 200])
def test_the_first_line_answers_and_the_last_says_what_to_type(report: ProfileReport, width: int) -> None:
    lines = render_profile_text(report, width=width).splitlines()
    assert lines[0].endswith(report.headline)
    assert lines[-1] == f"next: {NEXT}"


def test_sides_stand_side_by_side_with_units_and_the_tool_s_name() -> None:
    text = render_profile_text(two(), width=140)
    assert "baseline: wheel:0.1.15, TileLang 0.1.15, num_stages=2, cuda:sm_90a, on NVIDIA H100" in text
    assert "by ncu 2025.3.1.0" in text
    row = next(line for line in text.splitlines() if line.startswith("tensor-core use"))
    assert row.split() == [
        "tensor-core",
        "use",
        "61",
        "%",
        "48",
        "%",
        "-13",
        "points",
        "!",
        "worse",
        "vendor__matrix_use",
    ]
    assert "read from DRAM" in text
    assert "x2.2" in text
    stall = next(line for line in text.splitlines() if line.startswith("gmma"))
    assert "50 %" in stall
    assert "-12.5 points" in stall
    assert "note: candidate: a note" in text


def test_advice_is_shown_word_for_word_without_its_marks() -> None:
    text = render_profile_text(two(), width=140)
    assert "baseline: Latency Issue (SOLBottleneck, estimated speedup 12.5 %)" in text
    assert "Low Warp State use." in text
    assert "All is well." not in text
    assert "All is well." in render_profile_text(two(), width=140, everything=True)
    assert "1 more: --all" in text


def test_hottest_lines_name_the_line_of_tilelang() -> None:
    lines = render_profile_text(one(), width=140).splitlines()
    at = next(number for number, line in enumerate(lines) if "tvm_kernels.cu:88" in line)
    assert "61 %" in lines[at]
    assert "from gemm.py:37  T.gemm(A_shared, B_shared, C)" in lines[at + 1]


def test_a_missing_side_is_told_and_the_other_shown() -> None:
    text = render_profile_text(missing())
    assert "x candidate was not measured: it crashed" in text
    assert "14.2 µs" in text


def test_control_characters_reach_no_terminal() -> None:
    evil = replace(one(), headline="a\x1b[31mb")
    assert "\x1b" not in render_profile_text(evil)
    assert "\x1b" not in render_profile_markdown(evil)


def test_markdown_has_a_table_and_folds_the_rest() -> None:
    text = render_profile_markdown(two())
    assert text.startswith("### ! candidate is 8 % slower")
    assert "| tensor-core use | 61 % | 48 % | -13 points worse | `vendor__matrix_use` |" in text
    assert "<summary>the profiler&#x27;s advice (2)</summary>" in text
    assert "- baseline: **Latency Issue** (`SOLBottleneck`, estimated speedup 12.5 %): Low Warp State use." in text
    assert "| baseline | 61 % | `tvm_kernels.cu:88` |" in text
    assert f"next: `{NEXT}`" in text.splitlines()[-1]


def test_markdown_keeps_below_its_limit_and_counts_what_is_left_out() -> None:
    (kernel,) = two().kernels
    long = tuple(AdviceView("baseline", f"r{at}", "t", "advice", "word " * 200) for at in range(200))
    report = replace(two(), kernels=(replace(kernel, advice=long),))
    text = render_profile_markdown(report)
    assert len(text) <= 65_536
    assert "_1 parts left out" in text


@pytest.mark.parametrize("report", [two(), one(), missing()], ids=["two", "one", "missing"])
def test_json_is_valid_by_its_schema_and_the_same_every_time(report: ProfileReport) -> None:
    schema = profile_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(render_profile_json(report))
    jsonschema.Draft202012Validator(schema).validate(document)
    assert render_profile_json(report) == render_profile_json(report)
    assert (document["kind"], document["schema_version"]) == ("profile", 1)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (14.2, "us", "14.2 µs"),
        (14200.0, "us", "14.2 ms"),
        (2_500_000.0, "us", "2.5 s"),
        (49152.0, "B", "49.2 KB"),
        (3_360_000.0, "B", "3.36 MB"),
        (33_600_000.0, "B", "33.6 MB"),
        (512.0, "B", "512 B"),
        (61.4, "%", "61 %"),
        (0.0, "%", "0 %"),
        (1.26, "%", "1.3 %"),
        (1700.0, "MHz", "1,700 MHz"),
        (168.0, "registers", "168"),
        (0.7101, "waves", "0.71"),
    ],
)
def test_numbers_have_the_unit_that_suits_them(value: float, unit: str, expected: str) -> None:
    assert number_with_unit(value, unit) == expected


@pytest.mark.parametrize(
    ("delta", "ratio", "unit", "expected"),
    [
        (None, None, "us", ""),
        (0.0, 1.0, "us", "="),
        (-13.0, 0.8, "%", "-13 points"),
        (0.34, 1.1, "%", "+0.3 points"),
        (1.0, 1.08, "us", "+8.0 %"),
        (-5.0, 0.5, "us", "-50 %"),
        (5.0, 2.25, "B", "x2.2"),
        (96.0, None, "instructions", "+96"),
    ],
)
def test_changes_are_points_or_ratios(delta: float | None, ratio: float | None, unit: str, expected: str) -> None:
    assert delta_text(delta, ratio, unit) == expected


def test_marks_of_rules_become_words() -> None:
    text = (
        "See @url:CUDA Best Practices Guide:https://docs.nvidia.com/cuda/x.html#occupancy@ and "
        "@section:LaunchStats:Launch Statistics@, @sass:4096:this instruction@ or @source:/a/k.cu:12:that line@. a@b"
    )
    assert plain_advice(text) == (
        "See CUDA Best Practices Guide (https://docs.nvidia.com/cuda/x.html#occupancy) and "
        "Launch Statistics, this instruction or that line. a@b"
    )
