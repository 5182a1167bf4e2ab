"""Scripts as they were and as they are, and recorded lowerings, compared by the verb."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from realkit import Capture
from verbs import run_verb

from scaffold.builds.build import Build
from scaffold.builds.workspace import Workspace
from scaffold.errors import ExitCode
from scaffold.trace.store import write_trace

KERNEL = """import tilelang
import tilelang.language as T
from sizes import BLOCK


@tilelang.jit(out_idx=[-1])
def scale(N, dtype="float32"):
    @T.prim_func
    def main(A: T.Tensor((N,), dtype), B: T.Tensor((N,), dtype)):
        with T.Kernel(T.ceildiv(N, BLOCK), threads=128) as bx:
            for i in T.Parallel(BLOCK):
                B[bx * BLOCK + i] = A[bx * BLOCK + i] * FACTOR
    return main


def main():
    scale(1024)


if __name__ == "__main__":
    main()
"""


def tree(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / "examples" / "scale" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)


def test_examples_of_two_trees_are_compared_in_one_build(
    newest: Build, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = KERNEL.replace("FACTOR", "2.0"), KERNEL.replace("FACTOR", "3.0")
    base = tree(tmp_path / "base", {"example_scale.py": old, "sizes.py": "BLOCK = 128\n", "example_same.py": old})
    mine = {"example_scale.py": new, "sizes.py": "BLOCK = 128\n", "example_same.py": old, "example_new.py": old}
    branch = tree(tmp_path / "branch", mine)
    # What lies in the current folder under the same name is neither of the two.
    monkeypatch.chdir(branch)
    answer = tmp_path / "answer.json"
    words = ["--source-tree", base, "--candidate-tree", branch, "--target", "cuda:sm_90a", "--build", newest.name]
    asked = ["tir-diff", "--corpus", "scale", *words, "--workspace", str(workspace.root), "-q", "-o", str(answer)]
    assert run_verb(*asked, "--check") == ExitCode.FINDING
    report = json.loads(answer.read_text())
    outcomes = {row["source"].rpartition("/")[2]: row["change"]["outcome"] for row in report["kernels"]}
    assert outcomes == {
        "example_scale.py": "differs",
        "example_same.py": "identical",
        "example_new.py": "lowers only on candidate",
    }
    told = {side["label"]: side["attested"] for side in report["sides"]}
    assert "scripts of " in told["baseline"]
    assert told["baseline"] != told["candidate"]
    (branch_only,) = (row for row in report["kernels"] if row["source"].endswith("example_new.py"))
    assert "there is no such script" in branch_only["change"]["note"]
    (changed,) = (row for row in report["kernels"] if row["source"].endswith("example_scale.py"))
    assert f"--source-tree {base} --candidate-tree {branch}" in changed["command"]


def test_the_candidates_tree_alone_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    branch = tree(tmp_path / "branch", {"example_scale.py": KERNEL})
    assert run_verb("tir-diff", "--corpus", "scale", "--candidate-tree", branch) == ExitCode.USAGE
    assert "--source-tree DIR" in capsys.readouterr().err


def test_two_recorded_lowerings_need_no_kernel_named(
    record: Capture, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for stages in (2, 3):
        paths.append(str(tmp_path / f"{stages}.tltrace"))
        write_trace(Path(paths[-1]), record("gemm", "cuda:sm_80", f"num_stages={stages}"))
    assert run_verb("tir-diff", "--baseline", paths[0], "--candidate", paths[1]) == ExitCode.OK
    out = capsys.readouterr().out
    assert out.startswith("tl.InjectSoftwarePipeline") or "tl.InjectSoftwarePipeline" in out.splitlines()[0]
    assert out.splitlines()[-1].startswith(f"next: python -m scaffold tir-diff --baseline {paths[0]}")
    assert run_verb("tir-diff", "--baseline", paths[0]) == ExitCode.USAGE
    assert "no kernel is named" in capsys.readouterr().err
