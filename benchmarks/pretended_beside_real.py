"""Are the kernels a script compiles on stand-ins those it compiles on a GPU? Runs each both ways and counts.

    python benchmarks/pretended_beside_real.py --source-tree DIR gemm norm topk

Needs a GPU. Two kernels are the same if their lowering is, module by module and source included. A script that tunes
compiles many configurations for real and one on stand-ins; such a script is marked.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scaffold.builds.content import content_digest
from scaffold.builds.gpu import default_target
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.corpus.checkout import named_tree
from scaffold.corpus.examples.lending import lend_to_scripts
from scaffold.corpus.lowering import Lowered, LowerTask
from scaffold.corpus.manifest import make_manifest
from scaffold.corpus.pool import open_pool
from scaffold.corpus.survey import lower_all
from scaffold.progress import Progress


def main() -> None:
    arguments = _arguments()
    workspace = Workspace.at(arguments.workspace)
    progress = Progress()
    build = BuildStore(workspace, progress).get(arguments.build)
    manifest = make_manifest(named_tree(arguments.source_tree).folder, (default_target(),), arguments.names)
    tasks = [
        LowerTask(
            entry,
            build,
            content_digest(build, workspace),
            str(workspace.root),
            arguments.timeout,
            packages=lend_to_scripts(workspace.cache),
        )
        for entry in manifest.lowered
        if entry.is_script
    ]
    totals = [0, 0, 0]
    with open_pool(arguments.jobs) as pool:
        # In batches: what was counted is printed, whatever ends the run.
        for start in range(0, len(tasks), arguments.jobs):
            batch = tasks[start : start + arguments.jobs]
            pretended = lower_all(batch, pool, progress)
            real = lower_all([replace(task, real=True) for task in batch], pool, progress)
            counts = _print_counts(batch, pretended, real)
            totals = [total + count for total, count in zip(totals, counts, strict=True)]
    print(f"scripts that end for real and do not tune: {_counted(totals)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", help="topics or scripts of the tree")
    parser.add_argument("--source-tree", required=True)
    parser.add_argument("--build")
    parser.add_argument("--workspace")
    parser.add_argument("--timeout", type=float, default=120.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def _print_counts(tasks: Sequence[LowerTask], pretended: Sequence[Lowered], real: Sequence[Lowered]) -> list[int]:
    """A line for each script; the sums over those that end for real and do not tune."""
    totals = [0, 0, 0]
    for task, stand_ins, on_gpu in zip(tasks, pretended, real, strict=True):
        found, compiled = ({kernel.digest for kernel in side.kernels} for side in (stand_ins, on_gpu))
        tunes = "autotun" in Path(task.entry.path).read_text(encoding="utf-8")
        counts = (len(found), len(compiled), len(found & compiled))
        if not on_gpu.stopped and not tunes:
            totals = [total + count for total, count in zip(totals, counts, strict=True)]
        notes = (", tunes" if tunes else "") + (f", for real: {on_gpu.stopped}" if on_gpu.stopped else "")
        print(f"{task.entry.shown}: {_counted(counts)}{notes}", flush=True)
    return totals


def _counted(counts: Sequence[int]) -> str:
    return f"{counts[0]} on stand-ins, {counts[1]} for real, {counts[2]} the same"


if __name__ == "__main__":
    main()
