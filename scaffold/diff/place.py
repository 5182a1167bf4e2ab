"""Where in a module a line is: the statements around it, read from its indentation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_FUNCTION = re.compile(r"\s*def (\w+)\(")
_LOOP = re.compile(r"\s*for (.+?) in (?:T\.)?(\w+)")
_BLOCK = re.compile(r'\s*with T\.s?block\("(\w*)"\)')
_THREAD = re.compile(r'\s*(?:with )?.*T\.launch_thread\("([\w.]+)"')
_IF = re.compile(r"\s*(if .+|else|elif .+):\s*\Z")
#: Longest condition shown, in characters.
_LONGEST = 40


@lru_cache(maxsize=65536)
def indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def functions_of(lines: Sequence[str]) -> list[str]:
    """Names of the functions of a module, in order."""
    return [name for line in lines if (name := _defined_in(line))]


def functions_by_line(lines: Sequence[str]) -> list[str | None]:
    """For every line the name of the function that holds it; ``None`` outside any."""
    found: list[str | None] = []
    name: str | None = None
    for line in lines:
        name = _defined_in(line) or name
        found.append(name)
    return found


@lru_cache(maxsize=65536)
def _defined_in(line: str) -> str | None:
    match = _FUNCTION.match(line)
    return match.group(1) if match else None


def place_of(lines: Sequence[str], index: int) -> str:
    """The path to line ``index`` (from 0), outermost first: ``gemm > for k > if tx < 128``.

    Unnamed and root blocks are left out: they say nothing a reader looks for.
    """
    if not lines:
        return ""
    parts: list[str] = []
    depth = indentation(lines[min(index, len(lines) - 1)]) if lines[min(index, len(lines) - 1)].strip() else 10**6
    for line in reversed(lines[: min(index, len(lines))]):
        if indentation(line) >= depth or not line.strip():
            continue
        depth = indentation(line)
        part = _describe(line)
        if part:
            parts.append(part)
        if _FUNCTION.match(line):
            break
    return " > ".join(reversed(parts))


def _describe(line: str) -> str | None:
    if match := _FUNCTION.match(line):
        return match.group(1)
    if match := _LOOP.match(line):
        kind = match.group(2)
        return f"for {match.group(1)}" + ("" if kind in ("range", "serial") else f" ({kind})")
    if match := _BLOCK.match(line):
        return f"block {match.group(1)}" if match.group(1) not in ("", "root", "tilelang_root") else None
    if match := _THREAD.match(line):
        return match.group(1)
    if match := _IF.match(line):
        text = match.group(1)
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return None
