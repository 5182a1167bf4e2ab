"""Changes planted in a real TileLang: each is found by the name of its pass, as what it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from planted import Edit, plant

from scaffold.builds.build import Build
from scaffold.builds.capture import CaptureOptions, capture
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.diff.equality import Tier
from scaffold.diff.model import Degree, Status
from scaffold.diff.two_sides import compare
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings
from scaffold.progress import Progress
from scaffold.report.verdict import two_verdict
from scaffold.trace.model import TraceFile

#: ``lower("gemm", Edit(...))`` lowers a kernel in the newest release, unchanged or with edits.
Lower = Callable[..., TraceFile]

PIPELINE = "cuda/pipeline.py"
HOIST = "transform/hoist_broadcast_values.py"
SYNC = '    mod = tilelang.transform.ThreadSync("shared.dyn")(mod)\n'
MERGE = (
    "    mod = tilelang.transform.MergeSharedMemoryAllocations("
    "enable_aggressive_merge=enable_aggressive_merge, disable_reuse=disable_reuse)(mod)\n"
)
UNROLL = "    mod = tilelang.transform.LoopUnswitching()(mod)\n    mod = tilelang.transform.UnrollLoop()(mod)\n"
RENORMALIZE = "    mod = s_tir.transform.RenormalizeSplitPattern()(mod)\n"


def swapped(one: str, other: str) -> tuple[Edit, ...]:
    return Edit(PIPELINE, one, "@one@"), Edit(PIPELINE, other, one), Edit(PIPELINE, "@one@", other)


@pytest.fixture(scope="session")
def lower(newest: Build, store: BuildStore, workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Lower:
    @cache
    def run(kernel: str, *edits: Edit) -> TraceFile:
        build = newest
        if edits:
            folder: Path = tmp_path_factory.mktemp("planted") / "env"
            build = store.get(plant(newest, folder, *edits))
        return capture(
            resolve(kernel, Settings(), default_target="cuda:sm_80"),
            build,
            workspace=workspace,
            progress=Progress(verbosity=-1),
            argv=("test",),
            options=CaptureOptions(machine_code=False, timeout_s=300),
        )

    return run


def test_a_pass_left_out_is_named(lower: Lower) -> None:
    files = lower("gemm"), lower("gemm", Edit(PIPELINE, SYNC, ""))
    result = compare(*files)
    finding = result.telling
    assert finding is not None
    assert (finding.pass_name, finding.degree, finding.lasts) == ("tl.ThreadSync", Degree.SHAPE, True)
    assert finding.candidate_line == 'T.tvm_storage_sync("shared.dyn")'
    assert result.passes[finding.position or 0].status is Status.ONLY_BASELINE
    assert (
        'tl.ThreadSync("shared.dyn"), which only the baseline runs, is the first' in two_verdict(files, result).headline
    )


def test_a_missing_pass_is_named_before_the_one_that_acts_on_it(lower: Lower) -> None:
    planning = Edit(PIPELINE, "    mod = tilelang.transform.PipelinePlanning()(mod)\n", "")
    for files in ((lower("gemm"), lower("gemm", planning)), (lower("gemm", planning), lower("gemm"))):
        result = compare(*files)
        assert result.telling is not None
        assert result.consequence is not None
        assert result.telling.pass_name == "tl.PipelinePlanning"
        assert result.consequence.pass_name == "tl.InjectSoftwarePipeline"


def test_two_passes_swapped_are_named_where_their_order_matters(lower: Lower) -> None:
    """Shared memory is merged behind the barriers instead of before them: the barrier for the merged part is missing,
    or one too many is there; either way the pass that places barriers is the one to look at."""
    result = compare(lower("gemm"), lower("gemm", *swapped(MERGE, SYNC)))
    finding = result.telling
    assert finding is not None
    assert (finding.pass_name, finding.degree, finding.lasts) == ("tl.ThreadSync", Degree.SHAPE, True)
    assert result.passes[finding.position or 0].moved
    assert "tvm_storage_sync" in f"{finding.baseline_line}{finding.candidate_line}"


def test_two_passes_swapped_whose_order_does_not_matter_are_named_and_gone_again(lower: Lower) -> None:
    files = lower("gemm"), lower("gemm", *swapped(UNROLL, RENORMALIZE))
    result = compare(*files)
    assert result.source_tier is Tier.BYTES
    finding = result.telling
    assert finding is not None
    assert not finding.lasts
    assert finding.pass_name in ("tl.UnrollLoop", "s_tir.RenormalizeSplitPattern")
    headline = two_verdict(files, result).headline
    assert headline.startswith(
        f"the generated source is the same; {finding.pass_name}, which the sides run at different"
    )
    assert "gone again after" in headline


def test_a_constant_changed_in_one_pass_is_a_difference_of_values_there(lower: Lower) -> None:
    edit = Edit(
        HOIST, "            val = self.visit_expr(op.value)\n", "            val = self.visit_expr(op.value) * 2\n"
    )
    result = compare(lower("softmax"), lower("softmax", edit))
    finding = result.telling
    assert finding is not None
    assert (finding.pass_name, finding.degree) == ("pass_fn (HoistBroadcastValues)", Degree.VALUES)
    assert "T.float32(1.44" in (finding.baseline_line or "")
    assert "T.float32(2.88" in (finding.candidate_line or "")
    assert [row.name for row in result.passes if row.introduces] == [finding.pass_name]


def test_renamed_variables_are_no_finding_and_their_pass_is_named(lower: Lower) -> None:
    files = lower("softmax"), lower("softmax", Edit(HOIST, 'Var("broadcast_var"', 'Var("splat"'))
    result = compare(*files)
    assert not result.finding
    assert result.weakest is Tier.NAMES
    assert result.source_tier is Tier.NAMES
    verdict = two_verdict(files, result)
    assert verdict.outcome == "equivalent"
    assert verdict.headline.endswith("first after pass_fn (HoistBroadcastValues)")


def test_a_changed_layout_is_found_though_the_module_reads_the_same(lower: Lower) -> None:
    gemm = "cuda/op/gemm/gemm_mma.py"
    both = (
        "                self.A: make_swizzled_layout(self.A),\n                self.B: make_swizzled_layout(self.B),"
    )
    files = (
        lower("gemm"),
        lower(
            "gemm",
            Edit(gemm, "import make_swizzled_layout", "import make_half_bank_swizzled_layout, make_swizzled_layout"),
            Edit(gemm, both, both.replace("make_swizzled_layout(self.B)", "make_half_bank_swizzled_layout(self.B)")),
        ),
    )
    result = compare(*files)
    row = next(row for row in result.passes if row.name == "tl.LayoutInference")
    assert row.baseline is not None
    assert row.candidate is not None
    texts = [file.text(effect.record.after) for file, effect in zip(files, (row.baseline, row.candidate), strict=True)]
    as_tvm_prints_them = {re.sub(r"\b(\w+)#[0-9a-f]{8}\b", r"\1", text.partition("\n# ")[0]) for text in texts}
    assert len(as_tvm_prints_them) == 1
    assert result.introduced is not None
    assert (result.introduced.pass_name, result.introduced.degree) == ("tl.LayoutInference", Degree.VALUES)
    words = "\n".join(two_verdict(files, result).details)
    assert "before it, in values only: tl.LayoutInference" in words


def test_a_pass_under_another_name_is_known_by_what_it_does(lower: Lower) -> None:
    named = Edit(HOIST, "prim_func_pass(pass_fn, opt_level=0)", 'prim_func_pass(pass_fn, opt_level=0, name="tl.Splat")')
    files = lower("softmax"), lower("softmax", named)
    result = compare(*files)
    assert result.identical
    assert [(row.name, row.renamed, row.status) for row in result.passes if row.renamed] == [
        ("pass_fn (HoistBroadcastValues)", "tl.Splat", Status.SAME)
    ]
