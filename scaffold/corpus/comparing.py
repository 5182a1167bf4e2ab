"""Two builds on one entry of the corpus: lower it in both, compare every kernel, keep what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import msgspec

from scaffold.builds.script import PassedOver
from scaffold.builds.workspace import Workspace
from scaffold.corpus.lowering import Lowered, LoweredKernel, LowerTask, lower_entry, read_kernel
from scaffold.diff import change
from scaffold.diff.change import KernelChange, Outcome, change_of, one_side_only
from scaffold.diff.two_sides import compare
from scaffold.files import write_atomically

#: How often each side of a kernel that differs is lowered once more. One of upstream's comes out in two ways, 3 to 1:
#: three lowerings a side show a difference that is none in 1.3 % of comparisons, one and two in 19 %. A script takes
#: seconds, and stays at one.
_TIMES_A_KERNEL, _TIMES_A_SCRIPT = 2, 1


@dataclass(frozen=True)
class CompareTask:
    """One entry in two builds."""

    baseline: LowerTask
    candidate: LowerTask


@dataclass(frozen=True)
class ComparedKernel:
    """One kernel of an entry on both sides; the paths are of its traces, empty where a side has none."""

    name: str
    change: KernelChange
    baseline_trace: str = ""
    candidate_trace: str = ""


@dataclass(frozen=True)
class ComparedEntry:
    """What came of an entry: its kernels, and why a side does not have all of them (empty: it has)."""

    name: str
    target: str
    kernels: tuple[ComparedKernel, ...]
    missed_baseline: str = ""
    missed_candidate: str = ""
    missing_packages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: tuple[PassedOver, ...] = ()
    seconds: float = 0.0
    kept: bool = False


def compare_entry(task: CompareTask) -> ComparedEntry:
    """Lower an entry in both builds and compare its kernels.

    Raises
    ------
    EnvironmentProblem
        If TileLang does not import in a build.
    """
    baseline, candidate = lower_entry(task.baseline), lower_entry(task.candidate)
    return ComparedEntry(
        name=task.baseline.entry.name,
        target=task.baseline.entry.target,
        kernels=tuple(_kernels(task, baseline, candidate)),
        missed_baseline=baseline.why_missing,
        missed_candidate=candidate.why_missing,
        missing_packages=tuple(dict.fromkeys((*baseline.missing, *candidate.missing))),
        notes=tuple(dict.fromkeys((*baseline.notes, *candidate.notes))),
        skipped=tuple(dict.fromkeys((*baseline.skipped, *candidate.skipped))),
        seconds=baseline.seconds + candidate.seconds,
        kept=baseline.kept and candidate.kept,
    )


def _kernels(task: CompareTask, baseline: Lowered, candidate: Lowered) -> Iterator[ComparedKernel]:
    ours = {kernel.name: kernel for kernel in baseline.kernels}
    theirs = {kernel.name: kernel for kernel in candidate.kernels}
    for name in dict.fromkeys((*ours, *theirs)):
        one, other = ours.get(name), theirs.get(name)
        if one is None or other is None:
            lacking, lowered = ("baseline", baseline) if one is None else ("candidate", candidate)
            why = lowered.why_missing or "the script compiles it on the other side only"
            outcome = Outcome.MENDED if one is None else Outcome.BROKEN
            yield ComparedKernel(
                name,
                one_side_only(outcome, f"not compiled on the {lacking}: {why}"),
                str(baseline.trace_path(one)) if one else "",
                str(candidate.trace_path(other)) if other else "",
            )
            continue
        yield ComparedKernel(
            name,
            _change(task, baseline, candidate, one, other),
            str(baseline.trace_path(one)),
            str(candidate.trace_path(other)),
        )


def _change(
    task: CompareTask, baseline: Lowered, candidate: Lowered, one: LoweredKernel, other: LoweredKernel
) -> KernelChange:
    """What changed, from what was kept of the same comparison where there is that."""
    if one.digest == other.digest and not one.failure:
        return change.IDENTICAL
    workspace = Workspace.at(task.baseline.workspace)
    key = hashlib.sha256(f"{one.digest} {other.digest} {comparison_digest()}".encode()).hexdigest()
    path = workspace.root / "corpus" / "compared" / f"{key}.json"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=KernelChange)
    except (OSError, msgspec.MsgspecError):
        files = read_kernel(baseline, one), read_kernel(candidate, other)
        found = change_of(*files, compare(*files))
        write_atomically(path, msgspec.json.encode(found))
    if found.outcome is not Outcome.DIFFERS:
        return found
    return _believed(_Twice(task.baseline, baseline, one), _Twice(task.candidate, candidate, other), found)


@dataclass(frozen=True)
class _Twice:
    """A kernel of one side, and what lowers it once more."""

    task: LowerTask
    lowered: Lowered
    kernel: LoweredKernel

    def parting_passes(self, attempt: int) -> list[str]:
        """The passes in which another lowering parts from the first; empty where it comes to the same."""
        again = lower_entry(replace(self.task, fresh=attempt))
        twin = next((kernel for kernel in again.kernels if kernel.name == self.kernel.name), None)
        if twin is None or twin.digest == self.kernel.digest:
            return []
        result = compare(read_kernel(self.lowered, self.kernel), read_kernel(again, twin))
        return [row.name for row in result.passes if row.status.value == "introduces"]


def _believed(baseline: _Twice, candidate: _Twice, found: KernelChange) -> KernelChange:
    """A difference, believed only if neither side is seen to lower to something else another time."""
    for attempt in range(1, (_TIMES_A_SCRIPT if baseline.task.entry.is_script else _TIMES_A_KERNEL) + 1):
        for label, side in (("baseline", baseline), ("candidate", candidate)):
            if passes := side.parting_passes(attempt):
                return change.unstable(found, passes, label)
    return found


@cache
def comparison_digest() -> str:
    """The digest of what compares: kept results of another comparison do not hold."""
    digest = hashlib.sha256()
    for file in sorted((Path(__file__).parents[1] / "diff").glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
