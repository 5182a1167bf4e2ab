"""The HTML report in a browser: keyboard, links, themes, small screens, hostile names, and no script at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reports import HOSTILE, hunks_of, module, one_side, two_sides

from scaffold.report.html import render_html
from scaffold.report.view import Report, Texts

pytestmark = pytest.mark.browser

#: A page as Playwright drives it; untyped here, as Playwright may be missing.
Page = Any
Open = Callable[..., Page]


@pytest.fixture
def open_page(open_html: Open) -> Open:
    """Open a report, watched."""

    def open_report(made: tuple[Report, Texts], fragment: str = "", *, ready: bool = True, **options: Any) -> Page:
        return open_html(render_html(*made), fragment, ready=ready, **options)

    return open_report


def selected(page: Page) -> str:
    return str(page.locator("#passname").inner_text())


def listed(page: Page) -> list[str]:
    return [str(name) for name in page.locator(".list .name").all_inner_texts()]


def fragment(page: Page) -> str:
    return str(page.evaluate("location.hash"))


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_j_and_k_step_through_the_passes_that_are_not_folded(open_page: Open) -> None:
    page = open_page(one_side())
    assert selected(page) == "1 tl.First"
    page.keyboard.press("j")
    assert (selected(page), fragment(page)) == ("3 tl.Second", "#pass-3")
    assert page.locator(".list [aria-current]").inner_text().split()[2:] == ["tl.Second", "changed", "−1", "+2", "1.5"]
    page.keyboard.press("j")
    assert selected(page) == "3 tl.Second"
    page.keyboard.press("k")
    assert (selected(page), fragment(page)) == ("1 tl.First", "#pass-1")


def test_filter_narrows_the_list_and_keys_typed_there_are_text(open_page: Open) -> None:
    page = open_page(one_side())
    page.keyboard.press("/")
    page.keyboard.type("jsecond")
    assert listed(page) == []
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("second")
    assert listed(page) == ["tl.Second"]
    assert selected(page) == "1 tl.First"


def test_filter_finds_what_changed_lines_say(open_page: Open) -> None:
    page = open_page(one_side())
    page.locator("input[type=search]").fill("+a = 4")
    assert listed(page) == ["tl.Second"]
    page.locator("input[type=search]").fill("-a = 4")
    assert listed(page) == []


def test_c_shows_the_folded_passes_too(open_page: Open) -> None:
    page = open_page(one_side())
    assert listed(page) == ["tl.First", "tl.Second"]
    page.keyboard.press("c")
    assert listed(page) == ["tl.First", "tl.Quiet", "tl.Second", "tl.AlsoQuiet"]


def test_a_fold_opens_in_place(open_page: Open) -> None:
    page = open_page(one_side())
    page.get_by_role("button", name="1 pass did nothing").first.click()
    assert listed(page) == ["tl.First", "tl.Quiet", "tl.Second"]


def test_question_mark_opens_help_and_escape_closes_it(open_page: Open) -> None:
    page = open_page(one_side())
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()
    assert selected(page) == "1 tl.First"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme_follows_the_system_until_it_is_switched(open_page: Open, scheme: str) -> None:
    page = open_page(one_side(), color_scheme=scheme)
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    assert (before == "rgb(255, 255, 255)") == (scheme == "light")
    page.keyboard.press("t")
    switched = page.evaluate(background)
    assert switched != before
    page.reload()
    page.wait_for_selector("html[data-ready-ms]")
    assert page.evaluate(background) == switched


def test_link_to_a_folded_pass_selects_and_unfolds_it(open_page: Open) -> None:
    page = open_page(one_side(), "#pass-2")
    assert selected(page) == "2 tl.Quiet"
    assert "It changed nothing here." in page.locator("main").inner_text()
    assert listed(page) == ["tl.First", "tl.Quiet", "tl.Second"]


def test_link_to_an_artifact_shows_it(open_page: Open) -> None:
    page = open_page(one_side(), "#source")
    assert "gemm_kernel" in page.locator("main").inner_text()
    page.keyboard.press("5")
    assert fragment(page) == "#ptx"
    assert "no ptxas on this machine" in page.locator("main").inner_text()


def test_hostile_names_and_texts_are_text(open_page: Open) -> None:
    report, texts = one_side([HOSTILE, "tl.Quiet", HOSTILE])
    anchored = tuple(dataclasses.replace(row, anchor=f"{HOSTILE}{row.index}") for row in report.passes)
    report = dataclasses.replace(report, passes=anchored, title=HOSTILE)
    hostile = Texts({name: f"{body}{HOSTILE}\n" for name, body in texts.bodies.items()})
    page = open_page((report, hostile))
    page.keyboard.press("j")
    assert selected(page) == f"3 {HOSTILE}"
    for key in "cxs23456?":
        page.keyboard.press(key)
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    page.reload()
    page.wait_for_selector("html[data-ready-ms]")


def test_side_by_side_puts_both_texts_in_one_row(open_page: Open) -> None:
    page = open_page(two_sides())
    assert page.locator(".row.split").count() == 0
    page.keyboard.press("s")
    row = page.locator(".row.split", has_text="copy(2)")
    assert [text.strip() for text in row.locator("code").all_inner_texts()] == ["copy(2)", "copy(3)"]
    assert row.locator("mark").all_inner_texts() == ["2", "3"]


def test_a_pressed_button_keeps_the_focus(open_page: Open) -> None:
    page = open_page(two_sides())
    page.get_by_role("button", name="whole text").focus()
    page.keyboard.press("Enter")
    assert page.locator("button:focus").get_attribute("aria-pressed") == "true"
    assert page.locator("button:focus").inner_text().startswith("whole text")


def test_context_opens_on_demand(open_page: Open) -> None:
    page = open_page(two_sides())
    assert "x3 = T.int32(3)" not in page.locator(".diff").inner_text()
    rows = page.locator(".row").count()
    page.locator(".gap").first.click()
    assert "x3 = T.int32(3)" in page.locator(".diff").inner_text()
    assert page.locator(".row").count() > rows
    assert page.locator(".gap").count() == 0


def test_whole_text_shows_every_line(open_page: Open) -> None:
    page = open_page(one_side())
    page.keyboard.press("x")
    numbers = page.locator(".row .no:nth-child(2)").evaluate_all("nodes => nodes.map(n => n.dataset.n).filter(Boolean)")
    assert numbers == [str(number) for number in range(1, 25)]


def test_effect_of_one_side_is_computed_from_its_texts(open_page: Open) -> None:
    page = open_page(two_sides())
    page.get_by_role("button", name="candidate effect").click()
    changed = page.locator(".row.added code, .row.removed code").all_inner_texts()
    assert [text.strip() for text in changed] == ["k = 1", "copy(3)", "done = 1", "wait(0)"]
    assert page.locator(".place").inner_text() == "gemm"


def test_machine_code_of_two_sides_is_compared(open_page: Open) -> None:
    page = open_page(two_sides(), "#ptx")
    assert [text.strip() for text in page.locator(".row.added code").all_inner_texts()] == ["copy(3)", "wait(0)"]
    page.get_by_role("button", name="baseline", exact=True).click()
    assert "copy(2)" in page.locator(".listing").inner_text()


def test_registers_can_be_left_out_of_the_comparison(open_page: Open) -> None:
    report, _ = two_sides()
    bodies = {"base": "  MOV R1, 4 ;\n  ADD R2, R1 ;\n", "cand": "  MOV R7, 4 ;\n  ADD R8, R7, R9 ;\n"}
    artifact = dataclasses.replace(report.artifacts[0], kind="sass")
    page = open_page((dataclasses.replace(report, passes=(), artifacts=(artifact,)), Texts(bodies)), "#sass")
    assert page.locator(".row.added").count() == 2
    page.keyboard.press("r")
    assert [text.strip() for text in page.locator(".row.added code").all_inner_texts()] == ["ADD R8, R7, R9 ;"]


def test_what_differed_before_is_found_between_the_hunks(open_page: Open) -> None:
    """A place that is not a hunk, as it is carried, shows when the context is opened, marked and in matched names."""
    report, texts = two_sides()
    row = dataclasses.replace(report.passes[1], hidden_hunks=1, names=(("there", "here"),))
    bodies = dict(texts.bodies)
    bodies["base"] = bodies["base"].replace("x3 = T.int32(3)", "here = 1").replace("x5 = T.int32(5)", "here = 2")
    bodies["cand"] = bodies["cand"].replace("x3 = T.int32(3)", "there = 1").replace("x5 = T.int32(5)", "there = 9")
    page = open_page((dataclasses.replace(report, passes=(report.passes[0], row)), Texts(bodies)))
    assert page.locator(".carried").count() == 0
    assert "1 place that differed before this pass already is folded away" in page.locator("main").inner_text()
    page.locator(".gap").click()
    assert [text.strip() for text in page.locator(".row.carried code").all_inner_texts()] == ["here = 2", "here = 9"]
    assert page.locator(".row.carried .sign").all_inner_texts() == ["·−", "·+"]


def test_a_pass_that_raised_shows_what_it_was_given(open_page: Open) -> None:
    report, texts = one_side()
    side = report.passes[2].sides[0]
    assert side is not None
    row = dataclasses.replace(
        report.passes[2], status="failed", hunks=(), sides=(dataclasses.replace(side, after=None),)
    )
    failed = dataclasses.replace(report, passes=(*report.passes[:2], row))
    page = open_page((failed, texts))
    assert selected(page) == "3 tl.Second"
    assert "x It raised. What it was given:" in page.locator("main").inner_text()
    assert page.locator(".row").count() == len(texts.get(side.before).splitlines())


def test_a_layout_says_what_it_stands_for(open_page: Open) -> None:
    report, _ = one_side(["tl.LayoutInference"])
    before, after = module("a = 1"), module("a = Layout#12ab", "# Layout#12ab = Layout((8,) -> (_i,))")
    row = dataclasses.replace(report.passes[0], hunks=hunks_of(before, after))
    page = open_page((dataclasses.replace(report, passes=(row,)), Texts({"t0": before, "t1": after})))
    assert page.locator(".layoutname").get_attribute("title") == "Layout((8,) -> (_i,))"


def test_the_inputs_have_a_row_where_they_differ(open_page: Open) -> None:
    page = open_page(two_sides(), "#input")
    assert selected(page) == "the inputs differ"
    assert page.locator(".row.removed").inner_text().split() == ["−", "stages", "=", "2"]


def test_v_returns_to_the_line_of_the_verdict(open_page: Open) -> None:
    page = open_page(two_sides(), "#pass-3-tl.Extra")
    assert page.locator(".telling").count() == 0
    page.keyboard.press("v")
    assert selected(page) == "2 tl.Inject"
    assert "copy(3)" in page.locator(".telling").inner_text()


def test_a_click_in_a_chart_opens_the_pass(open_page: Open) -> None:
    page = open_page(two_sides(), "#charts")
    box = page.locator("svg.chart").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + 20)
    assert selected(page) == "3 tl.Extra"


def test_numbers_show_the_difference(open_page: Open) -> None:
    page = open_page(two_sides(), "#numbers")
    row = page.get_by_role("row", name="registers")
    assert row.locator("td").all_inner_texts() == ["128", "130", "+2"]


@pytest.mark.parametrize("make", [one_side, two_sides])
def test_a_narrow_screen_never_scrolls_sideways(open_page: Open, make: Callable[[], tuple[Report, Texts]]) -> None:
    report, texts = make()
    long = dataclasses.replace(report, title="x" * 300, next_command="y" * 300)
    page = open_page((long, texts), viewport={"width": 390, "height": 800})
    for key in ["1", "w", "x", "2", "3", "4"]:
        page.keyboard.press(key)
        assert overflow(page) == 0, key
    page.keyboard.press("1")
    page.get_by_role("button", name="All passes").click()
    assert overflow(page) == 0
    page.locator(".list a").last.click()
    assert not page.locator(".list").is_visible()
    assert selected(page).split()[-1] == report.shown[-1].name


def test_without_javascript_the_verdict_and_the_hunks_are_there(open_page: Open) -> None:
    page = open_page(two_sides(), ready=False, java_script_enabled=False)
    assert page.get_by_role("heading", level=1).inner_text().endswith("a difference of shape")
    page.get_by_text("2 tl.Inject", exact=True).click()
    hunk = page.locator("#static details pre", has_text="copy(3)").first
    assert hunk.is_visible()
    assert "\n- copy(2)\n" in hunk.inner_text()
    assert page.locator("table.passes tbody tr").count() == 3


def test_an_old_browser_keeps_the_plain_part_and_says_why(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_html(*one_side()), encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("delete globalThis.DecompressionStream")
    page.goto(file.as_uri())
    page.wait_for_selector("#notice:not([hidden])")
    assert "DecompressionStream" in page.locator("#notice").inner_text()
    assert page.locator("#static").is_visible()
    context.close()


def test_paper_shows_the_plain_part(open_page: Open) -> None:
    page = open_page(one_side())
    page.emulate_media(media="print")
    assert page.locator("#static").is_visible()
    assert not page.locator("#app").is_visible()


def test_differences_computed_here_turn_one_text_into_the_other(browser: Any) -> None:
    """The script's own line difference is valid and the shortest, on texts of few letters, where mistakes show."""
    source = Path(__file__).parents[2].joinpath("scaffold/report/html/lines.js").read_text(encoding="utf-8")
    blank = browser.new_page()
    failures = blank.evaluate(
        """(source) => {
          const diff = new Function(`${source}; return diff;`)();
          let seed = 7; const random = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed % n; };
          const failures = [];
          for (let round = 0; round < 3000; round++) {
            const make = () => Array.from({ length: random(14) }, () => "abcd"[(random(4096) >> 6) % 4]);
            const a = make(), b = make(), steps = diff(a, b);
            const left = steps.filter(([k]) => k !== "+").map(([, i]) => i);
            const right = steps.filter(([k]) => k !== "-").map(([, , j]) => j);
            const ok = left.length === a.length && left.every((i, at) => i === at)
              && right.length === b.length && right.every((j, at) => j === at)
              && steps.every(([k, i, j]) => k !== " " || a[i] === b[j])
              && steps.every(([k], at) => k !== "-" || !at || steps[at - 1][0] !== "+");
            const table = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
            for (let i = 1; i <= a.length; i++) for (let j = 1; j <= b.length; j++) {
              const longer = Math.max(table[i - 1][j], table[i][j - 1]);
              table[i][j] = a[i - 1] === b[j - 1] ? table[i - 1][j - 1] + 1 : longer;
            }
            const equal = steps.filter(([k]) => k === " ").length;
            if (!ok || equal !== table[a.length][b.length]) failures.push([a.join(""), b.join(""), equal]);
          }
          return failures.slice(0, 5);
        }""",
        source,
    )
    blank.close()
    assert failures == []
