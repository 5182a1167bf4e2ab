"""Modules without their annotations: what statements say of themselves beside what they do.

Annotations are the attributes of functions, blocks and loops (``T.func_attr``, ``T.sblock_attr``, ``annotations=``),
attribute statements (``T.attr``), the annotations of a call (``T.copy(…, no_implicit_async_commit_wait=1)``), the
regions a block is said to read and write, and the layouts that only annotations name. So are other views of a buffer
that is there already (``A_1 = T.decl_buffer(…, data=A.data)``, and ``T.Buffer`` where nothing declares it and the
printer says it at the first use): what is done with them counts, and nothing is done by them.
A pass may act on any of them, so a difference there is a difference; but it is not yet one of what is computed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from scaffold.diff.place import indentation
from scaffold.diff.tokens import KEYWORD_ARGUMENT, Token, tokens_of

_INDENT = 4
_WHOLE_LINE = re.compile(
    r"\s*(?:T\.(?:func_attr|s?block_attr|reads|writes|attr)\(|\w+ = T\.(?:Buffer|decl_buffer)\(.*\bdata=|# |\Z)"
)
_SCOPE = re.compile(r"\s*with T\.attr\((?P<node>[^,]*), .*\):\Z")
_SERIAL = re.compile(r"(?P<head>\s*for \w+ in )T\.serial\(")
_STATEMENT = re.compile(r"\s*T\.attr\((?P<node>[^,]*), .*\)\Z")
_DECLARED = re.compile(r"\s*(?P<name>\w+) = T\.\w+\(\)\Z")

#: Arguments with a keyword that say what a statement is; every other one annotates it.
_OF_THE_STATEMENT = frozenset(
    [
        *("scope", "data", "strides", "dtype", "thread", "elem_offset", "align", "offset_factor", "buffer_type"),
        *("axis_separators", "private", "var", "no_realize", "step"),
    ]
)


def without_annotations(lines: Sequence[str]) -> list[str]:
    """The statements of a module alone, what an attribute statement holds as deep as that statement was."""
    return list(_without_annotations(tuple(lines)))


@lru_cache(maxsize=256)
def _without_annotations(lines: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    held: list[int] = []
    for at, line in enumerate(lines):
        while held and line.strip() and indentation(line) <= held[-1]:
            held.pop()
        role = _role(line)
        if role == "scope":
            held.append(indentation(line))
        elif role == "statement" or (role == "declaration" and not _is_annotated(lines, at)):
            found.append(_plain(line[_INDENT * len(held) :]))
    return tuple(found)


@lru_cache(maxsize=65536)
def _role(line: str) -> Literal["scope", "annotation", "declaration", "statement"]:
    """What a line is: a scope is an attribute statement that holds others, a declaration says a name and no more."""
    if _SCOPE.match(line):
        return "scope"
    if _WHOLE_LINE.match(line):
        return "annotation"
    return "declaration" if _DECLARED.match(line) else "statement"


def _is_annotated(lines: Sequence[str], at: int) -> bool:
    """Whether a declaration only says the name that the attribute statement behind it is about."""
    declared, following = _DECLARED.match(lines[at]), lines[at + 1] if at + 1 < len(lines) else ""
    annotated = _SCOPE.match(following) or _STATEMENT.match(following)
    return bool(declared and annotated and declared["name"] == annotated["node"])


@lru_cache(maxsize=65536)
def _plain(line: str) -> str:
    """A line without its annotating arguments."""
    # The printer writes a serial loop that says nothing of itself in Python's own words.
    line = _SERIAL.sub(r"\g<head>range(", line)
    if not KEYWORD_ARGUMENT.search(line):
        return line
    tokens = [token for token in tokens_of(line) if token.kind != "comment"]
    pieces, kept_from, at = [], 0, 0
    while at < len(tokens):
        start = _annotation(line, tokens, at)
        if start is None:
            at += 1
            continue
        at = _end(tokens, start)
        pieces.append(line[kept_from : tokens[start - 1].start])
        kept_from = tokens[at].start if at < len(tokens) else len(line)
    return "".join([*pieces, line[kept_from:]])


def _annotation(line: str, tokens: Sequence[Token], at: int) -> int | None:
    """Index of an annotating keyword argument's name, if the comma at ``at`` is in front of one."""
    if tokens[at].text != "," or at + 2 >= len(tokens):
        return None
    end = at + 1
    while end + 2 < len(tokens) and tokens[end + 1].text == ".":
        end += 2
    equals = tokens[end].start + len(tokens[end].text)
    is_keyword = tokens[end].text.isidentifier() and line.startswith("=", equals) and not line.startswith("==", equals)
    return at + 1 if is_keyword and tokens[at + 1].text not in _OF_THE_STATEMENT else None


def _end(tokens: Sequence[Token], start: int) -> int:
    """Index of the comma or bracket behind the argument that begins at ``start``."""
    depth = 0
    for at in range(start, len(tokens)):
        text = tokens[at].text
        if depth == 0 and text in (",", ")"):
            return at
        depth += (text in "([{") - (text in ")]}") if len(text) == 1 else 0
    return len(tokens)
