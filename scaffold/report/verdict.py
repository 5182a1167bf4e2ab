"""The verdict: the answer in one line, and the lines that prove it."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold.diff.equality import Tier
from scaffold.diff.generated import machine_code_differs, rejection_by_nvcc
from scaffold.diff.model import Finding, OneSide, PassEffect, Status, TwoSides
from scaffold.diff.text import word_marks
from scaffold.report.headline import (
    before_it,
    code_generator_of,
    compiled_on_one_side,
    counts_of,
    headline_of,
    in_its_place,
    inputs_after,
    other_options,
    outside_the_source,
    pass_lists,
)
from scaffold.report.view import Verdict
from scaffold.trace.model import Failure, Trace, TraceFile

#: Longest line quoted in a verdict, in characters.
_LONGEST_LINE = 160

#: Characters kept before the first changed word of a quoted line.
_LEAD = 40

#: Fields of :class:`~scaffold.trace.model.FunctionResources` as the reader knows them.
RESOURCE_LABELS = {
    "registers": "registers",
    "spill_store_bytes": "bytes spilled",
    "stack_bytes": "stack bytes",
    "static_shared_bytes": "static shared bytes",
    "sass_instructions": "SASS instructions",
}


def one_verdict(file: TraceFile, effects: OneSide) -> Verdict:
    """What came of one lowering."""
    trace = file.trace
    count, changed = len(effects.effects), len(effects.changed)
    if trace.failure is not None:
        said = trace.failure.message.strip().splitlines()
        return Verdict(
            "failed",
            f"lowering stopped {stopped_in(trace.failure)}, after "
            f"{_passes(sum(e.record.after is not None for e in effects.effects))}",
            (f"{trace.failure.error}: {_short(said[0] if said else '')}", *(_short(line) for line in said[1:4])),
        )
    builders = sorted(effects.changed, key=lambda effect: (-_growth(effect), -effect.added))[:3]
    details = [f"{effect.record.shown_name}: {_grown(effect)}" for effect in builders if _growth(effect)]
    details += _products(trace)
    rejected = ", but nvcc rejects the generated code" if rejection_by_nvcc(trace) else ""
    headline = f"{changed} of {count} passes changed {trace.kernel.name} for {trace.kernel.target}{rejected}"
    return Verdict("view", headline, tuple(details))


def _passes(count: int) -> str:
    return "1 pass" if count == 1 else f"{count} passes"


def _growth(effect: PassEffect) -> int:
    """How many numbers a pass makes grow; lines do not count, and a pass that only takes away builds nothing."""
    return sum(delta.delta > 0 for delta in effect.metrics if delta.name != "lines") if effect.added else 0


def _grown(effect: PassEffect) -> str:
    """What a pass brings, in a few words: operations before buffers, buffers before loops."""
    deltas = [delta for delta in effect.metrics if delta.delta > 0 and delta.name != "lines"]
    weight = {"operations": 0, "copies": 0, "barriers": 1, "bytes": 2, "loops": 3}
    deltas.sort(key=lambda delta: (weight.get(delta.name.rpartition(" ")[2], 4), delta.name))
    return ", ".join(f"{delta.name} {delta.before or 0:,} -> {delta.after or 0:,}" for delta in deltas[:4])


def stopped_in(failure: Failure) -> str:
    """Where a lowering stopped, for a sentence."""
    if failure.pass_name:
        return f"in {failure.pass_name}"
    if failure.where and "codegen" in failure.where:
        return f"in code generation ({failure.where})"
    return f"between passes ({failure.where})" if failure.where else "outside any pass"


def two_verdict(files: Sequence[TraceFile], result: TwoSides) -> Verdict:
    """Where two lowerings part."""
    baseline, candidate = files[0].trace, files[1].trace
    count = len(result.passes)
    failures = [
        f"{label} stopped {stopped_in(trace.failure)}: {trace.failure.error}: "
        + _short(next(iter(trace.failure.message.strip().splitlines()), ""))
        for label, trace in (("baseline", baseline), ("candidate", candidate))
        if trace.failure is not None
    ]
    if result.identical:
        if failures:
            return Verdict(
                "failed", f"identical at every pass until both stopped, after {_passes(count)}", tuple(failures)
            )
        if result.generated.compiles_only_on:
            return Verdict("differs", compiled_on_one_side(result, baseline, candidate), tuple(_rejection(result)))
        if result.generated.machine_code_differs:
            why = outside_the_source(baseline, candidate)
            headline = f"identical at every pass, but the machine code differs: {why}"
            return Verdict("differs", headline, tuple(_machine_code_lines(baseline, candidate)))
        headline = f"identical at every pass ({count} passes, and the generated source)"
        given = other_options(baseline, candidate)
        told = (f"nvcc is called with other options: {given}",) if given else ()
        return Verdict("identical", headline, (*told, *_found_same(result), *pass_lists(result)))
    if not result.finding:
        first = next((row for row in result.passes if row.tier_after is result.weakest), None)
        renamed = first.names if first else ()
        shown = ", ".join(f"{new} for {old}" for new, old in renamed[:4])
        more = [f"names matched: {shown}"] if shown else []
        more += _same_source_lines(result, baseline, candidate)
        where = f", first after {first.name}" if first else ""
        return Verdict("equivalent", f"{result.weakest.label} at every pass{where}", tuple(more))
    finding = result.telling
    details: list[str] = []
    if result.inputs is Tier.DIFFERENT:
        details.append(f"the inputs differ: {_input_difference(result, baseline, candidate)}{inputs_after(result)}")
    details += _pair_lines(*result.generated.host_lines)
    if result.generated.by_code_generator:
        headline = code_generator_of(result)
        details += _pair_lines(*result.generated.lines)
        details += [headline_of(result, finding)] if finding is not None else []
    elif not result.lowering_differs:
        headline = f"{result.weakest.label} at every pass"
    elif finding is None:
        headline = _no_pass(result, files)
    else:
        headline = headline_of(result, finding)
        details += [*_finding_lines(finding, result), *in_its_place(result, finding), *before_it(result, finding)]
    if result.generated.compiles_only_on:
        whole = f"; {headline}" if result.lowering_differs else ""
        headline = f"{compiled_on_one_side(result, baseline, candidate)}{whole}"
        details = [*_rejection(result), *details]
    details += _same_source_lines(result, baseline, candidate)
    details += _resource_lines(baseline, candidate)
    details += [counts_of(result), *pass_lists(result)]
    details += _source_line(files, result)
    if result.unstable and baseline.kernel == candidate.kernel and baseline.build == candidate.build:
        headline = f"the same lowering twice differs: this TileLang is not deterministic in {result.unstable[0]}"
        return Verdict("unstable", headline, (*failures, *details))
    details = [*_sampled(result), *details] if result.unstable else [*details, *_sampled(result)]
    if result.undecided:
        headline = f"not deterministic in {result.unstable[0]}: no difference beyond that is sure"
        return Verdict("unstable", headline, (*failures, *details))
    return Verdict("differs", headline, (*failures, *details))


def _sampled(result: TwoSides) -> list[str]:
    """What lowering both sides again and again says of a difference."""
    words = []
    if result.unstable:
        sides = " or the ".join(result.unstable_sides or ("baseline",))
        words.append(f"beware: lowering the {sides} twice differs too, first in {result.unstable[0]}")
    if result.odds is not None:
        baseline, candidate = result.lowerings
        words.append(
            f"no two of {baseline} lowerings of the baseline and {candidate} of the candidate are the same; "
            f"by chance alone: {_percent(result.odds)}"
        )
    return words


def _found_same(result: TwoSides) -> tuple[str, ...]:
    """How two equal lowerings were found, where a side does not always lower to the same."""
    if not result.unstable:
        return ()
    ours, theirs = result.lowerings
    where = f"TileLang is not deterministic here, first in {result.unstable[0]}"
    if len(result.unstable_sides) == 1:
        where = f"only the {result.unstable_sides[0]} varies from lowering to lowering, first in {result.unstable[0]}"
    return (f"{where}: two are the same of {ours} lowerings of the baseline and {theirs} of the candidate",)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share >= 0.0001 else "less than 0.01 %"


def _no_pass(result: TwoSides, files: Sequence[TraceFile]) -> str:
    """Why the sides differ although no pass introduces anything."""
    if result.generated.host_differs:
        return "no pass introduces a difference; the host modules differ"
    if result.inputs is Tier.DIFFERENT:
        return "the sides differ as their inputs do; no pass adds to it"
    stopped = [file.trace for file in files if file.trace.failure is not None]
    if len(stopped) == 1:
        side = "baseline" if stopped[0] is files[0].trace else "candidate"
        return f"the {side} stopped {_behind(stopped[0])}; up to there no pass introduces a difference"
    if stopped:
        return "no pass introduces a difference, but the lowerings did not stop alike"
    if (at := result.parted_before) is not None:
        names = [row.name for row in result.passes[: at + 1]]
        where = f"between {names[-2]} and {names[-1]} (pass {at + 1})" if at else f"before {names[-1]}"
        return f"no pass introduces a difference: the modules part {where}, outside any pass"
    return "no pass introduces a difference; the generated source differs"


def _behind(trace: Trace) -> str:
    """Where a lowering stopped outside any pass: in what is known of it, else after the last that came to its end."""
    if trace.failure is not None and trace.failure.where:
        return stopped_in(trace.failure)
    ended = [record for record in trace.passes if record.after is not None and not record.depth]
    return f"after {ended[-1].shown_name} (pass {len(ended)})" if ended else "before any pass"


def _finding_lines(finding: Finding, result: TwoSides) -> list[str]:
    position = finding.position or 0
    has_lines = finding.baseline_line is not None or finding.candidate_line is not None
    where = f", at {finding.place}" if finding.place else "" if has_lines else ", with no line of its own"
    lines = [f"pass {position + 1} of {len(result.passes)}{where}"]
    if has_lines:
        row = result.passes[position]
        # What a pass does that one side alone runs is what it makes of what it is given.
        alone = row.is_alone and row.status is not Status.FAILED
        if finding.only_nesting:
            lines.append(f"only the nesting differs, of: {_short(finding.baseline_line or '')}")
        else:
            labels = ("before:", "after:") if alone else ("baseline:", "candidate:")
            lines += _pair_lines(finding.baseline_line, finding.candidate_line, labels)
    return lines


def _pair_lines(
    baseline: str | None, candidate: str | None, labels: tuple[str, str] = ("baseline:", "candidate:")
) -> list[str]:
    """A line as either side has it, one below the other."""
    if baseline is None and candidate is None:
        return []
    width = max(map(len, labels))
    return [f"{label:{width}} {line}" for label, line in zip(labels, windows(baseline, candidate), strict=True)]


def _rejection(result: TwoSides) -> list[str]:
    """What nvcc says of the side that it does not compile."""
    side = "candidate" if result.generated.compiles_only_on == "baseline" else "baseline"
    return [f"{side}: {_short(result.generated.rejection)}"]


def _same_source_lines(result: TwoSides, baseline: Trace, candidate: Trace) -> list[str]:
    """That one and the same source came to other machine code, and by what."""
    if not result.generated.machine_code_differs:
        return []
    why = outside_the_source(baseline, candidate)
    return [f"the same source, and the machine code differs: {why}"]


def windows(ours: str | None, theirs: str | None, longest: int = _LONGEST_LINE) -> tuple[str, str]:
    """Both lines, cut to ``longest`` characters so that what differs between them is in sight."""
    if ours is None or theirs is None:
        return _short(ours or "(not there)", longest), _short(theirs or "(not there)", longest)
    marks = word_marks(ours, theirs)
    starts = [spans[0][0] for spans in marks if spans]
    skip = max(0, min(starts, default=0) - _LEAD) if max(len(ours), len(theirs)) > longest else 0
    cut = "…" if skip else ""
    return _short(cut + ours[skip:], longest), _short(cut + theirs[skip:], longest)


def _input_difference(result: TwoSides, baseline: Trace, candidate: Trace) -> str:
    """The settings that differ, where they do; else what differs in the text."""
    ours = {**baseline.kernel.parameters, **baseline.kernel.pass_configs}
    theirs = {**candidate.kernel.parameters, **candidate.kernel.pass_configs}
    names = [name for name in dict.fromkeys([*ours, *theirs]) if ours.get(name) != theirs.get(name)]
    if names and baseline.kernel.source == candidate.kernel.source:
        return ", ".join(f"{name} {ours.get(name, 'unset')} to {theirs.get(name, 'unset')}" for name in names)
    removed = sum(hunk.removed for hunk in result.input_hunks)
    added = sum(hunk.added for hunk in result.input_hunks)
    changed = [line for hunk in result.input_hunks for line in hunk.lines if line.kind != " "]
    words = [" ".join(line.text[start:end] for start, end in line.marks) for line in changed]
    marked = f" ({_short(words[0])} to {_short(words[1])})" if len(changed) == 2 and all(words) else ""
    return f"-{removed} +{added} lines{marked}"


def _resource_lines(baseline: Trace, candidate: Trace) -> list[str]:
    """Registers and their like of each function that both sides compiled, where they differ."""
    theirs = {item.function: item for item in candidate.resources}
    lines = []
    for one in baseline.resources:
        other = theirs.get(one.function)
        if other is None:
            continue
        words = [
            f"{label} {getattr(one, key):,} to {getattr(other, key):,}"
            for key, label in RESOURCE_LABELS.items()
            if getattr(one, key) is not None
            and getattr(other, key) is not None
            and getattr(one, key) != getattr(other, key)
        ]
        lines.append(f"{one.function}: {', '.join(words) or 'same registers, spills and SASS instructions'}")
    return lines


def _machine_code_lines(baseline: Trace, candidate: Trace) -> list[str]:
    """How the machine code of one and the same source differs: by a compiler flag, or a compiler."""
    differing = [kind.upper() for kind in machine_code_differs(baseline, candidate)]
    return [
        f"{' and '.join(differing)} differ{'s' if len(differing) == 1 else ''}",
        *_resource_lines(baseline, candidate),
    ]


def _source_line(files: Sequence[TraceFile], result: TwoSides) -> list[str]:
    if result.source_tier is None:
        missing = [label for label, file in zip(("baseline", "candidate"), files, strict=True) if _no_source(file)]
        return [f"generated source: none on {' and '.join(missing)}"] if missing else []
    if result.source_tier is Tier.BYTES:
        return ["generated source: same bytes"]
    if result.source_tier is Tier.STRUCTURE:
        return ["generated source: same but for comments and blanks"]
    if result.source_tier is Tier.NAMES:
        return ["generated source: same after matching names"]
    removed, added = (sum(getattr(h, side) for h in result.source_hunks) for side in ("removed", "added"))
    return [f"generated source: -{removed} +{added} lines"]


def _no_source(file: TraceFile) -> bool:
    source = file.trace.artifact("source")
    return source is None or source.digest is None


def _products(trace: Trace) -> list[str]:
    """One line on what came out, or why it did not."""
    lines = []
    for function in trace.resources:
        spills = function.spill_store_bytes + function.spill_load_bytes
        instructions = f", {function.sass_instructions:,} SASS instructions" if function.sass_instructions else ""
        lines.append(
            f"{function.function}: {function.registers} registers, "
            f"{f'{spills} bytes spilled' if spills else 'no spills'}{instructions}"
        )
    missing = dict.fromkeys(a.missing for a in trace.artifacts if a.kind in ("ptx", "sass") and a.missing)
    return lines + [f"no machine code: {reason}" for reason in missing]


def _short(text: str, longest: int = _LONGEST_LINE) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
