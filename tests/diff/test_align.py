"""Which pass is which."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from traces import Step, module, trace_of

from scaffold.diff.align import align_passes
from scaffold.trace.model import PassRecord

TEXT = module()


def records(*names: str) -> tuple[PassRecord, ...]:
    """Passes of the given names; a leading ``>`` nests one below the pass before."""
    return trace_of(
        TEXT, *(Step(name.lstrip(">"), TEXT, depth=int(name.startswith(">"))) for name in names)
    ).trace.passes


def aligned(baseline: Sequence[PassRecord], candidate: Sequence[PassRecord]) -> list[str]:
    """One word a pair: ``A`` on both, ``-A`` baseline only, ``+A`` candidate only, ``~`` for moved."""
    words = []
    for pair in align_passes(baseline, candidate):
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
    pairs = align_passes(ours, theirs)
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
    (pair,) = align_passes(trace_of(TEXT, old).trace.passes, trace_of(TEXT, new).trace.passes)
    assert pair.baseline is not None
    assert pair.candidate is not None


def test_align_keeps_tilelangs_simplify_and_tvms_apart() -> None:
    assert aligned(records("tl.Simplify"), records("tirx.Simplify")) == ["-tl.Simplify", "+tirx.Simplify"]
