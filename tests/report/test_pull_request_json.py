"""What the verbs of a pull request say as JSON: by their published schemas, whatever they are about.

Real output of each is held against its schema where the verb is tested.
"""

from __future__ import annotations

import json

import jsonschema
import pytest
from schemas import validated

from scaffold.report.evidence_view import EvidenceReport, Line, StepRow
from scaffold.report.pull_request_json import (
    opening_schema,
    render_evidence_json,
    render_opening_json,
    render_started_json,
)
from scaffold.report.pull_request_view import CommitRow, OpeningReport, RemoteRow, StartedReport

EVIDENCE = EvidenceReport(
    headline="1 of 1 steps has a result",
    finding=False,
    title="Sum \ud800",
    steps=(StepRow("tests", "2 passed", finding=False, not_run="", kept=True, commands=("python -m pytest x",)),),
    impact=(Line("pass", "LowerTileOp", "src/op.cc defines it"),),
    notes=(),
    next_command="python -m scaffold preflight",
)
STARTED = StartedReport(
    written=True,
    branch="fix/it",
    base_ref="upstream/main",
    title="[BugFix] Fix it",
    draft="contributions/fix-it",
    files={"testing/python/a/test_a.py": "test"},
    added_to=(),
    kept=("body.md",),
)
OPENING = OpeningReport(
    title="[BugFix] Fix it",
    body="",
    cut=(),
    redactions={"home folder": 1},
    head="jo:fix/it",
    base="main",
    commit="a" * 40,
    remote=RemoteRow("fork", "https://github.com/jo/tilelang"),
    commits=(CommitRow("a" * 40, "Fix it"),),
    files={"src/op.cc": "M"},
    uncommitted=(),
    to_push=None,
    images=(),
    failed=(),
    preflight="nothing failed",
    unwritten=(),
    compare_url="https://github.com",
    body_file=None,
    pushed=False,
    url=None,
    existed=False,
)


def test_rendered_reports_are_valid_and_the_same_every_time() -> None:
    assert validated(render_evidence_json(EVIDENCE), "evidence")["title"] == "Sum \ufffd"
    assert validated(render_started_json(STARTED), "new-pr")["schema_version"] == 1
    assert validated(render_opening_json(OPENING), "open-pr")["to_push"] is None
    assert render_opening_json(OPENING) == render_opening_json(OPENING)


@pytest.mark.parametrize("missing", ["schema_version", "title", "remote"])
def test_schema_refuses_what_lacks_something(missing: str) -> None:
    document = json.loads(render_opening_json(OPENING))
    del document[missing]
    assert not jsonschema.Draft202012Validator(opening_schema()).is_valid(document)
