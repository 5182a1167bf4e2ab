"""How kernels changed, told so that those that changed alike are told alike.

A pattern is read from one hunk: what its lines speak of and did not before, and the other way round; where that is
nothing, which statement it is that changed. Names alone make no pattern.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from scaffold.diff.model import Finding, PassComparison, TwoSides
from scaffold.diff.telling import Told, changed_beyond_names, excerpt, tell
from scaffold.diff.text import Hunk, Line
from scaffold.diff.vocabulary import VECTORS, is_akin, spoken_of

#: What is spoken of in the IR where the source has a vector type, or an unrolled loop.
_IN_PASSES: Mapping[str, tuple[str, ...]] = {
    VECTORS: (VECTORS, "vectorized", "Ramp", "Broadcast"),
    "#pragma unroll": ("unroll",),
}


@dataclass(frozen=True)
class Pattern:
    """How a kernel changed; ``key`` is equal for those changed alike, ``words`` are for people.

    ``baseline_line`` and ``candidate_line`` are what it looks like in this kernel, ``excerpt`` the same with what is
    around it, each line behind its sign. ``pass_name`` is the first pass whose difference speaks of it, ``place`` where
    in the IR it is, if it is not in the source. ``lines`` counts the lines that changed so.
    """

    key: str
    words: str
    baseline_line: str | None = None
    candidate_line: str | None = None
    excerpt: tuple[str, ...] = ()
    place: str = ""
    pass_name: str | None = None
    lines: int = 0


def _pattern(told: Told, where: str) -> Pattern:
    one, other = told.pair
    return Pattern(f"{where}|{told.key}", told.words, one, other, told.excerpt, lines=told.lines)


def source_patterns(result: TwoSides) -> tuple[Pattern, ...]:
    """The patterns of a generated source that differs, the largest first."""
    passes = _speaking_passes(result)
    named = result.telling.pass_name if result.telling else None
    found: dict[str, Pattern] = {}
    for told in filter(None, (tell(hunk.lines) for hunk in result.source_hunks)):
        known = found.get(told.key)
        if known is None:
            found[told.key] = replace(_pattern(told, "source"), pass_name=_first_of(told, passes) or named)
        else:
            found[told.key] = replace(known, lines=known.lines + told.lines)
    if not found:
        return tuple(replace(pattern, pass_name=named) for pattern in _rearranged(result.source_hunks, "source"))
    return tuple(sorted(found.values(), key=lambda pattern: -pattern.lines))


def host_patterns(hunks: Sequence[Hunk]) -> tuple[Pattern, ...]:
    """The one pattern of a host module that differs."""
    told = next(filter(None, (tell(hunk.lines) for hunk in hunks)), None)
    patterns = (_pattern(told, "host"),) if told else _rearranged(hunks, "host")
    return tuple(replace(pattern, words=f"host module: {pattern.words}", place=hunks[0].place) for pattern in patterns)


def _rearranged(hunks: Sequence[Hunk], where: str) -> tuple[Pattern, ...]:
    """The pattern of texts in which no statement is another, and yet their order is, or the variables they use."""
    if not hunks:
        return ()
    changed = [line for line in hunks[0].lines if line.kind != " "]
    one, other = (next((line.text.strip() for line in changed if line.kind == kind), None) for kind in "-+")
    words = "the same statements in another order, or of other variables"
    lines = sum(hunk.removed + hunk.added for hunk in hunks)
    return (Pattern(f"{where}|rearranged", words, one, other, excerpt(hunks[0].lines, (one, other)), lines=lines),)


def pass_pattern(result: TwoSides, finding: Finding | None) -> Pattern:
    """The pattern of what the passes differ in, where what they come to does not tell."""
    if finding is None or finding.position is None:
        return _input_pattern(result)
    row = result.passes[finding.position]
    side = f", which only the {row.status.value.rpartition(' ')[2]} runs" if row.is_alone and not row.moved else ""
    hunk = _hunk_of(row, finding)
    told = tell(_lines_of(hunk, finding)) if hunk else None
    degree = finding.degree.value
    return Pattern(
        key=f"{finding.pass_name}{side}|{told.key if told else degree}",
        words=f"{finding.pass_name}{side}: {told.words if told else f'a difference of {degree}'}",
        baseline_line=finding.baseline_line,
        candidate_line=finding.candidate_line,
        excerpt=excerpt(hunk.lines, (finding.baseline_line, finding.candidate_line)) if hunk else (),
        place=finding.place,
        pass_name=finding.pass_name,
        lines=row.effect_lines,
    )


def _input_pattern(result: TwoSides) -> Pattern:
    """The pattern of kernels that are written down otherwise, with no pass adding to it."""
    hunk, told = next(((hunk, told) for hunk in result.input_hunks if (told := tell(hunk.lines))), (None, None))
    if hunk is None or told is None:
        return Pattern("no pass", "no pass introduces it")
    pattern = _pattern(told, "inputs")
    return replace(pattern, words=f"before the first pass: {pattern.words}", place=hunk.place)


def _hunk_of(row: PassComparison, finding: Finding) -> Hunk | None:
    """The hunk that holds the lines of a finding."""
    return next((hunk for hunk in row.hunks if _lines_of(hunk, finding)), None)


def _lines_of(hunk: Hunk, finding: Finding) -> list[Line]:
    """The lines of a finding in a hunk: others beside them may be there for other reasons."""
    wanted = {"-": finding.baseline_line, "+": finding.candidate_line, " ": None}
    return [line for line in hunk.lines if wanted[line.kind] is not None and line.text.strip() == wanted[line.kind]]


def _speaking_passes(result: TwoSides) -> list[tuple[str, frozenset[str]]]:
    """Passes that introduce a difference which lasts, in order, each with what that difference speaks of."""
    found = []
    for row in result.passes:
        if row.introduces and not row.gone_after:
            fresh = [line for hunk in row.hunks for line in hunk.lines if not line.carried]
            changed = (text for side in changed_beyond_names(fresh) for text in side)
            found.append((row.name, frozenset(family for text in changed for family in spoken_of(text))))
    return found


def _first_of(told: Told, passes: Sequence[tuple[str, Collection[str]]]) -> str | None:
    """The first pass that speaks of what a hunk is about.

    A guess, and told as one: "seen first in". Where statements are made over by later passes nothing better is known.
    """
    akin = {word for family in told.families for word in _IN_PASSES.get(family, (family,))}
    return next(
        (name for name, spoken in passes if any(is_akin(family, wanted) for family in spoken for wanted in akin)), None
    )
