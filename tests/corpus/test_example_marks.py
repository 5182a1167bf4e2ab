"""Marks of upstream's tests, as written there."""

from __future__ import annotations

import ast

import pytest

from scaffold.corpus.examples.marks import needs_of_marks, needs_of_path


def needs(decorator: str) -> list[tuple[str, str]]:
    function = ast.parse(f"@{decorator}\ndef test(): pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    return [(need.kind, need.value) for need in needs_of_marks(function.decorator_list, "test")]


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ("tilelang.testing.requires_cuda", [("backend", "cuda")]),
        ("tilelang.testing.requires_cuda()", [("backend", "cuda")]),
        ("tilelang.testing.requires_rocm", [("backend", "hip")]),
        ("tilelang.testing.requires_cuda_or_cdna", [("backend", "cuda or hip")]),
        ("tilelang.testing.requires_gfx950", [("backend", "hip"), ("arch", "gfx950")]),
        (
            "tilelang.testing.requires_cuda_compute_version(10)",
            [("backend", "cuda"), ("capability", ">= 10.0")],
        ),
        (
            "tilelang.testing.requires_cuda_compute_version(9, 0, mode='eq')",
            [("backend", "cuda"), ("capability", "== 9.0")],
        ),
        (
            "tilelang.testing.requires_cuda_compute_version_le(8, 9)",
            [("backend", "cuda"), ("capability", "<= 8.9")],
        ),
        (
            "requires_cuda_compute_version_lt(major_version=11)",
            [("backend", "cuda"), ("capability", "< 11.0")],
        ),
        ("tilelang.testing.requires_cuda_compute_version_ge(*version)", []),
        ("tvm.testing.requires_package('bitblas', 'fla')", [("package", "bitblas"), ("package", "fla")]),
        ("pytest.mark.skip(reason='flaky')", [("never", "skipped by upstream: flaky")]),
        ("pytest.mark.skip", [("never", "skipped by upstream: no reason given")]),
        (
            "pytest.mark.skipif(torch.cuda.get_device_capability()[0] < 9, reason='Hopper')",
            [("capability", ">= 9.0")],
        ),
        ("pytest.mark.skipif(torch.cuda.get_device_capability() != (8, 6))", [("capability", "== 8.6")]),
        ("pytest.mark.skipif(_is_cutedsl, reason='not on CuTeDSL')", [("condition", "not on CuTeDSL")]),
        ("pytest.mark.skipif(not available())", [("condition", "unless not available()")]),
        ("pytest.mark.parametrize('x', [1])", []),
        ("functools.cache", []),
    ],
)
def test_a_mark_asks_for(decorator: str, expected: list[tuple[str, str]]) -> None:
    assert needs(decorator) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("examples/gemm/example_gemm.py", []),
        ("examples/flash_attention_sm100/mha.py", [("capability", ">= 10.0"), ("capability", "< 11.0")]),
        ("examples/minference/sparse_attn_fwd_sm90.py", [("capability", "== 9.0")]),
        ("examples/x/for_sm_80.py", []),
        ("examples/x/for_sm80.py", [("capability", ">= 8.0")]),
        ("examples/x/gemm_hopper.py", [("capability", "== 9.0")]),
        ("examples/x/gfx942/gemm.py", [("backend", "hip"), ("arch", "gfx942")]),
        ("examples/deepseek_mla/amd/decode.py", [("backend", "hip")]),
        ("examples/damsel/small.py", []),
    ],
)
def test_words_of_a_path_ask_for(path: str, expected: list[tuple[str, str]]) -> None:
    assert [(need.kind, need.value) for need in needs_of_path(path)] == expected
