"""Claims of speed, and what was measured."""

from __future__ import annotations

import re

from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, quiet
from scaffold.contribute.preflight.rules.body import find_section, written
from scaffold.contribute.preflight.rules.evidence import not_known
from scaffold.report.bench_view import FINDINGS

_FASTER = re.compile(
    r"\b(faster|speed(s|ing)?[ -]?up|speedup|accelerat\w*|(reduce|cut)s? (the )?(time|latency))\b", re.IGNORECASE
)


class BenchmarkPresent(Rule):
    id = "benchmark-present"
    title = "A claim of speed has a measurement"
    why = "Maintainers ask for a table, or for a regression case their perf bot can run."
    link = "https://github.com/tile-ai/tilelang/pull/2659"

    def check(self, facts: Facts) -> Answer:
        claims = claims_speed(facts.title)
        if not (facts.kind.expects.benchmark or claims):
            return quiet("no speed is claimed")
        claims = claims or claims_speed(find_section(written(facts.body), "summary") or "")
        cases = [path for path in facts.change.present if _is_benchmark(path)]
        if cases:
            return passed(f"with {cases[0]}")
        section = find_section(facts.body, "performance", "benchmark", "benchmarks", "speed")
        if section and re.search(r"\d", section):
            by = "measured" if (result := facts.evidence.get("bench")) and not result.stale else "by hand, with numbers"
            return passed(f"{by} in the description")
        if facts.draft is None:
            return not_known(facts, "no benchmark in the change, and no description", "bench")
        answer = not_known(facts, "no benchmark in the change, and no numbers in the description", "bench")
        fix = answer.fix or "add a regression case, or numbers by hand"
        if claims:
            return Answer("failed", answer.message, fix=fix, elsewhere=answer.elsewhere)
        # Upstream has taken such changes: https://github.com/tile-ai/tilelang/pull/2637
        return Answer("warned", f"{answer.message}; nothing claims speed", fix=fix, elsewhere=answer.elsewhere)


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
                return not_known(facts, "the title claims speed, and nothing was measured", "bench")
            return quiet("nothing was measured")
        verdicts = result.details.get("verdicts")
        words = {str(name): str(word) for name, word in verdicts.items()} if isinstance(verdicts, dict) else {}
        bad = [f"{name}: {word}" for name, word in words.items() if word in FINDINGS]
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


def _is_benchmark(path: str) -> bool:
    name = path.rpartition("/")[2]
    return path.startswith("benchmark/") or name.startswith(("regression_", "benchmark_"))
