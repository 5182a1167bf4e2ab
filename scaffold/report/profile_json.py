"""A profile as JSON; the schema is ``profile.schema.json`` beside this file."""

from __future__ import annotations

from scaffold.report.clean import encodable
from scaffold.report.profile_view import SCHEMA_VERSION, ProfileReport
from scaffold.trace.json_schema import as_json, schema_of


def render_profile_json(report: ProfileReport) -> bytes:
    """The view model, indented, keys in a fixed order; advice and names as the tool wrote them."""
    return as_json(encodable(report))


def profile_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_profile_json` writes."""
    return schema_of("profile report", [ProfileReport], SCHEMA_VERSION)
