"""Where a pass is defined, in every form of a report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made import BASELINE, CANDIDATE, END, LOOP, START, one_sided, two_sided
from traces import trace_of

from scaffold.report.build import texts_of
from scaffold.report.html import render_html
from scaffold.report.links import Links, SourceLink, with_sources
from scaffold.report.markdown import render_markdown
from scaffold.report.terminal import TerminalOptions, render_text
from scaffold.report.view import Report
from scaffold.trace.model import Failure, TraceFile

URL = "https://github.com/tile-ai/tilelang/blob/v1.2.3/src/sync.cc#L7"
OURS: Links = {"tl.Sync": SourceLink("src/sync.cc:6"), "tl.Gone": SourceLink("src/gone.cc:1")}
THEIRS: Links = {"tl.Sync": SourceLink("src/sync.cc:7", URL), "tl.Lower": SourceLink("src/lower.cc:9")}


def sources(report: Report) -> dict[str, str]:
    return {row.name: row.source for row in report.passes}


def of_build(file: TraceFile, name: str) -> TraceFile:
    return replace(file, trace=replace(file.trace, build=replace(file.trace.build, name=name)))


def test_row_has_the_line_of_the_candidate_and_of_the_baseline_where_only_that_ran_it() -> None:
    baseline = trace_of(START, ("tl.Gone", LOOP), ("tl.Sync", END))
    report = with_sources(two_sided(baseline, trace_of(START, ("tl.Sync", END))), [OURS, THEIRS])
    assert sources(report) == {"tl.Gone": "src/gone.cc:1", "tl.Sync": "src/sync.cc:7"}


def test_row_of_an_unknown_pass_has_none() -> None:
    report = with_sources(two_sided(), [{}, {}])
    assert set(sources(report).values()) == {""}
    assert report == two_sided()


def test_verdict_says_where_the_pass_it_names_is_defined() -> None:
    details = with_sources(two_sided(), [OURS, THEIRS]).verdict.details
    at = details.index("tl.Sync is defined in src/sync.cc:7")
    assert details[at - 1].startswith("candidate: ")
    assert len(details) == len(two_sided().verdict.details) + 1


def test_verdict_over_two_builds_says_in_which() -> None:
    report = two_sided(of_build(BASELINE, "wheel:1"), of_build(CANDIDATE, "wheel:2"))
    assert "tl.Sync is defined in src/sync.cc:7 of wheel:2" in with_sources(report, [OURS, THEIRS]).verdict.details


def test_verdict_of_a_failure_says_where_the_pass_is_that_raised() -> None:
    failure = Failure("lowering", 1, "tl.Sync", "ValueError", "no", "")
    report = one_sided(trace_of(START, ("tl.Lower", LOOP), ("tl.Sync", None), failure=failure, source=None))
    assert with_sources(report, [THEIRS]).verdict.details[-1] == "tl.Sync is defined in src/sync.cc:7"


@pytest.mark.parametrize("report", [one_sided(), two_sided(CANDIDATE, CANDIDATE)], ids=["one side", "identical"])
def test_verdict_that_blames_no_pass_stays(report: Report) -> None:
    assert with_sources(report, [THEIRS, THEIRS]).verdict == report.verdict


def test_terminal_says_it_above_the_changes_of_a_pass() -> None:
    report = with_sources(two_sided(), [OURS, THEIRS])
    lines = render_text(report, TerminalOptions(passes=("tl.Sync",))).splitlines()
    assert "  defined in src/sync.cc:7" in lines
    assert "  defined in " not in render_text(two_sided(), TerminalOptions(passes=("tl.Sync",)))


def test_markdown_links_it() -> None:
    text = render_markdown(with_sources(two_sided(), [OURS, THEIRS]))
    assert f"defined in [`src/sync.cc:7`]({URL})" in text
    assert "defined in `src/lower.cc:9`" in text


def test_page_links_it_with_and_without_a_script() -> None:
    html = render_html(with_sources(two_sided(), [OURS, THEIRS]), texts_of(BASELINE, CANDIDATE))
    assert f'defined in <a href="{URL}" rel="noreferrer">src/sync.cc:7</a>' in html
    assert "defined in src/lower.cc:9" in html


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x/) [evil](https://y", 'https://x/"onclick="alert(1)'])
def test_link_of_a_stranger_is_no_way_out(url: str) -> None:
    report = with_sources(two_sided(), [{}, {"tl.Sync": SourceLink("src/sync.cc:7", url)}])
    html = render_html(report, texts_of(BASELINE, CANDIDATE))
    assert 'href="javascript:' not in html
    assert 'onclick="alert' not in html
    assert "](https://y)" not in render_markdown(report)
    assert "](javascript:" not in render_markdown(report)
