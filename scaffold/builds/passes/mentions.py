"""Find tests and docs of passes, by calls and by words.

A word that is also plain English (``Simplify``, ``Filter``) counts only as part of a longer name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scaffold.builds.passes.index import Mention, PassEntry
from scaffold.builds.passes.layout import SourceFile

_WORD = re.compile(r"[A-Za-z_][\w.]*\w")
_HUMP = re.compile(r"[A-Z]+[a-z0-9]*")


@dataclass(frozen=True)
class Names:
    """The passes, by the last part of their names and by file names that speak of them."""

    by_tail: Mapping[str, Sequence[int]]
    by_stem: Mapping[str, int]
    entries: Sequence[PassEntry]

    @classmethod
    def of(cls, entries: Sequence[PassEntry]) -> Names:
        by_tail: dict[str, list[int]] = defaultdict(list)
        by_stem: dict[str, int] = {}
        for number, entry in enumerate(entries):
            for tail in dict.fromkeys((entry.tail, entry.constructor)):
                by_tail[tail].append(number)
            if entry.project == "tilelang" and is_telling(entry.tail):
                by_stem[snake_case(entry.tail)] = number
        return cls(by_tail, by_stem, entries)

    def meant(self, word: str) -> Iterator[int]:
        """The passes a word of a text means: as a whole name, or bare and not plain English."""
        parts = word.split(".")
        candidates = self.by_tail.get(parts[-1], ())
        exact = [
            number
            for number in candidates
            if word in (self.entries[number].name, self.entries[number].registered)
            or (self.entries[number].registered and word.endswith(f".{self.entries[number].registered}"))
        ]
        if exact:
            yield exact[0]
        elif candidates and is_telling(parts[-1]):
            own = [number for number in candidates if self.entries[number].project == "tilelang"]
            yield (own or candidates)[0]


def is_telling(word: str) -> bool:
    """Whether a bare word can only mean a pass: ``LowerTileOp``, not ``Simplify``."""
    return len(_HUMP.findall(word)) > 1


def snake_case(name: str) -> str:
    """``lower_tile_op`` of ``LowerTileOp``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def mentions(
    files: Iterable[SourceFile], names: Names, calls: Callable[[SourceFile, str], Iterable[tuple[int, int]]]
) -> dict[int, list[Mention]]:
    """Files by the pass they have to do with; ``calls`` finds (pass, line) of those a file makes."""
    found: dict[int, list[Mention]] = defaultdict(list)
    for file in files:
        text = file.read()
        lines: dict[int, int] = {}
        for number, line in _said(file, text, names):
            lines.setdefault(number, line)
        made: dict[int, int] = {}
        for number, line in calls(file, text):
            made.setdefault(number, line)
        for number in sorted({*lines, *made}):
            line = made.get(number, lines.get(number, 1))
            found[number].append(Mention(file.path, line, number in made))
    return found


def _said(file: SourceFile, text: str, names: Names) -> Iterator[tuple[int, int]]:
    for line, content in enumerate(text.splitlines(), start=1):
        for match in _WORD.finditer(content):
            if match[0].rpartition(".")[2] in names.by_tail:
                yield from ((number, line) for number in names.meant(match[0]))
    stem = file.path.rpartition("/")[2].partition(".")[0]
    for name, number in names.by_stem.items():
        if re.search(rf"(?:^|_){name}(?:_|$)", stem):
            yield number, 1
