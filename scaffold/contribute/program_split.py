"""Turn a failing program into a test: definitions stay at the top of the file, what it does becomes a function."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from scaffold.contribute.skeleton import is_main_guard

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_INDENT = "    "


@dataclass(frozen=True)
class ProgramTest:
    """The two parts of a program.

    Attributes
    ----------
    head
        Imports, functions, classes, and the constants they read.
    body
        The other statements, indented as the body of a function; empty for a file of tests.
    """

    head: str
    body: str


def split_program(source: str) -> ProgramTest | None:
    """Split ``source``; ``None`` for a program that cannot be moved into a function without changing what it does."""
    tree = ast.parse(source)
    statements = tree.body if ast.get_docstring(tree, clean=False) is None else tree.body[1:]
    kept = _kept(statements)
    moved = [node for node in statements if node not in kept]
    if any(_cannot_move(node) for node in moved) or any(_runs_code(node, statements) for node in kept):
        return None
    lines = source.split("\n")
    starts = _starts(tree.body, lines)
    definitions = [node for node in statements if node in kept]
    head = _with_import(
        [_text(lines, starts[node.lineno], node) for node in definitions], definitions, "import tilelang.testing"
    )
    body = [_body_text(lines, starts[node.lineno], node) for node in moved]
    if not body and not any(isinstance(node, _DEFINITIONS) and node.name.startswith("test_") for node in kept):
        return None
    return ProgramTest("\n".join(head).strip("\n"), textwrap.indent("\n".join(body).strip("\n"), _INDENT))


def _kept(statements: Sequence[ast.stmt]) -> set[ast.stmt]:
    """Definitions and imports, and the assignments that those read, which need not be run for their effects."""
    kept = {
        node for node in statements if isinstance(node, (*_DEFINITIONS, ast.Import, ast.ImportFrom)) or _imports(node)
    }
    while True:
        read = {name.id for node in kept for name in ast.walk(node) if isinstance(name, ast.Name)}
        more = {node for node in statements if node not in kept and _assigned(node) & read}
        if not more:
            return kept
        kept |= more


def _assigned(node: ast.stmt) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _imports(node: ast.stmt) -> bool:
    """Whether it is ``try: import …``."""
    return isinstance(node, ast.Try) and any(isinstance(inner, (ast.Import, ast.ImportFrom)) for inner in node.body)


def _runs_code(node: ast.stmt, statements: Sequence[ast.stmt]) -> bool:
    """Whether a constant at the top of the file calls what the program defines: importing it would compile."""
    defined = {inner.name for inner in statements if isinstance(inner, _DEFINITIONS)}
    called = {
        inner.func.id for inner in ast.walk(node) if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name)
    }
    return isinstance(node, (ast.Assign, ast.AnnAssign)) and bool(called & defined)


def _cannot_move(node: ast.stmt) -> bool:
    """Whether it ends the process, reads the command line, or holds text that indentation would change."""
    for inner in ast.walk(node):
        # Of constants, text alone can be longer than a line.
        if isinstance(inner, (ast.Constant, ast.JoinedStr)) and inner.end_lineno != inner.lineno:
            return True
        if isinstance(inner, (ast.Name, ast.Attribute)):
            name = inner.id if isinstance(inner, ast.Name) else inner.attr
            if name in ("exit", "_exit", "argv", "parse_args", "ArgumentParser", "SystemExit"):
                return True
    return False


def _with_import(head: Sequence[str], nodes: Sequence[ast.stmt], line: str) -> list[str]:
    """The texts of ``nodes`` with ``line`` after the imports they begin with, if it is not among them."""
    count = next(
        (index for index, node in enumerate(nodes) if not isinstance(node, (ast.Import, ast.ImportFrom))), len(nodes)
    )
    if line in head:
        return list(head)
    return [*head[:count], line, *head[count:]] if count else [line, "\n", *head]


def _starts(statements: Sequence[ast.stmt], lines: Sequence[str]) -> dict[int, int]:
    """Line of each statement -> index of the first line that belongs to it: its decorators, and comments above it."""
    found, before = {}, 0
    for node in statements:
        first = min([node.lineno, *(inner.lineno for inner in getattr(node, "decorator_list", []))]) - 1
        comment = first
        while comment > before and (not lines[comment - 1].strip() or lines[comment - 1].startswith("#")):
            comment -= 1
        found[node.lineno] = comment
        before = node.end_lineno or first
    return found


def _text(lines: Sequence[str], start: int, node: ast.stmt) -> str:
    return "\n".join(lines[start : node.end_lineno])


def _body_text(lines: Sequence[str], start: int, node: ast.stmt) -> str:
    """Its text; of ``if __name__ == "__main__":`` what it holds."""
    if not is_main_guard(node) or node.orelse:
        return _text(lines, start, node)
    return textwrap.dedent("\n".join(lines[node.test.end_lineno or node.lineno : node.end_lineno]))
