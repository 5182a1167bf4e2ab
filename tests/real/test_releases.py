"""The capture side meets every release from 0.1.8 on by asking what is there."""

from __future__ import annotations

import pytest
from realkit import Capture

from scaffold.diff.one_side import effects_of

RELEASES = ("0.1.8", "0.1.9", "0.1.10", "0.1.11", "0.1.12", "0.1.13", "0.1.14", "0.1.15")


@pytest.mark.parametrize("version", RELEASES)
def test_release_is_captured_pass_by_pass(version: str, record: Capture) -> None:
    for target in ("cuda:sm_80", "cuda:sm_90a"):
        file = record("gemm", target, build=f"wheel:{version}")
        trace = file.trace
        assert trace.failure is None
        assert trace.build.tilelang_version.startswith(version)
        assert trace.build.tir_namespace == ("tir" if version in ("0.1.8", "0.1.9") else "tirx")
        assert any(library.name.startswith("libtilelang") for library in trace.build.libraries)
        assert len(effects_of(file).changed) > 20
        names = {record.name for record in trace.passes}
        assert {"tl.LowerTileOp", "tl.LayoutInference", "tl.InjectSoftwarePipeline"} <= names
        assert all(record.caller for record in trace.passes)
        assert not any('metadata["' in text for text in file.texts.values())
        layouts = file.text(next(r.after for r in trace.passes if r.name == "tl.LayoutInference"))
        assert "# Layout#" in layouts
        assert "# Fragment#" in layouts
