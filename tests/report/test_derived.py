"""Derived lines are folded where something else changed, and counted."""

from __future__ import annotations

import pytest

from scaffold.diff.text import Hunk, diff_lines
from scaffold.report.derived import fold_derived, folded_note

BLOCK = ('with T.sblock("a"):', "    T.reads(A[i, 0:4])", "    T.writes(B[i])", "    B[i] = A[i, 0]")


def hunk_of(before: tuple[str, ...], after: tuple[str, ...]) -> Hunk:
    return Hunk(tuple(diff_lines(before, after)), "gemm")


def test_what_a_change_entails_is_folded() -> None:
    after = (BLOCK[0], "    T.reads(A[i, 0:2])", BLOCK[2], "    B[i] = A[i, 1]")
    (hunk,), folded = fold_derived([hunk_of(BLOCK, after)])
    assert [f"{line.kind}{line.text.strip()}" for line in hunk.lines] == [
        f" {BLOCK[0]}",
        "-B[i] = A[i, 0]",
        "+B[i] = A[i, 1]",
    ]
    assert folded == 3
    assert folded_note(folded) == "3 lines of T.reads and T.writes folded"


@pytest.mark.parametrize(
    "after",
    [
        (BLOCK[0], "    T.reads(A[i, 0:2])", *BLOCK[2:]),
        (BLOCK[0], *BLOCK[2:]),
        (*BLOCK[:2], BLOCK[3]),
    ],
)
def test_a_change_of_nothing_else_is_shown_whole(after: tuple[str, ...]) -> None:
    whole = hunk_of(BLOCK, after)
    assert fold_derived([whole]) == ([whole], 0)


def test_a_name_that_only_looks_like_one_is_not_folded() -> None:
    before, after = ("x = T.reads_of(A)", "y = 1"), ("x = T.reads_of(A)", "y = 2")
    assert fold_derived([hunk_of(before, after)])[1] == 0
