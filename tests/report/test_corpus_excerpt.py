"""The example of a pattern, cut and marked."""

from __future__ import annotations

from dataclasses import replace

from corpora import VECTORS

from scaffold.diff.text import Line
from scaffold.report.corpus_excerpt import excerpt_of


def marked(line: Line) -> list[str]:
    return [line.text[start:end] for start, end in line.marks]


def test_lines_keep_their_order_and_signs_removed_before_added() -> None:
    assert [f"{line.kind}{line.text}" for line in excerpt_of(VECTORS, 100)] == list(VECTORS.excerpt)


def test_lines_of_one_shape_are_marked_where_they_differ() -> None:
    lines = excerpt_of(VECTORS, 100)
    assert [marked(line) for line in lines if "for (int" in line.text] == [["32"], ["8"]]


def test_the_telling_lines_are_a_pair_though_of_another_shape() -> None:
    pattern = replace(
        VECTORS,
        baseline_line="load(a[i], b);",
        candidate_line="load(a[i + 1], b);",
        excerpt=("-load(a[i], b);", "+gone(x);", "+load(a[i + 1], b);"),
    )
    before, other, after = excerpt_of(pattern, 100)
    assert (marked(before), marked(other), marked(after)) == ([], [], ["+ 1"])


def test_a_long_pair_is_cut_with_its_difference_in_sight() -> None:
    long = "f(" + "a, " * 300
    pattern = replace(VECTORS, excerpt=(f"-{long}1);", f"+{long}2);", f" {long}"))
    lines = excerpt_of(pattern, 80)
    assert max(len(line.text) for line in lines) <= 81
    assert [marked(line) for line in lines[:2]] == [["1"], ["2"]]
    assert lines[2].text.endswith("…")


def test_without_an_excerpt_the_pair_is_the_example() -> None:
    lines = excerpt_of(replace(VECTORS, excerpt=(), baseline_line=None), 100)
    assert [(line.kind, line.text) for line in lines] == [("+", VECTORS.candidate_line)]
    assert excerpt_of(replace(VECTORS, excerpt=(), baseline_line=None, candidate_line=None), 100) == []
