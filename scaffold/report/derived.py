"""Fold lines that TVM derives from the rest of a block: the regions it reads and writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from scaffold.diff.text import Hunk

_DERIVED = re.compile(r"\s*T\.(?:reads|writes)\(")


def fold_derived(hunks: Sequence[Hunk]) -> tuple[list[Hunk], int]:
    """``hunks`` without derived lines, and the number of those; a hunk in which nothing else changed stays whole."""
    folded = [_without_derived(hunk) for hunk in hunks]
    return folded, sum(len(hunk.lines) for hunk in hunks) - sum(len(hunk.lines) for hunk in folded)


def _without_derived(hunk: Hunk) -> Hunk:
    kept = tuple(line for line in hunk.lines if not _DERIVED.match(line.text))
    return hunk if all(line.kind == " " for line in kept) else replace(hunk, lines=kept)


def folded_note(count: int) -> str:
    """What is said of so many folded lines."""
    return f"{count} line{'s' if count > 1 else ''} of T.reads and T.writes folded"
