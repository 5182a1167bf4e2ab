"""A bug in a script, tool or CI file: which file is meant, and the repro and the test that are made of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sources import git
from upstreams import clone, state
from verbs import run_verb

from scaffold.builds.workspace import Workspace
from scaffold.contribute.draft import Draft, all_drafts
from scaffold.contribute.kinds import kinds
from scaffold.contribute.questions import ask_all
from scaffold.contribute.script import script_of

GUARDED = "def main():\n    print('ran')\n\n\nif __name__ == '__main__':\n    main()\n"
PARSES = f"import argparse\n\nargparse.ArgumentParser().parse_args()\n{GUARDED}"
DEFINES = "def shapes():\n    return [1]\n\n\ndef _own():\n    pass\n"
FILES = {
    "maint/scripts/compare.py": PARSES,
    "maint/run_all.py": GUARDED,
    "maint/line.py": "print('at once')\n",
    "maint/beside.py": f"import line_of_it\n\n{DEFINES}",
    "maint/line_of_it.py": DEFINES,
    "tilelang/shapes.py": DEFINES,
    "maint/check.sh": "#!/bin/bash\nset -e\necho checked\n",
    ".github/workflows/ci.yml": "on: push\n\njobs:\n  build: {}\n",
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.chdir(tmp_path)
    root = clone(tmp_path)
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "maint/link.py").symlink_to("line.py")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "scripts")
    git(root, "update-ref", "refs/remotes/upstream/main", "HEAD")
    return root


def new_pr(checkout: Path, *argv: str, kind: str = "bugfix") -> int:
    return run_verb("new-pr", kind, "--checkout", str(checkout), "--yes", "--title", "fold it", *argv)


def draft_of(tmp_path: Path) -> Draft:
    (draft,) = all_drafts(Workspace(tmp_path / "workspace"))
    return draft


def reproduce(draft: Draft, tree: Path, **environment: str) -> tuple[int, str]:
    """What the repro says in a folder, with no package of this environment in reach."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SCAFFOLD_TREE")}
    command = [sys.executable, "-S", str(draft.repro)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tree, env={**kept, **environment}, check=False, timeout=60
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("path", "way", "module", "names"),
    [
        ("maint/scripts/compare.py", "help", "", ("main",)),
        ("maint/run_all.py", "run", "", ("main",)),
        ("maint/line.py", "run", "", ()),
        ("maint/line_of_it.py", "import", "", ("shapes",)),
        ("tilelang/shapes.py", "import", "tilelang.shapes", ("shapes",)),
        ("maint/check.sh", "shell", "", ()),
        (".github/workflows/ci.yml", "text", "", ("on: push", "jobs:", "build: {}")),
    ],
)
def test_a_file_is_tried_in_the_way_of_its_kind(path: str, way: str, module: str, names: tuple[str, ...]) -> None:
    script = script_of(path, FILES[path])
    assert (script.way, script.module, script.names) == (way, module, names)


def test_more_ways() -> None:
    assert script_of("tilelang/jit/__init__.py", "").module == "tilelang.jit"
    assert script_of("maint/old.py", "print 'x'\n").way == "run"
    assert script_of("maint/calls.py", f"{DEFINES}\nshapes()\n").way == "run", "importing it would run it"
    assert script_of("docker/start", "#!/usr/bin/env bash\n").way == "shell"


@pytest.mark.parametrize("path", FILES)
def test_as_generated_the_repro_does_not_reproduce_and_the_test_passes(
    path: str, checkout: Path, tmp_path: Path
) -> None:
    assert new_pr(checkout, "--script", path) == 0
    draft = draft_of(tmp_path)
    assert draft.repro.read_text().count("# EDIT") == 1
    assert reproduce(draft, checkout) == (0, "does not reproduce")
    (test,) = draft.files["test"]
    stub = tmp_path / "stub" / "tilelang"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text(f"__path__.append({str(checkout / 'tilelang')!r})\n")
    (stub / "testing.py").write_text("")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(checkout / test)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=stub,
        env={**os.environ, "PYTHONPATH": str(stub.parent), "PYTEST_ADDOPTS": ""},
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize(
    ("path", "text", "code", "said"),
    [
        ("maint/run_all.py", "raise ValueError('off by 3')\n", 1, "reproduces: ValueError: off by 3"),
        ("maint/run_all.py", "raise SystemExit(4)\n", 1, "reproduces: exit code 4"),
        ("maint/run_all.py", "import nowhere\n", 2, "cannot tell: ModuleNotFoundError: No module named 'nowhere'"),
        ("maint/run_all.py", "raise RuntimeError('No CUDA GPUs are available')\n", 2, "cannot tell: RuntimeError: No"),
        (
            "maint/run_all.py",
            "import argparse as a\np = a.ArgumentParser()\np.add_argument('x')\np.parse_args()\n",
            2,
            "cannot tell: it was not called as it wants to be: ",
        ),
        ("maint/scripts/compare.py", "import argparse, nowhere\n", 2, "cannot tell: ModuleNotFoundError"),
        ("maint/scripts/compare.py", "1 / 0\n", 1, "reproduces: ZeroDivisionError"),
        ("maint/beside.py", "def shapes(:\n", 1, "reproduces: SyntaxError"),
        ("maint/beside.py", "import nowhere\n", 2, "cannot tell: No module named 'nowhere'"),
        ("maint/beside.py", "from os import nothing\n", 1, "reproduces: ImportError"),
        ("tilelang/shapes.py", "raise ValueError('two\\nlines')\n", 1, "reproduces: ValueError: two lines"),
        ("maint/check.sh", "if\n", 1, "reproduces: "),
        (".github/workflows/ci.yml", "", 1, "reproduces: it is empty"),
    ],
)
def test_a_repro_says_what_goes_wrong_in_the_tree_it_runs_in(
    path: str, text: str, code: int, said: str, checkout: Path, tmp_path: Path
) -> None:
    """``evidence`` starts it in a laid-out tree of each side; SCAFFOLD_TREE names one from elsewhere."""
    assert new_pr(checkout, "--script", path) == 0
    draft, tree = draft_of(tmp_path), tmp_path / "other tree"
    (tree / path).parent.mkdir(parents=True)
    (tree / path).write_text(text)
    for result in (reproduce(draft, tree), reproduce(draft, checkout, SCAFFOLD_TREE=str(tree))):
        assert (result[0], result[1][: len(said)]) == (code, said)
    assert reproduce(draft, tree, SCAFFOLD_TREE=str(checkout)) == (0, "does not reproduce")


def test_a_repro_without_the_file_cannot_tell(checkout: Path, tmp_path: Path) -> None:
    assert new_pr(checkout, "--script", "maint/line.py") == 0
    code, said = reproduce(draft_of(tmp_path), tmp_path)
    assert (code, said) == (2, "cannot tell: there is no maint/line.py in the current folder")


def test_a_file_that_the_installed_tilelang_has_too_is_not_loaded_twice(checkout: Path, tmp_path: Path) -> None:
    """Two registrations of one name are an error; another text of it is what the tree is about."""
    assert new_pr(checkout, "--script", "tilelang/shapes.py") == 0
    installed, draft = tmp_path / "site" / "tilelang", draft_of(tmp_path)
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("from . import once, shapes\n")
    (installed / "once.py").write_text("seen = []\n")
    text = "from .once import seen\n\nassert not seen, 'twice'\nseen.append(1)\n"
    (installed / "shapes.py").write_text(text)
    (checkout / "tilelang/shapes.py").write_text(text)
    found = {"PYTHONPATH": str(installed.parent)}
    assert reproduce(draft, checkout, **found) == (0, "does not reproduce")
    (checkout / "tilelang/shapes.py").write_text(text + "# another\n")
    assert reproduce(draft, checkout, **found) == (1, "reproduces: AssertionError: twice")


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("maint/line.py", "."),
        ("./maint//line.py", "."),
        ("line.py", "tilelang/maint"),
        ("../maint/line.py", "tilelang/maint"),
        ("{root}/maint/line.py", "."),
    ],
)
def test_a_script_is_named_from_the_checkout_or_from_here(
    path: str, where: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / where)
    assert new_pr(checkout, "--script", path.format(root=checkout)) == 0
    assert 'SCRIPT = os.path.join(TREE, "maint/line.py")' in draft_of(tmp_path).repro.read_text()


@pytest.mark.parametrize(
    "path", ["maint/none.py", "maint", "maint/link.py", "../outside.py", "/etc/passwd", ".", "maint/new.py"]
)
def test_what_is_no_file_of_the_checkout_is_refused(
    path: str, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "outside.py").write_text("")
    (checkout / "maint/new.py").write_text("")
    before = state(checkout)
    assert new_pr(checkout, "--script", path) == 2
    error = capsys.readouterr().err
    assert f"--script {path}: no such file in" in error
    assert "hint: say its path" in error
    assert state(checkout) == before


@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        (["--kernel", "gemm"], "bugfix", "--script and --kernel"),
        (["--pass", "LowerTileOp"], "bugfix", "--script and --pass"),
        (["--from-failure", "fails.py"], "bugfix", "--script and --from-failure"),
        ([], "docs-fix", "docs-fix takes no --script"),
    ],
)
def test_a_script_alone_is_what_a_bug_is_about(
    more: list[str], kind: str, said: str, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fails.py").write_text("raise ValueError\n")
    assert new_pr(checkout, "--script", "maint/line.py", *more, kind=kind) == 2
    assert said in capsys.readouterr().err


def test_its_place_tags_and_test_are_those_of_its_folder(checkout: Path, tmp_path: Path) -> None:
    for path in ("tilelang/language/lines.py", "testing/python/tools/test_a.py"):
        (checkout / path).parent.mkdir(exist_ok=True)
        (checkout / path).write_text(DEFINES)
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "more")
    git(checkout, "update-ref", "refs/remotes/upstream/main", "HEAD")
    assert new_pr(checkout, "--script", "tilelang/language/lines.py", "--branch", "one") == 0
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "one")
    assert new_pr(checkout, "--script", "maint/line.py", "--branch", "two") == 0
    one, two = all_drafts(Workspace(tmp_path / "workspace"))
    assert (one.title, one.files["test"]) == (
        "[BugFix][Language] Fold it",
        ("testing/python/language/test_tilelang_language_fold_it.py",),
    )
    assert (two.title, two.files["test"]) == (
        "[BugFix] Fold it",
        ("testing/python/tools/test_tilelang_tools_fold_it.py",),
    )
    assert "## IR" in one.body.read_text()
    assert "## IR" not in two.body.read_text()
    assert "in maint/line.py" in two.body.read_text()


def test_an_adopted_branch_gets_the_repro_of_its_script(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "switch", "-q", "-c", "mine")
    (checkout / "maint/line.py").write_text("print('mended')\n")
    git(checkout, "commit", "-qam", "mend it")
    assert new_pr(checkout, "--script", "maint/line.py", "--adopt") == 0
    assert reproduce(draft_of(tmp_path), checkout) == (0, "does not reproduce")


def test_a_script_is_asked_for_where_it_is_no_kernel_and_no_pass() -> None:
    def asked(**answers: str) -> tuple[list[str], dict[str, str]]:
        prompts: list[str] = []

        def read(prompt: str) -> str:
            prompts.append(prompt)
            return next((answer for word, answer in answers.items() if prompt.startswith(word)), "")

        tries = iter(["no such file", ""])
        found = ask_all(
            kinds()["bugfix"], {"title": "Fold it"}, read, prompts.append, checks={"script": lambda _: next(tries)}
        )
        return prompts, found

    assert not any("script" in prompt for prompt in asked(kernel="gemm")[0])
    assert not any("script" in prompt for prompt in asked(**{"pass": "LowerTileOp"})[0])
    prompts, found = asked(script="maint/x.py")
    assert prompts.count("no such file") == 1, "it is asked again"
    assert found["script"] == "maint/x.py"
