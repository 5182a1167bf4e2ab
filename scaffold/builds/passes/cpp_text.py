"""Reading C++ as text: comments and strings out of the way, brackets matched, simple constants and macros resolved."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

_TOKEN = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)|R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"|\'(?:\\[^\n\']{1,8}|\\\'|[^\'\\\n])\'',
    re.DOTALL,
)
_NOT_NEWLINE = re.compile(r"[^\n]")
_BRACKET = re.compile(r"[()\[\]{}]")
_BRACKET_OR_COMMA = re.compile(r"[()\[\]{},]")
_LITERAL = r'"(?:\\.|[^"\\\n])*"'
_PIECE = re.compile(rf"\s*(?:(?P<literal>{_LITERAL})|(?:\w+::)*(?P<word>\w+))")
_CONSTANT = re.compile(
    rf"\b(?:char|string|string_view|String)\s*(?:const\s*)?\*?\s*(?:const\s+)?(?P<name>\w+)\s*(?:\[\s*\])?"
    rf"\s*(?:=|\{{|\()\s*(?P<text>(?:{_LITERAL}\s*)+)"
    rf"|^[ \t]*#[ \t]*define[ \t]+(?P<defined>\w+)[ \t]+(?P<value>(?:{_LITERAL}[ \t]*)+)$",
    re.MULTILINE,
)
_MACRO = re.compile(
    r"^[ \t]*#[ \t]*define[ \t]+(?P<name>\w+)\((?P<parameters>[\w\s,.]*)\)(?P<body>(?:[^\n]*\\\n)*[^\n]*)", re.MULTILINE
)
#: A string, which stays as it is, or a word that may be a parameter.
_PARAMETER = re.compile(rf"{_LITERAL}|(?P<hash>(?<!#)#\s*)?\b(?P<name>[A-Za-z_]\w*)")


@dataclass(frozen=True)
class Code:
    """A file twice, position by position the same: without comments, and without strings as well."""

    text: str
    bare: str

    def line(self, at: int) -> int:
        return bisect_right(self._starts, at)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]


@dataclass(frozen=True)
class Macro:
    """A function-like macro that makes or exposes passes."""

    name: str
    parameters: tuple[str, ...]
    body: str


@dataclass(frozen=True)
class MacroUse:
    macro: Macro
    arguments: tuple[str, ...]
    at: int


def blanked(source: str) -> Code:
    """``source`` with comments as blanks, and once more with strings and characters as blanks too."""

    def blank(match: re.Match[str]) -> str:
        return _NOT_NEWLINE.sub(" ", match[0])

    text = _TOKEN.sub(lambda match: blank(match) if match["comment"] else match[0], source)
    return Code(text, _TOKEN.sub(blank, text))


def closing(bare: str, opening: int) -> int:
    """The position behind the bracket that closes the one at ``opening``; the end of the text where none does."""
    depth = 0
    for match in _BRACKET.finditer(bare, opening):
        depth += 1 if match[0] in "([{" else -1
        if depth == 0:
            return match.end()
    return len(bare)


def split(code: Code, opening: int) -> list[str]:
    """The arguments between the bracket at ``opening`` and the one that closes it."""
    parts, depth, start = [], 0, opening + 1
    for match in _BRACKET_OR_COMMA.finditer(code.bare, opening):
        if match[0] == ",":
            if depth == 1:
                parts.append(code.text[start : match.start()])
                start = match.end()
            continue
        depth += 1 if match[0] in "([{" else -1
        if depth == 0:
            parts.append(code.text[start : match.start()])
            return [part.strip() for part in parts]
    return []


def constant_text(expression: str, constants: Mapping[str, str]) -> str | None:
    """The text of string literals and constants side by side; ``None`` where it is something else."""
    pieces, at = [], 0
    expression = expression.strip()
    while at < len(expression):
        match = _PIECE.match(expression, at)
        if match is None:
            return None
        piece = match["literal"][1:-1] if match["literal"] else constants.get(match["word"])
        if piece is None:
            return None
        pieces.append(piece)
        at = match.end()
    return "".join(pieces) or None


def constants_of(text: str) -> Iterator[tuple[str, str]]:
    """Names of string constants and what they hold."""
    for match in _CONSTANT.finditer(text):
        literals = re.findall(_LITERAL, match["text"] or match["value"])
        yield match["name"] or match["defined"], "".join(literal[1:-1] for literal in literals)


def macros_of(text: str, telling: Iterable[str]) -> Iterator[Macro]:
    """Macros whose body holds one of the ``telling`` words."""
    words = tuple(telling)
    for match in _MACRO.finditer(text):
        body = match["body"].replace("\\\n", " ")
        if any(word in body for word in words):
            parameters = tuple(item.strip() for item in match["parameters"].split(","))
            yield Macro(match["name"], parameters, body)


def macro_uses(code: Code, macros: Mapping[str, Macro]) -> Iterator[MacroUse]:
    for name, macro in macros.items():
        for match in re.finditer(rf"^[ \t]*{name}\s*\(", code.bare, re.MULTILINE):
            arguments = tuple(split(code, match.end() - 1))
            if len(arguments) == len(macro.parameters):
                yield MacroUse(macro, arguments, match.start())


def expanded(macro: Macro, arguments: tuple[str, ...]) -> str:
    """The body with its parameters replaced, ``#x`` as text and ``##`` as nothing."""
    values = dict(zip(macro.parameters, arguments, strict=True))

    def replaced(match: re.Match[str]) -> str:
        value = values.get(match["name"] or "")
        if value is None:
            return match[0]
        return f'"{value}"' if match["hash"] else value

    return re.sub(r"\s*##\s*", "", _PARAMETER.sub(replaced, macro.body))
