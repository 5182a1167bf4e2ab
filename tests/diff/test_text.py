"""Line and word differences."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from scaffold.diff.text import (
    Line,
    Opcode,
    changed_lines,
    diff_lines,
    into_hunks,
    lines_of,
    opcodes,
    pair_lines,
    word_marks,
)

LINES = st.lists(
    st.sampled_from(["a = 1", "b = 2", "b = 3", "for k in T.serial(4):", "    C[k] = A[k]", "T.sync()", ""]),
    max_size=14,
)


def side(lines: Sequence[Line], sign: str) -> list[str]:
    return [line.text for line in lines if line.kind in (" ", sign)]


@given(LINES, LINES)
def test_diff_lines_reproduces_both_sides(before: list[str], after: list[str]) -> None:
    lines = diff_lines(before, after)
    assert side(lines, "-") == before
    assert side(lines, "+") == after


@given(LINES, LINES)
def test_diff_lines_numbers_are_those_of_the_sides(before: list[str], after: list[str]) -> None:
    for line in diff_lines(before, after):
        assert (line.before is not None) == (line.kind in " -")
        assert (line.after is not None) == (line.kind in " +")
        if line.before is not None:
            assert before[line.before - 1] == line.text
        if line.after is not None:
            assert after[line.after - 1] == line.text


@given(LINES, LINES)
def test_opcodes_are_those_of_difflib_without_its_guess_at_junk(before: list[str], after: list[str]) -> None:
    expected = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    assert opcodes(before, after) == [Opcode(*code) for code in expected]


def test_opcodes_of_a_long_text_with_a_frequent_line_finds_the_one_change() -> None:
    """With ``autojunk`` a line that makes up over 1 % of 200 or more is not matched, and everything is replaced."""
    assert changed_lines(["x = 1", *["T.sync()"] * 250], ["x = 2", *["T.sync()"] * 250]) == (1, 1)


@given(LINES, LINES)
def test_changed_lines_counts_what_diff_lines_shows(before: list[str], after: list[str]) -> None:
    lines = diff_lines(before, after)
    assert changed_lines(before, after) == tuple(sum(line.kind == sign for line in lines) for sign in "-+")


@given(LINES, LINES, st.integers(0, 4))
def test_into_hunks_holds_every_change_once_with_its_context(before: list[str], after: list[str], context: int) -> None:
    lines = diff_lines(before, after)
    hunks = into_hunks(lines, context=context)
    inside = [line for hunk in hunks for line in hunk.lines]
    assert [line for line in inside if line.kind != " "] == [line for line in lines if line.kind != " "]
    assert len({id(line) for line in inside}) == len(inside), "no line is shown twice"
    changed = [i for i, line in enumerate(lines) if line.kind != " "]
    wanted = {i for c in changed for i in range(c - context, c + context + 1) if 0 <= i < len(lines)}
    assert {id(lines[i]) for i in wanted} <= {id(line) for line in inside}
    assert sum(hunk.removed for hunk in hunks) == changed_lines(before, after)[0]
    assert sum(hunk.added for hunk in hunks) == changed_lines(before, after)[1]


@given(LINES, LINES, st.integers(0, 4))
def test_diff_lines_for_hunks_makes_the_hunks_of_the_whole(before: list[str], after: list[str], context: int) -> None:
    whole, near = diff_lines(before, after), diff_lines(before, after, context=context)
    assert len(near) == len(whole)
    assert into_hunks(near, context=context) == into_hunks(whole, context=context)


def test_into_hunks_far_apart_changes_are_two_hunks_and_near_ones_one() -> None:
    equal = [str(i) for i in range(7)]
    assert len(into_hunks(diff_lines(["x", *equal, "y"], ["X", *equal, "Y"]))) == 2
    assert len(into_hunks(diff_lines(["x", *equal[:6], "y"], ["X", *equal[:6], "Y"]))) == 1


def test_into_hunks_of_equal_texts_is_nothing() -> None:
    assert into_hunks(diff_lines(["a"], ["a"])) == []


def test_lines_of_equal_lines_are_one_object_in_any_text() -> None:
    one, other = lines_of("x = A[k] + 1\ny\n"), lines_of("".join(["z\n", "x = A[k]", " + 1"]))
    assert one == ("x = A[k] + 1", "y")
    assert one[0] is other[1]


def test_word_marks_point_at_the_words_that_changed() -> None:
    before, after = "C[k] = A[k * 2] + 1", "C[k] = A[k * 4] + 1"
    left, right = word_marks(before, after)
    assert [before[slice(*span)] for span in left] == ["2"]
    assert [after[slice(*span)] for span in right] == ["4"]


def test_word_marks_of_an_insertion_mark_one_side_only() -> None:
    before, after = "T.copy(A, B)", "T.copy(A, B, 3)"
    left, right = word_marks(before, after)
    assert left == ()
    assert [after[slice(*span)] for span in right] == [", 3"]


def test_word_marks_of_lines_with_little_in_common_are_none() -> None:
    assert word_marks("for k in T.serial(4):", "B[0] = A[3] + C[9] - 2") == ((), ())


@given(st.text(alphabet="abk =[]()+*.,12", max_size=30), st.text(alphabet="abk =[]()+*.,12", max_size=30))
def test_word_marks_are_ordered_ranges_within_the_line_and_cover_every_difference(before: str, after: str) -> None:
    left, right = word_marks(before, after)
    for text, spans in ((before, left), (after, right)):
        flat = [edge for span in spans for edge in span]
        assert flat == sorted(flat)
        assert all(0 <= start < end <= len(text) for start, end in spans)
    if left or right:
        assert unmarked(before, left) == unmarked(after, right)


def unmarked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in reversed(spans):
        text = text[:start] + " " + text[end:]
    return "".join(text.split())


def test_diff_lines_marks_the_lines_it_pairs() -> None:
    removed, added = diff_lines(["C[k] = 1"], ["C[k] = 2"])
    assert (removed.marks, added.marks) == (((7, 8),), ((7, 8),))


def test_pair_lines_pairs_by_shape_before_order() -> None:
    removed = ["x = 1", "T.copy(A, B)"]
    added = ["T.sync()", "x = 2", "T.copy(A, D)"]
    assert pair_lines(removed, added) == [(0, 1), (1, 2)]


def test_pair_lines_of_equally_many_strangers_pairs_in_order() -> None:
    assert pair_lines(["x = 1", "T.f(x)"], ["for k in y:", "if z < 3:"]) == [(0, 0), (1, 1)]


def test_pair_lines_of_unequally_many_strangers_pairs_none() -> None:
    assert pair_lines(["x = 1"], ["for k in y:", "if z < 3:"]) == []
