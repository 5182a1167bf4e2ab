"""What is asked of a Python statement to make it soft."""

from __future__ import annotations

import ast

#: A function so decorated is the kernel, or makes it from its source.
_KERNEL_DECORATORS = frozenset({"prim_func", "macro", "jit", "lazy_jit", "eager_jit", "autotune", "script"})

#: Their errors have a meaning to who calls them: ``hasattr`` wants an ``AttributeError``.
_TELLING_DECORATORS = frozenset({"property", "cached_property", "getter"})

#: Methods that are called like any other; what the rest of Python's own methods raise has a meaning to Python.
_PLAIN_METHODS = frozenset({"__init__", "__post_init__", "__call__", "__enter__", "__exit__"})

_LOOPS_AND_SUCH = (ast.For, ast.While, ast.With, ast.AsyncFor, ast.AsyncWith)

#: ``try`` with ``except*`` is a statement of its own, from Python 3.11 on.
TRY = (ast.Try, getattr(ast, "TryStar", ast.Try))


def is_preamble(statement: ast.stmt) -> bool:
    """A docstring, or an import from the future, which must stay where it is."""
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__"
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def is_left_alone(function: ast.FunctionDef) -> bool:
    """A kernel, or a function whose errors mean something to Python itself."""
    name = function.name
    if name.startswith("__") and name.endswith("__") and name not in _PLAIN_METHODS:
        return True
    named = {
        node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        for decorator in function.decorator_list
        for node in ast.walk(decorator)
    }
    return bool(named & (_KERNEL_DECORATORS | _TELLING_DECORATORS))


def own_blocks(node: ast.AST) -> int:
    """Blocks that a statement or a handler opens itself."""
    if isinstance(node, TRY):
        return bool(node.handlers) + bool(node.finalbody)
    return 2 if isinstance(node, ast.ExceptHandler) else int(isinstance(node, _LOOPS_AND_SUCH))


def height(node: ast.AST) -> int:
    """Blocks inside one another in ``node``, itself included; a function inside it counts for itself."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)):
        return 0
    return own_blocks(node) + max(map(height, ast.iter_child_nodes(node)), default=0)


def yields(statement: ast.stmt) -> bool:
    """Whether a caller may throw an error into ``statement``, which is not its own."""
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo += ast.iter_child_nodes(node)
    return False


def head(statement: ast.stmt) -> list[ast.AST]:
    """What a statement computes itself; what is inside it computes the rest."""
    fields = ("decorator_list", "bases", "keywords", "args", "test", "iter", "items", "subject")
    if not hasattr(statement, "body"):
        return [statement]
    found: list[ast.AST] = []
    for name in fields:
        part = getattr(statement, name, None)
        found += part if isinstance(part, list) else [part] if isinstance(part, ast.AST) else []
    return found


def bound(statement: ast.stmt) -> list[str]:
    """Plain names a simple statement binds; those of a compound one are bound inside it."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).partition(".")[0] for alias in statement.names if alias.name != "*"]
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return [statement.name]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    names: dict[str, None] = {}
    for target in targets:
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names[node.id] = None
    return list(names)
