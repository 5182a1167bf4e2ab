"""Documents that the kit publishes as JSON: how they are written, their schemas, and what breaks a reader.

msgspec derives a schema from a model, and its spelling changes from release to release (0.23 prints defaults that 0.19
left out; Python 3.13 dedents docstrings). The published schema holds what a document must look like and nothing else,
so it changes with the model only.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

#: Says what a reader may expect of a value; ``default`` does not, as every field is written.
_NOT_PUBLISHED = ("default",)


def as_json(document: object) -> bytes:
    """Indented, keys in a fixed order, a line feed at the end."""
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=1) + b"\n"


def schema_of(
    title: str,
    models: Iterable[type],
    version: int,
    *,
    more: Mapping[str, object] | None = None,
    complete: bool = False,
    schema_hook: Callable[[type], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The JSON Schema of documents that are one of ``models``, each with ``version`` as its ``schema_version``.

    ``more`` are properties that stand beside those of the models. ``complete`` documents have every property, also
    with a default. ``schema_hook`` gives the schema of a type that msgspec does not know.
    """
    listed = list(models)
    references, components = msgspec.json.schema_components(
        listed, ref_template="#/$defs/{name}", schema_hook=schema_hook
    )
    definitions: dict[str, Any] = {name: _normalize(component) for name, component in components.items()}
    for definition in definitions.values() if complete else ():
        definition["required"] = sorted(definition["properties"])
    for model in listed:
        root = definitions[model.__name__]
        added = {"schema_version": {"const": version}, **(more or {})}
        root["properties"].update(added)
        root["required"] = sorted({*root["required"], *added})
    body = dict(references[0]) if len(listed) == 1 else {"oneOf": list(references)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"TileLang {title}",
        **body,
        "$defs": definitions,
    }


def _normalize(schema: Mapping[str, Any]) -> dict[str, Any]:
    """One schema as we publish it, with those inside it."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NOT_PUBLISHED:
            continue
        if key == "description":
            kept[key] = inspect.cleandoc(value)
        elif key == "properties":
            kept[key] = {name: _normalize(inner) for name, inner in value.items()}
        elif key in ("required", "enum"):
            kept[key] = sorted(value, key=str)
        elif isinstance(value, Mapping):
            kept[key] = _normalize(value)
        elif isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
            kept[key] = [_normalize(item) for item in value]
        else:
            kept[key] = value
    return kept


def breaking_changes(published: Mapping[str, Any], changed: Mapping[str, Any]) -> list[str]:
    """What documents of the schema ``changed`` may hold that a reader of ``published`` does not expect.

    Such a change needs a higher ``schema_version``; an additional property does not. Empty where the version differs.
    """
    before, after = published["$defs"], changed["$defs"]
    if _versions(before) != _versions(after):
        return []
    found = []
    for name, definition in before.items():
        if name in after:
            found += [f"{name}{change}" for change in _definition_changes(definition, after[name])]
    return found


def _versions(definitions: Mapping[str, Any]) -> set[int]:
    stated = (definition.get("properties", {}).get("schema_version", {}) for definition in definitions.values())
    return {schema["const"] for schema in stated if "const" in schema}


def _definition_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if "properties" not in before:
        if new := _alternatives(after) - _alternatives(before):
            yield f" may be {', '.join(sorted(new))}"
        return
    properties = after.get("properties", {})
    for name, schema in before["properties"].items():
        if name not in properties:
            yield f".{name} is gone"
        elif name in before.get("required", ()) and name not in after.get("required", ()):
            yield f".{name} may be missing"
        elif new := _alternatives(properties[name]) - _alternatives(schema):
            yield f".{name} may be {', '.join(sorted(new))}"


def _alternatives(schema: Mapping[str, Any]) -> set[str]:
    """The forms a value may have, each as text: types, constants, references."""
    if "anyOf" in schema:
        return {form for inner in schema["anyOf"] for form in _alternatives(inner)}
    if "enum" in schema:
        return {json.dumps(value) for value in schema["enum"]}
    if isinstance(schema.get("type"), list):
        return {form for kind in schema["type"] for form in _alternatives({**schema, "type": kind})}
    about = ("description", "title", *_NOT_PUBLISHED)
    return {json.dumps({key: value for key, value in schema.items() if key not in about}, sort_keys=True)}
