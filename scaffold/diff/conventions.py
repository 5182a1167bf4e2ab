"""How one release writes what another writes otherwise: each function brings lines from the one habit to the other.

They look at tokens, never into a string or at a part of a name. Where a function cannot be sure it leaves the line
alone, and what is left alone stays a difference. Every line keeps its place, so that line numbers stay those of the
recorded text; a line that says nothing the line before did not becomes empty.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

from scaffold.diff.names import rename
from scaffold.diff.place import indentation
from scaffold.diff.tokens import Token, tokens_of

_INDENT = 4


def _replaced(line: str, edits: Sequence[tuple[Token, str]]) -> str:
    pieces, at = [], 0
    for token, text in edits:
        pieces += [line[at : token.start], text]
        at = token.start + len(token.text)
    return "".join([*pieces, line[at:]])


# ---- words

_BLOCK_WORDS = {"block": "sblock", "block_attr": "sblock_attr", "alloc_buffer": "sblock_alloc_buffer"}
_ROOT_COMMENT = re.compile(r'(\s*# with T\.)block(\("root"\):)\Z')


def block_words(lines: Sequence[str]) -> list[str]:
    """The functions of a block, where they are called on ``T``."""
    return [_block_words(line) for line in lines]


@lru_cache(maxsize=65536)
def _block_words(line: str) -> str:
    if comment := _ROOT_COMMENT.match(line):
        return f"{comment[1]}sblock{comment[2]}"
    tokens = tokens_of(line)
    called = [
        token
        for before, dot, token, after in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False)
        if (before.text, dot.text, after.text) == ("T", ".", "(") and token.text in _BLOCK_WORDS
    ]
    return _replaced(line, [(token, _BLOCK_WORDS[token.text]) for token in called])


def ordered_maps(lines: Sequence[str]) -> list[str]:
    """The entries of a map, of which the order says nothing."""
    return [_ordered_maps(line) if "{" in line else line for line in lines]


_BUFFER = re.compile(r"(?P<indent> *)\w+ = T\.Buffer\(")


def ordered_declarations(lines: Sequence[str]) -> list[str]:
    """Buffers that nothing binds, which the printer declares in the order in which a map below them has them."""
    found = list(lines)
    start = 0
    for at in range(len(lines) + 1):
        match = _BUFFER.match(lines[at]) if at < len(lines) else None
        first = _BUFFER.match(lines[start]) if at > start else None
        if match is None or (first is not None and first["indent"] != match["indent"]):
            found[start:at] = sorted(lines[start:at])
            start = at if match is not None else at + 1
    return found


@lru_cache(maxsize=65536)
def _ordered_maps(line: str) -> str:
    """The line with the entries of every map that ends in it by their text, those within others first."""
    open_at: list[tuple[int, str]] = []
    commas: list[list[int]] = []
    for token in tokens_of(line):
        if token.kind == "operator" and token.text in ("(", "[", "{"):
            open_at.append((token.start, token.text))
            commas.append([])
        elif token.text == "," and commas:
            commas[-1].append(token.start)
        elif token.kind == "operator" and token.text in (")", "]", "}") and open_at:
            (start, bracket), between = open_at.pop(), commas.pop()
            if bracket == "{" and between:
                ends = [start, *between, token.start]
                entries = sorted(line[one + 1 : other].strip() for one, other in pairwise(ends))
                ordered = f"{line[: start + 1]}{', '.join(entries)}{line[token.start :]}"
                if ordered != line:
                    return _ordered_maps(ordered)
    return line


_KEY = re.compile(r'"tir\.(\w+)"\Z')


def attribute_keys(lines: Sequence[str]) -> list[str]:
    """The keys of TVM's own attributes: a whole string in front of a colon."""
    return [_attribute_keys(line) for line in lines]


@lru_cache(maxsize=65536)
def _attribute_keys(line: str) -> str:
    tokens = tokens_of(line)
    keys = [
        (token, f'"tirx.{match[1]}"')
        for token, after in pairwise(tokens)
        if after.text == ":" and (match := _KEY.match(token.text))
    ]
    return _replaced(line, keys)


_ASSERTION = re.compile(r'(?P<head>\s*assert .*, )(?P<message>"(?:[^"\\]|\\.)*")\Z')


def assertions(lines: Sequence[str]) -> list[str]:
    """The message of an assertion: since, its kind of error is said, and it may be in parts."""
    return [_assertion(line) if "assert " in line else line for line in lines]


def _assertion(line: str) -> str:
    return _ASSERTION.sub(r'\g<head>("RuntimeError", [\g<message>])', line)


# ---- scopes

_HELD = re.compile(r"(?P<indent> *)with (?P<value>T\.(?:allocate|decl_buffer)\(.*\)) as (?P<name>\w+):\Z")
_HELD_LITERAL = re.compile(
    r"(?P<indent> *)with T\.LetStmt\((?P<value>T\.(?P<dtype>\w+)\([^()]*\))\) as (?P<name>\w+):\Z"
)
_HELD_VARIABLE = re.compile(r"(?P<indent> *)with T\.LetStmt\((?P<value>.*), var=(?P<name>\w+)\):\Z")


def flat_bindings(lines: Sequence[str]) -> list[str]:
    """A binding that held the rest of its scope as its body: since, it stands in front of the rest."""
    found: list[str] = []
    #: Indentations of the bindings that hold this line, as they were written.
    held: list[int] = []
    for line in lines:
        if line.strip():
            while held and indentation(line) <= held[-1]:
                held.pop()
        flat = line[_INDENT * len(held) :] if line.strip() else line
        if binding := _binding(flat):
            held.append(indentation(line))
            flat = binding
        found.append(flat)
    return found


def _binding(line: str) -> str | None:
    if match := _HELD.match(line) or _HELD_VARIABLE.match(line):
        return f"{match['indent']}{match['name']} = {match['value']}"
    if match := _HELD_LITERAL.match(line):
        return f"{match['indent']}{match['name']}: T.{match['dtype']} = {match['value']}"
    return None


# ---- buffers

_ALLOCATE = re.compile(
    r'(?P<head>\s*(?P<name>\w+) = )T\.allocate\(\[(?P<shape>[^\]]*)\], "(?P<dtype>\w+)", "(?P<scope>[\w.]*)"\)\Z'
)
_DECLARED_ALONE = re.compile(r"(?P<head>\s*\w+ = )T\.decl_buffer\((?P<arguments>(?:(?!\bdata=).)*)\)\Z")
_ALLOCATED = re.compile(r"\s*(?P<name>\w+) = T\.alloc_buffer\((?P<arguments>.*)\)\Z")
_SAYS_WHOSE = r"\((?P<before>.*), data=(?P<data>\w+)\.data(?P<after>.*)\)\Z"
_DECLARED = re.compile(r"\s*(?P<name>\w+) = T\.decl_buffer" + _SAYS_WHOSE)
_UNDECLARED = re.compile(r"\s*(?P<name>\w+) = T\.Buffer" + _SAYS_WHOSE)
_FUNCTION = re.compile(r"\s*def \w+\(")
_PARAMETER = re.compile(r"(\w+): T\.")
#: A name said before the statement that binds it.
_FORWARD = re.compile(r"\s*\w+ = T\.handle\(")
_BINDS = re.compile(r"\s*(\w+)(?:: [^=]+)? = (?!T\.handle\()")


def _in_functions(lines: Sequence[str], respell: Callable[[Sequence[str]], list[str]]) -> list[str]:
    """Names mean one thing within a function at most."""
    found = list(lines)
    starts = [at for at, line in enumerate(lines) if _FUNCTION.match(line)]
    for start, end in pairwise([*starts, len(lines)]):
        found[start:end] = respell(lines[start:end])
    return found


def declared_allocations(lines: Sequence[str]) -> list[str]:
    """An allocation and the declaration of its buffer were one line, called a declaration."""
    return [_declared_allocation(line) if "decl_buffer" in line else line for line in lines]


def _declared_allocation(line: str) -> str:
    return _DECLARED_ALONE.sub(r"\g<head>T.alloc_buffer(\g<arguments>)", line)


def allocations(lines: Sequence[str]) -> list[str]:
    """An allocation made a bare pointer: since, it makes a buffer, and what points to it is the buffer's ``data``."""
    return _in_functions(lines, _allocations)


def _allocations(lines: Sequence[str]) -> list[str]:
    made = {match["name"] for line in lines if (match := _ALLOCATE.match(line))}
    # A name that something else binds too means two things; which one is meant here a tokenizer cannot say.
    made -= {match[1] for line in lines if (match := _BINDS.match(line)) and not _ALLOCATE.match(line)}
    made -= set(_PARAMETER.findall(lines[0])) if lines else set()
    return [_allocation(line, made) for line in lines]


def _allocation(line: str, made: set[str]) -> str:
    if (match := _ALLOCATE.match(line)) and match["name"] in made:
        shape = match["shape"] + ("," if "," not in match["shape"] else "")
        dtype = f', "{match["dtype"]}"' if match["dtype"] != "float32" else ""
        scope = f', scope="{match["scope"]}"' if match["scope"] != "global" else ""
        return f"{match['head']}T.alloc_buffer(({shape}){dtype}{scope})"
    end = Token("operator", "", len(line))
    pointers = [
        (token, f"{token.text}.data")
        for token, after in pairwise([*tokens_of(line), end])
        if token.kind == "name" and token.text in made and after.text not in (".", "[")
    ]
    return line if _FORWARD.match(line) else _replaced(line, pointers)


def folded_declarations(lines: Sequence[str]) -> list[str]:
    """An allocation and, on the next line, the declaration of just that buffer: as before, one line."""

    def declared(part: Sequence[str], at: int) -> re.Match[str] | None:
        match = _DECLARED.match(part[at])
        allocated = _ALLOCATED.match(part[at - 1]) if match and at else None
        return match if match and allocated and match["data"] == allocated["name"] else None

    return _in_functions(lines, lambda part: _folded(part, declared))


def used_undeclared(lines: Sequence[str]) -> list[str]:
    """A buffer that nothing declares is printed where it is first used: it may be one that was allocated."""
    return _in_functions(lines, lambda part: _folded(part, lambda lines, at: _UNDECLARED.match(lines[at])))


def _folded(lines: Sequence[str], found: Callable[[Sequence[str], int], re.Match[str] | None]) -> list[str]:
    """The lines without the buffers ``found`` in some of them that are one allocated in the same function.

    Only where all that binds the name of either says one and the same buffer.
    """
    made: dict[str, set[str]] = {}
    meant: dict[str, set[tuple[str, str]]] = {}
    at_lines: dict[int, str] = {}
    for at, line in enumerate(lines):
        if match := _ALLOCATED.match(line):
            made.setdefault(match["name"], set()).add(match["arguments"])
        elif match := found(lines, at):
            at_lines[at] = match["name"]
            meant.setdefault(match["name"], set()).add((match["data"], match["before"] + match["after"]))
    other = {match[1] for at, line in enumerate(lines) if at not in at_lines and (match := _BINDS.match(line))}
    stands_for = {
        name: allocated
        for name, buffers in meant.items()
        for allocated, arguments in buffers
        if len(buffers) == 1 and name not in other and made.get(allocated) == {arguments}
    }
    kept = ["" if at_lines.get(at) in stands_for else line for at, line in enumerate(lines)]
    return rename(kept, stands_for)


# ---- layouts, written out below the module

_DEFINITION = re.compile(r"# (?P<kind>\w+)#(?P<digest>[0-9a-f]{8}) = (?P<body>.*)\Z")
_NAME = re.compile(r"\b\w+#[0-9a-f]{8}\b")
_THREAD_RANGE = re.compile(r", thread_range: I\.Range\(\d+, \d+\)(?=\)\Z)")


def layout_tuples(lines: Sequence[str]) -> list[str]:
    """The lists of a layout's description: since, they are tuples."""
    return _redefined(lines, _tuples)


def layouts_without_thread_range(lines: Sequence[str]) -> list[str]:
    """The threads that a fragment is laid out for, which fragments have since TileLang 0.1.11."""
    return _redefined(lines, lambda body: _THREAD_RANGE.sub("", body))


def _tuples(body: str) -> str:
    """The text with ``[`` and ``]`` as ``(`` and ``)``; a tuple of one ends in a comma."""
    pieces: list[str] = []
    commas: list[bool] = []
    for piece in re.findall(r"[\[\](),]|[^\[\](),]+", body):
        if piece in ("[", "("):
            commas.append(False)
        elif piece == "," and commas:
            commas[-1] = True
        several = commas.pop() if piece in ("]", ")") and commas else True
        pieces.append({"[": "(", "]": ")" if several else ",)"}.get(piece, piece))
    return "".join(pieces)


def _redefined(lines: Sequence[str], respell: Callable[[str], str]) -> list[str]:
    """Every definition written anew, and every layout named by what its definition says then, as the probe does."""
    names: dict[str, str] = {}
    found = list(lines)
    places = [at for at, line in enumerate(lines) if _DEFINITION.match(line)]
    for at in places:
        match = _DEFINITION.match(lines[at])
        body = respell(match["body"])  # type: ignore[index]
        name = f"{match['kind']}#{hashlib.sha256(body.encode()).hexdigest()[:8]}"  # type: ignore[index]
        names[f"{match['kind']}#{match['digest']}"] = name  # type: ignore[index]
        found[at] = f"# {name} = {body}"
    if names:
        found = [
            line if at in places else _NAME.sub(lambda m: names.get(m[0], m[0]), line) for at, line in enumerate(found)
        ]
    for at, definition in zip(places, sorted(found[at] for at in places), strict=True):
        found[at] = definition
    return found
