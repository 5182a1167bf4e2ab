"""What was run and measured for this change."""

from __future__ import annotations

import re

from scaffold.contribute.body import NOT_RUN, blocks
from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, quiet, unknown
from scaffold.contribute.preflight.reading import is_source
from scaffold.contribute.preflight.rules.body import find_section

_FASTER = re.compile(
    r"\b(faster|speed(s|ing)?[ -]?up|speedup|accelerat\w*|(reduce|cut)s? (the )?(time|latency))\b", re.IGNORECASE
)


def run_again(facts: Facts, *steps: str) -> str:
    """What brings evidence of these steps."""
    run = " ".join(("python -m scaffold evidence", *(f"--only {step}" for step in steps)))
    return run if facts.draft else f"python -m scaffold new-pr {facts.kind.name} --adopt, and then {run}"


class EvidenceFresh(Rule):
    id = "evidence-fresh"
    title = "What the description shows was run on this change"
    why = "Numbers of another state of the branch are believed once; the first who repeats them does not again."
    link = "https://github.com/tile-ai/tilelang/pull/2795"

    def check(self, facts: Facts) -> Answer:
        wanted = facts.kind.evidence if facts.draft else ()
        if not facts.evidence and not wanted:
            return quiet("no evidence is asked of this branch")
        stale = [step for step, result in facts.evidence.items() if result.stale]
        if stale:
            return failed(
                f"{', '.join(stale)} ran on another state of the change",
                *(f"{step}: {facts.evidence[step].verdict}" for step in stale),
                fix=run_again(facts, *stale),
            )
        missing = [step for step in wanted if step not in facts.evidence and step not in facts.not_run]
        if missing:
            return unknown(f"not run: {', '.join(missing)}", fix="python -m scaffold evidence")
        told = [f"{', '.join(facts.evidence)} ran on this state"] if facts.evidence else []
        told += [f"{step} not run: {why}" for step, why in facts.not_run.items() if step in wanted]
        return passed("; ".join(told))


class TestsPass(Rule):
    id = "tests-pass"
    title = "The tests of the change pass"
    why = "Upstream's CI runs them for you only after a maintainer lets it; its GPU legs never run on a fork."
    link = "https://github.com/tile-ai/tilelang/blob/main/.github/workflows/ci.yml"

    def check(self, facts: Facts) -> Answer:
        result = facts.evidence.get("tests")
        if result is None or result.stale:
            if not _has_tests(facts):
                return quiet("no test is changed")
            return unknown("not run on this state of the change", fix=run_again(facts, "tests"))
        reason = str(result.details.get("reason") or result.verdict)
        if result.details.get("passes_now") is False:
            return failed(f"tests fail: {reason}", fix=run_again(facts, "tests"))
        if result.details.get("nothing_ran") or result.details.get("passes_now") is not True:
            return unknown(f"no test ran here: {reason}", fix="run them on a machine with the GPU they ask for")
        return passed(result.verdict)


class TestFailsOnBase(Rule):
    id = "test-fails-on-base"
    title = "The new test fails without the change"
    why = "A test that passes before the fix does not show that the fix was needed, and guards nothing."
    link = "https://github.com/tile-ai/tilelang/pull/2887"

    def check(self, facts: Facts) -> Answer:
        if not facts.kind.expects.fails_on_base:
            return quiet(f"not expected of kind {facts.kind.name}")
        result = facts.evidence.get("tests")
        if result is None or result.stale:
            return unknown("not run on the base", fix=run_again(facts, "tests"))
        fails = result.details.get("fails_on_base")
        if fails is True:
            return passed(result.verdict)
        reason = str(result.details.get("reason") or result.verdict)
        if fails is False:
            return failed(
                f"the test passes on the base as well: {reason}",
                fix="make it show the fault: run it at the base until it fails for the reason of the issue",
            )
        return unknown(f"not known: {reason}", fix="run it on a machine with the GPU it asks for")


class IrAcknowledged(Rule):
    id = "ir-acknowledged"
    title = "Kernels that generate other code are spoken of"
    why = "A change of a pass reaches kernels nobody thought of; a refactoring must reach none."
    link = "https://github.com/tile-ai/tilelang/pull/2112"

    def check(self, facts: Facts) -> Answer:
        result = facts.evidence.get("corpus") or facts.evidence.get("tir-diff")
        expects = facts.kind.expects.changes_code
        if result is None or result.stale:
            if (expects is False or "corpus" in facts.kind.evidence) and any(map(is_source, facts.change.present)):
                expected = ", which a change of this kind leaves alone," if expects is False else ""
                return unknown(f"generated code{expected} was not compared", fix=run_again(facts, "corpus"))
            return quiet("generated code was not compared")
        differs, kernels = result.details.get("differs"), result.details.get("kernels")
        if not isinstance(differs, int):
            return unknown(f"the comparison does not say how many kernels differ: {result.verdict}")
        if differs == 0:
            return passed(f"none of {kernels} kernels generates other code")
        said = f"{differs} of {kernels} kernels generate other code"
        if expects is False:
            return failed(
                f"{said}, and a change of kind {facts.kind.name} should change none",
                fix="find the pass: python -m scaffold tir-diff --corpus, or choose another kind",
            )
        if not _speaks_of_code(facts.body):
            return failed(
                f"{said}, and the description does not speak of it",
                fix=run_again(facts, "corpus"),
            )
        return passed(f"{said}, and the description says so")


def _speaks_of_code(body: str) -> bool:
    """Whether the part on the IR is filled, by ``evidence`` or by hand."""
    filled = blocks(body).get("ir", "")
    return bool(filled and filled != NOT_RUN) or bool(find_section(body, "ir", "tir", "code", "kernels"))


class BenchmarkPresent(Rule):
    id = "benchmark-present"
    title = "A claim of speed has a measurement"
    why = "Maintainers ask for a table, or for a regression case their perf bot can run."
    link = "https://github.com/tile-ai/tilelang/pull/2659"

    def check(self, facts: Facts) -> Answer:
        if not (facts.kind.expects.benchmark or claims_speed(facts.title)):
            return quiet("no speed is claimed")
        cases = [path for path in facts.change.present if _is_benchmark(path)]
        if cases:
            return passed(f"with {cases[0]}")
        section = find_section(facts.body, "performance", "benchmark", "benchmarks", "speed")
        if section and re.search(r"\d", section):
            return passed("measured in the description")
        if facts.draft is None:
            return unknown("no benchmark in the change, and no description", fix=run_again(facts, "bench"))
        return failed("no benchmark in the change, and no numbers in the description", fix=run_again(facts, "bench"))


class VerdictSupportsTitle(Rule):
    id = "verdict-supports-title"
    title = "What was measured is what the title says"
    why = "A title that says faster and a table that does not is closed, rightly."
    link = "https://github.com/tile-ai/tilelang/pull/2469"

    def check(self, facts: Facts) -> Answer:
        result = facts.evidence.get("bench")
        claims = claims_speed(facts.title)
        if result is None or result.stale:
            if claims:
                return unknown("the title claims speed, and nothing was measured", fix=run_again(facts, "bench"))
            return quiet("nothing was measured")
        verdicts = result.details.get("verdicts")
        words = {str(name): str(word) for name, word in verdicts.items()} if isinstance(verdicts, dict) else {}
        bad = [f"{name}: {word}" for name, word in words.items() if word in ("SLOWER", "WRONG")]
        if bad:
            return failed(f"{bad[0]}", *bad[1:], fix="find out why, python -m scaffold explain, and say it or mend it")
        if claims and "FASTER" not in words.values():
            seen = ", ".join(f"{name} {word}" for name, word in words.items()) or result.verdict
            return failed(
                f"the title claims speed, and the measurement does not: {seen}",
                fix="measure the kernel and shapes that gain, or say what it is instead",
            )
        return passed(", ".join(f"{name} {word}" for name, word in words.items()) or result.verdict)


def claims_speed(title: str) -> bool:
    return bool(_FASTER.search(title))


def _has_tests(facts: Facts) -> bool:
    return any(path.startswith("testing/") or "/test_" in path for path in facts.change.present)


def _is_benchmark(path: str) -> bool:
    name = path.rpartition("/")[2]
    return path.startswith("benchmark/") or name.startswith(("regression_", "benchmark_"))
