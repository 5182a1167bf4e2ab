"""Reports built from traces made by hand, the way the command line builds them."""

from __future__ import annotations

from dataclasses import replace

from traces import module, trace_of

from scaffold.diff.one_side import effects_of
from scaffold.diff.text import Hunk, diff_lines, into_hunks
from scaffold.diff.two_sides import compare
from scaffold.report.build import report_one_side, report_two_sides
from scaffold.report.view import Focus, Report
from scaffold.trace.model import TraceFile

NEXT = "python -m scaffold tir-diff gemm --set num_stages=3"
SYNC = 'T.tvm_storage_sync("shared")'
START = module("C[8] = 0", "C[9] = 0")
LOOP = module("for k in T.serial(4):", "    C[k] = A[k] + 1", "C[9] = 0")
LOOP_2 = LOOP.replace("+ 1", "+ 2")
SYNCED = LOOP_2.replace("+ 2\n", f"+ 2\n            {SYNC}\n")
END = LOOP.replace("C[9] = 0", "C[9] = 7")
SYNCED_END = SYNCED.replace("C[9] = 0", "C[9] = 7")

BASELINE = trace_of(
    START, ("tl.Quiet", START), ("tl.Lower", LOOP), ("tl.Sync", LOOP), ("tl.End", END), parameters={"num_stages": 2}
)
CANDIDATE = trace_of(
    START,
    ("tl.Quiet", START),
    ("tl.Lower", LOOP_2),
    ("tl.Sync", SYNCED),
    ("tl.End", SYNCED_END),
    parameters={"num_stages": 3},
    source="x;\ny;\n",
    durations=(0.5, 1.0, 2.0, 0.25),
)


def one_sided(file: TraceFile = CANDIDATE) -> Report:
    return report_one_side(file, effects_of(file), next_command=NEXT)


def two_sided(baseline: TraceFile = BASELINE, candidate: TraceFile = CANDIDATE) -> Report:
    return report_two_sides(baseline, candidate, compare(baseline, candidate), next_command=NEXT)


def huge(passes: int = 400, lines: int = 60) -> Report:
    """Every pass of many changes every line, each its own way on either side."""
    report = two_sided()
    (row,) = [row for row in report.passes if row.name == "tl.Sync"]
    rows = []
    for index in range(1, passes + 1):
        ours, theirs = ([f"C[{line}] = {index * 7 + line + side}" for line in range(lines)] for side in (0, 1))
        hunks = tuple(Hunk(hunk.lines, "gemm > for k") for hunk in into_hunks(diff_lines(ours, theirs)))
        status = "introduces" if index % 50 == 0 else "carries"
        rows.append(replace(row, index=index, name=f"tl.Pass{index}", status=status, hunks=hunks))
    return replace(report, passes=tuple(rows), focus=Focus(50 if passes >= 50 else 1, None))
