"""The JSON schemas that are shipped, for tests that hold real output against them."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import jsonschema


def validated(text: str | bytes, name: str) -> dict[str, Any]:
    """What a verb printed, valid by ``<name>.schema.json``; nothing in it that the schema does not know."""
    schema = json.loads(files("scaffold.report").joinpath(f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    document: dict[str, Any] = json.loads(text)
    for part in schema["$defs"].values():
        part.setdefault("additionalProperties", False)
    jsonschema.Draft202012Validator(schema).validate(document)
    return document
