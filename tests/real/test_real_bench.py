"""Benchmarks of real kernels on the CPU: nothing that changed is claimed, a planted change is, and faults are told.

Those marked ``serial`` measure, and run with nothing beside them.
"""

from __future__ import annotations

import json
import random
import textwrap
from pathlib import Path
from typing import Any

import pytest
from verbs import run_verb

from scaffold.builds.build import Build
from scaffold.builds.workspace import Workspace
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings
from scaffold.measure.bench import run_bench
from scaffold.measure.cases import Case, Options, Side
from scaffold.measure.statistics import Verdict, effect_of, judge
from scaffold.progress import Progress
from scaffold.report.bench_json import parse_bench_json

#: One function whose loop may be made longer, whose result may be made wrong, and which may not come to its end.
WORK = """
import inspect, os, time
import tilelang.language as T
launch = {"is_cpu": True} if "is_cpu" in inspect.signature(T.Kernel).parameters else {}

def work(repeat: int = 200, wrong: int = 0, fault: str = "none"):
    if fault == "raises":
        raise RuntimeError("cannot be built like this")
    if fault == "leaves" and os.environ.get("TILELANG_DISABLE_CACHE") == "0":
        os._exit(3)
    if fault == "hangs" and os.environ.get("TILELANG_DISABLE_CACHE") == "0":
        time.sleep(3600)

    @T.prim_func
    def main(A: T.Tensor((128, 128), "float32"), B: T.Tensor((128, 128), "float32")):
        with T.Kernel(1, **launch) as bx:
            for i in T.serial(128):
                for j in T.serial(128):
                    B[i, j] = wrong
            for r in T.serial(repeat):
                for i in T.serial(128):
                    for j in T.serial(128):
                        B[i, j] = A[i, j] * T.float32(0.5) + B[i, j] * T.float32(0.25)
            for i in T.serial(128):
                for j in T.serial(128):
                    B[i, j] = B[i, j] + wrong
    return main
"""


@pytest.fixture
def work(tmp_path: Path) -> str:
    (tmp_path / "workload.py").write_text(textwrap.dedent(WORK))
    return f"{tmp_path / 'workload.py'}::work"


def bench(
    capsys: pytest.CaptureFixture[str], workspace: Workspace, build: Build, *words: str, code: int | None = 0
) -> dict[str, Any]:
    common = ("--workspace", str(workspace.root), "--build", build.name, "--target", "c", "--json", "-q")
    """The report; ``code`` is the exit code it must come with, if one must."""
    ended = run_verb("bench", *words, *common)
    assert code is None or ended == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def only_comparison(report: dict[str, Any]) -> dict[str, Any]:
    ((comparison,),) = (row["comparisons"] for row in report["rows"])
    found: dict[str, Any] = comparison
    return found


@pytest.mark.serial
def test_ten_per_cent_more_work_is_called_slower_or_left_open(
    work: str, newest: Build, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = ("--baseline", "repeat=200", "--candidate", "repeat=220")
    report = bench(capsys, workspace, newest, work, *sides, "--rounds", "18", "--check", code=None)
    comparison = only_comparison(report)
    # A machine that is busy beside it may leave it open; it must never come out the same, or faster.
    assert comparison["word"] in ("SLOWER", "AMBIGUOUS"), comparison
    if comparison["word"] == "SLOWER":
        assert 1.05 < comparison["ratio"]["ratio"] < 1.16
    arms = {arm["key"]: arm for arm in report["rows"][0]["arms"]}
    assert set(arms) == {"baseline", "candidate", "again"}
    assert all(arm["method"] == "host" and len(arm["blocks"]) >= 8 for arm in arms.values())
    assert all(output["passed"] for output in arms["candidate"]["outputs"])
    kept = sorted((workspace.root / "bench").glob("*.json"))[-1]
    assert parse_bench_json(kept.read_bytes()).rows[0].kernel == "workload.work"


@pytest.mark.serial
def test_a_build_against_itself_is_called_a_change_in_at_most_one_of_twenty(
    newest: Build, workspace: Workspace
) -> None:
    """Real blocks, drawn again: 200 comparisons of eight rounds, of fourteen that were run."""
    request = resolve("cpu_gemm", Settings(target="c"), default_target="c")
    side = Side("baseline", newest, "", "")
    options = Options(smallest=1e-9, most_rounds=14, budget_ms=60.0, force=True, time_limit_s=900.0)
    outcome = run_bench(
        [Case("cpu_gemm", request, request)],
        [side, Side("candidate", newest, "", "")],
        options,
        workspace=workspace,
        progress=Progress(verbosity=-1),
        argv=("test",),
    )
    (raced,) = outcome.raced
    rounds = list(zip(*(raced.runner.medians(arm) for arm in ("baseline", "candidate", "again")), strict=True))
    assert len(rounds) >= 14
    chance, claims = random.Random(7), 0
    for _ in range(200):
        drawn = [chance.sample(one, 3) for one in chance.sample(rounds, 8)]
        baseline, candidate, again = (list(arm) for arm in zip(*drawn, strict=True))
        judged = judge(effect_of(baseline, candidate), effect_of(baseline, again), smallest=0.01)
        claims += judged.verdict in (Verdict.FASTER, Verdict.SLOWER)
    assert claims <= 10, [f"{max(one) / min(one):.3f}" for one in rounds]


def test_equal_code_is_not_timed(newest: Build, workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    report = bench(capsys, workspace, newest, "cpu_gemm", "--candidate", "block_M=32")
    assert only_comparison(report)["word"] == "EQUAL CODE"
    assert all(arm["median_ms"] is None for arm in report["rows"][0]["arms"])
    assert all(output["passed"] for arm in report["rows"][0]["arms"] for output in arm["outputs"])


def test_a_wrong_kernel_gets_no_speed(
    work: str, newest: Build, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    report = bench(capsys, workspace, newest, work, "--candidate", "wrong=1", "--check", code=1)
    comparison = only_comparison(report)
    assert comparison["word"] == "WRONG"
    assert "B (other side) outside the tolerance" in comparison["reason"]
    assert all(arm["median_ms"] is None for arm in report["rows"][0]["arms"])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("raises", "cannot be built like this"),
        ("leaves", "ended itself with exit code 3"),
        ("hangs", "did not end within 20 s"),
    ],
)
def test_a_side_that_fails_says_how_and_the_next_kernel_is_still_done(
    fault: str, said: str, work: str, newest: Build, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    report = bench(
        capsys, workspace, newest, work, "--candidate", f"fault={fault}", "--timeout", "20", "--check", code=1
    )
    comparison = only_comparison(report)
    assert comparison["word"] == "FAILED"
    assert "candidate: " in comparison["reason"]
    assert said in comparison["reason"]


def test_a_grid_times_what_can_be_built_and_names_what_cannot(
    work: str, newest: Build, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (work, "--vary", "repeat=50,400", "--vary", "fault=none,raises", "--budget", "20", "--jobs", "2")
    report = bench(capsys, workspace, newest, *words)
    by_values = {(one["values"]["repeat"], one["values"]["fault"]): one for one in report["configurations"]}
    assert len(by_values) == 4
    assert by_values["50", "none"]["median_ms"] < by_values["400", "none"]["median_ms"]
    assert all("cannot be built" in by_values[repeat, "raises"]["why_missing"] for repeat in ("50", "400"))


def test_upstreams_own_cases_are_timed_as_they_time_themselves(
    newest: Build, workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "examples" / "toy"
    folder.mkdir(parents=True)
    (folder / "example_toy.py").write_text("def run_regression_perf(by=1.0):\n    return 0.25 * by\n")
    (folder / "regression_example_toy.py").write_text(
        "import tilelang.testing\nimport example_toy\n"
        "def regression_toy():\n    tilelang.testing.process_func(example_toy.run_regression_perf)\n"
        "def regression_toy_none():\n    tilelang.testing.process_func(example_toy.run_regression_perf, by=0.0)\n"
    )
    words = ("--regression", "toy", "--source-tree", str(tmp_path), "--rounds", "8")
    report = bench(capsys, workspace, newest, *words)
    assert f"--regression toy --source-tree {tmp_path} --baseline " in report["next_command"], "no other tree has them"
    rows = {row["kernel"]: row for row in report["rows"]}
    assert rows["toy/toy"]["arms"][0]["median_ms"] == 0.25
    assert "not positive milliseconds" in rows["toy/toy_none"]["comparisons"][0]["reason"]
