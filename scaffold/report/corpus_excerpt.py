"""The example of a pattern: a few lines before and after, cut and marked where words changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaffold.diff.pattern import Pattern
from scaffold.diff.text import Line, pair_lines, word_marks
from scaffold.report.verdict import windows


def excerpt_of(pattern: Pattern, longest: int) -> list[Line]:
    """Lines of an example, none longer than ``longest`` characters, what changed within a line in sight and marked."""
    lines = [(text[:1], text[1:]) for text in pattern.excerpt]
    if not any(kind != " " for kind, _ in lines):
        both = (("-", pattern.baseline_line), ("+", pattern.candidate_line))
        lines = [(kind, text) for kind, text in both if text is not None]
    shown: list[Line] = []
    for run in _runs(lines):
        shown += _run(run, pattern, longest)
    return shown


def _runs(lines: Sequence[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Changed lines that stand together, and each equal line alone."""
    run: list[tuple[str, str]] = []
    for line in lines:
        if line[0] == " ":
            if run:
                yield run
            yield [line]
            run = []
        else:
            run.append(line)
    if run:
        yield run


def _run(run: Sequence[tuple[str, str]], pattern: Pattern, longest: int) -> list[Line]:
    removed = [text for kind, text in run if kind == "-"]
    added = [text for kind, text in run if kind == "+"]
    pairs = dict(pair_lines(removed, added))
    ours = [at for at, text in enumerate(removed) if text.strip() == pattern.baseline_line]
    theirs = [at for at, text in enumerate(added) if text.strip() == pattern.candidate_line]
    if ours and theirs:
        pairs = {one: other for one, other in pairs.items() if one != ours[0] and other != theirs[0]}
        pairs[ours[0]] = theirs[0]
    before = [Line("-", _cut(text, longest), None, None) for text in removed]
    after = [Line("+", _cut(text, longest), None, None) for text in added]
    for one, other in pairs.items():
        texts = windows(removed[one], added[other], longest)
        marks = word_marks(*texts)
        before[one] = Line("-", texts[0], None, None, marks[0])
        after[other] = Line("+", texts[1], None, None, marks[1])
    equal = [Line(" ", _cut(text, longest), None, None) for kind, text in run if kind == " "]
    return [*equal, *before, *after]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
