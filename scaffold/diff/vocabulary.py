"""What lines of code speak of: what they call, the types they work on, their attributes, their control flow.

Lines of two kernels are hardly ever equal, as names, numbers and index expressions are their own. What they speak of is
the same where a compiler did the same to both. Read from generated C++ and from TVMScript alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: The family of every vector type (``float4``, ``make_uint2``, ``float32x4``): one vectorizer makes them all.
VECTORS = "vectors"
#: The family of a function's own line: its name and parameters are the kernel's.
SIGNATURE = "signature"

#: Words that only say how statements are arranged, and not what they do.
CONTROL = frozenset({"for", "while", "if", "else", "with", "#pragma unroll"})

_SIGNATURE = re.compile(r'\s*(?:extern "C"|__global__|static |template|def |@)')
_CONTROL = re.compile(r"\s*(?:\}\s*)?(for|while|if|else|with|#pragma unroll)\b")
_WORD = re.compile(r"[A-Za-z_][\w.]*(?:::[A-Za-z_][\w.]*)*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_VECTOR = re.compile(
    r"(?:make_)?(?:u?(?:char|short|int|long|longlong)|half|float|double|__half|__nv_bfloat16|bfloat16|fp8_e\w+?_)"
    r"(?:1|2|3|4|8|16|32)(?:_t)?\Z"
)
_LANES = re.compile(r'"[a-z]+\d+\w*?x\d+"\Z')
#: Casts, and arithmetic that TVMScript writes as a call: every line is full of them.
_EVERYWHERE = re.compile(
    r"(?:u?int|float|bfloat|half|tfloat|fp8_\w*)\d*(?:_t)?\Z|(?:bool|char|short|long|double|void|sizeof|return|switch)\Z"
    r"|range\Z|T\.(?:serial|region|Cast|Add|Sub|Mul|Div|Mod|FloorDiv|FloorMod|And|Or|Not|bool|handle|(?:u?int|float)\d+)\Z"
)
_NUMBER = re.compile(r"\d")
#: Letters a name must have in front of a number to be known by them.
_LEAST_LETTERS = 3


def spoken_of(line: str) -> dict[str, str]:
    """What a line speaks of, in its order: by family, the word as written."""
    found: dict[str, str] = {}
    for family, word in _words(line):
        found.setdefault(family, word)
    return found


def _words(line: str) -> Iterator[tuple[str, str]]:
    if _SIGNATURE.match(line):
        yield SIGNATURE, SIGNATURE
        return
    if line.startswith("#include "):
        yield line.strip(), line.strip()
        return
    if control := _CONTROL.match(line):
        yield control[1], control[1]
    strings = list(_STRING.finditer(line))
    blanked = _STRING.sub(lambda match: '"' + " " * (len(match[0]) - 2) + '"', line)
    in_script = "T." in line
    for match in _WORD.finditer(blanked):
        word, behind = match[0].rstrip("."), blanked[match.end() : match.end() + 2]
        if _VECTOR.match(word):
            yield VECTORS, word.removeprefix("make_")
        elif behind[:1] in ("(", "<") and behind != "<=" and blanked[match.start() - 1 : match.start()] != ":":
            if not _EVERYWHERE.match(word) and word not in CONTROL:
                yield family_of(word), word
        elif in_script and behind[:1] == "=" and behind[1:] not in ("=", " "):
            yield f"{word}=", f"{word}="
    for match in strings:
        if line[match.end() : match.end() + 1] == ":":
            yield match[0], match[0]
        elif _LANES.match(match[0]):
            yield VECTORS, match[0].strip('"')


def family_of(name: str) -> str:
    """The name without its namespace, up to its first number: ``ptx_ldmatrix_x4``, ``ptx_ldmatrix_x2_trans``."""
    bare = name.rpartition("::")[2].rpartition(".")[2] or name
    number = _NUMBER.search(bare)
    return bare[: number.start()].rstrip("_") or bare if number and number.start() >= _LEAST_LETTERS else bare


def is_akin(one: str, other: str) -> bool:
    """Whether two families are of one operation: what a pass calls ``ptx_cp_async`` is ``cp_async_gs`` in C++."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    return len(short) > 4 and short in long
