"""Many kernels as a report: grouped by what was done to them, ranked, counted, answered in one line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from corpora import (
    BROKEN,
    COPIES,
    EQUIVALENT,
    FAILS,
    IDENTICAL,
    MENDED,
    MISSED,
    MIXED,
    SAME_CODE,
    UNSTABLE,
    VECTORS,
    corpus,
    differing,
    row,
    survey,
    whole,
)

from scaffold.diff.change import KernelChange, Outcome
from scaffold.report.corpus_build import survey_report, with_links
from scaffold.report.corpus_missed import missed_groups
from scaffold.report.corpus_view import MissedEntry
from scaffold.report.corpus_words import SEVERITY
from scaffold.report.links import SourceLink


def headline(*changes: KernelChange, missed: tuple[MissedEntry, ...] = ()) -> str:
    return corpus([row(f"k{at}", change) for at, change in enumerate(changes)], missed).headline


CHANGE = differing(VECTORS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((), "nothing was compared: no kernel was compiled on both sides"),
        ((IDENTICAL,), "no effect: the kernel is the same at every pass"),
        ((IDENTICAL, IDENTICAL), "no effect: both kernels are the same at every pass"),
        ((IDENTICAL, EQUIVALENT, EQUIVALENT), "no effect: all 3 kernels are the same after matching names"),
        ((IDENTICAL, SAME_CODE), "no effect: both kernels generate the same code"),
        ((SAME_CODE,), "no effect: the kernel generates the same code"),
        ((IDENTICAL, UNSTABLE), "no effect: 1 of 2 kernels is the same at every pass, 1 not lowered the same twice"),
        ((UNSTABLE, FAILS), "nothing can be told: 2 kernels, 1 not lowered the same twice and 1 failing on both sides"),
        ((CHANGE,), "the kernel generates other code, in 1 pattern"),
        ((CHANGE, CHANGE, CHANGE), "all 3 kernels generate other code, in 1 pattern"),
        (
            (CHANGE, differing(COPIES), SAME_CODE, IDENTICAL),
            "2 of 4 kernels generate other code, in 2 patterns; the others generate the same",
        ),
        ((CHANGE, IDENTICAL), "1 of 2 kernels generates other code, in 1 pattern; 1 generates the same"),
        ((BROKEN, IDENTICAL), "1 kernel no longer lowers; 1 generates the same"),
        ((BROKEN, BROKEN), "2 kernels no longer lower"),
        (
            (BROKEN, CHANGE, MENDED, UNSTABLE),
            (
                "1 kernel no longer lowers; 1 of 4 kernels generates other code, in 1 pattern; "
                "1 kernel lowers that did not"
            ),
        ),
    ],
)
def test_headline_answers(changes: tuple[KernelChange, ...], said: str) -> None:
    assert headline(*changes) == said


def test_no_effect_says_what_it_could_not_see() -> None:
    assert headline(IDENTICAL, missed=MISSED) == "no effect: the kernel is the same at every pass, 3 scripts missed"


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ((), "nothing"),
        ((IDENTICAL, EQUIVALENT), "equivalent"),
        ((IDENTICAL, SAME_CODE, EQUIVALENT), "same code"),
        ((SAME_CODE, FAILS), "fails alike"),
        ((SAME_CODE, FAILS, UNSTABLE), "unstable"),
        ((MENDED, UNSTABLE), "differs"),
        ((BROKEN, CHANGE), "broken"),
    ],
)
def test_answer_is_the_worst(changes: tuple[KernelChange, ...], answer: str) -> None:
    assert corpus([row(f"k{at}", change) for at, change in enumerate(changes)]).outcome == answer


def test_every_outcome_is_ranked() -> None:
    assert sorted(SEVERITY, key=str) == sorted(Outcome, key=str)
    assert SEVERITY[0] is Outcome.BROKEN


def test_details_count_what_the_answer_is_based_on() -> None:
    details = whole().details
    assert details[0] == "based on 12 kernels of 13 scripts and zoo kernels; 1 missed on baseline, 3 on candidate"
    assert details[1].startswith(
        "1 no longer lowers (cuda:sm_80 1), 4 differ (cuda:sm_80 2, cuda:sm_90a 2), 1 lowers now"
    )
    assert "seen first in: tl.LowerTileOp 3, tl.UnrollLoop 2" in details
    assert "registers: 1 more (at most 98 to 122, gemm cuda:sm_90a)" in details
    assert "nvcc is not there" in details


def test_details_say_what_is_only_written_differently() -> None:
    printed = replace(SAME_CODE, printed_lines=1200)
    assert any(
        line.startswith("1,200 lines of the passes are only written") for line in corpus([row("a", printed)]).details
    )


def test_kernels_are_grouped_by_pattern_and_one_kernel_may_be_in_two() -> None:
    report = corpus(MIXED)
    found = {group.words: [item.shown + item.target[-2:] for item in report.rows(group)] for group in report.groups}
    assert found["+float4"] == ["softmax80", "gemm0a", "gemm80"]
    assert found["tl::tma_load: +for"] == ["gemm0a", "gemm/example_gemm.py::main0a"]
    assert len(report.kernels) == len(MIXED)


def test_broken_first_then_by_registers_and_spills_and_size() -> None:
    report = corpus(
        [
            row("many", differing(VECTORS, lines=400)),
            row("spilling", differing(COPIES), bytes_spilled=(0, 512)),
            row("same", SAME_CODE),
            row("broken", BROKEN),
        ]
    )
    assert [report.rows(group)[0].name for group in report.groups] == ["broken", "spilling", "many", "same"]
    assert [item.name for item in report.kernels] == ["broken", "spilling", "many", "same"]


def test_kernels_of_a_pattern_are_ranked_by_what_it_did_to_them() -> None:
    little, much = replace(VECTORS, lines=2), replace(VECTORS, lines=90)
    report = corpus([row("large", differing(little, lines=400)), row("small", differing(much, lines=90))])
    assert [item.name for item in report.kernels] == ["large", "small"]
    assert [item.name for item in report.rows(report.groups[0])] == ["small", "large"]


def test_a_resource_that_shrinks_ranks_like_one_that_grows() -> None:
    rows = [
        row("grown", differing(VECTORS), registers=(100, 101)),
        row("shrunk", differing(COPIES), registers=(200, 100)),
    ]
    assert [group.words for group in corpus(rows).groups] == ["tl::tma_load: +for", "+float4"]


def test_example_is_the_kernel_that_shows_it_in_the_fewest_lines() -> None:
    short = replace(VECTORS, lines=3, baseline_line="short")
    unpaired = replace(VECTORS, lines=1, baseline_line=None)
    report = corpus([row("long", differing(VECTORS)), row("short", differing(short)), row("half", differing(unpaired))])
    (group,) = report.groups
    assert report.kernels[group.example_kernel].name == "short"
    assert group.example == short
    assert group.lines == 15


def test_only_the_example_carries_its_excerpt() -> None:
    report = corpus(MIXED)
    assert all(pattern.excerpt == () for item in report.kernels for pattern in item.change.patterns)
    assert all(group.example.excerpt for group in report.groups if group.outcome is Outcome.DIFFERS)


def test_group_counts_the_passes_in_which_it_is_seen_first() -> None:
    rows = [
        row("a", differing(VECTORS)),
        row("b", differing(replace(VECTORS, pass_name="tl.Vectorize"))),
        row("c", CHANGE),
    ]
    (group,) = corpus(rows).groups
    assert dict(group.passes) == {"tl.LowerTileOp": 2, "tl.Vectorize": 1}
    assert group.pass_name == "tl.LowerTileOp"


def test_links_are_those_of_the_first_pass() -> None:
    link = SourceLink("src/lower_tile_op.cc:12", "https://example.org/12")
    report = with_links(corpus(MIXED), {"tl.LowerTileOp": link})
    sources = {group.words: group.source for group in report.groups}
    assert sources["+float4"] == "src/lower_tile_op.cc:12"
    assert sources["tl::tma_load: +for"] == ""


def test_missed_is_grouped_by_why_with_both_sides_of_an_entry_in_one() -> None:
    groups = missed_groups(MISSED)
    assert [(group.count, group.why) for group in groups] == [
        (2, "a.py:12: TypeError: no argument 'swizzle'"),
        (1, "stopped by the time limit of 300 s"),
    ]
    assert groups[0].entries == (
        "flash_attention/example_mha.py cuda:sm_80 (baseline and candidate)",
        "gdn/example_wy.py cuda:sm_80 (candidate)",
    )


def test_survey_counts_scripts_that_gave_every_kernel() -> None:
    report = survey()
    assert report.headline == "3 kernels captured from 4 scripts and zoo kernels"
    assert report.details == (
        "all kernels of 2 of 3 scripts and zoo kernels that compile any (67 %)",
        "2 lower, 1 do not; 3 left out",
    )
    nothing = survey_report([], side=report.side, left_out={}, next_command="")
    assert nothing.details[0] == "nothing compiles any kernel"
