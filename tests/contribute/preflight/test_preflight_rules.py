"""Every rule speaks where it should, and not where it should not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from preflight_branch import Branch
from preflight_cases import EVIDENCE, HISTORY, TEXT, Case
from preflight_file_cases import FILES, TESTS

from scaffold.contribute.preflight.registry import RULES

CASES = (*TEXT, *HISTORY, *EVIDENCE, *FILES, *TESTS)
#: Its hooks are installed from an index: tests/contribute/preflight/test_preflight_hooks.py.
ELSEWHERE = {"hooks"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_rule_says(case: Case, tmp_path: Path) -> None:
    branch = Branch.at(tmp_path)
    for path, content in case.files.items():
        branch.write(path, content)
    if case.prepare:
        case.prepare(branch)
    answer = RULES[case.rule].check(branch.facts())
    assert answer.word == case.word, answer
    assert case.says in "\n".join((answer.message, *answer.places, answer.fix))


def test_every_rule_has_a_case_in_which_it_speaks_and_one_in_which_it_does_not() -> None:
    loud = {case.rule for case in CASES if case.word in ("failed", "warned", "unknown")}
    calm = {case.rule for case in CASES if case.word in ("passed", "quiet")}
    assert loud | ELSEWHERE == set(RULES)
    assert calm | ELSEWHERE == set(RULES)


def test_every_rule_says_what_it_is_why_and_where_upstream_says_so() -> None:
    for name, rule in RULES.items():
        assert name == rule.id
        assert rule.title
        assert rule.why.endswith(".")
        assert rule.link.startswith("https://")
        assert set(rule.requires) <= set(RULES)


@pytest.mark.parametrize("case", [case for case in CASES if case.word == "failed"], ids=lambda case: case.id)
def test_failure_says_what_to_do(case: Case, tmp_path: Path) -> None:
    branch = Branch.at(tmp_path)
    for path, content in case.files.items():
        branch.write(path, content)
    if case.prepare:
        case.prepare(branch)
    assert RULES[case.rule].check(branch.facts()).fix


def _oddities(branch: Branch) -> None:
    branch.write("src/op/latin é.cc", b"// \xe9\xff\n")
    branch.write('testing/python/jit/test "quoted" name.py', b"\xff\xfe = 1\n")
    branch.write("tilelang/binary.py", b"x = 1\0\n")
    branch.write("tilelang/deep.py", "(" * 3000 + ")" * 3000 + "\n")
    branch.write("docs/huge.md", b"a" * (3 * 1024 * 1024))
    branch.write("examples/empty.py", "")
    (branch.root / "tilelang" / "link.py").symlink_to("nowhere.py")
    (branch.root / "docs" / "folder").symlink_to("..")
    branch.remove("src/op/gemm.h")
    branch.move("tilelang/jit.py", "tilelang/jit moved.py")
    branch.move("testing/python/language/test_tilelang_language_copy.py", "testing/python/language/test_renamed.py")


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("rule", [name for name in RULES if name not in ELSEWHERE])
def test_rule_survives_any_file(rule: str, *, committed: bool, tmp_path: Path) -> None:
    branch = Branch.at(tmp_path)
    _oddities(branch)
    if committed:
        branch.commit()
    assert RULES[rule].check(branch.facts()).word


def test_cases_have_names_of_their_own() -> None:
    names = [case.id for case in CASES]
    assert len(set(names)) == len(names)
    assert dataclasses.is_dataclass(Case)
