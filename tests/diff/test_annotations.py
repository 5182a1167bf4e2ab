"""What statements say of themselves is told from what they do."""

from __future__ import annotations

import pytest
from traces import module, trace_of

from scaffold.diff.annotations import without_annotations
from scaffold.diff.model import Degree, Status
from scaffold.diff.two_sides import compare


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ('for i in T.unroll(8, annotations={"a": T.bool(False), "b": [1, {"c": 2}]}):', "for i in T.unroll(8):"),
        ("T.copy(x[0, 1], y, no_wait=1, tl.phase_expr=T.Add(k, 1) % 2)", "T.copy(x[0, 1], y)"),
        ('T.copy(x, y, barrier=b[0], scope="local")', 'T.copy(x, y, scope="local")'),
        ('A = T.match_buffer(h, (8,), "int8", strides=(1,))', 'A = T.match_buffer(h, (8,), "int8", strides=(1,))'),
        ('for i in T.thread_binding(8, thread="threadIdx.x"):', 'for i in T.thread_binding(8, thread="threadIdx.x"):'),
        ("x = T.if_then_else(a, b == c, d <= e)", "x = T.if_then_else(a, b == c, d <= e)"),
        ("T.copy(x, barrier=", "T.copy(x"),
    ],
)
def test_line_without_its_annotating_arguments(line: str, plain: str) -> None:
    assert without_annotations([line]) == [plain]


@pytest.mark.parametrize(
    "line",
    [
        *('T.func_attr({"a": 1})', 'T.sblock_attr({"a": 1})', 'T.block_attr({"a": 1})', "T.reads(A[0])", "T.writes()"),
        *("A_1 = T.Buffer((8,), data=A.data)", "A_1 = T.decl_buffer((8,), data=A.data)", "# Layout#00000000 = f"),
    ],
)
def test_line_that_only_annotates_is_left_out(line: str) -> None:
    assert without_annotations([f"    {line}", "    x = 1"]) == ["    x = 1"]


@pytest.mark.parametrize(
    "line", ["A = T.alloc_buffer((8,))", "A = T.decl_buffer((8,))", "i = T.int32()", "x = T.attrs(1)"]
)
def test_line_that_does_something_is_kept(line: str) -> None:
    assert without_annotations([line]) == [line]


def test_what_an_attribute_holds_stands_where_the_attribute_stood() -> None:
    lines = [
        "i = T.int32()",
        'with T.attr(i, "pragma", T.bool(False)):',
        "    for i in T.unroll(4):",
        '        T.attr(0, "inner", 1)',
        "        A[i] = 1",
        "B[0] = 1",
    ]
    assert without_annotations(lines) == ["for i in T.unroll(4):", "    A[i] = 1", "B[0] = 1"]


LOOP = module("for i in T.unroll(4):", "    C[i] = 1", "C[9] = 0")


@pytest.mark.parametrize(
    "other",
    [
        LOOP.replace("unroll(4)", 'unroll(4, annotations={"explicit": T.bool(False)})'),
        LOOP.replace(
            "for i in T.unroll(4):\n            C[i] = 1",
            'with T.attr(0, "explicit", 1):\n            for i in T.unroll(4):\n                C[i] = 1',
        ),
        LOOP.replace("C[9] = 0", 'T.sblock_attr({"a": 1})\n        C[9] = 0'),
    ],
)
def test_compare_an_annotation_more_is_introduced_as_one(other: str) -> None:
    result = compare(trace_of(LOOP, ("tl.Note", LOOP)), trace_of(LOOP, ("tl.Note", other)))
    (row,) = result.passes
    assert (row.status, row.degree) == (Status.INTRODUCES, Degree.ANNOTATIONS)
    assert (row.after.shape_lines, row.after.annotation_lines > 0) == (0, True)
    assert result.reshaped is None
    assert result.finding


def test_compare_a_statement_more_is_of_shape_whatever_is_annotated_beside_it() -> None:
    other = LOOP.replace("C[9] = 0", 'T.sblock_attr({"a": 1})\n        C[8] = 0\n        C[9] = 0')
    result = compare(trace_of(LOOP, ("tl.Note", LOOP)), trace_of(LOOP, ("tl.Note", other)))
    assert result.reshaped is not None
    assert result.reshaped.candidate_line == "C[8] = 0", "the statement is told, not the annotation above it"


def test_serial_loop_without_annotations_is_a_plain_range() -> None:
    """The printer writes ``range`` only where a loop says nothing of itself."""
    plain = without_annotations(["for k in range(2):", "    A[k] = 1"])
    assert without_annotations(['for k in T.serial(2, annotations={"x": 1}):', "    A[k] = 1"]) == plain
    assert without_annotations(["for k in T.unroll(2):", "    A[k] = 1"]) != plain
