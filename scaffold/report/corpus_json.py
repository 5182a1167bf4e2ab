"""Many kernels as JSON; the schema is ``corpus.schema.json`` beside this file."""

from __future__ import annotations

import msgspec

from scaffold.report.clean import encodable
from scaffold.report.corpus_build import with_links
from scaffold.report.corpus_view import CorpusReport, SurveyReport
from scaffold.report.links import Links
from scaffold.report.published import as_json, as_schema


def render_corpus_json(report: CorpusReport | SurveyReport, *, links: Links | None = None) -> bytes:
    """The view model, indented, keys in a fixed order; ``kind`` says which of the two it is."""
    if isinstance(report, CorpusReport):
        report = with_links(report, links or {})
    return as_json(encodable(report))


def corpus_schema() -> dict[str, object]:
    """JSON Schema of what :func:`render_corpus_json` writes."""
    references, components = msgspec.json.schema_components([CorpusReport, SurveyReport], ref_template="#/$defs/{name}")
    return as_schema("corpus report", {"oneOf": list(references), "$defs": components})
