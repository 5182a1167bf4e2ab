"""Run one step of evidence: each takes the builds and gives a record, or says why it cannot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from scaffold.contribute.change import is_test_file
from scaffold.contribute.evidence.code import compare_corpus, compare_examples, compare_kernels
from scaffold.contribute.evidence.model import StepRecord
from scaffold.contribute.evidence.proof import tests_proof
from scaffold.contribute.evidence.repro import run_repro
from scaffold.contribute.evidence.speed import compare_profiles, compare_times
from scaffold.contribute.evidence.testing import TestRow, TestsOnBoth, run_on_both
from scaffold.contribute.evidence.work import Work, document_of, found, impossible, needless
from scaffold.contribute.kinds import Step
from scaffold.contribute.preflight.rules.docs import BUILT_BEFORE
from scaffold.report.corpus_words import many

_MOST_TESTS = 8


def run_step(step: Step, work: Work, key: str) -> StepRecord:
    """Run it; what the program under test does wrong is a result, not an error."""
    empty = StepRecord(step=step, key=key, at=time.time())
    return _STEPS[step](work, empty)


def _tests(work: Work, record: StepRecord) -> StepRecord:
    own = [path for path in work.change.present if is_test_file(path)]
    others = [hit.name for hit in work.impact.tests if hit.name not in own]
    paths = own + [path for path in others if (work.change.root / path).is_file()][: max(0, _MOST_TESTS - len(own))]
    if not paths:
        return needless(record, "no test of the branch, and none of upstream's, is about what it touches")
    both = run_on_both(paths, work.change, work.sides, work.workspace, work.progress, timeout_s=work.timeout_s)
    details, verdict = judge(both, own)
    return found(
        record,
        verdict=verdict,
        finding=not (details["passes_now"] or details["nothing_ran"]),
        proof=tests_proof(both),
        commands=tuple(f"python -m pytest {path}" for path in paths),
        details=details,
    )


def judge(both: TestsOnBoth, own: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Details for the rules of preflight, and one line; ``own`` are the files the branch adds or changes."""
    # A test of upstream's in such a file that fails with and without the change says nothing of it.
    rows = [row for row in both.rows if row.path in own and row not in both.failing_on_both]
    nothing = not both.ran
    none_passes = not any(row.candidate == "passed" for row in both.rows) and not both.broken
    details: dict[str, Any] = {
        "nothing_ran": nothing,
        "fails_on_base": None if none_passes else bool(both.mended),
        "passes_now": None if none_passes else not both.broken,
        "reason": next((row.reason for row in (both.ran or both.rows) if row.reason), "") if none_passes else "",
        "own": {word: sum(row.candidate == word for row in rows) for word in ("passed", "failed", "skipped")},
        "skipped": sum(row.candidate == "skipped" for row in both.rows),
        "own_reason": next((row.reason for row in rows if row.candidate == "skipped"), ""),
    }
    skipped = details["skipped"]
    if nothing:
        return details, f"nothing ran here: {many(skipped, 'test')} skipped ({details['reason'] or 'no reason given'})"
    return details, "; ".join(_words(both, rows, skipped))


def _words(both: TestsOnBoth, own: Sequence[TestRow], skipped: int) -> list[str]:
    words = [f"{len(both.broken)} FAILED with the change"] if both.broken else []
    passed, mended = sum(row.candidate == "passed" for row in both.rows), len(both.mended)
    if passed:
        words.append(f"{passed} passed with the change{_on_base(passed, mended)}")
    if both.failing_on_both:
        count = len(both.failing_on_both)
        words.append(f"{count} {'fails' if count == 1 else 'fail'} on both sides")
    if skipped:
        none_ran = own and all(row.candidate == "skipped" for row in own)
        which = "the one" if len(own) == 1 else f"all {len(own)}"
        words.append(f"{skipped} skipped" + (f", {which} of the branch itself among them" if none_ran else ""))
    return words


def _on_base(passed: int, mended: int) -> str:
    """What those that pass with the change do on the base."""
    if not mended:
        return ", and on the base revision as well"
    verb = "fails" if mended == 1 else "fail"
    if mended == passed:
        return f" and {verb} on the base revision" if passed == 1 else f", all of them {verb} on the base revision"
    return f", {mended} of them {verb} on the base revision"


def _docs(work: Work, record: StepRecord) -> StepRecord:
    """Upstream builds its docs only after a merge: a page that breaks them is not caught before."""
    if not any(file.path.startswith("docs/") for file in work.change.files):
        return needless(record, "no file of docs/ is changed")
    said = work.ask("preflight", ["--only", "docs-build", "--checkout", str(work.change.root)])
    rows = [row for row in document_of(said).get("checks", ()) if row["id"] == "docs-build"]
    if said.missing or not rows or rows[0]["word"] in ("unknown", "quiet"):
        why = said.missing or (rows[0]["message"] if rows else "the documentation was not built")
        return impossible(record, why)
    # That preflight had built this state already is no reader's business.
    message = str(rows[0]["message"]).removesuffix(BUILT_BEFORE)
    places = "\n".join(str(place).replace("```", "'''") for place in rows[0]["places"])
    return found(
        record,
        verdict=f"{'builds' if rows[0]['word'] == 'passed' else 'does not build cleanly'}, {message}",
        finding=rows[0]["word"] != "passed",
        proof=f"```\n{places}\n```" if places else "",
        commands=("pip install -r docs/requirements.txt && make -C docs html",),
        details={"builds": rows[0]["word"] != "failed"},
    )


_STEPS: dict[Step, Callable[[Work, StepRecord], StepRecord]] = {
    "repro": run_repro,
    "tests": _tests,
    "docs": _docs,
    "tir-diff": compare_kernels,
    "examples": compare_examples,
    "corpus": compare_corpus,
    "bench": compare_times,
    "profile": compare_profiles,
}
