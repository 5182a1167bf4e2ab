"""Read one Python file without importing it: what it imports, whether it is a script, which tests it has."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Calls at module level that only set something up, by the last part of their name.
_SETTING_UP = frozenset(
    (
        *("set_log_level", "disable_cache", "enable_cache", "clear_cache", "manual_seed", "seed", "append", "insert"),
        *("filterwarnings", "basicConfig", "set_default_device", "set_default_dtype", "set_printoptions"),
    )
)


@dataclass(frozen=True)
class Imported:
    """A module that a file imports, by its top name and whole; ``needed`` where the file cannot start without it."""

    name: str
    module: str
    line: int
    needed: bool


@dataclass(frozen=True)
class ReadTest:
    """A test function: its decorators, and the modules whose functions it calls."""

    name: str
    line: int
    decorators: tuple[ast.expr, ...]
    uses: frozenset[str]


@dataclass(frozen=True)
class FileReading:
    """What a file says of itself. ``folders`` are those it adds to ``sys.path``, as written."""

    imports: tuple[Imported, ...]
    has_main: bool
    runs_at_import: bool
    tests: tuple[ReadTest, ...]
    decorators: tuple[ast.expr, ...]
    arguments: tuple[str, ...]
    folders: tuple[str, ...]


def read_file(path: Path) -> FileReading | None:
    """Read a file; ``None`` where it is not Python, or cannot be read."""
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    aliases = _aliases(tree)
    return FileReading(
        imports=tuple(_imports(tree.body, needed=True)),
        has_main=any(_is_main(node) for node in tree.body),
        runs_at_import=any(_runs(node) for node in tree.body),
        tests=tuple(_tests(tree.body, aliases, "")),
        decorators=tuple(_module_marks(tree.body)),
        arguments=tuple(_required_arguments(tree)),
        folders=tuple(_added_folders(tree)),
    )


def string_sets(path: Path) -> dict[str, str]:
    """Strings like ``gemm/test_x.py::test_y`` in the constants of a conftest: each with the name of its constant."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    return {
        item.value: ast.unparse(node.targets[0])
        for node in tree.body
        if isinstance(node, ast.Assign)
        for item in ast.walk(node.value)
        if isinstance(item, ast.Constant) and isinstance(item.value, str) and ".py::" in item.value
    }


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) and "__main__" in ast.unparse(node.test)


def _imports(body: Iterable[ast.stmt], *, needed: bool) -> Iterator[Imported]:
    """Imports of statements; those inside functions, ``try`` and ``TYPE_CHECKING`` are not needed to start."""
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Imported(alias.name.partition(".")[0], alias.name, node.lineno, needed)
        elif isinstance(node, ast.ImportFrom):
            if not node.level and node.module:
                yield Imported(node.module.partition(".")[0], node.module, node.lineno, needed)
        else:
            optional = isinstance(node, (ast.Try, ast.FunctionDef, ast.AsyncFunctionDef))
            checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            if not checking:
                yield from _imports(_blocks(node), needed=needed and not optional)


def _blocks(node: ast.stmt) -> Iterator[ast.stmt]:
    """The statements inside a statement."""
    for name in ("body", "orelse", "finalbody"):
        yield from getattr(node, name, [])
    for handler in getattr(node, "handlers", []):
        yield from handler.body
    for case in getattr(node, "cases", []):
        yield from case.body


def _runs(node: ast.stmt) -> bool:
    """Whether a statement at module level does something, rather than define it or set it up."""
    if isinstance(node, (ast.For, ast.While, ast.With, ast.Assert)):
        return True
    if isinstance(node, ast.If) and not _is_main(node):
        return any(_runs(item) for item in _blocks(node))
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    return ast.unparse(node.value.func).rpartition(".")[2] not in _SETTING_UP


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Names of the file that stand for a module, or for something of one."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(alias.asname or alias.name.partition(".")[0]): alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {(alias.asname or alias.name): node.module for alias in node.names}
    return found


def _tests(body: Sequence[ast.stmt], aliases: dict[str, str], prefix: str) -> Iterator[ReadTest]:
    """Functions pytest collects by its default names; those of ``Test`` classes as ``TestX::test_y``."""
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            for test in _tests(node.body, aliases, f"{prefix}{node.name}::"):
                marked = (*node.decorator_list, *test.decorators)
                yield ReadTest(test.name, test.line, marked, test.uses)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            names = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
            uses = frozenset(aliases[name] for name in names if name in aliases)
            yield ReadTest(f"{prefix}{node.name}", node.lineno, tuple(node.decorator_list), uses)


def _module_marks(body: Sequence[ast.stmt]) -> Iterator[ast.expr]:
    """What ``pytestmark`` is set to."""
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield from node.value.elts if isinstance(node.value, (ast.List, ast.Tuple)) else [node.value]


def _required_arguments(tree: ast.Module) -> Iterator[str]:
    """Arguments without which ``argparse`` ends the script."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr != "add_argument" or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        name = str(node.args[0].value)
        named = {item.arg: item.value for item in node.keywords}
        required = named.get("required")
        optional = name.startswith("-") or "default" in named or "nargs" in named
        if (isinstance(required, ast.Constant) and required.value is True) or not optional:
            yield name


def _added_folders(tree: ast.Module) -> Iterator[str]:
    """Relative folders in calls of ``sys.path.append`` and ``insert``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.path.append", "sys.path.insert"):
            for item in ast.walk(node):
                if isinstance(item, ast.Constant) and isinstance(item.value, str) and not item.value.startswith("/"):
                    yield item.value
