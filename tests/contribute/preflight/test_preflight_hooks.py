"""Upstream's hooks: their configuration made one of packages, their output read, and once run for real."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml
from preflight_branch import Branch

from scaffold.contribute.preflight.hooks import execute
from scaffold.contribute.preflight.hooks.config import derive, hook_settings, read_config
from scaffold.contribute.preflight.hooks.output import changed_places, parse_output
from scaffold.contribute.preflight.model import ToolResult
from scaffold.contribute.preflight.registry import RULES

HOOKS = RULES["hooks"]
#: In two parts, or the kit's own spelling check would find it.
MISSPELT = "sep" + "erate"
#: As upstream's of 2026-08 is written: four of its five repositories, and what is easily got wrong.
CONFIG = """\
default_stages: [pre-commit, pre-push, manual]
exclude: '^(build|3rdparty)/.*$'
repos:
  - repo: https://github.com/pre-commit/pre-commit-hooks
    rev: v6.0.0
    hooks:
      - id: trailing-whitespace
      - id: check-added-large-files
        args: [--maxkb=700]
      - id: check-ast
        fail_fast: true
  - repo: git@github.com:astral-sh/ruff-pre-commit.git
    rev: v0.16.1
    hooks:
      - id: ruff-check
        args: [--fix, --exit-non-zero-on-fix]
  - repo: https://github.com/codespell-project/codespell
    rev: v2.4.3
    hooks:
      - id: codespell
        additional_dependencies: [".[toml]"]
        exclude: ^.+\\.svg$
"""


def test_hooks_are_derived_from_packages_of_the_pinned_versions() -> None:
    derived = derive(yaml.safe_load(CONFIG))
    hooks = {hook["id"]: hook for item in derived.config["repos"] for hook in item["hooks"]}
    assert {item["repo"] for item in derived.config["repos"]} == {"local"}
    assert derived.sources == ("pre-commit-hooks 6.0.0", "ruff 0.16.1", "codespell 2.4.3")
    assert derived.unknown == ()
    assert derived.config["exclude"] == "^(build|3rdparty)/.*$"
    assert derived.config["default_stages"] == ["pre-commit", "pre-push", "manual"]
    assert hooks["trailing-whitespace"]["entry"] == "trailing-whitespace-fixer"
    assert hooks["check-added-large-files"]["args"] == ["--maxkb=700"]
    assert hooks["check-ast"]["fail_fast"] is True
    assert hooks["ruff-check"]["entry"] == "ruff check --force-exclude"
    assert hooks["ruff-check"]["args"] == ["--fix", "--exit-non-zero-on-fix"]
    assert hooks["ruff-check"]["additional_dependencies"] == ["ruff==0.16.1"]
    assert hooks["codespell"]["additional_dependencies"] == ["codespell[toml]==2.4.3"]
    assert hooks["codespell"]["exclude"] == "^.+\\.svg$"
    assert all(hook["language"] == "python" for hook in hooks.values())


@pytest.mark.parametrize(
    ("repo", "rev", "hook", "why"),
    [
        ("https://github.com/somebody/else", "v1.0", "new-hook", "no package is known for it"),
        ("https://github.com/astral-sh/ruff-pre-commit", "0123abcd", "ruff-check", "names no version"),
        ("https://github.com/pre-commit/pre-commit-hooks", "v9.9.9", "new-hook", "not known what it runs"),
    ],
)
def test_hook_that_no_package_is_known_for_is_named(repo: str, rev: str, hook: str, why: str) -> None:
    derived = derive({"repos": [{"repo": repo, "rev": rev, "hooks": [{"id": hook}]}]})
    assert derived.config["repos"] == []
    assert len(derived.unknown) == 1
    assert hook in derived.unknown[0]
    assert why in derived.unknown[0]


def test_local_hooks_are_kept_as_they_are() -> None:
    item = {"repo": "local", "hooks": [{"id": "own", "entry": "true", "language": "system"}]}
    assert derive({"repos": [item]}).config["repos"] == [item]


@pytest.mark.parametrize("text", ["", "[", "- a\n", "repos: 3\n"])
def test_configuration_that_is_none_is_not_read(text: str, tmp_path: Path) -> None:
    (tmp_path / ".pre-commit-config.yaml").write_text(text)
    assert read_config(tmp_path) is None
    assert hook_settings(tmp_path, "codespell") == {}


OUTPUT = """\
[INFO] Installing environment for local.
trim trailing whitespace.................................................Failed
- hook id: trailing-whitespace
- exit code: 1
- files were modified by this hook

Fixing a b.py

check for merge conflicts................................................Passed
check toml...........................................(no files to check)Skipped
ruff-check...............................................................Failed
- hook id: ruff-check
- exit code: 1

a b.py:3:1: F821 Undefined name `x`
Found 1 error.
"""


def test_output_is_read_hook_by_hook() -> None:
    hooks = parse_output(OUTPUT)
    assert [(hook.id, hook.word) for hook in hooks] == [
        ("trailing-whitespace", "Failed"),
        ("check for merge conflicts", "Passed"),
        ("check toml", "Skipped"),
        ("ruff-check", "Failed"),
    ]
    assert hooks[0].modified
    assert hooks[3].lines == ("a b.py:3:1: F821 Undefined name `x`",)


def test_what_hooks_rewrote_is_told_by_line() -> None:
    diff = (
        "diff --git a/a b.py b/a b.py\n--- a/a b.py\t\n+++ b/a b.py\t\n@@ -2 +2 @@ def f\n-x = 1  \n+x = 1\n"
        "@@ -9,2 +9,0 @@\n---y\n-\ndiff --git a/c b/c\n--- a/c\n+++ b/c\n@@ -1,0 +2 @@\n+new\n"
    )
    assert list(changed_places(diff)) == [
        "a b.py:2: x = 1·· -> x = 1",
        "a b.py:9: --y and 1 more -> (nothing)",
        "c:1: (nothing) -> new",
    ]


def test_checkout_without_configuration_has_no_hooks(tmp_path: Path) -> None:
    branch = Branch.at(tmp_path)
    branch.write("docs/a.md", "x\n")
    assert HOOKS.check(branch.facts()).word == "quiet"


def test_pre_commit_that_cannot_install_is_unknown_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = Branch.at(tmp_path)
    branch.write(".pre-commit-config.yaml", CONFIG)
    monkeypatch.setattr(execute, "_git_host_answers", lambda *_: False)
    said = (
        "An unexpected error has occurred: CalledProcessError\nERROR: No matching distribution found for ruff==0.16.1\n"
    )
    monkeypatch.setattr(execute, "_pre_commit", lambda *_: ToolResult(3, said))
    answer = HOOKS.check(branch.facts())
    assert answer.word == "unknown"
    assert "No matching distribution" in answer.message
    assert "index" in answer.fix
    assert list((branch.tools / "scratch").iterdir()) == []


def test_git_host_is_asked_once(tmp_path: Path) -> None:
    branch = Branch.at(tmp_path)
    branch.write("docs/a.md", "x\n")
    facts = branch.facts()
    nowhere = (str(tmp_path / "nowhere"),)
    assert not execute._git_host_answers(facts, nowhere)
    memory = branch.tools / "git-host.json"
    assert json.loads(memory.read_text())["answers"] is False
    memory.write_text(json.dumps({"answers": True, "at": time.time()}))
    assert execute._git_host_answers(facts, nowhere)
    memory.write_text(json.dumps({"answers": True, "at": 0}))
    assert not execute._git_host_answers(facts, nowhere)


def test_hook_nobody_knows_makes_the_answer_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    branch = Branch.at(tmp_path)
    config = "repos:\n  - repo: https://github.com/somebody/else\n    rev: v1.0\n    hooks: [{id: theirs}]\n"
    branch.write(".pre-commit-config.yaml", config)
    monkeypatch.setattr(execute, "_git_host_answers", lambda *_: False)
    monkeypatch.setattr(execute, "_pre_commit", lambda *_: ToolResult(0, ""))
    answer = HOOKS.check(branch.facts())
    assert answer.word == "unknown"
    assert "https://github.com/somebody/else (theirs)" in answer.message


@pytest.mark.network
def test_hooks_from_packages_find_and_mend_without_touching_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = Branch.at(tmp_path)
    branch.write(".pre-commit-config.yaml", CONFIG)
    branch.commit("[CI] Hooks")
    bad, new, good = "tilelang/jit.py", "docs/a 'new' page.md", "tilelang/good.py"
    branch.write(bad, "import os\n\n\ndef f():\n    return missing\n")
    branch.write(new, f"One line   \nwith {MISSPELT} blanks\n")
    branch.write(good, "x = 1\n")
    before = {path: (branch.root / path).read_bytes() for path in (bad, new, good)}
    monkeypatch.setattr(execute, "_git_host_answers", lambda *_: False)
    answer = HOOKS.check(branch.facts())
    text = "\n".join(answer.places)
    assert answer.word == "failed"
    assert "from PyPI" in answer.message
    assert "F821 Undefined name `missing`" in text
    assert f"would be rewritten: {new}:1: One line··· -> One line" in text
    assert f"{MISSPELT} ==> separate" in text
    assert {path: (branch.root / path).read_bytes() for path in before} == before
    done = HOOKS.fix(branch.facts())
    assert sorted(line.partition(":")[0] for line in done) == sorted([bad, new])
    assert (branch.root / new).read_bytes() == f"One line\nwith {MISSPELT} blanks\n".encode()
    assert (branch.root / good).read_bytes() == before[good]
    kept = [path.read_bytes() for path in (branch.tools / "before-fix").rglob("*.py")]
    assert kept == [before[bad]]
    branch.write(bad, "def f():\n    return 1\n")
    branch.write(new, "One line\n")
    answer = HOOKS.check(branch.facts())
    assert answer.word == "passed", answer
    assert "ruff 0.16.1" in answer.message
