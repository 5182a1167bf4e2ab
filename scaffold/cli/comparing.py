"""Compare two lowerings where the compiler itself may not be deterministic.

Some releases order maps by address, so the same input now and then lowers to another text. A difference is believed
only after the baseline was lowered once more: if that differs from itself, both sides are lowered again and again,
until one lowering of each is the same or it was tried often enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from scaffold.builds.process import end_all
from scaffold.cli.tracing import Session, Side, obtain_again
from scaffold.diff.model import Status, TwoSides
from scaffold.diff.two_sides import compare
from scaffold.trace.model import TraceFile

#: Lowerings of a side beyond the first. MLA's decode kernel was seen to lower in eight ways, about equally often:
#: with six on either side, two that could be the same miss each other about once in a hundred runs.
_TRIES = 5


@dataclass(frozen=True)
class Compared:
    """The two lowerings that were compared in the end, and what came of it."""

    files: tuple[TraceFile, TraceFile]
    result: TwoSides


def compare_sides(session: Session, sides: Sequence[Side], files: Sequence[TraceFile], *, context: int) -> Compared:
    """The comparison, told of passes in which this TileLang is not deterministic."""
    with session.progress.step("comparing"):
        result = compare(files[0], files[1], context=context)
    first = Compared((files[0], files[1]), result)
    baseline, candidate = sides
    if baseline.request is None or not result.lowering_differs:
        return first
    if (baseline.request, baseline.build) == (candidate.request, candidate.build):
        return replace(first, result=replace(result, unstable=_introducing(result)))
    again = obtain_again(session, baseline)
    with session.progress.step("comparing the baseline with itself"):
        unstable = _introducing(compare(files[0], again, context=context))
    if not unstable or candidate.request is None or files[1].trace.failure or files[0].trace.failure:
        return replace(first, result=replace(result, unstable=unstable))
    lowered = ([files[0], again], [files[1]])
    pair = _find_same(session, sides, lowered)
    counts = (len(lowered[0]), len(lowered[1]))
    if pair is None:
        return replace(first, result=replace(result, unstable=unstable, lowerings=counts))
    # The machine code follows from the source, and the lowerings since the first were made without it.
    ours, theirs = (_without_machine_code(file) for file in pair)
    return Compared(
        (ours, theirs), replace(compare(ours, theirs, context=context), unstable=unstable, lowerings=counts)
    )


def _find_same(
    session: Session, sides: Sequence[Side], lowered: tuple[list[TraceFile], list[TraceFile]]
) -> tuple[TraceFile, TraceFile] | None:
    """A lowering of the baseline and one of the candidate with the same text after every pass; both lists grow."""
    for attempt in range(_TRIES + 1):
        theirs = {_texts(file): file for file in lowered[1]}
        for ours in lowered[0]:
            if same := theirs.get(_texts(ours)):
                return ours, same
        if attempt == _TRIES:
            break
        session.progress.say_once("TileLang is not deterministic here: lowering both sides more often")
        pool = ThreadPoolExecutor(2)
        try:
            # The baseline is one ahead.
            wanted = [(1, sides[1]), *([(0, sides[0])] if len(lowered[0]) <= len(lowered[1]) else [])]
            futures = [(index, pool.submit(obtain_again, session, side)) for index, side in wanted]
            for index, future in futures:
                lowered[index].append(future.result())
        finally:
            end_all()
            pool.shutdown(wait=True)
    return None


def _texts(file: TraceFile) -> tuple[object, ...]:
    """What must be equal: the module after every pass, and the generated source."""
    source = file.trace.artifact("source")
    return (*((record.name, record.after) for record in file.trace.passes), source.digest if source else None)


def _without_machine_code(file: TraceFile) -> TraceFile:
    kept = tuple(item for item in file.trace.artifacts if item.kind not in ("ptx", "sass"))
    return replace(file, trace=replace(file.trace, artifacts=kept, resources=()))


def _introducing(result: TwoSides) -> tuple[str, ...]:
    return tuple(row.name for row in result.passes if row.status is Status.INTRODUCES)
