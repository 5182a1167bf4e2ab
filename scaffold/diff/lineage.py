"""Where a difference comes from, and whether it is still there at the end.

Counting lines cannot tell: a pass that lowers a statement in which the sides differ makes many lines of one, and one
that drops an annotation takes away as many as another has just put in. So each place where the sides differ is
followed: a place after a pass *descends* from those before it whose lines the pass left, or rewrote into these.
A place that descends from none is fresh, and the pass that left it is its origin.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import takewhile

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
    """Lines of the baseline and of the candidate that differ, in which words, and the rows that they come from."""

    spans: Spans
    words: tuple[str, ...]
    origins: frozenset[int] = frozenset()


@dataclass(frozen=True)
class View:
    """Both modules of a state as lines, as far as they matter here, and the same without the candidate's names matched.

    The first pair is compared with each other, the second each with what became of it.
    """

    matched: tuple[Sequence[str], Sequence[str]]
    own: tuple[Sequence[str], Sequence[str]]

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Where the sides differ, line by line where as many lines stand against one another; origins unknown."""
        found = (Place(spans, tuple(_words(self, spans))) for spans in self._spans())
        return tuple(place for place in found if place.words)

    def _spans(self) -> Iterator[Spans]:
        ours, theirs = self.matched
        for code in opcodes(ours, theirs):
            height = code.before_end - code.before_start
            if code.tag == "equal":
                continue
            if height == code.after_end - code.after_start:
                starts = [(code.before_start + at, code.after_start + at) for at in range(height)]
                yield from (((one, one + 1), (other, other + 1)) for one, other in starts)
            else:
                yield (code.before_start, code.before_end), (code.after_start, code.after_end)


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
        places = _places(state, self._seen(key, state))
        self._places[key] = tuple(replace(place, origins=frozenset([row])) for place in places)

    def knows(self, key: Key) -> bool:
        return key in self._places

    def step(self, start: Key, given: State, end: Key, made: State, row: int) -> tuple[Spans, ...]:
        """Follow all places through the pass of ``row``, and say of which it is an origin."""
        old, new = self._seen(start, given), self._seen(end, made)
        known = self._places.setdefault(start, _places(given, old))
        if start == end:
            return ()
        now = _places(made, new)
        codes = [opcodes(*sides) for sides in zip(old.own, new.own, strict=True)] if now else []
        before = {word for place in known for word in place.words}
        grows = self._growing and _count_words(now) > _count_words(known)
        places, begun = [], []
        for place in now:
            descent = _descent(place.spans, known, codes, old, new)
            if not before.issuperset(place.words) and (descent is None or grows):
                begun.append(place.spans)
                descent = (descent or frozenset()) | {row}
            places.append(replace(place, origins=_same_words(place, known) if descent is None else descent))
        self._places[end] = tuple(places)
        return tuple(begun)

    def origins(self, key: Key) -> frozenset[int]:
        """Rows that the differences of a state come from."""
        return frozenset(row for place in self._places.get(key, ()) for row in place.origins)

    def _seen(self, key: Key, state: State) -> View:
        if key not in self._views:
            self._views[key] = self._view(state)
        return self._views[key]


def _places(state: State, view: View) -> tuple[Place, ...]:
    return view.places if state.tier is Tier.DIFFERENT else ()


def _count_words(places: Sequence[Place]) -> int:
    return sum(len(place.words) for place in places)


def _words(view: View, spans: Spans) -> Sequence[str]:
    """What differs: of one line against another the words, else each line with its side.

    So that a statement copied to other places, or with something else done to it, still differs in the same.
    """
    ours, theirs = (
        [line.strip() for line in side[slice(*span)] if line] for side, span in zip(view.matched, spans, strict=True)
    )
    if len(ours) == len(theirs) == 1:
        return _changed_words(ours[0], theirs[0])
    return [f"-{line}" for line in ours] + [f"+{line}" for line in theirs]


@lru_cache(maxsize=16384)
def _changed_words(ours: str, theirs: str) -> Sequence[str]:
    before, after = ours.split(), theirs.split()
    changes = [code for code in opcodes(before, after) if code.tag != "equal"]
    return [
        "-"
        + " ".join(before[code.before_start : code.before_end])
        + "+"
        + " ".join(after[code.after_start : code.after_end])
        for code in changes
    ] or ["indentation"]


def _same_words(place: Place, known: Sequence[Place]) -> frozenset[int]:
    """Origins of the places that said the same: a pass may copy a statement, or move it."""
    words = set(place.words)
    said = [other.origins for other in known if not words.isdisjoint(other.words)]
    return frozenset().union(*said)


def _descent(
    spans: Spans, known: Sequence[Place], codes: Sequence[Sequence[Opcode]], old: View, new: View
) -> frozenset[int] | None:
    """Origins of the places whose lines became those of ``spans``; ``None`` where there are none."""
    found: frozenset[int] | None = None
    for side in (0, 1):
        for start, end in _sources(spans[side], codes[side], old.own[side], new.own[side]):
            for place in _between(known, side, start, end):
                found = (found or frozenset()) | place.origins
    return found


def _between(places: Sequence[Place], side: int, start: int, end: int) -> Iterator[Place]:
    """Places that lie in some of the lines from ``start`` to ``end``; all are in order, and none within another."""
    first = bisect_right(places, start, key=lambda place: place.spans[side][1])
    return takewhile(lambda place: place.spans[side][0] < end, places[first:])


def _sources(span: Span, codes: Sequence[Opcode], before: Sequence[str], after: Sequence[str]) -> Iterator[Span]:
    """Lines that a pass left as the lines of ``span``, or rewrote into them.

    Of a run that was rewritten, a line comes from those that do the same; from all where none does.
    """
    first = bisect_left(codes, span[0], key=lambda code: code.after_end)
    for code in takewhile(lambda code: code.after_start <= span[1], codes[first:]):
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


@lru_cache(maxsize=65536)
def _head(line: str) -> str:
    """What a statement does: the function it calls, the buffer it writes, the kind of loop."""
    return _LOOP_NAMES.sub("for in", _ARGUMENTS.split(line, maxsplit=1)[0].strip())


_ARGUMENTS = re.compile(r"[(\[=]")
_LOOP_NAMES = re.compile(r"^for .* in\b")
