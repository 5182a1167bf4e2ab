"""Whether tests say which GPU they ask for: upstream's CI runs every test on NVIDIA and on AMD."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, quiet, warned
from scaffold.contribute.preflight.reading import is_test, parsed, text_of, touches

_TESTING = "tilelang/testing/__init__.py"
#: Of 2026-08: https://github.com/tile-ai/tilelang/blob/a35008a42/tilelang/testing/__init__.py
_MARKS = (
    *("requires_cuda", "requires_rocm", "requires_metal", "requires_llvm", "requires_package", "requires_cdna"),
    *("requires_cuda_or_cdna", "requires_gfx950", "requires_cuda_compute_version"),
    *(f"requires_cuda_compute_version_{word}" for word in ("ge", "gt", "le", "lt", "eq")),
)
_MPS = r"(?:device\s*=\s*|\.to\()['\"]mps"
_ON_GPU = re.compile(r"\.cuda\(|device\s*=\s*['\"]cuda|torch\.device\(['\"]cuda|" + _MPS)


@dataclass(frozen=True)
class _Need:
    """What a test uses, and the mark that goes with it; ``enough`` are marks that say as much."""

    pattern: re.Pattern[str]
    what: str
    mark: str
    enough: tuple[str, ...]
    level: bool = False


_LEVELS = ("requires_cuda_compute_version", "requires_gfx950", "requires_cdna", "requires_rocm", "requires_metal")
_ANY = ("requires_",)
#: Seen in upstream's own tests: of those that run on a GPU, everyone that does one of these has such a mark.
_NEEDS = (
    _Need(
        re.compile(r"tcgen05|\btmem|alloc_tmem"), "tcgen05", "requires_cuda_compute_version(10)", _LEVELS, level=True
    ),
    _Need(re.compile(r"wgmma"), "WGMMA", "requires_cuda_compute_version(9)", _LEVELS, level=True),
    _Need(
        re.compile(r"\bT\.tma|tma_(copy|load|store)"), "TMA", "requires_cuda_compute_version(9)", _LEVELS, level=True
    ),
    _Need(
        re.compile(r"cluster_dims|\bT\.cluster"), "clusters", "requires_cuda_compute_version(9)", _LEVELS, level=True
    ),
    _Need(re.compile(r"float8_e|e4m3|e5m2"), "FP8", "requires_cuda_compute_version(8, 9)", _LEVELS, level=True),
    _Need(re.compile(r"mbarrier|alloc_barrier"), "mbarrier", "requires_cuda_compute_version(9)", _ANY),
    _Need(re.compile(r"\bT\.ptx_|\bptx_"), "PTX", "requires_cuda", _ANY),
    _Need(re.compile(r"target\s*=\s*['\"]cuda|['\"]kind['\"]: ['\"]cuda"), "the CUDA target", "requires_cuda", _ANY),
    _Need(re.compile(r"target\s*=\s*['\"](hip|rocm)|mfma"), "AMD's target", "requires_rocm", _ANY),
    _Need(re.compile(r"target\s*=\s*['\"]metal|" + _MPS), "Metal", "requires_metal", _ANY),
)


class TestMarks(Rule):
    id = "test-marks"
    title = "Tests say which GPU they ask for"
    why = "CI runs testing/python on an NVIDIA and on an AMD GPU: without a mark a CUDA test fails on the other."
    link = "https://github.com/tile-ai/tilelang/pull/2863"

    def check(self, facts: Facts) -> Answer:
        known = marks_there(facts)
        wrong: list[str] = []
        low: list[str] = []
        marked, shared = 0, 0
        for path in filter(is_test, facts.change.present):
            for test in _changed_tests(facts, path):
                where = f"{path}:{test.line} {test.name}"
                wrong += [f"{where}: no mark is called {mark}" for mark in test.named if mark not in known]
                need = next((need for need in _NEEDS if test.lacks(need)), None)
                if need:
                    said = f"{where}: uses {need.what}, so @tilelang.testing.{need.mark}"
                    (low if need.level and test.marks else wrong).append(said)
                marked += bool(test.marks)
                shared += test.on_gpu and not test.guarded
        if wrong:
            return failed(
                "tests lack a mark, or have one that is not there", *wrong, *low, fix="add the mark above the test"
            )
        if low:
            return warned(
                "tests may run on a GPU that is too old for them", *low, fix="add the mark, if older GPUs cannot do it"
            )
        if not (marked or shared):
            return quiet("no changed test runs on a GPU")
        both = f"; {shared} without a mark run on NVIDIA and AMD alike" if shared else ""
        return passed(f"{marked} marked{both}")


@dataclass(frozen=True)
class _Test:
    """A test function with all that it calls in its file; ``named`` are those of its marks that TileLang must have."""

    name: str
    line: int
    code: str
    marks: tuple[str, ...]
    named: tuple[str, ...]
    guarded: bool

    @property
    def on_gpu(self) -> bool:
        return bool(_ON_GPU.search(self.code))

    def lacks(self, need: _Need) -> bool:
        if not self.on_gpu or not need.pattern.search(self.code):
            return False
        if need.level and self.guarded and not self.marks:
            return False
        return not (any(mark.startswith(need.enough) for mark in self.marks) or (self.guarded and not need.level))


def _changed_tests(facts: Facts, path: str) -> Iterator[_Test]:
    """Tests of which the change has a line, or of what they call."""
    tree = parsed(text_of(facts.change, path) or "")
    if tree is None:
        return
    functions = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    module = [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    whole = any(re.search(r"skip|requires_", text) for text in module if text.startswith("pytestmark"))
    for function, outer in _tests_of(tree):
        parts = _reached(function, functions)
        if not any(touches(facts.change, path, _first_line(part), part.end_lineno or part.lineno) for part in parts):
            continue
        decorators = [ast.unparse(item) for item in (*function.decorator_list, *outer)]
        marks = tuple(mark for text in decorators for mark in re.findall(r"\b(requires_\w+)", text))
        named = tuple(mark for text in decorators for mark in re.findall(r"(?<!tvm\.)\btesting\.(requires_\w+)", text))
        code = "\n".join(map(_unparsed, parts))
        skips = whole or "skip" in " ".join(decorators) or bool(re.search(r"\bskip\(|is_available\(\)", code))
        yield _Test(function.name, function.lineno, code, marks, named, guarded=bool(marks) or skips)


def _tests_of(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, list[ast.expr]]]:
    """Test functions and methods, with the decorators of their class."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            yield node, []
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            for item in node.body:
                if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) and item.name.startswith("test"):
                    yield item, node.decorator_list


def _reached(start: ast.AST, functions: Mapping[str, ast.AST]) -> list[ast.FunctionDef]:
    """``start`` and the functions of its file that it names, and those they name."""
    found, waiting = {id(start): start}, [start]
    while waiting:
        for node in ast.walk(waiting.pop()):
            other = functions.get(node.id) if isinstance(node, ast.Name) else None
            if other is not None and id(other) not in found:
                found[id(other)] = other
                waiting.append(other)
    return list(found.values())  # type: ignore[arg-type]


def _unparsed(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The function without its docstring: that only speaks of what others use."""
    if ast.get_docstring(node, clean=False) is None:
        return ast.unparse(node)
    fields = {name: value for name, value in ast.iter_fields(node) if name != "body"}
    body = node.body[1:] or [ast.Pass()]
    return ast.unparse(ast.copy_location(type(node)(body=body, **fields), node))


def _first_line(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(item.lineno for item in node.decorator_list)])


def marks_there(facts: Facts) -> frozenset[str]:
    """Marks that the checkout's ``tilelang.testing`` has, read and never imported."""
    tree = parsed(text_of(facts.change, _TESTING) or "")
    found = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    marks = {name for name in found if name.startswith("requires_")}
    return frozenset(marks or _MARKS)
