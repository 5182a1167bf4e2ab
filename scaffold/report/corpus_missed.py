"""What was missed, by why: of hundreds of scripts most fail for the same few reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scaffold.diff.change import kind_of
from scaffold.report.corpus_view import MissedEntry


@dataclass(frozen=True)
class MissedGroup:
    """Entries that were missed for the same reason, each with its targets and sides; ``why`` is that of the first."""

    why: str
    entries: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.entries)


def missed_groups(missed: Sequence[MissedEntry]) -> tuple[MissedGroup, ...]:
    """What was missed, by why, the most frequent reason first; an entry missed on both sides is one."""
    sides: dict[tuple[str, str, str], list[MissedEntry]] = {}
    for item in missed:
        sides.setdefault((kind_of(item.why), item.name, item.target), []).append(item)
    groups: dict[str, list[list[MissedEntry]]] = {}
    for (kind, _, _), items in sides.items():
        groups.setdefault(kind, []).append(items)
    found = [
        MissedGroup(
            entries[0][0].why,
            tuple(_missed_words(items) for items in entries),
        )
        for entries in groups.values()
    ]
    return tuple(sorted(found, key=lambda group: -group.count))


def _missed_words(items: Sequence[MissedEntry]) -> str:
    """``gemm/example_gemm.py cuda:sm_80 (baseline and candidate)``."""
    return f"{items[0].name} {items[0].target} ({' and '.join(item.side for item in items)})"
