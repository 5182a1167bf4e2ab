"""Passes under other names are known by what they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import module, trace_of

from scaffold.diff.align import PassPair, align_passes
from scaffold.diff.model import Status
from scaffold.diff.regroup import Effects, regroup
from scaffold.diff.two_sides import compare
from scaffold.report.build import report_two_sides
from scaffold.trace.model import PassRecord

START = module(*(f"C[{i}] = 0" for i in range(8)))


def did(*places: int, to: int = 1, of: str = START) -> str:
    for place in places:
        of = of.replace(f"C[{place}] = 0", f"C[{place}] = {to}")
    return of


ONE, TWO, FOUR = did(1), did(1, 2), did(1, 2, 3, 4)


def rows(ours: Sequence[tuple[str, str]], theirs: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    result = compare(trace_of(START, *ours), trace_of(START, *theirs))
    return [(row.name, row.renamed, row.status.value) for row in result.passes]


def test_pass_renamed_between_the_same_neighbours_is_one_pass() -> None:
    found = rows(
        [("tl.A", START), ("tl.LayoutReducer", TWO), ("tl.Z", TWO)],
        [("tl.A", START), ("tl.PlanReducer", TWO), ("tl.Z", TWO)],
    )
    assert found == [("tl.A", "", "same"), ("tl.LayoutReducer", "tl.PlanReducer", "same"), ("tl.Z", "", "same")]


def test_pass_renamed_and_changed_in_part_is_compared_with_itself() -> None:
    files = (
        trace_of(START, ("tl.Old", FOUR), ("tl.Z", FOUR)),
        trace_of(START, ("tl.New", did(4, to=9, of=did(1, 2, 3))), ("tl.Z", did(4, to=9, of=did(1, 2, 3)))),
    )
    result = compare(*files)
    row = result.passes[0]
    assert (row.name, row.renamed, row.status) == ("tl.Old", "tl.New", Status.INTRODUCES)
    verdict = report_two_sides(*files, result, next_command="next").verdict
    assert (
        verdict.headline
        == "the generated source is the same; tl.Old -> tl.New is the first pass to introduce a difference of values"
    )
    assert "passes: 1 under another name" in verdict.details


def test_two_passes_that_do_different_things_stay_two() -> None:
    found = rows([("tl.Old", TWO), ("tl.Z", TWO)], [("tl.New", did(3, 4)), ("tl.Z", did(3, 4))])
    assert [name for name, _, _ in found] == ["tl.Old", "tl.New", "tl.Z"]
    assert not any(renamed for _, renamed, _ in found)


def test_passes_that_do_nothing_are_not_taken_for_one_another() -> None:
    found = rows([("tl.Old", START), ("tl.Z", ONE)], [("tl.New", START), ("tl.Z", ONE)])
    assert found == [("tl.Old", "", "only on baseline"), ("tl.New", "", "only on candidate"), ("tl.Z", "", "same")]


def test_pass_that_was_split_is_those_that_do_it_together() -> None:
    one = [("tl.A", START), ("tl.Old", FOUR), ("tl.Z", FOUR)]
    several = [("tl.A", START), ("tl.First", TWO), ("tl.Verify", TWO), ("tl.Second", FOUR), ("tl.Z", FOUR)]
    assert rows(one, several) == [
        ("tl.A", "", "same"),
        ("tl.Verify", "", "only on candidate"),
        ("tl.Old", "tl.First + tl.Second", "same"),
        ("tl.Z", "", "same"),
    ]
    assert rows(several, one) == [
        ("tl.A", "", "same"),
        ("tl.Verify", "", "only on baseline"),
        ("tl.First + tl.Second", "tl.Old", "same"),
        ("tl.Z", "", "same"),
    ]


def test_passes_that_together_do_something_else_are_no_split() -> None:
    found = rows([("tl.Old", FOUR)], [("tl.First", did(5)), ("tl.Second", did(5, 6))])
    assert not any(renamed for _, renamed, _ in found)


def test_names_of_variables_do_not_keep_a_renamed_pass_from_being_known() -> None:
    ours = START.replace("C[1] = 0", "x: T.int32 = A[0]\n        C[1] = x")
    theirs = ours.replace("x: ", "y: ").replace("= x", "= y")
    assert rows([("tl.Old", ours)], [("tl.New", theirs)])[0][:2] == ("tl.Old", "tl.New")


def test_pass_found_elsewhere_by_its_name_is_moved_and_not_renamed() -> None:
    found = rows(
        [("tl.Move", ONE), ("tl.A", did(1, 7)), ("tl.Z", did(1, 7))],
        [("tl.New", ONE), ("tl.A", did(1, 7)), ("tl.Move", did(1, 7)), ("tl.Z", did(1, 7))],
    )
    assert not any(renamed for _, renamed, _ in found)


REDUCER = module("acc = T.alloc()", "T.fill(acc, 0)", "acc[0] = acc[0] + A[0]", "T.finalize(acc)", "C[0] = acc[0]")
NOTED = REDUCER.replace("T.finalize(acc)", "T.finalize(acc, 0)")
MADE_OVER = (
    REDUCER.replace("T.fill(acc, 0)", "T.reducer_init(acc)")
    .replace("acc[0] = acc[0] + A[0]", "T.reducer_update(acc[0], A[0])")
    .replace("T.finalize(acc)", "T.finalize_v2(acc, made)")
    .replace("C[0] = acc[0]", "C[0] = made[0]")
)


def rewritten(theirs: Sequence[tuple[str, str]], made: str = NOTED) -> list[tuple[str, str]]:
    """Rows of a comparison in which the baseline makes ``made`` of a reducer, and the candidate something else."""
    ours = [("tl.A", REDUCER), ("tl.LayoutReducer", made), ("tl.Z", made)]
    result = compare(trace_of(REDUCER, *ours), trace_of(REDUCER, ("tl.A", REDUCER), *theirs))
    return [(row.name, row.renamed) for row in result.passes]


def test_pass_written_anew_is_known_by_its_place_and_by_the_statements_it_is_there_for() -> None:
    theirs = [("tl.Canonicalize", MADE_OVER), ("tl.Verify", MADE_OVER), ("tl.Z", MADE_OVER), ("tl.Materialize", NOTED)]
    assert rewritten(theirs) == [
        ("tl.A", ""),
        ("tl.LayoutReducer", "tl.Canonicalize"),
        ("tl.Verify", ""),
        ("tl.Z", ""),
        ("tl.Materialize", ""),
    ]


def test_pass_beside_another_that_does_something_too_is_not_known_by_its_place() -> None:
    synced = MADE_OVER.replace("C[0] = made[0]", 'T.sync("shared")\n        C[0] = made[0]')
    found = rewritten([("tl.Canonicalize", MADE_OVER), ("tl.Sync", synced), ("tl.Z", synced)])
    assert not any(renamed for _, renamed in found)


def test_pass_that_takes_away_another_statement_is_another_pass() -> None:
    other = REDUCER.replace("C[0] = acc[0]", "C[0] = T.exp(acc[0])")
    found = rewritten([("tl.Exp", other), ("tl.Z", other)])
    assert not any(renamed for _, renamed in found)


def test_passes_that_have_annotations_only_in_common_are_two() -> None:
    """What one of them does to statements is nothing, which is among all that the other does."""
    hinted = REDUCER.replace("T.finalize(acc)", "T.finalize(acc, hint=1)")
    found = rewritten([("tl.Canonicalize", MADE_OVER), ("tl.Z", MADE_OVER)], made=hinted)
    assert not any(renamed for _, renamed in found)


PASSES = st.lists(st.tuples(st.sampled_from(["A", "B", "C", "D", "E"]), st.sets(st.integers(0, 7))), max_size=6)


@given(PASSES, PASSES)
@pytest.mark.parametrize("swap", [False, True])
def test_regroup_keeps_every_pass_of_both_sides_in_order(
    swap: bool, ours: list[tuple[str, set[int]]], theirs: list[tuple[str, set[int]]]
) -> None:
    if swap:
        ours, theirs = theirs, ours
    one, other = (trace_of(START, *((name, did(*places)) for name, places in side)) for side in (ours, theirs))

    def effect(before: str, after: str) -> Counter[str]:
        texts = {**one.texts, **other.texts}
        return Counter(set(texts[after].splitlines()) - set(texts[before].splitlines()))

    effects = Effects(on_lines=effect, on_statements=effect)
    pairs = regroup(
        align_passes(one.trace.passes, other.trace.passes, effects.on_lines, effects.on_lines), effects, effects
    )
    for side, records in (("baseline", one.trace.passes), ("candidate", other.trace.passes)):
        parts = [part for pair in pairs for part in _parts(pair, side)]
        assert sorted(part.sequence for part in parts) == [record.sequence for record in records], "each once"
        ends = [_parts(pair, side)[-1].sequence for pair in pairs if _parts(pair, side)]
        assert ends == sorted(ends)


def _parts(pair: PassPair, side: str) -> list[PassRecord]:
    parts = pair.baseline_parts if side == "baseline" else pair.candidate_parts
    record = pair.baseline if side == "baseline" else pair.candidate
    return list(parts) or ([record] if record is not None else [])
