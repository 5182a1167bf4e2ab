"""What a change did to one kernel of many, small enough to keep thousands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from scaffold.diff.equality import Tier
from scaffold.diff.generated import compiled_only_on
from scaffold.diff.metrics import MetricDelta, Metrics, measure, metric_deltas
from scaffold.diff.model import Degree, TwoSides
from scaffold.diff.one_side import hunks_between
from scaffold.diff.pattern import Pattern, host_patterns, pass_pattern, source_patterns
from scaffold.diff.printing import in_one_spelling
from scaffold.diff.state import Text, compare_texts
from scaffold.diff.text import Hunk
from scaffold.trace.model import TraceFile


class Outcome(str, Enum):
    """What came of a kernel on two sides; the word is what the reader sees.

    ``DIFFERS``: what is generated does. ``SAME_CODE``: the passes differ, and come to a source and a host module that
    are the same but for names.
    ``EQUIVALENT``: nothing differs beyond formatting and names.
    """

    IDENTICAL = "identical"
    EQUIVALENT = "equivalent"
    SAME_CODE = "same code"
    UNSTABLE = "not deterministic"
    DIFFERS = "differs"
    MENDED = "lowers only on candidate"
    BROKEN = "lowers only on baseline"
    FAILS_ALIKE = "fails on both"


#: Where the source that an error is about begins, in the error.
_BELOW = re.compile(r"^\s*--> ", re.MULTILINE)

#: Outcomes in which a change did something to what a user gets.
CHANGED = frozenset({Outcome.BROKEN, Outcome.DIFFERS, Outcome.MENDED})


@dataclass(frozen=True)
class KernelChange:
    """One kernel on two sides.

    ``patterns`` says how it changed, by every reason there is, the largest first. ``first_pass`` is the pass that a
    comparison of this kernel names, at ``place``, and ``passes`` are all that introduce a difference which is there at
    the end, in order. Lines of effects, states and sources are counted as :class:`~scaffold.diff.model.TwoSides` counts
    them. ``metrics`` are those of the device module in which the sides end up different.
    """

    outcome: Outcome
    patterns: tuple[Pattern, ...]
    first_pass: str | None = None
    degree: Degree = Degree.NONE
    position: int | None = None
    place: str = ""
    passes: tuple[str, ...] = ()
    effect_lines: int = 0
    state_lines: int = 0
    printed_lines: int = 0
    source_removed: int = 0
    source_added: int = 0
    metrics: tuple[MetricDelta, ...] = ()
    note: str = ""

    @property
    def size(self) -> int:
        """How much it is, to rank by: lines of generated source, and of effects where there is no source."""
        return self.source_removed + self.source_added or self.effect_lines


IDENTICAL = KernelChange(Outcome.IDENTICAL, (Pattern("identical", "identical at every pass"),))


def change_of(baseline: TraceFile, candidate: TraceFile, result: TwoSides) -> KernelChange:
    """What two lowerings and their comparison say of one kernel."""
    if baseline.trace.failure is not None or candidate.trace.failure is not None:
        return _of_failures(baseline, candidate, result)
    if result.identical:
        return IDENTICAL
    if not result.finding:
        pattern = Pattern(f"equivalent {result.weakest.name}", result.weakest.label)
        return KernelChange(Outcome.EQUIVALENT, (pattern,), printed_lines=result.printed_lines)
    outcome, patterns = _patterns(baseline, candidate, result)
    differing = result.source_hunks if result.source_tier is Tier.DIFFERENT else ()
    return replace(
        _at_finding(KernelChange(outcome, patterns), result),
        passes=tuple(row.name for row in result.passes if row.introduces and not row.gone_after),
        source_removed=sum(hunk.removed for hunk in differing),
        source_added=sum(hunk.added for hunk in differing),
        metrics=metric_deltas(_final(baseline), _final(candidate)),
    )


def _patterns(baseline: TraceFile, candidate: TraceFile, result: TwoSides) -> tuple[Outcome, tuple[Pattern, ...]]:
    """By what is generated if that differs, and else by the pass that a comparison names."""
    found = source_patterns(result) if result.source_tier is Tier.DIFFERENT else ()
    found = found or host_patterns(_host_hunks(baseline, candidate))
    if found:
        return Outcome.DIFFERS, found
    outcome = Outcome.DIFFERS if result.source_tier is None else Outcome.SAME_CODE
    return outcome, (pass_pattern(result, result.telling),)


def _host_hunks(baseline: TraceFile, candidate: TraceFile) -> Sequence[Hunk]:
    """How the host modules differ; not at all where one is missing."""
    ours, theirs = (file.trace.artifact("host-module") for file in (baseline, candidate))
    if ours is None or theirs is None or not ours.digest or not theirs.digest or ours.digest == theirs.digest:
        return ()
    one, other = (
        Text(printed.recorded(artifact.digest), printed.lines(artifact.digest))
        for printed, artifact in zip(in_one_spelling(baseline, candidate), (ours, theirs), strict=True)
    )
    state = compare_texts(one, other)
    return hunks_between(state.baseline, state.candidate) if state.tier is Tier.DIFFERENT else ()


def unstable(change: KernelChange, passes: Sequence[str], side: str = "baseline") -> KernelChange:
    """``change`` of a kernel that the build of ``side`` does not lower to the same each time."""
    words = f"the {side} lowered twice differs from itself, first in {passes[0]}"
    return replace(
        change,
        outcome=Outcome.UNSTABLE,
        patterns=(Pattern(f"unstable {passes[0]}", words, pass_name=passes[0]),),
        first_pass=passes[0],
        degree=Degree.NONE,
        position=None,
        place="",
        passes=(),
        metrics=(),
        note=words,
    )


def compiled_on_one_side(change: KernelChange, baseline: TraceFile, candidate: TraceFile) -> KernelChange:
    """``change`` of a kernel whose machine code was made, with nvcc's judgement where that is not the same on both."""
    side, rejection = compiled_only_on(baseline.trace, candidate.trace)
    if not side:
        return change
    other = "candidate" if side == "baseline" else "baseline"
    same = change.outcome is not Outcome.DIFFERS or not change.source_removed + change.source_added
    words = f"{'the same source, but ' if same else ''}nvcc compiles it on the {side} only: {rejection}"
    pattern = Pattern(f"nvcc {side} {kind_of(rejection)}", words)
    others = change.patterns if change.outcome is Outcome.DIFFERS else ()
    return replace(change, outcome=Outcome.DIFFERS, patterns=(pattern, *others), note=f"{other}: {rejection}")


def one_side_only(outcome: Outcome, why: str, *, where: str | None = None) -> KernelChange:
    """A kernel that a side does not have, or did not lower: ``why``, in the pass ``where``."""
    pattern = Pattern(f"{outcome.value} {where} {kind_of(why)}", why, pass_name=where)
    return KernelChange(outcome, (pattern,), first_pass=where, note=why)


def kind_of(why: str) -> str:
    """What failures of the same kind have in common: their words without numbers, names in quotes and places."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\S+:\d+|0x[0-9a-fA-F]+|\d+", "#", why)[:160]


def said_in(message: str) -> str:
    """The one line of an error that tells most: the last before the source that TileLang shows below it.

    Since 0.1.13 an error may end in ``  --> file.py:12:1``, the line, and a mark under it.
    """
    lines = [line.strip() for line in _BELOW.split(message, maxsplit=1)[0].splitlines()]
    return next((line for line in reversed(lines) if any(letter.isalnum() for letter in line)), "")


def _of_failures(baseline: TraceFile, candidate: TraceFile, result: TwoSides) -> KernelChange:
    ours, theirs = baseline.trace.failure, candidate.trace.failure
    failure = theirs or ours
    if failure is None:
        raise ValueError("a side failed")
    said = said_in(failure.message) or "no message"
    outcome = Outcome.FAILS_ALIKE if ours and theirs else Outcome.BROKEN if theirs else Outcome.MENDED
    where = failure.pass_name or failure.where
    words = f"{failure.error}{f' in {where}' if where else ''}: {said}"
    if outcome is Outcome.FAILS_ALIKE and ours and (ours.pass_name, ours.error) != (failure.pass_name, failure.error):
        words = f"baseline: {ours.error} in {ours.pass_name or ours.where}; candidate: {words}"
    change = one_side_only(outcome, words, where=where)
    return change if outcome is Outcome.FAILS_ALIKE else _at_finding(change, result)


def _at_finding(change: KernelChange, result: TwoSides) -> KernelChange:
    """The change with what the comparison names and counts."""
    change = replace(
        change,
        effect_lines=result.effect_lines,
        state_lines=result.state_lines,
        printed_lines=result.printed_lines,
    )
    finding = result.telling
    if finding is None:
        return change
    return replace(
        change,
        first_pass=finding.pass_name,
        degree=finding.degree,
        position=finding.position,
        place=finding.place,
    )


def _final(file: TraceFile) -> Metrics:
    passes = [record for record in file.trace.passes if record.after]
    return measure(file.text(passes[-1].after)) if passes else Metrics()
