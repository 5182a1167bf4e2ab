"""A copy of TVM's headers that compiles faster: the same declarations, without what only TVM itself compiles.

Nearly every node class of TVM defines ``static void RegisterReflection()`` in its header, which TVM's own sources call
once. Its body instantiates a registration template for every field, in every source that sees the header, whether
precompiled or not: about half the time a small source of TileLang takes (``benchmarks/from_source.py``). The copy
declares the function and leaves the body out. A source that does call one is told so by the compiler (:data:`MARK`),
and then the headers are used as they are.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

#: What a compiler says of a call to a function that was left out.
MARK = "scaffold: this source needs the full headers"

_DEFINITION = re.compile(r"static\s+void\s+RegisterReflection\s*\(\s*\)\s*\{")
_DECLARATION = f'static void RegisterReflection() __attribute__((error("{MARK}")));'


def write_lean_headers(include: Path, target: Path) -> None:
    """Copy ``include`` to ``target``, which is there whole afterwards or not at all."""
    if target.is_dir():
        return
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        shutil.copytree(include, unfinished)
        for header in sorted(unfinished.rglob("*.h")):
            text = header.read_text(encoding="utf-8", errors="surrogateescape")
            if "RegisterReflection" in text:
                status = header.stat()
                header.write_text(leave_out_registration(text), encoding="utf-8", errors="surrogateescape")
                os.utime(header, ns=(status.st_atime_ns, status.st_mtime_ns))
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def leave_out_registration(text: str) -> str:
    """Replace every body of ``RegisterReflection`` by a declaration; lines keep their numbers."""
    parts = []
    position = 0
    for match in _DEFINITION.finditer(text):
        if match.start() < position:
            continue
        end = _end_of_block(text, match.end())
        if end is None:
            break
        parts += [text[position : match.start()], _DECLARATION, "\n" * text.count("\n", match.start(), end)]
        position = end
    return "".join(parts) + text[position:]


def _end_of_block(text: str, start: int) -> int | None:
    """Position behind the brace that closes the block which opened before ``start``; strings and comments count not."""
    depth = 1
    position = start
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|[{}]', re.DOTALL)
    while depth:
        match = token.search(text, position)
        if match is None:
            return None
        position = match.end()
        depth += {"{": 1, "}": -1}.get(match[0], 0)
    return position
