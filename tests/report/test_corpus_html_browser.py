"""The page of many kernels in a browser: keyboard, filters, sorting, links, small screens, hostile names, no script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from corpora import IDENTICAL, LEFT_OUT, MISSED, MIXED, NEXT, VECTORS, corpus, differing, huge, row, survey, whole
from reports import HOSTILE
from test_corpus_html import hostile_report

from scaffold.report.corpus_html import render_corpus_html
from scaffold.report.corpus_view import CorpusReport, SurveyReport
from scaffold.report.links import SourceLink

pytestmark = pytest.mark.browser

#: A page as Playwright drives it; untyped here, as Playwright may be missing.
Page = Any
Open = Callable[..., Page]
URL = "https://example.org/lower_tile_op.cc#L12"


@pytest.fixture
def open_page(open_html: Open) -> Open:
    def open_report(report: CorpusReport | SurveyReport, fragment: str = "", **options: Any) -> Page:
        links = {"tl.LowerTileOp": SourceLink("src/lower_tile_op.cc:12", URL)}
        return open_html(render_corpus_html(report, links=links), fragment, **options)

    return open_report


def selected(page: Page) -> str:
    return str(page.locator("#pattern-name").inner_text())


def listed(page: Page) -> list[str]:
    return [str(name) for name in page.locator(".list .name").all_inner_texts()]


def kernels(page: Page) -> list[str]:
    return [str(name) for name in page.locator("main [data-kernel]").all_inner_texts()]


def fragment(page: Page) -> str:
    return str(page.evaluate("location.hash"))


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_page_opens_at_the_worst_pattern_with_its_kernels(open_page: Open) -> None:
    page = open_page(corpus(MIXED))
    assert selected(page) == "InternalError in tl.LayoutInference: no layout for 'A'"
    assert kernels(page) == ["mla"]
    assert page.locator("h1").inner_text().startswith("x broken 1 kernel no longer lowers;")


def test_j_and_k_step_through_the_patterns(open_page: Open) -> None:
    page = open_page(corpus(MIXED))
    page.keyboard.press("j")
    assert (selected(page), fragment(page)) == ("+float4", "#pattern-2")
    assert page.locator(".list [aria-current]").inner_text().split() == ["!", "+float4", "3"]
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert fragment(page) == "#pattern-1"


def test_pattern_shows_its_example_and_links_its_pass(open_page: Open) -> None:
    page = open_page(corpus(MIXED), "#pattern-2")
    assert page.locator("main .facts a").get_attribute("href") == URL
    assert page.locator(".row.removed code").all_inner_texts() == [
        "for (int i = 0; i < 32; ++i) {",
        "  a[i] = (a[i] + b[i]);",
    ]
    assert page.locator(".row.removed mark").all_inner_texts() == ["32"]
    assert page.locator(".row.added mark").first.inner_text() == "8"


def test_filter_narrows_patterns_and_their_kernels_and_keys_typed_there_are_text(open_page: Open) -> None:
    page = open_page(corpus(MIXED))
    page.keyboard.press("/")
    page.keyboard.type("sm_90a load")
    assert listed(page) == ["+float4", "tl::tma_load: +for"]
    page.keyboard.press("Enter")
    assert selected(page) == "+float4"
    assert kernels(page) == ["gemm"]
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    assert len(listed(page)) == 4


def test_outcome_button_shows_only_kernels_of_it(open_page: Open) -> None:
    page = open_page(corpus(MIXED))
    page.get_by_role("button", name="2 same code").click()
    assert listed(page) == ['tl.LowerTileOp: -"pragma"']
    assert page.locator("button:focus").get_attribute("aria-pressed") == "true"
    page.keyboard.press("2")
    assert kernels(page) == ["gemv", "topk"]
    page.get_by_role("button", name="2 same code").click()
    assert len(kernels(page)) == 8


def test_table_filters_by_text_target_and_pass(open_page: Open) -> None:
    page = open_page(corpus(MIXED), "#kernels")
    page.keyboard.press("/")
    page.keyboard.type("float4")
    assert kernels(page) == ["softmax", "gemm", "gemm"]
    page.get_by_label("target").select_option("cuda:sm_90a")
    assert kernels(page) == ["gemm"]
    page.get_by_label("pass").select_option("tl.UnrollLoop")
    assert kernels(page) == ["gemm"]
    page.locator("main input[type=search]").fill("")
    assert kernels(page) == ["gemm", "gemm/example_gemm.py::main"]
    page.locator("main input[type=search]").fill("nothing of the kind")
    assert "No kernel matches." in page.locator("main").inner_text()


def test_table_sorts_numbers_the_largest_first_and_then_the_other_way(open_page: Open) -> None:
    page = open_page(corpus(MIXED), "#kernels")
    page.get_by_role("button", name="registers").click()
    assert kernels(page)[0] == "gemm"
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="source lines").click()
    assert kernels(page)[0] == "softmax"
    page.get_by_role("button", name="source lines").click()
    assert kernels(page)[-1] == "softmax"
    assert page.locator("button:focus").inner_text().startswith("source lines")
    page.get_by_role("button", name="kernel", exact=True).click()
    assert kernels(page)[0] == "conv"


def test_kernel_opens_to_how_it_is_compared_alone(open_page: Open) -> None:
    page = open_page(corpus(MIXED), "#kernels")
    page.locator("[data-kernel]", has_text="softmax").click()
    about = page.locator(".about")
    assert "compared alone, it names tl.LowerTileOp at gemm > for k" in about.first.inner_text()
    assert about.locator("code", has_text="tir-diff softmax --target cuda:sm_80").count() == 1
    about.locator("a", has_text="+float4").first.click()
    assert selected(page) == "+float4"


def test_j_steps_through_the_rows_as_they_are_sorted(open_page: Open) -> None:
    page = open_page(corpus(MIXED), "#kernels")
    page.get_by_role("button", name="kernel", exact=True).click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.locator("button:focus").inner_text() == kernels(page)[1]
    page.keyboard.press("Enter")
    assert page.locator(".about").first.is_visible()


def test_what_was_not_compared_has_a_page_of_its_own(open_page: Open) -> None:
    page = open_page(corpus(MIXED, MISSED, left_out=LEFT_OUT, packages={"triton": 3}))
    page.keyboard.press("3")
    text = page.locator("main").inner_text()
    assert fragment(page) == "#missing"
    assert "gdn/example_wy.py cuda:sm_80 (candidate)" in text
    assert "there is no TileLang kernel in it" in text
    assert "triton (3)" in text


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (corpus([row("a", IDENTICAL)]), "No effect: every kernel is the same on both sides."),
        (corpus([], MISSED), "stopped by the time limit of 300 s"),
        (corpus([]), "nothing was left out"),
    ],
    ids=["no effect", "all missed", "nothing"],
)
def test_a_page_without_patterns_says_why(open_page: Open, report: CorpusReport, said: str) -> None:
    page = open_page(report)
    assert said in page.locator("main").inner_text()
    for key in "jk123/":
        page.keyboard.press(key)


def test_question_mark_opens_help_and_t_switches_the_theme(open_page: Open) -> None:
    page = open_page(corpus(MIXED), color_scheme="dark")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.keyboard.press("t")
    assert page.evaluate(background) == "rgb(255, 255, 255)" != before


def test_hostile_names_are_text(open_page: Open) -> None:
    page = open_page(hostile_report())
    assert page.locator("#pattern-name").inner_text()
    page.keyboard.press("2")
    page.locator("[data-kernel]").first.click()
    page.keyboard.press("3")
    assert HOSTILE in page.locator("main").inner_text()
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2


@pytest.mark.parametrize("report", [whole(), huge(30, 10), survey(40)], ids=["whole", "long lines", "survey"])
def test_a_narrow_screen_never_scrolls_sideways(open_page: Open, report: CorpusReport | SurveyReport) -> None:
    long = replace(report, headline="x" * 200, next_command="y" * 300)
    page = open_page(long, viewport={"width": 380, "height": 800})
    assert overflow(page) == 0
    if isinstance(report, SurveyReport):
        return
    for key in ["1", *"jjjjjjjj", "2", "3", "1"]:
        page.keyboard.press(key)
        assert overflow(page) == 0, key
    page.get_by_role("button", name="All patterns").click()
    assert overflow(page) == 0
    page.locator(".list a").last.click()
    assert not page.locator(".list").is_visible()
    page.keyboard.press("2")
    page.locator("[data-kernel]").first.click()
    assert overflow(page) == 0


def test_thousands_of_kernels_open_quickly_and_show_more_when_asked(open_page: Open) -> None:
    page = open_page(huge(2000, 100), "#kernels")
    assert len(kernels(page)) == 200
    page.get_by_role("button", name="show 1,800 more kernels").click()
    assert len(kernels(page)) == 2000


def test_without_javascript_patterns_examples_and_reasons_are_there(open_page: Open) -> None:
    page = open_page(corpus(MIXED, MISSED), ready=False, java_script_enabled=False)
    assert NEXT in page.locator("header").inner_text()
    page.locator("#static summary", has_text="+float4").click()
    example = page.locator("#static pre", has_text="float4 v").first
    assert example.is_visible()
    assert "\n+   float4 v = *(float4*)(a + (i * 4));\n" in example.inner_text()
    assert "gdn/example_wy.py" in page.locator("#static").inner_text()


def test_paper_shows_the_plain_part(open_page: Open) -> None:
    page = open_page(corpus(MIXED))
    page.emulate_media(media="print")
    assert page.locator("#static").is_visible()
    assert not page.locator("#app").is_visible()


def test_an_old_browser_keeps_the_plain_part_and_says_why(browser: Any, tmp_path: Any) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_corpus_html(corpus([row("a", differing(VECTORS))])), encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("delete globalThis.DecompressionStream")
    page.goto(file.as_uri())
    page.wait_for_selector("#notice:not([hidden])")
    assert "DecompressionStream" in page.locator("#notice").inner_text()
    assert page.locator("#static").is_visible()
    context.close()


def test_survey_is_searched_as_one_types(open_page: Open) -> None:
    page = open_page(survey())
    page.keyboard.press("/")
    page.keyboard.type("time limit")
    shown = page.locator(".kernels tbody tr:visible th").all_inner_texts()
    assert shown == ["x slow.py"]
    assert page.locator("#shown").inner_text() == "1 of 4 rows"
    page.keyboard.press("Escape")
    assert page.locator("#shown").inner_text() == "4 rows"
