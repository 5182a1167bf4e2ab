"""The HTML report as text: what it contains, and what it must never contain."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import zlib
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest
from reports import HOSTILE, hunks_of, module, one_side, two_sides

from scaffold.diff.text import Hunk, Line
from scaffold.report.html import render_html
from scaffold.report.view import Focus, Report, Texts

MakeReport = Callable[[], "tuple[Report, Texts]"]
BOTH = pytest.mark.parametrize("make", [one_side, two_sides])


class Page(HTMLParser):
    """The tags and the text of a page, scripts and styles kept apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.raw:
            self.raw[self._inside].append(data)
        else:
            self.text += data


def unpacked(html: str) -> dict[str, Any]:
    store = Page(html).raw["script"][0]
    data: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(store), -15))
    return data


def text_of(data: dict[str, Any], number: int) -> list[str]:
    runs = data["texts"][number]
    return [data["lines"][start + k] for start, count in zip(runs[::2], runs[1::2], strict=True) for k in range(count)]


@BOTH
def test_render_html_twice_gives_the_same_bytes(make: MakeReport) -> None:
    assert render_html(*make()) == render_html(*make())


@BOTH
def test_static_part_says_verdict_sides_and_hunks(make: MakeReport) -> None:
    report, texts = make()
    page = Page(render_html(report, texts))
    assert report.verdict.headline in page.text
    assert all(line in page.text for line in report.verdict.details)
    assert all(row.name in page.text for row in report.passes)
    assert "libtilelang.so" in page.text
    changed = [line for row in report.shown for hunk in row.hunks for line in hunk.lines if line.kind != " "]
    assert changed
    assert all(line.text.strip() in page.text for line in changed)
    assert "gemm > for k" in page.text


def test_static_part_names_what_differs_between_the_sides() -> None:
    assert "what differs: num_stages 2 → 3" in Page(render_html(*two_sides())).text


def test_static_part_names_why_an_artifact_is_missing() -> None:
    assert "kernel.ptx: no ptxas on this machine" in " ".join(Page(render_html(*one_side())).text.split())


def test_hostile_names_stay_text() -> None:
    report, texts = one_side([HOSTILE, "tl.Quiet", HOSTILE])
    verdict = dataclasses.replace(report.verdict, headline=HOSTILE, details=(HOSTILE,))
    report = dataclasses.replace(report, title=HOSTILE, verdict=verdict, next_command=HOSTILE)
    html = render_html(report, Texts({name: body + HOSTILE for name, body in texts.bodies.items()}))
    page, clean = Page(html), Page(render_html(*one_side(["a", "b", "c"])))
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in clean.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count(HOSTILE) > 3


def test_hostile_anchor_cannot_leave_its_attribute() -> None:
    report, texts = one_side()
    rows = tuple(dataclasses.replace(row, anchor='x" onclick="alert(1)') for row in report.passes)
    page = Page(render_html(dataclasses.replace(report, passes=rows), texts))
    assert not any("onclick" in attributes for _, attributes in page.tags)


@BOTH
def test_policy_allows_exactly_the_inline_style_and_script(make: MakeReport) -> None:
    html = render_html(*make())
    page = Page(html)
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for text in (page.raw["style"][0], page.raw["script"][1]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


@BOTH
def test_page_loads_nothing(make: MakeReport) -> None:
    html = render_html(*make())
    page = Page(html)
    assert not [a for tag, a in page.tags if "src" in a]
    assert {a["href"] for tag, a in page.tags if tag == "link"} == {"data:,"}
    assert all((a["href"] or "").startswith("#") for tag, a in page.tags if tag == "a")
    # The one address is the name of the SVG namespace, which nothing fetches.
    assert set(re.findall(r"https?://[^\"'\s]+", html)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(
        r"@import|url\(|\beval\(|new Function|innerHTML|outerHTML|insertAdjacent|document\.write", html
    )


def test_no_inline_style_attributes_as_the_policy_forbids_them() -> None:
    assert not [a for _, a in Page(render_html(*two_sides())).tags if "style" in a]


@BOTH
def test_store_holds_every_text_and_each_line_once(make: MakeReport) -> None:
    report, texts = make()
    data = unpacked(render_html(report, texts))
    assert len(data["lines"]) == len(set(data["lines"]))
    for row, packed in zip(report.passes, data["passes"], strict=True):
        for side, number in zip(row.sides, packed["sides"], strict=True):
            if side is not None:
                assert text_of(data, number["before"]) == texts.get(side.before).splitlines()
                assert text_of(data, number["after"]) == texts.get(side.after).splitlines()


def test_store_keeps_lines_numbers_and_marks_of_hunks() -> None:
    report, texts = two_sides()
    data = unpacked(render_html(report, texts))
    hunk, packed = report.passes[1].hunks[0], data["passes"][1]["hunks"][0]
    assert [data["lines"][number] for number in packed["lines"]] == [line.text for line in hunk.lines]
    assert packed["kinds"] == "".join(line.kind for line in hunk.lines)
    assert (packed["before"], packed["after"]) == (hunk.lines[0].before, hunk.lines[0].after)
    marked = {str(i): [at for span in line.marks for at in span] for i, line in enumerate(hunk.lines) if line.marks}
    assert marked
    assert packed["marks"] == marked


def test_marks_are_counted_in_utf16_units() -> None:
    report, texts = one_side()
    hunk = Hunk((Line("-", "𝛼 = 1", 1, None, ((4, 5),)), Line("+", "é = 2", None, 1, ((4, 5),), carried=True)))
    rows = (dataclasses.replace(report.passes[0], hunks=(hunk,)), *report.passes[1:])
    packed = unpacked(render_html(dataclasses.replace(report, passes=rows), texts))["passes"][0]["hunks"][0]
    assert packed["marks"] == {"0": [5, 6], "1": [4, 5]}
    assert packed["carried"] == [1]


def test_half_a_surrogate_pair_does_not_stop_the_page() -> None:
    report, texts = one_side()
    html = render_html(dataclasses.replace(report, title="broken \ud800"), texts)
    assert "broken ?" in html
    html.encode("utf-8")


def test_a_report_of_no_pass_renders() -> None:
    report, texts = one_side()
    empty = dataclasses.replace(report, passes=(), series=(), resources=((),), final_metrics=())
    assert report.verdict.headline in render_html(empty, texts)


def test_report_opens_at_the_pass_the_verdict_names() -> None:
    report, texts = two_sides()
    packed = unpacked(render_html(report, texts))
    assert (packed["first"], packed["telling"]) == (2, "copy(3)")
    unfocused = unpacked(render_html(dataclasses.replace(report, focus=None), texts))
    assert (unfocused["first"], unfocused["telling"]) == (2, None)


def test_report_of_a_failure_opens_at_the_pass_that_raised() -> None:
    report, texts = one_side()
    rows = (*report.passes[:2], dataclasses.replace(report.passes[2], status="failed", hunks=()))
    verdict = dataclasses.replace(report.verdict, outcome="failed")
    failed = dataclasses.replace(report, passes=rows, verdict=verdict, focus=Focus(1, None))
    assert unpacked(render_html(failed, texts))["first"] == 3


def test_many_repeated_states_stay_small() -> None:
    """100 passes over a module of 700 lines: 7 MB of states, less than 250 KB of page."""
    big = [f"        buffer_{number}[{number}] = T.float16({number})" for number in range(700)]
    bodies = {f"t{i}": module(*big[:i], f"changed = {i}", *big[i:]) for i in range(101)}
    report, _ = one_side([f"tl.Pass{i}" for i in range(100)])
    rows = tuple(
        dataclasses.replace(
            row,
            quiet=False,
            sides=(dataclasses.replace(row.sides[0], before=f"t{i}", after=f"t{i + 1}"),),  # type: ignore[type-var]
            hunks=hunks_of(bodies[f"t{i}"], bodies[f"t{i + 1}"]),
        )
        for i, row in enumerate(report.passes)
    )
    html = render_html(dataclasses.replace(report, passes=rows), Texts(bodies))
    assert sum(map(len, bodies.values())) > 3_000_000
    assert len(html.encode()) < 250_000


def test_a_long_static_part_is_cut_and_says_so() -> None:
    report, texts = one_side()
    lines = tuple(Line("+", f"x{number} = {'y' * 150}", None, number) for number in range(1, 3000))
    rows = (dataclasses.replace(report.passes[0], hunks=(Hunk(lines),)), *report.passes[1:])
    page = Page(render_html(dataclasses.replace(report, passes=rows), texts))
    assert re.search(r"… [\d]+ more lines; open this page with JavaScript", page.text)
    assert len(page.text) < 120_000


# ---- contrast


def _themes() -> dict[str, dict[str, str]]:
    css = (files("scaffold.report") / "html" / "report.css").read_text("utf-8")
    blocks = re.findall(r"(:root[^{]*)\{([^}]*--page[^}]*)\}", css)
    themes = {selector.strip(): dict(re.findall(r"--([\w-]+): (#\w{6})", body)) for selector, body in blocks}
    return {selector: colours for selector, colours in themes.items() if "added-mark" in colours}


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_every_text_colour_reaches_four_and_a_half_to_one() -> None:
    themes = _themes()
    assert len(themes) == 3
    code = ("text", "comment", "string", "keyword", "call", "number")
    plain = ("text", "quiet", "accent", "plus", "minus", "bad", "warn", "good")
    weak = [
        (theme, front, back, round(_contrast(colours[front], colours[back]), 2))
        for theme, colours in themes.items()
        for fronts, backs in (
            (code, ("page", "panel", "added", "added-mark", "removed", "removed-mark")),
            (plain, ("page", "panel", "raised", "chosen")),
            (("plus",), ("added",)),
            (("minus",), ("removed",)),
        )
        for front in fronts
        for back in backs
        if _contrast(colours[front], colours[back]) < 4.5
    ]
    assert weak == []


def test_both_dark_themes_are_the_same() -> None:
    dark = [colours for selector, colours in _themes().items() if selector != ":root"]
    assert dark[0] == dark[1]
