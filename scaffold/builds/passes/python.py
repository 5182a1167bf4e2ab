"""Find passes in Python: those written in it, wrappers of those in C++, and calls of both.

Read with ``ast`` and never imported. A name is followed through the imports of its file, since ``transform.Simplify``
may be TileLang's or TVM's.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scaffold.builds.passes.index import ANONYMOUS

#: What turns a function or a class into a pass. Source: ``tvm/ir/transform.py``, ``tvm/tirx/transform/``.
_DECORATORS = frozenset({"prim_func_pass", "module_pass", "function_pass"})
#: ``tvm_ffi.init_ffi_api("tl.transform", __name__)``; ``_init_api`` in the TVM of older releases.
_FFI = re.compile(r"\b(?:init_ffi_api|_init_api)\s*\(\s*[\"']([\w.]+)[\"']\s*,\s*__name__")


@dataclass(frozen=True)
class PythonPass:
    """A pass written in Python: its name, and what makes it (``constructor`` in ``module``)."""

    name: str
    module: str
    constructor: str
    path: str
    line: int


@dataclass(frozen=True)
class Wrapper:
    """A function that calls ``registered`` of C++."""

    registered: str
    module: str
    function: str
    path: str
    line: int


@dataclass(frozen=True)
class CallSite:
    """A call of something that may be a pass, by its full name."""

    target: str
    path: str
    line: int
    function: str


@dataclass
class PythonFile:
    passes: list[PythonPass] = field(default_factory=list)
    wrappers: list[Wrapper] = field(default_factory=list)
    calls: list[CallSite] = field(default_factory=list)


def module_of(path: str) -> str:
    """The module a file is imported as."""
    parts = path.removeprefix("3rdparty/tvm/python/").removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def ffi_prefix(text: str) -> str | None:
    """What of C++'s global names a module shows as its own (``tl.transform``)."""
    match = _FFI.search(text)
    return match[1] if match else None


def read_python(path: str, text: str, ffi: Mapping[str, str]) -> PythonFile:
    """Passes, wrappers and calls of one file; ``ffi`` are the modules of :func:`ffi_prefix`. Empty if it is none."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return PythonFile()
    reader = _Reader(path, ffi)
    reader.aliases = dict(_aliases(tree, reader.module, is_package=path.endswith("__init__.py")))
    reader.visit(tree)
    return reader.found


def _aliases(tree: ast.Module, module: str, *, is_package: bool) -> Iterator[tuple[str, str]]:
    """What the names of a file stand for; an import inside a function counts for all of it."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, f"{module}.{node.name}"
    for item in ast.walk(tree):
        if isinstance(item, ast.Import):
            for alias in item.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        elif isinstance(item, ast.ImportFrom):
            base = _absolute(item, module, is_package=is_package)
            for alias in item.names:
                yield alias.asname or alias.name, f"{base}.{alias.name}"


def _absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    up = node.level - 1 if is_package else node.level
    return ".".join([*parts[: len(parts) - up], *([node.module] if node.module else [])])


class _Reader(ast.NodeVisitor):
    """Walks one file; ``_functions`` are those around the node that is looked at."""

    def __init__(self, path: str, ffi: Mapping[str, str]) -> None:
        self.path = path
        self.ffi = ffi
        self.module = module_of(path)
        self.aliases: dict[str, str] = {}
        self.found = PythonFile()
        self._functions: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = []
        self._constants: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_definition(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_definition(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_definition(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Name):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                self._constants[target.id] = node.value.value
            if not self._functions and isinstance(node.value, ast.Call):
                self._take_pass(node.value, constructor=target.id, line=node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if self._functions:
            outer = self._functions[0]
            self._take_pass(node, constructor=outer.name, line=outer.lineno)
        dotted = self._dotted(node.func)
        if dotted:
            module, _, name = dotted.rpartition(".")
            function = self._functions[-1].name if self._functions else ""
            if module in self.ffi and self._functions:
                outer = self._functions[0]
                wrapper = Wrapper(f"{self.ffi[module]}.{name}", self.module, outer.name, self.path, outer.lineno)
                self.found.wrappers.append(wrapper)
            else:
                self.found.calls.append(CallSite(dotted, self.path, node.lineno, function))
        self.generic_visit(node)

    def _visit_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            if self._is_decorator(decorator.func if isinstance(decorator, ast.Call) else decorator):
                keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
                outer = self._functions[0] if self._functions else node
                self._add_pass(self._named(keywords) or node.name, outer.name, outer.lineno)
        self._functions.append(node)
        self.generic_visit(node)
        self._functions.pop()

    def _take_pass(self, node: ast.Call, *, constructor: str, line: int) -> None:
        """``prim_func_pass(function, opt_level=0, name="tl.Name")``; as a decorator it has no function yet."""
        if not self._is_decorator(node.func) or not node.args:
            return
        function = node.args[0]
        name = self._named(node.keywords) or (function.id if isinstance(function, ast.Name) else ANONYMOUS)
        self._add_pass(name, constructor, line)

    def _add_pass(self, name: str, constructor: str, line: int) -> None:
        self.found.passes.append(PythonPass(name, self.module, constructor, self.path, line))

    def _is_decorator(self, function: ast.expr) -> bool:
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return name in _DECORATORS and not any(item.name in _DECORATORS for item in self._functions)

    def _named(self, keywords: list[ast.keyword]) -> str | None:
        value = next((keyword.value for keyword in keywords if keyword.arg == "name"), None)
        if isinstance(value, ast.Constant):
            return str(value.value)
        return self._constants.get(value.id) if isinstance(value, ast.Name) else None

    def _dotted(self, node: ast.expr) -> str | None:
        """``tilelang.transform.Simplify`` of an expression that names it, by the imports of the file."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.aliases:
            return None
        dotted = ".".join([self.aliases[node.id], *reversed(parts)])
        # TileLang passes TVM on as a name of its own.
        return dotted.removeprefix("tilelang.") if dotted.startswith("tilelang.tvm.") else dotted
