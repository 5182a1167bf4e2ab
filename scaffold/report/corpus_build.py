"""Build the view of many kernels: group what changed alike, rank it, count everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from scaffold.diff.change import Outcome
from scaffold.diff.pattern import Pattern
from scaffold.report.corpus_view import (
    CORPUS_SCHEMA_VERSION,
    CapturedEntry,
    CorpusReport,
    CorpusSide,
    KernelRow,
    MissedEntry,
    PatternGroup,
    SurveyReport,
)
from scaffold.report.corpus_words import SEVERITY, answer_of, details_of, headline_of, survey_details, survey_headline
from scaffold.report.links import Links

#: How much a byte spilled and a register weigh, in changed lines.
_SPILL_WEIGHT, _REGISTER_WEIGHT = 100, 10


def corpus_report(
    rows: Iterable[KernelRow],
    *,
    sides: tuple[CorpusSide, CorpusSide],
    entries: int,
    missed: Sequence[MissedEntry],
    left_out: Mapping[str, Sequence[str]],
    packages: Mapping[str, int],
    not_measured: str,
    next_command: str,
    command: str = "",
) -> CorpusReport:
    """The report of two builds over a corpus of ``entries`` scripts and kernels of the zoo.

    ``not_measured`` says why machine code was not made of all kernels that differ; empty where it was.
    """
    kernels = tuple(sorted(rows, key=lambda row: (SEVERITY.index(row.change.outcome), -_weight(row), row.shown)))
    groups = _grouped(kernels)
    counts = Counter(row.change.outcome for row in kernels)
    return CorpusReport(
        schema_version=CORPUS_SCHEMA_VERSION,
        headline=headline_of(counts, groups, missed),
        outcome=answer_of(counts),
        details=tuple(details_of(kernels, counts, entries, missed, not_measured)),
        sides=sides,
        groups=groups,
        kernels=tuple(_without_excerpts(row) for row in kernels),
        counts={outcome.value: counts[outcome] for outcome in SEVERITY if counts[outcome]},
        missed=tuple(missed),
        left_out={reason: tuple(names) for reason, names in left_out.items()},
        packages=dict(packages),
        next_command=next_command,
        command=command,
        targets=tuple(dict.fromkeys(row.target for row in kernels)),
    )


def with_links(report: CorpusReport, links: Links) -> CorpusReport:
    """The report with the source of the first pass of every pattern that ``links`` know."""
    return replace(report, groups=tuple(_linked(group, links) for group in report.groups)) if links else report


def _linked(group: PatternGroup, links: Links) -> PatternGroup:
    link = links.get(group.pass_name)
    return replace(group, source=link.source, url=link.url) if link else group


def _without_excerpts(row: KernelRow) -> KernelRow:
    """A kernel without what only the example of a group shows: of thousands it would be most of the report."""
    patterns = tuple(replace(pattern, excerpt=()) for pattern in row.change.patterns)
    return replace(row, change=replace(row.change, patterns=patterns))


# ---- groups


def _grouped(kernels: Sequence[KernelRow]) -> tuple[PatternGroup, ...]:
    """Groups by severity, then by how much changed in all."""
    members: dict[tuple[Outcome, str], list[tuple[int, Pattern]]] = {}
    for at, row in enumerate(kernels):
        for pattern in row.change.patterns:
            members.setdefault((row.change.outcome, pattern.key), []).append((at, pattern))
    groups = [_group(outcome, key, found, kernels) for (outcome, key), found in members.items()]
    weights = {
        (group.outcome, group.key): group.lines + sum(_resource_weight(kernels[at]) for at in group.kernels)
        for group in groups
    }
    return tuple(
        sorted(
            groups,
            key=lambda group: (
                SEVERITY.index(group.outcome),
                -weights[group.outcome, group.key],
                -len(group.kernels),
                group.words,
            ),
        )
    )


def _group(
    outcome: Outcome, key: str, members: Sequence[tuple[int, Pattern]], kernels: Sequence[KernelRow]
) -> PatternGroup:
    clearest, example = min(members, key=lambda member: (not _shows(member[1]), member[1].lines, member[0]))
    passes = Counter(pattern.pass_name for _, pattern in members if pattern.pass_name)
    ranked = sorted(members, key=lambda member: (-_resource_weight(kernels[member[0]]) - member[1].lines, member[0]))
    return PatternGroup(
        key=key,
        words=example.words,
        outcome=outcome,
        kernels=tuple(at for at, _ in ranked),
        lines=sum(pattern.lines for _, pattern in members),
        example=example,
        example_kernel=clearest,
        passes=dict(passes.most_common()),
    )


def _shows(pattern: Pattern) -> bool:
    """Whether a pattern has both lines: what was, and what came of it."""
    return pattern.baseline_line is not None and pattern.candidate_line is not None


def _weight(row: KernelRow) -> int:
    """How much a kernel changed: lines, and far above them what its machine code costs more or less."""
    return row.change.size + _resource_weight(row)


def _resource_weight(row: KernelRow) -> int:
    def moved(name: str) -> int:
        one, other = row.resources.get(name, (0, 0))
        return abs(other - one)

    return _REGISTER_WEIGHT * moved("registers") + _SPILL_WEIGHT * moved("bytes spilled")


# ---- one build


def survey_report(
    entries: Sequence[CapturedEntry],
    *,
    side: CorpusSide,
    left_out: Mapping[str, Sequence[str]],
    next_command: str,
    command: str = "",
) -> SurveyReport:
    """The report of one build over a corpus."""
    return SurveyReport(
        schema_version=CORPUS_SCHEMA_VERSION,
        headline=survey_headline(entries),
        details=tuple(survey_details(entries, sum(len(names) for names in left_out.values()))),
        side=side,
        entries=tuple(entries),
        left_out={reason: tuple(names) for reason, names in left_out.items()},
        next_command=next_command,
        command=command,
    )
