"""The words for many kernels: the answer in one line, and the lines that prove it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from scaffold.diff.change import CHANGED, Outcome
from scaffold.report.corpus_view import Answer, CapturedEntry, KernelRow, MissedEntry, PatternGroup

#: What a reader must see first.
SEVERITY = (
    Outcome.BROKEN,
    Outcome.DIFFERS,
    Outcome.MENDED,
    Outcome.UNSTABLE,
    Outcome.FAILS_ALIKE,
    Outcome.SAME_CODE,
    Outcome.EQUIVALENT,
    Outcome.IDENTICAL,
)
#: Outcomes in which what a user gets is the same.
_UNCHANGED = frozenset({Outcome.SAME_CODE, Outcome.EQUIVALENT, Outcome.IDENTICAL})

#: Passes, and numbers of a module, that are named in a line.
_MOST_PASSES = 6
_MOST_METRICS = 2
_MOST_SEEN = 3


#: What becomes of one kernel, and of several.
_VERBS = {
    Outcome.BROKEN: ("no longer lowers", "no longer lower"),
    Outcome.DIFFERS: ("differs", "differ"),
    Outcome.MENDED: ("lowers now", "lower now"),
    Outcome.UNSTABLE: ("is not lowered the same twice", "are not lowered the same twice"),
    Outcome.FAILS_ALIKE: ("fails on both sides", "fail on both sides"),
    Outcome.SAME_CODE: ("comes to the same code", "come to the same code"),
    Outcome.EQUIVALENT: ("is equivalent", "are equivalent"),
    Outcome.IDENTICAL: ("is identical", "are identical"),
}


def become(count: int, outcome: Outcome) -> str:
    """``10 kernels differ``."""
    return f"{many(count, 'kernel')} {_VERBS[outcome][count != 1]}"


def answer_of(counts: Counter[Outcome]) -> Answer:
    """The worst that came of any kernel; what could not be told outweighs what is the same."""
    if not counts:
        return "nothing"
    worst = next(outcome for outcome in SEVERITY if counts[outcome])
    answers: dict[Outcome, Answer] = {
        Outcome.BROKEN: "broken",
        Outcome.DIFFERS: "differs",
        Outcome.MENDED: "differs",
        Outcome.UNSTABLE: "unstable",
        Outcome.FAILS_ALIKE: "fails alike",
        Outcome.SAME_CODE: "same code",
        Outcome.EQUIVALENT: "equivalent",
        Outcome.IDENTICAL: "identical",
    }
    return answers[worst]


def headline_of(counts: Counter[Outcome], groups: Sequence[PatternGroup], missed: Sequence[MissedEntry]) -> str:
    """The answer in one line."""
    total = sum(counts.values())
    if not total:
        return "nothing was compared: no kernel was compiled on both sides"
    if not any(counts[outcome] for outcome in CHANGED):
        return _no_effect(counts, total, missed)
    broken, differs, mended = (counts[outcome] for outcome in (Outcome.BROKEN, Outcome.DIFFERS, Outcome.MENDED))
    parts = []
    if broken:
        parts.append(f"{many(broken, 'kernel')} no longer lower{'s' if broken == 1 else ''}")
    if differs:
        patterns = sum(group.outcome is Outcome.DIFFERS for group in groups)
        generates = "generates" if differs == 1 else "generate"
        whole = _all(total) if differs == total else f"{differs:,} of {many(total, 'kernel')}"
        parts.append(f"{whole} {generates} other code, in {many(patterns, 'pattern')}")
    if mended:
        parts.append(f"{many(mended, 'kernel')} lower{'s' if mended == 1 else ''} that did not")
    same = sum(counts[outcome] for outcome in _UNCHANGED)
    if same:
        rest = "the others generate" if same == total - broken - differs - mended and same > 1 else f"{same} generate"
        parts.append(f"{rest}{'s' if rest == '1 generate' else ''} the same")
    return "; ".join(parts)


def _no_effect(counts: Counter[Outcome], total: int, missed: Sequence[MissedEntry]) -> str:
    same = sum(counts[outcome] for outcome in _UNCHANGED)
    but = [
        f"{counts[outcome]} {words}"
        for outcome, words in (
            (Outcome.UNSTABLE, "not lowered the same twice"),
            (Outcome.FAILS_ALIKE, "failing on both sides"),
        )
        if counts[outcome]
    ]
    unknown = f", {' and '.join(but)}" if but else ""
    unknown += f", {many(len({item.name for item in missed}), 'script')} missed" if missed else ""
    if not same:
        return f"nothing can be told: {many(total, 'kernel')}{unknown}"
    if counts[Outcome.SAME_CODE]:
        how = "generate the same code" if same > 1 else "generates the same code"
    elif counts[Outcome.EQUIVALENT]:
        how = "are the same after matching names" if same > 1 else "is the same after matching names"
    else:
        how = "are the same at every pass" if same > 1 else "is the same at every pass"
    whole = f"{same} of {many(total, 'kernel')}" if but else _all(total)
    return f"no effect: {whole} {how}{unknown}"


def _all(total: int) -> str:
    return "the kernel" if total == 1 else "both kernels" if total == 2 else f"all {total:,} kernels"


def details_of(
    kernels: Sequence[KernelRow],
    counts: Counter[Outcome],
    entries: int,
    missed: Sequence[MissedEntry],
    not_measured: str,
) -> Iterator[str]:
    """The lines that prove the answer, the most important first."""
    sides = Counter(item.side for item in missed)
    lacking = f"{sides['baseline']} missed on baseline, {sides['candidate']} on candidate"
    yield f"based on {many(len(kernels), 'kernel')} of {_scripts(entries)}; {lacking if missed else 'none missed'}"
    if kernels:
        yield ", ".join(_counted(outcome, kernels, counts) for outcome in SEVERITY if counts[outcome])
    passes = _first_passes(kernels)
    if passes:
        named = [f"{name} {count}" for name, count in passes.most_common(_MOST_PASSES)]
        more = f", and {len(passes) - _MOST_PASSES} more" if len(passes) > _MOST_PASSES else ""
        yield f"seen first in: {', '.join(named)}{more}"
    yield from _resource_lines(kernels)
    printed = sum(row.change.printed_lines for row in kernels)
    if printed:
        yield f"{printed:,} lines of the passes are only written differently; nothing here counts them"
    if not_measured:
        yield not_measured


def _counted(outcome: Outcome, kernels: Sequence[KernelRow], counts: Counter[Outcome]) -> str:
    """``16 differ (cuda:sm_80 9, cuda:sm_90a 7)``; targets only where they tell something."""
    targets = Counter(row.target for row in kernels if row.change.outcome is outcome)
    several = len({row.target for row in kernels}) > 1 and outcome in CHANGED
    where = f" ({', '.join(f'{target} {count}' for target, count in sorted(targets.items()))})" if several else ""
    return f"{counts[outcome]:,} {_VERBS[outcome][counts[outcome] != 1]}{where}"


def _first_passes(kernels: Sequence[KernelRow]) -> Counter[str]:
    """Kernels that generate other code, by the passes in which a pattern of theirs is seen first."""
    found: Counter[str] = Counter()
    for row in kernels:
        if row.change.outcome is Outcome.DIFFERS:
            found.update({pattern.pass_name for pattern in row.change.patterns if pattern.pass_name})
    return found


def _resource_lines(kernels: Sequence[KernelRow]) -> Iterator[str]:
    """``registers: 5 more (at most 98 to 122, gemm cuda:sm_80), 2 fewer (...)``."""
    for name in dict.fromkeys(name for row in kernels for name in row.resources):
        moved = [(row.resources[name][1] - row.resources[name][0], row) for row in kernels if name in row.resources]
        words = []
        for word, sign in (("more", 1), ("fewer", -1)):
            found = [(by, row) for by, row in moved if by * sign > 0]
            if found:
                _, most = max(found, key=lambda item: abs(item[0]))
                one, other = most.resources[name]
                words.append(f"{len(found)} {word} (at most {one:,} to {other:,}, {most.shown} {most.target})")
        yield f"{name}: {', '.join(words)}"


def passes_of(group: PatternGroup) -> str:
    """The passes in which a pattern is seen first; counted where there are several."""
    if len(group.passes) == 1:
        return group.pass_name
    return ", ".join(f"{name} {count}" for name, count in list(group.passes.items())[:_MOST_SEEN])


def numbers_of(row: KernelRow) -> str:
    """What the change costs one kernel: machine code, then lines of source, then what the module holds."""
    change = row.change
    words = [f"{name} {one:,} to {other:,}" for name, (one, other) in row.resources.items()]
    if change.source_removed or change.source_added:
        words.append(f"source -{change.source_removed} +{change.source_added}")
    telling = [delta for delta in change.metrics if delta.name != "lines" and "loops" not in delta.name]
    words += [f"{delta.name} {delta.before or 0:,} to {delta.after or 0:,}" for delta in telling[:_MOST_METRICS]]
    if not words and change.effect_lines:
        words.append(f"{change.effect_lines:,} lines of effects")
    return ", ".join(words)


# ---- one build


def survey_headline(entries: Sequence[CapturedEntry]) -> str:
    return f"{many(sum(len(entry.kernels) for entry in entries), 'kernel')} captured from {_scripts(len(entries))}"


def survey_details(entries: Sequence[CapturedEntry], left_out: int) -> Iterator[str]:
    scripts = [entry for entry in entries if entry.kernels or entry.why_missing]
    whole = [entry for entry in scripts if entry.kernels and not entry.why_missing]
    if scripts:
        share = 100 * len(whole) / len(scripts)
        yield (
            f"all kernels of {len(whole)} of {len(scripts)} scripts and zoo kernels that compile any ({share:.0f} %)"
        )
    else:
        yield "nothing compiles any kernel"
    failed = sum(bool(kernel.failure) for entry in entries for kernel in entry.kernels)
    lowered = sum(len(entry.kernels) for entry in entries) - failed
    yield f"{lowered} lower, {failed} do not; {left_out} left out"


def _scripts(count: int) -> str:
    return many(count, "script or zoo kernel", "scripts and zoo kernels")


def many(count: int, one: str, more: str = "") -> str:
    """``1 kernel``, ``2 kernels``."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
