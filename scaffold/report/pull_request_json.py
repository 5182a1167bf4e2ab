"""What the verbs of a pull request say as JSON: ``new-pr``, ``evidence``, ``preflight`` and ``open-pr``.

The schemas are ``new-pr.schema.json``, ``evidence.schema.json``, … beside this file.
"""

from __future__ import annotations

from typing import Any

import msgspec

from scaffold.report.clean import encodable
from scaffold.report.evidence_view import EvidenceReport
from scaffold.report.preflight_view import PreflightReport
from scaffold.report.pull_request_view import OpeningReport, StartedReport
from scaffold.trace.json_schema import as_json, schema_of

#: History of each: 1, first version.
PREFLIGHT_SCHEMA_VERSION = 1
EVIDENCE_SCHEMA_VERSION = 1
STARTED_SCHEMA_VERSION = 1
OPENING_SCHEMA_VERSION = 1


def render_preflight_json(report: PreflightReport) -> bytes:
    """The view model, indented, keys sorted."""
    return _rendered(report, PREFLIGHT_SCHEMA_VERSION, headline=report.headline, failed=report.failed)


def render_evidence_json(report: EvidenceReport) -> bytes:
    """The view model, indented, keys sorted."""
    return _rendered(report, EVIDENCE_SCHEMA_VERSION)


def render_started_json(report: StartedReport) -> bytes:
    """The view model, indented, keys sorted."""
    return _rendered(report, STARTED_SCHEMA_VERSION)


def render_opening_json(report: OpeningReport) -> bytes:
    """The view model, indented, keys sorted."""
    return _rendered(report, OPENING_SCHEMA_VERSION)


def _rendered(report: Any, version: int, **more: object) -> bytes:
    document = {"schema_version": version, **more, **msgspec.to_builtins(encodable(report))}
    return as_json(document)


def preflight_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_preflight_json` writes."""
    more = {"headline": {"type": "string"}, "failed": {"type": "boolean"}}
    return schema_of("preflight report", [PreflightReport], PREFLIGHT_SCHEMA_VERSION, complete=True, more=more)


def evidence_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_evidence_json` writes."""
    return schema_of("evidence report", [EvidenceReport], EVIDENCE_SCHEMA_VERSION, complete=True)


def started_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_started_json` writes."""
    return schema_of("pull request as it was started", [StartedReport], STARTED_SCHEMA_VERSION, complete=True)


def opening_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_opening_json` writes."""
    return schema_of("pull request as it is opened", [OpeningReport], OPENING_SCHEMA_VERSION, complete=True)
