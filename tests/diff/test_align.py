"""Which pass is which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import Step, module, trace_of

from scaffold.diff.align import PassPair, align_passes
from scaffold.diff.effect import signed_multiset
from scaffold.trace.model import PassRecord, TraceFile

TEXT = module()


def no_effect(_: str, __: str) -> Counter[str]:
    return Counter()


def align(baseline: Sequence[PassRecord], candidate: Sequence[PassRecord]) -> list[PassPair]:
    return align_passes(baseline, candidate, no_effect, no_effect)


def records(*names: str) -> tuple[PassRecord, ...]:
    """Passes of the given names; a leading ``>`` nests one below the pass before."""
    return trace_of(
        TEXT, *(Step(name.lstrip(">"), TEXT, depth=int(name.startswith(">"))) for name in names)
    ).trace.passes


def aligned(baseline: Sequence[PassRecord], candidate: Sequence[PassRecord]) -> list[str]:
    """One word a pair: ``A`` on both, ``-A`` baseline only, ``+A`` candidate only, ``~`` for moved."""
    words = []
    for pair in align(baseline, candidate):
        record = pair.baseline or pair.candidate
        assert record is not None
        sign = "" if pair.baseline and pair.candidate else "-" if pair.baseline else "+"
        words.append(f"{'~' if pair.moved else ''}{sign}{record.name}")
    return words


@pytest.mark.parametrize(
    ("baseline", "candidate", "expected"),
    [
        ("A B C", "A B C", "A B C"),
        ("A C", "A B C", "A +B C"),
        ("A B C", "A C", "A -B C"),
        ("A B", "A C", "A -B +C"),
        ("", "A", "+A"),
        ("", "", ""),
        ("A B C", "B A C", "~+B A ~-B C"),
        ("A S B S C S", "A S B S X S C S", "A S B S +X +S C S"),
        ("A S B S C S", "A B S C S", "A -S B S C S"),
        ("S A S", "S A", "S A -S"),
    ],
)
def test_align_keeps_both_orders(baseline: str, candidate: str, expected: str) -> None:
    found = aligned(records(*baseline.split()), records(*candidate.split()))
    assert found == expected.split()


def test_align_pairs_a_pass_only_with_one_of_the_same_nesting() -> None:
    assert aligned(records("A", "B"), records("A", ">B")) == ["A", "-B", "+B"]


def test_align_tells_passes_without_a_name_apart_by_their_label() -> None:
    one = trace_of(TEXT, Step("pass_fn", TEXT, label="First")).trace.passes
    other = trace_of(TEXT, Step("pass_fn", TEXT, label="Second")).trace.passes
    assert aligned(one, other) == ["-pass_fn", "+pass_fn"]


NAMES = st.lists(st.sampled_from(["A", "B", "C", ">D"]), max_size=8)


@given(NAMES, NAMES)
def test_align_holds_every_pass_of_both_sides_once_in_order(baseline: list[str], candidate: list[str]) -> None:
    ours, theirs = records(*baseline), records(*candidate)
    pairs = align(ours, theirs)
    assert [pair.baseline for pair in pairs if pair.baseline] == list(ours)
    assert [pair.candidate for pair in pairs if pair.candidate] == list(theirs)
    for pair in pairs:
        if pair.baseline and pair.candidate:
            assert (pair.baseline.name, pair.baseline.depth) == (pair.candidate.name, pair.candidate.depth)
            assert not pair.moved


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (Step("tir.Simplify", TEXT), Step("tirx.Simplify", TEXT)),
        (Step("tir.HoistIfThenElse", TEXT), Step("s_tir.HoistIfThenElse", TEXT)),
        (Step("pass_fn", TEXT, label="DecoupleTypeCast"), Step("tl.DecoupleTypeCast", TEXT)),
    ],
)
def test_align_pairs_a_pass_with_itself_under_another_releases_name(old: Step, new: Step) -> None:
    (pair,) = align(trace_of(TEXT, old).trace.passes, trace_of(TEXT, new).trace.passes)
    assert pair.baseline is not None
    assert pair.candidate is not None


def test_align_keeps_tilelangs_simplify_and_tvms_apart() -> None:
    assert aligned(records("tl.Simplify"), records("tirx.Simplify")) == ["-tl.Simplify", "+tirx.Simplify"]


#: What a pass does, as a module: ``S`` of any of these takes the one away and puts in the next.
STATES = [module(f"C[{number}] = A[{number}]") for number in range(8)]


def paired(baseline: TraceFile, candidate: TraceFile) -> list[tuple[int | None, int | None]]:
    """Sequence numbers of what was paired by name and effect, in order."""
    effects = [_lines_of(file) for file in (baseline, candidate)]
    pairs = align_passes(baseline.trace.passes, candidate.trace.passes, *effects)
    return [
        (
            pair.baseline.sequence if pair.baseline else None,
            pair.candidate.sequence if pair.candidate else None,
        )
        for pair in pairs
    ]


def _lines_of(file: TraceFile) -> Callable[[str, str], Counter[str]]:
    return lambda before, after: signed_multiset(file.text(before).splitlines(), file.text(after).splitlines())


def test_align_pairs_a_repeated_pass_with_the_occurrence_that_does_the_same() -> None:
    """The baseline's second ``S`` is the candidate's first: neighbours alone would pair first with first."""
    one = trace_of(STATES[0], ("A", STATES[0]), ("S", STATES[1]), ("S", STATES[2]), ("S", STATES[3]))
    other = trace_of(STATES[1], ("A", STATES[1]), ("S", STATES[2]), ("S", STATES[3]), ("S", STATES[4]))
    assert paired(one, other) == [(0, 0), (1, None), (2, 1), (3, 2), (None, 3)]
    assert paired(other, one) == [(0, 0), (None, 1), (1, 2), (2, 3), (3, None)]


def test_align_leaves_the_occurrence_alone_that_was_added_at_the_start() -> None:
    one = trace_of(STATES[0], ("S", STATES[1]), ("B", STATES[2]), ("S", STATES[3]))
    other = trace_of(STATES[0], ("S", STATES[0]), ("S", STATES[1]), ("B", STATES[2]), ("S", STATES[3]))
    assert paired(one, other) == [(None, 0), (0, 1), (1, 2), (2, 3)]


def test_align_pairs_a_pass_with_the_occurrence_given_the_same_arguments() -> None:
    both = trace_of(
        STATES[0], Step("S", STATES[0], arguments='"shared"'), Step("S", STATES[0], arguments='"shared.dyn"')
    )
    one = trace_of(STATES[0], Step("S", STATES[0], arguments='"shared.dyn"'))
    assert paired(both, one) == [(0, None), (1, 0)]
    assert paired(one, both) == [(None, 0), (0, 1)]


def test_align_still_pairs_a_pass_that_was_given_other_arguments() -> None:
    one = trace_of(STATES[0], Step("S", STATES[1], arguments="32"))
    assert paired(one, trace_of(STATES[0], Step("S", STATES[2], arguments="64"))) == [(0, 0)]


def test_align_of_two_passes_that_changed_places_begins_with_the_same_one_either_way() -> None:
    one = trace_of(STATES[0], *((name, STATES[0]) for name in "BAC")).trace.passes
    other = trace_of(STATES[0], *((name, STATES[0]) for name in "CAB")).trace.passes
    assert [pair.record.name for pair in align(one, other)] == ["B", "C", "A", "B", "C"]
    assert [pair.record.name for pair in align(other, one)] == ["B", "C", "A", "B", "C"]


@given(st.lists(st.sampled_from(["A", "B", "S"]), max_size=7), st.lists(st.sampled_from(["A", "B", "S"]), max_size=7))
def test_align_pairs_the_same_with_the_sides_exchanged(baseline: list[str], candidate: list[str]) -> None:
    one, other = (
        trace_of(STATES[0], *((name, STATES[at % 3]) for at, name in enumerate(names)))
        for names in (baseline, candidate)
    )
    pairs = {pair for pair in paired(one, other) if None not in pair}
    assert {(theirs, ours) for ours, theirs in paired(other, one) if None not in (ours, theirs)} == pairs
