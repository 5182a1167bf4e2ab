"""The page of many kernels as text: what it contains, and what it must never contain."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from typing import Any

import pytest
from corpora import (
    AGAIN,
    BROKEN,
    IDENTICAL,
    LEFT_OUT,
    MISSED,
    MIXED,
    NEXT,
    SAME_CODE,
    VECTORS,
    corpus,
    differing,
    huge,
    row,
    survey,
    whole,
)
from reports import HOSTILE

from scaffold.diff.metrics import MetricDelta
from scaffold.report.corpus_html import render_corpus_html
from scaffold.report.corpus_view import CorpusReport, SurveyReport
from scaffold.report.links import SourceLink

URL = "https://example.org/lower_tile_op.cc#L12"
ALL = pytest.mark.parametrize(
    "report",
    [whole(), corpus([]), corpus([row("a", IDENTICAL)]), survey()],
    ids=["whole", "empty", "identical", "survey"],
)


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
        self.text += " "
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.raw:
            self.raw[self._inside].append(data)
        else:
            self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def unpacked(html: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(Page(html).raw["script"][0]), -15))
    return data


@ALL
def test_page_is_the_same_every_time_and_loads_nothing(report: CorpusReport | SurveyReport) -> None:
    html = render_corpus_html(report)
    assert html == render_corpus_html(report)
    page = Page(html)
    assert not [attributes for _, attributes in page.tags if "src" in attributes or "style" in attributes]
    assert {attributes["href"] for tag, attributes in page.tags if tag == "link"} == {"data:,"}
    assert all((attributes["href"] or "").startswith("#") for tag, attributes in page.tags if tag == "a")
    assert set(re.findall(r"https?://[^\"'\s]+", html)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(
        r"@import|url\(|\beval\(|new Function|innerHTML|outerHTML|insertAdjacent|document\.write", html
    )


@ALL
def test_policy_allows_exactly_the_inline_style_and_script(report: CorpusReport | SurveyReport) -> None:
    page = Page(render_corpus_html(report))
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    for text in (page.raw["style"][0], page.raw["script"][-1]):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy


def test_static_part_says_answer_proof_patterns_kernels_and_what_is_missing() -> None:
    report = whole()
    text = Page(render_corpus_html(report)).words
    assert report.headline in text
    assert all(" ".join(line.split()) in text for line in report.details)
    assert "! 3 kernels differ +float4 tl.LowerTileOp" in text
    assert "+ float4 v = *(float4*)(a + (i * 4));" in text
    assert "gemm cuda:sm_90a: registers 98 to 122, source -8 +9" in text
    assert "gdn/example_wy.py cuda:sm_80 (candidate)" in text
    assert "2: there is no TileLang kernel in it plot.py, util.py" in text
    assert "triton (3), einops (1)" in text
    assert NEXT in text
    assert AGAIN in text
    assert "content 0ea93004b47c" in text


def test_no_effect_is_said_aloud() -> None:
    text = Page(render_corpus_html(corpus([row("a", IDENTICAL), row("b", SAME_CODE)]))).words
    assert "= same code no effect: both kernels generate the same code" in text


def test_pattern_links_the_source_of_its_pass() -> None:
    html = render_corpus_html(corpus(MIXED), links={"tl.LowerTileOp": SourceLink("src/lower_tile_op.cc:12", URL)})
    assert f'defined in <a href="{URL}" rel="noreferrer">src/lower_tile_op.cc:12</a>' in html
    (pattern,) = [pattern for pattern in unpacked(html)["patterns"] if pattern["words"] == "+float4"]
    assert (pattern["source"], pattern["url"]) == ("src/lower_tile_op.cc:12", URL)


def test_data_holds_every_kernel_and_the_patterns_it_is_in() -> None:
    report = corpus(MIXED, MISSED, left_out=LEFT_OUT)
    data = unpacked(render_corpus_html(report))
    assert [kernel["name"] for kernel in data["kernels"]] == [item.shown for item in report.kernels]
    words = {
        kernel["name"] + kernel["target"]: [data["patterns"][at]["words"] for at in kernel["patterns"]]
        for kernel in data["kernels"]
    }
    assert sorted(words["gemmcuda:sm_90a"]) == ["+float4", "tl::tma_load: +for"]
    assert words["convcuda:sm_80"] == []
    for at, pattern in enumerate(data["patterns"]):
        assert all(at in data["kernels"][kernel]["patterns"] for kernel in pattern["kernels"])
    assert [outcome["count"] for outcome in data["outcomes"]] == [1, 4, 2, 1]
    assert [name for name, _ in data["missing"]] == ["Missed", "Left out"]


def test_data_holds_numbers_of_the_module_that_tell_something() -> None:
    metrics = [MetricDelta("lines", 40, 50), MetricDelta("unroll loops", 1, 2), MetricDelta("barriers", None, 2)]
    data = unpacked(render_corpus_html(corpus([row("a", differing(VECTORS, metrics=metrics))])))
    assert data["kernels"][0]["metrics"] == [["barriers", None, 2]]


def test_example_is_marked_word_by_word() -> None:
    pattern = dataclasses.replace(VECTORS, baseline_line="f(é𝛼, 1);", candidate_line="f(é𝛼, 2);", excerpt=())
    data = unpacked(render_corpus_html(corpus([row("a", differing(pattern))])))
    assert data["patterns"][0]["excerpt"] == [["-", "f(é𝛼, 1);", [7, 8]], ["+", "f(é𝛼, 2);", [7, 8]]]


def hostile_report() -> CorpusReport:
    pattern = dataclasses.replace(
        VECTORS,
        words=HOSTILE,
        pass_name=HOSTILE,
        place=HOSTILE,
        baseline_line=HOSTILE,
        excerpt=(f"-{HOSTILE}", f"+{HOSTILE}1"),
    )
    rows = [
        dataclasses.replace(row(HOSTILE, differing(pattern), HOSTILE, HOSTILE), command=HOSTILE),
        row(HOSTILE, dataclasses.replace(BROKEN, note=HOSTILE)),
    ]
    missed = [dataclasses.replace(MISSED[0], name=HOSTILE, target=HOSTILE, why=HOSTILE)]
    report = corpus(rows, missed, left_out={HOSTILE: (HOSTILE,)}, packages={HOSTILE: 1}, not_measured=HOSTILE)
    return dataclasses.replace(report, headline=HOSTILE, next_command=HOSTILE, command=HOSTILE)


def test_hostile_names_stay_text() -> None:
    page, clean = Page(render_corpus_html(hostile_report())), Page(render_corpus_html(whole()))
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in clean.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count(HOSTILE) > 10


def test_hostile_survey_stays_text() -> None:
    entry = dataclasses.replace(survey().entries[0], name=HOSTILE, target=HOSTILE, why_missing=HOSTILE)
    page = Page(render_corpus_html(dataclasses.replace(survey(), entries=(entry,), headline=HOSTILE)))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert page.text.count(HOSTILE) >= 4


@pytest.mark.parametrize("url", ["javascript:alert(1)", 'https://x/"onclick="alert(1)', "file:///etc/passwd"])
def test_link_of_a_stranger_is_no_way_out(url: str) -> None:
    page = Page(render_corpus_html(corpus(MIXED), links={"tl.LowerTileOp": SourceLink("src/x.cc:1", url)}))
    assert not [a for tag, a in page.tags if tag == "a" and not (a["href"] or "").startswith(("#", "https://"))]
    assert not any("onclick" in attributes for _, attributes in page.tags)


def test_thousands_of_kernels_stay_small_and_every_one_is_there() -> None:
    report = huge(3000, 200)
    html = render_corpus_html(report)
    assert len(html.encode()) < 2_000_000
    assert len(unpacked(html)["kernels"]) == 3000
    assert "140 more patterns; open this page with JavaScript" in Page(html).words


def test_control_characters_and_half_pairs_do_not_reach_the_page() -> None:
    html = render_corpus_html(corpus([row("a\x1b[2J\ud800\u202e", differing(VECTORS))]))
    html.encode()
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "\\u001b" not in json.dumps(unpacked(html))


def test_survey_lists_scripts_with_why() -> None:
    text = Page(render_corpus_html(survey())).words
    assert "x slow.py cuda:sm_80 0 stopped by the time limit of 300 s" in text
    assert "- gdn/example_wy.py cuda:sm_90a 1 wy: InternalError in tl.Sync: no" in text
    assert "plain.py" in text
