"""Many kernels as one self-contained HTML file: patterns with an example each, a table of all kernels, what is missing.

A script draws it from packed data; without it, a static part (escaped by Jinja2) says the same in plain text.
Nothing is loaded from anywhere, and nothing of a trace ever becomes markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scaffold.diff.change import Outcome
from scaffold.report.clean import cleaned
from scaffold.report.corpus_build import with_links
from scaffold.report.corpus_excerpt import excerpt_of
from scaffold.report.corpus_missed import missed_groups
from scaffold.report.corpus_view import (
    ANSWER_SYMBOLS,
    OUTCOME_SYMBOLS,
    CapturedEntry,
    CorpusReport,
    KernelRow,
    PatternGroup,
    SurveyReport,
)
from scaffold.report.corpus_words import become, many, numbers_of, passes_of
from scaffold.report.links import Links
from scaffold.report.page import render_page, utf16

_SCRIPTS = ("store.js", "lines.js", "hunks.js", "shell.js", "corpus_table.js", "corpus.js")
_STYLES = ("report.css", "corpus.css")

_TONES = {"nothing": "bad", "broken": "bad", "differs": "warn", "unstable": "warn", "fails alike": "warn"}

#: Characters of a line in an example: with a script, and without.
_LONGEST_LINE, _LONGEST_STATIC_LINE = 400, 200
#: What the part for readers without JavaScript may hold: patterns, kernels of one, and names beside a reason.
_MOST_STATIC_PATTERNS, _MOST_STATIC_KERNELS, _MOST_STATIC_NAMES = 60, 40, 40
#: Rows of the survey of one build; it is a table of HTML as it is.
_MOST_ENTRIES = 5000
_MOST_NAMED = 8


def render_corpus_html(report: CorpusReport | SurveyReport, *, links: Links | None = None) -> str:
    """One HTML page, complete in itself; the same bytes for the same report."""
    report = cleaned(report)
    if isinstance(report, SurveyReport):
        return _survey(report)
    report = with_links(report, links or {})
    groups = _shown(report)
    return render_page(
        "corpus.html.j2",
        style=_STYLES,
        script=_SCRIPTS,
        data=_store(report, groups),
        report=report,
        title=_title(report),
        symbol=ANSWER_SYMBOLS[report.outcome],
        tone=_TONES.get(report.outcome, "good"),
        patterns=[
            _static_pattern(report, group, at) for at, group in enumerate(groups[:_MOST_STATIC_PATTERNS], start=1)
        ],
        patterns_left=max(0, len(groups) - _MOST_STATIC_PATTERNS),
        missing=[(name, _static_reasons(reasons)) for name, reasons in _missing(report)],
    )


def _shown(report: CorpusReport) -> list[PatternGroup]:
    return [group for group in report.groups if group.outcome is not Outcome.IDENTICAL]


def _title(report: CorpusReport) -> str:
    where = f" for {', '.join(report.targets)}" if report.targets else ""
    return f"{' → '.join(side.build for side in report.sides)}: {many(len(report.kernels), 'kernel')}{where}"


def _missing(report: CorpusReport) -> list[tuple[str, Mapping[str, Sequence[str]]]]:
    """What was not compared, under a title, by reason, the most frequent first."""
    missed = {group.why: group.entries for group in missed_groups(report.missed)}
    left_out = dict(sorted(report.left_out.items(), key=lambda item: -len(item[1])))
    return [(name, reasons) for name, reasons in (("Missed", missed), ("Left out", left_out)) if reasons]


# ---- the data the script reads


def _store(report: CorpusReport, groups: Sequence[PatternGroup]) -> dict[str, Any]:
    outcomes = list(report.counts)
    positions = {(group.outcome, group.key): at for at, group in enumerate(groups)}
    return {
        "outcomes": [
            {"name": name, "symbol": OUTCOME_SYMBOLS[Outcome(name)], "count": report.counts[name]} for name in outcomes
        ],
        "patterns": [_packed_group(group, outcomes) for group in groups],
        "kernels": [_packed_kernel(row, outcomes, positions) for row in report.kernels],
        "resources": list(dict.fromkeys(name for row in report.kernels for name in row.resources)),
        "missing": [
            [name, [[why, list(names)] for why, names in reasons.items()]] for name, reasons in _missing(report)
        ],
        "packages": [[name, count] for name, count in report.packages.items()],
    }


def _packed_group(group: PatternGroup, outcomes: Sequence[str]) -> dict[str, Any]:
    return {
        "words": group.words,
        "become": become(len(group.kernels), group.outcome),
        "outcome": outcomes.index(group.outcome.value),
        "kernels": group.kernels,
        "lines": group.lines,
        "passes": list(group.passes.items()),
        "source": group.source,
        "url": group.url,
        "place": group.example.place,
        "example": group.example_kernel,
        "excerpt": [
            [line.kind, line.text, utf16(line.text, line.marks)] for line in excerpt_of(group.example, _LONGEST_LINE)
        ],
    }


def _packed_kernel(
    row: KernelRow, outcomes: Sequence[str], positions: Mapping[tuple[Outcome, str], int]
) -> dict[str, Any]:
    change = row.change
    keys = ((change.outcome, pattern.key) for pattern in change.patterns)
    return {
        "name": row.shown,
        "target": row.target,
        "outcome": outcomes.index(change.outcome.value),
        "patterns": [positions[key] for key in keys if key in positions],
        "seen": list(dict.fromkeys(pattern.pass_name for pattern in change.patterns if pattern.pass_name)),
        "first": change.first_pass,
        "place": change.place,
        "passes": change.passes,
        "removed": change.source_removed,
        "added": change.source_added,
        "effect": change.effect_lines,
        "resources": [[name, one, other] for name, (one, other) in row.resources.items()],
        "metrics": [
            [delta.name, delta.before, delta.after]
            for delta in change.metrics
            if delta.name != "lines" and "loops" not in delta.name
        ],
        "note": change.note,
        "command": row.command,
    }


# ---- the part that needs no script


def _static_pattern(report: CorpusReport, group: PatternGroup, at: int) -> dict[str, Any]:
    rows = report.rows(group)
    lines = [f"{line.kind} {line.text}".rstrip() for line in excerpt_of(group.example, _LONGEST_STATIC_LINE)]
    return {
        "group": group,
        "anchor": f"pattern-{at}",
        "symbol": OUTCOME_SYMBOLS[group.outcome],
        "become": become(len(rows), group.outcome),
        "passes": passes_of(group),
        "example": report.kernels[group.example_kernel],
        "text": "\n".join(lines),
        "rows": [(row, numbers_of(row)) for row in rows[:_MOST_STATIC_KERNELS]],
        "left": max(0, len(rows) - _MOST_STATIC_KERNELS),
    }


def _static_reasons(reasons: Mapping[str, Sequence[str]]) -> list[tuple[str, Sequence[str], int]]:
    """Reasons with as many names as there is room for, and how many there are beyond them."""
    return [
        (why, names[:_MOST_STATIC_NAMES], max(0, len(names) - _MOST_STATIC_NAMES)) for why, names in reasons.items()
    ]


# ---- one build


def _survey(report: SurveyReport) -> str:
    entries = sorted(report.entries, key=lambda entry: not (entry.kernels or entry.why_missing))
    return render_page(
        "survey.html.j2",
        style=_STYLES,
        script=("store.js", "shell.js", "survey.js"),
        data={},
        report=report,
        entries=[_static_entry(entry) for entry in entries[:_MOST_ENTRIES]],
        missing=[("Left out", _static_reasons(report.left_out))] if report.left_out else [],
    )


def _static_entry(entry: CapturedEntry) -> dict[str, Any]:
    failed = [kernel for kernel in entry.kernels if kernel.failure]
    names = ", ".join(kernel.name for kernel in entry.kernels[:_MOST_NAMED])
    more = f" and {len(entry.kernels) - _MOST_NAMED} more" if len(entry.kernels) > _MOST_NAMED else ""
    said = entry.why_missing or (f"{failed[0].name}: {failed[0].failure}" if failed else f"{names}{more}")
    symbol, tone = ("x", "bad") if entry.why_missing else ("-", "warn") if failed else ("=", "good")
    if not entry.kernels and not entry.why_missing:
        symbol, tone, said = "", "quiet", "no kernel"
    return {"entry": entry, "symbol": symbol, "tone": tone, "what": said}
