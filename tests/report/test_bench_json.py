"""A benchmark as JSON: valid by its published schema, the same every time, and read back as it was."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import jsonschema
import pytest
from benches import FASTER, HOSTILE, SAME, hostile, many, one_sided, ratio, single, two_sided

from scaffold.report.bench_json import bench_schema, parse_bench_json, render_bench_json
from scaffold.report.bench_view import BenchReport

REPORTS = pytest.mark.parametrize(
    "report",
    [two_sided(), two_sided(()), single(), one_sided(), many(60), hostile()],
    ids=["two-sided", "no row", "single", "one-sided", "many", "hostile"],
)


@REPORTS
def test_rendered_bench_is_valid_by_its_schema_and_the_same_every_time(report: BenchReport) -> None:
    schema = bench_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = json.loads(render_bench_json(report))
    validator.validate(document)
    assert render_bench_json(report) == render_bench_json(report)
    for key, wrong in (("schema_version", 2), ("outcome", "BETTER"), ("rows", None)):
        assert not validator.is_valid({**document, key: wrong}), key
    del document["schema_version"]
    assert not validator.is_valid(document)


@REPORTS
def test_report_comes_back_as_it_was(report: BenchReport) -> None:
    assert parse_bench_json(render_bench_json(report)) == report


def test_keys_are_sorted() -> None:
    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in found]
        assert names == sorted(names)
        return dict(found)

    json.loads(render_bench_json(hostile()), object_pairs_hook=pairs)


def test_numbers_that_are_none_become_null_and_come_back_as_such() -> None:
    comparison = replace(FASTER.comparisons[0], ratio=ratio(math.nan, 0.9, math.inf))
    arms = tuple(replace(arm, median_ms=math.inf) for arm in FASTER.arms)
    report = two_sided((replace(FASTER, comparisons=(comparison,), arms=arms), SAME), seconds=math.nan)
    data = render_bench_json(report)
    document = json.loads(data)
    assert document["seconds"] is None
    assert document["rows"][0]["comparisons"][0]["ratio"]["high"] is None
    jsonschema.Draft202012Validator(bench_schema()).validate(document)
    read = parse_bench_json(data)
    assert math.isnan(read.seconds)
    asked = read.rows[0].asked
    assert asked is not None
    assert asked.ratio is not None
    assert math.isnan(asked.ratio.high)
    assert asked.ratio.low == 0.9
    assert read.rows[0].arms[0].median_ms is None
    assert read.rows[1] == SAME
    assert render_bench_json(read) == data


def test_half_a_surrogate_pair_is_no_failure() -> None:
    assert parse_bench_json(render_bench_json(two_sided(headline="a\ud800"))).headline == "a\ufffd"
    assert parse_bench_json(render_bench_json(two_sided(headline=HOSTILE))).headline == HOSTILE


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no benchmark report"),
        (b"\xff\xfe", "no benchmark report"),
        (b"[]", "no schema_version, expected 1"),
        (b"{}", "no schema_version, expected 1"),
        (b'{"schema_version": 2}', "schema_version 2, expected 1"),
        (b'{"schema_version": true}', "schema_version True, expected 1"),
        (b'{"schema_version": "1"}', "schema_version 1, expected 1"),
        (b'{"schema_version": 1}', "missing required field"),
    ],
)
def test_what_is_no_report_says_so(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_bench_json(data)


def test_wrong_types_say_where() -> None:
    document = json.loads(render_bench_json(single()))
    document["rows"][0]["arms"][0]["median_ms"] = "fast"
    with pytest.raises(ValueError, match=r"rows\[0\]\.arms\[0\]\.median_ms"):
        parse_bench_json(json.dumps(document).encode())
