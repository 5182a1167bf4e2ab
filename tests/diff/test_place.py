"""Where a line stands in the IR."""

from __future__ import annotations

import pytest

from scaffold.diff.place import functions_by_line, indentation, place_of

LINES = """\
class Module:
    @T.prim_func
    def gemm(A: T.handle):
        with T.sblock("root"):
            bx = T.launch_thread("blockIdx.x", 8)
            with T.sblock("tilelang_root"):
                for k in range(32):
                    if tx < 128:
                        T.copy(A, B)
                    else:
                        with T.sblock("_gemm_ssr"):
                            T.gemm(A, B)
                for i, j in T.vectorized(4):
                    C[i] = 0
                with T.launch_thread("threadIdx.x", 128):
                    D[0] = 1

    @T.prim_func
    def other(A: T.handle):
        T.evaluate(0)
# Layout#3e003954 = Layout(_i % 8)
""".splitlines()


def at(needle: str) -> int:
    return next(index for index, line in enumerate(LINES) if needle in line)


@pytest.mark.parametrize(
    ("needle", "place"),
    [
        ("T.copy", "gemm > for k > if tx < 128"),
        ("T.gemm", "gemm > for k > else > block _gemm_ssr"),
        ("C[i]", "gemm > for i, j (vectorized)"),
        ("D[0]", "gemm > threadIdx.x"),
        ("for k", "gemm"),
        ("def gemm", ""),
        ("T.evaluate", "other"),
        ("class Module", ""),
        ("# Layout", ""),
    ],
)
def test_place_of_names_the_statements_around(needle: str, place: str) -> None:
    assert place_of(LINES, at(needle)) == place


@pytest.mark.parametrize(
    ("needle", "function"),
    [("T.copy", "gemm"), ("D[0]", "gemm"), ("T.evaluate", "other"), ("def other", "other"), ("class Module", None)],
)
def test_functions_by_line_are_the_nearest_above(needle: str, function: str | None) -> None:
    assert functions_by_line(LINES)[at(needle)] == function


def test_place_of_a_long_condition_is_cut() -> None:
    lines = ["def f(a):", f"    if {'x' * 100}:", "        y = 1"]
    place = place_of(lines, 2)
    assert place.endswith("…")
    assert len(place) == len("f > ") + 40


def test_place_of_no_lines_or_beyond_the_end_does_not_fail() -> None:
    assert place_of([], 0) == ""
    assert place_of(["def f(a):", "    x = 1"], 7) == "f"


def test_place_of_begins_at_the_innermost_function() -> None:
    assert (
        place_of(["def outer(a):", "    def inner(b):", "        for k in range(3):", "            x = 1"], 3)
        == "inner > for k"
    )


def test_indentation_counts_spaces() -> None:
    assert indentation("    x  ") == 4
    assert indentation("") == 0
