"""Modules as text that hides nothing.

TVMScript prints an object it has no syntax for as ``metadata["tl.Layout"][0]``: two different layouts look alike.
Here such an object is printed as a short name made from its content, and written out in full below the module.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
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
        text = _write_out(head + rest, _load_metadata(literal))
    text = _BANNER.sub("", text.lstrip("\n"))
    return text.replace(_OMITTED, "").strip("\n") + "\n"


def _split_metadata(body: str) -> tuple[str, str]:
    """Split what follows ``metadata =`` into the call of ``load_json`` and the module.

    The argument is one triple-quoted literal whose inner quotes are escaped, so the first three quotes end it.
    """
    end = body.index('""")', body.index('"""') + 3) + len('""")')
    return body[:end], body[end:]


@lru_cache(maxsize=64)
def _load_metadata(call: str) -> dict[tuple[str, int], tuple[str, str]]:
    """Short name and full description of every object in a metadata section.

    Cached by the section itself: from layout inference on, every pass prints the same one.
    """
    import tvm

    expression = ast.parse(call, mode="eval").body
    if not isinstance(expression, ast.Call):
        raise TypeError(f"metadata is not a call: {call[:80]!r}")
    loaded = tvm.ir.load_json(ast.literal_eval(expression.args[0]))
    described = {}
    for key, values in loaded.items():
        for index, value in enumerate(values):
            full = _describe(value)
            short = hashlib.sha256(full.encode()).hexdigest()[:8]
            described[str(key), index] = (f"{str(key).rpartition('.')[2]}#{short}", full)
    return described


def _write_out(text: str, described: Mapping[tuple[str, int], tuple[str, str]]) -> str:
    used: dict[str, str] = {}

    def name_of(match: re.Match[str]) -> str:
        name, full = described[match.group(1), int(match.group(2))]
        used[name] = full
        return name

    named = _REFERENCE.sub(name_of, text)
    definitions = sorted(f"# {name} = {full}" for name, full in used.items())
    return named.rstrip("\n") + "\n\n" + "\n".join(definitions) + "\n"


def _describe(value: Any) -> str:
    """One line that says all of ``value``; a ``Layout`` or ``Fragment`` says its shape, index map and thread map."""
    return " ".join(str(value).split())
