"""The page of a benchmark as text: what it contains, and what it must never contain."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from dataclasses import replace

import pytest
from benches import AGAIN, FASTER, HOSTILE, NEXT, SLOWER, blocks, hostile, many, one_sided, ratio, single, two_sided
from test_corpus_html import Page

from scaffold.report.bench_html import render_bench_html
from scaffold.report.bench_view import BenchReport

ALL = pytest.mark.parametrize(
    "report",
    [two_sided(), single(), one_sided(), two_sided(()), hostile()],
    ids=["two-sided", "single", "one-sided", "no row", "hostile"],
)


@ALL
def test_page_is_the_same_every_time_and_loads_nothing(report: BenchReport) -> None:
    html = render_bench_html(report)
    assert html == render_bench_html(report)
    page = Page(html)
    assert not [attributes for _, attributes in page.tags if "src" in attributes or "style" in attributes]
    assert {attributes["href"] for tag, attributes in page.tags if tag == "link"} == {"data:,"}
    assert all((attributes["href"] or "").startswith("#") for tag, attributes in page.tags if tag in ("a", "use"))
    assert set(re.findall(r"https?://[^\"'\s]+", html)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(
        r"@import|url\(|\beval\(|new Function|innerHTML|outerHTML|insertAdjacent|document\.write", html
    )


@ALL
def test_policy_allows_exactly_the_inline_style_and_script(report: BenchReport) -> None:
    page = Page(render_bench_html(report))
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    for text in (page.raw["style"][0], page.raw["script"][0]):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy


def test_page_says_answer_proof_ratios_and_what_is_behind_them() -> None:
    report = two_sided()
    text = Page(render_bench_html(report)).words
    assert f"x WRONG {report.headline}" in text
    for said in (
        report.details[0],
        "note: clocks are not locked",
        NEXT,
        AGAIN,
        "candidate worktree 0.1.16+git content caf5b8903226, commit 1234567890ab",
        "driver 580.159",
        "+ FASTER gemm M=4096",
        "0.912 [0.908, 0.916] A/A 1.000 [0.998, 1.002]",
        "81.20 → 74.05 µs 526.6 TFLOP/s 68 % of roof",
        "= EQUAL CODE gemv the same machine code, byte for byte",
        "candidate O 3.10e-02 x wrong: more than 1.0e-02",
        "candidate lse NaN or infinity in it x wrong: holds NaN at 12 of 4,096 places",
        "registers (differs) 98 122",
        "the device was held back in 2 of 36 blocks: power cap",
        "not timed: InternalError in tl.LayoutInference: no layout for 'A'",
        "2,147,483,648 floating-point operations, 67,108,864 bytes",
    ):
        assert said in text, said


def test_one_side_stands_beside_pytorch_and_triton() -> None:
    text = Page(render_bench_html(one_sided())).words
    assert "softmax PyTorch Triton PyTorch FASTER 1.808x [1.798, 1.819] Triton SLOWER 0.824x [0.819, 0.828]" in text
    assert "speed: times as fast as what it is set beside, right of 1 is faster" in text


def shares(html: str, tag: str, name: str) -> list[dict[str, str | None]]:
    return [attributes for kind, attributes in Page(html).tags if kind == tag and attributes.get("class") == name]


def number(text: str | None) -> float:
    assert text is not None
    return float(text.removesuffix("%"))


def test_every_row_draws_its_interval_over_the_baseline_against_itself_and_the_band() -> None:
    html = render_bench_html(two_sided((FASTER, SLOWER)))
    # One more of each is in the key.
    assert len(shares(html, "rect", "band")) == len(shares(html, "rect", "again")) == 3
    points = [number(point["x"]) for point in shares(html, "use", "point")[1:]]
    (one,) = {number(line["x1"]) for line in shares(html, "line", "one")}
    assert points[0] < one < points[1]
    band = shares(html, "rect", "band")[1]
    assert number(band["x"]) < one < number(band["x"]) + number(band["width"])


def test_ratio_that_is_far_off_is_an_arrow_at_the_edge() -> None:
    far = replace(FASTER, comparisons=(replace(FASTER.comparisons[0], ratio=ratio(90.0, 80.0, 99.0)),))
    html = render_bench_html(two_sided((FASTER, FASTER, FASTER, far)))
    assert html.count('href="#beyond-right" class="point" x="100.00%"') == 1


def test_wrong_answer_does_not_stretch_the_axis() -> None:
    html = render_bench_html(two_sided())
    assert html.count('href="#beyond-left" class="point" x="0.00%"') == 1


def test_strip_has_a_point_a_block_that_says_what_the_device_did() -> None:
    html = render_bench_html(single())
    assert len([use for use in shares(html, "use", "candidate") if use["x"] != "7"]) == 12
    assert len([use for use in shares(html, "use", "slowed") if use["x"] != "7"]) == 2
    assert "<title>round 4, candidate: 83.53 µs, 1,740 MHz, 61 °C, 515 W, held back: power cap</title>" in html


def test_strip_of_very_many_rounds_is_cut_with_a_count() -> None:
    arms = tuple(replace(arm, blocks=blocks(0.08, at, rounds=1000)) for at, arm in enumerate(SLOWER.arms))
    html = render_bench_html(two_sided((replace(SLOWER, arms=arms),)))
    assert "600 more blocks of candidate are not drawn" in html
    assert len(html) < 1_000_000


def test_a_block_without_samples_and_numbers_without_a_place_are_no_failure() -> None:
    arms = tuple(
        replace(arm, blocks=tuple(replace(block, samples_ms=()) for block in arm.blocks)) for arm in FASTER.arms
    )
    comparison = replace(FASTER.comparisons[0], ratio=ratio(math.nan, 0.0, math.inf))
    html = render_bench_html(two_sided((replace(FASTER, arms=arms, comparisons=(comparison,)),)))
    assert "nan%" not in html
    assert "8.8 % less time" in html


def test_hostile_names_stay_text() -> None:
    page, clean = Page(render_bench_html(hostile())), Page(render_bench_html(two_sided()))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in clean.tags}
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count(HOSTILE.replace("\x1b", "\ufffd")) > 20
    assert "\x1b" not in page.text


def test_hundreds_of_rows_stay_small() -> None:
    assert len(render_bench_html(many(200)).encode()) < 6_000_000
