"""Find the examples of an upstream tree, and what each needs, without importing any of them."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from scaffold.corpus.examples.marks import expected_failure, needs_of_marks, needs_of_path
from scaffold.corpus.examples.model import Example, ExampleTest, Need
from scaffold.corpus.examples.reading import FileReading, ReadTest, read_file, string_sets
from scaffold.errors import UsageError

#: Modules every build brings, with TileLang or for it.
OF_THE_BUILD = frozenset({"tilelang", "tvm", "tvm_ffi", "torch", "pytest", "__future__"})

#: Folders that hold no examples.
_SKIPPED = frozenset({"__pycache__", ".git", ".pytest_cache", "build"})

#: Scripts that fail on purpose. Source: TileLang 0.1.14, ``examples/autodd/README.md``.
_ON_PURPOSE = {"examples/autodd/tilelang_buggy.py": "it fails on purpose: it is what AutoDD reduces"}


@dataclass(frozen=True)
class Discovered:
    """The examples of a tree, and the Python files that are none, each with the reason.

    ``imports`` are the files of the tree that each of its files imports.
    """

    examples: tuple[Example, ...]
    left_out: tuple[tuple[str, str], ...]
    imports: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(example.topic for example in self.examples))

    def importers(self, changed: Iterable[str]) -> tuple[str, ...]:
        """Files that are in ``changed`` or import one that is, through others too; sorted."""
        found = set(changed) & set(self.imports)
        while more := {path for path, others in self.imports.items() if path not in found and found & set(others)}:
            found |= more
        return tuple(sorted(found))


def discover(tree: Path, areas: Sequence[str] = ()) -> Discovered:
    """The examples of ``tree``, and the tests in ``testing/python/<area>``, sorted by path.

    Raises
    ------
    UsageError
        If there is no such area.
    """
    files = [_File(path, tree) for path in _python_files(tree / "examples")]
    for area in areas:
        folder = tree / "testing" / "python" / area
        if not folder.is_dir():
            there = sorted(path.name for path in folder.parent.glob("*") if path.is_dir()) if area else []
            near = difflib.get_close_matches(area, there, n=3, cutoff=0.4) or there
            raise UsageError(
                f"no tests in {folder}", hint=f"areas: {', '.join(near)}" if near else "name another --source-tree"
            )
        files += [_File(path, tree) for path in _python_files(folder) if path.name.startswith("test_")]
    known = {file.path: file for file in files}
    imports = {path: file.local_imports for path, file in known.items()}
    imported = {path for others in imports.values() for path in others}
    by_tests = _needs_by_tests(known.values())
    expected = {**string_sets(tree / "examples" / "conftest.py"), **string_sets(tree / "testing" / "conftest.py")}
    examples, left_out = [], []
    for path, file in sorted(known.items()):
        reason = file.no_example(imported)
        if reason:
            left_out.append((path, reason))
        else:
            examples.append(_example(file, known, by_tests.get(path, ()), expected))
    return Discovered(tuple(examples), tuple(left_out), imports)


def _python_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.py")):
        if not _SKIPPED & set(path.relative_to(folder).parts):
            yield path


class _File:
    """One Python file of the tree, read once."""

    def __init__(self, full: Path, tree: Path) -> None:
        self.full, self.tree = full, tree
        self.path = full.relative_to(tree).as_posix()
        self.reading: FileReading | None = read_file(full)

    @property
    def is_tests(self) -> bool:
        return self.full.name.startswith("test_")

    @property
    def topic(self) -> str:
        parts = PurePosixPath(self.path).parts
        if parts[0] == "testing":
            return "/".join(parts[:3])
        return parts[1] if len(parts) > 2 else self.full.stem

    def no_example(self, imported: set[str]) -> str:
        """Why the file is no example; empty where it is one."""
        if self.reading is None:
            return "it is no Python that parses"
        if self.full.name == "conftest.py":
            return "it sets up the tests beside it"
        if self.full.name.startswith("regression_"):
            return "a case of upstream's performance regression suite"
        if self.is_tests:
            return "" if self.reading.tests else "it holds no tests"
        if self.reading.has_main or (self.reading.runs_at_import and self.path not in imported):
            return ""
        return "a module for others: nothing in it runs"

    @cached_property
    def _folders(self) -> list[Path]:
        """Where an import looks first: beside the file, in what it adds to ``sys.path``, beside its conftests."""
        added = (self.full.parent / name for name in self.reading.folders) if self.reading else ()
        above = [folder for folder in self.full.parents if folder.is_relative_to(self.tree / "examples")]
        return [self.full.parent, *(folder for folder in added if folder.is_dir()), *above[1:]]

    def local(self, module: str) -> Path | None:
        """The file of the tree that ``import module`` gets; its folder for a package without ``__init__.py``."""
        parts = module.split(".")
        for folder in self._folders:
            for count in range(len(parts), 0, -1):
                base = folder.joinpath(*parts[:count])
                found = [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
                if found or base.is_dir():
                    return found[0] if found else base
        return None

    @cached_property
    def local_imports(self) -> tuple[str, ...]:
        found = (self.local(item.module) for item in (self.reading.imports if self.reading else ()))
        return tuple(self.relative(path) for path in found if path is not None)

    def relative(self, path: Path) -> str:
        return Path(path).resolve().relative_to(self.tree.resolve()).as_posix()

    def packages(self, known: dict[str, _File], seen: frozenset[str] = frozenset()) -> dict[str, tuple[bool, str]]:
        """Every foreign package, whether the file cannot start without it, and where it is imported."""
        found: dict[str, tuple[bool, str]] = {}
        for item in self.reading.imports if self.reading else ():
            local = self.local(item.module)
            if local is None:
                if item.name not in OF_THE_BUILD and item.name not in sys.stdlib_module_names:
                    _note(found, item.name, needed=item.needed, where=f"imported in {self.full.name}:{item.line}")
                continue
            other = known.get(self.relative(local))
            if other is not None and other.path not in seen:
                for name, (needed, where) in other.packages(known, seen | {self.path}).items():
                    _note(found, name, needed=needed and item.needed, where=where)
        return found


def _note(found: dict[str, tuple[bool, str]], name: str, *, needed: bool, where: str) -> None:
    if name not in found or (needed and not found[name][0]):
        found[name] = (needed, where)


def _example(file: _File, known: dict[str, _File], by_tests: Sequence[Need], expected: dict[str, str]) -> Example:
    reading = file.reading
    assert reading is not None
    packages = file.packages(known)
    needs = [Need("package", name, where) for name, (needed, where) in sorted(packages.items()) if needed]
    if not file.is_tests:
        # Of tests pytest itself says which can run here; a script says nothing, so its path and its tests must.
        needs += needs_of_path(file.path)
        needs += by_tests
        needs += [Need("argument", name, "it has no default") for name in reading.arguments]
    if reason := _ON_PURPOSE.get(file.path):
        needs.append(Need("never", reason))
    return Example(
        path=file.path,
        topic=file.topic,
        kind="tests" if file.is_tests else "script",
        needs=tuple(needs),
        may_need=tuple(name for name, (needed, _) in sorted(packages.items()) if not needed),
        tests=tuple(_test(test, file, expected) for test in reading.tests) if file.is_tests else (),
    )


def _test(test: ReadTest, file: _File, expected: dict[str, str]) -> ExampleTest:
    listed = next((why for key, why in expected.items() if f"{file.path}::{test.name}".endswith(key)), "")
    said = expected_failure(test.decorators) or (f"listed in conftest.py as {listed}" if listed else "")
    marks = (*(file.reading.decorators if file.reading else ()), *test.decorators)
    return ExampleTest(test.name, test.line, tuple(needs_of_marks(marks, f"{file.full.name}::{test.name}")), said)


def _needs_by_tests(files: Iterable[_File]) -> dict[str, tuple[Need, ...]]:
    """What the tests of a script need, all of them: script to needs. The tests know what the scripts do not say."""
    found: dict[str, list[list[Need]]] = {}
    for file in files:
        for test in file.reading.tests if file.reading and file.is_tests else ():
            place = f"{file.full.name}::{test.name}"
            marked = needs_of_marks(test.decorators, place)
            needs = [need for need in marked if need.kind in ("backend", "capability", "arch")]
            for path in {path for module in test.uses if (path := file.local(module))}:
                found.setdefault(file.relative(path), []).append(needs)
    return {path: _common(lists) for path, lists in found.items()}


def _common(lists: list[list[Need]]) -> tuple[Need, ...]:
    """Needs, by kind and value, that every list has."""
    shared = set.intersection(*({(need.kind, need.value) for need in needs} for needs in lists))
    unique = {(need.kind, need.value): need for need in lists[0] if (need.kind, need.value) in shared}
    return tuple(unique.values())


def select(found: Discovered, topics: Sequence[str], only: str | None = None) -> list[tuple[Example, tuple[str, ...]]]:
    """The examples meant by ``topics`` (``gemm``, ``gemm/example_gemm.py``, ``gemm/test_x.py::test_y``), all for none.

    Each with the tests of it that are meant, none for all. ``only`` is ``scripts`` or ``tests``.

    Raises
    ------
    UsageError
        If one means nothing; the hint has the nearest.
    """
    kinds = {"scripts": ("script",), "tests": ("tests",)}.get(only or "", ("script", "tests"))
    chosen: dict[str, tuple[Example, set[str]]] = {}
    for topic in topics or found.topics:
        path, _, test = topic.removeprefix("examples/").rstrip("/").partition("::")
        meant = [example for example in found.examples if path in (example.topic, example.shown, example.path)]
        meant = meant or [example for example in found.examples if example.path.startswith(f"examples/{path}/")]
        if not meant or (test and not any(_has(example, test) for example in meant)):
            raise _unknown(found, path, test)
        for example in meant:
            if example.kind in kinds:
                already = chosen.setdefault(example.path, (example, set()))
                already[1].update({test} if test else {""})
    return [(example, () if "" in tests else tuple(sorted(tests))) for _, (example, tests) in sorted(chosen.items())]


def _has(example: Example, test: str) -> bool:
    return any(test.partition("[")[0] == item.name for item in example.tests)


def _unknown(found: Discovered, path: str, test: str) -> UsageError:
    names = [*found.topics, *(example.shown for example in found.examples)]
    if test:
        names = [f"{example.shown}::{item.name}" for example in found.examples for item in example.tests]
    asked = f"{path}::{test}" if test else path
    for other, reason in found.left_out:
        if path in (other, other.removeprefix("examples/")):
            return UsageError(f"{path} is no example: {reason}", hint="see them all: --list")
    near = difflib.get_close_matches(asked, names, n=3, cutoff=0.5)
    return UsageError(
        f"no example or topic {asked!r}", hint=f"did you mean {', '.join(near)}?" if near else "see them all: --list"
    )
