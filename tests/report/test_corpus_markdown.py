"""Many kernels as a pull request comment: short enough, honest on what it lacks, and no markup but ours."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from corpora import (
    AGAIN,
    BROKEN,
    IDENTICAL,
    LEFT_OUT,
    MISSED,
    MIXED,
    NEXT,
    VECTORS,
    corpus,
    differing,
    huge,
    row,
    survey,
    whole,
)

from scaffold.report.corpus_markdown import render_corpus_markdown
from scaffold.report.corpus_view import CorpusReport, SurveyReport
from scaffold.report.links import SourceLink
from scaffold.report.markdown import MOST_CHARACTERS

URL = "https://example.org/lower_tile_op.cc#L12"


@pytest.fixture(scope="module")
def huge_report() -> CorpusReport:
    return huge()


def outside_code(text: str) -> str:
    """What GitHub would read as markup."""
    text = re.sub(r"^(`{3,})diff\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)


def test_comment_begins_with_the_answer_and_ends_with_what_to_type() -> None:
    report = corpus(MIXED)
    text = render_corpus_markdown(report)
    assert text.startswith(f"### x {report.headline}\n\n- based on 8 kernels")
    assert "- candidate: `worktree` (TileLang 0.1.15, content caf5b8903226, commit 1234567890ab)\n" in text
    assert text.endswith(f"<sub>next: `{NEXT}`<br>again: `{AGAIN}`</sub>\n")


def test_table_names_patterns_with_the_source_of_their_pass() -> None:
    text = render_corpus_markdown(corpus(MIXED), links={"tl.LowerTileOp": SourceLink("src/lower_tile_op.cc:12", URL)})
    seen = f"`tl.LowerTileOp` [`src/lower_tile_op.cc:12`]({URL})"
    assert f"| ! 3 kernels differ | `+float4` | {seen} | `softmax` `cuda:sm_80` |" in text
    assert "| x 1 kernel no longer lowers |" in text
    assert "identical |" not in text


def test_pattern_is_folded_with_its_example_and_its_kernels() -> None:
    section = render_corpus_markdown(corpus(MIXED)).partition("<summary>! 3 kernels differ: +float4</summary>")[2]
    section = section.partition("</details>")[0]
    assert "\n```diff\n #pragma unroll\n-for (int i = 0; i < 32; ++i) {\n-  a[i] = (a[i] + b[i]);\n" in section
    assert "\n- `gemm` `cuda:sm_90a`: registers 98 to 122, source -8 +9, TMA operations 3 to 2\n" in section


def test_missing_is_folded_by_reason() -> None:
    text = render_corpus_markdown(corpus(MIXED, MISSED, left_out=LEFT_OUT, packages={"triton": 3}))
    assert "<summary>3 missed</summary>" in text
    assert "- 2: a.py:12: TypeError: no argument 'swizzle' (`flash\\_attention" not in text
    assert "- 2: a.py:12: TypeError: no argument 'swizzle' (`flash_attention/example_mha.py cuda:sm_80" in text
    assert "<summary>3 left out</summary>" in text
    assert "`triton` (3)" in text


def test_no_effect_is_said_and_nothing_else() -> None:
    text = render_corpus_markdown(corpus([row("a", IDENTICAL), row("b", IDENTICAL)]))
    assert text.startswith("### = no effect: both kernels are the same at every pass\n")
    assert "<details>" not in text
    assert "\n|" not in text


def test_every_fold_and_fence_is_closed() -> None:
    text = render_corpus_markdown(whole())
    assert text.count("<details>") == text.count("</details>") > 5
    assert sum(line.startswith("```") for line in text.splitlines()) % 2 == 0


def test_huge_report_fits_a_comment_and_counts_what_is_left_out(huge_report: CorpusReport) -> None:
    text = render_corpus_markdown(huge_report)
    assert len(text) <= MOST_CHARACTERS < 65_536
    left = re.search(r"_(\d+) of 150 patterns without an example: the comment would be too long\._", text)
    assert left
    assert text.count("<summary>! ") == 150 - int(left[1])
    assert "| 90 more patterns | | |" in text
    assert text.count("<details>") == text.count("</details>")
    assert f"next: `{NEXT}`" in text


@pytest.fixture(scope="module")
def reports_and_lengths(huge_report: CorpusReport) -> list[tuple[CorpusReport | SurveyReport, int]]:
    return [(report, len(render_corpus_markdown(report))) for report in (whole(), huge_report, survey(400))]


@pytest.mark.parametrize("most", [300, 1000, 5000, 20_000])
def test_comment_is_never_longer_than_asked_for(
    most: int, reports_and_lengths: list[tuple[CorpusReport | SurveyReport, int]]
) -> None:
    for report, length in reports_and_lengths:
        text = render_corpus_markdown(report, most_characters=most)
        assert len(text) <= most
        assert ("too long" in text) == (length > most)


HOSTILE = [
    "</summary><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a|b|c",
    "`code` and ``more``",
    "```",
    "](http://evil)",
    "a\n\n<script>",
    "\x1b[2J",
    "\ud800",
    "@everyone",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_and_lines_of_a_stranger_stay_text(hostile: str) -> None:
    pattern = replace(
        VECTORS,
        words=hostile,
        pass_name=hostile,
        place=hostile,
        baseline_line=hostile,
        candidate_line=hostile + " ",
        excerpt=(f"-{hostile}", f"+{hostile} x"),
    )
    strange = [row(hostile, differing(pattern), hostile, hostile), row(hostile, replace(BROKEN, note=hostile))]
    missed = [replace(MISSED[0], name=hostile, target=hostile, why=hostile)]
    report = corpus(strange, missed, left_out={hostile: (hostile,)}, packages={hostile: 1}, not_measured=hostile)
    report = replace(report, next_command=hostile, command=hostile)
    text = render_corpus_markdown(report, links={hostile: SourceLink(hostile, f"javascript:{hostile}")})
    text.encode()
    outside = outside_code(text)
    assert "<script" not in outside
    assert "<img" not in outside
    assert "@everyone" not in outside
    assert "\x1b" not in text
    # Within a summary GitHub reads HTML, and no Markdown.
    assert not re.search(r"(?<!\\)\]\((?:http|javascript)", re.sub(r"<summary>.*?</summary>", "", outside))
    assert outside.count("<details>") == outside.count("</details>")
    for line in (line for line in text.splitlines() if line.startswith("| ! ")):
        assert len(re.findall(r"(?<!\\)\|", line)) == 5


def test_survey_is_the_terminals_table_in_a_fence() -> None:
    text = render_corpus_markdown(survey())
    assert text.startswith("```\n~ 3 kernels captured from 4 scripts")
    assert text.endswith("```\n")
    strange = replace(survey(), headline="```\n<script>")
    assert render_corpus_markdown(strange).startswith("````\n")
