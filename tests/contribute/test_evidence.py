"""Evidence: tests on both sides, what is stale, what the description says. This interpreter is both builds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from corpora import VECTORS, corpus, differing, row, survey
from schemas import validated
from sources import git
from upstreams import clone
from verbs import run_verb

from scaffold.builds.build import Build
from scaffold.builds.workspace import Workspace
from scaffold.contribute.change import read_change
from scaffold.contribute.draft import Draft, all_drafts, read_draft
from scaffold.contribute.evidence import proof as proof_module
from scaffold.contribute.evidence import run as run_module
from scaffold.contribute.evidence import testing
from scaffold.contribute.evidence import work as work_module
from scaffold.contribute.evidence.model import EvidenceRecord, SideRecord, StepRecord
from scaffold.contribute.evidence.run import Asked, wanted_steps
from scaffold.contribute.evidence.sections import fill_sections
from scaffold.contribute.evidence.sides import Sides, names_of
from scaffold.contribute.evidence.steps import judge
from scaffold.contribute.evidence.store import read_evidence, read_not_run, read_results
from scaffold.contribute.evidence.testing import TestRow, TestsOnBoth, Word, run_on_both
from scaffold.contribute.kinds import find_kind
from scaffold.corpus.examples.facts import BuildFacts
from scaffold.progress import Progress
from scaffold.report.corpus_json import render_corpus_json
from scaffold.verbs import Said

QUIET = Progress(verbosity=-1)
SIDES = Sides(Build("git:base", sys.executable), Build("worktree:here", sys.executable))
FACTS = BuildFacts("x", "0.1.15", "2.11", sys.version_info[:2], frozenset({"pytest"}), 0)
VALUE = "src/value.txt"
TEST = "testing/python/language/test_tilelang_language_value.py"
#: Reads a file of the tree it lies in, as tests of upstream's scripts do.
READS = """import pathlib

import pytest

VALUE = pathlib.Path(__file__).parents[3] / "src/value.txt"


def test_value():
    assert VALUE.read_text() == "2"


def test_always():
    pass


def test_never():
    raise OSError("no such GPU here")


@pytest.mark.skip(reason="needs a GPU")
def test_gpu():
    pass
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """On a branch that mends ``src/value.txt`` and tests it; ``test_never`` is upstream's own."""
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(testing, "facts_of", lambda build, python: FACTS)
    monkeypatch.setattr(testing, "find_gpus", list)
    root = clone(tmp_path)
    (root / VALUE).write_text("1")
    (root / TEST).write_text('def test_never():\n    raise OSError("no such GPU here")\n')
    git(root, "add", "-A")
    git(root, "commit", "-qm", "base")
    git(root, "update-ref", "refs/remotes/upstream/main", "HEAD")
    git(root, "switch", "-qc", "fix/value")
    (root / VALUE).write_text("2")
    (root / TEST).write_text(READS)
    return root


def both_of(checkout: Path, tmp_path: Path, *paths: str) -> TestsOnBoth:
    change = read_change(checkout, "upstream/main")
    return run_on_both(paths or (TEST,), change, SIDES, Workspace(tmp_path / "workspace"), QUIET, timeout_s=60)


def test_each_side_runs_in_its_own_tree_with_the_tests_of_the_branch(checkout: Path, tmp_path: Path) -> None:
    both = both_of(checkout, tmp_path)
    words = {row.test: (row.baseline, row.candidate) for row in both.rows}
    assert words == {
        "test_value": ("failed", "passed"),
        "test_always": ("passed", "passed"),
        "test_never": ("failed", "failed"),
        "test_gpu": ("skipped", "skipped"),
    }
    assert [row.test for row in both.mended] == ["test_value"]
    assert [row.test for row in both.failing_on_both] == ["test_never"]
    assert not both.broken
    assert not list((tmp_path / "workspace" / "tmp").iterdir())


def test_a_test_the_branch_adds_and_that_fails_on_both_sides_is_broken(checkout: Path, tmp_path: Path) -> None:
    (checkout / TEST).write_text("def test_added():\n    assert False\n")
    assert [row.test for row in both_of(checkout, tmp_path).broken] == ["test_added"]


def test_a_file_that_cannot_be_collected_is_told_once(checkout: Path, tmp_path: Path) -> None:
    (checkout / TEST).write_text("import surely_not_here\n")
    (row,) = both_of(checkout, tmp_path).rows
    assert (row.test, row.baseline, row.candidate) == ("", "failed", "failed")
    assert "surely_not_here" in row.reason


def test_a_file_of_skipped_tests_is_nothing_that_ran(checkout: Path, tmp_path: Path) -> None:
    (checkout / TEST).write_text(
        "import pytest\n\n\n@pytest.mark.skip(reason='needs a GPU')\ndef test_a():\n    pass\n"
    )
    assert not both_of(checkout, tmp_path).ran


def test_the_checkout_is_only_read(checkout: Path, tmp_path: Path) -> None:
    before = git(checkout, "status", "--porcelain", "--ignored")
    both_of(checkout, tmp_path)
    assert git(checkout, "status", "--porcelain", "--ignored") == before


def adopt(checkout: Path, tmp_path: Path) -> Draft:
    argv = (
        "new-pr",
        "bugfix",
        "--adopt",
        "--checkout",
        str(checkout),
        "--title",
        "mend it",
        "--kernel",
        "gemm",
        "--yes",
    )
    assert run_verb(*argv) == 0
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    return draft


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Verbs that were asked; each says that it cannot."""
    verbs: list[str] = []

    def ask(verb: str, words: list[str], folder: Path, progress: Progress) -> Said:
        verbs.append(verb)
        document = {"verdict": {"outcome": "identical", "headline": "identical at every pass", "details": []}}
        return Said(json.dumps(document).encode()) if "gemm" in words[:1] else Said(missing="no corpus here")

    monkeypatch.setattr(work_module, "ask_verb", ask)
    monkeypatch.setattr(run_module, "make_sides", lambda *a: SIDES)
    monkeypatch.setattr(run_module, "record_of", lambda build, workspace: SideRecord(name=build.name, version="0.1.15"))
    return verbs


def evidence(checkout: Path, *argv: str) -> int:
    return run_verb("evidence", "--checkout", str(checkout), *argv)


def test_the_description_says_what_was_found_and_what_was_not_run(
    checkout: Path, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    draft = adopt(checkout, tmp_path)
    capsys.readouterr()
    assert evidence(checkout) == 0
    out = capsys.readouterr().out
    assert (
        "2 passed with the change, 1 of them fails on the base revision; 1 fails on both sides; 1 skipped"
        in " ".join(out.split())
    )
    assert evidence(checkout, "--json") == 0
    assert {row["step"] for row in validated(capsys.readouterr().out, "evidence")["steps"]} >= {"tests", "corpus"}
    assert out.splitlines()[-1] == f"next: python -m scaffold preflight --checkout {checkout}"
    body = draft.body.read_text()
    assert "| `test_value` | failed | passed |" in body
    assert "identical at every pass" in body
    assert "repro" not in body.lower().partition("## validation")[2], "nobody missed a repro where a test fails"
    assert "- Other kernels: no corpus here" in body
    assert "nothing ran on a GPU" in body
    assert str(tmp_path) not in body
    results = read_results(draft, read_change(checkout, "upstream/main"))
    assert results["tests"].details["fails_on_base"] is True
    assert results["tests"].details["passes_now"] is True
    assert not results["tests"].stale
    assert "corpus" not in results
    assert read_not_run(draft, read_change(checkout, "upstream/main"))["corpus"].why == "no corpus here"


def test_where_the_file_of_a_kernel_lies_is_nobodys_business(checkout: Path, tmp_path: Path, asked: list[str]) -> None:
    kernel = tmp_path / "mine" / "loop.py"
    kernel.parent.mkdir()
    kernel.write_text("def f():\n    return None\n")
    draft = adopt(checkout, tmp_path)
    text = (draft.folder / "pr.toml").read_text().replace('"gemm"', f'"{kernel}::f"')
    (draft.folder / "pr.toml").write_text(text)
    assert evidence(checkout) == 0
    body = draft.body.read_text()
    assert "loop.py::f for cuda:sm_90a" in body
    assert str(kernel.parent) not in body


def test_where_an_interpreter_lies_is_nobodys_business(
    checkout: Path, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Sides(SIDES.baseline, Build("python:/opt/mine/bin/python3.12", sys.executable))
    monkeypatch.setattr(run_module, "make_sides", lambda *a: theirs)
    draft = adopt(checkout, tmp_path)
    assert evidence(checkout) == 0
    body = draft.body.read_text()
    assert "with the change: `python:python3.12`" in body
    assert "/opt/mine" not in body


def test_only_what_is_stale_is_run_again(checkout: Path, tmp_path: Path, asked: list[str]) -> None:
    draft = adopt(checkout, tmp_path)
    assert evidence(checkout) == 0
    asked.clear()
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "the same, committed")
    assert evidence(checkout) == 0
    assert asked == ["tir-diff"], "what could not be run is tried again: the corpus"
    first = read_evidence(draft)
    (checkout / VALUE).write_text("3")
    assert read_results(draft, read_change(checkout, "upstream/main"))["tests"].stale
    assert evidence(checkout) == 0
    again = read_evidence(draft)
    assert first
    assert again
    assert again.steps["tests"].at > first.steps["tests"].at
    assert again.steps["tests"].finding


def test_the_builds_that_were_compared_are_kept(
    checkout: Path, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    draft = adopt(checkout, tmp_path)
    with (draft.folder / "pr.toml").open("a") as file:
        file.write("# mine\n")
    assert evidence(checkout, "--baseline", "wheel:0.1.15", "--impact") == 0
    assert read_draft(draft.folder).baseline == "", "what is only planned is not kept"
    assert evidence(checkout, "--baseline", "wheel:0.1.15") == 0
    assert read_draft(draft.folder).baseline == "wheel:0.1.15"
    assert "# mine" in (draft.folder / "pr.toml").read_text()
    capsys.readouterr()
    asked.clear()
    assert evidence(checkout) == 0
    out = capsys.readouterr().out
    assert "compared, until pr.toml says otherwise: baseline wheel:0.1.15" in out
    assert "up to date, not run again: repro, tests" in out or "up to date, not run again: tests" in out
    assert evidence(checkout, "--baseline", "") == 0
    assert read_draft(draft.folder).baseline == ""


def test_what_a_person_wrote_stays(checkout: Path, tmp_path: Path, asked: list[str]) -> None:
    draft = adopt(checkout, tmp_path)
    draft.body.write_text(draft.body.read_text().replace("## Root cause", "## Root cause\n\nMine, ünchanged."))
    assert evidence(checkout) == 0
    assert "Mine, ünchanged." in draft.body.read_text()


def test_a_change_of_nothing_that_is_built_compares_no_code(
    checkout: Path, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    git(checkout, "checkout", "-q", "--", VALUE)
    draft = adopt(checkout, tmp_path)
    assert evidence(checkout) == 0
    assert not asked
    record = read_evidence(draft)
    assert record
    assert record.steps["corpus"].not_run.startswith("no file that TileLang is built of")
    change = read_change(checkout, "upstream/main")
    assert len(set(names_of(change, generates=False, baseline="", candidate=""))) == 1
    draft.body.write_text(draft.body.read_text().replace("<!-- evidence: ir -->", ""))
    capsys.readouterr()
    assert evidence(checkout) == 0
    assert "no place for" not in capsys.readouterr().out, "there is nothing to say of it"


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (0, 59, "1970-01-01 00:00"),
        (0, 3600, "1970-01-01 00:00 to 01:00"),
        (0, 90_000, "1970-01-01 00:00 to 1970-01-02 01:00"),
    ],
)
def test_when_it_was_measured_is_said_once(
    first: float, last: float, said: str, checkout: Path, tmp_path: Path
) -> None:
    steps = {"repro": StepRecord(step="repro", key="", at=first), "tests": StepRecord(step="tests", key="", at=last)}
    record = EvidenceRecord(branch="", base="", head="", steps=steps)
    filled = fill_sections(record, find_kind("bugfix"), adopt(checkout, tmp_path))
    assert f"- measured {said} UTC" in filled["environment"].splitlines()


def test_a_change_of_docs_alone_runs_its_step_and_makes_no_build(
    checkout: Path, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> Sides:
        raise AssertionError(given)

    monkeypatch.setattr(run_module, "make_sides", refuse)
    git(checkout, "checkout", "-q", "--", VALUE, TEST)
    (checkout / "docs/index.md").write_text("# TileLang, mended\n")
    assert run_verb("new-pr", "docs-fix", "--adopt", "--checkout", str(checkout), "--title", "mend it", "--yes") == 0
    assert evidence(checkout) == 0
    assert asked == ["preflight"]
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    record = read_evidence(draft)
    assert record
    assert list(record.steps) == ["docs"]
    assert record.baseline is None


def test_docs_that_preflight_built_are_told_as_they_came_out(
    checkout: Path, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = [{"id": "docs-build", "word": "passed", "message": "1 page changed (built before)", "places": []}]
    said = Said(json.dumps({"checks": checks}).encode())
    monkeypatch.setattr(work_module, "ask_verb", lambda *given: said)
    git(checkout, "checkout", "-q", "--", VALUE, TEST)
    (checkout / "docs/index.md").write_text("# TileLang, mended\n")
    assert run_verb("new-pr", "docs-fix", "--adopt", "--checkout", str(checkout), "--title", "mend it", "--yes") == 0
    assert evidence(checkout) == 0
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    body = draft.body.read_text()
    assert "Documentation: builds, 1 page changed\n" in body
    assert "_nothing that is asked of this kind of change_" in body.partition("## Not tested")[2]


def test_check_fails_where_a_reader_should_look(checkout: Path, tmp_path: Path, asked: list[str]) -> None:
    adopt(checkout, tmp_path)
    (checkout / TEST).write_text("def test_added():\n    assert False\n")
    assert evidence(checkout, "--check") == 1
    assert evidence(checkout) == 0


def test_a_branch_without_a_draft_and_a_kernel_that_is_none_are_said(
    checkout: Path, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert evidence(checkout) == 2
    assert "--adopt" in capsys.readouterr().err
    draft = adopt(checkout, tmp_path)
    (draft.folder / "pr.toml").write_text((draft.folder / "pr.toml").read_text().replace('"gemm"', '"gem"'))
    assert evidence(checkout) == 2
    assert "did you mean gemv, gemm" in capsys.readouterr().err
    (draft.folder / "pr.toml").write_text("kind = \n")
    assert evidence(checkout) == 2
    assert "pr.toml cannot be read" in capsys.readouterr().err


def test_what_the_change_touches_is_said_with_the_reason(
    checkout: Path, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    adopt(checkout, tmp_path)
    capsys.readouterr()
    assert evidence(checkout, "--impact", "--json") == 0
    lines = {
        (line["what"], line["name"]): line["because"]
        for line in validated(capsys.readouterr().out, "evidence")["impact"]
    }
    assert lines["test", TEST] == "changed on fix/value"
    assert not asked


def test_pictures_are_copied_and_their_absence_is_said(
    checkout: Path, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    adopt(checkout, tmp_path)
    assert evidence(checkout, "--post-image", str(tmp_path / "images")) == 2
    assert "there is no picture to post" in capsys.readouterr().err


#: Compares a file of the tree it is run in, as a repro of a script of the repository does.
TREE_REPRO = """import os
import pathlib

tree = pathlib.Path(os.environ["SCAFFOLD_TREE"])
assert tree.samefile(os.getcwd())
print("does not reproduce" if (tree / "src/value.txt").read_text() == "2" else "reproduces: it is 1")
"""


def test_a_repro_runs_in_the_tree_of_its_side(checkout: Path, tmp_path: Path, asked: list[str]) -> None:
    draft = adopt(checkout, tmp_path)
    draft.repro.write_text(TREE_REPRO)
    assert evidence(checkout, "--only", "repro") == 0
    record = read_evidence(draft)
    assert record
    assert record.steps["repro"].verdict == "reproduces on the base, not with the change"
    body = draft.body.read_text()
    assert "base:        reproduces: it is 1" in body
    assert f"<summary>repro.py</summary>\n\n```python\n{TREE_REPRO.strip()}\n```" in body, "a reader has no other copy"
    assert not list((tmp_path / "workspace" / "tmp").iterdir())
    draft.repro.write_text("print('nothing of use')\nraise SystemExit(3)\n")
    assert evidence(checkout, "--only", "repro") == 0
    record = read_evidence(draft)
    assert record
    assert "cannot tell: exit code 3: nothing of use" in record.steps["repro"].verdict
    assert record.steps["repro"].finding


def rows_of(*rows: tuple[str, str, Word, Word]) -> TestsOnBoth:
    return TestsOnBoth(
        tuple(TestRow(path, test, one, other, "needs a GPU") for path, test, one, other in rows), frozenset()
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "t", "failed", "passed")], "1 passed with the change and fails on the base revision"),
        (
            [("a", "t", "passed", "passed"), ("a", "u", "passed", "failed")],
            "1 FAILED with the change; 1 passed with the change, and on the base revision as well",
        ),
        ([("b", "t", "failed", "failed"), ("a", "u", "passed", "passed")], "1 fails on both sides"),
        (
            [("a", "t", "skipped", "skipped"), ("b", "u", "passed", "passed")],
            "1 skipped, the one of the branch itself among them",
        ),
        (
            [("a", "t", "passed", "passed"), ("a", "u", "failed", "failed")],
            "1 passed with the change, and on the base revision as well; 1 fails on both sides",
        ),
        ([("a", "t", "skipped", "skipped")], "nothing ran here: 1 test skipped (needs a GPU)"),
    ],
)
def test_what_tests_came_to_is_said_of_each_side(rows: list[tuple[str, str, Word, Word]], said: str) -> None:
    details, verdict = judge(rows_of(*rows), ["a"])
    assert said in verdict
    told = [row for row in rows if row[0] == "a" and row[2:] != ("failed", "failed")]
    assert sum(details["own"].values()) == len(told), "what fails on both sides says nothing of the change"


def test_tests_that_all_fail_on_both_sides_are_not_known_to_pass() -> None:
    details, verdict = judge(rows_of(("a", "t", "failed", "failed"), ("a", "u", "skipped", "skipped")), ["a"])
    assert verdict == "1 fails on both sides; 1 skipped, the one of the branch itself among them"
    assert (details["passes_now"], details["fails_on_base"], details["reason"]) == (None, None, "needs a GPU")


def test_tests_of_a_file_the_base_cannot_import_are_one_row() -> None:
    why = "not collected: ModuleNotFoundError: No module named 'example'"
    rows = [TestRow("t.py", name, "failed", "passed", why) for name in "abc"]
    other = TestRow("t.py", "d", "failed", "skipped")
    proof = proof_module.tests_proof(TestsOnBoth((*rows, other), frozenset()))
    assert proof.splitlines()[2:] == [
        f"| 3 tests | failed | passed | `{why}` |",
        "| the other 1 | 1 failed | 1 skipped | |",
    ]


def test_the_description_says_that_all_own_tests_were_skipped(checkout: Path, tmp_path: Path, asked: list[str]) -> None:
    draft = adopt(checkout, tmp_path)
    skipped = "import pytest\n\n\n@pytest.mark.skip(reason='needs a Hopper')\ndef test_a():\n    pass\n"
    (checkout / TEST).write_text(skipped)
    assert evidence(checkout) == 0
    assert "- Tests: every test was skipped here" in draft.body.read_text()


EXAMPLE, HELPER, NEW = "examples/gemm/example_gemm.py", "examples/gemm/shapes.py", "examples/gemm/example_new.py"
KERNEL = """import tilelang
from shapes import N


@tilelang.jit
def kernel():
    return N


if __name__ == "__main__":
    kernel()
"""


@pytest.fixture
def with_examples(checkout: Path) -> Path:
    """A branch that changes the module an example takes its sizes from, and adds an example."""
    folder = checkout / "examples" / "gemm"
    folder.mkdir(parents=True, exist_ok=True)
    git(checkout, "stash", "-q", "-u")
    folder.mkdir(parents=True, exist_ok=True)
    (checkout / EXAMPLE).write_text(KERNEL)
    (checkout / HELPER).write_text("N = 1\n")
    (folder / "test_example_gemm.py").write_text("import example_gemm\n\n\ndef test_it():\n    pass\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "base")
    git(checkout, "update-ref", "refs/remotes/upstream/main", "HEAD")
    (checkout / HELPER).write_text("N = 2\n")
    (checkout / NEW).write_text(KERNEL)
    return checkout


@pytest.fixture
def compared(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What ``tir-diff`` was asked; it says what a real one says of one kernel that differs, or of one that is new."""
    words_of: list[list[str]] = []
    differs = row("kernel", differing(VECTORS), "cuda:sm_90a", EXAMPLE)

    def ask(verb: str, words: list[str], folder: Path, progress: Progress) -> Said:
        assert verb == "tir-diff"
        words_of.append(list(words))
        if "--candidate-tree" not in words:
            return Said(render_corpus_json(survey(1)))
        base = Path(words[words.index("--source-tree") + 1])
        assert (base / HELPER).read_text() == "N = 1\n"
        assert not (base / NEW).exists()
        return Said(render_corpus_json(corpus([differs])))

    monkeypatch.setattr(work_module, "ask_verb", ask)
    return words_of


def test_changed_examples_are_lowered_on_both_sides_and_new_ones_on_one(
    with_examples: Path, tmp_path: Path, compared: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("new-pr", "example", "--adopt", "--checkout", str(with_examples), "--title", "x", "--topic", "gemm")
    assert run_verb(*command, "--yes") == 0
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    assert evidence(with_examples, "--only", "examples") == 0
    both, new = compared
    assert both[both.index("--corpus") + 1] == "gemm/example_gemm.py"
    assert both[both.index("--candidate-tree") + 1] == str(with_examples)
    assert new[new.index("--corpus") + 1] == "gemm/example_new.py"
    assert both[both.index("--baseline") + 1] == "build=git:base"
    record = read_evidence(draft)
    assert record
    step = record.steps["examples"]
    assert step.verdict.startswith("gemm/example_gemm.py: ")
    assert "gemm/example_new.py, new: 2 kernels lowered, for cuda:sm_80, cuda:sm_90a; 1 not" in step.verdict
    assert step.details["differs"] == 1
    body = draft.body.read_text()
    assert "--source-tree BASE --candidate-tree ." in body
    assert "next: " not in body, "what comes next is for who typed it"
    assert str(tmp_path) not in body
    assert not list((tmp_path / "workspace" / "tmp").iterdir())
    capsys.readouterr()
    assert evidence(with_examples, "--impact", "--json") == 0
    lines = {(line["what"], line["name"]): line["because"] for line in json.loads(capsys.readouterr().out)["impact"]}
    assert lines["test", "examples/gemm/test_example_gemm.py"] == "imports a changed example"
    assert lines["example", EXAMPLE] == "imports a changed example"
    assert lines["example", HELPER] == "changed on fix/value"


def test_what_a_changed_example_gains_is_not_known(
    with_examples: Path, tmp_path: Path, compared: list[list[str]]
) -> None:
    command = ("new-pr", "perf", "--adopt", "--checkout", str(with_examples), "--title", "x", "--kernel", "gemm")
    assert run_verb(*command, "--yes") == 0
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    assert evidence(with_examples, "--only", "bench") == 0
    body = draft.body.read_text()
    assert "so only examples can come out differently, and these are not timed" in body.partition("## Not tested")[2]
    assert "no kernel can" not in body


def test_any_kind_that_shows_code_looks_at_changed_examples(with_examples: Path, checkout: Path) -> None:
    change = read_change(with_examples, "upstream/main")
    steps = {name: wanted_steps(find_kind(name), Asked(), change) for name in ("perf", "docs-fix", "example")}
    assert "examples" in steps["perf"]
    assert "examples" in steps["example"]
    assert "examples" not in steps["docs-fix"]


def test_a_method_counts_where_its_class_is_spoken_of(
    checkout: Path, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, scheduler = checkout / "testing/python/language", checkout / "tilelang/scheduler.py"
    git(checkout, "stash", "-q", "-u")
    (folder / "test_tilelang_language_other.py").write_text("def test_it():\n    Thing().init()\n")
    (folder / "test_tilelang_language_own.py").write_text("def test_it():\n    Scheduler().init()\n")
    (folder / "test_tilelang_language_amd.py").write_text(
        "import tilelang.testing\n\n\n@tilelang.testing.requires_rocm\ndef test_it():\n    Scheduler().init()\n"
    )
    scheduler.write_text("class Scheduler:\n    def init(self):\n        pass\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "base")
    git(checkout, "update-ref", "refs/remotes/upstream/main", "HEAD")
    scheduler.write_text("class Scheduler:\n    def init(self):\n        return 1\n")
    adopt(checkout, tmp_path)
    capsys.readouterr()
    assert evidence(checkout, "--impact", "--json") == 0
    found = [
        line["name"] for line in json.loads(capsys.readouterr().out)["impact"] if line["because"].startswith("uses")
    ]
    # What asks for hardware comes last: of many tests, the first few are run.
    assert found == [f"testing/python/language/test_tilelang_language_{name}.py" for name in ("own", "amd")]
