"""What recording every pass costs over plain lowering in one process: ``python benchmarks/capture_overhead.py``.

The bar is 1.3 for gemm and mla_decode. Rounds alternate, so a busy machine slows both alike; the figure is the median
of the ratios of neighbouring rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from pathlib import Path

from scaffold.builds.process import probe_environment
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.kernels.target import parse_target
from scaffold.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernels", nargs="*", default=["gemm", "mla_decode"])
    parser.add_argument("--target", action="append", help="default: cuda:sm_80 and cuda:sm_90a")
    parser.add_argument("--build", help="default: the newest wheel")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--workspace")
    arguments = parser.parse_args()
    build = BuildStore(Workspace.at(arguments.workspace), Progress()).get(arguments.build)
    print(
        f"{'kernel':14}{'target':14}{'plain ms':>10}{'recorded ms':>13}{'ratio':>8}{'min':>7}{'max':>7}   {build.name}"
    )
    for kernel in arguments.kernels:
        for target in arguments.target or ["cuda:sm_80", "cuda:sm_90a"]:
            command = [build.python, str(Path(__file__).with_name("in_build.py"))]
            command += [kernel, json.dumps(parse_target(target)), str(arguments.rounds)]
            output = subprocess.run(command, env=probe_environment({}), check=True, capture_output=True, text=True)
            samples = json.loads(output.stdout.splitlines()[-1])
            plain, recorded = (statistics.median(samples[key]) * 1e3 for key in ("plain", "recorded"))
            ratios = [two / one for one, two in zip(samples["plain"], samples["recorded"], strict=True)]
            middle = statistics.median(ratios)
            print(
                f"{kernel:14}{target:14}{plain:10.1f}{recorded:13.1f}{middle:8.2f}{min(ratios):7.2f}{max(ratios):7.2f}"
            )


if __name__ == "__main__":
    main()
