"""Compare two lowerings where the compiler itself may not be deterministic.

Some releases order maps by address, so the same input now and then lowers to another text. A difference is believed
only after both sides were lowered again and again: they are the same as soon as one lowering of each is, and differ
once it is unlikely that two samples of one distribution had nothing in common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

from scaffold.builds.content import content_digest
from scaffold.builds.process import end_all
from scaffold.builds.repeatability import Repeatability, result_digest
from scaffold.cli.tracing import Session, Side, lowering_again
from scaffold.diff.chance import odds_of_nothing_in_common
from scaffold.diff.model import Status, TwoSides
from scaffold.diff.two_sides import compare
from scaffold.trace.model import TraceFile

#: How many lowerings of each side are looked at, and the odds by chance below which they are believed to differ. Two
#: sides that never vary are at 0.8 % with five each. MLA's decode kernel lowers in eight ways, about equally often: two
#: such sides mostly share one by then, and nearly always with twelve each. Both looks together claim a difference that
#: is none in less than 1 % of comparisons.
_LOOKS = ((5, 0.0085), (12, 0.001))


@dataclass(frozen=True)
class Compared:
    """The two lowerings that were compared in the end, and what came of it."""

    files: tuple[TraceFile, TraceFile]
    result: TwoSides


def compare_sides(session: Session, sides: Sequence[Side], files: Sequence[TraceFile], *, context: int) -> Compared:
    """The comparison, and what is known of passes in which a TileLang is not deterministic."""
    with session.progress.step("comparing"):
        result = compare(files[0], files[1], context=context)
    first = Compared((files[0], files[1]), result)
    baseline, candidate = sides
    if not result.lowering_differs or baseline.request is None or any(file.trace.failure for file in files):
        return first
    if (baseline.request, baseline.build) == (candidate.request, candidate.build):
        return replace(first, result=replace(result, unstable=_introducing(result), unstable_sides=("baseline",)))
    if candidate.request is None:
        with lowering_again(session, [baseline]) as lower:
            again = lower(0)
        unstable = _introducing(compare(files[0], again, context=context))
        return replace(first, result=replace(result, unstable=unstable, unstable_sides=("baseline",)))
    builds = {side.build for side in sides if side.build is not None}
    digests = {build: content_digest(build, session.workspace) for build in builds}
    known = [
        Repeatability(file, digests[side.build], session.workspace)
        for file, side in zip(files, sides, strict=True)
        if side.build is not None
    ]
    samples = (_Samples([files[0]], known[0].known()), _Samples([files[1]], known[1].known()))
    odds: float | None = odds_of_nothing_in_common(samples[0].results, samples[1].results)
    # Of sides that are known not to vary nothing has to be lowered.
    if min(map(len, samples)) < _LOOKS[0][0]:
        with lowering_again(session, sides) as lower:
            odds = _sample(session, lower, samples)
    for knowledge, sampled in zip(known, samples, strict=True):
        if len(set(sampled.results)) == 1:
            knowledge.keep(min(len(sampled), _LOOKS[-1][0]))  # more than the last look takes is of no use
    return _judged(first, samples, odds, context=context)


@dataclass
class _Samples:
    """Lowerings of one side: those of this run, and the number of ``known`` ones, all like the first of this run."""

    files: list[TraceFile]
    known: int = 0

    def __len__(self) -> int:
        return len(self.files) + self.known

    @property
    def results(self) -> list[str]:
        digests = [result_digest(file) for file in self.files]
        return [*digests[:1] * self.known, *digests]


def _sample(session: Session, lower: Callable[[int], TraceFile], samples: tuple[_Samples, _Samples]) -> float | None:
    """Lower both sides until one of each is the same, and there are no odds, or it is decided that none is."""
    odds = 1.0
    pool = ThreadPoolExecutor(2)
    try:
        for most, believed in _LOOKS:
            while short := [at for at in (0, 1) if len(samples[at]) < most]:
                count = min(map(len, samples)) + 1
                session.progress.update(f"lowering both sides again to see whether they vary ({count} of {most})")
                for side, future in [(samples[at], pool.submit(lower, at)) for at in short]:
                    side.files.append(future.result())
                if _same_pair(samples) is not None:
                    return None
            odds = odds_of_nothing_in_common(*(side.results for side in samples))
            if odds < believed:
                break
    finally:
        session.progress.update("")
        end_all()
        pool.shutdown(wait=True)
    return odds


def _judged(first: Compared, samples: tuple[_Samples, _Samples], odds: float | None, *, context: int) -> Compared:
    lowered = (samples[0].files, samples[1].files)
    counts = (len(samples[0]), len(samples[1]))
    labels: tuple[Literal["baseline", "candidate"], ...] = ("baseline", "candidate")
    varying = {
        label: other
        for label, side in zip(labels, lowered, strict=True)
        if (other := next((file for file in side if result_digest(file) != result_digest(side[0])), None)) is not None
    }
    unstable: tuple[str, ...] = ()
    for label, other in varying.items():
        unstable = unstable or _introducing(compare(lowered[labels.index(label)][0], other, context=context))
    files = _same_pair(samples) or _nearest_pair(lowered)
    result = first.result
    if files != first.files:
        # The machine code follows from the source, and the lowerings since the first were made without it.
        files = (_without_machine_code(files[0]), _without_machine_code(files[1]))
        result = compare(*files, context=context)
    return Compared(
        files,
        replace(
            result,
            unstable=unstable,
            unstable_sides=tuple(varying),
            lowerings=counts,
            odds=odds,
            undecided=odds is not None and odds >= _believed(min(counts)),
        ),
    )


def _believed(lowerings: int) -> float:
    """The odds below which a difference is believed after so many lowerings of each side."""
    return next(odds for most, odds in reversed(_LOOKS) if lowerings >= most)


def _same_pair(samples: tuple[_Samples, _Samples]) -> tuple[TraceFile, TraceFile] | None:
    """A lowering of the baseline and one of the candidate with the same text after every pass."""
    candidates = {result_digest(file): file for file in samples[1].files}
    pairs = ((file, candidates.get(result_digest(file))) for file in samples[0].files)
    return next(((file, other) for file, other in pairs if other is not None), None)


def _nearest_pair(lowered: tuple[list[TraceFile], list[TraceFile]]) -> tuple[TraceFile, TraceFile]:
    """The two that have most modules in common: what differs between them varies least by itself."""
    pairs = [(ours, theirs) for ours in lowered[0] for theirs in lowered[1]]
    return max(pairs, key=lambda pair: len(set(pair[0].trace.digests()) & set(pair[1].trace.digests())))


def _without_machine_code(file: TraceFile) -> TraceFile:
    kept = tuple(item for item in file.trace.artifacts if item.kind not in ("ptx", "sass"))
    return replace(file, trace=replace(file.trace, artifacts=kept, resources=()))


def _introducing(result: TwoSides) -> tuple[str, ...]:
    return tuple(row.name for row in result.passes if row.status is Status.INTRODUCES)
