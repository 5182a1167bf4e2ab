"""The report as JSON: valid by its published schema, and the same every time."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from made import CANDIDATE, SYNC, one_sided, two_sided
from traces import failure_in, trace_of

from scaffold.report.json import render_json, report_schema
from scaffold.report.view import Report

REPORTS = pytest.mark.parametrize(
    "report",
    [
        one_sided(),
        two_sided(),
        two_sided(CANDIDATE, CANDIDATE),
        one_sided(trace_of("x = 1\n", ("tl.Lower", None), failure=failure_in(0, "tl.Lower"), source=None)),
        one_sided(trace_of("")),
    ],
    ids=["one side", "two sides", "identical", "failed", "empty"],
)


@REPORTS
def test_rendered_report_is_valid_by_its_schema(report: Report) -> None:
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = json.loads(render_json(report))
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(document)
    document["kind"] = "three-sides"
    assert not validator.is_valid(document)


@REPORTS
def test_rendered_report_is_the_same_every_time(report: Report) -> None:
    assert render_json(report) == render_json(report)
    assert render_json(report).endswith(b"}\n")


def test_rendered_report_does_not_depend_on_when_it_was_built() -> None:
    assert render_json(two_sided()) == render_json(two_sided())


def test_rendered_report_says_what_a_script_asks_for() -> None:
    document: dict[str, Any] = json.loads(render_json(two_sided()))
    assert document["schema_version"] == 1
    assert document["verdict"]["outcome"] == "differs"
    assert document["focus"] == {"index": 3, "line": SYNC}
    assert [row["status"] for row in document["passes"]] == ["same", "introduces", "introduces", "carries"]
    assert document["totals"]["effect lines"] == 3
