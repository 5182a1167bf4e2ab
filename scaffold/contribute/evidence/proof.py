"""What each step shows below its verdict, as Markdown for the description."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from scaffold.contribute.evidence.testing import TestRow, TestsOnBoth
from scaffold.report.bench_markdown import render_bench_markdown
from scaffold.report.bench_view import BenchReport
from scaffold.report.corpus_markdown import render_corpus_markdown
from scaffold.report.corpus_view import CorpusReport, SurveyReport
from scaffold.report.markup import fence
from scaffold.report.profile_markdown import render_profile_markdown
from scaffold.report.profile_view import ProfileReport

#: Tests named one by one; the rest is counted.
_MOST_ROWS = 20
_LONGEST_REASON = 160
_NOT_COLLECTED = "not collected: "
#: Where a side's scripts lay: a folder of this machine, and gone.
_TREE = re.compile(r"(, )?scripts of [^,]*")
#: What comes next, of a report in Markdown and of one as a terminal shows it.
_ADVICE = re.compile(r"\n+(<sub>)?next: .*$", re.MULTILINE)
#: Characters of one report: the whole description may have 65,536.
_MOST_CHARACTERS = 12_000


def repro_proof(before: str, now: str, program: Path) -> str:
    """What it said on either side, and the program itself, folded: a reader has no other way to it."""
    text = program.read_text(encoding="utf-8", errors="replace").strip("\n")
    mark = fence(text.splitlines())
    said = f"```\nbase:        {before}\nwith change: {now}\n```"
    if len(text) > _MOST_CHARACTERS:
        return said
    return f"{said}\n\n<details><summary>{program.name}</summary>\n\n{mark}python\n{text}\n{mark}\n\n</details>"


def tests_proof(both: TestsOnBoth) -> str:
    """A table a file: what is mended, broken or fails on both sides by name, with its error; the rest as a count."""
    return "\n\n".join(_file_proof(path, both) for path in dict.fromkeys(row.path for row in both.rows))


def _file_proof(path: str, both: TestsOnBoth) -> str:
    in_file = [row for row in both.rows if row.path == path]
    telling = [row for row in (*both.broken, *both.mended, *both.failing_on_both) if row.path == path]
    others = [row for row in in_file if row not in telling]
    lines = [f"| {_code(path)} | base | with the change | |", "|---|---|---|---|"]
    # A file the base does not have, or cannot import: each of its tests fails there in the same way.
    alike = [row for row in telling if row.reason.startswith(_NOT_COLLECTED) and row.reason == telling[0].reason]
    if len(alike) > 1 and len({(row.baseline, row.candidate) for row in alike}) == 1:
        lines.append(_row(alike[0], f"{len(alike)} tests"))
        telling = [row for row in telling if row not in alike]
    lines += [_row(row) for row in telling[:_MOST_ROWS]]
    if len(telling) > _MOST_ROWS:
        lines.append(f"| {len(telling) - _MOST_ROWS} more | | | |")
    if others:
        word = "the other" if len(others) < len(in_file) else "all"
        lines.append(f"| {word} {len(others)} | {_counted(others, 0)} | {_counted(others, 1)} | |")
    return "\n".join(lines)


def _row(row: TestRow, name: str = "") -> str:
    reason = " ".join(row.reason.split())[:_LONGEST_REASON]
    name = name or _code(row.test or "the file")
    return f"| {name} | {row.baseline} | {row.candidate} | {_code(reason) if reason else ''} |"


def _counted(rows: Sequence[TestRow], side: int) -> str:
    words = [(row.baseline, row.candidate)[side] for row in rows]
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))


def _code(text: str) -> str:
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`"


def _plain(text: str) -> str:
    line = " ".join(text.split())[:_LONGEST_REASON]
    return "".join(f"\\{sign}" if sign in "`*_[]<>|#" else sign for sign in line)


def difference_proof(records: Sequence[tuple[str, str, list[str], Any]], found: Sequence[Mapping[str, Any]]) -> str:
    """Of each kernel and target: the verdict and its lines; a small table first, where there are several."""
    parts = []
    for (kernel, target, _, said), document in zip(records, found, strict=True):
        if not document:
            parts.append(f"**{_code(kernel)} for {target}**: not compared: {_plain(said.missing)}")
            continue
        verdict = document["verdict"]
        told = f"{_code(kernel)} for {target}: {_plain(verdict['headline'])}"
        lines = [str(line).replace("```", "'''") for line in verdict["details"]]
        parts.append("\n".join([told, "", "```", *lines, "```"]) if lines else told)
    return "\n\n".join(parts)


def corpus_proof(document: bytes, title: str) -> str:
    """The report on many kernels, folded."""
    report = msgspec.json.decode(document, type=CorpusReport)
    sides = tuple(replace(side, attested=_TREE.sub("", side.attested)) for side in report.sides)
    return _folded(title, render_corpus_markdown(replace(report, sides=sides), most_characters=_MOST_CHARACTERS))


def survey_proof(document: bytes) -> str:
    """What new examples came to, folded."""
    report = msgspec.json.decode(document, type=SurveyReport)
    return _folded("The new examples", render_corpus_markdown(report))


def bench_proof(report: BenchReport) -> str:
    """The table upstream's reviewers know: Original / Current / Speedup, with interval and verdict."""
    # The command stands below every proof, as another person would type it.
    report = replace(report, command="")
    return _without_advice(render_bench_markdown(report, most_characters=_MOST_CHARACTERS))


def profile_proof(document: Mapping[str, Any]) -> str:
    """Key metrics of both sides, folded."""
    report = msgspec.convert(document, ProfileReport)
    return _folded("Profile", render_profile_markdown(report, most_characters=_MOST_CHARACTERS))


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{_without_advice(text)}\n\n</details>"


def _without_advice(text: str) -> str:
    """A verb's report without its last line, which is for who typed it."""
    return _ADVICE.sub("", text).strip()
