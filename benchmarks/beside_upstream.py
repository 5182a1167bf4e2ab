"""Beside upstream's own viewer, in one run: ``python benchmarks/beside_upstream.py``.

In turn, round by round: the whole of ``scaffold tir-diff KERNEL`` (warm: build made, machine code cached), the same
written as HTML, and one process that lowers the same kernel once under ``TL_LOWER_TRACE=html``. Wall time of whole
processes; the figure is the median of the ratios of a round. Sizes of what each leaves behind are printed below, and
how long ``--help`` takes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scaffold.builds.process import probe_environment
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.kernels.target import parse_target
from scaffold.progress import Progress

_UPSTREAM = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1]); import start; sys.path.pop(0); start._register_package()
import tilelang, tvm
function = importlib.import_module(f"scaffold.kernels.zoo.{sys.argv[2]}").KERNEL.build()
target = tvm.target.Target(json.loads(sys.argv[3]))
with tvm.transform.PassContext(opt_level=3), target:
    tilelang.lower(function, target=target)
"""


def timed(command: list[str], env: dict[str, str], cwd: str) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=env, cwd=cwd, check=True, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernels", nargs="*", default=["gemm", "mla_decode"])
    parser.add_argument("--target", default="cuda:sm_90a")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workspace")
    arguments = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    workspace = Workspace.at(arguments.workspace)
    build = BuildStore(workspace, Progress()).get(None)
    ours_env = {**os.environ, "PYTHONPATH": str(root), "SCAFFOLD_WORKSPACE": str(workspace.root)}
    for kernel in arguments.kernels:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "report.html"
            ours = [sys.executable, "-m", "scaffold", "tir-diff", kernel, "--target", arguments.target]
            as_html = [*ours, "-o", str(page)]
            theirs = [build.python, "-c", _UPSTREAM, str(root / "scaffold" / "probe"), kernel]
            theirs.append(json.dumps(parse_target(arguments.target)))
            traces = Path(folder) / "upstream"
            upstream_env = probe_environment({"TL_LOWER_TRACE": "html", "TL_LOWER_TRACE_DIR": str(traces)})
            commands = {
                "tir-diff": (ours, ours_env),
                "tir-diff -o html": (as_html, ours_env),
                "upstream": (theirs, upstream_env),
            }
            samples: dict[str, list[float]] = {name: [] for name in commands}
            for command, env in commands.values():
                timed(command, env, folder)
            for _ in range(arguments.rounds):
                for name, (command, env) in commands.items():
                    samples[name].append(timed(command, env, folder))
            print(f"{kernel} for {arguments.target}, {build.name}, {arguments.rounds} rounds")
            for name in commands:
                ratios = [one / other for one, other in zip(samples[name], samples["upstream"], strict=True)]
                middle = statistics.median(samples[name])
                print(f"  {name:18}{middle:6.2f} s   of upstream {statistics.median(ratios):.2f}")
            trace = max((workspace.traces).glob(f"{kernel}-*.tltrace"), key=lambda path: path.stat().st_mtime)
            reports = [path.stat().st_size for path in traces.rglob("*.html")]
            print(
                f"  trace {trace.stat().st_size / 1e3:.0f} KB, HTML {page.stat().st_size / 1e3:.0f} KB, "
                f"upstream's HTML {max(reports, default=0) / 1e3:.0f} KB"
            )
    helps = [timed([sys.executable, "-m", "scaffold", "--help"], ours_env, str(root)) for _ in range(9)]
    print(f"--help: {statistics.median(helps):.3f} s")


if __name__ == "__main__":
    main()
