"""The links of an explanation, from what the verbs said; and the page they make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benches import FASTER, HOSTILE, two_sided

from scaffold import verbs
from scaffold.measure.explain import code_link, headline_of, metric_link, pass_link, time_link
from scaffold.progress import Progress
from scaffold.report.bench_json import render_bench_json
from scaffold.report.explain_text import (
    render_explanation_html,
    render_explanation_json,
    render_explanation_markdown,
    render_explanation_text,
)
from scaffold.report.explain_view import Explanation, Link
from scaffold.verbs import Said, ask_verb


def metric(label: str, group: str, before: float, after: float, direction: str, unit: str = "%") -> dict[str, Any]:
    cells = ({"value": value, "vendor_name": "x"} for value in (before, after))
    pair = dict(zip(("baseline", "candidate"), cells, strict=True))
    return {"label": label, "group": group, "unit": unit, "ratio": after / before, "direction": direction, **pair}


DETAILS = ["pass 19 of 84, at gemm", "baseline: a", "candidate: b", "c", "d"]
PASSES = Said(json.dumps({"verdict": {"headline": "tl.X is the first pass", "details": DETAILS}}).encode())
SPEED = Said(render_bench_json(two_sided((FASTER,), headline="gemm: FASTER, 8.8 % less time")))
METRICS = Said(
    json.dumps(
        {
            "headline": "candidate is 30 % faster: tensor-core use 26 % -> 37 %",
            "kernels": [
                {
                    "rows": [
                        metric("duration", "time", 68.0, 47.0, "better", "us"),
                        metric("tensor-core use", "use", 26.0, 37.0, "better"),
                        metric("registers", "resources", 240.0, 240.0, "same", ""),
                        metric("written to DRAM", "memory", 1.06, 1.17, "worse", "MB"),
                    ]
                }
            ],
        }
    ).encode()
)


def test_each_link_says_what_its_verb_said() -> None:
    assert pass_link(PASSES, ["tir-diff.html"]) == Link(
        "pass", "tl.X is the first pass", tuple(DETAILS[:4]), ("tir-diff.html",)
    )
    assert metric_link(METRICS, []).lines == ("tensor-core use 26 -> 37 %", "written to DRAM 1.06 -> 1.17 MB")
    time = time_link(SPEED, ["bench.json"])
    assert time.headline == "FASTER, 8.8 % less time"
    assert any(line.startswith("A/A 1.000") for line in time.lines)
    assert code_link(SPEED).headline


def test_what_is_missing_is_said_in_its_place_and_the_rest_stays() -> None:
    links = (
        pass_link(PASSES, []),
        code_link(Said(missing="timing needs a GPU")),
        metric_link(Said(missing="no profiler"), []),
        time_link(Said(missing="timing needs a GPU"), []),
    )
    assert [link.missing for link in links] == ["", "timing needs a GPU", "no profiler", "timing needs a GPU"]
    assert headline_of("gemm", links) == "gemm: the time was not measured (timing needs a GPU); tl.X is the first pass"


def test_a_verb_that_fails_is_told_by_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ask_verb("kernels", ["no_such_kernel"], tmp_path, Progress(verbosity=-1))
    assert said.missing == "unknown kernel 'no_such_kernel'"
    monkeypatch.setattr(verbs, "_MAIN", "import sys; sys.exit(9)")
    assert ask_verb("kernels", [], tmp_path, Progress(verbosity=-1)).missing == "it said nothing (exit code 9)"


EXPLANATION = Explanation(
    kernel="gemm",
    headline=f"gemm: FASTER; {HOSTILE}",
    sides=("num_stages=2", HOSTILE),
    links=(
        pass_link(PASSES, ["tir-diff.html"]),
        Link("code", HOSTILE, (HOSTILE,)),
        Link("metrics", missing=HOSTILE),
        time_link(SPEED, ["bench.html", "bench.json"]),
    ),
    folder="workspace/explained/gemm",
    command="python -m scaffold explain gemm",
    next_command="python -m scaffold tir-diff gemm",
)


def test_the_page_goes_from_the_pass_to_the_time_and_escapes_what_it_is_given() -> None:
    page = render_explanation_html(EXPLANATION)
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert page.index("tl.X is the first pass") < page.index("8.8 % less time")
    assert '<a href="tir-diff.html">' in page
    assert "not measured: " in page


def test_text_markdown_and_json_hold_every_link() -> None:
    lines = render_explanation_text(EXPLANATION, width=100).splitlines()
    assert lines[0].startswith("gemm: FASTER")
    assert any(line.startswith("metrics: not measured: ") for line in lines)
    assert lines[-2] == "reports in workspace/explained/gemm: tir-diff.html, bench.html, bench.json"
    assert lines[-1] == "next: python -m scaffold tir-diff gemm"
    assert "<script>" not in render_explanation_markdown(EXPLANATION)
    assert len(json.loads(render_explanation_json(EXPLANATION))["links"]) == 4


def test_a_page_written_elsewhere_finds_its_reports() -> None:
    page = render_explanation_html(EXPLANATION, reports_in="my work/explained/x")
    assert 'href="my%20work/explained/x/tir-diff.html"' in page
    assert 'href="tir-diff.html"' in render_explanation_html(EXPLANATION)
