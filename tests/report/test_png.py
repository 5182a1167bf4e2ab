"""The picture: it opens, it is not blank, and it stays a picture for a glance."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from made import huge, one_sided, two_sided
from PIL import Image

from scaffold.diff.text import Hunk, Line
from scaffold.report.png import render_png
from scaffold.report.view import Report


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    assert image.format == "PNG"
    return image


def colors(image: Image.Image) -> set[tuple[int, ...]]:
    found = image.getcolors(maxcolors=1 << 20)
    assert found is not None
    return {color for _, color in found if isinstance(color, tuple)}


RED, GREEN = (255, 235, 233), (218, 251, 225)


def test_png_of_two_sides_opens_and_shows_what_was_added() -> None:
    image = opened(render_png(two_sided()))
    assert image.mode == "RGB"
    assert 1500 < image.width < 2500
    assert 600 < image.height < 2000
    assert GREEN in colors(image)


def test_png_of_a_chosen_pass_shows_that_one() -> None:
    assert {RED, GREEN} <= colors(opened(render_png(two_sided(), ("tl.Lower",))))
    assert not {RED, GREEN} & colors(opened(render_png(two_sided(), ("tl.Quiet",))))


@pytest.mark.parametrize("report", [one_sided(), two_sided()], ids=["one side", "two sides"])
def test_png_is_the_same_every_time(report: Report) -> None:
    assert render_png(report) == render_png(report)


def test_png_width_does_not_depend_on_what_it_shows() -> None:
    report = two_sided()
    long = replace(report, verdict=replace(report.verdict, headline="x" * 1000, details=("y " * 2000,)))
    assert opened(render_png(long)).width == opened(render_png(report)).width


def test_png_of_a_huge_report_stays_small() -> None:
    image = opened(render_png(huge(passes=20, lines=300)))
    assert image.height < 3000
    assert len(render_png(huge(passes=20, lines=300))) < 2_000_000


def test_png_of_a_chosen_huge_pass_stays_small() -> None:
    lines = tuple(Line("+", "C[0] = " + "A[1] + " * 200, None, n + 1, ((0, 1000),)) for n in range(500))
    report = two_sided()
    rows = tuple(replace(row, hunks=(Hunk(lines, "gemm"),)) for row in report.passes)
    assert opened(render_png(replace(report, passes=rows), ("tl.Sync",))).height < 4000


def test_png_without_a_change_shows_the_verdict_alone() -> None:
    image = opened(render_png(replace(two_sided(), focus=None)))
    assert image.height < 900
    assert len(colors(image)) > 2, "there is text on it"


@pytest.mark.parametrize("text", ["", " ", "é漢字💥", "a\tb", "x" * 5000])
def test_png_takes_any_line(text: str) -> None:
    report = two_sided()
    hunk = Hunk((Line("+", text, None, 1, ((0, len(text)),) if text else ()),), text)
    rows = tuple(replace(row, name=text, hunks=(hunk,)) for row in report.passes)
    opened(render_png(replace(report, passes=rows), ("3",)))
