"""Run a script in which single statements may fail.

Under stand-ins a reference computation, a comparison or a statistic may have no answer. What matters is what the script
compiles: so every statement of the user's files is run on its own, and one that raises is noted and passed over; what
it would have assigned is unknown. Kernels are left as they are: TileLang reads their source itself.
A script that raises nothing, or catches what it raises, does the same as without.
"""

from __future__ import annotations

import ast
import builtins
import importlib.machinery
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scaffold.probe.standin.catching import MODULE, Regions, Scope, scope_of
from scaffold.probe.standin.statements import (
    TRY,
    bound,
    head,
    height,
    is_left_alone,
    is_preamble,
    own_blocks,
    yields,
)
from scaffold.probe.standin.users_files import UsersFiles

#: Bound in builtins for the transformed code; no Python name of a user's begins so.
_FAILED = "__scaffold_failed__"
_UNKNOWN = "__scaffold_unknown__"
_LOOP = "__scaffold_loop__"
_WHILE = "__scaffold_while__"
_AGAIN = "__scaffold_again__"
_ERROR = "__scaffold_error__"

_NEVER_FAIL = (ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal)

#: Python compiles 20 blocks inside one another at most; a guard is one, and its handler two.
_MOST_BLOCKS = 17


@dataclass(frozen=True)
class Hooks:
    """What soft code calls.

    ``failed(error, line, path)`` says whether what a statement raised must go on rising; ``unknown(name)`` makes what
    the statement would have bound. ``looped(iterable, line, path)`` gives the items of a ``for`` loop, as many as it
    may have; ``entered(line)`` and ``again(line, path)`` do so for a ``while`` loop.
    """

    failed: Callable[[Exception, int, str], bool]
    unknown: Callable[[str], Any]
    looped: Callable[[Iterable[Any], int, str], Iterator[Any]]
    entered: Callable[[int], None]
    again: Callable[[int, str], bool]


@dataclass
class SoftFiles:
    """What is known of the files that were made soft: who catches what; of each statement, what it reads and binds.

    ``names`` are read, ``calls`` called by their dotted names, ``binds`` unknown once the statement failed.
    """

    regions: dict[str, Regions] = field(default_factory=dict)
    names: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    calls: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    binds: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)

    def compile(self, source: bytes, path: str) -> Any:
        """The code of a file, each statement of it allowed to fail; raises ``SyntaxError`` like ``compile``."""
        tree = ast.parse(source, filename=path)
        _Softener(path, self, tree).soften()
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)

    def install(self, hooks: Hooks, users: UsersFiles) -> None:
        """Make the user's files soft, from the next import on."""
        for name, hook in (
            (_FAILED, hooks.failed),
            (_UNKNOWN, hooks.unknown),
            (_LOOP, hooks.looped),
            (_WHILE, hooks.entered),
            (_AGAIN, hooks.again),
        ):
            setattr(builtins, name, hook)
        loader: Any = importlib.machinery.SourceFileLoader
        original = loader.get_code

        # Not ``source_to_code``: Python takes what it has compiled before, where that is kept beside the file.
        def get_code(own: Any, fullname: str) -> Any:
            path = own.get_filename(fullname)
            return self.compile(own.get_data(path), path) if path in users else original(own, fullname)

        loader.get_code = get_code


class _Softener:
    """Rewrites one file."""

    def __init__(self, path: str, files: SoftFiles, tree: ast.Module) -> None:
        self._path, self._files, self._tree = path, files, tree
        self._regions = files.regions[path] = Regions()
        self._regions.raising = {
            line
            for node in ast.walk(tree)
            if isinstance(node, ast.Raise)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        defined = (ast.FunctionDef, ast.ClassDef)
        self._own = frozenset(node.name for node in ast.walk(tree) if isinstance(node, defined))

    def soften(self) -> None:
        self._tree.body = self._block(self._tree.body, MODULE, 0, headed=True)

    def _block(self, body: list[ast.stmt], scope: Scope, depth: int, *, headed: bool = False) -> list[ast.stmt]:
        """The statements of a block; a ``headed`` one may begin with what must stay where it is."""
        keeps = 0
        while headed and keeps < len(body) and is_preamble(body[keeps]):
            keeps += 1
        return body[:keeps] + [made for item in body[keeps:] for made in self._statement(item, scope, depth)]

    def _statement(self, statement: ast.stmt, scope: Scope, depth: int) -> list[ast.stmt]:
        """``statement``, made soft; ``depth`` counts the blocks around it."""
        if isinstance(statement, (*_NEVER_FAIL, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)):
            return [statement]
        guarded = not yields(statement) and depth + 1 + height(statement) <= _MOST_BLOCKS
        before: list[ast.stmt] = []
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            if not (isinstance(statement, ast.FunctionDef) and is_left_alone(statement)):
                statement.body = self._block(statement.body, scope_of(statement), 0, headed=True)
        else:
            if isinstance(statement, TRY):
                self._regions.add_try(statement, scope)
            elif isinstance(statement, ast.With):
                self._regions.add_with(statement, scope, self._own)
            self._blocks_of(statement, scope, depth + guarded + own_blocks(statement))
            before = self.bounded(statement)
        return [*before, self._guarded(statement, scope) if guarded else statement]

    def _blocks_of(self, statement: ast.stmt, scope: Scope, depth: int) -> None:
        for name in ("body", "orelse", "finalbody"):
            if getattr(statement, name, None):
                setattr(statement, name, self._block(getattr(statement, name), scope, depth))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            part.body = self._block(part.body, scope, depth + own_blocks(part))

    def bounded(self, statement: ast.stmt) -> list[ast.stmt]:
        """Let a loop end that computes on stand-ins for long; what is returned goes before it."""
        line = statement.lineno
        if isinstance(statement, ast.For):
            call = _call(f"{_LOOP}(None, {line}, {self._path!r})", statement.iter)
            call.args[0] = statement.iter
            statement.iter = call
        elif isinstance(statement, ast.While):
            again = _call(f"{_AGAIN}({line}, {self._path!r})", statement.test)
            both = ast.BoolOp(ast.And(), [statement.test, again])
            entered = ast.Expr(_call(f"{_WHILE}({line})", statement))
            statement.test = ast.copy_location(both, again)
            return [ast.copy_location(entered, statement)]
        return []

    def _guarded(self, statement: ast.stmt, scope: Scope) -> ast.stmt:
        """``statement`` in a ``try`` whose handler notes the error and binds what it would have to unknown values."""
        line = statement.lineno
        lines = ["try:", "    pass", f"except Exception as {_ERROR}:"]
        lines += [f"    if {_FAILED}({_ERROR}, {line}, {self._path!r}):", "        raise"]
        names = bound(statement)
        lines += [f"    {name} = {_UNKNOWN}({name!r})" for name in names]
        if isinstance(statement, ast.Return):
            lines.append(f"    return {_UNKNOWN}('line {line}')")
        guard = ast.parse("\n".join(lines)).body[0]
        if not isinstance(guard, ast.Try):
            raise TypeError("the guard is a try statement")
        _locate(guard, statement)
        guard.body = [statement]
        place, nodes = (self._path, line), [node for part in head(statement) for node in ast.walk(part)]
        self._files.names[place] = frozenset(node.id for node in nodes if isinstance(node, ast.Name))
        self._files.calls[place] = frozenset(ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call))
        self._files.binds[place] = (f"{scope[0]}()",) if isinstance(statement, ast.Return) else tuple(names)
        return guard


def _call(text: str, where: ast.expr | ast.stmt) -> ast.Call:
    made = ast.parse(text, mode="eval").body
    if not isinstance(made, ast.Call):
        raise TypeError("the text is a call")
    _locate(made, where)
    return made


def _locate(made: ast.AST, where: ast.expr | ast.stmt) -> None:
    """Put all of ``made`` on the line ``where`` begins."""
    for node in ast.walk(made):
        if isinstance(node, (ast.expr, ast.stmt, ast.ExceptHandler)):
            node.lineno = node.end_lineno = where.lineno
            node.col_offset = node.end_col_offset = where.col_offset
