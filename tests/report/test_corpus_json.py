"""Many kernels as JSON: valid by its published schema, and the same every time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from corpora import IDENTICAL, MIXED, corpus, row, survey, whole

from scaffold.report.corpus_json import corpus_schema, render_corpus_json
from scaffold.report.corpus_view import CorpusReport, SurveyReport
from scaffold.report.links import SourceLink


@pytest.mark.parametrize(
    "report",
    [whole(), corpus([]), corpus([row("a", IDENTICAL)]), survey()],
    ids=["whole", "empty", "identical", "survey"],
)
def test_rendered_corpus_is_valid_by_its_schema_and_the_same_every_time(report: CorpusReport | SurveyReport) -> None:
    schema = corpus_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(render_corpus_json(report))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(document)
    document["kind"] = "three-builds"
    assert not validator.is_valid(document)
    assert render_corpus_json(report) == render_corpus_json(report)


def test_rendered_corpus_says_what_a_script_asks_for() -> None:
    link = SourceLink("src/x.cc:1", "https://example.org")
    document: dict[str, Any] = json.loads(render_corpus_json(corpus(MIXED), links={"tl.LowerTileOp": link}))
    assert document["schema_version"] == 1
    assert document["kind"] == "two-builds"
    assert document["outcome"] == "broken"
    assert document["counts"] == {"lowers only on baseline": 1, "differs": 4, "same code": 2, "identical": 1}
    (group,) = [group for group in document["groups"] if group["words"] == "+float4"]
    assert [document["kernels"][at]["name"] for at in group["kernels"]] == ["softmax", "gemm", "gemm"]
    assert group["source"] == "src/x.cc:1"
    assert document["kernels"][group["kernels"][0]]["resources"] == {"bytes spilled": [0, 64]}


def test_half_a_surrogate_pair_does_not_stop_it() -> None:
    document = json.loads(render_corpus_json(replace(whole(), headline="broken \ud800")))
    assert document["headline"] == "broken \ufffd"
