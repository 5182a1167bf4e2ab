"""How often is one build against itself called a change: by upstream's own comparison, and by ``bench``.

    python benchmarks/beside_upstreams_comparison.py --source-tree DIR gemm elementwise

Needs a GPU, and a checkout of upstream with its Git history (its runner asks Git). Upstream's runner measures each case
once a run; every run is compared with the next one by upstream's own script, which calls a case *regressed* if it is
slower at all. The kit times the same cases, ``bench --regression --force``, with the same build on both sides.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
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
    parser.add_argument("topics", nargs="+")
    parser.add_argument("--source-tree", required=True, type=Path)
    parser.add_argument("--build")
    parser.add_argument("--workspace")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--time-limit", type=float, default=300.0)
    return parser.parse_args()


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
