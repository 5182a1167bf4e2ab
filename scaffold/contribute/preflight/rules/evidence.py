"""What was run for this change: tests, and kernels on both sides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from scaffold.contribute.body import NOT_RUN, blocks
from scaffold.contribute.change import is_test_file
from scaffold.contribute.preflight.model import (
    Answer,
    Facts,
    NotRun,
    Rule,
    StepResult,
    failed,
    passed,
    quiet,
    unknown,
)
from scaffold.contribute.preflight.reading import is_source
from scaffold.contribute.preflight.rules.body import find_section
from scaffold.contribute.preflight.rules.tests import says_why_no_test

#: Steps that compare generated code: the kernels of the draft, upstream's examples, other kernels.
_COMPARED = ("tir-diff", "examples", "corpus")
#: Those of them that look for kernels nobody thought of.
_WIDE = ("examples", "corpus")


def run_again(facts: Facts, *steps: str) -> str:
    """What brings evidence of these steps."""
    run = " ".join(("python -m scaffold evidence", *(f"--only {step}" for step in steps)))
    return run if facts.draft else f"python -m scaffold new-pr {facts.kind.name} --adopt, and then {run}"


def not_known(facts: Facts, message: str, step: str) -> Answer:
    """Unknown for want of a step: with what runs it, or with why it was not run and what that takes."""
    tried = facts.not_run.get(step)
    if tried is None:
        return unknown(message, fix=run_again(facts, step))
    fix = elsewhere(facts, {step: tried}) if tried.cannot else ""
    return Answer("unknown", f"{message}: {tried.why}", fix=fix, elsewhere=True)


def elsewhere(facts: Facts, tried: Mapping[str, NotRun]) -> str:
    """What runs steps that cannot be run here, and what it takes."""
    by_need: dict[str, list[str]] = {}
    for step, item in tried.items():
        by_need.setdefault(_takes(item.why), []).append(step)
    return "; ".join(f"{run_again(facts, *steps)} {need}" for need, steps in by_need.items())


def _takes(why: str) -> str:
    if re.search(r"\bGPUs?\b", why):
        return "on a machine with a GPU"
    return "once pr.toml names a kernel" if "pr.toml" in why else "where it can be run"


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
        tried = {str(step): item for step, item in facts.not_run.items() if step in wanted}
        cannot = {step: item for step, item in tried.items() if item.cannot}
        told = [f"not run: {', '.join(missing)}"] if missing else []
        told += [f"{step} cannot be run here: {item.why}" for step, item in cannot.items()]
        told += [f"{', '.join(facts.evidence)} ran on this state"] if facts.evidence else []
        told += [f"{step} not run: {item.why}" for step, item in tried.items() if not item.cannot]
        if missing:
            return unknown("; ".join(told), fix="python -m scaffold evidence")
        if cannot:
            return Answer("unknown", "; ".join(told), fix=elsewhere(facts, cannot), elsewhere=True)
        return passed("; ".join(told))


@dataclass(frozen=True)
class _Own:
    """How many tests of the files that the branch adds or changes came to what; ``reason`` is why some were skipped."""

    passed: int
    failed: int
    skipped: int
    reason: str

    @property
    def count(self) -> int:
        return self.passed + self.failed + self.skipped

    @property
    def unseen(self) -> bool:
        """Whether there are some, and none of them ran."""
        return self.skipped > 0 and not self.passed and not self.failed

    @property
    def told(self) -> str:
        one = self.count == 1
        what = "the test of the branch did not run" if one else f"none of the {self.count} tests of the branch ran"
        return f"{what} here: {self.reason or 'no reason given'}"


def _own(result: StepResult) -> _Own | None:
    """Of the branch's own tests; ``None`` in a record that does not tell them from others."""
    own = result.details.get("own")
    if not isinstance(own, Mapping):
        return None
    counts = [own.get(word, 0) for word in ("passed", "failed", "skipped")]
    if not all(isinstance(count, int) for count in counts):
        return None
    reason = str(result.details.get("own_reason") or result.details.get("reason") or "")
    return _Own(counts[0], counts[1], counts[2], reason)


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
            return not_known(facts, "not run on this state of the change", "tests")
        reason = str(result.details.get("reason") or result.verdict)
        own = _own(result)
        if own and own.failed:
            return failed(f"{own.failed} of the branch's own tests fail: {reason}", fix=run_again(facts, "tests"))
        if result.details.get("passes_now") is False:
            return failed(f"tests fail: {reason}", fix=run_again(facts, "tests"))
        if own and own.unseen:
            others = re.match(r"([1-9]\d*) passed", result.verdict)
            told = own.told + (f"; {others[1]} of others passed" if others else "")
            return unknown(told, fix="run them on a machine with the GPU they ask for")
        if result.details.get("nothing_ran"):
            return unknown(f"no test ran here: {reason}", fix="run them on a machine with the GPU they ask for")
        if result.details.get("passes_now") is not True:
            return unknown(
                f"no test passes here, on the base or with the change: {reason}", fix=run_again(facts, "tests")
            )
        if own is None:
            return passed(result.verdict)
        if not own.count and any(map(is_test_file, facts.change.present)):
            return unknown(
                f"no test was found in the test files of the branch; of upstream's: {result.verdict}",
                fix="see what pytest says of these files",
            )
        if not own.count:
            return passed(f"{result.verdict}; these are upstream's, the branch has none of its own")
        skipped = f"; {own.skipped} of the branch's {own.count} skipped: {own.reason or 'no reason given'}"
        return passed(result.verdict + (skipped if own.skipped else ""))


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
            return not_known(facts, "not run on the base", "tests")
        own = _own(result)
        if own and own.unseen:
            return unknown(own.told, fix="run it on a machine with the GPU it asks for")
        if own and not own.count:
            if says_why_no_test(facts.body):
                return quiet("the description says why there is no test")
            return unknown("the branch has no test of its own", fix="add one that fails without the change")
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
        fresh = {step: facts.evidence[step] for step in _COMPARED if step in facts.evidence}
        fresh = {step: result for step, result in fresh.items() if not result.stale}
        counts = {step: count for step, result in fresh.items() if (count := _differing(result))}
        silent = [f"{step}: {result.verdict}" for step, result in fresh.items() if step not in counts]
        if not counts and not silent:
            return self._not_compared(facts)
        differs, kernels = (sum(count[place] for count in counts.values()) for place in (0, 1))
        told = [f"{step} {differing} of {of}" for step, (differing, of) in counts.items()]
        where = ", ".join(told) if len(told) > 1 else ", ".join(counts)
        if differs:
            return self._differing(facts, f"{differs} of {kernels} kernels generate other code ({where})", counts)
        same = f"none of {kernels} kernels generates other code ({where})" if counts else ""
        if silent:
            told = [f"the comparison does not say how many kernels differ: {'; '.join(silent)}"]
            return unknown("; ".join([*told, *([same] if same else [])]))
        missing = _still_to_compare(facts)
        if missing:
            return not_known(facts, f"{same}; {missing[0]} was not compared", missing[0])
        return passed(same)

    @staticmethod
    def _not_compared(facts: Facts) -> Answer:
        expects, wanted = facts.kind.expects.changes_code, set(_COMPARED) & set(facts.kind.evidence)
        if not (expects is False or wanted) or not any(map(is_source, facts.change.present)):
            return quiet("generated code was not compared")
        reasons = {item.why for step, item in facts.not_run.items() if step in wanted and not item.cannot}
        if reasons and not _still_to_compare(facts):
            return quiet(f"generated code was not compared: {'; '.join(sorted(reasons))}")
        expected = ", which a change of this kind leaves alone," if expects is False else ""
        missing = [*_still_to_compare(facts), "corpus"]
        return not_known(facts, f"generated code{expected} was not compared", missing[0])

    @staticmethod
    def _differing(facts: Facts, said: str, counts: Mapping[str, tuple[int, int]]) -> Answer:
        if facts.kind.expects.changes_code is False:
            return failed(
                f"{said}, and a change of kind {facts.kind.name} should change none",
                fix="find the pass: python -m scaffold tir-diff --corpus, or choose another kind",
            )
        if not _speaks_of_code(facts.body):
            steps = [step for step, (differing, _) in counts.items() if differing]
            return failed(f"{said}, and the description does not speak of it", fix=run_again(facts, *steps))
        return passed(f"{said}, and the description says so")


def _differing(result: StepResult) -> tuple[int, int] | None:
    """How many kernels differ, and of how many; ``None`` where the step does not say."""
    differs, kernels = result.details.get("differs"), result.details.get("kernels")
    return (differs, kernels) if isinstance(differs, int) and isinstance(kernels, int) else None


def _still_to_compare(facts: Facts) -> list[str]:
    """Steps the kind asks for that look at many kernels and have no result of now, though they would apply."""
    absent = [step for step in _WIDE if step in facts.kind.evidence and not _is_fresh(facts, step)]
    return [step for step in absent if step not in facts.not_run or facts.not_run[step].cannot]


def _is_fresh(facts: Facts, step: str) -> bool:
    return step in facts.evidence and not facts.evidence[step].stale


def _speaks_of_code(body: str) -> bool:
    """Whether the part on the IR is filled, by ``evidence`` or by hand."""
    filled = blocks(body).get("ir", "")
    return bool(filled and filled != NOT_RUN) or bool(find_section(body, "ir", "tir", "code", "kernels"))


def _has_tests(facts: Facts) -> bool:
    return any(path.startswith("testing/") or is_test_file(path) for path in facts.change.present)
