"""What every report has as JSON: how it is written, and what stands around its schema."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


def as_json(document: object) -> bytes:
    """Indented, keys in a fixed order, a line feed at the end."""
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=1) + b"\n"


def as_schema(title: str, schema: Mapping[str, object]) -> dict[str, object]:
    """``schema`` with what says which JSON Schema it is, and of what."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"TileLang {title}", **schema}
