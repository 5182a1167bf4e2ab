"""The verb: what it finds out by itself, what it prints, how it ends."""

from __future__ import annotations

import argparse
import importlib
import shlex
from pathlib import Path

import msgspec
import pytest
from preflight_branch import BODY, TREE
from preflight_cases import SOURCE
from schemas import validated
from sources import git, repository, write

from scaffold.builds.workspace import Workspace
from scaffold.cli.main import VERBS, main
from scaffold.cli.repeating import FLAGS, with_given
from scaffold.contribute.change import read_change
from scaffold.contribute.draft import Draft, read_draft, write_draft
from scaffold.contribute.evidence.model import EvidenceRecord, StepRecord
from scaffold.contribute.evidence.store import full_key, with_step, write_evidence
from scaffold.contribute.kinds import kinds
from scaffold.contribute.opening import read_preflight
from scaffold.contribute.preflight.gather import Asked, default_base, gather
from scaffold.contribute.preflight.model import NotRun
from scaffold.errors import UsageError
from scaffold.progress import Progress

QUIET = Progress(verbosity=-1)
#: What a verb wants beside the flags in question.
_OWN = {"tir-diff": ("gemm",), "bench": ("gemm",), "explain": ("gemm",), "new-pr": ("bugfix",)}
LIST = """\
# Bugfix

### BF01 The test fails without the fix
- why: a test that passes shows nothing
- check: `python -m scaffold evidence --only tests`
- upstream: [#2887](https://github.com/tile-ai/tilelang/pull/2887)
- rule: test-fails-on-base

### BF02 The cause is named
- why: reviewers ask
- check: `git show`

### BF03 The title has its form
- rule: title-form
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone on a branch with one commit, and kinds and checklists of its own."""
    root = repository(tmp_path / "tilelang", TREE)
    git(root, "remote", "add", "mine", "git@github.com:somebody/tilelang.git")
    git(root, "remote", "add", "theirs", "https://github.com/tile-ai/tilelang.git")
    git(root, "update-ref", "refs/remotes/theirs/main", "main")
    git(root, "switch", "-q", "-c", "fix/it")
    write(root, SOURCE)
    git(root, "commit", "-q", "-a", "-m", "[BugFix][Op] Fix it")
    lists = tmp_path / "checklists"
    write(lists, {"bugfix.md": LIST})
    for module in ("scaffold.contribute.kinds", "scaffold.contribute.preflight.checklist"):
        monkeypatch.setattr(f"{module}.checklists_folder", lambda: lists)
    monkeypatch.chdir(root)
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(tmp_path / "ws"))
    monkeypatch.setenv("COLUMNS", "100")
    return root


@pytest.fixture
def draft(checkout: Path, tmp_path: Path) -> Draft:
    made = Draft(
        folder=tmp_path / "ws" / "contributions" / "fix-it",
        kind="bugfix",
        title="[BugFix][Op] Fix what is wrong",
        checkout=checkout,
        branch="fix/it",
        base_ref="theirs/main",
    )
    made.folder.mkdir(parents=True)
    write_draft(made)
    made.body.write_text(BODY)
    return made


def ask(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["preflight", *words])
    return code, capsys.readouterr().out


def test_base_is_that_of_the_remote_of_upstream(checkout: Path) -> None:
    assert default_base(checkout) == "theirs/main"
    git(checkout, "remote", "remove", "theirs")
    assert default_base(checkout) == "main"
    git(checkout, "update-ref", "refs/remotes/mine/main", "main")
    git(checkout, "remote", "rename", "mine", "origin")
    assert default_base(checkout) == "origin/main"


@pytest.mark.parametrize(
    ("branch", "subject", "files", "kind"),
    [
        ("fix/x", "Something", SOURCE, "bugfix"),
        ("work", "[BugFix] Something", SOURCE, "bugfix"),
        ("work", "[CUDA] Fix a barrier", SOURCE, "bugfix"),
        ("work", "Something", {"docs/a.md": "a\n"}, "docs-fix"),
        ("work", "Something", {"testing/python/jit/test_a.py": "a = 1\n"}, "test-only"),
        ("work", "Something", {".github/workflows/a.yml": "a: 1\n"}, "build-ci"),
        ("work", "[CUDA] Speed up gemm", SOURCE, "perf"),
    ],
)
def test_kind_is_guessed(
    checkout: Path, tmp_path: Path, branch: str, subject: str, files: dict[str, str], kind: str
) -> None:
    git(checkout, "switch", "-q", "-c", branch, "main")
    write(checkout, files)
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", subject)
    git(checkout, "commit", "-q", "--allow-empty", "-m", "[Docs] later")
    facts = gather(Workspace(tmp_path / "ws"), Asked(), QUIET)
    assert facts.kind.name == kind
    assert facts.title == subject


def test_draft_says_kind_title_and_base(draft: Draft, tmp_path: Path) -> None:
    facts = gather(Workspace(tmp_path / "ws"), Asked(), QUIET)
    assert facts.draft == draft
    assert (facts.title, facts.body, facts.change.base_ref) == (draft.title, BODY, "theirs/main")
    assert (
        gather(Workspace(tmp_path / "ws"), Asked(title="[Docs] Other", kind="docs-fix"), QUIET).kind.name == "docs-fix"
    )


def test_nothing_changed_is_said_with_a_remedy(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "switch", "-q", "-c", "empty", "main")
    with pytest.raises(UsageError, match="empty changes nothing") as error:
        gather(Workspace(tmp_path / "ws"), Asked(), QUIET)
    assert "--base" in str(error.value.hint)


def test_detached_head_is_said_with_a_remedy(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "switch", "-q", "--detach")
    with pytest.raises(UsageError, match="detached") as error:
        gather(Workspace(tmp_path / "ws"), Asked(), QUIET)
    assert "git switch -c" in str(error.value.hint)


def test_folder_that_is_no_repository_is_said(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain", TREE)
    with pytest.raises(UsageError, match="no Git checkout"):
        gather(Workspace(tmp_path / "ws"), Asked(checkout=str(plain)), QUIET)


def test_failure_ends_with_1_and_is_shown_first(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(checkout, {"repro 1.py": "x = 1\n"})
    code, out = ask("-q", capsys=capsys)
    lines = out.splitlines()
    assert code == 1
    assert lines[0].startswith("! 2 of ")
    assert "bugfix by its title and files: [BugFix][Op] Fix it" in out
    assert out.index("x failed no-repro-at-root") < out.index("! warned test-beside-source") < out.index("? unknown")
    assert "    repro 1.py" in lines
    assert lines[-1].startswith("next: git ")


def test_ready_ends_with_0_and_says_how_to_open_it(draft: Draft, capsys: pytest.CaptureFixture[str]) -> None:
    skip = ("test-beside-source", "test-fails-on-base", "tests-pass", "evidence-fresh", "ir-acknowledged")
    words = [word for name in skip for word in ("--skip", name)]
    code, out = ask("-q", *words, "--done", "bf02", "--not-needed", "BF01=because no test can show it", capsys=capsys)
    assert code == 0, out
    assert out.startswith("+ ready: ")
    assert "checklist: 3 of 3 ticked" in out
    assert out.splitlines()[-1] == "next: python -m scaffold open-pr"
    assert read_draft(draft.folder).answers == {"BF02": "done", "BF01": "not needed because no test can show it"}


def test_only_one_check_is_made(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = ask("-q", "--only", "title-form", "--json", capsys=capsys)
    document = validated(out, "preflight")
    assert code == 0
    assert document["schema_version"] == 1
    assert document["failed"] is False
    assert [(row["id"], row["word"]) for row in document["checks"]] == [("title-form", "passed")]
    assert [item["state"] for item in document["items"]] == ["seen"]


def test_json_of_a_whole_run_is_valid(draft: Draft, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(checkout, {"docs/a.md": "# A\n", "repro.py": "x = 1\n"})
    document = validated(ask("-q", "--title", "Fix it", "--json", capsys=capsys)[1], "preflight")
    assert {row["word"] for row in document["checks"]} == {"passed", "failed", "warned", "unknown", "quiet"}
    assert {item["state"] for item in document["items"]} == {"open"}


def test_markdown_has_boxes(checkout: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.md"
    assert main(["preflight", "-q", "--only", "title-form", "-o", str(target)]) == 0
    text = target.read_text()
    assert "- [x] BF03 The title has its form" in text
    assert "BF02" not in text
    assert main(["preflight", "-q", "-o", str(target)]) == 0
    assert "- [ ] BF02 The cause is named" in target.read_text()


def test_list_names_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = ask("--list", capsys=capsys)
    assert code == 0
    assert "hooks" in out
    assert "docs-build" in out


def test_answer_without_draft_is_refused(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "-q", "--done", "BF02"]) == 2
    assert "new-pr bugfix --adopt" in capsys.readouterr().err


def test_unknown_check_is_refused_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "--skip", "hoks"]) == 2
    assert "did you mean hooks?" in capsys.readouterr().err


def test_fix_mends_looks_again_and_says_what_it_did(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "testing/python/jit/test_tilelang_jit_new.py"
    write(checkout, {name: "import tilelang.testing\n\n\ndef test_one():\n    pass\n"})
    code, out = ask("-q", "--only", "test-footer", "--fix", capsys=capsys)
    assert code == 0
    assert out.startswith("+ ready")
    assert f"mended: {name}: footer added" in out
    assert (checkout / name).read_text().endswith('if __name__ == "__main__":\n    tilelang.testing.main()\n')


def test_open_pr_is_told_what_a_whole_run_found(draft: Draft, capsys: pytest.CaptureFixture[str]) -> None:
    ask("-q", "--only", "title-form", capsys=capsys)
    ask("-q", "--skip", "title-form", capsys=capsys)
    assert read_preflight(draft).head == ""
    draft.body.write_text("")
    ask("-q", capsys=capsys)
    kept = read_preflight(draft)
    assert kept.head == git(draft.checkout, "rev-parse", "HEAD")
    assert kept.failed == ("body-complete", "test-beside-source")


def test_nothing_is_written_into_the_checkout(draft: Draft, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in checkout.rglob("*") if path.is_file() and ".git" not in path.parts
    }
    ask("-q", capsys=capsys)
    after = {
        path: path.stat().st_mtime_ns for path in checkout.rglob("*") if path.is_file() and ".git" not in path.parts
    }
    assert after == before
    assert git(checkout, "status", "--porcelain") == ""


def test_remedies_are_said_as_nox_sessions_under_nox(
    draft: Draft, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOX_CURRENT_SESSION", "preflight")
    _, out = ask("-q", "--only", "tests-pass", "--only", "test-fails-on-base", capsys=capsys)
    assert "fix: nox -s evidence -- --only tests" in out
    assert out.splitlines()[-1] == "next: nox -s preflight"
    _, out = ask("-q", "--skip", "test-beside-source", capsys=capsys)
    assert out.splitlines()[-1] == "next: nox -s evidence"


def _last(out: str) -> str:
    return out.splitlines()[-1].removeprefix("next: ")


def test_next_repeats_what_was_given(
    draft: Draft, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    where = ("--checkout", "tilelang", "--base", "theirs/main", "--workspace", "ws")
    skip: tuple[str, ...] = ("--skip", "test-beside-source")
    _, out = ask("-q", *where, *skip, capsys=capsys)
    assert _last(out) == "python -m scaffold evidence --checkout tilelang --workspace ws"
    assert "fix: python -m scaffold evidence --checkout tilelang --workspace ws --only tests" in out
    for name in ("test-fails-on-base", "tests-pass", "evidence-fresh", "ir-acknowledged"):
        skip += ("--skip", name)
    _, out = ask("-q", *where, *skip, "--title", "[BugFix] Fix 'it'", capsys=capsys)
    told = """ --title '[BugFix] Fix '"'"'it'"'"''"""
    assert (
        _last(out)
        == f"python -m scaffold preflight --checkout tilelang --base theirs/main{told} --workspace ws --done BF01"
    )
    _, out = ask("-q", *where, *skip, "--done", "BF01", "--done", "BF02", capsys=capsys)
    assert _last(out) == "python -m scaffold open-pr --checkout tilelang --workspace ws"
    draft.body.write_text("")
    _, out = ask("-q", *where, *skip, capsys=capsys)
    assert _last(out).endswith("preflight --checkout tilelang --base theirs/main --workspace ws --only body-complete")


def test_git_is_told_which_folder(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(checkout, {"docs/new.md": "# New\n"})
    _, out = ask("-q", "--checkout", str(checkout), capsys=capsys)
    assert _last(out) == f"git -C {checkout} add -- docs/new.md && git -C {checkout} commit"
    _, out = ask("-q", capsys=capsys)
    assert _last(out) == "git add -- docs/new.md && git commit"


@pytest.mark.parametrize("verb", FLAGS)
def test_flags_that_are_repeated_are_those_of_the_verb(verb: str) -> None:
    given = argparse.Namespace(checkout="a b", base="-x", kind="bugfix", title="It's", workspace="w")
    words = shlex.split(with_given(f"python -m scaffold {verb}", given))[3:]
    parsed = importlib.import_module(VERBS[verb][0])._parser().parse_args([*words[1:], *_OWN.get(verb, ())])
    assert {flag: getattr(parsed, flag) for flag in FLAGS[verb]} == {flag: getattr(given, flag) for flag in FLAGS[verb]}


def test_answer_without_a_draft_repeats_what_was_given(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preflight", "-q", "--checkout", str(checkout), "--base", "theirs/main", "--done", "BF02"]) == 2
    told = f"new-pr --checkout {checkout} --base theirs/main bugfix --adopt"
    assert told in capsys.readouterr().err


def _note(draft: Draft, *steps: StepRecord) -> None:
    change = read_change(draft.checkout, draft.base_ref)
    record = EvidenceRecord(branch=change.branch, base=change.base, head=change.head)
    for step in steps:
        keyed = msgspec.structs.replace(step, key=full_key(step.step, draft, change))
        record = with_step(record, keyed)
    write_evidence(draft, record)


def test_what_cannot_be_run_here_is_not_known_and_not_asked_for_again(
    draft: Draft, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = {"verdict": "2 passed", "details": {"passes_now": True, "fails_on_base": True, "nothing_ran": False}}
    _note(
        draft,
        StepRecord(step="repro", key="", at=0.0, not_run="there is no repro.py beside the draft"),
        StepRecord(step="tests", key="", at=0.0, **ran),  # type: ignore[arg-type]
        StepRecord(step="tir-diff", key="", at=0.0, not_run="no GPU here", cannot=True),
        StepRecord(step="corpus", key="", at=0.0, verdict="the same", details={"differs": 0, "kernels": 9}),
    )
    facts = gather(Workspace(tmp_path / "ws"), Asked(), QUIET)
    assert facts.not_run["tir-diff"] == NotRun("no GPU here", cannot=True)
    assert not facts.not_run["repro"].cannot
    answers = ("--done", "BF02")
    code, out = ask("-q", "--skip", "test-beside-source", *answers, capsys=capsys)
    assert code == 0
    assert out.startswith("? ready as far as is known: ")
    assert "? unknown evidence-fresh: tir-diff cannot be run here: no GPU here" in out
    assert "fix: python -m scaffold evidence --only tir-diff on a machine with a GPU" in out
    assert _last(out) == "python -m scaffold open-pr"


def test_kinds_of_the_repository_are_those_the_guess_knows() -> None:
    assert {"bugfix", "docs-fix", "test-only", "build-ci", "perf"} <= set(kinds())
