"""Whether a change brings a test, and whether upstream's CI will find and run it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from scaffold.contribute.change import ChangedFile, is_test_file
from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, quiet, warned
from scaffold.contribute.preflight.reading import (
    adds_lines,
    changes_code,
    files_at_base,
    is_source,
    is_test,
    name,
    new_files,
    parsed,
    text_of,
)
from scaffold.contribute.preflight.rewriting import rewrite
from scaffold.contribute.preflight.rules.body import without_comments

_MAIN = "tilelang.testing.main()"
_FOOTER = f'\n\nif __name__ == "__main__":\n    {_MAIN}\n'
#: What a description says where there can be no test; that none was run is something else.
_NO_TEST = re.compile(
    r"\bno (?:new |unit |regression )?tests?\b(?! (?:(?:was|were|is|are|has|have|could be|can be) )*"
    r"(?:been )?(?:run|ran|fail|break|broke|chang)).{0,40}?\b(?:because|since|as)\b",
    re.IGNORECASE,
)
#: Words upstream's names begin with, beside TileLang.
_OTHER_NAMES = re.compile(r"test_(tilelang|metal|cuda|pass|arith|webgpu|mfma|hip|rocm|cpu)_\w+\.py")


class TestBesideSource(Rule):
    id = "test-beside-source"
    title = "A change of the compiler comes with a test"
    why = "73 % of upstream's fixes and 79 % of its features do; without one a reviewer asks, and the fault comes back."
    link = "https://github.com/tile-ai/tilelang/blob/main/CONTRIBUTING.md"

    def check(self, facts: Facts) -> Answer:
        sources = [file for file in facts.change.files if is_source(file.path)]
        tests = [file.path for file in facts.change.files if not file.gone and _shows(facts, file)]
        expected = facts.kind.expects.test
        if not sources:
            return quiet("no source of the compiler is changed")
        if tests:
            return passed(tests[0] + (f" and {len(tests) - 1} more" if len(tests) > 1 else ""))
        if facts.title.startswith('Revert "'):
            return quiet("a revert takes its test along")
        if expected == "none":
            return quiet(f"not expected of kind {facts.kind.name}")
        if not any(changes_code(facts.change, file) for file in sources):
            return quiet("only comments of the source are changed")
        said = "the source changes, and no test does"
        fix = "add one below testing/python, or to the file that tests it already"
        places = [file.path for file in sources]
        if expected == "required" and facts.draft and not says_why_no_test(facts.body):
            fix += "; where none can be written, say so in the description: No test, because …"
            return failed(said, *places, fix=fix)
        return warned(said, *places, fix=fix)


def says_why_no_test(body: str) -> bool:
    """Whether a description says why the change comes without a test."""
    return bool(_NO_TEST.search(without_comments(body)))


def _shows(facts: Facts, file: ChangedFile) -> bool:
    """Whether it is a test, or an example's, with something new in it that runs."""
    if file.path.startswith("examples/"):
        fits = is_test(file.path)
    else:
        fits = file.path.startswith("testing/") and name(file.path) not in ("conftest.py", "__init__.py")
    if not (fits and changes_code(facts.change, file) and adds_lines(facts.change, file)):
        return False
    text = text_of(facts.change, file.path)
    return text is None or not is_test(file.path) or parsed(text) is None or _tests_in(text)


class TestFooter(Rule):
    id = "test-footer"
    title = "A test file runs by itself"
    why = "256 of upstream's 327 test files end in tilelang.testing.main(); reviewers run one file with `python FILE`."
    link = "https://github.com/tile-ai/tilelang/pull/2063"

    def check(self, facts: Facts) -> Answer:
        new = [file.path for file in new_files(facts.change) if is_test(file.path)]
        if not new:
            return quiet("no test file is new")
        texts = {path: text_of(facts.change, path) for path in new}
        missing = [path for path, text in texts.items() if text is not None and not _has_footer(text)]
        if missing:
            return warned(
                f"no {_MAIN} at the end", *missing, fix="python -m scaffold preflight --fix, or add the two lines"
            )
        return passed(", ".join(new))

    def fix(self, facts: Facts) -> tuple[str, ...]:
        done = []
        for file in new_files(facts.change):
            text = text_of(facts.change, file.path)
            if (
                not is_test(file.path)
                or text is None
                or _has_footer(text)
                or "__main__" in text
                or parsed(text) is None
            ):
                continue
            data = facts.change.now(file.path) or b""
            lead = b"" if _imports_testing(text) else b"\n\nimport tilelang.testing  # noqa: E402"
            rewrite(facts, file.path, data.rstrip() + b"\n" + lead + _FOOTER.encode(), expected=data)
            done.append(f"{file.path}: footer added")
        return tuple(done)


def _has_footer(text: str) -> bool:
    """Whether the file, run as a script, runs tests."""
    tree = parsed(text)
    if tree is None:
        return _MAIN in text
    for node in tree.body:
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            return any(
                isinstance(item, ast.Call) and ast.unparse(item.func).endswith("main") for item in ast.walk(node)
            ) or bool(node.body and not isinstance(node.body[0], ast.Pass))
    return False


def _imports_testing(text: str) -> bool:
    return bool(re.search(r"^import tilelang\.testing\b", text, re.MULTILINE))


class TestCollects(Rule):
    id = "test-collects"
    title = "CI finds the new test files"
    why = "CI runs pytest on testing/python and examples: a test elsewhere, or of another name, never runs."
    link = "https://github.com/tile-ai/tilelang/blob/main/.github/workflows/ci.yml"

    def check(self, facts: Facts) -> Answer:
        new = [file.path for file in new_files(facts.change) if file.path.endswith(".py")]
        candidates = [path for path in new if self._means_to_test(facts, path)]
        if not candidates:
            return quiet("no test file is new")
        lost = [f"{path}: {why}" for path in candidates if (why := self._why_lost(facts, path))]
        if lost:
            return failed(
                "CI would not run these tests", *lost, fix="name it testing/python/<dir>/test_tilelang_<dir>_<topic>.py"
            )
        odd = [f"{path}: {wanted}" for path in candidates if (wanted := _other_name(path))]
        if odd:
            return warned("named in another way than upstream's tests", *odd, fix="git mv it")
        return passed(", ".join(candidates))

    @staticmethod
    def _means_to_test(facts: Facts, path: str) -> bool:
        if not path.startswith(("testing/", "examples/", "test")) or name(path) in ("conftest.py", "__init__.py"):
            strange = path.startswith(("src/", "tilelang/")) and not path.startswith("tilelang/testing/")
            return is_test(path) or (strange and is_test_file(path) and _tests_in(text_of(facts.change, path) or ""))
        # Examples have functions called test_… that their own main() runs.
        holds_tests = not path.startswith("examples/") and _tests_in(text_of(facts.change, path) or "")
        return name(path).startswith("test") or holds_tests

    @staticmethod
    def _why_lost(facts: Facts, path: str) -> str:
        if not path.startswith(("testing/python/", "examples/")):
            return "CI runs testing/python and examples only"
        if not is_test(path):
            return "pytest collects files called test_*.py only"
        text = text_of(facts.change, path)
        if text is not None and parsed(text) is not None and not _tests_in(text):
            return "it has no function test_… and no class Test…"
        twin = next((other for other in _other_tests(facts, path) if name(other) == name(path)), "")
        if twin:
            return f"pytest takes one file of a name, and there is {twin}"
        return ""


def _tests_in(text: str) -> bool:
    """Whether pytest would find a test: of its own, under a condition, or imported."""
    tree = parsed(text)
    return bool(tree) and any(map(_is_test_node, _statements(tree.body)))  # type: ignore[union-attr]


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """What a module does when it is imported, without what stands inside of functions and classes."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With, ast.For)) and "__main__" not in _condition(node):
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from _statements(handler.body)


def _condition(node: ast.stmt) -> str:
    return ast.unparse(node.test) if isinstance(node, ast.If) else ""


def _is_test_node(node: ast.stmt) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return node.name.startswith("test")
    if isinstance(node, ast.ImportFrom):
        return any(alias.name == "*" or (alias.asname or alias.name).startswith("test_") for alias in node.names)
    if not isinstance(node, ast.ClassDef):
        return False
    if any(ast.unparse(base).endswith("TestCase") for base in node.bases):
        return True
    methods = {item.name for item in node.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))}
    # pytest passes over a class that is made in a way of its own.
    tests = bool(node.bases) or any(method.startswith("test") for method in methods)
    return node.name.startswith("Test") and "__init__" not in methods and tests


def _other_tests(facts: Facts, path: str) -> list[str]:
    """Test files that CI runs together with this one, in folders that are no packages."""
    top = "testing/python" if path.startswith("testing/") else "examples"
    gone = {file.path for file in facts.change.files if file.gone} | {
        file.before for file in facts.change.files if file.before
    }
    known = dict.fromkeys((*files_at_base(facts.change, top), *facts.change.below(top)))
    packages = {str(PurePosixPath(item).parent) for item in known if name(item) == "__init__.py"}
    return [
        item
        for item in known
        if is_test(item) and item != path and item not in gone and str(PurePosixPath(item).parent) not in packages
    ]


def _other_name(path: str) -> str:
    """The name upstream would give it, where it has another."""
    parts = PurePosixPath(path).parts
    if parts[0] != "testing" or len(parts) < 4:
        return ""
    if parts[2] == "issue":
        return "" if re.fullmatch(r"test_tilelang_issue_\w*\d+\w*\.py", parts[-1]) else "test_tilelang_issue_<N>.py"
    return (
        ""
        if _OTHER_NAMES.fullmatch(parts[-1]) or f"_{parts[2]}" in parts[-1]
        else f"test_tilelang_{parts[2]}_<topic>.py"
    )
