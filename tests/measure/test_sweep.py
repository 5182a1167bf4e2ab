"""Grids: what is asked for, what a kernel refuses, and how it is shown."""

from __future__ import annotations

import json

import pytest

from scaffold.errors import UnknownParameterError, UsageError
from scaffold.kernels.spec import Settings
from scaffold.measure.sweep import parse_axes, points_of
from scaffold.report.bench_view import BenchSide, Device
from scaffold.report.sweep_text import (
    render_sweep_json,
    render_sweep_markdown,
    render_sweep_png,
    render_sweep_text,
)
from scaffold.report.sweep_view import Configuration, SweepReport


def test_axes_are_read_in_order_and_values_once() -> None:
    assert parse_axes(["block_M=64,128,64", "num_stages = 2 , 3"]) == (
        ("block_M", ("64", "128")),
        ("num_stages", ("2", "3")),
    )


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (["num_stages"], "takes name=a,b,c"),
        (["=2,3"], "takes name=a,b,c"),
        (["num_stages=,"], "takes name=a,b,c"),
        (["a=1", "a=2"], "names 'a' twice"),
        (["a=" + ",".join(map(str, range(600)))], "600 configurations are more than 512"),
    ],
)
def test_axes_that_cannot_be_read_are_told(items: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_axes(items)


def test_a_point_the_kernel_refuses_says_why_and_the_defaults_are_known() -> None:
    axes = parse_axes(["block_M=96,128", "num_stages=2,3"])
    points = points_of("gemm", Settings(target="cuda:sm_90a"), axes, default_target="cuda:sm_90a")
    refused = [point for point in points if point.request is None]
    assert [dict(point.values) for point in refused] == [
        {"block_M": "96", "num_stages": "2"},
        {"block_M": "96", "num_stages": "3"},
    ]
    assert all("block_M=96 does not divide M=1024" in point.refused for point in refused)
    assert [dict(point.values) for point in points if point.is_default] == [{"block_M": "128", "num_stages": "3"}]


def test_a_parameter_the_kernel_has_not_is_refused_at_once() -> None:
    with pytest.raises(UnknownParameterError, match="no parameter 'stages'"):
        points_of("gemm", Settings(target="cuda:sm_90a"), parse_axes(["stages=2"]), default_target="cuda:sm_90a")


def report(*configurations: Configuration, axes: tuple[tuple[str, tuple[str, ...]], ...]) -> SweepReport:
    side = BenchSide("baseline", "wheel:0.1.15", "0.1.15", "content 8a32")
    device = Device("NVIDIA H100", {"driver": "580"})
    return SweepReport("gemm", "cuda:sm_90a", axes, configurations, 3, device, side, 12.0, "bench …", "bench gemm")


GRID = report(
    Configuration({"block_M": "64", "num_stages": "2"}, 0.5403, 0.54, 0.541, 254.0, 186.0, 3100.0),
    Configuration({"block_M": "64", "num_stages": "3"}, why_missing="B outside the tolerance|<b>"),
    Configuration({"block_M": "128", "num_stages": "2"}, 0.3473, 0.346, 0.349, 395.0, 289.0, 3200.0),
    Configuration({"block_M": "128", "num_stages": "3"}, 0.2827, 0.2825, 0.2843, 486.0, 356.0, 3000.0, is_default=True),
    axes=(("block_M", ("64", "128")), ("num_stages", ("2", "3"))),
)


def test_a_grid_answers_first_and_names_what_failed() -> None:
    lines = render_sweep_text(GRID, width=100).splitlines()
    assert lines[0] == (
        "+ gemm is fastest with block_M=128 num_stages=3: 282.7 µs, which are its defaults; 1 of 4 failed"
    )
    assert "128                     347.3 µs  282.7 µs *" in lines
    assert "x 1: B outside the tolerance|<b>" in lines
    assert lines[-1] == "next: bench gemm"


def test_a_grid_without_any_time_says_so_and_of_one_axis_is_a_column() -> None:
    nothing = report(Configuration({"threads": "7"}, why_missing="cannot be built"), axes=(("threads", ("7",)),))
    assert render_sweep_text(nothing).startswith("x gemm: none of 1 configurations could be timed")
    assert render_sweep_png(nothing).startswith(b"\x89PNG")


def test_other_forms_hold_the_same() -> None:
    markdown = render_sweep_markdown(GRID)
    assert "| 64 | 3 | failed: B outside the tolerance\\|&lt;b> | - | - |" in markdown
    document = json.loads(render_sweep_json(GRID))
    assert len(document["configurations"]) == 4
    assert document["schema_version"] == 1
    assert render_sweep_png(GRID).startswith(b"\x89PNG")
