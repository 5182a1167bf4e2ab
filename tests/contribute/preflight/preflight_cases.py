"""For every rule: branches on which it speaks, and branches on which it does not."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from preflight_branch import BODY, FOOTER, PERF, REFACTOR, SHOWN, TEST, Branch, ran
from sources import git

from scaffold.contribute.body import LIMIT, NOT_RUN
from scaffold.contribute.preflight.model import NotRun, StepResult, Word

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
    Case("title-form", "warned", "in the past, behind a colon", prepare=titled("[BugFix]: Fixed it"), says="'Fixed'"),
    Case(
        "title-form", "warned", "tag not first", prepare=titled("🚀 [BugFix] Fix it"), says="does not begin with a tag"
    ),
    Case("title-form", "warned", "full stop", prepare=titled("[BugFix] Fix it."), says="full stop"),
    Case("title-form", "passed", "about drafts", prepare=titled("[Feature] Draft tokens are kept 🚀")),
    Case("title-form", "failed", "draft of its own", prepare=titled("[BugFix] Draft: fix it")),
    Case("title-form", "failed", "unfinished at the end", prepare=titled("[BugFix] Fix it (WIP)")),
    Case("title-form", "failed", "unfinished as a tag", prepare=titled("[BugFix][wip] Fix it")),
    Case("title-form", "failed", "empty", prepare=titled("")),
    Case("title-form", "failed", "unfinished", prepare=titled("[BugFix] WIP fix it")),
    Case("title-length", "passed", "short"),
    Case("title-length", "warned", "long", prepare=titled("[BugFix] " + "x" * 80)),
    Case("title-length", "failed", "longer than GitHub takes", prepare=titled("[BugFix] " + "x" * 300)),
    Case("body-complete", "passed", "written"),
    Case("body-complete", "quiet", "no draft", prepare=having(with_draft=False)),
    Case("body-complete", "failed", "empty", prepare=having(body="")),
    Case("body-complete", "failed", "open", prepare=having(body=f"{BODY}<!-- write: why -->"), says="body.md:8: why"),
    Case(
        "body-complete",
        "failed",
        "open and long",
        prepare=having(body=f"{BODY}<!-- write: {'why ' * 40}-->"),
        says="why …",
    ),
    Case("body-complete", "failed", "open over lines", prepare=having(body=f"{BODY}<!--write:\nwhy\n-->")),
    Case(
        "body-complete",
        "passed",
        "other headings",
        prepare=having(body="Summary\n=======\n\nMends it.\n\n**How tested**\n\n- by hand\n"),
    ),
    Case(
        "body-complete",
        "failed",
        "validation in a comment",
        prepare=having(body="## Summary\n\nx\n\n<!--\n## Validation\nsay how\n-->\n"),
    ),
    Case(
        "body-complete",
        "failed",
        "validation in code",
        prepare=having(body="## Summary\n\n```sh\n# tests\npytest\n```\n"),
    ),
    Case("body-complete", "failed", "no validation", prepare=having(body="## Summary\n\nx\n"), says="## Validation"),
    Case("body-complete", "warned", "evidence to come", prepare=having(body=f"{BODY}\n## IR\n\n{NOT_RUN}\n")),
    Case("body-length", "passed", "short"),
    Case("body-length", "failed", "too long", prepare=having(body="x" * (LIMIT + 1)), says="65,537"),
    Case("issue-linked", "quiet", "no issue"),
    Case("issue-linked", "passed", "closed", prepare=having(issue=7, body=f"{BODY}\nFixes #7\n")),
    Case("issue-linked", "failed", "another closed", prepare=having(issue=7, body=f"{BODY}\nFixes #77\n")),
    Case("issue-linked", "passed", "by its whole name", prepare=having(issue=7, body="closes: tile-ai/tilelang#7")),
    Case("issue-linked", "failed", "in code", prepare=having(issue=7, body="```\nFixes #7\n```\n`Fixes #7`\n")),
    Case("issue-linked", "failed", "another project's", prepare=having(issue=7, body="Fixes pytorch/pytorch#7\n")),
    Case("issue-linked", "warned", "second of two", prepare=having(issue=7, body="Fixes #6 and #7\n")),
    Case("issue-linked", "warned", "named as GitHub does", prepare=having(issue=7, body="Fixes GH-7\n")),
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
    Case("commits-clean", "failed", "temporary", SOURCE, committed("tmp")),
    Case("commits-clean", "passed", "about temporaries", SOURCE, committed("Temp buffers are freed")),
    Case("commits-clean", "warned", "merge", SOURCE, _merged, says="Merge side"),
)


def evident(**results: object) -> Prepare:
    return having(evidence={name.replace("_", "-"): result for name, result in results.items()})


GOOD = ran("fails on the base, passes now", fails_on_base=True, passes_now=True, nothing_ran=False, reason="")
SKIPPED = ran("nothing ran", fails_on_base=None, passes_now=None, nothing_ran=True, reason="it asks for a GPU")
BROKEN = ran("fails", fails_on_base=False, passes_now=False, nothing_ran=False, reason="assert 1 == 2")
FAST = "[Enhancement] Speed up gemm"
OTHER = ran("3 kernels generate other code", differs=3, kernels=9)
SAME = ran("same", differs=0, kernels=9)
NO_GPU = NotRun("no GPU here", cannot=True)
NO_KERNEL = NotRun("the draft names no kernel: add one to kernels of pr.toml", cannot=True)
NOTHING_BUILT = NotRun("nothing that is built is changed")


def own(verdict: str, passed: int, failed: int, skipped: int, *, reason: str = "", **details: object) -> StepResult:
    """What the step on tests says since it tells the branch's own from upstream's."""
    counts = {"passed": passed, "failed": failed, "skipped": skipped}
    told = {**GOOD.details, "fails_on_base": False, "own": counts, "own_reason": reason, **details}
    return StepResult(verdict, stale=False, details=told)


STALE = ran("same", stale=True, differs=0, kernels=9)
UPSTREAMS = own("7 passed with the change", 0, 0, 0)
UNSEEN = own("7 passed, 2 skipped with the change", 0, 0, 2, reason="it asks for sm_90")
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
        prepare=having(kind=SHOWN, not_run={"tests": NotRun("none is about it"), "corpus": NOTHING_BUILT}),
        says="corpus not run: nothing that is built is changed",
    ),
    Case(
        "evidence-fresh",
        "unknown",
        "no GPU",
        prepare=having(kind=SHOWN, evidence={"tests": GOOD}, not_run={"corpus": NO_GPU}),
        says="corpus cannot be run here: no GPU here; tests ran on this state\n"
        "python -m scaffold evidence --only corpus on a machine with a GPU",
    ),
    Case(
        "evidence-fresh",
        "unknown",
        "no kernel, no tool",
        prepare=having(kind=SHOWN, not_run={"tests": NotRun("no pytest", cannot=True), "corpus": NO_KERNEL}),
        says="--only tests where it can be run; python -m scaffold evidence --only corpus once pr.toml names a kernel",
    ),
    Case(
        "evidence-fresh",
        "passed",
        "not asked for and not to be had",
        prepare=having(kind=SHOWN, evidence={"tests": GOOD, "corpus": SAME}, not_run={"bench": NO_GPU}),
    ),
    Case("evidence-fresh", "passed", "of now", prepare=evident(tests=GOOD)),
    Case("evidence-fresh", "failed", "stale", prepare=evident(tests=ran("passed", stale=True)), says="--only tests"),
    Case("tests-pass", "quiet", "no test", SOURCE),
    Case("tests-pass", "unknown", "not run", {NEW_TEST: TEST}),
    Case("tests-pass", "unknown", "exit code 5", prepare=evident(tests=SKIPPED), says="asks for a GPU"),
    Case("tests-pass", "passed", "run", prepare=evident(tests=GOOD)),
    Case("tests-pass", "failed", "broken", prepare=evident(tests=BROKEN), says="assert 1 == 2"),
    Case(
        "tests-pass",
        "unknown",
        "its own skipped, others pass",
        {NEW_TEST: TEST},
        evident(tests=UNSEEN),
        says="none of the 2 tests of the branch ran here: it asks for sm_90; 7 of others passed\n"
        "run them on a machine with the GPU they ask for",
    ),
    Case(
        "tests-pass",
        "unknown",
        "its own skipped, no other",
        prepare=evident(tests=own("nothing ran here", 0, 0, 1, nothing_ran=True, passes_now=None)),
        says="the test of the branch did not run here: no reason given",
    ),
    Case("tests-pass", "failed", "its own fails", prepare=evident(tests=own("1 FAILED", 1, 1, 0)), says="1 FAILED"),
    Case(
        "tests-pass",
        "failed",
        "its own skipped, others broken",
        prepare=evident(tests=own("1 FAILED", 0, 0, 2, passes_now=False)),
    ),
    Case(
        "tests-pass",
        "passed",
        "its own in part",
        prepare=evident(tests=own("3 passed", 1, 0, 1, reason="no GPU")),
        says="1 of the branch's 2 skipped: no GPU",
    ),
    Case("tests-pass", "passed", "upstream's alone", SOURCE, evident(tests=UPSTREAMS), says="these are upstream's"),
    Case("tests-pass", "unknown", "its file holds none", {NEW_TEST: TEST}, evident(tests=UPSTREAMS)),
    Case(
        "tests-pass",
        "unknown",
        "cannot be run",
        {NEW_TEST: TEST},
        having(not_run={"tests": NO_GPU}),
        says="--only tests on a machine with a GPU",
    ),
    Case("test-fails-on-base", "unknown", "its own skipped, others run", prepare=evident(tests=UNSEEN), says="sm_90"),
    Case("test-fails-on-base", "unknown", "upstream's alone", prepare=evident(tests=UPSTREAMS), says="of its own"),
    Case(
        "test-fails-on-base",
        "quiet",
        "said why",
        prepare=having(evidence={"tests": UPSTREAMS}, body="No test, because it needs two GPUs."),
    ),
    Case("test-fails-on-base", "failed", "its own passes there", prepare=evident(tests=own("1 passed", 1, 0, 0))),
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
    Case(
        "ir-acknowledged",
        "failed",
        "refactoring, the draft's kernel",
        prepare=having(kind=REFACTOR, evidence={"tir-diff": ran("x", differs=1, kernels=2), "corpus": SAME}),
        says="1 of 11 kernels generate other code (tir-diff 1 of 2, corpus 0 of 9)",
    ),
    Case(
        "ir-acknowledged",
        "failed",
        "refactoring, an example",
        prepare=having(kind=REFACTOR, evidence={"corpus": SAME, "examples": ran("x", differs=2, kernels=140)}),
        says="2 of 149 kernels generate other code (examples 2 of 140, corpus 0 of 9)",
    ),
    Case(
        "ir-acknowledged",
        "failed",
        "an example, unsaid",
        prepare=evident(corpus=SAME, examples=OTHER),
        says="scaffold evidence --only examples",
    ),
    Case("ir-acknowledged", "failed", "beside one that is stale", prepare=evident(corpus=OTHER, tir_diff=STALE)),
    Case("ir-acknowledged", "passed", "the same in all", prepare=evident(corpus=SAME, examples=SAME, tir_diff=SAME)),
    Case(
        "ir-acknowledged",
        "unknown",
        "the draft's kernel alone",
        SOURCE,
        having(kind=SHOWN, evidence={"tir-diff": SAME}),
        says="(tir-diff); corpus was not compared",
    ),
    Case(
        "ir-acknowledged", "unknown", "one does not say", prepare=evident(corpus=ran("odd"), tir_diff=SAME), says="odd"
    ),
    Case(
        "ir-acknowledged",
        "quiet",
        "nothing to compare",
        SOURCE,
        having(kind=SHOWN, not_run={"corpus": NOTHING_BUILT}),
        says="nothing that is built is changed",
    ),
    Case("benchmark-present", "quiet", "no claim", SOURCE),
    Case("benchmark-present", "failed", "claim alone", SOURCE, having(kind=PERF, title=FAST)),
    Case(
        "benchmark-present",
        "failed",
        "claim, no GPU",
        SOURCE,
        having(title=FAST, not_run={"bench": NO_GPU}),
        says="--only bench on a machine with a GPU",
    ),
    Case("benchmark-present", "failed", "claim of another kind", SOURCE, titled(FAST)),
    Case("benchmark-present", "warned", "kind alone", SOURCE, having(kind=PERF), says="nothing claims speed"),
    Case(
        "benchmark-present",
        "failed",
        "claim of the summary",
        SOURCE,
        having(kind=PERF, body="## Summary\n\n20 % faster on H100.\n\n## Validation\n\nran it\n"),
    ),
    Case("benchmark-present", "unknown", "claim, no draft", SOURCE, having(kind=PERF, with_draft=False)),
    Case("benchmark-present", "passed", "case", {"examples/gemm/regression_gemm.py": "x = 1\n"}, having(kind=PERF)),
    Case(
        "benchmark-present",
        "passed",
        "table",
        SOURCE,
        having(kind=PERF, body=f"{BODY}\n## Performance\n\n1.2x\n"),
        says="by hand, with numbers",
    ),
    Case("verdict-supports-title", "quiet", "no claim", SOURCE),
    Case("verdict-supports-title", "unknown", "not measured", SOURCE, titled(FAST)),
    Case(
        "verdict-supports-title",
        "unknown",
        "no GPU",
        SOURCE,
        having(title=FAST, not_run={"bench": NO_GPU}),
        says="nothing was measured: no GPU here\npython -m scaffold evidence --only bench on a machine with a GPU",
    ),
    Case("verdict-supports-title", "passed", "faster", prepare=measured(FAST, gemm="FASTER", softmax="SAME")),
    Case("verdict-supports-title", "failed", "the same", prepare=measured(FAST, gemm="SAME"), says="gemm SAME"),
    Case("verdict-supports-title", "failed", "slower", prepare=measured("[BugFix] Fix it", gemm="SLOWER")),
)
__all__ = ["BODY", "EVIDENCE", "FOOTER", "HISTORY", "NEW_TEST", "SOURCE", "TEXT", "Case", "committed", "having"]
