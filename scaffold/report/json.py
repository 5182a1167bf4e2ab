"""The report as JSON; its schema is ``report.schema.json`` beside this file."""

from __future__ import annotations

from scaffold.report.view import REPORT_SCHEMA_VERSION, Report
from scaffold.trace.json_schema import as_json, schema_of


def render_json(report: Report) -> bytes:
    """The view model, indented, keys in a fixed order; nothing in it depends on the clock but the timings."""
    return as_json(report)


def report_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_json` writes."""
    return schema_of("pass report", [Report], REPORT_SCHEMA_VERSION)
