"""A profile as JSON; the schema is ``profile.schema.json`` beside this file."""

from __future__ import annotations

import msgspec

from scaffold.report.clean import encodable
from scaffold.report.profile_view import ProfileReport
from scaffold.report.published import as_json, as_schema


def render_profile_json(report: ProfileReport) -> bytes:
    """The view model, indented, keys in a fixed order; advice and names as the tool wrote them."""
    return as_json(encodable(report))


def profile_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_profile_json` writes."""
    (reference,), components = msgspec.json.schema_components([ProfileReport], ref_template="#/$defs/{name}")
    return as_schema("profile report", {**reference, "$defs": components})
