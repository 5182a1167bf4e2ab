"""The three tiers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.diff.equality import Tier, equality

BASE = "def f(a: T.handle):\n    b = T.g(a, 1)\n    T.h(b)\n"


@pytest.mark.parametrize(
    ("candidate", "tier"),
    [
        pytest.param(BASE, Tier.BYTES, id="same"),
        pytest.param(BASE + "\n", Tier.STRUCTURE, id="blank line"),
        pytest.param("# from tvm\n" + BASE, Tier.STRUCTURE, id="comment line"),
        pytest.param(BASE.replace("1)", "1)  # one"), Tier.STRUCTURE, id="comment"),
        pytest.param(BASE.replace("a, 1", "a,  1"), Tier.STRUCTURE, id="spaces"),
        pytest.param(BASE.replace("b", "c"), Tier.NAMES, id="renamed"),
        pytest.param("# hello\n" + BASE.replace("b", "c"), Tier.NAMES, id="renamed and commented"),
        pytest.param(BASE.replace("b =", "c ="), Tier.DIFFERENT, id="renamed where bound only"),
        pytest.param(BASE.replace("1", "2"), Tier.DIFFERENT, id="value"),
        pytest.param(BASE.replace("T.h", "T.k"), Tier.DIFFERENT, id="operation"),
        pytest.param(BASE.replace("    T.h", "T.h"), Tier.DIFFERENT, id="indentation"),
        pytest.param("", Tier.DIFFERENT, id="empty"),
        pytest.param(BASE + "# Layout#3e003954 = Layout(_i % 8)\n", Tier.DIFFERENT, id="layout added"),
    ],
)
def test_equality_gives_the_strictest_tier(candidate: str, tier: Tier) -> None:
    assert equality(BASE, candidate) is tier
    assert equality(candidate, BASE) is tier


def test_equality_of_texts_whose_layouts_differ_is_different() -> None:
    one = BASE + "# Layout#3e003954 = Layout(_i % 8)\n"
    assert equality(one, one.replace("8)", "4)")) is Tier.DIFFERENT
    assert equality(one, one.replace("3e0", "4e0")) is Tier.DIFFERENT


def test_equality_of_reordered_statements_is_different() -> None:
    assert equality("a = 1\nT.f(2)\nT.g(a)\n", "T.f(2)\na = 1\nT.g(a)\n") is Tier.DIFFERENT


@given(st.text(alphabet="ab =T.()1#\n ", max_size=40), st.text(alphabet="ab =T.()1#\n ", max_size=40))
def test_equality_is_symmetric_and_bytes_means_bytes(one: str, other: str) -> None:
    assert equality(one, other) is equality(other, one)
    assert (equality(one, other) is Tier.BYTES) == (one == other)


def test_label_of_each_tier_is_its_own() -> None:
    assert [tier.label for tier in Tier] == ["same bytes", "same structure", "same after matching names", "different"]
