"""What is a name, a value, an operator or a comment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.diff.tokens import nameless, shape_of, tokens_of


def kinds(line: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokens_of(line)]


def of_kind(line: str, kind: str) -> list[str]:
    return [token.text for token in tokens_of(line) if token.kind == kind]


def test_tokens_of_assignment_tells_names_from_intrinsics_and_values() -> None:
    line = '        C_local[i * 4] = T.Cast("float32", A[k, 1.5e-3])'
    assert of_kind(line, "name") == ["C_local", "i", "A", "k"]
    assert of_kind(line, "value") == ["4", '"float32"', "1.5e-3"]
    assert "Cast" in of_kind(line, "operator")
    assert "T" in of_kind(line, "operator")


def test_tokens_of_keyword_argument_is_no_name_even_with_dots() -> None:
    line = "T.tma_copy(x, barrier=m[0], tl.pipeline_mbar_phase_expr=k % 6)"
    assert of_kind(line, "name") == ["x", "m", "tl", "k"]


def test_tokens_of_comparison_keeps_the_name() -> None:
    assert of_kind("if tx==3:", "name") == ["tx"]


def test_tokens_of_comment_is_one_token_to_the_end() -> None:
    assert kinds("x = 1  # y = 2") == [("name", "x"), ("operator", "="), ("value", "1"), ("comment", "# y = 2")]


def test_tokens_of_a_comment_that_says_nothing_is_one_still() -> None:
    assert kinds("x #") == [("name", "x"), ("comment", "#")]
    assert nameless("#") == ""


def test_tokens_of_hash_within_a_string_is_no_comment() -> None:
    assert of_kind('f("a # b", x)', "comment") == []
    assert of_kind('f("a # \\" b", x)', "value") == ['"a # \\" b"']


def test_tokens_of_written_out_layout_is_no_comment() -> None:
    line = "# Layout#3e003954 = Layout((128, 32) -> (_i // 8, _j % 8))"
    assert of_kind(line, "comment") == []
    assert of_kind(line, "value") == ["Layout#3e003954", "128", "32", "8", "8"]
    assert of_kind("x = {A: Fragment#50ce7a5b}  # note", "value") == ["Fragment#50ce7a5b"]


@given(st.text(alphabet="abT._ #=(),[]\"'\\0123456789efx/%:\n", max_size=60))
def test_tokens_of_any_line_stand_where_they_say(line: str) -> None:
    at = 0
    for token in tokens_of(line):
        assert line[token.start : token.start + len(token.text)] == token.text
        assert token.text
        assert not line[at : token.start].strip(), "only white space is skipped"
        at = token.start + len(token.text)
    assert not line[at:].strip()


@pytest.mark.parametrize(
    ("left", "right", "same_shape", "same_nameless"),
    [
        ("C[k] = A[k] + 1", "D[j] = B[j] + 1", True, True),
        ("C[k] = A[k] + 1", "C[k] = A[k] + 2", True, False),
        ('T.f("a")', 'T.f("b")', True, False),
        ("C[k] = A[k] + 1", "C[k] = A[k] - 1", False, False),
        ("T.copy(x)", "T.fill(x)", False, False),
        ("x = 1  # one", "x = 1  # two", True, True),
        ("  x = 1", "x = 1", True, True),
        ("f(a=1)", "f(b=1)", False, False),
        ("x = Layout#3e003954", "x = Layout#4e003954", True, False),
        ("C[i * 4 + 3] = x", "C[7] = x", True, False),
        ("C[(i + 0) // 2 % 8, j] = x", "C[i // 2 % 8, j + 64 * k] = x", True, False),
        ("C[T.int64(4) * i] = x", "C[i * 4] = x", True, False),
        ('C[T.Cast("int64", i) + 1] = x', "C[i + 1] = x", True, False),
        ("C[i] = x", "C[i, j] = x", False, False),
        ("C[i] = x", "C[i:i + 8] = x", False, False),
        ("C[i] = A[j]", "C[i] = A[B[j]]", False, False),
        ("C[T.min(i, 3) * 4] = x", "C[T.min(i + 1, 3)] = x", True, False),
        ("C[T.min(i, 3)] = x", "C[T.max(i, 3)] = x", False, False),
        ("C[i] = 1.0", "C[i] = x", True, False),
        ("C[i] = T.float32(-1.5)", "C[i] = T.float32(0.0)", True, False),
        ("C[i] = -1", "C[i] = 1", True, False),
        ("C[()] = x", "C[()] = y", True, True),
        ("C[] = x", "C[] = y", True, True),
        ("A[i]) + T.copy(x)", "A[j]) + T.copy(x)", True, True),
        ("A[i]) + T.copy(x)", "A[i]) + T.fill(x)", False, False),
        ("[" * 3000 + "x", "[" * 3000 + "y", True, True),
        ("C[i] = A[i] - 1", "C[i] = A[i] + 1", False, False),
        ("C[i] = A[i] - B[i]", "C[i] = A[i]", False, False),
        ("C[i] = T.float32(A[i])", "C[i] = A[i]", False, False),
        ("if T.bool(True):", "if x:", True, False),
        ("for i in T.serial(4):", "for i in T.serial(n):", True, False),
    ],
)
def test_shape_and_nameless_blank_what_they_say(left: str, right: str, same_shape: bool, same_nameless: bool) -> None:
    assert (shape_of(left) == shape_of(right)) is same_shape
    assert (nameless(left) == nameless(right)) is same_nameless
