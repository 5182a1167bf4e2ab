"""From profiles to what is shown: the answer in one line, the rows, and what to type next. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scaffold.measure.profile.diff import KernelDelta, MetricDelta, causes, compare_profiles, match_kernels
from scaffold.measure.profile.model import KernelProfile, ProfileResult, Value
from scaffold.report.profile_view import (
    AdviceView,
    Cell,
    Direction,
    HotLineView,
    KernelView,
    Outcome,
    ProfileReport,
    ProfileRow,
    ProfileSide,
    StallRow,
)
from scaffold.report.profile_words import change_text, number_with_unit

#: Durations closer than this are called alike: one profiled launch tells no less.
_ALIKE = 0.02
#: A clock that differs more explains part of a difference in time.
_CLOCK = 0.02

#: What opens a raw report; ``{}`` is its path.
_OPENERS = {"ncu": "ncu-ui {}", "nsys": "nsys-ui {}", "rocprofv3": "", "rocprof-compute": ""}
_FOLDER = "CSV files, in the folder {}"


@dataclass(frozen=True)
class SideFacts:
    """What is known of a side besides its profile."""

    label: str
    build: str = ""
    version: str = ""
    settings: str = ""
    target: str = ""


def profile_report(
    kernel: str,
    sides: Sequence[tuple[SideFacts, ProfileResult]],
    *,
    command: str,
    next_command: str,
) -> ProfileReport:
    """One side, or two, as a report."""
    two = len(sides) > 1
    results = [result for _, result in sides]
    kernels = _compared(results)
    views = tuple(_kernel_view(delta, [facts.label for facts, _ in sides]) for delta in kernels)
    outcome, headline = _answer(kernel, results, kernels)
    return ProfileReport(
        headline=headline,
        outcome=outcome,
        details=tuple(_details(results, kernels)),
        kernel=kernel,
        two_sided=two,
        sides=tuple(_side(facts, result) for facts, result in sides),
        kernels=views,
        command=command,
        next_command=next_command,
    )


def _compared(results: Sequence[ProfileResult]) -> list[KernelDelta]:
    """The kernels that take longest first."""
    if len(results) == 1:
        deltas = [compare_profiles(kernel, None) for kernel in results[0].kernels]
    else:
        deltas = [
            compare_profiles(ours, theirs) for ours, theirs in match_kernels(results[0].kernels, results[1].kernels)
        ]
    return sorted(deltas, key=lambda delta: -max(_duration(delta.baseline), _duration(delta.candidate)))


def _duration(kernel: KernelProfile | None) -> float:
    found = kernel.values.get("duration") if kernel else None
    return found.value if found else 0.0


def open_command(result: ProfileResult) -> str:
    """The command that opens a raw report, or what to look at where there is none."""
    if not result.report:
        return ""
    opener = _OPENERS[result.tool]
    return opener.format(shlex.quote(result.report)) if opener else _FOLDER.format(result.report)


def _side(facts: SideFacts, result: ProfileResult) -> ProfileSide:
    return ProfileSide(
        label=facts.label,
        build=facts.build,
        version=facts.version,
        settings=facts.settings,
        target=facts.target,
        tool=result.tool,
        tool_version=result.tool_version,
        device=result.device,
        report=result.report,
        opened_by=open_command(result),
        notes=result.notes,
        why_missing=result.why_missing,
    )


# ---- the answer


def _answer(kernel: str, results: Sequence[ProfileResult], kernels: Sequence[KernelDelta]) -> tuple[Outcome, str]:
    missing = [label for label, result in zip(("baseline", "candidate"), results, strict=False) if result.why_missing]
    if missing and len(results) > 1:
        return (
            "missing",
            f"not compared: {missing[0]} was not measured, {results[missing[0] == 'candidate'].why_missing}",
        )
    if len(results) == 1:
        return "view", _one_side(kernel, kernels)
    return _two_sides(kernels)


def _one_side(kernel: str, kernels: Sequence[KernelDelta]) -> str:
    """``gemm takes 14.2 µs: tensor-core use 61 %, memory utilisation 38 %, occupancy achieved 12 %``."""
    first = kernels[0].baseline if kernels else None
    if first is None:
        return f"{kernel}: nothing was measured"
    told = [
        f"{row.metric.label} {number_with_unit(row.baseline.value, row.metric.unit)}"
        for row in kernels[0].metrics
        if row.metric.key in ("matrix_use", "compute_use", "memory_use", "occupancy") and row.baseline
    ]
    duration = first.values.get("duration")
    takes = f"{first.name} takes {number_with_unit(duration.value, 'us')}" if duration else first.name
    more = f"; {len(kernels) - 1} more kernels" if len(kernels) > 2 else "; 1 more kernel" if len(kernels) == 2 else ""
    return f"{takes}: {', '.join(told) or 'its tool tells no more'}{more}"


def _two_sides(kernels: Sequence[KernelDelta]) -> tuple[Outcome, str]:
    """``candidate is 8 % slower: tensor-core use 61 % -> 48 %, L2 hit rate 92 % -> 71 %``."""
    both = [kernel for kernel in kernels if kernel.baseline and kernel.candidate]
    ours, theirs = (sum(_duration(side) for side in sides) for sides in _all_sides(kernels))
    why = ", ".join(_moved(row) for row in causes(both[0])) if both else ""
    if not ours or not theirs:
        return "unknown", f"durations are not known on both sides{': ' + why if why else ''}"
    ratio = theirs / ours
    if abs(ratio - 1.0) < _ALIKE:
        words = f"candidate takes as long as baseline ({number_with_unit(theirs, 'us')})"
        return "alike", f"{words}; but {why}" if why else f"{words}, and no metric moved"
    outcome: Outcome = "slower" if ratio > 1 else "faster"
    words = f"candidate is {change_text(ratio)} {outcome}"
    return outcome, f"{words}: {why}" if why else f"{words}, and no metric says why"


def _all_sides(
    kernels: Sequence[KernelDelta],
) -> tuple[list[KernelProfile | None], list[KernelProfile | None]]:
    return [kernel.baseline for kernel in kernels], [kernel.candidate for kernel in kernels]


def _moved(row: MetricDelta) -> str:
    if row.baseline is None or row.candidate is None:
        return row.metric.label
    ours, theirs = (number_with_unit(side.value, row.metric.unit) for side in (row.baseline, row.candidate))
    return f"{row.metric.label} {ours} -> {theirs}"


def _details(results: Sequence[ProfileResult], kernels: Sequence[KernelDelta]) -> Iterator[str]:
    """What a reader must know to believe the answer."""
    tools = {result.tool for result in results}
    if len(results) > 1 and not any(result.why_missing for result in results):
        yield "durations are of profiled launches, at whatever clock: whether it is faster, bench tells"
        if len(tools) > 1:
            yield f"the sides were measured by different tools ({' and '.join(sorted(tools))}), which count differently"
        devices = list(dict.fromkeys(result.device for result in results if result.device))
        if len(devices) > 1:
            yield f"beware, the sides ran on different devices: {' and '.join(devices)}"
        if kernels and (clock := kernels[0].metric("clock")) and clock.ratio and abs(clock.ratio - 1) > _CLOCK:
            yield f"beware, the clock differed: {_moved(clock)}; compare cycles instead of durations"
        ours, theirs = (len(result.kernels) for result in results)
        if max(ours, theirs) > 1:
            yield f"durations are sums: of {ours} kernel{'s'[: ours > 1]} on baseline, {theirs} on candidate"
        lonely = [kernel.name for kernel in kernels if not kernel.baseline or not kernel.candidate]
        if lonely:
            yield f"only on one side: {', '.join(lonely)}"


# ---- the rows


def _kernel_view(delta: KernelDelta, labels: Sequence[str]) -> KernelView:
    profiles = list(zip(labels, (delta.baseline, delta.candidate), strict=False))
    return KernelView(
        name=delta.name,
        shapes=tuple(_shape(profile) for _, profile in profiles),
        launches=tuple(_launches(profile) for _, profile in profiles),
        rows=tuple(_row(row) for row in delta.metrics),
        stalls=tuple(StallRow(row.reason, row.vendor_name, row.baseline, row.candidate) for row in delta.stalls),
        advice=tuple(
            AdviceView(label, one.rule, one.title, one.severity, one.text, one.estimated_speedup, one.speedup_of)
            for label, profile in profiles
            if profile
            for one in profile.advice
        ),
        hot_lines=tuple(
            HotLineView(label, f"{line.file}:{line.line}", line.text, line.share, line.origin, line.origin_text)
            for label, profile in profiles
            if profile
            for line in profile.hot_lines
        ),
    )


def _shape(profile: KernelProfile | None) -> str:
    """``grid 8 x 8 x 1, block 256 x 1 x 1``; empty where it is not told."""
    if profile is None:
        return ""
    named = (("grid", profile.grid), ("block", profile.block))
    return ", ".join(f"{name} {' x '.join(map(str, extents))}" for name, extents in named if extents)


def _launches(profile: KernelProfile | None) -> str:
    """``3 launches, 14.1 µs to 14.6 µs``."""
    if profile is None:
        return "not there"
    times = profile.durations_us
    if len(times) < 2:
        return "1 launch"
    low, high = number_with_unit(min(times), "us"), number_with_unit(max(times), "us")
    return f"{len(times)} launches, {low} to {high}"


def _row(row: MetricDelta) -> ProfileRow:
    return ProfileRow(
        key=row.metric.key,
        label=row.metric.label,
        unit=row.metric.unit,
        group=row.metric.group,
        better=row.metric.better,
        baseline=_cell(row.baseline),
        candidate=_cell(row.candidate),
        delta=row.delta,
        ratio=row.ratio,
        direction=_direction(row),
    )


def _cell(value: Value | None) -> Cell | None:
    return Cell(value.value, value.vendor_name) if value else None


def _direction(row: MetricDelta) -> Direction:
    if row.delta is None:
        return "unknown"
    if not row.moved:
        return "same"
    return "changed" if row.better is None else "better" if row.better else "worse"
