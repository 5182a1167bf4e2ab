"""TVMScript (and CUDA C) as tokens: enough to tell a name from a number from the rest.

A tokenizer and not a parser, because the text is not always Python: TileLang 0.1.15 prints keyword names with dots
(``tl.pipeline_mbar_phase_expr=``), and some releases print call arguments no parser accepts.

A line is in most modules of a lowering, and asked about in each: what it says is kept, and worked out once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

TokenKind = Literal["name", "value", "operator", "comment"]

#: The most frequent first: no other alternative begins with what that takes.
_TOKEN = re.compile(
    r"""(?P<operator>[^\s\w"'\#])
      |(?P<comment>\#(?!\s*\w+\#[0-9a-f]{8}\ =).*$)
      |(?P<layout>\b\w+\#[0-9a-f]{8}\b)
      |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      |(?P<name>[A-Za-z_]\w*)
      |(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
      |(?P<stray>["'\#])""",
    re.VERBOSE,
)
#: The same without groups, which finds words at half the cost.
_WORD = re.compile(re.sub(r"\?P<\w+>", "?:", _TOKEN.pattern), re.VERBOSE)
_KINDS: Mapping[str | None, TokenKind] = {
    "comment": "comment",
    "name": "name",
    **dict.fromkeys(("layout", "string", "number"), "value"),
    **dict.fromkeys(("operator", "stray"), "operator"),
}

#: The sign in ``scope="shared"``: printed without spaces, where an assignment has them.
KEYWORD_ARGUMENT = re.compile(r"=(?<=\w=)(?!=)")

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
    return tuple(map(Token, _kinds_of(line), words_of(line), starts_of(line)))


@lru_cache(maxsize=65536)
def words_of(line: str) -> tuple[str, ...]:
    """The texts of the tokens of one line."""
    return tuple(_WORD.findall(line))


@lru_cache(maxsize=65536)
def starts_of(line: str) -> tuple[int, ...]:
    """Where the tokens of one line begin."""
    starts: list[int] = []
    at = 0
    for word in words_of(line):
        at = line.index(word, at)
        starts.append(at)
        at += len(word)
    return tuple(starts)


@lru_cache(maxsize=65536)
def _kinds_of(line: str) -> tuple[TokenKind, ...]:
    """What the tokens of one line are."""
    words = words_of(line)
    kinds = list(map(_kind_of, words))
    ends_at_equals = {match.start() for match in KEYWORD_ARGUMENT.finditer(line)}
    starts = starts_of(line) if ends_at_equals else ()
    for at, kind in enumerate(kinds):
        if kind == "name":
            is_attribute = at > 0 and words[at - 1] == "."
            if is_attribute or (starts and starts[at] + len(words[at]) in ends_at_equals):
                kinds[at] = "operator"
        elif words[at] == "#" and at + 1 < len(words):
            kinds[at] = "operator"
    return tuple(kinds)


@lru_cache(maxsize=65536)
def _kind_of(word: str) -> TokenKind:
    """What a word is by itself."""
    match = _TOKEN.match(word)
    return "operator" if match is None or word in KEYWORDS else _KINDS[match.lastgroup]


#: Signs that make a number of others; ``//`` is two of them.
_ARITHMETIC = frozenset("+-*/%")
#: Casts to a scalar type: around a literal, or in an index, they say nothing that the number does not.
_SCALAR_TYPE = re.compile(r"(?:u?int|float|bfloat)\d+\Z|bool\Z|Cast\Z")
_OPENING, _CLOSING = {"(": ")", "[": "]", "{": "}"}, frozenset(")]}")
_LITERALS = frozenset(["True", "False", "None"])


@lru_cache(maxsize=65536)
def shape_of(line: str) -> str:
    """The line with every name and value blanked: equal for lines that differ only in those.

    A name and a literal are blanked alike, and so is the arithmetic of an index: what it comes to is a value. What a
    layout's name stands for is a value as a whole.
    """
    if _DEFINITION.match(line):
        return "# = #"
    words, at = _blanked(line), 0
    shape: list[str] = []
    try:
        while at < len(words):
            found, at = _folded(words, at, within_index=False)
            # A bracket that a line above opened.
            shape += [*found, *words[at : at + 1]]
            at += 1
    except RecursionError:
        return " ".join(words)
    return " ".join(shape)


@lru_cache(maxsize=65536)
def expression_of(line: str) -> str:
    """The line with every name and value blanked, and indices and literals as they are written."""
    return " ".join(_blanked(line))


def _blanked(line: str) -> list[str]:
    said = zip(_kinds_of(line), words_of(line), strict=True)
    blank = [(kind in ("name", "value") or word in _LITERALS, word) for kind, word in said if kind != "comment"]
    return ["#" if is_blank else word for is_blank, word in blank]


def _folded(words: Sequence[str], start: int, *, within_index: bool) -> tuple[list[str], int]:
    """The words from ``start`` to the bracket that closes them, with indices and literals folded; and where that is."""
    found: list[str] = []
    at = start
    while at < len(words) and words[at] not in _CLOSING:
        word = words[at]
        before = found[-1] if found else ""
        if word not in _OPENING:
            # A sign in front of a literal is part of it.
            negative = word == "#" and before == "-" and (len(found) == 1 or _begins_operand(found[-2]))
            found[len(found) - negative :] = [word]
            at += 1
            continue
        is_index = within_index or (word == "[" and (before in ("#", "]") or before.isidentifier()))
        inner, at = _folded(words, at + 1, within_index=is_index)
        at += 1
        is_cast = word == "(" and len(found) >= 3 and found[-3:-1] == ["T", "."] and _SCALAR_TYPE.match(before)
        is_group = word == "(" and before != "#" and not before.isidentifier() and before not in _CLOSING
        if is_cast and (inner == ["#"] or (is_index and inner == ["#", ",", "#"])):
            found[-3:] = ["#"]
        elif is_group and inner == ["#"]:
            found.append("#")
        else:
            found += [word, *inner, _OPENING[word]]
    return (_without_arithmetic(found) if within_index else found), at


def _begins_operand(word: str) -> bool:
    return word in _ARITHMETIC or word in ("(", "[", "{", ",", "=", "<", ">", ":", "return")


def _without_arithmetic(words: Sequence[str]) -> list[str]:
    """An index as what it reads and calls; one that does neither as a number, however it is added up."""
    found: list[str] = []
    kept: list[str] = []
    depth = 0
    for word, following in zip(words, [*words, ""][1:], strict=True):
        depth += (word in _OPENING) - (word in _CLOSING)
        if depth == 0 and word in (",", ":"):
            found += [*(kept or ["#"]), word]
            kept = []
        elif depth or (word not in _ARITHMETIC and (word != "#" or following in ("[", ".", "("))):
            kept.append(word)
    return found + (kept or ["#"]) if words else found


@lru_cache(maxsize=65536)
def nameless(line: str) -> str:
    """The line with every name blanked; empty for one that only comments."""
    said = zip(_kinds_of(line), words_of(line), strict=True)
    return " ".join(["@" if kind == "name" else word for kind, word in said if kind != "comment"])


@lru_cache(maxsize=65536)
def names_in(line: str) -> frozenset[str]:
    """What a line calls by a name of its own."""
    return frozenset([word for kind, word in zip(_kinds_of(line), words_of(line), strict=True) if kind == "name"])
