"""The words for where two lowerings part: which pass, in what, and how much there is of it."""

from __future__ import annotations

from itertools import takewhile

from scaffold.diff.cause import LAYOUT
from scaffold.diff.equality import Tier
from scaffold.diff.model import Degree, Finding, PassComparison, Status, TwoSides
from scaffold.trace.model import Trace

#: Passes of one side that are named.
_MOST_NAMED = 3


def headline_of(result: TwoSides, finding: Finding) -> str:
    """The pass to name, in one line."""
    row = result.passes[finding.position or 0]
    kind = finding.degree.value
    words = f"{_who(result, row)} is the first pass to introduce a difference of {kind}"
    cause, consequence = result.cause, result.consequence
    if cause is not None and consequence is not None:
        later = _who(result, result.passes[consequence.position or 0])
        if cause == finding:
            words += f"; {later} acts on it{_in(consequence)}"
        else:
            words = f"{_decides(result, cause)}; {later} {_makes_of(cause)}{_in(consequence)}"
    elif (earlier := _introduced_before(result, finding)) is not None and _is_decision(earlier):
        words = f"{_decides(result, earlier)}; {_who(result, row)} is the first to introduce one of {kind}"
    if result.inputs_degree is Degree.SHAPE and not result.inputs_gone_after and finding.lasts:
        words = f"the inputs differ in shape already; {_who(result, row)} is the first pass to add to that"
    if failed_on := _failed_on(row):
        words = f"{row.name} fails on the {failed_on}"
    if not finding.lasts and not (consequence is not None and consequence.lasts):
        words += f", gone again after {row.gone_after}"
    return f"the generated source is the same; {words}" if result.source_tier is Tier.BYTES else words


def _decides(result: TwoSides, cause: Finding) -> str:
    row = result.passes[cause.position or 0]
    if _is_of_layout(cause):
        return f"{_who(result, row)} decides another layout"
    return f"{_who(result, row)} is the first pass to introduce a difference of {cause.degree.value}"


def _is_decision(finding: Finding) -> bool:
    """Whether later passes act on what differs, beyond a number that they hand on."""
    return finding.degree is Degree.ANNOTATIONS or _is_of_layout(finding)


def _makes_of(cause: Finding) -> str:
    return "writes it out" if _is_of_layout(cause) else "acts on it"


def _is_of_layout(finding: Finding) -> bool:
    lines = (finding.baseline_line or "", finding.candidate_line or "")
    return any(map(LAYOUT.search, lines))


def _in(consequence: Finding) -> str:
    return f", in {consequence.degree.value}"


def _failed_on(row: PassComparison) -> str:
    sides = (("baseline", row.baseline), ("candidate", row.candidate))
    return " and the ".join(label for label, effect in sides if effect and effect.record.after is None)


def _who(result: TwoSides, row: PassComparison) -> str:
    """The pass, and what is odd about how the sides run it."""
    if row.moved:
        return f"{row.name}, which the sides run at different places,"
    if row.is_alone and row.status is not Status.FAILED:
        side = row.status.value.rpartition(" ")[2]
        others = {_arguments(other) for other in result.passes if other.name == row.name and not other.is_alone}
        if _arguments(row) in others:
            return f"{row.name}, which the {side} runs once more,"
        given = f"({_arguments(row)})" if others and _arguments(row) else ""
        return f"{row.name}{given}, which only the {side} runs,"
    return f"{row.name} -> {row.renamed}" if row.renamed else row.name


def code_generator_of(result: TwoSides) -> str:
    """That the modules are the same and the sources generated from them are not."""
    after = result.generated.same_after
    where = f" from pass {after + 1} on" if after is not None and after >= 0 else ""
    return f"the modules are the same{where}; the code generator makes the difference"


def compiled_on_one_side(result: TwoSides, baseline: Trace, candidate: Trace) -> str:
    """That nvcc takes the source of one side only."""
    side = result.generated.compiles_only_on
    if result.source_tier in (Tier.BYTES, Tier.STRUCTURE, Tier.NAMES):
        why = outside_the_source(baseline, candidate)
        return f"the same source, but nvcc compiles it on the {side} only: {why} differ"
    return f"nvcc compiles the source of the {side} only"


def outside_the_source(baseline: Trace, candidate: Trace) -> str:
    """What else decides the machine code of a source: headers alone where the same options are passed to nvcc."""
    if given := other_options(baseline, candidate):
        return f"the compiler options ({given})"
    if baseline.compiler_options and candidate.compiler_options:
        return "the headers (src/tl_templates)"
    options = [(trace.kernel.target, dict(trace.kernel.pass_configs)) for trace in (baseline, candidate)]
    if options[0] != options[1]:
        return "headers or compiler options" if baseline.build != candidate.build else "compiler options"
    return "the headers (src/tl_templates)"


def other_options(baseline: Trace, candidate: Trace) -> str:
    """Which options for nvcc the sides do not share, as both builds pass them; empty where they share all."""
    ours, theirs = baseline.compiler_options, candidate.compiler_options
    if not ours or not theirs or baseline.kernel.target != candidate.kernel.target:
        return ""
    sides = (("baseline", ours, theirs), ("candidate", theirs, ours))
    only = ((label, [word for word in own if word not in other]) for label, own, other in sides)
    return "; ".join(f"only on the {label}: {' '.join(words)}" for label, words in only if words)


def _arguments(row: PassComparison) -> str:
    return row.effect.record.arguments or ""


def before_it(result: TwoSides, finding: Finding) -> list[str]:
    """What was introduced before the pass that is named, in less than shape."""
    other = _introduced_before(result, finding)
    if other is None:
        return []
    return [f"before it, in {other.degree.value} only: {other.pass_name} (pass {(other.position or 0) + 1})"]


def _introduced_before(result: TwoSides, finding: Finding) -> Finding | None:
    other = result.introduced
    return None if other is None or (other.position or 0) >= (finding.position or 0) else other


def in_its_place(result: TwoSides, finding: Finding) -> list[str]:
    """What the other side runs between the same two passes, where the pass that is named runs on one side only."""
    position = finding.position or 0
    row = result.passes[position]
    if not row.is_alone or row.status is Status.FAILED:
        return []
    before = list(takewhile(lambda other: other.is_alone, reversed(result.passes[:position])))
    after = list(takewhile(lambda other: other.is_alone, result.passes[position:]))
    others = [
        other.name for other in (*reversed(before), *after) if other.status is not row.status and other.effect.changed
    ]
    side = "candidate" if row.status is Status.ONLY_BASELINE else "baseline"
    return [f"in its place the {side} runs {', '.join(others)}"] if others else []


def inputs_after(result: TwoSides) -> str:
    """What becomes of the difference of the inputs."""
    return f", gone after {result.inputs_gone_after}" if result.inputs_gone_after else ""


def counts_of(result: TwoSides) -> str:
    """How much effects and states differ, and how much is only written differently."""
    both = [row for row in result.passes if not row.is_alone]
    differing = sum(row.effect_lines > 0 for row in both)
    ratio = f" ({100 * result.effect_lines / result.state_lines:.0f} %)" if result.state_lines else ""
    text = (
        f"effects differ in {differing} of {len(both)} passes: {result.effect_lines:,} lines, "
        f"where states differ in {result.state_lines:,}{ratio}"
    )
    return text + (f"; {result.printed_lines:,} more are only written differently" if result.printed_lines else "")


def pass_lists(result: TwoSides) -> list[str]:
    """How the lists of passes differ, in one line, if they do."""
    alone = [row for row in result.passes if row.is_alone and not row.moved]
    words = [
        f"{len(rows)} only on the {side}{_doing(rows)}"
        for side, status in (("baseline", Status.ONLY_BASELINE), ("candidate", Status.ONLY_CANDIDATE))
        if (rows := [row for row in alone if row.status is status])
    ]
    moved = len({row.name.rpartition(".")[2] for row in result.passes if row.moved})
    renamed = sum(bool(row.renamed) for row in result.passes)
    words += [f"{moved} at another place"] if moved else []
    words += [f"{renamed} under another name"] if renamed else []
    return [f"passes: {', '.join(words)}"] if words else []


def _doing(rows: list[PassComparison]) -> str:
    doing = list(dict.fromkeys(row.name for row in rows if row.effect.changed))
    more = f" and {len(doing) - _MOST_NAMED} more" if len(doing) > _MOST_NAMED else ""
    changing = f"{', '.join(doing[:_MOST_NAMED])}{more} change{'s' if len(doing) == 1 else ''} something"
    return f" ({changing})" if doing else " (changing nothing)"
