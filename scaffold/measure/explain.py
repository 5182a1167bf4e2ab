"""Why one side is faster: the verbs ``tir-diff``, ``bench`` and ``profile`` on one kernel, joined into a chain.

Each verb runs as a user would run it and leaves its own report; a link that cannot be had says why.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from scaffold.report.bench_json import parse_bench_json
from scaffold.report.bench_words import code_changes, ratio_text
from scaffold.report.explain_view import Link
from scaffold.verbs import Said

#: Lines of a link that prove it; the rest is in its own report.
_MOST_LINES = 4


def pass_link(said: Said, reports: Sequence[str]) -> Link:
    """Which pass parts the sides, and where."""
    if said.missing:
        return Link("pass", missing=said.missing)
    verdict = json.loads(said.document)["verdict"]
    return Link("pass", verdict["headline"], tuple(verdict["details"][:_MOST_LINES]), tuple(reports))


def code_link(said: Said) -> Link:
    """What the compiler made of it."""
    if said.missing:
        return Link("code", missing=said.missing)
    report = parse_bench_json(said.document)
    arms = {arm.key: arm for arm in report.rows[0].arms}
    if not {"baseline", "candidate"} <= set(arms):
        return Link("code", missing="a side did not compile")
    changes = code_changes(arms["baseline"].code, arms["candidate"].code)
    return Link("code", ", ".join(changes) or "registers, spills, shared memory and SASS instructions are the same")


def metric_link(said: Said, reports: Sequence[str]) -> Link:
    """What the hardware did with it."""
    if said.missing:
        return Link("metrics", missing=said.missing)
    document: dict[str, Any] = json.loads(said.document)
    moved = [row for kernel in document["kernels"][:1] for row in kernel["rows"] if row["ratio"] and row["direction"]]
    moved = [row for row in moved if row["direction"] in ("better", "worse") and row["group"] != "time"]
    moved.sort(key=lambda row: -abs(row["ratio"] - 1))
    lines = [
        f"{row['label']} {row['baseline']['value']:,.4g} -> {row['candidate']['value']:,.4g} {row['unit']}".rstrip()
        for row in moved[:_MOST_LINES]
    ]
    return Link("metrics", document["headline"], tuple(lines), tuple(reports))


def time_link(said: Said, reports: Sequence[str]) -> Link:
    """How long it takes, and whether that is sure."""
    if said.missing:
        return Link("time", missing=said.missing)
    report = parse_bench_json(said.document)
    asked = report.rows[0].asked
    lines = [f"on {report.device.name}"]
    if asked and asked.again:
        lines.append(f"A/A {ratio_text(asked.again)}")
    return Link("time", report.headline.removeprefix(f"{report.rows[0].kernel}: "), tuple(lines), tuple(reports))


def headline_of(kernel: str, links: Sequence[Link]) -> str:
    """The two ends of the chain in one line."""
    by_title = {link.title: link for link in links}
    time, first = by_title["time"], by_title["pass"]
    told = f"the time was not measured ({time.missing})" if time.missing else time.headline
    where = first.missing or first.headline
    return f"{kernel}: {told}; {where}"
