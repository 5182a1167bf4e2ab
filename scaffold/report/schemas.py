"""Every JSON Schema that the kit publishes, by its file below ``scaffold/``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scaffold.report.bench_json import bench_schema
from scaffold.report.corpus_json import corpus_schema
from scaffold.report.json import report_schema
from scaffold.report.profile_json import profile_schema
from scaffold.report.pull_request_json import evidence_schema, opening_schema, preflight_schema, started_schema
from scaffold.trace.store import trace_schema

PUBLISHED_SCHEMAS: Mapping[str, Callable[[], dict[str, object]]] = {
    "trace/trace.schema.json": trace_schema,
    "report/report.schema.json": report_schema,
    "report/bench.schema.json": bench_schema,
    "report/corpus.schema.json": corpus_schema,
    "report/profile.schema.json": profile_schema,
    "report/new-pr.schema.json": started_schema,
    "report/evidence.schema.json": evidence_schema,
    "report/preflight.schema.json": preflight_schema,
    "report/open-pr.schema.json": opening_schema,
}
