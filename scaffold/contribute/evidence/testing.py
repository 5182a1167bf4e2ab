"""The tests of a change on both builds: whether they fail without it, and pass with it.

Each side's tests run in a copy of its own tree, the base's with the tests of the branch in it. Not in the checkout:
upstream's conftest puts that before the build that is meant, and a source tree without libraries cannot be imported.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scaffold.builds.build import Build
from scaffold.builds.probing import own_folder
from scaffold.builds.process import probe_environment
from scaffold.builds.source.worktree import git_files
from scaffold.builds.workspace import Workspace
from scaffold.contribute.change import Change
from scaffold.contribute.evidence.sides import Sides
from scaffold.contribute.scratch import unpack_base
from scaffold.corpus.examples.discover import OF_THE_BUILD
from scaffold.corpus.examples.facts import facts_of
from scaffold.corpus.examples.lending import lend
from scaffold.corpus.examples.model import Outcome
from scaffold.corpus.examples.testing import TestRun, run_tests
from scaffold.corpus.gpus import find_gpus, hold_one
from scaffold.progress import Progress

_TESTING = "testing"
Word = Literal["passed", "failed", "skipped", "not there"]
#: In place of upstream's: the same seeds, its option for performance tests, and nothing about where TileLang is.
_CONFTEST = """import os
import random

import pytest

os.environ["PYTHONHASHSEED"] = "0"
random.seed(0)
try:
    import torch
except ImportError:
    pass
else:
    torch.manual_seed(0)


def pytest_addoption(parser):
    parser.addoption("--run-perf", action="store_true", default=False)


def pytest_configure(config):
    for mark in ("perf", "slow"):
        config.addinivalue_line("markers", f"{mark}: of upstream")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("perf") is not None and not config.getoption("--run-perf"):
            item.add_marker(pytest.mark.skip(reason="a performance test"))
"""


@dataclass(frozen=True)
class TestRow:
    """One test on both sides; ``reason`` is why it does not pass where it does not, of the candidate first."""

    __test__ = False

    path: str
    test: str
    baseline: Word
    candidate: Word
    reason: str = ""

    @property
    def shown(self) -> str:
        return f"{self.path}::{self.test}" if self.test else self.path


@dataclass(frozen=True)
class TestsOnBoth:
    """All rows; ``unknown_tests`` are those the base does not have."""

    __test__ = False

    rows: tuple[TestRow, ...]
    unknown_tests: frozenset[str]

    @property
    def ran(self) -> tuple[TestRow, ...]:
        return tuple(row for row in self.rows if row.candidate in ("passed", "failed"))

    @property
    def mended(self) -> tuple[TestRow, ...]:
        """Those that fail on the base and pass now."""
        return tuple(row for row in self.rows if row.baseline == "failed" and row.candidate == "passed")

    @property
    def broken(self) -> tuple[TestRow, ...]:
        """Those that fail now and did not on the base, or that the branch itself adds."""
        return tuple(
            row
            for row in self.rows
            if row.candidate == "failed" and (row.baseline != "failed" or row.shown in self.unknown_tests)
        )

    @property
    def failing_on_both(self) -> tuple[TestRow, ...]:
        return tuple(row for row in self.rows if row.candidate == "failed" and row not in self.broken)


def run_on_both(
    paths: Sequence[str], change: Change, sides: Sides, workspace: Workspace, progress: Progress, *, timeout_s: float
) -> TestsOnBoth:
    """Run files of tests of the branch on the baseline and on the candidate."""
    found: dict[str, dict[tuple[str, str], tuple[Word, str]]] = {"baseline": {}, "candidate": {}}
    for side, build in (("baseline", sides.baseline), ("candidate", sides.candidate)):
        folder = own_folder(workspace)
        try:
            tree = folder / "tree"
            _lay_out_to_test(tree, change, paths, candidate=side == "candidate")
            for path in paths:
                with progress.step(f"{path} on the {side}"):
                    for outcome in _run(tree, path, build, workspace, timeout_s):
                        found[side][path, outcome.test] = _word(outcome)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    rows = tuple(_rows(found["baseline"], found["candidate"]))
    unknown = {row.shown for row in rows if not _at_base(change, row)}
    return TestsOnBoth(rows, frozenset(unknown))


def _word(outcome: Outcome) -> tuple[Word, str]:
    if outcome.status == "passed":
        return "passed", ""
    if outcome.status in ("skipped", "not run"):
        return "skipped", outcome.reason
    return "failed", outcome.reason or outcome.status


def _rows(
    baseline: Mapping[tuple[str, str], tuple[Word, str]], candidate: Mapping[tuple[str, str], tuple[Word, str]]
) -> list[TestRow]:
    """A file that cannot be collected on one side stands for all its tests there."""
    rows = []
    for path, test in dict.fromkeys([*candidate, *baseline]):
        one = baseline.get((path, test)) or baseline.get((path, ""))
        other = candidate.get((path, test)) or candidate.get((path, ""))
        if not test and any(name and where == path for where, name in (*candidate, *baseline)):
            continue
        before, why_before = one or ("not there", "")
        now, why_now = other or ("not there", "")
        rows.append(TestRow(path, test, before, now, why_now or why_before))
    return rows


def _at_base(change: Change, row: TestRow) -> bool:
    """Whether the base has a test of that name in that file."""
    text = change.at_base(row.path)
    if text is None:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    name = row.test.partition("[")[0].rpartition("::")[2]
    return not row.test or any(isinstance(node, ast.FunctionDef) and node.name == name for node in ast.walk(tree))


def _run(tree: Path, path: str, build: Build, workspace: Workspace, timeout_s: float) -> list[Outcome]:
    folder = own_folder(workspace)
    for name in ("cwd", "tmp", "cache"):
        (folder / name).mkdir()
    try:
        with ExitStack() as stack:
            gpus = find_gpus()
            gpu = stack.enter_context(hold_one(gpus)) if gpus else None
            run = TestRun(
                python=build.python,
                path=path,
                file=tree / path,
                select=(),
                folder=folder,
                environment=_environment(tree / path, build, workspace, folder, gpu.environment() if gpu else {}),
                timeout_s=timeout_s,
                memory_bytes=0,
            )
            outcomes, _ = run_tests(run)
            return outcomes
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def lay_out(tree: Path, change: Change, *, candidate: bool) -> None:
    """The files of one side below ``tree``."""
    tree.mkdir(parents=True)
    if candidate:
        _copy(change, git_files(change.root), tree)
    else:
        unpack_base(change, tree)


def _lay_out_to_test(tree: Path, change: Change, tests: Sequence[str], *, candidate: bool) -> None:
    """The same with conftests of the kit's; the base with the tests of the branch."""
    lay_out(tree, change, candidate=candidate)
    if not candidate:
        _copy(change, (*tests, *change.below(_TESTING)), tree)
    # Not at the top: pytest makes the folder of a conftest importable, and there lies the source of TileLang.
    for folder in (_TESTING, "examples"):
        if (tree / folder).is_dir():
            (tree / folder / "conftest.py").write_text(_CONFTEST, encoding="utf-8")


def _copy(change: Change, paths: Iterable[str], tree: Path) -> None:
    for path in paths:
        if not path.startswith("3rdparty/") and not (change.root / path).is_symlink():
            place = tree / path
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(change.root / path, place)


def _environment(
    file: Path, build: Build, workspace: Workspace, folder: Path, gpu: Mapping[str, str]
) -> dict[str, str]:
    facts = facts_of(build.name, build.python)
    lent = lend(frozenset(_imports(file)) - OF_THE_BUILD, facts.available, facts.python, workspace.cache)
    return probe_environment(
        {
            "TILELANG_CACHE_DIR": str(folder / "cache"),
            "TRITON_CACHE_DIR": str(folder / "cache" / "triton"),
            "TMPDIR": str(folder / "tmp"),
            "PYTHONPATH": lent.path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONFAULTHANDLER": "1",
            "PYTHONHASHSEED": "0",
            **gpu,
        }
    )


def _imports(file: Path) -> set[str]:
    """Top names of what a file imports, of those that are no files beside it."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    beside = {path.stem for path in file.parent.iterdir()}
    return {name for name in names if name not in beside and name in ("einops", "numpy")}
