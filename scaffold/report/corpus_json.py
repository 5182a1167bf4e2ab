"""Many kernels as JSON; the schema is ``corpus.schema.json`` beside this file."""

from __future__ import annotations

from scaffold.report.clean import encodable
from scaffold.report.corpus_build import with_links
from scaffold.report.corpus_view import CORPUS_SCHEMA_VERSION, CorpusReport, SurveyReport
from scaffold.report.links import Links
from scaffold.trace.json_schema import as_json, schema_of


def render_corpus_json(report: CorpusReport | SurveyReport, *, links: Links | None = None) -> bytes:
    """The view model, indented, keys in a fixed order; ``kind`` says which of the two it is."""
    if isinstance(report, CorpusReport):
        report = with_links(report, links or {})
    return as_json(encodable(report))


def corpus_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_corpus_json` writes."""
    return schema_of("corpus report", [CorpusReport, SurveyReport], CORPUS_SCHEMA_VERSION)
