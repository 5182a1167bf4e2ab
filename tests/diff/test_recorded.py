"""Real traces, recorded once: one of the ``tir`` era, one of ``tirx``, one whose pass raised, one cut short."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.diff.equality import Tier
from scaffold.diff.metrics import measure
from scaffold.diff.model import Status
from scaffold.diff.one_side import effects_of
from scaffold.diff.two_sides import compare
from scaffold.errors import TraceFileError
from scaffold.report.build import report_one_side, report_two_sides
from scaffold.trace.store import pack_trace, read_trace

DATA = Path(__file__).resolve().parents[1] / "data"


@pytest.mark.parametrize(("name", "namespace", "passes"), [("0.1.9-tir", "tir", 77), ("0.1.15-tirx", "tirx", 84)])
def test_recorded_trace_of_an_era_reads_and_packs_to_the_same_bytes(name: str, namespace: str, passes: int) -> None:
    path = DATA / f"gemm-{name}.tltrace"
    file = read_trace(path)
    assert file.trace.build.tir_namespace == namespace
    assert len(file.trace.passes) == passes
    assert pack_trace(file.trace, file.texts) == path.read_bytes()


@pytest.mark.parametrize("name", ["0.1.9-tir", "0.1.15-tirx"])
def test_recorded_trace_of_an_era_has_the_same_numbers_where_they_must_be(name: str) -> None:
    file = read_trace(DATA / f"gemm-{name}.tltrace")
    split = [record for record in file.trace.passes if record.name == "tl.MergeSharedMemoryAllocations"][-1]
    metrics = measure(file.text(split.after))
    assert metrics.grid == (2, 2, 1)
    assert metrics.threads == 128
    assert metrics.buffer_bytes["shared.dyn"] == 3 * (128 * 32 + 32 * 128) * 2
    assert metrics.operations["async copies"] > 0
    assert metrics.operations["MMA operations"] > 0
    assert file.trace.resources[0].registers > 100


def test_compare_across_eras_pairs_most_passes_and_finds_where_they_part() -> None:
    old, new = (read_trace(DATA / f"gemm-{name}.tltrace") for name in ("0.1.9-tir", "0.1.15-tirx"))
    result = compare(old, new)
    both = [row for row in result.passes if row.baseline and row.candidate]
    assert len(both) > 50
    assert result.finding
    assert result.printed_lines > 500
    launch = next(row for row in result.passes if row.name == "tl.MaterializeKernelLaunch")
    assert launch.status is Status.ONLY_CANDIDATE
    assert launch.after.shape_lines < launch.before.shape_lines, "it settles how a kernel is launched"
    assert not launch.introduces
    assert result.telling is not None
    assert result.telling.pass_name == "tl.InjectSoftwarePipeline"
    report = report_two_sides(old, new, result, next_command="next")
    assert report.verdict.outcome == "differs"
    assert report.sides[0].tilelang_version == "0.1.9"


@pytest.mark.parametrize("name", ["0.1.9-tir", "0.1.15-tirx"])
def test_compare_a_recorded_trace_with_itself_is_identical(name: str) -> None:
    file = read_trace(DATA / f"gemm-{name}.tltrace")
    result = compare(file, file)
    assert result.identical
    assert result.weakest is Tier.BYTES
    assert {row.status for row in result.passes} == {Status.SAME}


def test_recorded_failure_names_its_pass_and_holds_no_path_of_a_machine() -> None:
    file = read_trace(DATA / "raised-0.1.15.tltrace")
    assert file.trace.failure is not None
    assert file.trace.failure.pass_name == "tl.LayoutInference"
    assert "layout_inference.cc" in file.trace.failure.traceback
    for word in ("/tmp", "/home", "/root", "<unknown>", "site-packages"):
        assert word not in file.trace.failure.traceback + file.trace.failure.message
    report = report_one_side(file, effects_of(file), next_command="next")
    assert report.verdict.headline == "lowering stopped in tl.LayoutInference, after 14 passes"
    assert report.passes[-1].status == "failed"


def test_recorded_trace_cut_short_says_so() -> None:
    with pytest.raises(TraceFileError, match="cut short"):
        read_trace(DATA / "truncated.tltrace")
