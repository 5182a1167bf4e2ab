"""Generated sources: a renamed variable is no other program, and everything else is."""

from __future__ import annotations

import pytest

from scaffold.diff.equality import Tier
from scaffold.diff.sources import source_tier

SOURCE = """\
extern "C" __global__ void __launch_bounds__(128, 1) gemm_kernel(const half_t* __restrict__ A, int n) {
  extern __shared__ __align__(1024) uchar buf[];
  float total[4];
  half_t* rows = ((half_t*)buf);
  const dim3 at = tl::rasterize<8>();
  #pragma unroll
  for (int i = 0; i < 4; ++i) {
    total[i] = tl::exp2(A[i], n); // total
  }
}
"""


@pytest.mark.parametrize("name", ["buf", "total", "rows", "at", "i", "A", "n"])
def test_source_with_a_variable_renamed_everywhere_is_the_same_after_matching_names(name: str) -> None:
    import re

    assert source_tier(SOURCE, re.sub(rf"\b{name}\b", "other", SOURCE)) is Tier.NAMES


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *(
            ("i < 4", "i < 8"),
            ("tl::exp2", "tl::exp"),
            ("float total", "half_t total"),
            ("#pragma unroll", "#pragma once"),
        ),
        *(("int i = 0; i <", "int j = 0; i <"), ("gemm_kernel", "other_kernel"), ("uchar", "char"), ("A[i]", "A[n]")),
        ("  float total[4];\n", ""),
    ],
)
def test_source_with_anything_else_changed_is_different(old: str, new: str) -> None:
    assert old in SOURCE
    assert source_tier(SOURCE, SOURCE.replace(old, new, 1)) is Tier.DIFFERENT


def test_source_with_two_variables_made_one_is_different() -> None:
    two = "void f() {\n  int a = 1;\n  int b = 2;\n  g(a, b);\n}\n"
    assert source_tier(two, two.replace("b", "a")) is Tier.DIFFERENT
    assert source_tier(two, two.replace("a", "x").replace("b", "a").replace("x", "b")) is Tier.NAMES
    assert source_tier(two, two) is Tier.BYTES


@pytest.mark.parametrize(
    ("other", "tier"),
    [
        ("// added\nfloat x;\n\n  x = 1;  \n", Tier.STRUCTURE),
        ("float x; /* of\nnothing */\nx = 1;\n", Tier.STRUCTURE),
        ('float x;\nx = "// 1";\n', Tier.DIFFERENT),
        ("float x;\nx = 2; // 1\n", Tier.DIFFERENT),
        ("/* none */ float y;\ny = 1;\n", Tier.NAMES),
    ],
)
def test_comments_and_blanks_of_a_source_are_no_difference(other: str, tier: Tier) -> None:
    assert source_tier("float x;\nx = 1;\n", other) is tier


def test_what_looks_like_a_comment_in_a_string_is_kept() -> None:
    assert source_tier('f("a // b");\n', 'f("a // c");\n') is Tier.DIFFERENT
