"""The report as JSON; its schema is ``report.schema.json`` beside this file."""

from __future__ import annotations

import msgspec

from scaffold.report.view import Report


def render_json(report: Report) -> bytes:
    """The view model, indented, keys in a fixed order; nothing in it depends on the clock but the timings."""
    return msgspec.json.format(msgspec.json.encode(report, order="deterministic"), indent=1) + b"\n"


def report_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_json` writes."""
    schema: dict[str, object] = msgspec.json.schema(Report)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "TileLang pass report", **schema}
