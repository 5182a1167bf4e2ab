"""What comparing two releases costs, kernel by kernel: ``python benchmarks/comparing.py``.

Each kernel is lowered once by either build. Every round compares the two traces in a process of its own, as a second
comparison in one process finds most lines known; counted is the processor time of ``compare`` alone.
``--against REF`` compares them with the code of another commit as well, in turn: the figure is the median of the ratios
of neighbouring rounds, and whether both find the same is said beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from scaffold.builds.capture import CaptureOptions, capture
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.errors import UnsupportedTargetError
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings
from scaffold.progress import Progress
from scaffold.trace.store import write_trace

ROOT = Path(__file__).resolve().parent.parent

_COMPARE = """
import hashlib, json, sys, time
from pathlib import Path
from scaffold.diff.two_sides import compare
from scaffold.trace.store import read_trace
files = [read_trace(Path(path)) for path in sys.argv[1:]]
begun = time.process_time()
result = compare(*files)
seconds = time.process_time() - begun
print(json.dumps([seconds, hashlib.sha256(repr(result).encode()).hexdigest()]))
"""


def compared(tree: Path, traces: list[Path]) -> tuple[float, str]:
    """Seconds of the comparison by the code in ``tree``, and the digest of all it found."""
    command = [sys.executable, "-c", _COMPARE, *map(str, traces)]
    env = {**os.environ, "PYTHONPATH": str(tree)}
    output = subprocess.run(command, env=env, cwd=traces[0].parent, check=True, capture_output=True, text=True)
    seconds, digest = json.loads(output.stdout)
    return seconds, digest


@contextmanager
def checked_out(ref: str) -> Iterator[Path]:
    """The tree of another commit, beside this checkout and gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(tree), ref], check=True, capture_output=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True, capture_output=True)


def measure(traces: list[Path], rounds: int, other: Path | None) -> str:
    """One row: seconds here, and beside the code in ``other`` where there is one."""
    trees = [ROOT, *([other] if other else [])]
    samples = [[compared(tree, traces) for tree in trees] for _ in range(rounds)]
    seconds = [statistics.median(sample[at][0] for sample in samples) for at in range(len(trees))]
    if other is None:
        return f"{seconds[0]:9.2f}"
    ratios = [theirs / ours for (ours, _), (theirs, _) in samples]
    same = "same" if all(ours == theirs for (_, ours), (_, theirs) in samples) else "differs"
    spread = f"{min(ratios):7.2f}{max(ratios):7.2f}"
    return f"{seconds[0]:9.2f}{seconds[1]:9.2f}{statistics.median(ratios):8.2f}{spread}   {same}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kernels", nargs="*", default=["gemm", "flash_attention", "mla_decode"])
    parser.add_argument("--target", action="append", help="default: cuda:sm_80 and cuda:sm_90a")
    parser.add_argument("--baseline", default="wheel:0.1.13")
    parser.add_argument("--candidate", default="wheel:0.1.15")
    parser.add_argument("--against", metavar="REF", help="a commit of this repository")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workspace")
    arguments = parser.parse_args()
    workspace, quiet = Workspace.at(arguments.workspace), Progress(verbosity=-1)
    store = BuildStore(workspace, quiet)
    builds = [store.get(name) for name in (arguments.baseline, arguments.candidate)]
    heads = f"{'seconds':>9}" + (f"{'there':>9}{'ratio':>8}{'min':>7}{'max':>7}" if arguments.against else "")
    print(f"{'kernel':18}{'target':14}{heads}   {builds[0].name} and {builds[1].name}")
    against = checked_out(arguments.against) if arguments.against else nullcontext()
    with tempfile.TemporaryDirectory() as folder, against as other:
        for kernel in arguments.kernels:
            for target in arguments.target or ["cuda:sm_80", "cuda:sm_90a"]:
                try:
                    request = resolve(kernel, Settings(), default_target=target)
                except UnsupportedTargetError as error:
                    print(f"{kernel:18}{target:14}{error}")
                    continue
                traces = [Path(folder) / f"{side}.tltrace" for side in ("baseline", "candidate")]
                for build, path in zip(builds, traces, strict=True):
                    options = CaptureOptions(machine_code=False)
                    file = capture(
                        request, build, workspace=workspace, progress=quiet, argv=("benchmark",), options=options
                    )
                    write_trace(path, file)
                print(f"{kernel:18}{target:14}{measure(traces, arguments.rounds, other)}", flush=True)


if __name__ == "__main__":
    main()
