"""What all pages of ours have in common: templates, styles and scripts put into one file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup


def render_page(template: str, *, style: Sequence[str], script: Sequence[str], data: Any, **context: Any) -> str:
    """One page from a template, styles and scripts of ``report/html``, and the data its script reads."""
    css, code = "\n".join(map(_resource, style)), _closed(script)
    page = (
        Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        .from_string(_resource(template))
        .render(csp=_policy(css, code), style=Markup(css), script=Markup(code), store=packed(data), **context)
    )
    # A trace may hold half a surrogate pair, which no file can.
    return page.encode("utf-8", "replace").decode("utf-8")


def packed(data: Any) -> str:
    """Data for the script of a page: JSON, raw deflate, base64."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = json.dumps(data, separators=(",", ":")).encode("ascii")
    return base64.b64encode(packer.compress(raw) + packer.flush()).decode("ascii")


def utf16(text: str, marks: Sequence[tuple[int, int]]) -> list[int]:
    """Marks as a browser counts them: in UTF-16 units, start, end, start, end."""
    flat = [end for span in marks for end in span]
    return flat if text.isascii() else [len(text[:at].encode("utf-16-le", "surrogatepass")) // 2 for at in flat]


@lru_cache(maxsize=32)
def _resource(name: str) -> str:
    return (files("scaffold.report") / "html" / name).read_text("utf-8")


def _closed(names: Sequence[str]) -> str:
    """Plain files put together in the order they need one another, without a build step."""
    body = "\n".join(map(_resource, names))
    return f'(() => {{\n"use strict";\n{body}\n}})();\n'


def _policy(style: str, script: str) -> str:
    """Allow this style and this script, by hash, and nothing else at all."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
