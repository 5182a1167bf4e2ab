"""Planted faults: each is found where it was planted, as what it is, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import Step, failure_in, module, trace_of

from scaffold.diff.equality import Tier
from scaffold.diff.model import Degree, PassComparison, Status, TwoSides
from scaffold.diff.two_sides import compare
from scaffold.trace.model import text_digest

START = module("C[8] = 0", "C[9] = 0")
LOOP = module("for k in T.serial(4):", "    C[k] = A[k] + 1", "C[9] = 0")
LOOP_2 = LOOP.replace("+ 1", "+ 2")
LOOP_SYNC = LOOP.replace("+ 1\n", '+ 1\n            T.tvm_storage_sync("shared")\n')
SYNC = 'T.tvm_storage_sync("shared")'


def later(text: str) -> str:
    """What every further pass does: the same on both sides, at a line of its own."""
    return text.replace("C[9] = 0", "C[9] = 7")


def row(result: TwoSides, name: str) -> PassComparison:
    (found,) = [item for item in result.passes if item.name == name]
    return found


def statuses(result: TwoSides) -> list[tuple[str, Status, Degree]]:
    return [(item.name, item.status, item.degree) for item in result.passes]


def fresh(comparison: PassComparison) -> list[str]:
    return [
        line.kind + line.text.strip()
        for hunk in comparison.hunks
        for line in hunk.lines
        if line.kind != " " and not line.carried
    ]


def carried(comparison: PassComparison) -> list[str]:
    return [line.kind + line.text.strip() for hunk in comparison.hunks for line in hunk.lines if line.carried]


def test_compare_identical_traces_finds_nothing() -> None:
    file = trace_of(START, ("tl.Lower", LOOP), ("tl.Next", later(LOOP)))
    result = compare(file, file)
    assert result.identical
    assert not result.finding
    assert statuses(result) == [("tl.Lower", Status.SAME, Degree.NONE), ("tl.Next", Status.SAME, Degree.NONE)]
    assert (result.introduced, result.reshaped, result.inputs, result.source_tier) == (
        None,
        None,
        Tier.BYTES,
        Tier.BYTES,
    )
    assert (result.effect_lines, result.state_lines) == (0, 0)


def test_compare_one_constant_is_introduced_in_values_and_then_carried() -> None:
    result = compare(
        trace_of(START, ("tl.Lower", LOOP), ("tl.Next", later(LOOP)), ("tl.Quiet", later(LOOP))),
        trace_of(START, ("tl.Lower", LOOP_2), ("tl.Next", later(LOOP_2)), ("tl.Quiet", later(LOOP_2))),
    )
    assert statuses(result) == [
        ("tl.Lower", Status.INTRODUCES, Degree.VALUES),
        ("tl.Next", Status.CARRIES, Degree.NONE),
        ("tl.Quiet", Status.CARRIES, Degree.NONE),
    ]
    assert result.finding
    assert result.reshaped is None
    finding = result.introduced
    assert finding is not None
    assert (finding.pass_name, finding.position, finding.degree) == ("tl.Lower", 0, Degree.VALUES)
    assert (finding.function, finding.place) == ("gemm", "gemm > for k")
    assert (finding.baseline_line, finding.candidate_line) == ("C[k] = A[k] + 1", "C[k] = A[k] + 2")
    assert (result.effect_lines, result.state_lines) == (2, 6)
    assert [(item.tier_before, item.tier_after) for item in result.passes] == [
        (Tier.BYTES, Tier.DIFFERENT),
        (Tier.DIFFERENT, Tier.DIFFERENT),
        (Tier.DIFFERENT, Tier.DIFFERENT),
    ]


def test_compare_an_inserted_statement_is_introduced_in_shape() -> None:
    result = compare(
        trace_of(START, ("tl.Lower", LOOP), ("tl.Next", later(LOOP))),
        trace_of(START, ("tl.Lower", LOOP_SYNC), ("tl.Next", later(LOOP_SYNC))),
    )
    assert statuses(result) == [
        ("tl.Lower", Status.INTRODUCES, Degree.SHAPE),
        ("tl.Next", Status.CARRIES, Degree.NONE),
    ]
    finding = result.introduced
    assert finding is not None
    assert finding == result.reshaped
    assert (finding.place, finding.baseline_line, finding.candidate_line) == ("gemm > for k", None, SYNC)
    assert fresh(result.passes[0]) == [f"+{SYNC}"]
    assert [(delta.name, delta.before, delta.after) for delta in result.passes[0].metrics] == [
        ("lines", 11, 12),
        ("barriers", None, 1),
    ]
    assert result.effect_lines < result.state_lines


def test_compare_a_removed_statement_shows_it_on_the_baseline() -> None:
    finding = compare(trace_of(START, ("tl.Lower", LOOP_SYNC)), trace_of(START, ("tl.Lower", LOOP))).introduced
    assert finding is not None
    assert (finding.baseline_line, finding.candidate_line, finding.place) == (SYNC, None, "gemm > for k")


def test_compare_values_before_shape_keeps_both_findings() -> None:
    shaped = later(LOOP_SYNC.replace("+ 1", "+ 2"))
    result = compare(
        trace_of(START, ("tl.Lower", LOOP), ("tl.Sync", later(LOOP))),
        trace_of(START, ("tl.Lower", LOOP_2), ("tl.Sync", shaped)),
    )
    assert result.introduced is not None
    assert result.reshaped is not None
    assert (result.introduced.pass_name, result.introduced.degree) == ("tl.Lower", Degree.VALUES)
    assert (result.reshaped.pass_name, result.reshaped.candidate_line) == ("tl.Sync", SYNC)
    second = result.passes[1]
    assert second.status is Status.INTRODUCES
    assert fresh(second) == [f"+{SYNC}"]
    assert carried(second) == ["-C[k] = A[k] + 1", "+C[k] = A[k] + 2"]


def test_compare_a_second_constant_is_a_second_introduction() -> None:
    result = compare(
        trace_of(START, ("tl.Lower", LOOP), ("tl.Next", later(LOOP))),
        trace_of(START, ("tl.Lower", LOOP_2), ("tl.Next", later(LOOP_2).replace("= 7", "= 8"))),
    )
    assert statuses(result)[1] == ("tl.Next", Status.INTRODUCES, Degree.VALUES)
    assert fresh(result.passes[1]) == ["-C[9] = 7", "+C[9] = 8"]


def test_compare_names_only_is_no_finding() -> None:
    one = module("x: T.int32 = A[0]", "C[9] = x")
    other = module("z: T.int32 = A[0]", "C[9] = z")
    more, more_other = one.replace("C[9]", "C[7]"), other.replace("C[9]", "C[7]")
    result = compare(
        trace_of(START, ("tl.Lower", one), ("tl.Next", more)),
        trace_of(START, ("tl.Lower", other), ("tl.Next", more_other)),
    )
    assert statuses(result) == [("tl.Lower", Status.INTRODUCES, Degree.NAMES), ("tl.Next", Status.SAME, Degree.NONE)]
    assert result.weakest is Tier.NAMES
    assert not result.finding
    assert not result.identical
    assert (result.introduced, result.reshaped) == (None, None)
    assert result.passes[0].names == (("z", "x"),)


def test_compare_comments_only_is_no_finding() -> None:
    result = compare(trace_of(START, ("tl.Lower", LOOP)), trace_of(START, ("tl.Lower", "# from tvm\n" + LOOP)))
    assert result.weakest is Tier.STRUCTURE
    assert statuses(result) == [("tl.Lower", Status.SAME, Degree.NONE)]
    assert not result.finding
    assert not result.identical


def test_compare_a_renaming_hides_no_value() -> None:
    one = module("x: T.int32 = A[0]", "C[9] = x + 1")
    other = one.replace("x: T", "y: T").replace("= x + 1", "= y + 2")
    result = compare(trace_of(START, ("tl.Lower", one)), trace_of(START, ("tl.Lower", other)))
    assert statuses(result) == [("tl.Lower", Status.INTRODUCES, Degree.VALUES)]
    assert fresh(result.passes[0]) == ["-C[9] = x + 1", "+C[9] = x + 2"]


def test_compare_a_pass_that_makes_the_sides_equal_heals() -> None:
    result = compare(
        trace_of(START, ("tl.Lower", LOOP), ("tl.Simplify", LOOP)),
        trace_of(START, ("tl.Lower", LOOP_2), ("tl.Simplify", LOOP)),
    )
    assert [item.status for item in result.passes] == [Status.INTRODUCES, Status.HEALS]
    assert (result.passes[1].tier_before, result.passes[1].tier_after) == (Tier.DIFFERENT, Tier.BYTES)
    assert result.passes[1].state_lines == 0
    assert result.finding
    assert not result.identical


def test_compare_different_inputs_are_carried_and_no_pass_is_blamed() -> None:
    result = compare(
        trace_of(LOOP, ("tl.Next", later(LOOP)), ("tl.Quiet", later(LOOP))),
        trace_of(LOOP_2, ("tl.Next", later(LOOP_2)), ("tl.Quiet", later(LOOP_2))),
    )
    assert {item.status for item in result.passes} == {Status.CARRIES}
    assert {item.degree for item in result.passes} == {Degree.NONE}
    assert result.inputs is Tier.DIFFERENT
    assert [line.text.strip() for hunk in result.input_hunks for line in hunk.lines if line.kind != " "] == [
        "C[k] = A[k] + 1",
        "C[k] = A[k] + 2",
    ]
    assert result.finding
    assert result.introduced is None
    assert (result.effect_lines, result.state_lines) == (0, 4)


def test_compare_a_pass_that_turns_a_carried_value_into_shape_introduces() -> None:
    """Two stages against three: the input differs in a number, one pass makes statements of it."""
    unrolled = later(
        LOOP.replace("for k in T.serial(4):\n            C[k] = A[k] + 1", "C[0] = A[0] + 1\n        C[1] = A[1] + 1")
    )
    three = unrolled.replace("        C[1] = A[1] + 1\n", "        C[1] = A[1] + 1\n        C[2] = A[2] + 1\n")
    result = compare(
        trace_of(LOOP, ("tl.Quiet", LOOP), ("tl.Inject", unrolled)),
        trace_of(
            LOOP.replace("serial(4)", "serial(5)"),
            ("tl.Quiet", LOOP.replace("serial(4)", "serial(5)")),
            ("tl.Inject", three),
        ),
    )
    assert statuses(result) == [
        ("tl.Quiet", Status.CARRIES, Degree.NONE),
        ("tl.Inject", Status.INTRODUCES, Degree.SHAPE),
    ]
    assert result.reshaped is not None
    assert result.reshaped.candidate_line == "C[2] = A[2] + 1"


@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_compare_a_pass_on_one_side_that_changes_something_is_the_finding(side: str) -> None:
    with_it = trace_of(START, ("tl.Lower", LOOP), ("tl.Extra", LOOP_SYNC), ("tl.Next", later(LOOP_SYNC)))
    without = trace_of(START, ("tl.Lower", LOOP), ("tl.Next", later(LOOP)))
    result = compare(with_it, without) if side == "baseline" else compare(without, with_it)
    extra = row(result, "tl.Extra")
    assert extra.status is (Status.ONLY_BASELINE if side == "baseline" else Status.ONLY_CANDIDATE)
    assert (extra.baseline is None) is (side == "candidate")
    assert not extra.moved
    assert (extra.tier_before, extra.tier_after) == (Tier.BYTES, Tier.DIFFERENT)
    assert extra.effect_lines == 1
    assert (row(result, "tl.Next").status, row(result, "tl.Next").degree) == (Status.CARRIES, Degree.NONE)
    finding = result.introduced
    assert finding is not None
    assert (finding.pass_name, finding.place) == ("tl.Extra", "gemm > for k")
    # Its own before and after are what it shows: on either side it added the line.
    assert (finding.baseline_line, finding.candidate_line) == (None, SYNC)


def test_compare_a_pass_on_one_side_that_does_nothing_is_no_finding() -> None:
    result = compare(trace_of(START, ("tl.Lower", LOOP)), trace_of(START, ("tl.Lower", LOOP), ("tl.Extra", LOOP)))
    assert (row(result, "tl.Extra").status, row(result, "tl.Extra").degree) == (Status.ONLY_CANDIDATE, Degree.NONE)
    assert result.identical
    assert result.introduced is None


def test_compare_a_pass_on_one_side_that_only_renames_is_no_finding() -> None:
    one = module("x: T.int32 = A[0]", "C[9] = x")
    other = module("y: T.int32 = A[0]", "C[9] = y")
    result = compare(trace_of(START, ("tl.Lower", one)), trace_of(START, ("tl.Lower", one), ("tl.Rename", other)))
    assert result.weakest is Tier.NAMES
    assert result.introduced is None


def test_compare_swapped_passes_are_marked_moved_and_meet_again() -> None:
    sync_first = START.replace("C[8] = 0", SYNC)
    result = compare(
        trace_of(START, ("tl.Nine", later(START)), ("tl.Sync", later(sync_first)), ("tl.End", later(sync_first))),
        trace_of(START, ("tl.Sync", sync_first), ("tl.Nine", later(sync_first)), ("tl.End", later(sync_first))),
    )
    alone = [item for item in result.passes if item.status in (Status.ONLY_BASELINE, Status.ONLY_CANDIDATE)]
    assert len({item.name for item in alone}) == 1
    assert len(alone) == 2
    assert all(item.moved for item in alone)
    assert not any(item.moved for item in result.passes if item not in alone)
    assert (row(result, "tl.End").status, row(result, "tl.End").tier_before) == (Status.SAME, Tier.BYTES)


def test_compare_a_nested_pass_on_one_side_does_not_move_what_both_have_reached() -> None:
    helper = module("T.evaluate(0)", name="helper")
    result = compare(
        trace_of(START, Step("tl.Outer", LOOP), Step("tl.Other", LOOP)),
        trace_of(START, Step("tl.Outer", LOOP), Step("tl.Nested", helper, depth=1), Step("tl.Other", LOOP)),
    )
    nested = row(result, "tl.Nested")
    assert (nested.tier_before, nested.tier_after) == (Tier.BYTES, Tier.BYTES)
    assert result.identical
    assert result.introduced is None


def test_compare_a_nested_pass_on_both_sides_does_not_move_what_both_have_reached() -> None:
    shared = (Step("tl.Outer", LOOP), Step("tl.Nested", module("T.evaluate(0)", name="helper"), depth=1))
    result = compare(trace_of(START, *shared), trace_of(START, *shared, Step("tl.Extra", LOOP)))
    assert (row(result, "tl.Extra").tier_before, row(result, "tl.Extra").tier_after) == (Tier.BYTES, Tier.BYTES)
    assert result.identical


def test_compare_a_pass_that_raised_on_one_side_is_the_finding() -> None:
    result = compare(
        trace_of(START, ("tl.Lower", LOOP), ("tl.Next", later(LOOP))),
        trace_of(START, ("tl.Lower", LOOP), ("tl.Next", None), failure=failure_in(1, "tl.Next"), source=None),
    )
    assert statuses(result) == [("tl.Lower", Status.SAME, Degree.NONE), ("tl.Next", Status.FAILED, Degree.SHAPE)]
    assert result.finding
    assert result.introduced is not None
    assert (result.introduced.pass_name, result.introduced.candidate_line) == ("tl.Next", None)
    assert result.source_tier is None


def test_compare_the_same_failure_on_both_sides_is_no_difference() -> None:
    file = trace_of(START, ("tl.Lower", LOOP), ("tl.Next", None), failure=failure_in(1, "tl.Next"), source=None)
    result = compare(file, file)
    assert result.identical
    assert row(result, "tl.Next").status is Status.FAILED


def test_compare_another_failure_in_the_same_pass_is_a_difference() -> None:
    one, other = (
        trace_of(START, ("tl.Next", None), failure=failure_in(0, "tl.Next", message), source=None)
        for message in ("no layout", "no memory")
    )
    assert compare(one, other).weakest is Tier.DIFFERENT


@pytest.mark.parametrize("name", [None, "tl.Extra"])
def test_compare_a_failure_of_one_side_where_the_other_has_no_pass_is_a_difference(name: str | None) -> None:
    """Outside any pass (code generation), or in a pass that the other side does not run."""
    steps: list[tuple[str, str | None]] = [("tl.Lower", LOOP)]
    failed = trace_of(
        START, *steps, *([(name, None)] if name else []), failure=failure_in(1 if name else None, name), source=None
    )
    for result in (compare(failed, trace_of(START, *steps)), compare(trace_of(START, *steps), failed)):
        assert result.finding
        assert not result.identical


@pytest.mark.parametrize("swapped", [False, True])
def test_compare_names_the_pass_that_failed_and_not_what_was_never_reached(swapped: bool) -> None:
    failed = trace_of(START, ("tl.Lower", LOOP), ("tl.Dies", None), failure=failure_in(1, "tl.Dies"), source=None)
    whole = trace_of(START, ("tl.Lower", LOOP), ("tl.Next", LOOP_2))
    result = compare(whole, failed) if swapped else compare(failed, whole)
    assert result.telling is not None
    assert result.telling.pass_name == "tl.Dies"


LAYOUT = "# Layout#3e003954 = Layout((128, 32) -> (_i // 8, _j % 8))\n"


def test_compare_a_changed_layout_under_the_same_text_is_found() -> None:
    statement = 'T.sblock_attr({"layout_map": {A: Layout#3e003954}})'
    one = module(statement, "C[9] = 0", notes=LAYOUT)
    other = one.replace("_j % 8", "_j % 4").replace("3e003954", "0badcafe")
    result = compare(trace_of(START, ("tl.LayoutInference", one)), trace_of(START, ("tl.LayoutInference", other)))
    assert statuses(result) == [("tl.LayoutInference", Status.INTRODUCES, Degree.VALUES)]
    finding = result.introduced
    assert finding is not None
    assert "Layout#3e003954" in (finding.baseline_line or "")
    assert "Layout#0badcafe" in (finding.candidate_line or "")


def test_compare_a_changed_layout_definition_alone_is_found() -> None:
    """Even under an unchanged name: no hash is trusted to tell."""
    one = module("C[9] = 0", notes=LAYOUT)
    result = compare(
        trace_of(START, ("tl.LayoutInference", one)),
        trace_of(START, ("tl.LayoutInference", one.replace("_j % 8", "_j % 4"))),
    )
    assert statuses(result) == [("tl.LayoutInference", Status.INTRODUCES, Degree.VALUES)]
    assert result.introduced is not None
    assert result.introduced.candidate_line == LAYOUT.replace("_j % 8", "_j % 4").strip()


def test_compare_a_real_change_is_told_before_the_bookkeeping_that_follows_from_it() -> None:
    one = module('with T.sblock("x"):', "    T.reads(A[0:1])", "    C[9] = A[0]")
    other = one.replace("A[0:1]", "A[1:2]").replace("= A[0]", "= A[1]")
    finding = compare(trace_of(START, ("tl.Lower", one)), trace_of(START, ("tl.Lower", other))).introduced
    assert finding is not None
    assert (finding.baseline_line, finding.candidate_line) == ("C[9] = A[0]", "C[9] = A[1]")
    assert finding.place == "gemm > block x"


def test_compare_a_reordered_statement_is_introduced_in_shape() -> None:
    one = module("C[0] = A[0]", SYNC, "C[1] = C[0]")
    other = module(SYNC, "C[0] = A[0]", "C[1] = C[0]")
    result = compare(trace_of(START, ("tl.Plan", one)), trace_of(START, ("tl.Plan", other)))
    assert statuses(result) == [("tl.Plan", Status.INTRODUCES, Degree.SHAPE)]
    assert result.finding
    assert result.introduced is not None
    assert SYNC in (result.introduced.baseline_line, result.introduced.candidate_line)


def test_compare_a_reordered_statement_after_an_earlier_difference_is_introduced() -> None:
    one = module("C[7] = 1", "C[0] = A[0]", SYNC, "C[1] = C[0]")
    two = one.replace("C[7] = 1", "C[7] = 2")
    moved = module("C[7] = 2", SYNC, "C[0] = A[0]", "C[1] = C[0]")
    result = compare(trace_of(one, ("tl.Plan", one)), trace_of(two, ("tl.Plan", moved)))
    assert statuses(result) == [("tl.Plan", Status.INTRODUCES, Degree.SHAPE)]


def test_compare_a_statement_moved_out_of_its_loop_is_introduced_in_shape() -> None:
    one = module("for k in T.serial(4):", "    C[k] = 1", "    C[9] = 0")
    other = module("for k in T.serial(4):", "    C[k] = 1", "C[9] = 0")
    result = compare(trace_of(START, ("tl.Hoist", one)), trace_of(START, ("tl.Hoist", other)))
    assert statuses(result) == [("tl.Hoist", Status.INTRODUCES, Degree.SHAPE)]


def test_compare_a_statement_moved_out_of_its_loop_is_named_in_the_finding() -> None:
    one = module("for k in T.serial(4):", "    C[k] = 1", "    C[9] = 0")
    other = module("for k in T.serial(4):", "    C[k] = 1", "C[9] = 0")
    finding = compare(trace_of(START, ("tl.Hoist", one)), trace_of(START, ("tl.Hoist", other))).introduced
    assert finding is not None
    assert "C[9] = 0" in (finding.baseline_line, finding.candidate_line)


def test_compare_a_statement_moved_out_of_its_loop_after_an_earlier_difference_is_introduced() -> None:
    one = module("C[7] = 1", "for k in T.serial(4):", "    C[k] = 1", "    C[9] = 0")
    two = one.replace("C[7] = 1", "C[7] = 2")
    moved = module("C[7] = 2", "for k in T.serial(4):", "    C[k] = 1", "C[9] = 0")
    result = compare(trace_of(one, ("tl.Hoist", one)), trace_of(two, ("tl.Hoist", moved)))
    assert statuses(result) == [("tl.Hoist", Status.INTRODUCES, Degree.SHAPE)]


def test_compare_other_source_under_equal_passes_is_a_finding_without_a_pass() -> None:
    result = compare(
        trace_of(START, ("tl.Lower", LOOP), source="a;\nb;\n"), trace_of(START, ("tl.Lower", LOOP), source="a;\nc;\n")
    )
    assert result.source_tier is Tier.DIFFERENT
    assert [(hunk.removed, hunk.added) for hunk in result.source_hunks] == [(1, 1)]
    assert result.finding
    assert result.introduced is None


def test_compare_with_the_sides_exchanged_mirrors_every_status() -> None:
    one = trace_of(START, ("tl.Lower", LOOP), ("tl.Extra", LOOP_SYNC), ("tl.Next", later(LOOP_SYNC)))
    other = trace_of(START, ("tl.Lower", LOOP_2), ("tl.Next", later(LOOP_2)))
    mirror = {Status.ONLY_BASELINE: Status.ONLY_CANDIDATE, Status.ONLY_CANDIDATE: Status.ONLY_BASELINE}
    there, back = compare(one, other), compare(other, one)
    assert [item.status for item in back.passes] == [mirror.get(item.status, item.status) for item in there.passes]
    assert (there.effect_lines, there.state_lines, there.weakest) == (back.effect_lines, back.state_lines, back.weakest)


def test_compare_far_places_that_were_carried_are_counted_not_shown() -> None:
    body = [f"x{i} = {i}" for i in range(30)]
    one = module("C[1] = 1", *body, "C[9] = 0")
    two = one.replace("C[1] = 1", "C[1] = 2")
    result = compare(
        trace_of(one, ("tl.End", later(one))), trace_of(two, ("tl.End", later(two).replace("C[9] = 7", "C[9] = 8")))
    )
    (comparison,) = result.passes
    assert comparison.status is Status.INTRODUCES
    assert fresh(comparison) == ["-C[9] = 7", "+C[9] = 8"]
    assert comparison.hidden_hunks == 1
    assert len(comparison.hunks) == 1


BODIES = st.lists(
    st.sampled_from(["C[0] = 1", "C[0] = 2", SYNC, "for k in T.serial(4):", "    C[k] = A[k]"]), max_size=5
)
STEPS = st.lists(st.tuples(st.sampled_from(["tl.A", "tl.B", "tl.C"]), BODIES), max_size=5)


@given(STEPS, STEPS)
def test_compare_any_two_traces_keeps_its_promises(
    ours: list[tuple[str, list[str]]], theirs: list[tuple[str, list[str]]]
) -> None:
    one = trace_of(START, *((name, module(*body)) for name, body in ours))
    other = trace_of(START, *((name, module(*body)) for name, body in theirs))
    result = compare(one, other)
    tiers = [item.tier_after for item in result.passes]
    assert result.weakest is max([Tier.BYTES, *tiers])
    assert result.finding == (Tier.DIFFERENT in tiers)
    assert result.finding == (result.introduced is not None), "inputs and sources are equal: some pass did it"
    for item in result.passes:
        both = item.baseline is not None and item.candidate is not None
        if both and item.status is Status.INTRODUCES and item.degree is not Degree.NAMES:
            assert item.tier_after is Tier.DIFFERENT
            assert item.hunks
        if both and item.status is Status.HEALS:
            assert item.tier_before is Tier.DIFFERENT
            assert item.tier_after is not Tier.DIFFERENT
        if item.status is Status.SAME:
            assert item.tier_after is not Tier.DIFFERENT


@given(STEPS)
def test_compare_any_trace_with_itself_is_identical(steps: list[tuple[str, list[str]]]) -> None:
    file = trace_of(START, *((name, module(*body)) for name, body in steps))
    result = compare(file, file)
    assert result.identical
    assert all(item.status is Status.SAME for item in result.passes)


def test_compare_half_of_a_split_module_that_is_equal_heals_nothing() -> None:
    whole, other = module("C[0] = 1"), module("C[0] = 2")
    host = module("return")
    files = []
    for text in (whole, other):
        file = trace_of(START, ("tl.Split", text), ("tirx.Filter", host), ("tirx.Filter", text))
        *first, last = file.trace.passes
        # The device's half is made of the whole module again, not of the host's half.
        passes = (*first, replace(last, before=first[0].after or ""))
        files.append(replace(file, trace=replace(file.trace, passes=passes)))
    rows = compare(*files).passes
    assert rows[1].status is Status.CARRIES


PLANNED = LOOP.replace("T.serial(4)", 'T.serial(4, annotations={"stages": 2})')
PIPELINED = LOOP.replace("+ 1\n", "+ 1\n            T.ptx_commit_group()\n")


@pytest.mark.parametrize("exchanged", [False, True])
def test_compare_names_the_missing_pass_before_the_one_that_acts_on_it(exchanged: bool) -> None:
    both = trace_of(START, ("tl.Lower", LOOP), ("tl.Plan", PLANNED), ("tl.Pipeline", PIPELINED))
    without = trace_of(START, ("tl.Lower", LOOP), ("tl.Pipeline", LOOP))
    result = compare(*((without, both) if exchanged else (both, without)))
    assert result.telling is not None
    assert result.consequence is not None
    assert (result.telling.pass_name, result.consequence.pass_name) == ("tl.Plan", "tl.Pipeline")
    assert (result.telling.degree, result.consequence.degree) == (Degree.ANNOTATIONS, Degree.SHAPE)


def test_compare_names_the_pass_that_decides_and_the_one_that_uses_it_up() -> None:
    """As a layout is decided by one pass and written out as indices by a later one."""

    def laid_out(digest: str) -> str:
        return module(
            "for k in T.serial(4):", "    C[k] = A[k] + 1", f'T.annotate({{"layout": Layout#{digest}}})', "C[9] = 0"
        )

    result = compare(
        trace_of(START, ("tl.Infer", laid_out("3e003954")), ("tl.LowerTileOp", LOOP)),
        trace_of(START, ("tl.Infer", laid_out("4e003954")), ("tl.LowerTileOp", LOOP_SYNC)),
    )
    assert result.cause is not None
    assert result.telling is not None
    assert (result.cause.pass_name, result.telling.pass_name) == ("tl.Infer", "tl.LowerTileOp")


def test_compare_takes_no_value_for_the_cause_of_what_leaves_it_alone() -> None:
    result = compare(
        trace_of(START, ("tl.Lower", LOOP), ("tl.Sync", later(LOOP))),
        trace_of(START, ("tl.Lower", LOOP_2), ("tl.Sync", later(LOOP_SYNC.replace("+ 1", "+ 2")))),
    )
    assert result.cause is None
    assert result.telling is not None
    assert result.telling.pass_name == "tl.Sync"


def test_compare_takes_a_map_for_what_it_is_whatever_the_order_of_its_entries() -> None:
    one, other = (
        module(f"T.func_attr({{{entries}}})", "C[9] = 0")
        for entries in ('"b": {"y": 1, "x": f(2, 3)}, "a": 4', '"a": 4, "b": {"x": f(2, 3), "y": 1}')
    )
    result = compare(trace_of(START, ("tl.Annotate", one)), trace_of(START, ("tl.Annotate", other)))
    assert not result.finding
    changed = compare(trace_of(START, ("tl.Annotate", one)), trace_of(START, ("tl.Annotate", other.replace("4", "5"))))
    assert changed.finding


@pytest.mark.parametrize("exchanged", [False, True])
def test_passes_that_a_side_did_not_come_to_introduce_nothing(exchanged: bool) -> None:
    """It died between two passes: the next pass is not what differs."""
    whole = trace_of(START, ("tl.Lower", LOOP), ("tl.Plan", PLANNED), ("tl.Pipeline", PIPELINED))
    died = trace_of(START, ("tl.Lower", LOOP), source=None, failure=failure_in(None, None))
    result = compare(*((died, whole) if exchanged else (whole, died)))
    assert result.lowering_differs
    assert result.telling is None
    assert not any(row.introduces for row in result.passes)


@pytest.mark.parametrize("exchanged", [False, True])
def test_modules_that_part_outside_any_pass_are_placed_between_two(exchanged: bool) -> None:
    one = trace_of(START, ("tl.Lower", LOOP), ("tl.Quiet", LOOP))
    other = trace_of(START, ("tl.Lower", LOOP), ("tl.Quiet", LOOP))
    changed = replace(other.trace.passes[1], before=text_digest(LOOP_SYNC), after=text_digest(LOOP_SYNC))
    trace = replace(other.trace, passes=(other.trace.passes[0], changed))
    other = replace(other, trace=trace, texts={**other.texts, text_digest(LOOP_SYNC): LOOP_SYNC})
    result = compare(*((other, one) if exchanged else (one, other)))
    assert result.telling is None
    assert result.parted_before == 1
    assert compare(one, one).parted_before is None
