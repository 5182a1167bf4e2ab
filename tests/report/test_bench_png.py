"""The pictures of a benchmark and of a sweep: they open, they are not blank, and they are the same every time."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from benches import EQUAL_CODE, FASTER, HOSTILE, hostile, many, one_sided, ratio, single, two_sided
from test_png import colors, opened

from scaffold.report.bench_png import render_bench_png, render_heat_map_png
from scaffold.report.bench_view import BenchReport

REPORTS = pytest.mark.parametrize(
    "report",
    [two_sided(), single(), one_sided(), hostile(), two_sided(()), one_sided(())],
    ids=["two-sided", "single", "one-sided", "hostile", "no row", "no row alone"],
)
GREY, BAND, BLUE = (182, 191, 201), (238, 241, 244), (11, 87, 194)


@REPORTS
def test_picture_opens_and_is_the_same_every_time(report: BenchReport) -> None:
    data = render_bench_png(report)
    assert data == render_bench_png(report)
    image = opened(data)
    assert image.width == 1760
    assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 2
    assert not {"Software", "Creation Time", "Date"} & set(image.info)


def rgb(data: bytes) -> set[tuple[int, ...]]:
    return colors(opened(data).convert("RGB"))


def test_ratios_have_their_grey_and_the_band() -> None:
    assert {GREY, BAND} <= rgb(render_bench_png(two_sided()))
    assert GREY not in rgb(render_bench_png(two_sided((EQUAL_CODE,))))


def test_one_side_is_bars() -> None:
    assert BLUE in rgb(render_bench_png(one_sided()))
    assert BLUE not in rgb(render_bench_png(two_sided()))


def test_picture_of_many_rows_stays_small() -> None:
    data = render_bench_png(many(500))
    assert opened(data).height < 2500
    assert len(data) < 1_000_000


@pytest.mark.parametrize("text", ["", "é漢字💥", "a\tb\nc", "$x$ \\frac{", "x" * 5000])
def test_picture_takes_any_text(text: str) -> None:
    row = replace(FASTER, kernel=text, parameters={text: text})
    opened(render_bench_png(two_sided((row, replace(row, parameters={})), headline=text)))
    opened(render_heat_map_png(text, [text], text, [text], {(text, text): 1.0}, text, text))


def test_numbers_that_have_no_place_are_left_out() -> None:
    comparison = replace(FASTER.comparisons[0], ratio=ratio(math.nan, 0.0, math.inf))
    opened(render_bench_png(two_sided((replace(FASTER, comparisons=(comparison,)),))))


def test_reader_settings_change_nothing() -> None:
    import matplotlib as mpl

    before = render_bench_png(single())
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30, "savefig.dpi": 30}):
        assert render_bench_png(single()) == before
        assert mpl.rcParams["font.size"] == 30


# ---- a sweep

X, Y = ["64", "128", "256"], ["1", "2"]
CELLS: dict[tuple[str, str], float | None] = {(x, y): float(int(x) * int(y)) for x in X for y in Y}


def heat_map(cells: dict[tuple[str, str], float | None], best: tuple[str, str] | None = None) -> bytes:
    return render_heat_map_png("block_M", X, "num_stages", Y, cells, "gemm", "TFLOP/s", best=best)


def test_map_opens_and_is_the_same_every_time() -> None:
    assert heat_map(CELLS) == heat_map(CELLS)
    assert opened(heat_map(CELLS)).width > 800


def test_cells_that_failed_or_were_not_tried_or_are_best_are_seen() -> None:
    failed = heat_map({**CELLS, ("64", "1"): None})
    missing = heat_map({at: value for at, value in CELLS.items() if at != ("64", "1")})
    assert len({failed, missing, heat_map(CELLS), heat_map(CELLS, ("256", "2"))}) == 4
    assert (179, 38, 30) in rgb(heat_map(CELLS, ("256", "2")))


@pytest.mark.parametrize("value", [None, math.nan, 0.0, -1.0, 7.0])
def test_map_of_one_kind_of_cell_is_no_failure(value: float | None) -> None:
    opened(heat_map(dict.fromkeys(CELLS, value)))


def test_large_map_and_an_empty_one_are_pictures() -> None:
    values = [str(at) for at in range(30)]
    large = {(x, y): 1.0 + int(x) * int(y) for x in values for y in values}
    opened(render_heat_map_png(HOSTILE, values, HOSTILE, values, large, HOSTILE, "ms"))
    opened(render_heat_map_png("x", [], "y", [], {}, "nothing", "ms"))
