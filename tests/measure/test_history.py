"""What was measured before, read back from the workspace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benches import one_sided, two_sided

from scaffold.builds.workspace import Workspace
from scaffold.measure.history import read_history
from scaffold.report.bench_history import render_history
from scaffold.report.bench_json import render_bench_json


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "2-gemm.json").write_bytes(render_bench_json(two_sided()))
    (folder / "1-all.json").write_bytes(render_bench_json(one_sided()))
    (folder / "3-broken.json").write_text("{")
    (folder / "4-other.json").write_text('{"schema_version": 99}')
    return Workspace(tmp_path)


def test_rows_come_back_oldest_first_and_other_files_are_passed_over(workspace: Workspace) -> None:
    entries = read_history(workspace)
    assert [entry.file for entry in entries] == sorted(entry.file for entry in entries)
    assert {entry.file for entry in entries} == {"1-all.json", "2-gemm.json"}
    assert {entry.row.kernel for entry in read_history(workspace, ["gemm"])} == {"gemm"}


def test_a_line_a_side_with_the_verdict_on_the_candidate(workspace: Workspace) -> None:
    lines = json.loads(render_history(read_history(workspace, ["gemm"]), "json", width=120))
    told = [(line["side"], line["verdict"]) for line in lines if line["file"] == "2-gemm.json"]
    assert told[:2] == [("baseline", ""), ("candidate", "FASTER")]
    assert render_history(read_history(workspace), "terminal", width=160).decode().splitlines()[0].startswith("when")
    assert render_history(read_history(workspace), "markdown", width=80).decode().startswith("| when |")
    with pytest.raises(ValueError, match="no form png"):
        render_history([], "png", width=80)


def test_nothing_yet_says_what_to_type(tmp_path: Path) -> None:
    said = render_history(read_history(Workspace(tmp_path)), "terminal", width=80).decode()
    assert said.endswith("next: python -m scaffold bench gemm\n")
