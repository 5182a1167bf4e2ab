"""The report as JSON; its schema is ``report.schema.json`` beside this file."""

from __future__ import annotations

import msgspec

from scaffold.report.published import as_json, as_schema
from scaffold.report.view import Report


def render_json(report: Report) -> bytes:
    """The view model, indented, keys in a fixed order; nothing in it depends on the clock but the timings."""
    return as_json(report)


def report_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_json` writes."""
    schema: dict[str, object] = msgspec.json.schema(Report)
    return as_schema("pass report", schema)
