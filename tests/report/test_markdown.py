"""The pull request comment: short enough, honest about what it leaves out, and nobody's markup but ours."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import NEXT, SYNC, huge, one_sided, two_sided

from scaffold.diff.text import Hunk, Line
from scaffold.report.markdown import MOST_CHARACTERS, render_markdown
from scaffold.report.view import Report

GITHUB = 65_536


@pytest.fixture(scope="module")
def huge_report() -> Report:
    return huge()


def summaries(text: str) -> list[str]:
    return re.findall(r"<summary>(.*)</summary>", text)


def test_markdown_of_two_sides_says_verdict_sides_table_and_changes() -> None:
    report = two_sided()
    text = render_markdown(report)
    assert text.startswith(
        "### gemm for cuda:sm\\_90a\n\n**tl.Sync is the first pass to introduce a difference of shape**\n"
    )
    assert f"- candidate: `{SYNC}`" in text
    assert "- baseline: `wheel:0.1.15` (TileLang 0.1.15), `cuda:sm_90a`, `num_stages=2`" in text
    assert "| 3 | ! introduces | `tl.Sync` | shape | 1 | 3 | barriers 0 to 1 |" in text
    assert "2 more passes did the same on both sides." in text
    assert summaries(text) == [
        "Passes",
        "Numbers at the end",
        "Generated source",
        "! 2 tl.Lower: introduces",
        "! 3 tl.Sync: introduces",
    ]
    assert f"\n+            {SYNC}\n" in text
    assert text.endswith(f"<sub>next: `{NEXT}`</sub>\n")


def test_markdown_of_one_side_counts_the_quiet() -> None:
    text = render_markdown(one_sided())
    assert "| 2 | `tl.Lower` | -1 +2 |" in text
    assert "1 more passes changed nothing." in text


def test_markdown_opens_and_closes_every_fold_and_fence() -> None:
    text = render_markdown(two_sided())
    assert text.count("<details>") == text.count("</details>")
    assert sum(line.startswith("```") for line in text.splitlines()) % 2 == 0


def test_markdown_of_a_huge_report_fits_a_comment_and_counts_what_is_left_out(huge_report: Report) -> None:
    text = render_markdown(huge_report)
    assert len(text) <= MOST_CHARACTERS < GITHUB
    rows = [row for row in huge_report.shown if row.hunks]
    shown = [line for line in summaries(text) if re.match(r"\S \d+ tl\.", line)]
    match = re.search(r"_(\d+) of (\d+) changed passes left out", text)
    assert match, text[-500:]
    assert int(match[2]) == len(rows)
    assert int(match[1]) == len(rows) - len(shown)
    assert text.count("<details>") == text.count("</details>")
    assert f"next: `{NEXT}`" in text


def test_markdown_of_one_huge_pass_counts_the_lines_left_out() -> None:
    lines = tuple(Line("+", f"C[{number}] = {number}", None, number + 1) for number in range(2000))
    report = two_sided()
    rows = tuple(replace(row, hunks=(Hunk(lines, "gemm"),)) if row.name == "tl.Sync" else row for row in report.passes)
    text = render_markdown(replace(report, passes=rows))
    section = text.partition("tl.Sync: introduces")[2]
    match = re.search(r"_(\d+) more lines_", section)
    assert match
    assert section.count("\n+C[") + int(match[1]) == 2000
    assert len(text) <= MOST_CHARACTERS


@pytest.mark.parametrize("most", [200, 500, 1000, 3000, 10_000])
def test_markdown_is_never_longer_than_asked_for(most: int, huge_report: Report) -> None:
    for report in (two_sided(), huge_report):
        text = render_markdown(report, most_characters=most)
        assert len(text) <= most
        if len(render_markdown(report)) > most:
            assert "too long" in text


def test_markdown_keeps_the_passes_that_introduce_first(huge_report: Report) -> None:
    text = render_markdown(huge_report)
    first = next(row for row in huge_report.shown if row.status == "introduces")
    assert f"! {first.index} {first.name}: introduces" in summaries(text)


HOSTILE = [
    "</summary><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a|b|c",
    "`code` and ``more``",
    "a`b",
    "```",
    "](http://evil)",
]


def outside_code(text: str) -> str:
    """The text with code spans and code blocks taken out, the way CommonMark reads them."""
    kept: list[str] = []
    fence = ""
    for line in text.splitlines():
        match = re.match(r"(`{3,})", line)
        if fence:
            fence = "" if match and len(match[1]) >= len(fence) and not line.strip("`") else fence
        elif match and "`" not in line[len(match[1]) :]:
            fence = match[1]
        else:
            # A line of HTML is not read as Markdown; what it must not hold is tags of a stranger.
            markdown = line.replace("](", "") if line.startswith("<details>") else line
            kept.append(re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "CODE", markdown))
    assert not fence, "a block was left open"
    return "\n".join(kept)


@pytest.mark.parametrize(
    "name",
    [
        *HOSTILE,
        "a\n\n<script>",
    ],
)
def test_markdown_hostile_names_stay_text(name: str) -> None:
    report = two_sided()
    rows = tuple(replace(row, name=name, note=name) for row in report.passes)
    verdict = replace(report.verdict, headline=name, details=(name, f"baseline: {name}"))
    sides = tuple(replace(side, parameters={"x": name}, build=name, tilelang_version=name) for side in report.sides)
    text = render_markdown(replace(report, passes=rows, verdict=verdict, title=name, sides=sides, next_command=name))
    outside = outside_code(text)
    assert "<script" not in outside
    assert "<img" not in outside
    assert not re.search(r"(?<!\\)\]\(http", outside)
    tables = [line for line in text.splitlines() if line.startswith("| 3 |")]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in tables] == [8]


def test_markdown_fence_is_longer_than_any_run_inside() -> None:
    report = two_sided()
    lines = (Line("-", "x = '```'", 1, None), Line("+", "y = '`````' ``", None, 1), Line(" ", "</details>", 2, 2))
    rows = tuple(replace(row, hunks=(Hunk(lines, "gemm ``````"),)) for row in report.passes)
    text = render_markdown(replace(report, passes=rows))
    assert "```````diff" in text
    outside = outside_code(text)
    assert outside.count("<details>") == outside.count("</details>")


@given(st.text(alphabet="`ab ", min_size=1, max_size=12))
def test_markdown_inline_code_holds_any_backticks(name: str) -> None:
    if not name.strip("` "):
        return
    text = render_markdown(replace(two_sided(), next_command=name))
    (line,) = [line for line in text.splitlines() if line.startswith("<sub>next: ")]
    inside = line.removeprefix("<sub>next: ").removesuffix("</sub>")
    fence = re.match(r"`+", inside)
    assert fence
    assert len(fence[0]) not in [len(run) for run in re.findall(r"`+", inside[len(fence[0]) : -len(fence[0])])]


def test_markdown_is_deterministic() -> None:
    assert render_markdown(two_sided()) == render_markdown(two_sided())
