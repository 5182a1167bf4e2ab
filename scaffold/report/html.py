"""Render a report as one self-contained HTML file.

The page carries its texts content-addressed: every unique line once, each text as runs of lines, deflated and in
base64. A script turns that into views; without it, a static part (escaped by Jinja2) says the same in plain text.
Nothing is loaded from anywhere, and nothing of a trace ever becomes markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scaffold.diff.text import Hunk, Line
from scaffold.report.derived import fold_derived
from scaffold.report.page import render_page, utf16
from scaffold.report.view import SYMBOLS, ArtifactView, PassSideView, PassView, Report, SideView, Texts
from scaffold.trace.model import FunctionResources

#: Scripts in the order they need one another; plain files, put together without a build step.
_SCRIPTS = (
    *("store.js", "lines.js", "hunks.js", "charts.js", "tables.js"),
    *("shell.js", "state.js", "list.js", "pass.js", "app.js"),
)

#: Characters of difference the part for readers without JavaScript may hold. The texts themselves cannot be had
#: without a script, as they are compressed; written out in full they would be the largest part of the file.
_STATIC_BUDGET = 80_000
#: Lines a pass may show there, the most generous first; the first that fits the budget is used.
_STATIC_LINES = (1_000_000, 400, 200, 120, 80, 50, 30, 15, 8)
#: Characters of a line shown there.
_STATIC_WIDTH = 200

_OUTCOME_SYMBOLS: Mapping[str, str] = {
    "view": "~",
    "identical": "=",
    "equivalent": "≈",
    "differs": "!",
    "unstable": "?",
    "failed": "x",
}
_OUTCOME_WORDS: Mapping[str, str] = {
    "view": "one lowering",
    "identical": "identical",
    "equivalent": "equivalent",
    "differs": "differs",
    "unstable": "not deterministic",
    "failed": "failed",
}


def render_html(report: Report, texts: Texts) -> str:
    """One HTML page, complete in itself; the same bytes for the same report and texts."""
    return render_page(
        "report.html.j2",
        style=["report.css"],
        script=_SCRIPTS,
        data=_store(report, texts),
        report=report,
        outcome_symbol=_OUTCOME_SYMBOLS[report.verdict.outcome],
        outcome_word=_OUTCOME_WORDS[report.verdict.outcome],
        sides_summary=_sides_summary(report),
        side_rows=_side_rows(report.sides),
        static_rows=[_static_row(row) for row in report.passes],
        static_passes=_static_passes(report),
        resource_rows=_resource_rows(report),
        total_line=_total_line(report),
    )


# ---- the store the script reads


class _Lines:
    """Every unique line once, numbered in the order of first use."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def number(self, line: str) -> int:
        return self.known.setdefault(line, len(self.known))

    def runs(self, text: str) -> list[int]:
        """A text as start, count, start, count, ... of line numbers: most texts repeat long runs of an earlier one."""
        runs: list[int] = []
        for number in map(self.number, text.splitlines()):
            if runs and runs[-2] + runs[-1] == number:
                runs[-1] += 1
            else:
                runs += [number, 1]
        return runs


def _store(report: Report, texts: Texts) -> dict[str, Any]:
    """The report and the texts it names."""
    lines = _Lines()
    digests = {digest: number for number, digest in enumerate(_digests(report))}
    first = _first_row(report)
    data: dict[str, Any] = {
        "kind": report.kind,
        "labels": [side.label for side in report.sides],
        "symbols": dict(SYMBOLS),
        "texts": [lines.runs(texts.get(digest)) for digest in digests],
        "passes": [_packed_pass(row, lines, digests) for row in report.passes],
        "input": [_packed_hunk(hunk, lines) for hunk in report.input_hunks],
        "artifacts": [_packed_artifact(artifact, lines, digests) for artifact in report.artifacts],
        "metrics": [[item.name, item.baseline, item.candidate] for item in report.final_metrics],
        "resources": _resource_rows(report),
        "series": [{"name": series.name, "values": series.values} for series in report.series],
        "first": first.index if first else None,
        "telling": report.focus.line if report.focus else None,
    }
    data["lines"] = list(lines.known)
    return data


def _digests(report: Report) -> Iterable[str]:
    """Digests of all texts a view can show, in order, once."""
    found: dict[str, None] = {}
    for row in report.passes:
        for side in row.sides:
            if side is not None:
                found.update(dict.fromkeys(digest for digest in (side.before, side.after) if digest))
    for artifact in report.artifacts:
        found.update(dict.fromkeys(digest for digest in artifact.digests if digest))
    return found


def _packed_pass(row: PassView, lines: _Lines, digests: Mapping[str, int]) -> dict[str, Any]:
    return {
        "index": row.index,
        "anchor": row.anchor,
        "name": row.shown_name,
        "status": row.status,
        "degree": row.degree,
        "quiet": row.quiet,
        "depth": row.depth,
        "phase": row.phase,
        "moved": row.moved,
        "effect": row.effect_lines,
        "state": row.state_lines,
        "printed": row.printed_lines,
        "hidden": row.hidden_hunks,
        "names": row.names,
        "note": row.note,
        "source": row.source,
        "url": row.url,
        "metrics": [[item.name, item.baseline, item.candidate] for item in row.metrics],
        "sides": [_packed_side(side, digests) for side in row.sides],
        "hunks": [_packed_hunk(hunk, lines) for hunk in row.hunks],
    }


def _packed_side(side: PassSideView | None, digests: Mapping[str, int]) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "before": digests[side.before] if side.before else None,
        "after": digests[side.after] if side.after else None,
        "removed": side.removed,
        "added": side.added,
        "ms": None if side.duration_ms is None else round(side.duration_ms, 3),
        "caller": side.caller,
        "phase": side.phase,
        "functions": side.functions,
    }


def _packed_artifact(artifact: ArtifactView, lines: _Lines, digests: Mapping[str, int]) -> dict[str, Any]:
    return {
        "kind": artifact.kind,
        "name": artifact.name,
        "texts": [digests[digest] if digest else None for digest in artifact.digests],
        "missing": artifact.missing,
        "hunks": [_packed_hunk(hunk, lines) for hunk in artifact.hunks],
    }


def _packed_hunk(hunk: Hunk, lines: _Lines) -> dict[str, Any]:
    """A hunk in columns; line numbers follow from the first, as the lines of a hunk are consecutive."""
    packed: dict[str, Any] = {
        "place": hunk.place,
        "before": next((line.before for line in hunk.lines if line.before is not None), 1),
        "after": next((line.after for line in hunk.lines if line.after is not None), 1),
        "kinds": "".join(line.kind for line in hunk.lines),
        "lines": [lines.number(line.text) for line in hunk.lines],
    }
    marks = {at: utf16(line.text, line.marks) for at, line in enumerate(hunk.lines) if line.marks}
    carried = [at for at, line in enumerate(hunk.lines) if line.carried]
    return packed | ({"marks": marks} if marks else {}) | ({"carried": carried} if carried else {})


def _first_row(report: Report) -> PassView | None:
    """The row to open with: what the verdict is about, or else the first that is not folded."""
    in_focus = [row for row in report.passes if report.focus is not None and row.index == report.focus.index]
    failed = [row for row in report.passes if row.status == "failed"]
    telling = [*failed, *in_focus] if report.verdict.outcome == "failed" else [*in_focus, *failed]
    return next(iter([*telling, *report.shown, *report.passes]), None)


# ---- the part that needs no script


def _static_row(row: PassView) -> dict[str, Any]:
    counts = [_counts(side) for side in row.sides]
    return {
        "row": row,
        "symbol": SYMBOLS.get(row.status, "?"),
        "status": status_words(row),
        "counts": " / ".join(dict.fromkeys(counts)),
        "ms": " / ".join(_milliseconds(side.duration_ms if side else None) for side in row.sides),
    }


def _counts(side: PassSideView | None) -> str:
    if side is None:
        return "not run"
    return f"-{side.removed} +{side.added}" if side.removed or side.added else "none"


def status_words(row: PassView) -> str:
    """``introduces (shape)``; the degree only where it says something."""
    return f"{row.status} ({row.degree})" if row.degree not in ("none", "") else row.status


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _static_passes(report: Report) -> list[dict[str, Any]]:
    """Every row that is not folded, its hunks as plain text, no longer than the budget allows."""
    rows: list[tuple[str, PassView | None, Sequence[Hunk]]] = [(row.anchor, row, row.hunks) for row in report.shown]
    if report.input_hunks:
        rows.insert(0, ("input", None, report.input_hunks))
    shown: list[tuple[list[tuple[str, str]], int]] = []
    for limit in _STATIC_LINES:
        shown = [_static_hunks(hunks, limit) for _, _, hunks in rows]
        if sum(len(text) for texts, _ in shown for _, text in texts) <= _STATIC_BUDGET:
            break
    return [
        {"anchor": anchor, "row": row, "texts": texts, "left_out": left_out}
        for (anchor, row, _), (texts, left_out) in zip(rows, shown, strict=True)
    ]


def _static_hunks(hunks: Sequence[Hunk], limit: int) -> tuple[list[tuple[str, str]], int]:
    """Places and texts of hunks up to ``limit`` lines, and how many lines were left out."""
    shown: list[tuple[str, str]] = []
    left = limit
    for hunk in fold_derived(hunks)[0]:
        if left > 0:
            shown.append((hunk.place, _plain(hunk.lines[:left])))
        left -= len(hunk.lines)
    return shown, max(0, -left)


def _plain(lines: Sequence[Line]) -> str:
    """Lines with their signs, without the indentation they share; a dot beside the sign means carried."""
    shared = min((len(line.text) - len(line.text.lstrip(" ")) for line in lines if line.text.strip()), default=0)
    return "\n".join(f"{line.kind}{'·' if line.carried else ' '}{_cut(line.text[shared:])}".rstrip() for line in lines)


def _cut(text: str) -> str:
    return text if len(text) <= _STATIC_WIDTH else text[: _STATIC_WIDTH - 1] + "…"


# ---- what both parts show


def _side_rows(sides: Sequence[SideView]) -> list[dict[str, Any]]:
    """The sides as rows of a table: what it is, its value on each side, whether they differ."""
    tables = [_side_fields(side) for side in sides]
    names = dict.fromkeys(name for table in tables for name in table)
    rows = []
    for name in names:
        values = [table.get(name, "-") for table in tables]
        measured = name == "lowering"
        rows.append(
            {"name": name.removesuffix(" ="), "values": values, "differs": len(set(values)) > 1 and not measured}
        )
    return rows


def _side_fields(side: SideView) -> dict[str, str]:
    fields = {
        "kernel": side.kernel,
        "source": side.source,
        "target": side.target,
        "build": side.build,
        "TileLang": side.tilelang_version,
        # Marked, as a parameter may be called like one of the fields above.
        **{f"{name} =": value for name, value in side.parameters.items()},
        **{f"config {name}": value for name, value in side.pass_configs.items()},
        "passes": str(side.pass_count),
        "lowering": "not measured" if side.lowering_ms is None else f"{side.lowering_ms:.0f} ms",
    }
    for library in side.libraries:
        name, _, digest = library.rpartition(" ")
        fields[name or library] = digest
    return fields


def _sides_summary(report: Report) -> str:
    """One line: for two sides what differs between them, for one what was compiled."""
    if len(report.sides) == 1:
        side = report.sides[0]
        return f"{side.source}, {side.target}, TileLang {side.tilelang_version} ({side.build})"
    rows = [row for row in _side_rows(report.sides) if row["differs"] and row["name"] != "passes"]
    if not rows:
        return "the same kernel, parameters, target and libraries on both sides"
    shown = [f"{row['name']} {' → '.join(row['values'])}" for row in rows[:4]]
    more = f" and {len(rows) - 4} more" if len(rows) > 4 else ""
    return f"what differs: {'; '.join(shown)}{more}"


def _resource_rows(report: Report) -> list[list[Any]]:
    """Function, name and one value a side of what ptxas and the disassembler counted."""
    fields = (
        ("registers", "registers"),
        ("spill stores, bytes", "spill_store_bytes"),
        ("spill loads, bytes", "spill_load_bytes"),
        ("stack, bytes", "stack_bytes"),
        ("static shared, bytes", "static_shared_bytes"),
        ("SASS instructions", "sass_instructions"),
    )
    functions = dict.fromkeys(item.function for side in report.resources for item in side)
    return [
        [function, title, *(_resource_value(side, function, field) for side in report.resources)]
        for function in functions
        for title, field in fields
    ]


def _resource_value(side: Sequence[FunctionResources], function: str, field: str) -> int | None:
    value = next((getattr(item, field) for item in side if item.function == function), None)
    return value if value is None else int(value)


def _total_line(report: Report) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in report.totals.items())
