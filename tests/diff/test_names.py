"""Which name stands for which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.diff.equality import Tier, equality
from scaffold.diff.names import bound_names, match_names, rename, same_up_to_names
from scaffold.diff.tokens import tokens_of

BASE = """\
def gemm(A_handle: T.handle, C: T.handle("float16", "global")):
    A = T.match_buffer(A_handle, (1024,), "float16")
    broadcast: T.float32 = T.float32(0.0)
    with T.launch_thread("blockIdx.x", 8) as bx:
        for i, j in T.grid(4, 4):
            A[i * 4 + j] = C[bx] + broadcast
            T.sync(lambda p, q: p + q)
""".splitlines()


def renamed(**names: str) -> list[str]:
    """The module above with other names: an independent renaming, token by token."""
    found = []
    for line in BASE:
        text, at = "", 0
        for token in tokens_of(line):
            new = names.get(token.text, token.text) if token.kind == "name" else token.text
            text += line[at : token.start] + new
            at = token.start + len(token.text)
        found.append(text + line[at:])
    return found


def test_bound_names_finds_every_form_and_no_intrinsic() -> None:
    assert bound_names(BASE) == {
        *("gemm", "A_handle", "C", "A", "broadcast", "bx", "i", "j", "p", "q"),
    }


def test_match_names_of_equal_texts_is_empty() -> None:
    assert match_names(BASE, BASE) == {}


def test_match_names_maps_candidate_to_baseline() -> None:
    candidate = renamed(A="A_1", j="jj", bx="block")
    assert match_names(BASE, candidate) == {"A_1": "A", "jj": "j", "block": "bx"}
    assert rename(candidate, match_names(BASE, candidate)) == BASE


def test_match_names_of_swapped_names_swaps_them_back() -> None:
    candidate = renamed(i="j", j="i")
    assert match_names(BASE, candidate) == {"i": "j", "j": "i"}
    assert rename(candidate, match_names(BASE, candidate)) == BASE
    assert same_up_to_names(BASE, candidate)


def test_match_names_with_an_inserted_name_does_not_shift_the_rest() -> None:
    candidate = [*BASE[:2], "    fresh = T.int32(3)", *BASE[2:]]
    assert match_names(BASE, candidate) == {}


def test_match_names_never_renames_what_a_text_does_not_bind() -> None:
    assert match_names(["x = outer + 1"], ["x = other + 1"]) == {}


def test_match_names_never_maps_onto_a_name_the_candidate_uses_otherwise() -> None:
    baseline = ["a = T.f(1)", "T.g(a)"]
    candidate = ["b = T.f(1)", "T.g(b)", "a = T.h(2)"]
    assert match_names(baseline, candidate) == {}


def test_match_names_follows_the_majority() -> None:
    baseline = ["a = T.f(1)", "b = T.g(2)", "T.h(a)", "T.h(a)", "T.k(b)"]
    candidate = ["x = T.f(1)", "y = T.g(2)", "T.h(x)", "T.h(x)", "T.k(x)"]
    assert match_names(baseline, candidate)["x"] == "a"


NAMES = st.sampled_from(["a", "b", "c", "d"])
STATEMENTS = st.lists(
    st.one_of(
        st.builds(lambda x, n: f"{x} = T.f({n})", NAMES, st.integers(0, 2)),
        st.builds(lambda x, y: f"T.g({x}, {y})", NAMES, NAMES),
        st.builds(lambda x: f"for {x} in T.serial(4):", NAMES),
    ),
    max_size=10,
)


@given(STATEMENTS, STATEMENTS)
def test_match_names_is_one_to_one_and_renaming_merges_no_two_names(baseline: list[str], candidate: list[str]) -> None:
    mapping = match_names(baseline, candidate)
    assert len(set(mapping.values())) == len(mapping)
    theirs = bound_names(candidate)
    assert set(mapping) <= theirs
    assert set(mapping.values()) <= bound_names(baseline)
    images = [mapping.get(name, name) for name in theirs]
    assert len(set(images)) == len(images)


@given(STATEMENTS, st.permutations(["a", "b", "c", "d"]))
def test_same_up_to_names_after_any_permutation_of_names(lines: list[str], order: list[str]) -> None:
    table = str.maketrans(dict(zip("abcd", order, strict=True)))
    # ``f``, ``g`` and the keywords hold none of the letters that are moved but ``serial``'s ``a``.
    moved = [line.replace("serial", "@").translate(table).replace("@", "serial") for line in lines]
    bound = bound_names(lines)
    used = {token.text for line in lines for token in tokens_of(line) if token.kind == "name"}
    if used <= bound:
        assert same_up_to_names(lines, moved)
        assert equality("\n".join(lines), "\n".join(moved)) <= Tier.NAMES


def test_rename_leaves_attributes_keywords_and_strings_alone() -> None:
    assert rename(['x.x = T.f(x=x, s="x")  # x'], {"x": "y"}) == ['y.x = T.f(x=y, s="x")  # x']


def test_rename_without_a_mapping_copies() -> None:
    lines = ["a"]
    assert rename(lines, {}) == lines
    assert rename(lines, {}) is not lines


@pytest.mark.parametrize(
    ("baseline", "candidate", "same"),
    [
        pytest.param(["a = 1", "T.g(a)"], ["b = 1", "T.g(b)"], True, id="renamed"),
        pytest.param(["a = 1", "b = 2", "T.g(a, b)"], ["b = 1", "a = 2", "T.g(b, a)"], True, id="swapped"),
        pytest.param(["a = 1", "b = 2", "T.g(a, b)"], ["b = 1", "a = 2", "T.g(a, b)"], False, id="half-swapped"),
        pytest.param(["a = 1", "b = 2", "T.g(b)"], ["a = 1", "a = 2", "T.g(a)"], False, id="merged"),
        pytest.param(["a = 1", "a = 2", "T.g(a)"], ["a = 1", "b = 2", "T.g(b)"], False, id="split"),
        pytest.param(["a = 1", "a = 2"], ["b = 1", "b = 2"], True, id="shadowing on both"),
        pytest.param(["T.g(a)"], ["T.g(b)"], False, id="unbound"),
        pytest.param(["a = 1", "T.g(a)"], ["b = 1", "T.h(b)"], False, id="intrinsic"),
        pytest.param(["a = 1"], ["a = 2"], False, id="value"),
        pytest.param(["if c:", "  a = 1"], ["if c:", "    a = 1"], False, id="indentation"),
        pytest.param(["a = 1"], ["a = 1", "b = 1"], False, id="longer"),
        pytest.param(["a = 1", "f(a=a)"], ["b = 1", "f(a=b)"], True, id="keyword named like it"),
        pytest.param(["a = g", "T.h(a)"], ["b = g", "T.h(a)"], False, id="lost its binding"),
        pytest.param(["a = 1  # x"], ["b = 1  # y"], True, id="comments"),
        pytest.param(["a = f(1, 2)"], ["a = f(1)"], False, id="fewer tokens"),
    ],
)
def test_same_up_to_names_takes_only_a_one_to_one_renaming(
    baseline: list[str], candidate: list[str], same: bool
) -> None:
    assert same_up_to_names(baseline, candidate) is same
    assert same_up_to_names(candidate, baseline) is same


SHARED = ["for i in T.serial(4):", "    C[i] = 0", "for i in T.serial(4):", "    D[i] = 1"]


def test_same_up_to_names_holds_where_two_loops_share_a_variable_on_one_side_only() -> None:
    apart = [*SHARED[:2], *(line.replace("i]", "i_1]").replace("for i ", "for i_1 ") for line in SHARED[2:])]
    assert same_up_to_names(SHARED, apart)
    assert same_up_to_names(apart, SHARED)


def test_same_up_to_names_keeps_a_loops_variable_to_its_body() -> None:
    nested = ["for i in T.serial(4):", "    for j in T.serial(4):", "        C[i] = j"]
    assert same_up_to_names(nested, [line.replace("j", "k") for line in nested])
    assert not same_up_to_names(nested, ["for i in T.serial(4):", "    for j in T.serial(4):", "        C[j] = i"])


def test_names_of_a_block_may_be_given_again_behind_it() -> None:
    """Two blocks bind a buffer each: under one name on one side, under two on the other."""

    def blocks(first: str, second: str, used: str | None = None) -> list[str]:
        return [
            "def main():",
            "    with T.sblock('a'):",
            f"        {first} = T.alloc_buffer((1,))",
            f"        {first}[0] = 1",
            "    with T.sblock('b'):",
            f"        {second} = T.alloc_buffer((1,))",
            f"        {used or second}[0] = 2",
        ]

    assert same_up_to_names(blocks("desc", "desc"), blocks("left", "desc"))
    assert same_up_to_names(blocks("left", "desc"), blocks("desc", "desc"))
    assert same_up_to_names(blocks("desc", "desc_1"), blocks("left", "right"))
    assert not same_up_to_names(blocks("desc", "desc_1"), blocks("desc", "desc_1", used="desc"))


def test_name_that_a_block_binds_anew_is_the_outer_one_behind_it() -> None:
    def nested(inner: str, last: str) -> list[str]:
        return [
            "x: T.int32 = 1",
            "if cond:",
            f"    {inner}: T.int32 = 2",
            f"    A[0] = {inner}",
            f"A[1] = {last}",
        ]

    assert same_up_to_names(nested("x", "x"), nested("y", "x"))
    assert not same_up_to_names(nested("x", "x"), nested("y", "y"))
