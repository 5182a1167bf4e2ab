"""A pass that a release wrote anew: ``tl.LayoutReducer`` up to 0.1.13, split where and when reducers became operations.

0.1.14 runs ``tl.CanonicalizeLegacyReducer`` in its place, two passes that only verify, and, behind the inference of
layouts, ``tl.ReducerPlanAndMaterialize``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from realkit import Capture

from scaffold.diff.model import Degree, Status
from scaffold.diff.two_sides import compare
from scaffold.report.verdict import two_verdict

KERNEL = """
import tilelang.language as T

def rows(M=128, N=64):
    @T.prim_func
    def main(A: T.Tensor((M, N), "float32"), B: T.Tensor((M,), "float32")):
        with T.Kernel(1, threads=128):
            total = T.alloc_reducer(M, "float32", op="sum", replication="all")
            T.clear(total)
            tile = T.alloc_fragment((M, N), "float32")
            T.copy(A, tile)
            for i, j in T.Parallel(M, N):
                total[i] += tile[i, j]
            T.finalize_reducer(total)
            T.copy(total, B)
    return main
"""


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "reducers.py"
    path.write_text(KERNEL, encoding="utf-8")
    return f"{path}::rows"


@pytest.mark.parametrize("target", ["cuda:sm_80", "cuda:sm_90a"])
@pytest.mark.parametrize("newer", ["0.1.14", "0.1.15"])
def test_pass_that_was_split_and_written_anew_is_compared_with_the_one_in_its_place(
    newer: str, target: str, rows: str, record: Capture
) -> None:
    files = record(rows, target, build="wheel:0.1.13"), record(rows, target, build=f"wheel:{newer}")
    result = compare(*files)
    names = [row.name for row in result.passes]
    split = result.passes[names.index("tl.LayoutReducer")]
    assert (split.renamed, split.status, split.degree) == (
        "tl.CanonicalizeLegacyReducer",
        Status.INTRODUCES,
        Degree.SHAPE,
    )
    assert [row.renamed for row in result.passes if row.renamed] == ["tl.CanonicalizeLegacyReducer"]
    alone = {row.name: effect for row in result.passes if row.is_alone and (effect := row.baseline or row.candidate)}
    assert not {"tl.LayoutReducer", "tl.CanonicalizeLegacyReducer"} & alone.keys()
    assert [name for name, effect in alone.items() if effect.changed] == ["tl.ReducerPlanAndMaterialize"]
    assert {"tl.VerifyReducerEpoch", "tl.VerifyReducerConsumed"} <= alone.keys()
    finding = result.telling
    assert finding is not None
    assert (finding.pass_name, finding.degree, finding.lasts) == ("tl.LayoutReducer", Degree.SHAPE, True)
    assert two_verdict(files, result).headline == (
        "tl.LayoutReducer -> tl.CanonicalizeLegacyReducer is the first pass to introduce a difference of shape"
    )


def test_pass_that_both_releases_run_by_one_name_is_no_other(rows: str, record: Capture) -> None:
    """Up to 0.1.13 nothing of this was written anew."""
    older, newer = (record(rows, "cuda:sm_80", build=f"wheel:{version}") for version in ("0.1.12", "0.1.13"))
    result = compare(older, newer)
    assert not any(row.renamed for row in result.passes)
    (reducer,) = (row for row in result.passes if row.name == "tl.LayoutReducer")
    assert reducer.status is Status.SAME
