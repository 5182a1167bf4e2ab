"""Say of each pass of a report where it is defined; which file that is, the caller knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scaffold.report.view import PassView, Report, Verdict

#: What the lines of a verdict that tell the finding begin with; where its pass is defined comes behind them.
_FINDING = ("pass ", "baseline: ", "candidate: ", "before: ", "after: ")


@dataclass(frozen=True)
class SourceLink:
    """``src/transform/lower_tile_op.cc:1477``, and where that line can be read on the web if anywhere."""

    source: str
    url: str = ""


#: By the name of the pass, as a trace shows it.
Links = Mapping[str, SourceLink]


def with_sources(report: Report, links: Sequence[Links]) -> Report:
    """The report with a source for every pass that ``links`` know: those of the baseline, then of the candidate."""
    linked = replace(report, passes=tuple(_linked(row, links) for row in report.passes))
    return replace(linked, verdict=_told(linked))


def _linked(row: PassView, links: Sequence[Links]) -> PassView:
    ordered = links if row.status == "only on baseline" else tuple(reversed(links))
    link = next((known[row.name] for known in ordered if row.name in known), None)
    return replace(row, source=link.source, url=link.url) if link else row


def _told(report: Report) -> Verdict:
    """The verdict, with a line on where the pass it is about is defined."""
    verdict, row = report.verdict, _culprit(report)
    if row is None or not row.source:
        return verdict
    details = list(verdict.details)
    behind = max((at for at, line in enumerate(details, start=1) if line.startswith(_FINDING)), default=len(details))
    builds = dict.fromkeys(side.build for side in report.sides)
    whose = f" of {report.sides[-1 if row.sides[-1] else 0].build}" if len(builds) > 1 else ""
    details.insert(behind, f"{row.name} is defined in {row.source}{whose}")
    return replace(verdict, details=tuple(details))


def _culprit(report: Report) -> PassView | None:
    """The pass that a verdict blames: it raised, or made the sides part."""
    if report.verdict.outcome == "failed":
        return next((row for row in report.passes if row.status == "failed"), None)
    if report.verdict.outcome not in ("differs", "unstable") or report.focus is None:
        return None
    focus = report.focus.index
    return next((row for row in report.passes if row.index == focus and row.status == "introduces"), None)
