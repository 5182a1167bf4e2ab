"""The page of a benchmark in a browser: rows open, small screens, hostile names, no script, paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from benches import HOSTILE, NEXT, hostile, many, one_sided, single, two_sided

from scaffold.report.bench_html import render_bench_html
from scaffold.report.bench_view import BenchReport

pytestmark = pytest.mark.browser

#: A page as Playwright drives it; untyped here, as Playwright may be missing.
Page = Any
Open = Callable[..., Page]


@pytest.fixture
def open_page(open_html: Open) -> Open:
    return lambda report, **options: open_html(render_bench_html(report), **options)


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_page_shows_answer_and_a_line_a_row(open_page: Open) -> None:
    page = open_page(two_sided())
    assert page.locator("h1").inner_text().startswith("x WRONG 1 kernel computes something else")
    assert page.locator("summary.line .kernel b").all_inner_texts() == [row.kernel for row in two_sided().rows]
    assert page.locator(".behind:visible").count() == 0


def test_row_opens_to_its_rounds_and_numbers(open_page: Open) -> None:
    page = open_page(two_sided())
    page.locator("summary.line").nth(1).click()
    behind = page.locator(".behind:visible")
    assert behind.count() == 1
    assert "the device was held back in 2 of 36 blocks: power cap" in behind.inner_text()
    assert behind.locator("svg.rounds").bounding_box()["width"] > 500
    assert behind.locator("tr.differs").first.inner_text().split() == ["registers", "(differs)", "98", "122"]


def test_button_opens_all_rows_and_closes_them(open_page: Open) -> None:
    page = open_page(two_sided())
    page.get_by_role("button", name="open all rows").click()
    assert page.locator(".behind:visible").count() == 8
    page.get_by_role("button", name="close all rows").click()
    assert page.locator(".behind:visible").count() == 0


def test_a_single_row_is_open(open_page: Open) -> None:
    page = open_page(single())
    assert page.locator(".behind:visible").count() == 1
    assert not page.get_by_role("button", name="open all rows").is_visible()


def test_points_are_left_and_right_of_one_as_their_ratios_are(open_page: Open) -> None:
    page = open_page(two_sided())

    def place(selector: str, row: int) -> float:
        box = page.locator("summary.line").nth(row).locator(selector).first.bounding_box()
        return float(box["x"] + box["width"] / 2)

    assert place(".point", 0) < place(".one", 0) == pytest.approx(place(".one", 1), abs=1)
    assert place(".point", 1) > place(".one", 1)


def test_t_switches_the_theme(open_page: Open) -> None:
    page = open_page(two_sided(), color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.keyboard.press("t")
    assert page.evaluate(background) == "rgb(255, 255, 255)" != before


@pytest.mark.parametrize("width", [320, 390, 700, 1000])
@pytest.mark.parametrize(
    "report",
    [two_sided(), one_sided(), hostile(), many(30)],
    ids=["two-sided", "one-sided", "hostile", "many"],
)
def test_a_narrow_screen_never_scrolls_sideways(open_page: Open, report: BenchReport, width: int) -> None:
    long = replace(report, headline="x" * 200, next_command="y" * 300, notes=("z" * 300,))
    page = open_page(long, viewport={"width": width, "height": 800})
    assert overflow(page) == 0
    page.get_by_role("button", name="open all rows").click()
    page.locator(".sides summary").click()
    assert overflow(page) == 0


def test_hostile_names_are_text(open_page: Open) -> None:
    page = open_page(hostile())
    page.get_by_role("button", name="open all rows").click()
    assert HOSTILE.replace("\x1b", "\ufffd") in page.locator("main").inner_text()
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1


def test_without_javascript_everything_is_there(open_page: Open) -> None:
    page = open_page(two_sided(), ready=False, java_script_enabled=False)
    assert NEXT in page.locator("header").inner_text()
    assert not page.get_by_role("button").first.is_visible()
    page.locator("summary.line").nth(6).click()
    assert "x wrong: more than 1.0e-02" in page.locator(".behind:visible").inner_text()
    assert page.locator(".lane .point").first.is_visible()


def test_paper_shows_the_rows(open_page: Open) -> None:
    page = open_page(two_sided())
    page.emulate_media(media="print")
    assert page.locator("summary.line").first.is_visible()
    assert not page.get_by_role("button", name="theme").is_visible()
