"""From what was measured to what is shown: rates, shares of the roof, verdicts over all rows, the first line."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scaffold.measure.bench import Outcome, Raced
from scaffold.measure.cases import Options, Side
from scaffold.measure.ceilings import Ceiling
from scaffold.measure.statistics import Effect, Judgement, judge_rows, looks
from scaffold.measure.work import matrix_dtype, work_of
from scaffold.probe.protocol import KernelRequest
from scaffold.report.bench_view import (
    Arm,
    BenchReport,
    BenchRow,
    BenchSide,
    Code,
    Comparison,
    Ratio,
    Word,
)
from scaffold.report.bench_words import duration, rate_text, ratio_text, roof_text

#: What the whole answer is called, if any row is: the first of these.
_BY_WEIGHT: tuple[Word, ...] = (
    "WRONG", "FAILED", "SLOWER", "FASTER", "AMBIGUOUS", "NOT TIMED", "SAME", "EQUAL CODE",
)  # fmt: skip

LABELS = {"torch": "PyTorch", "triton": "Triton", "again": "baseline again"}


@dataclass(frozen=True)
class Told:
    """What only the command line knows: when it began, what it took, what was typed and what to type next."""

    started_at: str
    seconds: float
    command: str
    next_command: str


def bench_report(outcome: Outcome, sides: Sequence[Side], options: Options, told: Told) -> BenchReport:
    """The whole answer."""
    planned = len(looks(options.most_rounds))
    asked = [(one, pair) for one in outcome.raced for pair in one.runner.pairs]
    effects = [one.runner.effect(*pair, planned_looks=planned) for one, pair in asked]
    again = [one.runner.effect("baseline", "again", planned_looks=planned) for one, _ in asked]
    timed = [at for at, effect in enumerate(effects) if effect is not None]
    judged: dict[int, Judgement] = dict(
        zip(
            timed,
            judge_rows([effects[at] for at in timed], [again[at] for at in timed], smallest=options.smallest),  # type: ignore[misc]
            strict=True,
        )
    )
    found: dict[int, list[Comparison]] = {}
    for at, (one, pair) in enumerate(asked):
        comparison = _comparison(one, pair, effects[at], again[at], judged.get(at))
        found.setdefault(id(one), []).append(comparison)
    rows = tuple(_row(one, found.get(id(one), []), outcome.ceiling) for one in outcome.raced)
    two_sided = any(one.case.candidate is not None for one in outcome.raced)
    word, headline = _headline(rows, two_sided=two_sided)
    return BenchReport(
        headline=headline,
        outcome=word,
        details=tuple(_details(rows, options)),
        device=outcome.device,
        sides=tuple(BenchSide(side.label, side.build.name, side.version, side.detail) for side in sides),
        rows=rows,
        smallest=options.smallest,
        two_sided=two_sided,
        seconds=told.seconds,
        started_at=told.started_at,
        command=told.command,
        next_command=told.next_command,
    )


def _comparison(
    one: Raced, pair: tuple[str, str], effect: Effect | None, again: Effect | None, judged: Judgement | None
) -> Comparison:
    word, reason = _untimed(one, pair)
    if effect is not None and judged is not None and not word:
        word, reason = judged.verdict.value, judged.reason
    return Comparison(
        baseline=pair[0],
        candidate=pair[1],
        word=word or "NOT TIMED",
        reason=reason,
        ratio=_ratio(effect),
        again=_ratio(again),
        stopped=one.runner.stopped,
    )


def _untimed(one: Raced, pair: Sequence[str]) -> tuple[Word | None, str]:
    """Why there is no verdict, where there is none."""
    for arm in pair:
        if said := one.runner.failure.get(arm):
            block = one.checked.get(arm)
            return ("WRONG" if block is not None and block.wrong else "FAILED"), f"{arm}: {said}"
    if one.equal and not one.runner.blocks:
        return "EQUAL CODE", "the machine code is equal, and launched alike: not timed"
    if one.runner.stopped.startswith("the device was held back"):
        return "AMBIGUOUS", one.runner.stopped
    return None, ""


def _ratio(effect: Effect | None) -> Ratio | None:
    if effect is None:
        return None
    return Ratio(effect.ratio, effect.low, effect.high, effect.p_value, effect.rounds)


def _row(one: Raced, comparisons: list[Comparison], ceiling: Ceiling | None) -> BenchRow:
    request = one.case.baseline
    flops, moved = work_of(request)
    arms = [_arm(one, "baseline", request, ceiling)]
    if one.case.candidate is not None:
        arms.append(_arm(one, "candidate", one.case.candidate, ceiling))
    if one.runner.blocks.get("again"):
        arms.append(_arm(one, "again", request, ceiling))
    arms += [_arm(one, name, request, ceiling) for name in ("torch", "triton") if name in _contenders(one)]
    if not comparisons and (one.case.candidate is not None or "baseline" in one.runner.failure):
        pair = ("baseline", "candidate" if one.case.candidate is not None else "baseline")
        word, reason = _untimed(one, pair)
        comparisons = [Comparison(*pair, word=word or "NOT TIMED", reason=reason)]
    return BenchRow(
        kernel=one.case.name,
        target=request.target,
        parameters=dict(request.parameters),
        flops=flops,
        bytes=moved,
        arms=tuple(arms),
        comparisons=tuple(comparisons),
        notes=(*one.notes, *one.runner.notes),
    )


def _contenders(one: Raced) -> set[str]:
    return {*one.case.contenders, *one.runner.case.contenders}


def _arm(one: Raced, key: str, request: KernelRequest, ceiling: Ceiling | None) -> Arm:
    checked = one.checked.get(key)
    label = LABELS.get(key, key)
    failure = one.runner.failure.get(key, "")
    medians = one.runner.medians(key)
    common = {
        "outputs": checked.outputs if checked else (),
        "code": one.code.get(key, Code()),
        "blocks": tuple(one.runner.blocks.get(key, ())),
    }
    if not medians:
        return Arm(key, label, why_missing=failure or ("equal code" if one.equal else "not timed"), **common)  # type: ignore[arg-type]
    median_ms = statistics.median(medians)
    flops, moved = work_of(request)
    roof = ceiling.roof(flops, moved, matrix_dtype(request)) if ceiling else None
    return Arm(
        key,
        label,
        median_ms=median_ms,
        low_ms=min(medians),
        high_ms=max(medians),
        method=one.runner.method.get(key, ""),
        tflops=flops / median_ms / 1e9 if flops else None,
        gbytes_per_s=moved / median_ms / 1e6 if moved else None,
        roof=roof[0] / median_ms if roof else None,
        roof_of=roof[1] if roof else "",
        **common,  # type: ignore[arg-type]
    )


def _headline(rows: Sequence[BenchRow], *, two_sided: bool) -> tuple[Word, str]:
    words: Counter[Word] = Counter(row.asked.word if row.asked else "NOT TIMED" for row in rows)
    if not two_sided:
        return _headline_one_side(rows)
    word = next(one for one in _BY_WEIGHT if words[one])
    if len(rows) == 1:
        row = rows[0]
        return word, f"{row.kernel}: {_of_one(row)}"
    parts = [f"{count} {one}" for one in _BY_WEIGHT if (count := words[one])]
    return word, f"{len(rows)} kernels: {', '.join(parts)}"


def _of_one(row: BenchRow) -> str:
    asked = row.asked
    if asked is None or asked.ratio is None:
        return f"{asked.word}: {asked.reason}" if asked else "not timed"
    ratio = asked.ratio
    return f"{asked.word}, {asked.reason}: candidate / baseline {ratio_text(ratio)}"


def _headline_one_side(rows: Sequence[BenchRow]) -> tuple[Word, str]:
    failed: list[Word] = [row.asked.word for row in rows if row.asked and row.asked.word in ("WRONG", "FAILED")]
    timed = [row for row in rows if (arm := row.arm("baseline")) and arm.median_ms is not None]
    word: Word = failed[0] if failed else "SAME"
    if len(rows) == 1 and timed:
        arm = timed[0].arm("baseline")
        if arm is not None and arm.median_ms is not None:
            roof = f", {roof_text(arm, whole=True)}" if arm.roof is not None else ""
            rate = f", {rate_text(arm)}" if arm.gbytes_per_s is not None else ""
            return word, f"{timed[0].kernel} takes {duration(arm.median_ms)}{rate}{roof}"
    said = f"{len(timed)} of {len(rows)} kernels timed"
    return word, f"{said}, {len(failed)} failed or wrong" if failed else said


def _details(rows: Sequence[BenchRow], options: Options) -> list[str]:
    counts = [comparison.ratio.rounds for row in rows for comparison in row.comparisons if comparison.ratio]
    lines = [
        f"smallest effect of interest {options.smallest:.1%}; A/A beside every ratio is the baseline against itself"
    ]
    if counts:
        span = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
        lines.append(f"{span} rounds of fresh processes, in random order")
    return lines
