"""``new-pr`` from end to end on a small clone: what it writes, and all that it refuses without touching anything."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from schemas import validated
from sources import git
from upstreams import TEST, clone, state
from verbs import run_verb

from scaffold.builds.workspace import Workspace
from scaffold.contribute.draft import REPRO_KERNEL, all_drafts
from scaffold.contribute.kinds import kinds
from scaffold.contribute.questions import questions_for
from scaffold.contribute.titles import USUAL_LENGTH

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = 'Say "no" to `rm -rf /` and $(reboot); it\'s \'\'\' and """ */ ünïcode'


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.chdir(tmp_path)
    return clone(tmp_path)


def new_pr(checkout: Path, kind: str, *argv: str) -> int:
    return run_verb("new-pr", kind, "--checkout", str(checkout), "--yes", *argv)


def needed(kind: str) -> list[str]:
    """Flags without which a kind cannot be made when nobody is asked."""
    values = {
        "issue": "77",
        "kernel": "gemm",
        "pass": "FoldCasts",
        "backend": "tpu",
        "topic": "gemv",
        "subsystem": "Op",
    }
    return [
        word
        for question in questions_for(kinds()[kind])
        if not question.optional
        for word in (question.flag.split()[0], values[question.name])
    ]


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_makes_a_branch_with_what_it_says_and_nothing_else(
    kind: str, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new_pr(checkout, kind, "--title", "fold casts of casts", *needed(kind), "--json") == 0
    told = validated(capsys.readouterr().out, "new-pr")
    assert git(checkout, "symbolic-ref", "--short", "HEAD").strip() == told["branch"]
    modified = set(git(checkout, "diff", "--name-only").splitlines())
    new = set(git(checkout, "ls-files", "--others", "--exclude-standard").splitlines())
    assert modified | new == set(told["files"])
    assert modified == set(told["added_to"])
    assert git(checkout, "rev-parse", "HEAD") == git(checkout, "rev-parse", "upstream/main")
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    assert draft.kind == kind
    assert draft.title.endswith("Fold casts of casts")
    assert draft.body.is_file()
    assert set(told["kept"]) == {path.name for path in draft.folder.iterdir()} - {"pr.toml"}


@pytest.mark.parametrize("kind", kinds())
def test_a_dry_run_writes_nothing(kind: str, checkout: Path, tmp_path: Path) -> None:
    before = state(checkout)
    assert new_pr(checkout, kind, "--title", "fold casts", *needed(kind), "--dry-run") == 0
    assert state(checkout) == before
    assert not (tmp_path / "workspace").exists()


def test_a_hostile_title_is_text_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    assert new_pr(checkout, "bugfix", "--title", HOSTILE) == 0
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    assert draft.title == f"[BugFix] {HOSTILE}"
    for path in git(checkout, "ls-files", "--others", "--exclude-standard").splitlines():
        compile((checkout / path).read_bytes(), path, "exec")


@pytest.mark.parametrize("slug", ["../../x", "/etc/passwd", "a b", "UPPER", "x;y", "-rf"])
def test_a_slug_is_a_plain_word(slug: str, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = state(checkout)
    assert new_pr(checkout, "bugfix", "--title", "fold casts", f"--slug={slug}") == 2
    assert state(checkout) == before
    assert "hint:" in capsys.readouterr().err


def dirty(root: Path) -> None:
    (root / "src/transform/lower_tile_op.cc").write_text("int mine;\n")


def staged(root: Path) -> None:
    dirty(root)
    git(root, "add", "-A")


def detached(root: Path) -> None:
    git(root, "checkout", "-q", "--detach")


def taken(root: Path) -> None:
    git(root, "branch", "fix/fold-casts")


def no_remote(root: Path) -> None:
    git(root, "remote", "remove", "upstream")


def other_remote(root: Path) -> None:
    git(root, "remote", "set-url", "upstream", "https://github.com/somebody/tilelang.git")


def never_fetched(root: Path) -> None:
    git(root, "update-ref", "-d", "refs/remotes/upstream/main")


def merging(root: Path) -> None:
    (root / ".git" / "MERGE_HEAD").write_text(git(root, "rev-parse", "HEAD"))


def in_the_way(root: Path) -> None:
    path = root / "testing/python/language/test_tilelang_language_fold_casts.py"
    path.write_text("mine = 1\n")


@pytest.mark.parametrize(
    ("spoil", "said", "hint", "code"),
    [
        (dirty, "has changes that are in no commit: src/transform/lower_tile_op.cc", "git stash", 2),
        (staged, "has changes that are in no commit", "git stash", 2),
        (detached, "is detached", "git switch -c NAME", 2),
        (taken, "the branch fix/fold-casts is there already", "git switch fix/fold-casts", 2),
        (no_remote, "no remote of this checkout is tile-ai/tilelang", "git remote add upstream", 3),
        (other_remote, "no remote of this checkout is tile-ai/tilelang", "git remote add upstream", 3),
        (never_fetched, "upstream/main was never fetched", "git fetch upstream", 3),
        (merging, "a merge is going on", "git merge --abort", 2),
        (in_the_way, "test_tilelang_language_fold_casts.py is there already", "--slug", 2),
    ],
)
def test_what_is_in_the_way_is_said_and_left_alone(
    spoil: Callable[[Path], None],
    said: str,
    hint: str,
    code: int,
    checkout: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(checkout)
    before = state(checkout)
    assert new_pr(checkout, "bugfix", "--title", "fold casts") == code
    assert state(checkout) == before
    assert not (tmp_path / "workspace" / "contributions").exists()
    error = capsys.readouterr().err
    assert said in error
    assert hint in error


def test_a_shallow_clone_is_told_what_it_lacks_and_still_gets_its_branch(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(checkout, "commit", "-q", "--allow-empty", "-m", "two")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", checkout.as_uri(), str(shallow))
    assert new_pr(shallow, "docs-fix", "--title", "mend a link", "--base", "origin/main") == 0
    assert "git fetch --unshallow" in capsys.readouterr().err


def test_untracked_files_that_are_not_in_the_way_stay(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "mine.txt").write_text("mine\n")
    assert new_pr(checkout, "bugfix", "--title", "fold casts") == 0
    assert (checkout / "mine.txt").read_text() == "mine\n"
    assert "not known to Git and come along: mine.txt" in capsys.readouterr().err


def test_no_git_and_no_tilelang_are_said(tmp_path: Path, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new_pr(tmp_path, "bugfix", "--title", "x") == 2
    assert "is no TileLang checkout" in capsys.readouterr().err


def test_an_unknown_kind_names_the_nearest(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new_pr(checkout, "bug-fix", "--title", "x") == 2
    assert "did you mean bugfix?" in capsys.readouterr().err


def test_what_is_missing_is_named_with_its_flag(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new_pr(checkout, "bugfix") == 2
    assert "bugfix needs --title TEXT" in capsys.readouterr().err


def test_an_example_is_edited_before_its_test(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new_pr(checkout, "example", "--title", "Show a scan", "--topic", "scan") == 0
    assert "next: edit examples/scan/example_show_scan.py, " in capsys.readouterr().out


def test_without_a_kind_it_says_what_each_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb("new-pr") == 0
    out = capsys.readouterr().out
    assert all(kind.summary in out for kind in kinds().values())


def test_tests_about_something_upstream_tests_already_are_added_to_that_file(checkout: Path) -> None:
    assert new_pr(checkout, "bugfix", "--title", "fold casts", "--subsystem", "Transform", "--pass", "LowerTileOp") == 0
    path = "testing/python/transform/test_tilelang_transform_lower_tile_op.py"
    text = (checkout / path).read_text()
    assert git(checkout, "diff", "--name-only").splitlines() == [path]
    assert not git(checkout, "ls-files", "--others", "--exclude-standard")
    assert text.count("tilelang.testing.main()") == 1
    assert text.index("def test_one") < text.index("fold_casts") < text.index("__main__")
    compile(text, path, "exec")


def test_a_file_that_is_no_utf8_is_not_added_to(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = "testing/python/language/test_tilelang_language_copy.py"
    (checkout / path).write_bytes(TEST.encode() + b"# na\xefve\n")
    git(checkout, "commit", "-qam", "latin")
    git(checkout, "update-ref", "refs/remotes/upstream/main", "HEAD")
    before = state(checkout)
    assert new_pr(checkout, "bugfix", "--title", "fold casts", "--test-file", path) == 2
    assert "is not UTF-8: byte" in capsys.readouterr().err
    assert state(checkout) == before


def test_a_branch_that_is_there_is_adopted_without_a_file_in_the_checkout(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "switch", "-q", "-c", "my-own-name")
    (checkout / "src/transform/lower_tile_op.cc").write_text("int mended;\n")
    git(checkout, "commit", "-qam", "mend it")
    before = state(checkout)
    assert new_pr(checkout, "bugfix", "--title", "mend it", "--adopt") == 0
    assert state(checkout) == before
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    assert (draft.branch, draft.title) == ("my-own-name", "[BugFix][Transform] Mend it")


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("tested", [True, False])
def test_a_body_of_an_adopted_branch_names_what_is_there_and_nothing_else(
    kind: str, tested: bool, checkout: Path, tmp_path: Path
) -> None:
    git(checkout, "switch", "-q", "-c", "my-own-name")
    (checkout / "src/transform/lower_tile_op.cc").write_text("int mended;\n")
    (checkout / "src/transform/fold.cc").write_text("int folded;\n")
    git(checkout, "mv", "docs/index.md", "docs/start.md")
    git(checkout, "rm", "-q", "examples/gemv/example_gemv.py")
    if tested:
        (checkout / "testing/python/cuda/test_cuda.py").write_text(TEST + "\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "expose scalar tile scheduler state")
    (checkout / "scratch.txt").write_text("not of the branch\n")
    assert new_pr(checkout, kind, *needed(kind), "--adopt") == 0
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    body = draft.body.read_text()
    named = {word for word in re.findall(r"`([^`\n]+)`", body) if re.search(r"\.\w+$|/", word)}
    assert named == {
        *("src/transform/lower_tile_op.cc", "src/transform/fold.cc"),
        *("docs/index.md", "docs/start.md", "examples/gemv/example_gemv.py"),
        *(["testing/python/cuda/test_cuda.py"] if tested else []),
    }
    changes = body.partition("## Changes")[2].partition("##")[0]
    assert "- Compiler: `src/transform/fold.cc` (new), `src/transform/lower_tile_op.cc`\n" in changes
    assert "- Examples: `examples/gemv/example_gemv.py` (removed)\n" in changes
    assert "- Docs: `docs/start.md` (was `docs/index.md`)\n" in changes
    assert "<!-- write:" in changes
    assert "expose_scalar" not in body
    assert "No code changes" not in body
    if not tested:
        assert "test_" not in body


def test_many_files_of_a_group_are_counted(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "switch", "-q", "-c", "my-own-name")
    for at in range(23):
        (checkout / f"docs/page_{at:02}.md").write_text("# Page\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "write pages")
    assert new_pr(checkout, "docs-fix", "--adopt") == 0
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    body = draft.body.read_text()
    assert "`docs/page_19.md` (new), and 3 more\n" in body
    assert "No code changes." in body


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        ("mend it", "[BugFix][Transform] Mend it"),
        ("[Fix][Reduce] mend it (#12)", "[Fix][Reduce] Mend it"),
    ],
)
def test_an_adopted_branch_is_called_as_its_first_commit(
    subject: str, title: str, checkout: Path, tmp_path: Path
) -> None:
    git(checkout, "switch", "-q", "-c", "my-own-name")
    for message in (subject, "mend a typo"):
        (checkout / "src/transform/lower_tile_op.cc").write_text(f"int {len(message)};\n")
        git(checkout, "commit", "-qam", message)
    assert new_pr(checkout, "bugfix", "--adopt") == 0
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    assert draft.title == title


def test_an_adopted_branch_without_a_commit_needs_a_title(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(checkout, "switch", "-q", "-c", "my-own-name")
    (checkout / "src/transform/lower_tile_op.cc").write_text("int mended;\n")
    assert new_pr(checkout, "bugfix", "--adopt") == 2
    assert "bugfix needs --title TEXT" in capsys.readouterr().err


@pytest.mark.parametrize("length", [82 - len(" (#1234)"), 83 - len(" (#1234)")])
def test_a_title_longer_than_upstreams_is_noted_by_the_limit_of_preflight(
    length: int, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    title = "[BugFix] " + "Fold casts of casts ".ljust(length - len("[BugFix] "), "x")
    assert new_pr(checkout, "bugfix", "--title", title) == 0
    noted = f"the title is long: {length} characters, {length + 8} with the number" in capsys.readouterr().err
    assert noted == (length + 8 > USUAL_LENGTH)


def test_a_failing_script_becomes_the_repro_where_it_cannot_be_run(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    script = tmp_path / "fails.py"
    script.write_text("import tilelang\ntext = '''\"\"\" \\\\n $(x)'''\nraise ValueError('off by 3')\n")
    assert new_pr(checkout, "bugfix", "--title", "fix it", "--from-failure", str(script)) == 0
    assert "fails.py was not run: " in capsys.readouterr().err
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    assert draft.kernels == (REPRO_KERNEL,)
    assert draft.kernel_arguments == (f"{draft.repro}::build",)
    done = subprocess.run([sys.executable, draft.repro], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "cannot tell: No module named 'tilelang'\n"), done


def test_a_build_that_is_named_must_be_there(checkout: Path, tmp_path: Path) -> None:
    script = tmp_path / "fails.py"
    script.write_text("raise ValueError\n")
    before = state(checkout)
    words = ("--from-failure", str(script), "--build", "python:/nowhere/python")
    assert new_pr(checkout, "bugfix", "--title", "fix it", *words) != 0
    assert state(checkout) == before


def test_a_failing_script_that_is_none_is_refused(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "bad.py"
    script.write_bytes(b"x = '\xe9'\n")
    before = state(checkout)
    assert new_pr(checkout, "bugfix", "--title", "x y", "--from-failure", str(script)) == 2
    assert "is not UTF-8" in capsys.readouterr().err
    assert new_pr(checkout, "bugfix", "--title", "x y", "--from-failure", str(tmp_path / "none.py")) == 2
    assert state(checkout) == before


def test_ctrl_c_in_the_questions_changes_nothing(checkout: Path, tmp_path: Path) -> None:
    before = state(checkout)
    leader, follower = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "scaffold", "new-pr", "bugfix", "--checkout", str(checkout)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=ROOT,
        env={**os.environ, "SCAFFOLD_WORKSPACE": str(tmp_path / "workspace")},
        start_new_session=True,
    )
    os.close(follower)
    said = _read(leader, until=b"title")
    # Once more where the first one came between the prompt and the reading of the answer: nothing wakes a read then.
    for _ in range(20):
        child.send_signal(signal.SIGINT)
        said += _read(leader, wait_s=3)
        if child.poll() is not None:
            break
    os.close(leader)
    assert child.wait(timeout=60) == 130, said
    assert b"interrupted" in said
    assert state(checkout) == before
    assert not (tmp_path / "workspace" / "contributions").exists()


def _read(terminal: int, until: bytes = b"", wait_s: float = 60) -> bytes:
    """What comes until a word, until the other end is closed, or until nothing came for so long."""
    said = b""
    while not until or until not in said:
        if not select.select([terminal], [], [], wait_s)[0]:
            break
        try:
            said += os.read(terminal, 1000)
        except OSError:
            break
    return said


def test_a_failure_while_writing_takes_everything_back(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scaffold.contribute import upstream

    before, calls = state(checkout), []

    def write(path: Path, data: bytes) -> None:
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    monkeypatch.setattr(upstream, "write_atomically", write)
    assert new_pr(checkout, "pass", "--title", "fold casts", *needed("pass")) == 130
    assert len(calls) >= 2
    monkeypatch.undo()
    assert state(checkout) == before


def test_typed_in_the_checkout_it_leaves_no_workspace_there(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCAFFOLD_WORKSPACE")
    monkeypatch.chdir(checkout / "src")
    assert Workspace.at(None).root == ROOT / "workspace"
    monkeypatch.chdir(checkout.parent)
    assert Workspace.at(None).root == checkout.parent / "workspace"


#: In place of Python's own ``venv``: its interpreter says what a pip would, notes what it is asked, and ends as told.
FAKE_VENV = """
from pathlib import Path


def create(folder, with_pip, clear):
    python = Path(folder) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text({script!r})
    python.chmod(0o755)
"""


def start_script(folder: Path, interpreter: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """``new_pr.py`` in a kit in ``folder``, with no package in reach; the environment it makes has ``interpreter``."""
    scripts = folder / "scripts"
    scripts.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "new_pr.py", scripts)
    (scripts / "venv.py").write_text(FAKE_VENV.format(script=interpreter))
    # -S -I: no package of this environment is in reach, so the script goes to its own.
    start = f"import sys, runpy; sys.path.insert(0, {str(scripts)!r}); runpy.run_path(sys.argv[1], run_name='__main__')"
    command = [sys.executable, "-S", "-I", "-c", start, str(scripts / "new_pr.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.mark.parametrize("code", [0, 1])
def test_the_first_install_shows_what_pip_says_only_where_it_fails(code: int, tmp_path: Path) -> None:
    script = f'#!/bin/sh\n[ "$1" = -m ] || exit 0\necho Collecting\necho "WARNING: a newer pip" >&2\nexit {code}\n'
    done = start_script(tmp_path / "kit", script)
    first, *more = done.stderr.splitlines()
    assert first == "installing what the kit needs into .venv-kit, once ..."
    if code == 0:
        assert (done.returncode, done.stdout, more) == (0, "", [])
    else:
        assert (done.returncode, done.stdout) == (3, "")
        assert more == ["Collecting", "WARNING: a newer pip"]


@pytest.mark.parametrize(("inside", "command"), [(True, ".venv-kit/bin/python"), (False, "{kit}/.venv-kit/bin/python")])
def test_the_next_verb_is_typed_with_the_interpreter_that_has_what_it_needs(
    inside: bool, command: str, tmp_path: Path
) -> None:
    kit = tmp_path / "kit"
    kit.mkdir()
    script = '#!/bin/sh\n[ "$1" = -m ] && exit 0\necho "$SCAFFOLD_COMMAND"\n'
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = start_script(kit, script, kit if inside else elsewhere)
    assert done.stdout == f"{command.format(kit=kit)} -m scaffold\n"


def test_the_script_is_the_verb(checkout: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "scripts" / "new_pr.py",
            "docs-fix",
            "--checkout",
            checkout,
            "--title",
            "Mend",
            "--dry-run",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("~ [Docs] Mend")


def test_a_kernel_that_is_none_is_said_before_anything_is_written(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state(checkout)
    words = ("--checkout", str(checkout), "--title", "Speed up the product", "--kernel", "gem", "--yes")
    assert run_verb("new-pr", "perf", *words) == 2
    assert "did you mean gemv, gemm" in capsys.readouterr().err
    assert state(checkout) == before
    assert not (tmp_path / "workspace" / "contributions").exists()
