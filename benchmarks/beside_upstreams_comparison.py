"""How often is one build against itself called a change: by upstream's own comparison, and by ``bench``.

    python benchmarks/beside_upstreams_comparison.py --source-tree DIR gemm elementwise

Needs a GPU, and a checkout of upstream with its Git history (its runner asks Git). Upstream's runner measures each case
once a run; every run is compared with the next one by upstream's own script, which calls a case *regressed* if it is
slower at all. The kit times the same cases, ``bench --regression --force``, with the same build on both sides.

    python benchmarks/beside_upstreams_comparison.py --source-tree DIR --recorded tests/data/h200-aa-do_bench.jsonl

needs none: 24 processes of one build on an H200, each of which called ``do_bench(backend="cupti")`` as upstream's cases
do, are compared by both.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress

_SMALLEST = 0.01


def main() -> None:
    arguments = _arguments()
    if arguments.recorded:
        _recorded(arguments)
        return
    workspace = Workspace.at(arguments.workspace)
    build = BuildStore(workspace, Progress()).get(arguments.build)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.monotonic()
        runs = [
            _upstream_runs(build.python, arguments.source_tree, arguments.topics, folder / f"{at}.json")
            for at in range(arguments.runs)
        ]
        took = (time.monotonic() - started) / len(runs)
        rows = [
            row
            for one, other in itertools.pairwise(runs)
            for row in _upstream_compares(build.python, arguments.source_tree, one, other, folder)
        ]
        regressed = sum(row["speedup"] < 1.0 for row in rows)
        apart = sum(not 1 / (1 + _SMALLEST) < row["speedup"] < 1 + _SMALLEST for row in rows)
        print(
            f"upstream's comparison: {len(rows)} comparisons of nothing that changed, {regressed} called regressed, "
            f"{apart} apart by more than 1 %; {took:.0f} s a run, two runs a comparison"
        )
        started = time.monotonic()
        report = _kit(arguments, build.name, folder / "bench.json")
        words = [row["comparisons"][0]["word"] for row in report["rows"]]
        claims = sum(word in ("FASTER", "SLOWER") for word in words)
        print(
            f"the kit: {len(words)} comparisons, {claims} called a change: {', '.join(words)}; "
            f"{time.monotonic() - started:.0f} s in all"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topics", nargs="*")
    parser.add_argument("--recorded", type=Path, metavar="FILE")
    parser.add_argument("--source-tree", required=True, type=Path)
    parser.add_argument("--build")
    parser.add_argument("--workspace")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--time-limit", type=float, default=300.0)
    return parser.parse_args()


def _recorded(arguments: argparse.Namespace) -> None:
    values = [json.loads(line) for line in arguments.recorded.read_text(encoding="utf-8").splitlines()]
    cases = ("gemm1k_cupti", "gemm8k_cupti")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = []
        for at, one in enumerate(values):
            runs.append(folder / f"{at}.json")
            runs[-1].write_text(json.dumps({"results": {case: one[case][0] for case in cases}}), encoding="utf-8")
        rows = [
            row
            for one, other in itertools.pairwise(runs)
            for row in _upstream_compares(sys.executable, arguments.source_tree, one, other, folder)
        ]
    for case in cases:
        own = [row for row in rows if row["name"] == case]
        regressed = sum(row["status"] == "regressed" for row in own)
        apart = sum(abs(row["speedup"] - 1) > _SMALLEST for row in own)
        told = f"{len(own)} comparisons, {regressed} called regressed, {apart} apart by more than 1 %"
        print(f"{case}: upstream's comparison: {told}; the kit: {_drawn(case, values)}")


def _drawn(case: str, values: Sequence[dict[str, Any]], count: int = 200) -> str:
    """Comparisons by the kit of values drawn from the same processes."""
    from scaffold.measure.statistics import FIRST_LOOK, Verdict, effect_of, judge

    chance, claims = random.Random(case), 0
    for _ in range(count):
        sides = [[chance.choice(values)[case][0] for _ in range(FIRST_LOOK)] for _ in range(3)]
        effect, again = effect_of(sides[0], sides[1]), effect_of(sides[0], sides[2])
        claims += judge(effect, again, smallest=_SMALLEST).verdict in (Verdict.FASTER, Verdict.SLOWER)
    return f"{count} comparisons of {FIRST_LOOK} rounds, {claims} called a change"


def _upstream_runs(python: str, tree: Path, topics: Sequence[str], output: Path) -> Path:
    script = tree.resolve() / "maint" / "scripts" / "run_current_regression.py"
    command = [python, str(script), *topics, "--no-cache", "--output", str(output)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run(command, cwd=tree, env=environment, check=False, stdout=sys.stderr)
    return output


def _upstream_compares(python: str, tree: Path, one: Path, other: Path, folder: Path) -> list[dict[str, Any]]:
    script = tree.resolve() / "maint" / "scripts" / "compare_perf_regression.py"
    output = folder / "compared.json"
    command = [python, str(script), str(one), str(other), "--output-json", str(output)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found: list[dict[str, Any]] = json.loads(output.read_text(encoding="utf-8"))["results"]
    return found


def _kit(arguments: argparse.Namespace, build: str, output: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "scaffold", "bench", "--regression", *arguments.topics, "--force"]
    command += ["-o", str(output), "--source-tree", str(arguments.source_tree), "--rounds", str(arguments.rounds)]
    command += ["--baseline", f"build={build}", "--candidate", f"build={build}"]
    command += ["--time-limit", str(arguments.time_limit)]
    command += ["--workspace", arguments.workspace] if arguments.workspace else []
    subprocess.run(command, check=True)
    found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main()
