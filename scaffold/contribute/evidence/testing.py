"""The tests of a change on both builds: do they fail without it, and pass with it?

Test files are those of the branch, on both sides. They run from a copy outside the checkout: upstream's conftest puts
the checkout itself before the build that is meant, and a source tree without its libraries cannot be imported.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scaffold.builds.build import Build
from scaffold.builds.probing import own_folder
from scaffold.builds.process import probe_environment
from scaffold.builds.workspace import Workspace
from scaffold.contribute.change import Change
from scaffold.contribute.evidence.sides import Sides
from scaffold.corpus.examples.discover import OF_THE_BUILD
from scaffold.corpus.examples.facts import facts_of
from scaffold.corpus.examples.lending import lend
from scaffold.corpus.examples.model import Outcome
from scaffold.corpus.examples.testing import TestRun, run_tests
from scaffold.corpus.gpus import find_gpus, hold_one
from scaffold.progress import Progress

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
    """All rows, and whether the files themselves are new or changed on the branch."""

    __test__ = False

    rows: tuple[TestRow, ...]
    changed: frozenset[str]
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
    found: dict[str, dict[tuple[str, str], tuple[Word, str]]] = {}
    for side, build in (("baseline", sides.baseline), ("candidate", sides.candidate)):
        if side == "candidate" and sides.same:
            found[side] = found["baseline"]
            continue
        found[side] = {}
        for path in paths:
            with progress.step(f"{path} on the {side}"):
                for outcome in _run(path, change, build, workspace, timeout_s):
                    found[side][path, outcome.test] = _word(outcome)
    rows = tuple(_rows(found["baseline"], found["candidate"]))
    unknown = {row.shown for row in rows if not _at_base(change, row)}
    return TestsOnBoth(rows, frozenset(change.present) & frozenset(paths), frozenset(unknown))


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


def _run(path: str, change: Change, build: Build, workspace: Workspace, timeout_s: float) -> list[Outcome]:
    folder = own_folder(workspace)
    try:
        with ExitStack() as stack:
            gpus = find_gpus()
            gpu = stack.enter_context(hold_one(gpus)) if gpus else None
            file = _lay_out(path, change.root, folder)
            run = TestRun(
                python=build.python,
                path=path,
                file=file,
                select=(),
                folder=folder,
                environment=_environment(file, build, workspace, folder, gpu.environment() if gpu else {}),
                timeout_s=timeout_s,
                memory_bytes=0,
            )
            outcomes, _ = run_tests(run)
            return outcomes
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lay_out(path: str, root: Path, folder: Path) -> Path:
    """A copy of the file and of the Python beside it, under a conftest of the kit's."""
    for name in ("cwd", "tmp", "cache", "tree"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "tree" / "conftest.py").write_text(_CONFTEST, encoding="utf-8")
    source, target = (root / path).parent, (folder / "tree" / path).parent
    target.mkdir(parents=True, exist_ok=True)
    for beside in source.rglob("*"):
        if beside.is_file() and beside.suffix in (".py", ".json", ".txt", ".toml") and beside.name != "conftest.py":
            place = target / beside.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(beside, place)
    return folder / "tree" / path


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
