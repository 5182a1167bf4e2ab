"""Line and word differences of two texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from scaffold.diff.tokens import shape_of, starts_of, words_of

try:
    from cydifflib import SequenceMatcher as _FastMatcher
except ImportError:  # pragma: no cover - a platform without a wheel of it
    _FastMatcher = SequenceMatcher

#: Lines alike in fewer of their tokens than this get no word marks: the marks would cover everything.
_LEAST_LIKENESS = 0.35

Span = tuple[int, int]


class Opcode(NamedTuple):
    tag: Literal["equal", "replace", "delete", "insert"]
    before_start: int
    before_end: int
    after_start: int
    after_end: int


@dataclass(frozen=True)
class Line:
    """One line of a difference. ``before`` and ``after`` are line numbers from 1, ``None`` on the side without it.

    ``marks`` are the character ranges that changed within the line; empty where the whole line did.
    ``carried`` lines of a comparison were different before the pass already.
    """

    kind: Literal[" ", "-", "+"]
    text: str
    before: int | None
    after: int | None
    marks: tuple[Span, ...] = ()
    carried: bool = False


@dataclass(frozen=True)
class Hunk:
    """A run of changes with context; ``place`` names where in the IR it begins (``gemm > for k``)."""

    lines: tuple[Line, ...]
    place: str = ""

    @property
    def removed(self) -> int:
        return sum(line.kind == "-" for line in self.lines)

    @property
    def added(self) -> int:
        return sum(line.kind == "+" for line in self.lines)


@lru_cache(maxsize=256)
def lines_of(text: str) -> tuple[str, ...]:
    """The lines of a text. Those that are equal are one object, in any text: so they are compared by identity."""
    return tuple(map(_first_of, text.splitlines()))


@lru_cache(maxsize=65536)
def _first_of(line: str) -> str:
    """The first of all lines that are equal to this one: the cache gives out what it was given then."""
    return line


def opcodes(before: Sequence[str], after: Sequence[str]) -> list[Opcode]:
    """How to turn ``before`` into ``after``; like ``difflib`` without its guess at junk, which over-reports here."""
    return list(_opcodes(tuple(before), tuple(after)))


@lru_cache(maxsize=256)
def _opcodes(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[Opcode, ...]:
    if before == after:
        return (Opcode("equal", 0, len(before), 0, len(after)),) if before else ()
    matcher: Any = _FastMatcher(None, before, after, False)
    return tuple(Opcode(*code) for code in matcher.get_opcodes())


def changed_lines(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """Lines removed and lines added."""
    removed = added = 0
    for code in opcodes(before, after):
        if code.tag != "equal":
            removed += code.before_end - code.before_start
            added += code.after_end - code.after_start
    return removed, added


#: Stands for each equal line that is too far from a change for any hunk.
_FAR = Line(" ", "", None, None)


def diff_lines(before: Sequence[str], after: Sequence[str], *, context: int | None = None) -> list[Line]:
    """The whole difference, equal lines included, replaced lines paired and marked word by word.

    For hunks with ``context`` equal lines around changes, those that are further away need not be told apart.
    """
    lines: list[Line] = []
    for code in opcodes(before, after):
        if code.tag == "equal":
            lines += _equal_lines(before, code, context)
            continue
        removed = tuple(before[code.before_start : code.before_end])
        added = tuple(after[code.after_start : code.after_end])
        marks = _word_marks(removed, added)
        lines += [
            Line("-", text, code.before_start + i + 1, None, marks.get((0, i), ())) for i, text in enumerate(removed)
        ]
        lines += [
            Line("+", text, None, code.after_start + i + 1, marks.get((1, i), ())) for i, text in enumerate(added)
        ]
    return lines


def _equal_lines(before: Sequence[str], code: Opcode, context: int | None) -> list[Line]:
    start, end = code.before_start, code.before_end
    shift = code.after_start - start
    if context is None or end - start <= 2 * context:
        return [Line(" ", before[i], i + 1, i + 1 + shift) for i in range(start, end)]
    head, tail = (
        [Line(" ", before[i], i + 1, i + 1 + shift) for i in near]
        for near in (range(start, start + context), range(end - context, end))
    )
    return [*head, *[_FAR] * (end - start - 2 * context), *tail]


def into_hunks(lines: Sequence[Line], *, context: int = 3) -> list[Hunk]:
    """Cut a whole difference into hunks with ``context`` equal lines around each run of changes."""
    changed = [i for i, line in enumerate(lines) if line.kind != " "]
    hunks: list[Hunk] = []
    start = end = -1
    for index in changed:
        if start >= 0 and index - end <= 2 * context:
            end = index + 1
            continue
        if start >= 0:
            hunks.append(Hunk(tuple(lines[max(0, start - context) : end + context])))
        start, end = index, index + 1
    if start >= 0:
        hunks.append(Hunk(tuple(lines[max(0, start - context) : end + context])))
    return hunks


@lru_cache(maxsize=4096)
def _word_marks(removed: tuple[str, ...], added: tuple[str, ...]) -> Mapping[tuple[int, int], tuple[Span, ...]]:
    """Marks of paired lines, keyed by side (0 removed, 1 added) and index."""
    marks = {}
    for i, j in pair_lines(removed, added):
        left, right = word_marks(removed[i], added[j])
        marks[0, i], marks[1, j] = left, right
    return marks


def pair_lines(removed: Sequence[str], added: Sequence[str]) -> list[tuple[int, int]]:
    """Which removed line became which added one: same shape first, then in order within runs of equal length."""
    if not removed or not added:
        return []
    pairs = []
    for code in opcodes([shape_of(line) for line in removed], [shape_of(line) for line in added]):
        height, width = code.before_end - code.before_start, code.after_end - code.after_start
        if code.tag == "equal" or (code.tag == "replace" and height == width):
            pairs += [(code.before_start + k, code.after_start + k) for k in range(height)]
    return pairs


@lru_cache(maxsize=16384)
def word_marks(before: str, after: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Character ranges that differ between two lines, by token; empty where the lines have too little in common."""
    matcher: Any = _FastMatcher(None, words_of(before), words_of(after), False)
    if matcher.ratio() < _LEAST_LIKENESS:
        return (), ()
    changed = [Opcode(*code) for code in matcher.get_opcodes() if code[0] != "equal"]
    return (
        _marked(before, [(code.before_start, code.before_end) for code in changed]),
        _marked(after, [(code.after_start, code.after_end) for code in changed]),
    )


def _marked(line: str, spans: Sequence[Span]) -> tuple[Span, ...]:
    """The characters from one word to before another."""
    words, starts = words_of(line), starts_of(line)
    return tuple((starts[first], starts[end - 1] + len(words[end - 1])) for first, end in spans if first < end)
