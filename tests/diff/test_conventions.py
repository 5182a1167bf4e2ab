"""Each habit of a printer is undone where it is one, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.diff import conventions
from scaffold.diff.printing import LAYOUT_LISTS, NEWER_TVM, OLDER_TVM, THREAD_RANGES

Respelling = Callable[[Sequence[str]], list[str]]

FUNCTION = "    def gemm(P: T.handle):"


@pytest.mark.parametrize(
    ("respell", "older", "newer"),
    [
        (conventions.block_words, '    with T.block("root"):', '    with T.sblock("root"):'),
        (conventions.block_words, '    # with T.block("root"):', '    # with T.sblock("root"):'),
        (conventions.block_words, '    T.block_attr({"a": 1})', '    T.sblock_attr({"a": 1})'),
        (
            conventions.block_words,
            'A = T.alloc_buffer((8,), scope="local")',
            'A = T.sblock_alloc_buffer((8,), scope="local")',
        ),
        (
            conventions.attribute_keys,
            'T.func_attr({"tir.noalias": True, "tir.is_entry_func": True})',
            'T.func_attr({"tirx.noalias": True, "tirx.is_entry_func": True})',
        ),
        (conventions.assertions, 'assert n == 3, "want \\"3\\""', 'assert n == 3, ("RuntimeError", ["want \\"3\\""])'),
        (conventions.declared_allocations, "A = T.decl_buffer((8,))", "A = T.alloc_buffer((8,))"),
    ],
)
def test_line_of_the_older_kind_is_written_in_the_newer(respell: Respelling, older: str, newer: str) -> None:
    assert respell([older]) == [newer]
    assert respell([newer]) == [newer], "what is of the newer kind is left as it is"


@pytest.mark.parametrize(
    ("respell", "line"),
    [
        (conventions.block_words, "    block = T.int32(1)"),
        (conventions.block_words, "    x[0] = T.blocks(1) + S.block(2) + T.block"),
        (conventions.block_words, '    T.call_extern("T.block(1)", "T.alloc_buffer(2)")'),
        (conventions.block_words, '    # with T.block("copy"):'),
        (conventions.attribute_keys, 'T.call_extern("tir.noalias", 1)'),
        (conventions.attribute_keys, 'T.func_attr({"tl.x": "tir.noalias", "my.tir.noalias": 1, "tir.a.b": 1})'),
        (conventions.assertions, 'x = "assert n, "'),
        (conventions.assertions, 'assert n == 3, ("TypeError", ["want 3"])'),
        (conventions.declared_allocations, "A_1 = T.decl_buffer((8,), data=A.data)"),
        (conventions.allocations, 'A = T.allocate([8], "float32", "local", condition=c)'),
    ],
)
def test_line_that_only_looks_alike_is_left_alone(respell: Respelling, line: str) -> None:
    assert respell([FUNCTION, line]) == [FUNCTION, line]


def test_binding_that_held_its_scope_stands_in_front_of_it() -> None:
    older = [
        "x = 1",
        'with T.allocate([8], "float32", "local") as A:',
        "    A_1[0] = 1",
        "    with T.LetStmt(T.float32(0.5)) as half:",
        "        for i in range(4):",
        "            A_1[i] = half",
        "    with T.LetStmt(T.stack(16), var=desc):",
        "        T.call(desc)",
        "    T.last()",
        "y = 2",
    ]
    assert conventions.flat_bindings(older) == [
        "x = 1",
        'A = T.allocate([8], "float32", "local")',
        "A_1[0] = 1",
        "half: T.float32 = T.float32(0.5)",
        "for i in range(4):",
        "    A_1[i] = half",
        "desc = T.stack(16)",
        "T.call(desc)",
        "T.last()",
        "y = 2",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ["with T.LetStmt(A[0] + 1) as x:", "    B[0] = x"],
        ['with T.attr(0, "async_scope", 1):', "    B[0] = 1"],
        ['with T.launch_thread("blockIdx.x", 8) as bx:', "    B[0] = 1"],
        ['with T.block("x"):', "    B[0] = 1"],
    ],
)
def test_scope_that_is_one_still_or_whose_type_is_unknown_stays(lines: list[str]) -> None:
    assert conventions.flat_bindings(lines) == lines


def test_allocation_makes_a_buffer_and_what_points_to_it_its_data() -> None:
    older = [
        FUNCTION,
        '    A = T.allocate([8], "float32", "local")',
        '    B = T.allocate([2, 4], "float16", "shared.dyn")',
        '    C = T.allocate([4], "int8", "global")',
        "    A_1 = T.Buffer((8,), data=A)",
        "    T.copy(B, A_1[0], C)",
        '    T.call_extern("A")',
    ]
    assert conventions.allocations(older) == [
        FUNCTION,
        '    A = T.alloc_buffer((8,), scope="local")',
        '    B = T.alloc_buffer((2, 4), "float16", scope="shared.dyn")',
        '    C = T.alloc_buffer((4,), "int8")',
        "    A_1 = T.Buffer((8,), data=A.data)",
        "    T.copy(B.data, A_1[0], C.data)",
        '    T.call_extern("A")',
    ]


def test_allocation_whose_name_means_something_else_too_is_left_alone() -> None:
    lines = [
        FUNCTION,
        '    A = T.allocate([8], "float32", "local")',
        "    A = T.match_buffer(A_handle, (8,))",
        "    T.use(A)",
    ]
    assert conventions.allocations(lines) == lines
    parameter = [FUNCTION.replace("P:", "A:"), *lines[1:2], "    T.use(A)"]
    assert conventions.allocations(parameter) == parameter
    other = [*lines[:2], "    T.use(A)", "    def other(Q: T.handle):", "        T.use(A)"]
    assert conventions.allocations(other)[-1] == "        T.use(A)", "a name means nothing outside its function"


def test_declaration_right_behind_its_allocation_is_folded_into_it() -> None:
    newer = [
        FUNCTION,
        '    A = T.alloc_buffer((8,), scope="local")',
        '    A_1 = T.decl_buffer((8,), data=A.data, scope="local")',
        "    A_1[0] = T.address_of(A.data)",
    ]
    assert conventions.folded_declarations(newer) == [FUNCTION, newer[1], "", "    A[0] = T.address_of(A.data)"]


@pytest.mark.parametrize(
    "second",
    [
        'A_1 = T.decl_buffer((4,), data=A.data, scope="local")',
        'A_1 = T.decl_buffer((8,), "float16", data=A.data, scope="local")',
        'A_1 = T.decl_buffer((8,), data=B.data, scope="local")',
        'A_1 = T.decl_buffer((8,), data=A.data, scope="local", strides=(2,))',
    ],
)
def test_declaration_of_anything_else_is_kept(second: str) -> None:
    lines = [FUNCTION, '    A = T.alloc_buffer((8,), scope="local")', f"    {second}", "    A_1[0] = 1"]
    assert conventions.folded_declarations(lines) == lines


def test_declaration_under_a_name_used_for_another_buffer_too_is_kept() -> None:
    lines = [
        FUNCTION,
        "    A = T.alloc_buffer((8,))",
        "    A_1 = T.decl_buffer((8,), data=A.data)",
        "    A_1[0] = 1",
        "    A_1 = T.decl_buffer((4,), data=C.data)",
        "    A_1[1] = 1",
    ]
    assert conventions.folded_declarations(lines) == lines


def test_buffer_that_nothing_declares_is_the_one_allocated_if_it_is_just_that() -> None:
    lines = [FUNCTION, "    A = T.alloc_buffer((8,))", "    A_1 = T.Buffer((8,), data=A.data)", "    A_1[0] = 1"]
    assert conventions.used_undeclared(lines) == [FUNCTION, lines[1], "", "    A[0] = 1"]
    flat = [FUNCTION, "    A = T.alloc_buffer((2, 4))", "    A_1 = T.Buffer((8,), data=A.data)", "    A_1[0] = 1"]
    assert conventions.used_undeclared(flat) == flat
    twice = [FUNCTION, "    A = T.alloc_buffer((4,))", *lines[1:]]
    assert conventions.used_undeclared(twice) == twice


def test_layout_is_named_by_what_it_says_in_the_common_spelling() -> None:
    older = ["T.attr({A: Layout#00000000})", "# Layout#00000000 = Layout([8, 4] -> [_i // 4], t: f(_i, [1, 2]))"]
    newer = ["T.attr({A: Layout#11111111})", "# Layout#11111111 = Layout((8, 4) -> (_i // 4,), t: f(_i, (1, 2)))"]
    ours = conventions.layout_tuples(older)
    assert ours[1].partition(" = ")[2] == newer[1].partition(" = ")[2]
    assert ours == conventions.layout_tuples(newer)
    other = conventions.layout_tuples([line.replace("// 4", "// 8") for line in older])
    assert ours[0] != other[0], "another layout has another name"


def test_threads_of_a_fragment_are_dropped_from_its_end_only() -> None:
    line = "# Fragment#00000000 = Fragment((8,) -> (_i,), replicate: 1, thread_range: I.Range(0, 128))"
    assert conventions.layouts_without_thread_range([line])[0].endswith(" = Fragment((8,) -> (_i,), replicate: 1)")
    kept = "x = f(1, thread_range: I.Range(0, 128))"
    assert conventions.layouts_without_thread_range([kept]) == [kept]


WORDS = st.sampled_from(
    [
        *(FUNCTION, "", 'with T.block("x"):', "    A[0] = A_1[1]", 'with T.allocate([8], "int8", "local") as A:'),
        *('A = T.allocate([8], "int8", "local")', "A_1 = T.Buffer((8,), data=A.data)", "A = T.alloc_buffer((8,))"),
        *("A_1 = T.decl_buffer((8,), data=A.data)", "        x = y", "# Layout#00000000 = Layout([8] -> [_i])"),
    ]
)


@given(st.lists(WORDS, max_size=12))
def test_every_convention_keeps_every_line_in_its_place(lines: list[str]) -> None:
    for convention in (*OLDER_TVM, *NEWER_TVM, LAYOUT_LISTS, THREAD_RANGES):
        found = convention.respell(lines)
        assert len(found) == len(lines)
        assert convention.respell(found) == found, "done twice it changes nothing more"


def test_buffers_that_the_printer_declares_for_a_map_have_no_order() -> None:
    """They stand in the order in which the map below them has them, which says nothing."""
    first, second = "    A = T.Buffer((8,))", '    B = T.Buffer((8,), scope="shared")'
    around = ["def main():", "    T.writes()"]
    ordered = conventions.ordered_declarations([*around, second, first, "    T.sblock_attr({})", second])
    assert ordered == [*around, first, second, "    T.sblock_attr({})", second]
    # Of another block, or parted by a statement, they stay where they are.
    for lines in ([second, f"    {first}"], [second, "    C[0] = 1", first]):
        assert conventions.ordered_declarations(lines) == lines
