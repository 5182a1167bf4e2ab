"""Target labels."""

from __future__ import annotations

import pytest

from scaffold.errors import UnknownTargetError
from scaffold.kernels.target import CUDA_ARCHS, DEFAULT_CUDA, PLAIN_KINDS, parse_target, shared_limit


@pytest.mark.parametrize(
    ("label", "mapping"),
    [
        ("cuda:sm_90a", {"kind": "cuda", "arch": "sm_90a"}),
        ("hip:gfx942", {"kind": "hip", "mcpu": "gfx942"}),
        ("rocm:gfx90a", {"kind": "hip", "mcpu": "gfx90a"}),
        ("metal", {"kind": "metal"}),
        ("c", {"kind": "c"}),
    ],
)
def test_parse_target_gives_what_tvm_takes(label: str, mapping: dict[str, str]) -> None:
    assert parse_target(label) == mapping


def test_parse_target_takes_every_label_it_lists() -> None:
    for label in [*(f"cuda:{arch}" for arch in CUDA_ARCHS), *PLAIN_KINDS, DEFAULT_CUDA]:
        assert parse_target(label)["kind"] == label.partition(":")[0]


@pytest.mark.parametrize(
    ("label", "near"),
    [
        ("sm_90a", "cuda:sm_90a"),
        ("sm_90", "cuda:sm_90"),
        ("90a", "cuda:sm_90a"),
        ("gfx942", "hip:gfx942"),
        ("cuda:sm_91", "cuda:sm_90"),
        ("cuda:sm90a", "cuda:sm_90a"),
        ("cuda", "cuda:sm_90a"),
        ("cuda:", "cuda:sm_90a"),
        ("hip", "hip:gfx942"),
        ("hip:gfx9", "hip:gfx90a"),
        ("mettal", "metal"),
        ("metal:m1", "metal"),
        ("", "cuda:sm_90a"),
        ("spam", "cuda:sm_80"),
        ("cuda:sm_90a -x", "cuda:sm_90a"),
    ],
)
def test_parse_target_unknown_names_the_nearest(label: str, near: str) -> None:
    with pytest.raises(UnknownTargetError) as caught:
        parse_target(label)
    assert repr(label) in caught.value.message
    assert near in (caught.value.hint or "").partition(": ")[2].split(", ")


@pytest.mark.parametrize("label", ["cuda:sm_90a\n", "hip:gfx942\n", "hip:gfx94z", "hip:GFX942", "CUDA:sm_80", "c:x"])
def test_parse_target_takes_nothing_that_is_only_like_a_label(label: str) -> None:
    with pytest.raises(UnknownTargetError):
        parse_target(label)


@pytest.mark.parametrize(
    ("label", "limit"),
    [
        ("cuda:sm_80", 163 * 1024),
        ("cuda:sm_90", 227 * 1024),
        ("cuda:sm_90a", 227 * 1024),
        ("cuda:sm_100f", 227 * 1024),
        ("cuda:sm_120a", 99 * 1024),
        ("hip:gfx90a", 64 * 1024),
        ("hip:gfx942", 64 * 1024),
        ("hip:gfx950", 160 * 1024),
        ("hip:gfx1100", None),
        ("metal", None),
        ("c", None),
    ],
)
def test_shared_limit_is_of_the_architecture_or_unknown(label: str, limit: int | None) -> None:
    assert shared_limit(label) == limit


def test_shared_limit_is_known_for_every_cuda_architecture() -> None:
    assert all(shared_limit(f"cuda:{arch}") for arch in CUDA_ARCHS)
