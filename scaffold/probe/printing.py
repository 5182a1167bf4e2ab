"""Modules as text that hides nothing.

TVMScript prints an object it has no syntax for as ``metadata["tl.Layout"][0]``: two different layouts look alike.
Here such an object is printed as a short name made from its content, and written out in full below the module.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

_REFERENCE = re.compile(r'metadata\["([\w.]+)"\]\[(\d+)\]')
_BANNER = re.compile(r"\A(?:# from tvm\.script import \w+ as \w+\n)+\n?")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
_OMITTED = "# Metadata omitted. Use show_meta=True in script() method to show it."


def print_module(module: Any) -> str:
    """Print an ``IRModule`` with every metadata object written out.

    The import banner is dropped: it is the same in every module, and names ``tir`` or ``tirx`` by release.
    """
    try:
        text = str(module.script(show_meta=True))
    except Exception:  # noqa: BLE001 - TVM raises several kinds here, by release
        return _without_metadata(module)
    head, separator, body = text.partition("metadata = ")
    if separator and _REFERENCE.search(body):
        literal, rest = _split_metadata(body)
        text = _write_out(head + rest, _load_metadata(literal))
    text = _BANNER.sub("", text.lstrip("\n"))
    return text.replace(_OMITTED, "").strip("\n") + "\n"


def _without_metadata(module: Any) -> str:
    """A module that holds an object TVM cannot serialise, with every annotated object written out below it.

    ``tl.ReducerInfo`` of 0.1.12 and 0.1.13 is such a one: then TVM prints no metadata at all, not of layouts either.
    Which reference means which object is not known here; that one of them changed is.
    """
    body = _BANNER.sub("", str(module.script(show_meta=False)).lstrip("\n")).replace(_OMITTED, "").strip("\n")
    found: dict[str, None] = {}
    for function in module.functions.values():
        if hasattr(function, "body"):
            _visit(function.body, lambda node: _collect(getattr(node, "annotations", None), found))
    definitions = []
    for full in sorted(found):
        kind, _, described = full.partition(" ")
        short = hashlib.sha256(full.encode()).hexdigest()[:8]
        definitions.append(f"# {kind.rpartition('.')[2]}#{short} = {described}")
    return "\n".join([body, "", *definitions]) + "\n" if definitions else f"{body}\n"


def _visit(body: Any, take: Callable[[Any], None]) -> None:
    import tvm

    space = tvm.tirx if hasattr(tvm, "tirx") else tvm.tir
    space.stmt_functor.post_order_visit(body, take)


def _collect(value: Any, found: dict[str, None]) -> None:
    """Objects of TileLang's own inside an annotation: those that print as a reference."""
    if value is None:
        return
    key = str(getattr(value, "__tvm_ffi_type_info__", None) and value.__tvm_ffi_type_info__.type_key)
    if key.startswith("tl."):
        found[f"{key} {_describe(value)}"] = None
    elif hasattr(value, "items"):
        for item in dict(value.items()).values():
            _collect(item, found)
    elif hasattr(value, "__iter__") and not isinstance(value, str):
        for item in value:
            _collect(item, found)


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
    """One line that says all of ``value``; a ``Layout`` or ``Fragment`` says its shape, index map and thread map.

    An object that prints as its address, as ``tl.ReducerInfo`` of 0.1.9 does, is told by its fields: the address is
    another one in every process.
    """
    text = " ".join(str(value).split())
    if not _ADDRESS.search(text):
        return text
    fields = getattr(getattr(value, "__tvm_ffi_type_info__", None), "fields", None) or ()
    told = (f"{field.name}={' '.join(str(getattr(value, field.name, '')).split())}" for field in fields)
    return f"{_ADDRESS.sub('', text)} {', '.join(told)}".strip()
