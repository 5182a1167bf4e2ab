"""``examples --scheduler``: every file is a task of a Dask cluster."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest
from clusters import on_a_cluster, start_cluster
from exampletrees import make_tree
from verbs import run_verb

from scaffold.builds.build import Build
from scaffold.builds.store import BuildStore


@on_a_cluster
def test_workers_say_themselves_that_they_have_no_gpu(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BuildStore, "get", lambda self, name=None: Build("wheel:9.9.9", sys.executable))
    tree = make_tree(tmp_path / "tree", {f"gemm/example_{at}.py": "print()\n" for at in range(3)})
    for cluster in start_cluster():
        command = ["--scheduler", cluster.scheduler_address, "--source-tree", str(tree), "--workspace", str(tmp_path)]
        assert run_verb("examples", *command, "--json") == 0
    shown = capsys.readouterr()
    assert f"running 3 files, 2 at a time on {cluster.scheduler_address}" in shown.err
    document = json.loads(shown.out)
    assert document["totals"] == {"not run": 3}
    assert document["results"][0]["outcomes"][0]["reason"] == f"no GPU on {platform.node()}"
    assert document["provenance"]["hosts"] == [platform.node()]
