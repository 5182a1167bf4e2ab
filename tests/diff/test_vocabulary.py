"""What lines speak of, in C++ and in TVMScript."""

from __future__ import annotations

import pytest

from scaffold.diff.vocabulary import SIGNATURE, VECTORS, family_of, is_akin, spoken_of


@pytest.mark.parametrize(
    ("line", "spoken"),
    [
        ("  a[i] = (a[i] + b[i]);", {}),
        ("float4 v_ = *(float4*)(a + (i * 4));", {VECTORS: "float4"}),
        ("uint2 w = make_uint2(x, y);", {VECTORS: "uint2"}),
        ('T.call("float32x4", a)', {"call": "T.call", VECTORS: "float32x4"}),
        ("uint64_t(desc + 1);", {}),
        ("for (int i = 0; i < 32; ++i) {", {"for": "for"}),
        ("} else {", {"else": "else"}),
        ("#pragma unroll", {"#pragma unroll": "#pragma unroll"}),
        ("#include <cuda/math.h>", {"#include <cuda/math.h>": "#include <cuda/math.h>"}),
        (
            "tl::AllReduce<tl::SumOp, 4>::run(x);",
            {"AllReduce": "tl::AllReduce"},
        ),
        (
            "mbarrier[(k % 3)].arrive_and_expect_tx(8192);",
            {"arrive_and_expect_tx": "arrive_and_expect_tx"},
        ),
        ("if (i < n) {", {"if": "if"}),
        ('extern "C" __global__ void gemm_kernel(half_t* A) {', {SIGNATURE: SIGNATURE}),
        ("def gemm(A: T.Buffer((8,))):", {SIGNATURE: SIGNATURE}),
        ("for k in T.serial(4):", {"for": "for"}),
        ("for k in T.vectorized(4):", {"for": "for", "vectorized": "T.vectorized"}),
        (
            'T.copy(T.region(A[0], 1, 8), tl.phase=0, x="for (tl::no(")',
            {"copy": "T.copy", "tl.phase=": "tl.phase=", "x=": "x="},
        ),
        (
            'T.sblock_attr({"tl.threads": [128, 1, 1]})',
            {"sblock_attr": "T.sblock_attr", '"tl.threads"': '"tl.threads"'},
        ),
    ],
)
def test_line_speaks_of_operations_types_and_attributes(line: str, spoken: dict[str, str]) -> None:
    assert spoken_of(line) == spoken


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("tl::ptx_ldmatrix_x4_trans", "ptx_ldmatrix_x"),
        ("ptx_ldmatrix_x2", "ptx_ldmatrix_x"),
        ("T.tma_load", "tma_load"),
        ("exp2f", "exp"),
        ("h2exp", "h2exp"),
        ("__float22half2_rn", "__float"),
    ],
)
def test_family_is_the_name_up_to_its_first_number(name: str, family: str) -> None:
    assert family_of(name) == family


@pytest.mark.parametrize(
    ("one", "other", "akin"),
    [
        ("ptx_cp_async", "cp_async", True),
        ("tma_load", "tma_load", True),
        ("tma_load", "tma_store", False),
        ("min", "minimum", False),
    ],
)
def test_akin_families_are_of_one_operation(one: str, other: str, akin: bool) -> None:
    assert is_akin(one, other) is akin
    assert is_akin(other, one) is akin


def test_a_name_of_any_length_is_read_in_one_go() -> None:
    assert spoken_of("a" * 200_000 + "(" + "b.c::" * 50_000) != {}
