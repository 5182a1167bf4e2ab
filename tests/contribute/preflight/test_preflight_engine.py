"""The engine: order, selection, rules that fail themselves; copies for tools; what --fix writes."""

from __future__ import annotations

import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from preflight_branch import DOCS, FOOTER, QUIET, TEST, Branch
from preflight_cases import NEW_TEST, SOURCE
from sources import git

from scaffold.contribute.preflight.model import Answer, Cost, Facts, Rule, failed, passed, warned
from scaffold.contribute.preflight.registry import RULES
from scaffold.contribute.preflight.rewriting import rewrite
from scaffold.contribute.preflight.rules import docs
from scaffold.contribute.preflight.run import Selection, check_all, fix_all, in_order
from scaffold.contribute.scratch import folders_at_base, scratch_copy, unpack_base
from scaffold.errors import EnvironmentProblem, UsageError


def rule(name: str, answer: Answer | Exception, *, cost: Cost = "instant", requires: tuple[str, ...] = ()) -> Rule:
    class Made(Rule):
        id = name
        title = name
        why = "A test."
        link = "https://example.org"

        def check(self, facts: Facts) -> Answer:
            if isinstance(answer, Exception):
                raise answer
            return answer

    Made.cost = cost
    Made.requires = requires
    return Made()


def run(branch: Branch, *rules: Rule, selection: Selection | None = None) -> dict[str, Answer]:
    checked = check_all(branch.facts(), {item.id: item for item in rules}, selection or Selection(), QUIET)
    return {item.rule.id: item.answer for item in checked}


@pytest.fixture
def branch(tmp_path: Path) -> Branch:
    made = Branch.at(tmp_path)
    for path, text in SOURCE.items():
        made.write(path, text)
    return made


def test_rule_that_raises_is_unknown_and_hides_no_other(branch: Branch) -> None:
    answers = run(
        branch,
        rule("one", ZeroDivisionError("by zero")),
        rule("two", EnvironmentProblem("no compiler", hint="install one")),
        rule("three", passed()),
    )
    assert answers["one"].word == "unknown"
    assert "ZeroDivisionError: by zero" in answers["one"].message
    assert answers["two"] == Answer("unknown", "it could not be made: no compiler", fix="install one")
    assert answers["three"].word == "passed"


def test_rule_after_one_that_failed_says_nothing(branch: Branch) -> None:
    answers = run(branch, rule("late", failed("x"), requires=("early",)), rule("early", failed("y"), cost="CPU"))
    assert answers["late"].word == "quiet"
    assert "early" in answers["late"].message


def test_interrupt_is_not_swallowed(branch: Branch) -> None:
    class Stopped(Rule):
        id, title, why, link = "stopped", "x", "x.", "https://example.org"
        cost: ClassVar[Cost] = "instant"

        def check(self, facts: Facts) -> Answer:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(branch, Stopped())


def test_rules_run_cheap_first_and_after_those_they_require() -> None:
    rules = [rule("d", passed(), cost="build"), rule("a", passed(), requires=("c",)), rule("b", passed())]
    rules.append(rule("c", passed(), cost="CPU"))
    assert [item.id for item in in_order({item.id: item for item in rules})] == ["b", "c", "a", "d"]


def test_requirements_in_a_circle_end() -> None:
    rules = [rule("a", passed(), requires=("b",)), rule("b", passed(), requires=("a",))]
    assert len(in_order({item.id: item for item in rules})) == 2


def test_dear_rule_is_left_out_unless_asked_for(branch: Branch) -> None:
    dear = rule("dear", failed("x"), cost="build")
    assert run(branch, dear)["dear"].word == "quiet"
    assert run(branch, dear, selection=Selection(only=("dear",)))["dear"].word == "failed"
    assert run(branch, dear, selection=Selection(everything=True))["dear"].word == "failed"
    assert run(branch, dear, selection=Selection(skip=("dear",))) == {}


def test_documentation_is_built_where_the_kind_is_about_it(branch: Branch) -> None:
    branch.write("docs/a.md", "# A\n")
    assert run(branch, RULES["docs-build"])["docs-build"].word == "quiet"
    branch.kind = DOCS
    assert run(branch, RULES["docs-build"])["docs-build"].word == "unknown"


def test_rule_that_is_not_there_is_refused_with_the_nearest(branch: Branch) -> None:
    with pytest.raises(UsageError) as error:
        check_all(branch.facts(), RULES, Selection(only=("hook",)), QUIET)
    assert error.value.hint == "did you mean hooks?"


def test_scratch_copy_holds_the_change_staged_on_the_base(branch: Branch, tmp_path: Path) -> None:
    branch.write("docs/a 'b' é.md", "new\n")
    branch.remove("src/op/gemm.h")
    branch.move("tilelang/jit.py", "tilelang/jit2.py")
    (branch.root / "docs" / "link").symlink_to("index.md")
    before = git(branch.root, "status", "--porcelain")
    with scratch_copy(branch.facts().change, tmp_path / "where") as folder:
        staged = git(folder, "-c", "core.quotePath=false", "status", "--porcelain").splitlines()
        assert (folder / "docs" / "link").is_symlink()
        assert (folder / "src/op/gemm.cc").read_text() == SOURCE["src/op/gemm.cc"]
    assert staged == [
        "A  \"docs/a 'b' é.md\"",
        "A  docs/link",
        "M  src/op/gemm.cc",
        "D  src/op/gemm.h",
        "R  tilelang/jit.py -> tilelang/jit2.py",
    ]
    assert git(branch.root, "status", "--porcelain") == before
    assert list((tmp_path / "where").iterdir()) == []


def test_scratch_copy_goes_where_the_block_is_interrupted(branch: Branch, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch_copy(branch.facts().change, tmp_path / "where"):
        raise KeyboardInterrupt
    assert list((tmp_path / "where").iterdir()) == []


def test_scratch_copy_of_a_worktree(branch: Branch, tmp_path: Path) -> None:
    branch.commit()
    git(branch.root, "switch", "-q", "main")
    git(branch.root, "worktree", "add", "-q", str(tmp_path / "tree"), "fix/it")
    branch.root = tmp_path / "tree"
    with scratch_copy(branch.facts().change, tmp_path / "where") as folder:
        assert (folder / "src/op/gemm.cc").read_text() == SOURCE["src/op/gemm.cc"]


def test_folders_at_base_are_as_they_were(branch: Branch, tmp_path: Path) -> None:
    with folders_at_base(branch.facts().change, tmp_path / "where", "src") as folder:
        assert "return 1" in (folder / "src/op/gemm.cc").read_text()
        assert not (folder / "tilelang").exists()


def test_the_base_is_laid_out_by_a_python_without_the_filters_of_tarfile(
    branch: Branch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Debian's 3.11.2 has none, and 3.10 had none at first; a call of them is an error there.
    monkeypatch.delattr(tarfile.TarFile, "extractall")
    (branch.root / "run.sh").write_text("#!/bin/sh\n")
    (branch.root / "run.sh").chmod(0o755)
    (branch.root / "link").symlink_to("run.sh")
    git(branch.root, "add", "-A")
    git(branch.root, "commit", "-qm", "more")
    change = replace(branch.facts().change, base=git(branch.root, "rev-parse", "HEAD").strip())
    unpack_base(change, tmp_path / "base")
    assert (tmp_path / "base/run.sh").stat().st_mode & 0o111
    assert (tmp_path / "base/link").readlink() == Path("run.sh")
    assert [path.name for path in tmp_path.glob("*.tar")] == []


def test_fix_writes_only_files_of_the_change_and_keeps_what_was_there(branch: Branch) -> None:
    facts = branch.facts()
    kept = rewrite(facts, "src/op/gemm.cc", b"new\n", expected=SOURCE["src/op/gemm.cc"].encode())
    assert kept.read_text() == SOURCE["src/op/gemm.cc"]
    assert (branch.root / "src/op/gemm.cc").read_text() == "new\n"
    with pytest.raises(EnvironmentProblem, match="edited while"):
        rewrite(facts, "src/op/gemm.cc", b"newer\n", expected=SOURCE["src/op/gemm.cc"].encode())
    with pytest.raises(EnvironmentProblem, match="no file of this change"):
        rewrite(facts, "tilelang/jit.py", b"", expected=(branch.root / "tilelang/jit.py").read_bytes())


def test_fix_mends_footer_and_header_and_keeps_the_mode(branch: Branch) -> None:
    asf = "# Licensed to the Apache Software Foundation\n# under one or more\n\n"
    branch.write(NEW_TEST, "#!/usr/bin/env python\n" + asf + TEST.replace(FOOTER, "\n"))
    branch.write("src/op/new.cc", "/*\n * Licensed to the Apache Software Foundation\n */\n\nint x;\n")
    (branch.root / NEW_TEST).chmod(0o755)
    facts = branch.facts()
    rules = {name: RULES[name] for name in ("no-licence-header", "test-footer")}
    done = fix_all(check_all(facts, rules, Selection(), QUIET), facts, QUIET)
    assert len(done) == 3
    assert (branch.root / NEW_TEST).read_text() == "#!/usr/bin/env python\n" + TEST
    assert os.access(branch.root / NEW_TEST, os.X_OK)
    assert (branch.root / "src/op/new.cc").read_text() == "int x;\n"
    again = check_all(branch.facts(), rules, Selection(), QUIET)
    assert [item.answer.word for item in again] == ["passed", "passed"]


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (
            "src/op/new.cc",
            "/*! \\file new.cc */\r\n/*\r\n * Licensed to the Apache Software Foundation\r\n */\r\n\r\nint x;\r\n",
            "/*! \\file new.cc */\r\nint x;\r\n",
        ),
        (
            "src/op/new.h",
            "// Licensed to the Apache Software Foundation\n// under the License.\n//\n// Packs what fits.\nint x;\n",
            "// Packs what fits.\nint x;\n",
        ),
        (
            "tilelang/new.py",
            "# coding: x\n#\n# Licensed to the Apache Software Foundation\n#\n# under the License.\n# ruff: noqa\n",
            "# coding: x\n# ruff: noqa\n",
        ),
    ],
)
def test_fix_takes_out_the_licence_and_nothing_else(branch: Branch, path: str, before: str, after: str) -> None:
    branch.write(path, before)
    facts = branch.facts()
    rules = {"no-licence-header": RULES["no-licence-header"]}
    assert fix_all(check_all(facts, rules, Selection(), QUIET), facts, QUIET)
    assert (branch.root / path).read_bytes().decode() == after


@pytest.mark.parametrize(
    ("shim", "said"),
    [
        ("exit 127", "by its grammar"),
        ("exit 0", "by its grammar"),
        ("echo all were looked at", "1 file on Python 3.10"),
        ("echo tilelang/jit.py:1: bad; echo all were looked at", "cannot read it"),
    ],
)
def test_an_interpreter_that_does_not_run_is_none(
    branch: Branch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shim: str, said: str
) -> None:
    python = tmp_path / "bin" / "python3.10"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\n{shim}\n")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", f"{python.parent}{os.pathsep}{os.environ['PATH']}")
    branch.write("tilelang/jit.py", "x = 1\n")
    message = RULES["python-3.10"].check(branch.facts()).message
    assert said in message
    assert ("by its grammar" in message) == (said == "by its grammar")


def test_documentation_is_built_once_for_one_state(branch: Branch, monkeypatch: pytest.MonkeyPatch) -> None:
    branch.write("docs/requirements.txt", "sphinx\n")
    branch.write("docs/a.md", "# A\n")
    built: list[str] = []

    def build(facts: Facts, pages: list[str]) -> Answer:
        built.extend(pages)
        return warned("sphinx warns", "docs/a.md:1: WARNING: x")

    monkeypatch.setattr(docs, "_build", build)
    first, second = (RULES["docs-build"].check(branch.facts()) for _ in range(2))
    assert (second.word, second.places) == (first.word, first.places)
    assert len(built) == 2
    branch.write("docs/a.md", "# B\n")
    RULES["docs-build"].check(branch.facts())
    assert len(built) == 4
    (branch.tools / "docs-answer.json").write_text("{")
    RULES["docs-build"].check(branch.facts())
    assert len(built) == 6
