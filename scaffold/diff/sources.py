"""How equal two generated sources are, in C and its kin: a renamed variable is no other program."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scaffold.diff.equality import Tier

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[A-Za-z_]\w*|\d[\w.]*|\S')
#: A comment, or a string, which may look as if it held one.
_COMMENT = re.compile(r'(?P<kept>"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\')|//[^\n]*|/\*.*?\*/', re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*\Z")
#: A variable or parameter where it is declared: behind a type, or a comma and a type, and before what can follow it.
_DECLARED = re.compile(
    r"(?:^|[({;,])\s*(?:const |static |extern |unsigned |alignas\(\d+\) |__\w+__(?:\([^()]*\))? )*"
    r"[A-Za-z_][\w:]*(?:<[^<>;]*>)?(?:\s*[*&]\s*|\s+)(?:__restrict__ |const )*(?P<name>[A-Za-z_]\w*)\s*(?=[=;\[,)]|$)"
)
_WORDS = frozenset(["return", "else", "typename", "using", "namespace", "struct", "goto", "case"])


def source_tier(baseline: str, candidate: str) -> Tier:
    """``BYTES``, ``STRUCTURE`` where only comments and blanks differ, ``NAMES`` where variables do, too.

    ``DIFFERENT`` otherwise.
    """
    if baseline == candidate:
        return Tier.BYTES
    ours, theirs = _statements(baseline), _statements(candidate)
    if ours == theirs:
        return Tier.STRUCTURE
    return Tier.NAMES if len(ours) == len(theirs) and _same_up_to_names(ours, theirs) else Tier.DIFFERENT


def _statements(text: str) -> list[str]:
    """The lines that say something, without comments and blanks at their ends."""
    plain = _COMMENT.sub(lambda match: match["kept"] or " ", text)
    return [stripped for line in plain.splitlines() if (stripped := line.strip())]


def _same_up_to_names(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether a one-to-one renaming of variables turns one text into the other, line by line."""
    bound = _declared(ours), _declared(theirs)
    forward: dict[str, str] = {}
    backward: dict[str, str] = {}
    for one, other in _pairs(ours, theirs):
        if one is None or other is None:
            return False
        variables = one in bound[0], other in bound[1]
        if variables[0] != variables[1] or (one != other and not all(variables)):
            return False
        if all(variables) and (forward.setdefault(one, other) != other or backward.setdefault(other, one) != one):
            return False
    return True


def _pairs(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    for one, other in zip(ours, theirs, strict=True):
        if one == other:
            yield from ((token, token) for token in _TOKEN.findall(one))
            continue
        left, right = _TOKEN.findall(one), _TOKEN.findall(other)
        if len(left) != len(right):
            yield None, None
            return
        yield from zip(left, right, strict=True)


def _declared(lines: Sequence[str]) -> frozenset[str]:
    found = {match["name"] for line in lines for match in _DECLARED.finditer(line) if _is_declaration(match)}
    return frozenset(name for name in found if _NAME.match(name))


def _is_declaration(match: re.Match[str]) -> bool:
    first = re.search(r"[A-Za-z_]\w*", match[0])
    return first is not None and first[0] not in _WORDS
