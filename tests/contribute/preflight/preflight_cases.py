"""For every rule: branches on which it speaks, and branches on which it does not."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from preflight_branch import BODY, FOOTER, PERF, REFACTOR, SHOWN, TEST, Branch, ran
from sources import git

from scaffold.contribute.body import LIMIT, NOT_RUN
from scaffold.contribute.preflight.model import Word

Prepare = Callable[[Branch], None]


@dataclass(frozen=True)
class Case:
    """What is changed, and what the rule must say; ``says`` is part of its answer."""

    rule: str
    word: Word
    what: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    prepare: Prepare | None = None
    says: str = ""

    @property
    def id(self) -> str:
        return f"{self.rule}: {self.what}"


def having(**values: object) -> Prepare:
    def prepare(branch: Branch) -> None:
        for name, value in values.items():
            setattr(branch, name, value)

    return prepare


def titled(title: str) -> Prepare:
    return having(title=title)


SOURCE = {"src/op/gemm.cc": "int gemm() { return 2; }\n"}
NEW_TEST = "testing/python/language/test_tilelang_language_new.py"

TEXT = (
    Case("title-form", "passed", "as upstream's", prepare=titled("[BugFix][Op] Fix it")),
    Case("title-form", "passed", "of a revert", prepare=titled('Revert "[BugFix] Fix it"')),
    Case("title-form", "passed", "with a subsystem nobody wrote of", prepare=titled("[Quasar] Add a pass")),
    Case("title-form", "warned", "without a tag", prepare=titled("Fix it"), says="[BugFix][Subsystem]"),
    Case("title-form", "warned", "of another project", prepare=titled("fix(op): it"), says="another project's style"),
    Case("title-form", "warned", "mistyped", prepare=titled("[BufgFix] Fix it"), says="did you mean [BugFix]?"),
    Case("title-form", "warned", "in the past", prepare=titled("[BugFix] Fixed it"), says="no imperative"),
    Case("title-form", "failed", "empty", prepare=titled("")),
    Case("title-form", "failed", "unfinished", prepare=titled("[BugFix] WIP fix it")),
    Case("title-length", "passed", "short"),
    Case("title-length", "warned", "long", prepare=titled("[BugFix] " + "x" * 80)),
    Case("title-length", "failed", "longer than GitHub takes", prepare=titled("[BugFix] " + "x" * 300)),
    Case("body-complete", "passed", "written"),
    Case("body-complete", "quiet", "no draft", prepare=having(with_draft=False)),
    Case("body-complete", "failed", "empty", prepare=having(body="")),
    Case("body-complete", "failed", "open", prepare=having(body=f"{BODY}<!-- write: why -->"), says="body.md:8: why"),
    Case("body-complete", "failed", "no validation", prepare=having(body="## Summary\n\nx\n"), says="## Validation"),
    Case("body-complete", "warned", "evidence to come", prepare=having(body=f"{BODY}\n## IR\n\n{NOT_RUN}\n")),
    Case("body-length", "passed", "short"),
    Case("body-length", "failed", "too long", prepare=having(body="x" * (LIMIT + 1)), says="65,537"),
    Case("issue-linked", "quiet", "no issue"),
    Case("issue-linked", "passed", "closed", prepare=having(issue=7, body=f"{BODY}\nFixes #7\n")),
    Case("issue-linked", "failed", "another closed", prepare=having(issue=7, body=f"{BODY}\nFixes #77\n")),
    Case("issue-linked", "warned", "named", prepare=having(issue=7, body=f"{BODY}\nSee #7.\n")),
)


def _old(branch: Branch) -> None:
    branch.commit()
    git(branch.root, "switch", "-q", "main")
    git(branch.root, "commit", "-q", "--allow-empty", "-m", "newer")
    git(branch.root, "switch", "-q", "fix/it")


def _fetched_long_ago(branch: Branch) -> None:
    path = branch.root / ".git" / "FETCH_HEAD"
    path.touch()
    os.utime(path, (1, 1))


def _merged(branch: Branch) -> None:
    branch.commit()
    git(branch.root, "switch", "-q", "-c", "side", "main")
    git(branch.root, "commit", "-q", "--allow-empty", "-m", "side")
    git(branch.root, "switch", "-q", "fix/it")
    git(branch.root, "merge", "-q", "--no-ff", "-m", "Merge side", "side")


def committed(subject: str = "[BugFix][Op] Fix it") -> Prepare:
    return lambda branch: branch.commit(subject)


HISTORY = (
    Case("on-top-of-base", "passed", "new", SOURCE),
    Case("on-top-of-base", "warned", "behind", SOURCE, _old, says="1 commit behind main"),
    Case("on-top-of-base", "warned", "not fetched for long", SOURCE, _fetched_long_ago, says="days ago"),
    Case("commits-clean", "passed", "committed", SOURCE, committed()),
    Case("commits-clean", "failed", "uncommitted", {"a file's name.py": "x = 1\n"}, says="a file's name.py"),
    Case("commits-clean", "failed", "fixup", SOURCE, committed("fixup! [BugFix] Fix it"), says="--autosquash"),
    Case("commits-clean", "failed", "wip", SOURCE, committed("wip")),
    Case("commits-clean", "warned", "merge", SOURCE, _merged, says="Merge side"),
)


def evident(**results: object) -> Prepare:
    return having(evidence={name.replace("_", "-"): result for name, result in results.items()})


GOOD = ran("fails on the base, passes now", fails_on_base=True, passes_now=True, nothing_ran=False, reason="")
SKIPPED = ran("nothing ran", fails_on_base=None, passes_now=None, nothing_ran=True, reason="it asks for a GPU")
BROKEN = ran("fails", fails_on_base=False, passes_now=False, nothing_ran=False, reason="assert 1 == 2")
FAST = "[Enhancement] Speed up gemm"
OTHER = ran("3 kernels generate other code", differs=3, kernels=9)
IR = "\n## IR\n\n<!-- evidence: ir -->\nOther kernels: 3 differ\n<!-- end evidence -->\n"


def measured(title: str, **verdicts: str) -> Prepare:
    return having(title=title, evidence={"bench": ran("measured", verdicts=verdicts)})


EVIDENCE = (
    Case("evidence-fresh", "quiet", "none"),
    Case("evidence-fresh", "unknown", "none yet", prepare=having(kind=SHOWN), says="tests, corpus"),
    Case("evidence-fresh", "quiet", "no draft", prepare=having(kind=SHOWN, with_draft=False)),
    Case(
        "evidence-fresh",
        "passed",
        "tried, and not for this change",
        prepare=having(kind=SHOWN, not_run={"tests": "none is about it", "corpus": "nothing that is built is changed"}),
        says="corpus not run: nothing that is built is changed",
    ),
    Case("evidence-fresh", "passed", "of now", prepare=evident(tests=GOOD)),
    Case("evidence-fresh", "failed", "stale", prepare=evident(tests=ran("passed", stale=True)), says="--only tests"),
    Case("tests-pass", "quiet", "no test", SOURCE),
    Case("tests-pass", "unknown", "not run", {NEW_TEST: TEST}),
    Case("tests-pass", "unknown", "exit code 5", prepare=evident(tests=SKIPPED), says="asks for a GPU"),
    Case("tests-pass", "passed", "run", prepare=evident(tests=GOOD)),
    Case("tests-pass", "failed", "broken", prepare=evident(tests=BROKEN), says="assert 1 == 2"),
    Case("test-fails-on-base", "passed", "it does", prepare=evident(tests=GOOD)),
    Case("test-fails-on-base", "failed", "it does not", prepare=evident(tests=BROKEN)),
    Case("test-fails-on-base", "unknown", "skipped", prepare=evident(tests=SKIPPED)),
    Case("test-fails-on-base", "quiet", "refactoring", prepare=having(kind=REFACTOR)),
    Case("ir-acknowledged", "quiet", "not compared", SOURCE),
    Case("ir-acknowledged", "unknown", "to be compared", SOURCE, having(kind=SHOWN)),
    Case("ir-acknowledged", "unknown", "refactoring not compared", SOURCE, having(kind=REFACTOR)),
    Case("ir-acknowledged", "passed", "the same", prepare=evident(corpus=ran("same", differs=0, kernels=9))),
    Case("ir-acknowledged", "failed", "unsaid", prepare=evident(corpus=OTHER), says="3 of 9"),
    Case("ir-acknowledged", "passed", "said", prepare=having(body=BODY + IR, evidence={"corpus": OTHER})),
    Case("ir-acknowledged", "failed", "refactoring", prepare=having(kind=REFACTOR, evidence={"corpus": OTHER})),
    Case("benchmark-present", "quiet", "no claim", SOURCE),
    Case("benchmark-present", "failed", "claim alone", SOURCE, having(kind=PERF)),
    Case("benchmark-present", "unknown", "claim, no draft", SOURCE, having(kind=PERF, with_draft=False)),
    Case("benchmark-present", "passed", "case", {"examples/gemm/regression_gemm.py": "x = 1\n"}, having(kind=PERF)),
    Case("benchmark-present", "passed", "table", SOURCE, having(kind=PERF, body=f"{BODY}\n## Performance\n\n1.2x\n")),
    Case("verdict-supports-title", "quiet", "no claim", SOURCE),
    Case("verdict-supports-title", "unknown", "not measured", SOURCE, titled(FAST)),
    Case("verdict-supports-title", "passed", "faster", prepare=measured(FAST, gemm="FASTER", softmax="SAME")),
    Case("verdict-supports-title", "failed", "the same", prepare=measured(FAST, gemm="SAME"), says="gemm SAME"),
    Case("verdict-supports-title", "failed", "slower", prepare=measured("[BugFix] Fix it", gemm="SLOWER")),
)
__all__ = ["BODY", "EVIDENCE", "FOOTER", "HISTORY", "NEW_TEST", "SOURCE", "TEXT", "Case", "committed", "having"]
