"""What the issue of this kit is about, on real lowerings."""

from __future__ import annotations

import pytest
from realkit import Capture

from scaffold.diff.equality import Tier
from scaffold.diff.model import Status
from scaffold.diff.two_sides import compare
from scaffold.trace.store import pack_trace, unpack_trace


def test_gemm_with_2_and_3_stages_parts_at_the_software_pipeline(record: Capture) -> None:
    two, three = (record("gemm", "cuda:sm_80", f"num_stages={stages}") for stages in (2, 3))
    result = compare(two, three)
    assert result.reshaped is not None
    assert result.reshaped.pass_name == "tl.InjectSoftwarePipeline"
    assert result.reshaped.function == "gemm"
    assert result.effect_lines * 3 < result.state_lines
    assert result.finding


def test_the_same_side_twice_is_identical_at_every_pass(record: Capture) -> None:
    one, other = (record("gemm", "cuda:sm_90a") for _ in range(2))
    assert pack_trace(one.trace, one.texts) == pack_trace(other.trace, other.texts)
    result = compare(one, other)
    assert result.identical
    assert all(row.status is Status.SAME for row in result.passes)


def test_a_pass_config_takes_a_pass_away(record: Capture) -> None:
    with_it = record("gemm", "cuda:sm_90a")
    without = record("gemm", "cuda:sm_90a", "tl.disable_warp_specialized=true")
    assert without.trace.kernel.pass_configs == {"tl.disable_warp_specialized": True}
    result = compare(with_it, without)
    gone = {row.name for row in result.passes if row.status is Status.ONLY_BASELINE}
    assert "tl.ProducerConsumerWarpSpecialized" in gone
    assert result.source_tier is Tier.DIFFERENT


def test_a_real_trace_is_small_and_survives_the_file(record: Capture) -> None:
    file = record("mla_decode", "cuda:sm_90a", machine_code=True)
    data = pack_trace(file.trace, file.texts)
    assert len(data) < 100_000
    assert unpack_trace(data, origin="test").trace == file.trace


def test_two_releases_name_a_pass_and_not_the_first_line(record: Capture) -> None:
    old = record("gemm", "cuda:sm_80", build="wheel:0.1.13")
    new = record("gemm", "cuda:sm_80", build="wheel:0.1.15")
    result = compare(old, new)
    both = [row for row in result.passes if row.baseline and row.candidate]
    assert len(both) > 60
    assert result.introduced is not None


def test_gemm_with_3_and_4_stages_parts_at_the_software_pipeline_too(record: Capture) -> None:
    """What it makes is lowered by two passes more, each of which acts on what the one before it made."""
    result = compare(*(record("gemm", "cuda:sm_80", f"num_stages={stages}") for stages in (3, 4)))
    assert result.cause is not None
    assert result.cause.pass_name == "tl.InjectSoftwarePipeline"


def test_capture_says_how_its_build_calls_nvcc(record: Capture) -> None:
    """Asked of the build, whose own list it is; without a CUDA toolkit it cannot be."""
    options = record("gemm", "cuda:sm_90a").trace.compiler_options
    fast = record("gemm", "cuda:sm_90a", "tl.enable_fast_math=true").trace.compiler_options
    if not options:
        pytest.skip("the build finds no CUDA toolkit here")
    assert "-O3" in options
    assert not any(word.startswith("-I") for word in options)
    assert set(fast) - set(options) == {"--use_fast_math"}
