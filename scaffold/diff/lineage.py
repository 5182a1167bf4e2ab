"""Where a difference comes from, and whether it is still there at the end.

Counting lines cannot tell: a pass that lowers a statement in which the sides differ makes many lines of one, and one
that drops an annotation takes away as many as another has just put in. So each place where the sides differ is
followed: a place after a pass *descends* from those before it whose lines the pass left, or rewrote into these.
A place that descends from none is fresh, and the pass that left it is its origin.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from scaffold.diff.annotations import without_annotations
from scaffold.diff.equality import Tier
from scaffold.diff.state import State, shape_in_place
from scaffold.diff.text import Opcode, opcodes

Span = tuple[int, int]
#: Lines of the baseline, and of the candidate; from, and up to without.
Spans = tuple[Span, Span]
#: A state by the digests of its two modules.
Key = tuple[str | None, str | None]


@dataclass(frozen=True)
class Place:
    """Lines of the baseline and of the candidate that differ, and the rows of the comparison that they come from."""

    spans: Spans
    origins: frozenset[int] = frozenset()


@dataclass(frozen=True)
class View:
    """Both modules of a state as lines, as far as they matter here, and the same without the candidate's names matched.

    The first pair is compared with each other, the second each with what became of it.
    """

    matched: tuple[Sequence[str], Sequence[str]]
    own: tuple[Sequence[str], Sequence[str]]

    def spans(self) -> Iterator[Spans]:
        """Where the sides differ, line by line where as many lines stand against one another."""
        ours, theirs = self.matched
        for code in opcodes(ours, theirs):
            height = code.before_end - code.before_start
            if code.tag == "equal":
                continue
            if height == code.after_end - code.after_start:
                starts = [(code.before_start + at, code.after_start + at) for at in range(height)]
                found = [((one, one + 1), (other, other + 1)) for one, other in starts]
            else:
                found = [((code.before_start, code.before_end), (code.after_start, code.after_end))]
            yield from (spans for spans in found if _lines(self, spans))


def all_lines(state: State) -> View:
    return View((state.baseline, state.candidate), (state.baseline, state.candidate_as_named))


def statement_shapes(state: State) -> View:
    """Statements without annotations, names and values."""
    shapes = tuple(
        [shape_in_place(line) for line in without_annotations(lines)] for lines in (state.baseline, state.candidate)
    )
    return View((shapes[0], shapes[1]), (shapes[0], shapes[1]))


class Lineage:
    """The places in which the sides differ, state by state, in one view of them.

    ``growing``: where a pass makes more lines that differ, in words that did not before, it is an origin of those too,
    whatever they descend from. In a view that blanks names and values this is how a statement is lowered differently;
    where all counts, it is how a difference in a value is carried on.
    """

    def __init__(self, view: Callable[[State], View], *, growing: bool) -> None:
        self._view = view
        self._growing = growing
        self._views: dict[Key, View] = {}
        self._places: dict[Key, tuple[Place, ...]] = {}

    def begin(self, key: Key, state: State, row: int) -> None:
        """All differences of a first state come from ``row``."""
        self._places[key] = tuple(Place(spans, frozenset([row])) for spans in _spans(state, self._seen(key, state)))

    def knows(self, key: Key) -> bool:
        return key in self._places

    def step(self, start: Key, given: State, end: Key, made: State, row: int) -> tuple[Spans, ...]:
        """Follow all places through the pass of ``row``, and say of which it is an origin."""
        old, new = self._seen(start, given), self._seen(end, made)
        known = self._places.setdefault(start, tuple(Place(spans) for spans in _spans(given, old)))
        now = _spans(made, new)
        codes = [opcodes(*sides) for sides in zip(old.own, new.own, strict=True)] if now else []
        before = [line for place in known for line in _lines(old, place.spans)]
        after = [line for spans in now for line in _lines(new, spans)]
        grows = self._growing and len(after) > len(before)
        places, begun = [], []
        for spans in now:
            lines = _lines(new, spans)
            descent = _descent(spans, known, codes, old, new)
            if not set(lines) <= set(before) and (descent is None or grows):
                begun.append(spans)
                descent = (descent or frozenset()) | {row}
            places.append(Place(spans, descent if descent is not None else _same_words(lines, known, old)))
        self._places[end] = tuple(places)
        return tuple(begun)

    def origins(self, key: Key) -> frozenset[int]:
        """Rows that the differences of a state come from."""
        return frozenset(row for place in self._places.get(key, ()) for row in place.origins)

    def _seen(self, key: Key, state: State) -> View:
        if key not in self._views:
            self._views[key] = self._view(state)
        return self._views[key]


def _spans(state: State, view: View) -> list[Spans]:
    return list(view.spans()) if state.tier is Tier.DIFFERENT else []


def _lines(view: View, spans: Spans) -> list[str]:
    """What differs: of one line against another the words, else each line with its side.

    So that a statement copied to other places, or with something else done to it, still differs in the same.
    """
    ours, theirs = (
        [line.strip() for line in side[slice(*span)] if line] for side, span in zip(view.matched, spans, strict=True)
    )
    if len(ours) == len(theirs) == 1:
        before, after = ours[0].split(), theirs[0].split()
        changes = [code for code in opcodes(before, after) if code.tag != "equal"]
        return [
            "-"
            + " ".join(before[code.before_start : code.before_end])
            + "+"
            + " ".join(after[code.after_start : code.after_end])
            for code in changes
        ] or ["indentation"]
    return [f"-{line}" for line in ours] + [f"+{line}" for line in theirs]


def _same_words(lines: Sequence[str], known: Sequence[Place], view: View) -> frozenset[int]:
    """Origins of the places that said the same: a pass may copy a statement, or move it."""
    said = [place.origins for place in known if not set(_lines(view, place.spans)).isdisjoint(lines)]
    return frozenset().union(*said)


def _descent(
    spans: Spans, known: Sequence[Place], codes: Sequence[Sequence[Opcode]], old: View, new: View
) -> frozenset[int] | None:
    """Origins of the places whose lines became those of ``spans``; ``None`` where there are none."""
    found: frozenset[int] | None = None
    for side in (0, 1):
        for source in _sources(spans[side], codes[side], old.own[side], new.own[side]):
            for place in known:
                if place.spans[side][0] < source[1] and source[0] < place.spans[side][1]:
                    found = (found or frozenset()) | place.origins
    return found


def _sources(span: Span, codes: Sequence[Opcode], before: Sequence[str], after: Sequence[str]) -> Iterator[Span]:
    """Lines that a pass left as the lines of ``span``, or rewrote into them.

    Of a run that was rewritten, a line comes from those that do the same; from all where none does.
    """
    for code in codes:
        start, end = max(span[0], code.after_start), min(span[1], code.after_end)
        if start >= end and not (code.tag == "delete" and span == (code.after_start, code.after_end)):
            continue
        if code.tag == "equal":
            yield code.before_start + start - code.after_start, code.before_start + end - code.after_start
            continue
        run = range(code.before_start, code.before_end)
        heads = {_head(line) for line in after[start:end]}
        alike = [at for at in run if _head(before[at]) in heads]
        yield from ((at, at + 1) for at in alike or run)


def _head(line: str) -> str:
    """What a statement does: the function it calls, the buffer it writes, the kind of loop."""
    return _LOOP_NAMES.sub("for in", _ARGUMENTS.split(line, maxsplit=1)[0].strip())


_ARGUMENTS = re.compile(r"[(\[=]")
_LOOP_NAMES = re.compile(r"^for .* in\b")
