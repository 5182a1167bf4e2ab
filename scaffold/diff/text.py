"""Line and word differences of two texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

from scaffold.diff.tokens import shape_of, tokens_of

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


def opcodes(before: Sequence[str], after: Sequence[str]) -> list[Opcode]:
    """How to turn ``before`` into ``after``; like ``difflib`` without its guess at junk, which over-reports here."""
    matcher: Any = _FastMatcher(None, before, after, False)
    return [Opcode(*code) for code in matcher.get_opcodes()]


def changed_lines(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """Lines removed and lines added."""
    removed = added = 0
    for code in opcodes(before, after):
        if code.tag != "equal":
            removed += code.before_end - code.before_start
            added += code.after_end - code.after_start
    return removed, added


def diff_lines(before: Sequence[str], after: Sequence[str]) -> list[Line]:
    """The whole difference, equal lines included, replaced lines paired and marked word by word."""
    lines: list[Line] = []
    for code in opcodes(before, after):
        if code.tag == "equal":
            lines += [
                Line(" ", before[i], i + 1, code.after_start + (i - code.before_start) + 1)
                for i in range(code.before_start, code.before_end)
            ]
            continue
        removed = list(before[code.before_start : code.before_end])
        added = list(after[code.after_start : code.after_end])
        marks = _word_marks(removed, added)
        lines += [
            Line("-", text, code.before_start + i + 1, None, marks.get((0, i), ())) for i, text in enumerate(removed)
        ]
        lines += [
            Line("+", text, None, code.after_start + i + 1, marks.get((1, i), ())) for i, text in enumerate(added)
        ]
    return lines


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


def _word_marks(removed: Sequence[str], added: Sequence[str]) -> dict[tuple[int, int], tuple[Span, ...]]:
    """Marks of paired lines, keyed by side (0 removed, 1 added) and index."""
    marks: dict[tuple[int, int], tuple[Span, ...]] = {}
    for i, j in pair_lines(removed, added):
        left, right = word_marks(removed[i], added[j])
        marks[0, i], marks[1, j] = left, right
    return marks


def pair_lines(removed: Sequence[str], added: Sequence[str]) -> list[tuple[int, int]]:
    """Which removed line became which added one: same shape first, then in order within runs of equal length."""
    pairs = []
    for code in opcodes([shape_of(line) for line in removed], [shape_of(line) for line in added]):
        height, width = code.before_end - code.before_start, code.after_end - code.after_start
        if code.tag == "equal" or (code.tag == "replace" and height == width):
            pairs += [(code.before_start + k, code.after_start + k) for k in range(height)]
    return pairs


def word_marks(before: str, after: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Character ranges that differ between two lines, by token; empty where the lines have too little in common."""
    left, right = tokens_of(before), tokens_of(after)
    matcher: Any = _FastMatcher(None, [t.text for t in left], [t.text for t in right], False)
    if matcher.ratio() < _LEAST_LIKENESS:
        return (), ()
    left_spans: list[Span] = []
    right_spans: list[Span] = []
    for code in (Opcode(*item) for item in matcher.get_opcodes()):
        if code.tag == "equal":
            continue
        if code.before_end > code.before_start:
            last = left[code.before_end - 1]
            left_spans.append((left[code.before_start].start, last.start + len(last.text)))
        if code.after_end > code.after_start:
            last = right[code.after_end - 1]
            right_spans.append((right[code.after_start].start, last.start + len(last.text)))
    return tuple(left_spans), tuple(right_spans)
