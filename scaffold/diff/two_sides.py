"""Effects, not states: where two lowerings part, and which pass made them.

After the first difference every later state differs too, so states name no culprit.
What each pass *did* is compared instead, as ``git range-diff`` compares patches: the lines it took away and put in, on
either side, in one spelling and names matched first.
A pass *introduces* when the sides are further apart after it than before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

from scaffold.diff.align import PassPair, align_passes
from scaffold.diff.annotations import without_annotations
from scaffold.diff.cause import cause_of
from scaffold.diff.effect import (
    Texts,
    compare_effects,
    moves_alike,
    multiset_difference,
    signed_multiset,
)
from scaffold.diff.equality import Tier
from scaffold.diff.finding import Place, find, finding_of
from scaffold.diff.followed import Followed
from scaffold.diff.generated import what_is_generated
from scaffold.diff.lineage import Key
from scaffold.diff.metrics import measure, metric_deltas
from scaffold.diff.model import Degree, Finding, PassComparison, PassEffect, Status, TwoSides
from scaffold.diff.one_side import effect_of
from scaffold.diff.printing import Printed, in_one_spelling
from scaffold.diff.regroup import Effects, regroup
from scaffold.diff.shown import place_in, source_hunks, state_hunks
from scaffold.diff.state import State, Text, classify, compare_texts
from scaffold.diff.text import lines_of
from scaffold.diff.tokens import nameless
from scaffold.trace.model import PassRecord, Trace, TraceFile


class Comparison:
    """Compares two traces; states seen twice are compared once."""

    def __init__(self, baseline: TraceFile, candidate: TraceFile, *, context: int = 3) -> None:
        self._baseline = baseline
        self._candidate = candidate
        self._printed = in_one_spelling(baseline, candidate)
        self._context = context
        self._states: dict[Key, State] = {}
        self._did: dict[Key, PassEffect] = {}
        self._followed = Followed(self._state)
        #: Rows that the difference comes from which each row is given.
        self._given: dict[int, frozenset[int]] = {}

    def run(self) -> TwoSides:
        """Compare every pass, the inputs and the generated sources."""
        baseline, candidate = self._baseline.trace, self._candidate.trace
        inputs = self._state((baseline.input, candidate.input))
        comparisons = _without_partial_heals(self._followed.marked(list(self._compare_all())))
        comparisons = _without_what_was_not_reached(comparisons, baseline, candidate)
        source_tier, hunks = source_hunks(self._baseline, self._candidate, context=self._context)
        tiers = [inputs.tier, *(c.tier_after for c in comparisons)] + ([source_tier] if source_tier else [])
        if baseline.failure != candidate.failure:
            tiers.append(Tier.DIFFERENT)
        place = partial(place_in, (self._baseline, self._candidate))
        both = [row for row in comparisons if row.baseline and row.candidate]
        found = TwoSides(
            passes=tuple(comparisons),
            inputs=inputs.tier,
            inputs_degree=inputs.degree,
            inputs_gone_after=self._followed.inputs_gone_after(inputs.degree, comparisons),
            input_hunks=tuple(state_hunks(inputs, None, context=self._context)[0]),
            weakest=max(tiers),
            introduced=find(comparisons, (Degree.VALUES, Degree.ANNOTATIONS, Degree.SHAPE), place),
            reshaped=find(comparisons, (Degree.SHAPE,), place),
            source_tier=source_tier,
            source_hunks=hunks,
            state_lines=sum(row.state_lines for row in both),
            effect_lines=sum(row.effect_lines for row in both),
            printed_lines=sum(row.printed_lines for row in both),
            parted_before=_parted_outside(inputs.tier, comparisons),
            generated=what_is_generated(
                (self._baseline, self._candidate), comparisons, (source_tier, hunks), self._state
            ),
        )
        if found.generated.host_differs:
            found = replace(found, weakest=Tier.DIFFERENT)
        return replace(found, cause=self._cause(found, place))

    def _cause(self, found: TwoSides, place: Place) -> Finding | None:
        at = found.consequence.position if found.consequence else None
        if at is None:
            return None
        ours, theirs = (
            lambda digest, file=file: [line.strip() for line in lines_of(file.text(digest))]
            for file in (self._baseline, self._candidate)
        )
        cause: int | None = None
        # What is behind a cause may act on something itself.
        while (earlier := cause_of(found.passes, at, self._given.get(at, frozenset()), (ours, theirs))) is not None:
            cause = at = earlier
        return None if cause is None else finding_of(found.passes[cause], cause, place)

    def _compare_all(self) -> Iterator[PassComparison]:
        """Every row; a pass on one side is measured from the last modules that both sides had come to."""
        ours, theirs = map(_effects_on, self._printed)
        passes = align_passes(self._baseline.trace.passes, self._candidate.trace.passes, ours.on_lines, theirs.on_lines)
        pairs = regroup(passes, ours, theirs)
        reached = (self._baseline.trace.input, self._candidate.trace.input)
        self._followed.begin(reached)
        alone: list[PassPair] = []
        row = 0
        for pair in [*pairs, None]:
            if pair is not None and pair.is_alone:
                alone.append(pair)
                continue
            rows, reached = self._alone(alone, reached, row)
            yield from rows
            row += len(rows)
            alone = []
            if pair is not None:
                yield self._both(pair, reached, row)
                row += 1
                reached = _after(pair, reached)

    def _both(self, pair: PassPair, reached: Key, row: int) -> PassComparison:
        ours, theirs = self._effects(pair)
        if pair.baseline is None or pair.candidate is None:
            raise ValueError("both sides are needed")
        start = (pair.baseline.before, pair.candidate.before)
        before = self._state(start)
        if pair.baseline.after is None or pair.candidate.after is None:
            return self._failed(pair, ours, theirs, before)
        end = (pair.baseline.after, pair.candidate.after)
        after = self._state(end)
        self._given[row] = self._followed.origins(start)
        origin = self._followed.step(start, end, row, outermost=pair.record.depth == 0, reached=reached)
        texts = self._texts(pair.baseline, pair.candidate)
        effect, effect_lines = compare_effects(texts, after.mapping)
        status, degree = classify(
            before,
            after,
            effect,
            in_order=partial(moves_alike, texts, after.mapping),
            origin=origin,
        )
        shown = status is Status.INTRODUCES or (status is Status.CARRIES and degree is not Degree.NONE)
        hunks, hidden = state_hunks(after, before, context=self._context) if shown else ([], 0)
        return PassComparison(
            name=pair.baseline.shown_name,
            renamed=pair.candidate.shown_name if pair.renamed else "",
            status=status,
            degree=degree,
            baseline=ours,
            candidate=theirs,
            moved=False,
            introduces=status is Status.INTRODUCES,
            tier_before=before.tier,
            tier_after=after.tier,
            before=before.distance,
            after=after.distance,
            effect_lines=effect_lines,
            state_lines=multiset_difference(texts[1], texts[3]),
            printed_lines=after.printed_lines,
            hunks=tuple(hunks),
            hidden_hunks=hidden,
            metrics=metric_deltas(
                measure(self._baseline.text(pair.baseline.after)), measure(self._candidate.text(pair.candidate.after))
            ),
            names=tuple(sorted(after.mapping.items())),
        )

    def _alone(self, pairs: Sequence[PassPair], reached: Key, row: int) -> tuple[list[PassComparison], Key]:
        """Passes of one side between two that both sides run, and where they lead.

        What they do on one side others may do on the other: only what is left of it in the end is introduced.
        """
        rows = []
        for at, pair in enumerate(pairs, start=row):
            start, reached = reached, _after(pair, reached)
            self._given[at] = self._followed.origins(start)
            origin = Degree.NONE
            if start != reached:
                origin = self._followed.step(start, reached, at, outermost=True, reached=start)
            rows.append(self._one(pair, self._state(start), self._state(reached), origin))
        left = self._followed.origins(reached)
        rows = [
            replace(one, introduces=(one.introduces and at in left) or pair.record.after is None)
            for at, (one, pair) in enumerate(zip(rows, pairs, strict=True), start=row)
        ]
        if not any(one.introduces for one in rows):
            rows = [replace(one, tier_after=self._state(reached).tier) for one in rows]
        return rows, reached

    def _one(self, pair: PassPair, before: State, after: State, origin: Degree) -> PassComparison:
        ours, theirs = self._effects(pair)
        effect = ours or theirs
        if effect is None:
            raise ValueError("a pair holds at least one pass")
        return PassComparison(
            name=pair.record.shown_name,
            status=Status.ONLY_BASELINE if pair.baseline else Status.ONLY_CANDIDATE,
            degree=self._own_degree(pair) if origin is Degree.NONE else origin,
            baseline=ours,
            candidate=theirs,
            moved=pair.moved,
            introduces=origin is not Degree.NONE,
            tier_before=before.tier,
            tier_after=after.tier,
            before=before.distance,
            after=after.distance,
            effect_lines=effect.removed + effect.added,
            state_lines=after.distance.lines,
            printed_lines=after.printed_lines,
            hunks=effect.hunks,
            hidden_hunks=0,
            metrics=effect.metrics,
        )

    def _own_degree(self, pair: PassPair) -> Degree:
        """How deep a pass changes what it is given."""
        if pair.record.after is None:
            return Degree.SHAPE
        printed = self._printed[0] if pair.baseline else self._printed[1]
        given, made = (
            Text(printed.recorded(digest), printed.lines(digest)) for digest in (pair.record.before, pair.record.after)
        )
        return compare_texts(given, made).degree

    def _failed(
        self, pair: PassPair, ours: PassEffect | None, theirs: PassEffect | None, before: State
    ) -> PassComparison:
        return PassComparison(
            name=pair.record.shown_name,
            status=Status.FAILED,
            degree=Degree.SHAPE,
            baseline=ours,
            candidate=theirs,
            moved=False,
            introduces=True,
            tier_before=before.tier,
            tier_after=before.tier,
            before=before.distance,
            after=before.distance,
            effect_lines=0,
            state_lines=before.distance.lines,
            hunks=(),
            hidden_hunks=0,
            metrics=(),
        )

    def _state(self, key: Key) -> State:
        if key not in self._states:
            ours, theirs = (
                Text(printed.recorded(digest), printed.lines(digest))
                for printed, digest in zip(self._printed, key, strict=True)
            )
            self._states[key] = compare_texts(ours, theirs)
        return self._states[key]

    def _effects(self, pair: PassPair) -> tuple[PassEffect | None, PassEffect | None]:
        return (
            self._effect(self._baseline, pair.baseline, pair.baseline_parts),
            self._effect(self._candidate, pair.candidate, pair.candidate_parts),
        )

    def _effect(self, file: TraceFile, record: PassRecord | None, parts: Sequence[PassRecord]) -> PassEffect | None:
        if record is None:
            return None
        durations = {t.sequence: t.inclusive_ms for t in file.run.timings} if file.run else {}
        known = [durations[part.sequence] for part in parts or (record,) if part.sequence in durations]
        key = (record.before, record.after)
        if key not in self._did:
            self._did[key] = effect_of(file, record, None, context=self._context)
        return replace(self._did[key], record=record, duration_ms=sum(known) if known else None)

    def _texts(self, ours: PassRecord, theirs: PassRecord) -> Texts:
        """Before and after on the baseline, before and after on the candidate, as lines that say something."""
        baseline, candidate = (
            [[line for line in printed.lines(digest) if line] for digest in (record.before, record.after)]
            for printed, record in zip(self._printed, (ours, theirs), strict=True)
        )
        return (*baseline, *candidate)  # type: ignore[return-value]


def _after(pair: PassPair, reached: Key) -> Key:
    """A nested pass may run on a helper's module: only the outermost ones move what the sides have come to."""
    if pair.record.depth != 0:
        return reached
    if pair.baseline and pair.candidate and (pair.baseline.after is None or pair.candidate.after is None):
        return reached
    return (
        (pair.baseline.after if pair.baseline else None) or reached[0],
        (pair.candidate.after if pair.candidate else None) or reached[1],
    )


def _effects_on(printed: Printed) -> Effects:
    """What passes of one side do, whatever names they do it to."""

    def on_lines(before: str, after: str) -> Counter[str]:
        return _nameless_effect(*(printed.lines(digest) for digest in (before, after)))

    def on_statements(before: str, after: str) -> Counter[str]:
        return _nameless_effect(*(without_annotations(printed.lines(digest)) for digest in (before, after)))

    return Effects(on_lines, on_statements)


def _nameless_effect(*sides: Sequence[str]) -> Counter[str]:
    given, made = ([nameless(line) for line in lines if line] for lines in sides)
    return signed_multiset(given, made)


def _parted_outside(inputs: Tier, comparisons: Sequence[PassComparison]) -> int | None:
    """The first row that is given modules that differ, where they did not behind the row before it."""
    tier = inputs
    for at, row in enumerate(comparisons):
        if row.is_alone or row.effect.record.depth:
            tier = max(tier, row.tier_after)
            continue
        if row.tier_before is Tier.DIFFERENT and tier is not Tier.DIFFERENT:
            return at
        tier = row.tier_after
    return None


def _without_what_was_not_reached(
    comparisons: Sequence[PassComparison], baseline: Trace, candidate: Trace
) -> list[PassComparison]:
    """Passes that one side did not come to, as it stopped before: that the other runs them is no difference.

    It stopped between two passes, or in one that the other side does not have at that place.
    """
    kept = list(comparisons)
    for trace, side in ((baseline, "baseline"), (candidate, "candidate")):
        ran = [at for at, row in enumerate(kept) if getattr(row, side) is not None]
        died_in = next((at for at in ran if getattr(kept[at], side).record.after is None), None)
        if trace.failure is None or (died_in is not None and not kept[died_in].is_alone):
            continue
        reached = max((at for at in ran if died_in is None or at < died_in), default=-1)
        kept = [
            replace(row, introduces=False) if at > reached and row.is_alone and at != died_in else row
            for at, row in enumerate(kept)
        ]
    return kept


def _without_partial_heals(comparisons: Sequence[PassComparison]) -> list[PassComparison]:
    """Take back a healing that the rest of the pipeline does not build on.

    ``tirx.Filter`` makes the host's half of a split module, which may be equal while the device's half still differs.
    """
    kept = list(comparisons)
    outermost = [i for i, row in enumerate(kept) if row.baseline and row.candidate and row.baseline.record.depth == 0]
    for here, following in pairwise(outermost):
        one, other = kept[here].baseline, kept[following].baseline
        if kept[here].status is Status.HEALS and one and other and other.record.before != one.record.after:
            kept[here] = replace(kept[here], status=Status.CARRIES)
    return kept


def compare(baseline: TraceFile, candidate: TraceFile, *, context: int = 3) -> TwoSides:
    """Compare two traces pass by pass."""
    return Comparison(baseline, candidate, context=context).run()
