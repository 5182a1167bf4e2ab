"""The one pass to name, and the lines to show of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import zip_longest

from scaffold.diff.annotations import without_annotations
from scaffold.diff.model import Degree, Finding, PassComparison, Status
from scaffold.diff.state import shape_in_place
from scaffold.diff.text import Hunk, Line, pair_lines

#: A line of the baseline and what became of it on the candidate; ``None`` where it has no counterpart.
_Pair = tuple[Line | None, Line | None]
#: Where in the IR a line of a row's hunks stands.
Place = Callable[[PassComparison, Line | None, Line | None], str]


def find(rows: Sequence[PassComparison], degrees: Sequence[Degree], place: Place) -> Finding | None:
    """The first row that introduces a difference of one of ``degrees``: one that lasts, if any does."""
    found = [(at, row) for at, row in enumerate(rows) if row.introduces and row.degree in degrees]
    # What a nested pass does is done by the one around it.
    found = [item for item in found if not item[1].effect.record.depth] or found
    lasting = [item for item in found if not item[1].gone_after or item[1].status is Status.FAILED]
    for at, row in (lasting or found)[:1]:
        return finding_of(row, at, place)
    return None


def finding_of(row: PassComparison, position: int, place: Place) -> Finding:
    """The most telling lines that this pass made different, and where they are."""
    choices = [pair for hunk in row.hunks for pair in _fresh_pairs(hunk)]
    for tells in (_TELLS.get(row.degree, _anything), _is_no_bookkeeping, _reads_differently):
        choices = [pair for pair in choices if tells(pair)] or choices
    baseline, candidate = choices[0] if choices else (None, None)
    where = place(row, baseline, candidate) if choices else ""
    return Finding(
        pass_name=row.name,
        position=position,
        degree=row.degree,
        function=where.partition(" > ")[0] or None,
        place=where,
        baseline_line=baseline.text.strip() if baseline else None,
        candidate_line=candidate.text.strip() if candidate else None,
        lasts=not row.gone_after,
        only_nesting=bool(choices) and not any(map(_reads_differently, choices)),
    )


def telling_lines(hunks: Sequence[Hunk]) -> tuple[str | None, str | None]:
    """A line of two texts that differs, as either side has it: what became of a line before one that has no like."""
    choices = [pair for hunk in hunks for pair in _fresh_pairs(hunk) if _reads_differently(pair)]
    whole = [pair for pair in choices if all(line is not None for line in pair)]
    baseline, candidate = next(iter(whole or choices), (None, None))
    return baseline.text.strip() if baseline else None, candidate.text.strip() if candidate else None


def _anything(_: _Pair) -> bool:
    return True


def _differs_in_shape(pair: _Pair) -> bool:
    return _shape(pair[0]) != _shape(pair[1])


def _differs_in_statement(pair: _Pair) -> bool:
    return _statement(pair[0]) != _statement(pair[1])


_TELLS: dict[Degree, Callable[[_Pair], bool]] = {
    Degree.SHAPE: _differs_in_statement,
    Degree.ANNOTATIONS: _differs_in_shape,
}


def _shape(line: Line | None) -> str:
    return shape_in_place(line.text) if line is not None else ""


def _statement(line: Line | None) -> list[str]:
    return [shape_in_place(text) for text in without_annotations([line.text])] if line is not None else []


#: Statements that follow from others: the access regions and annotations of a block or function.
_BOOKKEEPING = re.compile(r"\s*(?:T\.(?:reads|writes|func_attr|s?block_attr|block|sblock)\(|with T\.s?block\(|#)")


def _is_bookkeeping(line: Line | None) -> bool:
    return line is not None and _BOOKKEEPING.match(line.text) is not None


def _is_no_bookkeeping(pair: _Pair) -> bool:
    return not any(map(_is_bookkeeping, pair))


def _reads_differently(pair: _Pair) -> bool:
    """Whether the lines are not the same but for their depth."""
    ours, theirs = (line.text.strip() if line is not None else None for line in pair)
    return ours != theirs


def _fresh_pairs(hunk: Hunk) -> list[_Pair]:
    """Fresh lines of each run of changes: what became what, and what stands alone, in the order of the text."""
    pairs: list[_Pair] = []
    removed: list[Line] = []
    added: list[Line] = []
    for line in (*hunk.lines, None):
        if line is not None and line.kind != " ":
            (removed if line.kind == "-" else added).append(line)
            continue
        pairs += _paired(removed, added)
        removed, added = [], []
    return [pair for pair in pairs if any(line is not None and not line.carried for line in pair)]


def _paired(removed: Sequence[Line], added: Sequence[Line]) -> list[_Pair]:
    """What became what: lines of one shape, and in order those that are left between them."""
    became = dict(pair_lines([_bare(line) for line in removed], [_bare(line) for line in added]))
    pairs: list[_Pair] = []
    start = 0
    for at, one in [*enumerate(removed), (len(removed), None)]:
        if one is not None and at not in became:
            continue
        end = became[at] if one is not None else len(added)
        first = max((i + 1 for i in became if i < at), default=0)
        pairs += zip_longest(removed[first:at], added[start:end])
        if one is not None:
            pairs.append((one, added[end]))
        start = end + 1
    return pairs


def _bare(line: Line) -> str:
    return "".join(without_annotations([line.text]))
