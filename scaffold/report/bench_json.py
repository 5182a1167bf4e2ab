"""A benchmark as JSON, and read back from it; the schema is ``bench.schema.json`` beside this file."""

from __future__ import annotations

import math
from dataclasses import is_dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from scaffold.report.bench_view import BenchReport
from scaffold.report.clean import encodable
from scaffold.trace.json_schema import as_json, schema_of

#: History: 1, first version.
BENCH_SCHEMA_VERSION = 1


def render_bench_json(report: BenchReport) -> bytes:
    """The view model, indented, keys sorted; a number that is none, or infinite, is ``null``."""
    document = {"schema_version": BENCH_SCHEMA_VERSION, **msgspec.to_builtins(encodable(report))}
    return as_json(document)


def parse_bench_json(data: bytes) -> BenchReport:
    """The report that :func:`render_bench_json` wrote; ``null`` where a number must be comes back as not a number.

    Raises
    ------
    ValueError
        If it is no JSON, of another schema version, or not a benchmark report.
    """
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"no benchmark report: {error}"
        raise ValueError(message) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if type(version) is not int or version != BENCH_SCHEMA_VERSION:
        found = "no schema_version" if version is None else f"schema_version {version}"
        message = f"no benchmark report of this version: {found}, expected {BENCH_SCHEMA_VERSION}"
        raise ValueError(message)
    try:
        return msgspec.convert(_with_numbers(document, BenchReport), type=BenchReport)
    except msgspec.ValidationError as error:
        message = f"no benchmark report: {error}"
        raise ValueError(message) from error


def _with_numbers(value: Any, expected: Any) -> Any:
    """The document with ``null`` as NaN where the model has a number and nothing else."""
    if expected is float:
        return math.nan if value is None else value
    if isinstance(expected, type) and is_dataclass(expected) and isinstance(value, dict):
        return {name: _with_numbers(value[name], hint) for name, hint in _fields(expected) if name in value}
    if get_origin(expected) is tuple and isinstance(value, list):
        return [_with_numbers(item, get_args(expected)[0]) for item in value]
    inner = [part for part in get_args(expected) if is_dataclass(part)]
    return _with_numbers(value, inner[0]) if inner and value is not None else value


@cache
def _fields(model: type) -> tuple[tuple[str, Any], ...]:
    return tuple(get_type_hints(model).items())


def bench_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_bench_json` writes."""
    schema = schema_of(
        "benchmark report",
        [BenchReport],
        BENCH_SCHEMA_VERSION,
        schema_hook=lambda _: {"description": "What the kernel takes."},
    )
    return {**schema, "$defs": _with_null(schema["$defs"])}


def _with_null(schema: Any) -> Any:
    """The schema with ``null`` beside every number, which stands for one that is not finite."""
    if isinstance(schema, list):
        return [_with_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "number":
        return {**schema, "type": ["number", "null"]}
    # Beside null already.
    return {name: item if name == "anyOf" else _with_null(item) for name, item in schema.items()}
