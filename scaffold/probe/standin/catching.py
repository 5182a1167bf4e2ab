"""Who would catch an error that a statement raised: the user's own ``try`` and ``with`` statements around it.

A script that catches an error must see it, so that softening changes nothing in a script that is well. Which lines of
which function stand in such a statement is read from the source; whether one of them runs now, from the stack.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

#: A function, as its code object tells it: name and first line, the decorators' included.
Scope = tuple[str, int]

MODULE: Scope = ("<module>", 0)

#: Context managers that take an error of the kinds they are given.
_SUPPRESSING = frozenset({"suppress", "raises", "assertRaises", "assertRaisesRegex", "assert_raises"})

#: Library code that keeps what its callee raises, to raise it elsewhere or to try something else.
_KEEPING = ("/concurrent/futures/", "/asyncio/", "/multiprocessing/pool.py")

#: Libraries of tests, and their functions that expect an error of what they call; what a test itself raises is passed
#: over as in a script, but for the error by which it is skipped.
_TESTING, _EXPECTING = ("/unittest/", "/_pytest/"), frozenset({"handle", "raises"})


@dataclass(frozen=True)
class Region:
    """Lines within which errors of ``kinds``, dotted names, are caught; ``copes``: the function goes on after it."""

    first: int
    last: int
    kinds: tuple[str, ...]
    copes: bool = True


@dataclass
class Regions:
    """The regions of one file by function, and the lines of its ``raise`` statements."""

    by_scope: dict[Scope, list[Region]] = field(default_factory=lambda: defaultdict(list))
    raising: set[int] = field(default_factory=set)

    def add_try(self, statement: Any, scope: Scope) -> None:
        """``statement`` is an ``ast.Try`` or an ``ast.TryStar``, of which the latter takes groups of errors too."""
        first, last = _lines_of(statement.body)
        groups = [] if isinstance(statement, ast.Try) else ["BaseExceptionGroup"]
        for handler in statement.handlers:
            # A kind that is left out, or computed, may be any.
            kinds = [*_dotted(handler.type)] if handler.type is not None else []
            self.by_scope[scope].append(Region(first, last, (*groups, *(kinds or ["BaseException"])), _copes(handler)))

    def add_with(self, statement: ast.With, scope: Scope, own: frozenset[str]) -> None:
        """Managers known to take errors, and those of the file's ``own`` functions and classes, which may."""
        for item in statement.items:
            call = item.context_expr
            if not isinstance(call, ast.Call):
                continue
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in _SUPPRESSING:
                kinds = tuple(kind for argument in call.args for kind in _dotted(argument))
            elif name in own:
                kinds = ("BaseException",)
            else:
                continue
            self.by_scope[scope].append(Region(*_lines_of(statement.body), kinds))


def _lines_of(body: list[ast.stmt]) -> tuple[int, int]:
    return body[0].lineno, body[-1].end_lineno or body[-1].lineno


def _copes(handler: ast.ExceptHandler) -> bool:
    """Whether what follows the handler still runs: it neither raises, returns nor ends the script."""
    for node in ast.walk(handler):
        if isinstance(node, (ast.Raise, ast.Return)):
            return False
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("exit", "_exit", "quit"):
            return False
    return True


def scope_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Scope:
    return node.name, min([node.lineno, *(item.lineno for item in node.decorator_list)])


def _scope_of_code(code: CodeType) -> Scope:
    return MODULE if code.co_name == "<module>" else (code.co_name, code.co_firstlineno)


def _dotted(node: ast.expr) -> Iterator[str]:
    """``torch.cuda.OutOfMemoryError`` of an expression that is a name, or several in a tuple."""
    if isinstance(node, ast.Tuple):
        for item in node.elts:
            yield from _dotted(item)
    elif isinstance(node, (ast.Name, ast.Attribute)):
        yield ast.unparse(node)


def is_caught(error: Exception, frame: FrameType | None, files: dict[str, Regions], *, broadly: bool) -> bool:
    """Whether ``frame`` or a caller of it catches ``error``; by ``except Exception`` and the like only ``broadly``."""
    while frame is not None:
        if frame.f_code.co_filename not in files and _keeps(frame, error):
            return True
        if any(_takes(region, error, frame, broadly=broadly) for region in _around(frame, files)):
            return True
        frame = frame.f_back
    return False


def _keeps(frame: FrameType, error: Exception) -> bool:
    """Whether a library's ``frame`` takes what the user's function that it called raises."""
    path = frame.f_code.co_filename
    if any(part in path for part in _TESTING):
        return frame.f_code.co_name in _EXPECTING or type(error).__name__ == "SkipTest"
    return any(part in path for part in _KEEPING)


def copes_here(error: Exception, frame: FrameType, files: dict[str, Regions]) -> bool:
    """Whether ``frame`` itself catches ``error`` where it is now, and goes on."""
    return any(region.copes and _takes(region, error, frame, broadly=True) for region in _around(frame, files))


def _around(frame: FrameType, files: dict[str, Regions]) -> Iterator[Region]:
    """The regions of the user's that ``frame`` is in now."""
    regions = files.get(frame.f_code.co_filename)
    for region in regions.by_scope.get(_scope_of_code(frame.f_code), ()) if regions else ():
        if region.first <= frame.f_lineno <= region.last:
            yield region


def _takes(region: Region, error: Exception, frame: FrameType, *, broadly: bool) -> bool:
    for kind in region.kinds:
        found = looked_up(kind, frame)
        kinds = found if isinstance(found, tuple) else (found,)
        for item in kinds:
            if isinstance(item, type) and isinstance(error, item) and (broadly or item not in _BROAD):
                return True
    return False


_BROAD = (Exception, BaseException)


def looked_up(dotted: str, frame: FrameType) -> Any:
    """What a dotted name means in ``frame``; ``None`` if nothing."""
    head, *rest = dotted.split(".")
    for place in (frame.f_locals, frame.f_globals, vars(builtins)):
        if head in place:
            found = place[head]
            break
    else:
        return None
    for name in rest:
        found = getattr(found, name, None)
    return found
