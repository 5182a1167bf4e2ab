"""What a change touches: passes, the kernels they change, tests and examples that exercise it; each with a reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.builds.content import content_digest
from scaffold.builds.passes.index import PassIndex
from scaffold.builds.passes.store import PassIndexes
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.contribute.change import Change, is_test_file
from scaffold.corpus.examples.discover import discover
from scaffold.corpus.examples.marks import needs_of_marks
from scaffold.corpus.examples.reading import read_file
from scaffold.corpus.lowering import kernels_by_pass
from scaffold.errors import ScaffoldError
from scaffold.progress import Progress

#: Folders of what TileLang is built of or imports: a change elsewhere cannot change what it generates.
BUILT = ("src", "tilelang", "3rdparty", "cmake")
_BUILT_FILES = ("CMakeLists.txt", "pyproject.toml", "version_provider.py")
#: Who runs what these folders define, as it has no pass of its own. Source: an operator's ``Lower`` and ``InferLayout``
#: are called by LowerTileOp and LayoutInference (src/transform of 0.1.13).
_RUN_BY = {
    "src/op": ("LowerTileOp", "LayoutInference"),
    "src/layout": ("LayoutInference", "LowerTileOp"),
    "src/cuda/op": ("LowerTileOp", "LayoutInference"),
    "src/rocm/op": ("LowerTileOp", "LayoutInference"),
    "src/metal/op": ("LowerTileOp", "LayoutInference"),
}
_MOST_FILES = 12
_SHORTEST = 3
#: A name more files than this use says nothing about any of them.
_MOST_MENTIONS = 40


@dataclass(frozen=True)
class Hit:
    """One thing that is touched, and why one thinks so."""

    name: str
    because: str


@dataclass(frozen=True)
class Impact:
    """What a change touches.

    ``kernels`` are entries of the corpus that a touched pass changed when the baseline was lowered; empty where it was
    not lowered yet, which ``unknown`` says. ``generates`` is whether the change can make any kernel another one.
    """

    generates: bool
    passes: tuple[Hit, ...] = ()
    kernels: tuple[Hit, ...] = ()
    tests: tuple[Hit, ...] = ()
    examples: tuple[Hit, ...] = ()
    unknown: str = ""


def impact_of(change: Change, workspace: Workspace, progress: Progress, *, baseline: str = "") -> Impact:
    """Find out from the index of passes, what the corpus came to, and the names the change defines."""
    index = _index(change, workspace, progress)
    passes = tuple(_passes(change, index))
    names = tuple(_names(change))
    tests = {path: f"changed on {change.branch}" for path in change.below("testing") if is_test_file(path)}
    for hit in passes:
        for entry in index.find(hit.name) if index else ():
            for mention in entry.tests:
                tests.setdefault(mention.path, f"about {entry.name}")
    for word, path in _mentions(change, names, "testing"):
        if is_test_file(path):
            tests.setdefault(path, f"uses {word}")
    examples = {path: f"changed on {change.branch}" for path in change.below("examples") if path.endswith(".py")}
    for path in discover(change.root).importers(examples) if examples else ():
        (tests if is_test_file(path) else examples).setdefault(path, "imports a changed example")
    for word, path in _mentions(change, names, "examples"):
        (tests if is_test_file(path) else examples).setdefault(path, f"uses {word}")
    touched = Impact(
        generates=any(
            path in _BUILT_FILES or path.startswith(tuple(f"{top}/" for top in BUILT)) for path in _all(change)
        ),
        passes=passes,
        tests=_hits(_those_that_run_first(tests, change.root)),
        examples=_hits(examples),
    )
    return with_kernels(touched, workspace, progress, baseline)


def with_kernels(impact: Impact, workspace: Workspace, progress: Progress, baseline: str) -> Impact:
    """``impact`` with what the corpus of ``baseline`` has come to by now."""
    kernels, unknown = _kernels(impact.passes, workspace, progress, baseline)
    return replace(impact, kernels=kernels, unknown=unknown)


def _all(change: Change) -> list[str]:
    return [path for file in change.files for path in (file.path, file.before) if path]


def _hits(found: dict[str, str]) -> tuple[Hit, ...]:
    return tuple(Hit(path, why) for path, why in list(found.items())[:_MOST_FILES])


def _index(change: Change, workspace: Workspace, progress: Progress) -> PassIndex | None:
    try:
        return PassIndexes(workspace, progress).get(f"worktree:{change.root}")
    except (ScaffoldError, OSError):
        return None


def _passes(change: Change, index: PassIndex | None) -> Iterator[Hit]:
    """Passes defined in a changed file; where it defines several, those a changed line lies in."""
    seen = set()
    for path in change.present:
        entries = [entry for entry in (index.passes if index else ()) if entry.source and entry.source.path == path]
        starts = sorted(entry.source.line for entry in entries if entry.source)
        lines = change.lines(path) if len(entries) > 1 else ()
        for entry in entries:
            assert entry.source
            end = next((line for line in starts if line > entry.source.line), 1 << 30)
            inside = not lines or any(first < end and last >= entry.source.line for first, last in lines)
            if (inside or path.endswith((".cc", ".h"))) and entry.name not in seen:
                seen.add(entry.name)
                yield Hit(entry.tail, f"{path} defines it")
        folder = next((folder for folder in _RUN_BY if path.startswith(f"{folder}/")), "")
        for name in _RUN_BY.get(folder, ()):
            if name not in seen:
                seen.add(name)
                yield Hit(name, f"it runs what {path} defines")


def _kernels(
    passes: Sequence[Hit], workspace: Workspace, progress: Progress, baseline: str
) -> tuple[tuple[Hit, ...], str]:
    """Entries of the corpus that a touched pass changed."""
    if not passes:
        return (), ""
    store = BuildStore(workspace, progress)
    try:
        build = store.find(baseline) if baseline else store.preferred()
        changed = kernels_by_pass(workspace, content_digest(build, workspace)) if build else {}
    except ScaffoldError:
        changed = {}
    if not changed:
        return (), "which kernels they change is known once the baseline's corpus was lowered"
    found: dict[str, str] = {}
    for hit in passes:
        for name, kernels in changed.items():
            if name.rpartition(".")[2] == hit.name:
                for kernel in kernels:
                    found.setdefault(kernel, f"{name} changes it")
    return tuple(Hit(kernel, why) for kernel, why in found.items()), ""


@dataclass(frozen=True)
class _Name:
    """A public function or class the change touches; ``owner`` is the class of a method."""

    word: str
    owner: str = ""


def _names(change: Change) -> Iterator[_Name]:
    """What the changed lines of TileLang's Python lie in."""
    for path in change.below("tilelang"):
        text = change.now(path)
        if not path.endswith(".py") or text is None:
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        lines = change.lines(path)
        for node, owner in _definitions(tree, ""):
            if node.name.startswith("_") or len(node.name) <= _SHORTEST:
                continue
            end = node.end_lineno or node.lineno
            if any(first <= end and last >= node.lineno for first, last in lines):
                yield _Name(node.name, owner)


def _definitions(tree: ast.AST, owner: str) -> Iterator[tuple[ast.FunctionDef | ast.ClassDef, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node, owner
        yield from _definitions(node, node.name if isinstance(node, ast.ClassDef) else owner)


def _mentions(change: Change, names: Sequence[_Name], folder: str) -> Iterator[tuple[str, str]]:
    """Python files of ``folder`` that call one of ``names``, which few enough files do.

    A method counts where its class is spoken of as well: half of upstream's classes have an ``init``.
    """
    unique = list(dict.fromkeys(names))
    if not unique:
        return
    pattern = re.compile("|".join(rf"(?<![\w]){re.escape(name.word)}(?=\s*\()" for name in unique))
    found: dict[_Name, list[str]] = {}
    for path in sorted((change.root / folder).rglob("*.py")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        called = set(pattern.findall(text))
        for name in unique:
            if name.word in called and (not name.owner or re.search(rf"\b{re.escape(name.owner)}\b", text)):
                found.setdefault(name, []).append(path.relative_to(change.root).as_posix())
    for name in unique:
        if len(found.get(name, ())) <= _MOST_MENTIONS:
            yield from ((name.word, path) for path in found.get(name, ()))


def _those_that_run_first(tests: Mapping[str, str], root: Path) -> dict[str, str]:
    """``tests``, with those at the end of which all tests ask for hardware: without it they only say so."""
    return dict(sorted(tests.items(), key=lambda item: not item[1].startswith("changed on") and _asks(root / item[0])))


def _asks(path: Path) -> bool:
    reading = read_file(path)
    tests = reading.tests if reading else ()
    marks = reading.decorators if reading else ()
    return bool(tests) and all(
        any(need.kind in ("backend", "capability", "arch") for need in needs_of_marks((*marks, *test.decorators), ""))
        for test in tests
    )
