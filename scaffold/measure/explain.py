"""Why one side is faster: the verbs ``tir-diff``, ``bench`` and ``profile`` on one kernel, joined into a chain.

Each verb runs as a user would run it and leaves its own report; a link that cannot be had says why.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.progress import Progress
from scaffold.report.bench_json import parse_bench_json
from scaffold.report.bench_words import code_changes, ratio_text
from scaffold.report.explain_view import Link

#: Lines of a link that prove it; the rest is in its own report.
_MOST_LINES = 4


@dataclass(frozen=True)
class Said:
    """What a verb came to: its JSON, or why there is none."""

    document: bytes = b""
    missing: str = ""


def ask_verb(verb: str, words: Sequence[str], folder: Path, progress: Progress) -> Said:
    """Run ``verb`` for its JSON, which is left in ``folder``."""
    answer = folder / f"{verb}.json"
    answer.unlink(missing_ok=True)
    command = [verb, *words, "-q", "-o", str(answer)]
    progress.echo(" ".join(command))
    with progress.step(verb):
        finished = run_verb(command)
    if answer.is_file():
        return Said(answer.read_bytes())
    said = finished.stderr.strip().splitlines() or [f"it said nothing (exit code {finished.returncode})"]
    error = next((line for line in said if line.startswith("error[")), said[-1])
    return Said(missing=error.partition("]: ")[2] or error)


def run_verb(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """A verb as a user would run it, in a process of its own."""
    root = Path(__file__).parents[2]
    return subprocess.run([sys.executable, "-c", _MAIN, str(root), *words], capture_output=True, text=True, check=False)


#: The kit as it runs here, wherever it was started.
_MAIN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from scaffold.cli.main import main; sys.exit(main())"


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
