"""Build the view model from traces and what ``diff`` says of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from scaffold.diff.metrics import MetricDelta, Metrics, measure
from scaffold.diff.model import Degree, Finding, OneSide, PassComparison, PassEffect, Status, TwoSides
from scaffold.report.verdict import one_verdict, two_verdict
from scaffold.report.view import (
    REPORT_SCHEMA_VERSION,
    ArtifactView,
    Focus,
    MetricView,
    PassSideView,
    PassView,
    Report,
    SeriesView,
    SideView,
    Texts,
)
from scaffold.trace.model import BuildIdentity, TraceFile

#: Metrics worth a line in the chart, those with the most movement first; more would be a tangle.
_MOST_SERIES = 6


def report_one_side(file: TraceFile, effects: OneSide, *, next_command: str) -> Report:
    """The report of one trace: what each pass changed."""
    passes = _anchored([_one_row(index, effect) for index, effect in enumerate(effects.effects, start=1)])
    changed = len(effects.changed)
    return Report(
        schema_version=REPORT_SCHEMA_VERSION,
        kind="one-side",
        title=f"{file.trace.kernel.name} for {file.trace.kernel.target}",
        verdict=one_verdict(file, effects),
        sides=(_side("", file),),
        passes=passes,
        input_hunks=(),
        artifacts=tuple(_artifact(kind, (file,)) for kind in ("source", "ptx", "sass")),
        final_metrics=_metric_views(Metrics(), _final_metrics(file)),
        resources=(file.trace.resources,),
        series=_series((file,), [(effect.record.after,) for effect in effects.effects]),
        totals={
            "passes": len(passes),
            "changed": changed,
            "removed lines": sum(effect.removed for effect in effects.effects),
            "added lines": sum(effect.added for effect in effects.effects),
        },
        next_command=next_command,
        focus=_focus_of(passes),
    )


def report_two_sides(baseline: TraceFile, candidate: TraceFile, result: TwoSides, *, next_command: str) -> Report:
    """The report of a comparison."""
    passes = _anchored(
        _with_new_metrics([_two_row(index, comparison) for index, comparison in enumerate(result.passes, start=1)])
    )
    digests = [
        tuple(effect.record.after if effect else None for effect in (comparison.baseline, comparison.candidate))
        for comparison in result.passes
    ]
    files = (baseline, candidate)
    kernels = dict.fromkeys(file.trace.kernel.name for file in files)
    targets = dict.fromkeys(file.trace.kernel.target for file in files)
    counts = {status.value: sum(row.status == status.value for row in passes) for status in Status}
    return Report(
        schema_version=REPORT_SCHEMA_VERSION,
        kind="two-sides",
        title=f"{' against '.join(kernels)} for {' against '.join(targets)}",
        verdict=two_verdict(files, result),
        sides=(_side("baseline", baseline), _side("candidate", candidate)),
        passes=passes,
        input_hunks=result.input_hunks,
        artifacts=tuple(
            _artifact(kind, files, result.source_hunks if kind == "source" else ())
            for kind in ("source", "ptx", "sass")
        ),
        final_metrics=_metric_views(_final_metrics(baseline), _final_metrics(candidate)),
        resources=(baseline.trace.resources, candidate.trace.resources),
        series=_series(files, digests),
        totals={
            "passes": len(passes),
            **{name: count for name, count in counts.items() if count},
            "same effect": sum(row.quiet for row in passes),
            "effect lines": result.effect_lines,
            "state lines": result.state_lines,
            **({"lines only written differently": result.printed_lines} if result.printed_lines else {}),
            **({"passes moved": moved} if (moved := sum(row.moved for row in passes)) else {}),
            **({"passes renamed": renamed} if (renamed := sum(bool(row.renamed) for row in passes)) else {}),
        },
        next_command=next_command,
        focus=_focus_on(result.telling) or _focus_of(passes),
    )


def _focus_on(finding: Finding | None) -> Focus | None:
    if finding is None or finding.position is None:
        return None
    return Focus(finding.position + 1, finding.candidate_line or finding.baseline_line)


def _focus_of(rows: Sequence[PassView]) -> Focus | None:
    """Without a finding: the pass that makes most metrics grow, since that is where something is built."""
    shown = [row for row in rows if row.hunks and not row.quiet]
    best = max(shown, key=lambda row: (sum(m.delta > 0 for m in row.metrics), row.effect_lines), default=None)
    return None if best is None else Focus(best.index, None)


def texts_of(*files: TraceFile) -> Texts:
    """The texts of all traces under one roof."""
    return Texts({digest: body for file in files for digest, body in file.texts.items()})


def _one_row(index: int, effect: PassEffect) -> PassView:
    failed = effect.record.after is None
    return PassView(
        index=index,
        anchor="",
        name=effect.record.shown_name,
        status="failed" if failed else "changed" if effect.changed else "unchanged",
        degree="none",
        quiet=not effect.changed,
        depth=effect.record.depth,
        phase=effect.record.phase,
        moved=False,
        sides=(_pass_side(effect),),
        effect_lines=effect.removed + effect.added,
        state_lines=0,
        hunks=effect.hunks,
        hidden_hunks=0,
        names=(),
        metrics=_deltas(effect.metrics),
        new_metrics=_deltas(effect.metrics),
        note="it raised: nothing came out of it" if failed else _functions_note(effect),
    )


def _functions_note(effect: PassEffect) -> str:
    """Whole functions that a pass makes or drops: a module that is split has lost nothing."""
    words = [f"drops {', '.join(effect.dropped)}"] if effect.dropped else []
    words += [f"makes {', '.join(effect.made)}"] if effect.made else []
    return "; ".join(words)


def _two_row(index: int, comparison: PassComparison) -> PassView:
    effect = comparison.effect
    alone = comparison.status in (Status.ONLY_BASELINE, Status.ONLY_CANDIDATE)
    quiet = comparison.status is Status.SAME or (
        comparison.degree is Degree.NONE and comparison.status in (Status.CARRIES, Status.HEALS)
    )
    return PassView(
        index=index,
        anchor="",
        name=comparison.name,
        status=comparison.status.value,
        degree=comparison.degree.value,
        quiet=quiet or (alone and effect is not None and not effect.changed),
        depth=effect.record.depth if effect else 0,
        phase=effect.record.phase if effect else None,
        moved=comparison.moved,
        sides=(_pass_side(comparison.baseline), _pass_side(comparison.candidate)),
        effect_lines=comparison.effect_lines,
        state_lines=comparison.state_lines,
        hunks=comparison.hunks,
        hidden_hunks=comparison.hidden_hunks,
        names=comparison.names,
        metrics=_deltas(comparison.metrics),
        note=_row_note(comparison),
        renamed=comparison.renamed,
        printed_lines=comparison.printed_lines,
    )


def _deltas(deltas: Sequence[MetricDelta]) -> tuple[MetricView, ...]:
    return tuple(MetricView(delta.name, delta.before, delta.after) for delta in deltas)


def _with_new_metrics(rows: Sequence[PassView]) -> list[PassView]:
    """Mark what each outermost pass adds to the metrics in which the sides differ: a carried delta is no news."""
    found = []
    known: set[MetricView] = set()
    for row in rows:
        alone = row.status in (Status.ONLY_BASELINE.value, Status.ONLY_CANDIDATE.value)
        found.append(replace(row, new_metrics=tuple(metric for metric in row.metrics if alone or metric not in known)))
        if row.depth == 0 and not alone:
            known = set(row.metrics)
    return found


def _row_note(comparison: PassComparison) -> str:
    if comparison.status in (Status.ONLY_BASELINE, Status.ONLY_CANDIDATE):
        near = comparison.after.lines < comparison.before.lines
        words = "the other side runs it at another place" if comparison.moved else "what it did there"
        return f"{words}; the sides are nearer after it" if near else words
    if comparison.renamed:
        return f"{comparison.renamed} on the candidate, known by what it does"
    if comparison.gone_after:
        return f"gone again after {comparison.gone_after}"
    if comparison.status is Status.HEALS:
        return "the sides differ before it and are equal after it"
    if comparison.status is Status.FAILED:
        raised = [
            label
            for label, effect in (("baseline", comparison.baseline), ("candidate", comparison.candidate))
            if effect is not None and effect.record.after is None
        ]
        return f"it raised on {' and '.join(raised)}"
    return ""


def _pass_side(effect: PassEffect | None) -> PassSideView | None:
    if effect is None:
        return None
    record = effect.record
    return PassSideView(
        before=record.before,
        after=record.after,
        removed=effect.removed,
        added=effect.added,
        duration_ms=effect.duration_ms,
        caller=record.caller,
        phase=record.phase,
        functions=effect.functions,
    )


def _anchored(rows: Sequence[PassView]) -> tuple[PassView, ...]:
    """Give each row the fragment that links to it: its position and the name, as far as a URL takes it."""
    return tuple(
        replace(row, anchor=f"pass-{row.index}-{re.sub(r'[^A-Za-z0-9_.]+', '-', row.name).strip('-')}") for row in rows
    )


def _version(build: BuildIdentity) -> str:
    """The release, and of a build from source which commit of it."""
    commit, dirty = build.attested.get("commit"), build.attested.get("dirty") == "yes"
    words = [build.tilelang_version, f"commit {commit[:12]}" if commit else "", "uncommitted changes" if dirty else ""]
    return ", ".join(word for word in words if word)


def _side(label: str, file: TraceFile) -> SideView:
    trace = file.trace
    return SideView(
        label=label,
        kernel=trace.kernel.name,
        source=trace.kernel.source,
        target=trace.kernel.target,
        parameters={key: str(value) for key, value in trace.kernel.parameters.items()},
        pass_configs={key: str(value) for key, value in trace.kernel.pass_configs.items()},
        build=trace.build.name,
        tilelang_version=_version(trace.build),
        libraries=tuple(f"{library.name} {library.sha256[:12]}" for library in trace.build.libraries),
        lowering_ms=file.run.lowering_ms if file.run else None,
        pass_count=len(trace.passes),
        warnings=trace.warnings,
        failure=None if trace.failure is None else f"{trace.failure.error}: {trace.failure.message}",
    )


def _artifact(kind: str, files: Sequence[TraceFile], hunks: Sequence[object] = ()) -> ArtifactView:
    found = [file.trace.artifact(kind) for file in files]  # type: ignore[arg-type]
    return ArtifactView(
        kind=kind,
        name=next((artifact.name for artifact in found if artifact), kind),
        digests=tuple(artifact.digest if artifact else None for artifact in found),
        missing=tuple(
            (artifact.missing if artifact else "not asked for") if not (artifact and artifact.digest) else None
            for artifact in found
        ),
        lines=tuple(
            file.text(artifact.digest).count("\n") if artifact and artifact.digest else 0
            for file, artifact in zip(files, found, strict=True)
        ),
        hunks=tuple(hunks),  # type: ignore[arg-type]
    )


def _final_metrics(file: TraceFile) -> Metrics:
    """Metrics of the device module as it went to codegen; of the last state where there was none."""
    passes = [record for record in file.trace.passes if record.after]
    return measure(file.text(passes[-1].after)) if passes else Metrics()


def _metric_views(baseline: Metrics, candidate: Metrics) -> tuple[MetricView, ...]:
    left, right = baseline.flat(), candidate.flat()
    return tuple(MetricView(name, left.get(name), right.get(name)) for name in dict.fromkeys([*left, *right]))


def _series(files: Sequence[TraceFile], digests: Sequence[tuple[str | None, ...]]) -> tuple[SeriesView, ...]:
    """The metrics that move most along the passes, after each pass."""
    columns = [
        [measure(file.text(row[side])).flat() if row[side] else None for row in digests]
        for side, file in enumerate(files)
    ]
    names = dict.fromkeys(name for column in columns for flat in column if flat for name in flat)
    series = [
        SeriesView(name, tuple(tuple(flat.get(name, 0) if flat else None for flat in column) for column in columns))
        for name in names
    ]
    moving = [item for item in series if _movement(item) > 0]
    return tuple(sorted(moving, key=lambda item: (-_movement(item), item.name))[:_MOST_SERIES])


def _movement(series: SeriesView) -> int:
    """How often a metric changes from one pass to the next, on any side."""
    total = 0
    for column in series.values:
        known = [value for value in column if value is not None]
        total += sum(one != other for one, other in pairwise(known))
    return total
