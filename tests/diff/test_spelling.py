"""What two releases only write differently is no difference, and is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from traces import module, trace_of

from scaffold.diff.equality import Tier
from scaffold.diff.model import Degree, Status
from scaffold.diff.printing import LAYOUT_LISTS, NEWER_TVM, OLDER_TVM, THREAD_RANGES, in_one_spelling
from scaffold.diff.two_sides import compare
from scaffold.trace.model import TraceFile

NEWER = module('with T.sblock("x"):', '    T.sblock_attr({"tirx.a": 1})', "    C[0] = 1", "C[9] = 0")
OLDER = NEWER.replace("sblock", "block").replace("tirx.a", "tir.a")
LISTS = "# Fragment#00000000 = Fragment([8] -> [_i])\n"
TUPLES = "# Fragment#11111111 = Fragment((8,) -> (_i,))\n"
THREADS = TUPLES.replace("(_i,))", "(_i,), thread_range: I.Range(0, 128))")


def of_the_older(file: TraceFile) -> TraceFile:
    return replace(file, trace=replace(file.trace, build=replace(file.trace.build, tir_namespace="tir")))


def older(text: str = OLDER, *steps: tuple[str, str]) -> TraceFile:
    return of_the_older(trace_of(text, *steps))


def test_sides_of_one_kind_are_left_as_they_are() -> None:
    for one, other in ((trace_of(NEWER), trace_of(NEWER)), (older(), older())):
        assert [side.conventions for side in in_one_spelling(one, other)] == [(), ()]
        assert all(
            side.lines(side.file.trace.input) == side.recorded(side.file.trace.input)
            for side in in_one_spelling(one, other)
        )


def test_sides_of_two_kinds_get_the_conventions_of_each_whichever_is_first() -> None:
    ours, theirs = in_one_spelling(older(), trace_of(NEWER))
    assert (ours.conventions, theirs.conventions) == (OLDER_TVM, NEWER_TVM)
    theirs, ours = in_one_spelling(trace_of(NEWER), older())
    assert (ours.conventions, theirs.conventions) == (OLDER_TVM, NEWER_TVM)


@pytest.mark.parametrize(
    ("one", "other", "ours", "theirs"),
    [
        (LISTS, TUPLES, (LAYOUT_LISTS,), ()),
        (TUPLES, THREADS, (), (THREAD_RANGES,)),
        (LISTS, THREADS, (LAYOUT_LISTS,), (THREAD_RANGES,)),
        (THREADS, THREADS, (), ()),
        ("", THREADS, (), ()),
    ],
)
def test_layouts_are_brought_together_where_each_side_has_the_other_habit(
    one: str, other: str, ours: object, theirs: object
) -> None:
    files = (trace_of(module("C[0] = 1", notes=notes)) for notes in (one, other))
    assert tuple(side.conventions for side in in_one_spelling(*files)) == (ours, theirs)


def test_compare_the_same_program_in_two_spellings_is_no_finding_and_counted() -> None:
    result = compare(older(OLDER, ("tl.Quiet", OLDER)), trace_of(NEWER, ("tl.Quiet", NEWER)))
    assert not result.finding
    assert not result.identical
    assert (result.weakest, result.inputs) == (Tier.STRUCTURE, Tier.STRUCTURE)
    assert [row.status for row in result.passes] == [Status.SAME]
    assert (result.state_lines, result.effect_lines) == (0, 0)
    assert result.printed_lines == 4, "two lines on either side"


def test_compare_a_real_change_beside_another_spelling_is_found_alone() -> None:
    changed = NEWER.replace("C[0] = 1", "C[0] = 2")
    result = compare(older(OLDER, ("tl.Lower", OLDER)), trace_of(NEWER, ("tl.Lower", changed)))
    assert result.introduced is not None
    assert (result.introduced.pass_name, result.introduced.degree) == ("tl.Lower", Degree.VALUES)
    (row,) = result.passes
    assert [line.text.strip() for hunk in row.hunks for line in hunk.lines if line.kind != " "] == [
        "C[0] = 1",
        "C[0] = 2",
    ]
    assert (row.state_lines, row.printed_lines) == (2, 4)


def test_compare_does_not_take_one_kinds_words_for_the_others_within_one_kind() -> None:
    """``T.block`` where ``T.sblock`` was is a change, if both sides come from one TVM."""
    result = compare(trace_of(NEWER, ("tl.Lower", NEWER)), trace_of(NEWER, ("tl.Lower", OLDER)))
    assert result.finding
    assert result.printed_lines == 0


def test_compare_shows_a_line_that_is_said_elsewhere_as_recorded_and_as_no_news() -> None:
    ours = module("A2 = T.decl_buffer((8,))", "A2[0] = 1")
    theirs = module("A2 = T.alloc_buffer((8,))", "A3 = T.decl_buffer((8,), data=A2.data)", "A3[0] = 2")
    (row,) = compare(older(ours, ("tl.Lower", ours)), trace_of(ours, ("tl.Lower", theirs))).passes
    changed = [
        (line.kind + line.text.strip(), line.carried) for hunk in row.hunks for line in hunk.lines if line.kind != " "
    ]
    assert ("+A3 = T.decl_buffer((8,), data=A2.data)", True) in changed
    assert [text for text, carried in changed if not carried] == ["-A2[0] = 1", "+A2[0] = 2"]
    numbers = [line.after for hunk in row.hunks for line in hunk.lines if line.after]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "line numbers stay those of the recorded text"
