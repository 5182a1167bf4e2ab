"""TVMScript (and CUDA C) as tokens: enough to tell a name from a number from the rest.

A tokenizer and not a parser, because the text is not always Python: TileLang 0.1.15 prints keyword names with dots
(``tl.pipeline_mbar_phase_expr=``), and some releases print call arguments no parser accepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

TokenKind = Literal["name", "value", "operator", "comment"]

_TOKEN = re.compile(
    r"""(?P<comment>\#(?!\s*\w+\#[0-9a-f]{8}\ =).*$)
      |(?P<layout>\b\w+\#[0-9a-f]{8}\b)
      |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      |(?P<name>[A-Za-z_]\w*)
      |(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
      |(?P<operator>[^\s\w])""",
    re.VERBOSE,
)

#: Words that are never the name of something bound in the kernel.
KEYWORDS = frozenset(
    [
        *("T", "I", "Module", "metadata", "range", "True", "False", "None"),
        *("def", "class", "lambda", "for", "in", "while", "if", "else", "elif", "with", "as", "return", "assert"),
        *("and", "or", "not", "is", "pass", "continue", "break"),
    ]
)


#: A layout written out below its module.
_DEFINITION = re.compile(r"# \w+#[0-9a-f]{8} = ")


class Token(NamedTuple):
    """A token and where it begins in its line. ``value`` is a number, a string or a written-out layout's name."""

    kind: TokenKind
    text: str
    start: int


@lru_cache(maxsize=65536)
def tokens_of(line: str) -> tuple[Token, ...]:
    """The tokens of one line; a name behind a dot or before ``=`` in a call is an operator: it names no variable."""
    return tuple(_tokens(line))


def _tokens(line: str) -> Iterator[Token]:
    previous = ""
    for match in _TOKEN.finditer(line):
        kind, text = match.lastgroup, match.group()
        if kind == "comment":
            yield Token("comment", text, match.start())
        elif kind in ("string", "number", "layout"):
            yield Token("value", text, match.start())
        elif kind == "name":
            is_variable = previous != "." and text not in KEYWORDS and not _is_keyword_argument(line, match.end())
            yield Token("name" if is_variable else "operator", text, match.start())
        else:
            yield Token("operator", text, match.start())
        previous = text


def _is_keyword_argument(line: str, end: int) -> bool:
    """``scope="shared"``: printed without spaces, where an assignment has them."""
    return line[end : end + 1] == "=" and line[end + 1 : end + 2] != "="


@lru_cache(maxsize=65536)
def shape_of(line: str) -> str:
    """The line with every name and every value blanked: equal for lines that differ only in those.

    What a layout's name stands for is a value as a whole.
    """
    if _DEFINITION.match(line):
        return "# = #"
    return " ".join(
        {"name": "@", "value": "#"}.get(token.kind, token.text) for token in tokens_of(line) if token.kind != "comment"
    )


@lru_cache(maxsize=65536)
def nameless(line: str) -> str:
    """The line with every name blanked."""
    return " ".join("@" if token.kind == "name" else token.text for token in tokens_of(line) if token.kind != "comment")
