"""Effects, not states: where two lowerings part, and which pass made them.

After the first difference every later state differs too, so states name no culprit.
What each pass *did* is compared instead, as ``git range-diff`` compares patches: the lines it took away and put in, on
either side, names matched first.
A pass *introduces* when the sides differ more after it than before it. Whether a difference is of shape is judged with
every name and value blanked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from scaffold.diff.align import PassPair, align_passes
from scaffold.diff.effect import Texts, effect_degree, effect_lines, moves_alike, multiset_difference, signed_lines
from scaffold.diff.equality import Tier, equality
from scaffold.diff.metrics import measure, metric_deltas
from scaffold.diff.model import Degree, Finding, PassComparison, PassEffect, Status, TwoSides
from scaffold.diff.names import match_names, rename
from scaffold.diff.one_side import effect_of, hunks_between, placed
from scaffold.diff.place import indentation, place_of
from scaffold.diff.text import Hunk, Line, changed_lines, diff_lines, into_hunks, pair_lines
from scaffold.diff.tokens import shape_of
from scaffold.trace.model import PassRecord, TraceFile


@dataclass(frozen=True)
class _State:
    """Both sides at one point: how they differ there."""

    baseline: tuple[str, ...]
    candidate: tuple[str, ...]
    mapping: Mapping[str, str]
    tier: Tier
    lines: int
    shape_lines: int
    difference: Counter[str]


class Comparison:
    """Compares two traces; states seen twice are compared once."""

    def __init__(self, baseline: TraceFile, candidate: TraceFile, *, context: int = 3) -> None:
        self._baseline = baseline
        self._candidate = candidate
        self._context = context
        self._states: dict[tuple[str, str], _State] = {}

    def run(self) -> TwoSides:
        """Compare every pass, the inputs and the generated sources."""
        baseline, candidate = self._baseline.trace, self._candidate.trace
        pairs = align_passes(baseline.passes, candidate.passes)
        inputs = self._state(baseline.input, candidate.input)
        comparisons = []
        # What the sides stood at before a pass that runs on one side only: the last state both reached.
        reached = (baseline.input, candidate.input)
        for pair in pairs:
            comparison, reached = self._compare(pair, reached)
            comparisons.append(comparison)
        comparisons = _without_partial_heals(comparisons)
        source_tier, source_hunks = self._sources()
        tiers = [inputs.tier, *(c.tier_after for c in comparisons)] + ([source_tier] if source_tier else [])
        if baseline.failure != candidate.failure:
            tiers.append(Tier.DIFFERENT)
        return TwoSides(
            passes=tuple(comparisons),
            inputs=inputs.tier,
            inputs_reshaped=inputs.tier is Tier.DIFFERENT and inputs.shape_lines > 0,
            input_hunks=tuple(self._hunks(inputs, None)[0]),
            weakest=max(tiers),
            introduced=self._first(comparisons, (Degree.VALUES, Degree.SHAPE)),
            reshaped=self._first(comparisons, (Degree.SHAPE,)),
            source_tier=source_tier,
            source_hunks=source_hunks,
            state_lines=sum(c.state_lines for c in comparisons if c.baseline and c.candidate),
            effect_lines=sum(c.effect_lines for c in comparisons if c.baseline and c.candidate),
        )

    def _compare(
        self, pair: PassPair, reached: tuple[str | None, str | None]
    ) -> tuple[PassComparison, tuple[str | None, str | None]]:
        ours = self._effect(self._baseline, pair.baseline)
        theirs = self._effect(self._candidate, pair.candidate)
        if pair.baseline is None or pair.candidate is None:
            return self._alone(pair, ours, theirs, reached)
        before = self._state(pair.baseline.before, pair.candidate.before)
        if pair.baseline.after is None or pair.candidate.after is None:
            return self._failed(pair, ours, theirs, before), reached
        after = self._state(pair.baseline.after, pair.candidate.after)
        texts = self._texts(pair)
        status, degree = _classify(
            before, after, effect_degree(texts, after.mapping), in_order=moves_alike(texts, after.mapping)
        )
        shown = status is Status.INTRODUCES or (status is Status.CARRIES and degree is not Degree.NONE)
        hunks, hidden = self._hunks(after, before) if shown else ([], 0)
        comparison = PassComparison(
            name=pair.baseline.shown_name,
            status=status,
            degree=degree,
            baseline=ours,
            candidate=theirs,
            moved=False,
            tier_before=before.tier,
            tier_after=after.tier,
            effect_lines=effect_lines(texts),
            state_lines=multiset_difference(texts[1], texts[3]),
            hunks=tuple(hunks),
            hidden_hunks=hidden,
            metrics=metric_deltas(
                measure(self._baseline.text(pair.baseline.after)), measure(self._candidate.text(pair.candidate.after))
            ),
            names=tuple(sorted(after.mapping.items())),
        )
        # A nested pass may run on a helper's module: only the outermost ones move what both sides have reached.
        return comparison, (pair.baseline.after, pair.candidate.after) if pair.baseline.depth == 0 else reached

    def _alone(
        self,
        pair: PassPair,
        ours: PassEffect | None,
        theirs: PassEffect | None,
        reached: tuple[str | None, str | None],
    ) -> tuple[PassComparison, tuple[str | None, str | None]]:
        record = pair.baseline or pair.candidate
        effect = ours or theirs
        if record is None or effect is None:
            raise ValueError("a pair holds at least one pass")
        before = self._state(*reached)
        moved_to = reached
        if record.depth == 0 and record.after is not None:
            moved_to = (record.after, reached[1]) if pair.baseline else (reached[0], record.after)
        after = self._state(*moved_to)
        degree = Degree.SHAPE if effect.changed else Degree.NONE
        comparison = PassComparison(
            name=record.shown_name,
            status=Status.ONLY_BASELINE if pair.baseline else Status.ONLY_CANDIDATE,
            degree=degree,
            baseline=ours,
            candidate=theirs,
            moved=pair.moved,
            tier_before=before.tier,
            tier_after=after.tier,
            effect_lines=effect.removed + effect.added,
            state_lines=after.lines,
            hunks=effect.hunks,
            hidden_hunks=0,
            metrics=effect.metrics,
        )
        return comparison, moved_to

    def _failed(
        self, pair: PassPair, ours: PassEffect | None, theirs: PassEffect | None, before: _State
    ) -> PassComparison:
        return PassComparison(
            name=(pair.baseline or pair.candidate).shown_name,  # type: ignore[union-attr]
            status=Status.FAILED,
            degree=Degree.SHAPE,
            baseline=ours,
            candidate=theirs,
            moved=False,
            tier_before=before.tier,
            tier_after=before.tier,
            effect_lines=0,
            state_lines=before.lines,
            hunks=(),
            hidden_hunks=0,
            metrics=(),
        )

    def _state(self, ours: str | None, theirs: str | None) -> _State:
        key = (ours or "", theirs or "")
        if key not in self._states:
            self._states[key] = _compare_states(self._baseline.text(ours), self._candidate.text(theirs))
        return self._states[key]

    def _effect(self, file: TraceFile, record: PassRecord | None) -> PassEffect | None:
        if record is None:
            return None
        durations = {t.sequence: t.inclusive_ms for t in file.run.timings} if file.run else {}
        return effect_of(file, record, durations.get(record.sequence), context=self._context)

    def _texts(self, pair: PassPair) -> Texts:
        """Before and after on the baseline, before and after on the candidate, as lines."""
        if pair.baseline is None or pair.candidate is None:
            raise ValueError("both sides are needed")
        return (
            self._baseline.text(pair.baseline.before).splitlines(),
            self._baseline.text(pair.baseline.after).splitlines(),
            self._candidate.text(pair.candidate.before).splitlines(),
            self._candidate.text(pair.candidate.after).splitlines(),
        )

    def _hunks(self, state: _State, before: _State | None) -> tuple[list[Hunk], int]:
        """Hunks of a state, lines that differed in ``before`` marked carried; those with nothing new are counted."""
        if state.tier is Tier.BYTES:
            return [], 0
        carried = Counter(before.difference) if before is not None else Counter()
        lines = [_marked(line, carried) for line in diff_lines(state.baseline, state.candidate)]
        hunks = [placed(hunk, state.baseline, state.candidate) for hunk in into_hunks(lines, context=self._context)]
        fresh = [hunk for hunk in hunks if any(line.kind != " " and not line.carried for line in hunk.lines)]
        return fresh, len(hunks) - len(fresh)

    def _sources(self) -> tuple[Tier | None, tuple[Hunk, ...]]:
        ours, theirs = self._baseline.trace.artifact("source"), self._candidate.trace.artifact("source")
        if ours is None or theirs is None or ours.digest is None or theirs.digest is None:
            return None, ()
        before, after = self._baseline.text(ours.digest), self._candidate.text(theirs.digest)
        if before == after:
            return Tier.BYTES, ()
        return Tier.DIFFERENT, tuple(hunks_between(before.splitlines(), after.splitlines(), context=self._context))

    def _first(self, comparisons: Sequence[PassComparison], degrees: tuple[Degree, ...]) -> Finding | None:
        for position, comparison in enumerate(comparisons):
            introduces = comparison.status in (Status.INTRODUCES, Status.FAILED) or (
                comparison.status in (Status.ONLY_BASELINE, Status.ONLY_CANDIDATE)
                and comparison.tier_after is Tier.DIFFERENT
                and comparison.degree is Degree.SHAPE
            )
            if introduces and comparison.degree in degrees:
                return self._finding(comparison, position)
        return None

    def _finding(self, comparison: PassComparison, position: int) -> Finding:
        """The most telling lines that this pass made different, and where they are."""
        choices = [
            pair
            for hunk in comparison.hunks
            for pair in _fresh_pairs(hunk)
            if comparison.degree is not Degree.SHAPE or _shape(pair[0]) != _shape(pair[1])
        ]
        telling = [pair for pair in choices if not any(line and _is_bookkeeping(line.text) for line in pair)]
        if not choices:
            return Finding(comparison.name, position, comparison.degree, None, "", None, None)
        ours, theirs = (telling or choices)[0]
        place = self._place(comparison, ours, theirs)
        return Finding(
            pass_name=comparison.name,
            position=position,
            degree=comparison.degree,
            function=place.partition(" > ")[0] or None,
            place=place,
            baseline_line=ours.text.strip() if ours else None,
            candidate_line=theirs.text.strip() if theirs else None,
        )

    def _place(self, comparison: PassComparison, ours: Line | None, theirs: Line | None) -> str:
        """Where the line stands. A pass on one side only shows its own before and after as the two sides."""
        one, other = comparison.baseline, comparison.candidate
        if one is None or other is None:
            file, effect = (self._baseline, one) if one else (self._candidate, other)
            if effect is None:
                return ""
            sides = (file.text(effect.record.before), file.text(effect.record.after))
        else:
            sides = (self._baseline.text(one.record.after), self._candidate.text(other.record.after))
        if theirs is not None and theirs.after is not None:
            return place_of(sides[1].splitlines(), theirs.after - 1)
        return place_of(sides[0].splitlines(), (ours.before or 1) - 1) if ours is not None else ""


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


def _compare_states(ours: str, theirs: str) -> _State:
    baseline = tuple(ours.splitlines())
    tier = equality(ours, theirs)
    if tier is Tier.BYTES:
        return _State(baseline, baseline, {}, tier, 0, 0, Counter())
    mapping = match_names(baseline, theirs.splitlines())
    candidate = tuple(rename(theirs.splitlines(), mapping))
    difference = signed_lines(baseline, candidate)
    shapes = [_shape_in_place(line) for line in baseline], [_shape_in_place(line) for line in candidate]
    return _State(
        baseline,
        candidate,
        mapping,
        tier,
        difference.total() if tier is Tier.DIFFERENT else 0,
        sum(changed_lines(*shapes)),
        # A line that differed stays carried when a pass indents it anew on both sides.
        Counter({f"{line[0]}{line[1:].strip()}": count for line, count in difference.items()}),
    )


def _shape_in_place(line: str) -> str:
    """The shape of a line with its indentation, which says what it is part of."""
    return " " * indentation(line) + shape_of(line)


def _classify(before: _State, after: _State, effect: Degree, *, in_order: bool) -> tuple[Status, Degree]:
    """What a pass does to the divergence, and how deep its effects differ.

    ``in_order``: also the order in which it leaves the lines is the same on both sides.
    """
    was, remains = before.tier is Tier.DIFFERENT, after.tier is Tier.DIFFERENT
    if not remains:
        if was:
            return Status.HEALS, effect
        # Equal up to names on both ends; a pass may still be where the renaming begins.
        begins = after.tier is Tier.NAMES and before.tier < Tier.NAMES
        return (Status.INTRODUCES, Degree.NAMES) if begins else (Status.SAME, Degree.NONE)
    if not was:
        reshapes = after.shape_lines > 0 or not after.difference
        return Status.INTRODUCES, Degree.SHAPE if reshapes else Degree.VALUES
    if effect in (Degree.NONE, Degree.NAMES) and in_order:
        return Status.CARRIES, effect
    if after.shape_lines > before.shape_lines:
        return Status.INTRODUCES, Degree.SHAPE
    if after.lines > before.lines and after.shape_lines == before.shape_lines:
        return Status.INTRODUCES, Degree.VALUES
    return Status.CARRIES, effect


def _marked(line: Line, carried: Counter[str]) -> Line:
    key = f"{line.kind}{line.text.strip()}"
    if line.kind == " " or carried[key] <= 0:
        return line
    carried[key] -= 1
    return replace(line, carried=True)


#: Statements that follow from others: the access regions and annotations of a block or function.
_BOOKKEEPING = re.compile(r"\s*(?:T\.(?:reads|writes|func_attr|s?block_attr|block|sblock)\(|with T\.s?block\(|#)")


def _shape(line: Line | None) -> str:
    return _shape_in_place(line.text) if line is not None else ""


def _is_bookkeeping(line: str) -> bool:
    return _BOOKKEEPING.match(line) is not None


def _fresh_pairs(hunk: Hunk) -> list[tuple[Line | None, Line | None]]:
    """Fresh lines of each run of changes: what became what, and what stands alone, in the order of the text."""
    pairs: list[tuple[Line | None, Line | None]] = []
    removed: list[Line] = []
    added: list[Line] = []
    for line in (*hunk.lines, None):
        if line is not None and line.kind != " ":
            (removed if line.kind == "-" else added).append(line)
            continue
        became = dict(pair_lines([item.text for item in removed], [item.text for item in added]))
        pairs += [(one, added[became[i]] if i in became else None) for i, one in enumerate(removed)]
        pairs += [(None, other) for j, other in enumerate(added) if j not in became.values()]
        removed, added = [], []
    return [pair for pair in pairs if any(line is not None and not line.carried for line in pair)]
