"""Modules as text that hides nothing.

TVMScript prints an object it has no syntax for as ``metadata["tl.Layout"][0]``: two different layouts look alike.
Here such an object is printed as a short name made from its content, and written out in full below the module.
"""

from __future__ import annotations

import ast
import hashlib
import re
from typing import Any

_REFERENCE = re.compile(r'metadata\["([\w.]+)"\]\[(\d+)\]')
_BANNER = re.compile(r"\A(?:# from tvm\.script import \w+ as \w+\n)+\n?")
_OMITTED = "# Metadata omitted. Use show_meta=True in script() method to show it."


def print_module(module: Any) -> str:
    """Print an ``IRModule`` with every metadata object written out.

    The import banner is dropped: it is the same in every module, and names ``tir`` or ``tirx`` by release.
    """
    text = str(module.script(show_meta=True))
    head, separator, body = text.partition("metadata = ")
    if separator and _REFERENCE.search(body):
        literal, rest = _split_metadata(body)
        text = head + rest
        text = _write_out(text, _load_metadata(literal))
    text = _BANNER.sub("", text.lstrip("\n"))
    return text.replace(_OMITTED, "").strip("\n") + "\n"


def _split_metadata(body: str) -> tuple[str, str]:
    """Split what follows ``metadata =`` into the call of ``load_json`` and the module.

    The argument is one triple-quoted literal whose inner quotes are escaped, so the first three quotes end it.
    """
    end = body.index('""")', body.index('"""') + 3) + len('""")')
    return body[:end], body[end:]


def _load_metadata(call: str) -> dict[str, list[Any]]:
    import tvm

    expression = ast.parse(call, mode="eval").body
    if not isinstance(expression, ast.Call):
        raise TypeError(f"metadata is not a call: {call[:80]!r}")
    loaded = tvm.ir.load_json(ast.literal_eval(expression.args[0]))
    return {str(key): list(value) for key, value in loaded.items()}


def _write_out(text: str, metadata: dict[str, list[Any]]) -> str:
    described: dict[tuple[str, int], tuple[str, str]] = {}

    def name_of(match: re.Match[str]) -> str:
        key, index = match.group(1), int(match.group(2))
        if (key, index) not in described:
            full = _describe(metadata[key][index])
            short = hashlib.sha256(full.encode()).hexdigest()[:8]
            described[key, index] = (f"{key.rpartition('.')[2]}#{short}", full)
        return described[key, index][0]

    named = _REFERENCE.sub(name_of, text)
    definitions = sorted({f"# {name} = {full}" for name, full in described.values()})
    return named.rstrip("\n") + "\n\n" + "\n".join(definitions) + "\n"


def _describe(value: Any) -> str:
    """One line that says all of ``value``; a ``Layout`` or ``Fragment`` says its shape, index map and thread map."""
    return " ".join(str(value).split())
