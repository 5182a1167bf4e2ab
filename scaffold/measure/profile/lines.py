"""The generated source and the TileLang lines it came from. Pure: text in, lines out."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from scaffold.probe.failure import short_path

_DIRECTIVE = re.compile(r'^\s*#\s*line\s+(?P<line>\d+)(?:\s+"(?P<file>[^"]*)")?\s*$')
#: Files that a compiler reads as they were generated; all others it reads are headers.
_GENERATED_SUFFIXES = (".cu", ".cpp", ".hip")
#: Lines a statement is generated as, at most.
_LONGEST_STATEMENT = 12


@dataclass(frozen=True)
class GeneratedSource:
    """Generated source, and for its lines (from 1) the file and line they came from, with its text."""

    text: str = ""
    origins: Mapping[int, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))

    def text_of(self, line: int) -> str:
        lines = self.text.splitlines()
        return lines[line - 1].strip() if 0 < line <= len(lines) else ""

    def is_it(self, file: str, line: int, text: str) -> bool:
        """Whether ``line`` of ``file`` is this source's; ``text`` is what stands there, empty where not known."""
        own = self.text_of(line)
        return bool(own) and file.endswith(_GENERATED_SUFFIXES) and text in ("", own)

    def origin_of(self, line: int) -> tuple[str, str]:
        """``gemm.py:31`` and the text there; empty where it is not known."""
        return self.origins.get(line, ("", ""))


NOTHING_GENERATED = GeneratedSource()


def with_origins(text: str, marked: str, sources: Mapping[str, str]) -> GeneratedSource:
    """Join generated source with the same source as generated with ``#line`` directives.

    Parameters
    ----------
    text
        The source that was compiled.
    marked
        The same, with directives between its lines (pass config ``tl.emit_line_directives``).
    sources
        Texts of the files that directives name.
    """
    plain: list[str] = []
    places: dict[int, tuple[str, int]] = {}
    file = ""
    at: tuple[str, int] | None = None
    for line in marked.splitlines():
        told = _DIRECTIVE.match(line)
        if told:
            file = told["file"] or file
            at = (file, int(told["line"]))
            continue
        plain.append(line)
        if at is not None:
            places[len(plain)] = at
            # A pragma belongs to the statement below it.
            at = at if line.lstrip().startswith("#pragma") else None
    if plain != text.splitlines():
        return GeneratedSource(text)
    _fill_between(places)
    return GeneratedSource(text, {line: _origin(file, number, sources) for line, (file, number) in places.items()})


def _fill_between(places: dict[int, tuple[str, int]]) -> None:
    """Give lines between two that came from one line that line too: a statement may take several lines.

    TileLang marks only what it knows; of other lines it is not known what they came from.
    """
    known = sorted(places)
    for one, other in itertools.pairwise(known):
        if places[one] == places[other] and other - one <= _LONGEST_STATEMENT:
            places.update(dict.fromkeys(range(one + 1, other), places[one]))


def _origin(file: str, number: int, sources: Mapping[str, str]) -> tuple[str, str]:
    lines = sources.get(file, "").splitlines()
    return f"{short_path(file)}:{number}", lines[number - 1].strip() if 0 < number <= len(lines) else ""


def named_files(marked: str) -> set[str]:
    """The files that the directives of a source name."""
    found = (_DIRECTIVE.match(line) for line in marked.splitlines())
    return {told["file"] for told in found if told and told["file"]}
