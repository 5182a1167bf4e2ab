"""Differences are followed from where they begin: what a pass makes of one is its own only where it is new."""

from __future__ import annotations

import pytest
from traces import Step, module, trace_of

from scaffold.diff.model import Degree, PassComparison, Status, TwoSides
from scaffold.diff.two_sides import compare
from scaffold.report.build import report_two_sides
from scaffold.trace.model import TraceFile

SYNC = 'T.tvm_storage_sync("shared")'
BODY = ("C[1] = A[1]", "C[2] = A[2]", "C[3] = A[3]", "C[4] = A[4]")


def text(*statements: str, **changes: str) -> str:
    lines = [changes.get(f"c{at}", line) for at, line in enumerate(statements or BODY, start=1)]
    return module(*lines)


def row(result: TwoSides, name: str) -> PassComparison:
    (found,) = [item for item in result.passes if item.name == name]
    return found


def both(ours: list[tuple[str, str]], theirs: list[tuple[str, str]], **sources: str) -> tuple[TraceFile, TraceFile]:
    source = sources.get("source", "b;\n")
    return trace_of(text(), *ours, source="a;\n"), trace_of(text(), *theirs, source=source)


def test_difference_that_a_later_pass_takes_away_does_not_come_first() -> None:
    """An annotation is dropped by the pass that reads it; the statement that differs stays."""
    noted = text(c1="T.copy(A[1], C[1], hint=1)")
    plain = text(c1="T.copy(A[1], C[1])")
    lowered, other = text(c1="C[1] = A[1]"), text(c1="C[1] = A[1]", c4="C[4] = T.exp(A[4])")
    files = both([("tl.Note", noted), ("tl.Lower", lowered)], [("tl.Note", plain), ("tl.Lower", other)])
    result = compare(*files)
    assert (row(result, "tl.Note").status, row(result, "tl.Note").gone_after) == (Status.INTRODUCES, "tl.Lower")
    assert result.telling is not None
    assert (result.telling.pass_name, result.telling.lasts) == ("tl.Lower", True)


def test_finding_that_is_gone_again_is_said_to_be_where_there_is_no_other() -> None:
    changed = text(c2="C[2] = T.exp(A[2])")
    files = both([("tl.A", text()), ("tl.B", text())], [("tl.A", changed), ("tl.B", text())], source="a;\n")
    result = compare(*files)
    assert result.telling is not None
    assert (result.telling.pass_name, result.telling.lasts) == ("tl.A", False)
    headline = report_two_sides(*files, result, next_command="next").verdict.headline
    words = "tl.A is the first pass to introduce a difference of shape, gone again after tl.B"
    assert headline == f"the generated source is the same; {words}"


def test_pass_that_copies_a_statement_that_differs_introduces_nothing() -> None:
    """A software pipeline writes the body of its loop three times."""
    body = ["for k in T.serial(4):", "    T.gemm(A[k], C[k], 0, 1)", "    T.fill(C[k])"]
    other = [line.replace(", 0, 1", ", 0") for line in body]
    copied = [[line.replace("k", str(k)).strip() for line in lines[1:] for k in range(3)] for lines in (body, other)]
    one = trace_of(module(*body), ("tl.Pipeline", module(*copied[0])))
    two = trace_of(module(*other), ("tl.Pipeline", module(*copied[1])))
    result = compare(one, two)
    assert row(result, "tl.Pipeline").after.shape_lines > row(result, "tl.Pipeline").before.shape_lines
    assert row(result, "tl.Pipeline").status is Status.CARRIES
    assert result.telling is None


def test_pass_that_lowers_a_statement_that_differs_to_more_that_does_introduces() -> None:
    body, other = ["T.gemm(A, C, 0, 1)", "C[9] = 0"], ["T.gemm(A, C, 0)", "C[9] = 0"]
    lowered = ["T.mma(A[0], C[0])", "T.mma(A[1], C[1])", "C[9] = 0"]
    more = ["T.ldmatrix(A[0])", "T.mma_x2(A[0], C[0], C[1])", "C[8] = 1", "C[9] = 0"]
    result = compare(
        trace_of(module(*body), ("tl.Lower", module(*lowered))), trace_of(module(*other), ("tl.Lower", module(*more)))
    )
    assert (row(result, "tl.Lower").status, row(result, "tl.Lower").degree) == (Status.INTRODUCES, Degree.SHAPE)


def test_difference_of_the_inputs_that_a_pass_settles_is_told_so_and_blamed_on_nobody() -> None:
    launch = "bx: T.int32 = T.launch_thread_idx(0)"
    one = trace_of(text(*BODY), ("tl.Materialize", text()), ("tl.Lower", text()))
    two = trace_of(
        text(launch, *BODY),
        ("tl.Materialize", text()),
        ("tl.Lower", text(c2="C[2] = T.exp(A[2])")),
        source="b;\n",
    )
    result = compare(one, two)
    assert (result.inputs_degree, result.inputs_gone_after) == (Degree.SHAPE, "tl.Materialize")
    verdict = report_two_sides(one, two, result, next_command="next").verdict
    assert verdict.headline == "tl.Lower is the first pass to introduce a difference of shape"
    assert verdict.details[0] == "the inputs differ: -0 +1 lines, gone after tl.Materialize"


def test_difference_of_the_inputs_that_stays_is_said_first() -> None:
    one = trace_of(text(c1="T.gemm(A, C, 0, 1)"), ("tl.Lower", text(c1="T.gemm(A, C, 0, 1)")))
    two = trace_of(text(c1="T.gemm(A, C)"), ("tl.Lower", text(c1="T.gemm(A, C)", c4=SYNC)), source="b;\n")
    result = compare(one, two)
    assert (result.inputs_degree, result.inputs_gone_after) == (Degree.SHAPE, "")
    headline = report_two_sides(one, two, result, next_command="next").verdict.headline
    assert headline == "the inputs differ in shape already; tl.Lower is the first pass to add to that"


@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_pass_on_one_side_that_brings_the_sides_together_is_no_finding(side: str) -> None:
    """A release that builds the kernel otherwise, and has a pass that makes of it what the other begins with."""
    with_it = trace_of(text(c1="T.launch(8)"), ("tl.Materialize", text()), ("tl.Lower", text(c4=SYNC)))
    without = trace_of(text(), ("tl.Lower", text(c4=SYNC)))
    result = compare(with_it, without) if side == "baseline" else compare(without, with_it)
    assert not row(result, "tl.Materialize").introduces
    assert result.telling is None
    assert result.inputs_gone_after == "tl.Materialize"


def test_passes_that_undo_one_another_on_one_side_are_no_finding() -> None:
    files = both(
        [("tl.Z", text())], [("tl.Wrap", text(c1=SYNC)), ("tl.Unwrap", text()), ("tl.Z", text())], source="a;\n"
    )
    result = compare(*files)
    assert not result.finding
    assert not any(item.introduces for item in result.passes)


def test_nested_pass_is_not_blamed_where_the_one_around_it_is() -> None:
    helper = [module("C[1] = A[1]", name="helper"), module("C[1] = T.exp(A[1])", name="helper")]
    one = trace_of(text(), Step("tl.Outer", text(c1="C[1] = A[1]")), Step("tl.Inline", helper[0], depth=1))
    two = trace_of(text(), Step("tl.Outer", text(c1="C[1] = T.exp(A[1])")), Step("tl.Inline", helper[1], depth=1))
    result = compare(one, two)
    assert result.telling is not None
    assert result.telling.pass_name == "tl.Outer"
