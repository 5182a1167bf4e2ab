"""The machine code of many kernels: registers, spills and their like of those whose generated source differs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from scaffold.builds.capture import Captured, with_machine_code
from scaffold.cli.corpus_asked import Side
from scaffold.cli.tracing import Session
from scaffold.corpus.lowering import Lowered
from scaffold.diff.change import Outcome, compiled_on_one_side
from scaffold.diff.generated import rejection_by_nvcc
from scaffold.progress import Progress
from scaffold.report.corpus_view import KernelRow
from scaffold.trace.model import FunctionResources, TraceFile
from scaffold.trace.store import read_trace

#: Kernels whose machine code is made on both sides unless all are asked for: nvcc takes seconds each.
_MOST_COMPILED = 12

#: Numbers of the machine code that are compared, as the reader knows them.
_RESOURCES = (
    ("registers", "registers"),
    ("spill_store_bytes", "bytes spilled"),
    ("static_shared_bytes", "static shared bytes"),
    ("sass_instructions", "SASS instructions"),
)


def compiled(path: str, side: Side, namespace: argparse.Namespace, session: Session) -> TraceFile:
    """The recorded lowering at ``path``, with the machine code its build makes of it."""
    captured = Captured(read_trace(Path(path)), _include_dirs_beside(path))
    if namespace.no_machine_code:
        return captured.file
    return with_machine_code(captured, side.build, workspace=session.workspace, progress=session.progress)


def with_resources(
    rows: list[KernelRow], sides: Sequence[Side], namespace: argparse.Namespace, session: Session
) -> tuple[list[KernelRow], str]:
    """Registers, spills and their like of kernels whose generated source differs, where nvcc is there.

    Where all are asked for, also those of the same source are compiled: by other headers, nvcc may refuse it.
    """
    differing = [
        index
        for index, row in enumerate(rows)
        if row.target.startswith("cuda")
        and row.baseline_trace
        and row.candidate_trace
        and (
            namespace.machine_code
            or (row.change.outcome is Outcome.DIFFERS and row.change.source_removed + row.change.source_added)
        )
    ]
    if not differing:
        return rows, ""
    if namespace.no_machine_code:
        return rows, "registers and spills: not measured (--no-machine-code)"
    differing.sort(key=lambda index: -rows[index].change.size)
    chosen = differing if namespace.machine_code else differing[:_MOST_COMPILED]
    found = list(rows)
    for count, index in enumerate(chosen, start=1):
        session.progress.update(f"machine code {count}/{len(chosen)} {rows[index].shown}")
        found[index], missing = _measured(rows[index], sides, session)
        if missing:
            return found, f"registers and spills: not measured: {missing}"
    left = len(differing) - len(chosen)
    return found, f"registers and spills of the {len(chosen)} that changed most; --machine-code for all" if left else ""


def _measured(row: KernelRow, sides: Sequence[Side], session: Session) -> tuple[KernelRow, str]:
    files = []
    for side, path in zip(sides, (row.baseline_trace, row.candidate_trace), strict=True):
        captured = Captured(read_trace(Path(path)), _include_dirs_beside(path))
        file = with_machine_code(captured, side.build, workspace=session.workspace, progress=_quiet())
        missing = next((item.missing for item in file.trace.artifacts if item.kind == "ptx" and item.missing), None)
        if missing and not rejection_by_nvcc(file.trace):
            return row, missing
        files.append(file)
    baseline, candidate = files
    change = compiled_on_one_side(row.change, baseline, candidate)
    return replace(row, change=change, resources=_deltas(baseline.trace.resources, candidate.trace.resources)), ""


def _deltas(ours: Sequence[FunctionResources], theirs: Sequence[FunctionResources]) -> dict[str, tuple[int, int]]:
    """Numbers of all device functions of a kernel, summed, where the sides differ; registers are the most of any."""
    found: dict[str, tuple[int, int]] = {}
    for key, label in _RESOURCES:
        take = max if key == "registers" else sum
        values = [[getattr(item, key) for item in side if getattr(item, key) is not None] for side in (ours, theirs)]
        if all(values):
            one, other = take(values[0]), take(values[1])
            if one != other:
                found[label] = (one, other)
    return found


def _include_dirs_beside(trace: str) -> tuple[str, ...]:
    """Folders of headers that were noted where the trace is kept."""
    folder = Path(trace).parent
    try:
        lowered = msgspec.json.decode((folder / "lowered.json").read_bytes(), type=Lowered)
    except (OSError, msgspec.MsgspecError):
        return ()
    return next((kernel.include_dirs for kernel in lowered.kernels if kernel.trace == Path(trace).name), ())


def _quiet() -> Progress:
    return Progress(verbosity=-1)
