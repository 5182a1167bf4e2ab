"""Put names into what a Python file lists already: a parenthesised import, a tuple or list of strings.

Only these few places of the text change; everything else, comments too, stays as it was typed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from itertools import pairwise

#: Upstream's width: what would be longer is left to a statement of its own.
_WIDTH = 140
_OPEN = re.compile(r"\bimport\s*\(")

Listed = ast.expr | ast.alias


def with_imports(existing: str, node: ast.ImportFrom, comment: str) -> str | None:
    """``existing`` with the names of ``node`` in its own import of that module; ``None`` where it has none in brackets.

    ``comment`` stands behind the import that the names come from, and goes along where the lines beside have one too.
    """
    for there in ast.parse(existing).body:
        if (
            isinstance(there, ast.ImportFrom)
            and (there.module, there.level) == (node.module, node.level)
            and _OPEN.search(ast.get_source_segment(existing, there) or "")
        ):
            new = [ast.unparse(alias) for alias in node.names]
            return _with(existing, there.names, [alias.name for alias in there.names], new, new, comment)
    return None


def with_exports(existing: str, node: ast.stmt) -> str | None:
    """``existing`` with the strings that ``node`` adds to a name, in the tuple or list that the name is there.

    ``node`` is ``NAME = (*NAME, "x")``, or ``__all__ = ("x",)``. Where ``__all__`` is put together from other names, as
    upstream does, the strings go into the one of them that lists strings. ``None`` where there is no such place.
    """
    name, value = _assigned(node)
    items = _items(value)
    added = [item for item in items if not (isinstance(item, ast.Starred) and ast.unparse(item.value) == name)]
    # A constant of two tests that is called the same is no list one adds to.
    strings = _strings(added) if name == "__all__" or len(added) < len(items) else []
    there = _listing(existing, name) if strings else None
    if there is None:
        return None
    known = _strings(there)
    fresh = [text for text in strings if text not in known]
    return _with(existing, there, known, fresh, [f'"{text}"' for text in fresh], "") if fresh else existing


def trailing_comment(text: str, node: ast.stmt) -> str:
    """The comment behind the statement, on its last line; empty where there is none."""
    rest = text.split("\n")[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0 :].decode().strip()
    return rest if rest.startswith("#") else ""


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    return "", None


def _items(value: ast.expr | None) -> list[ast.expr]:
    return value.elts if isinstance(value, (ast.Tuple, ast.List)) else []


def _strings(items: Sequence[ast.expr]) -> list[str]:
    """What they are, where all of them are strings; else nothing."""
    found = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return found if len(found) == len(items) else []


def _listing(text: str, name: str) -> list[ast.expr] | None:
    """Items of the tuple or list of strings that is ``name``, or that ``__all__`` is put together from."""
    values = {found: value for node in ast.parse(text).body for found, value in [_assigned(node)] if found}
    listed = {found: _items(value) for found, value in values.items() if _strings(_items(value))}
    if name in listed:
        return listed[name]
    value = values.get(name) if name == "__all__" else None
    if value is None:
        return None
    parts = [node.value for node in ast.walk(value) if isinstance(node, ast.Starred)]
    fitting = [listed[part.id] for part in parts if isinstance(part, ast.Name) and part.id in listed]
    return fitting[0] if len(fitting) == 1 else None


def _with(
    text: str, there: Sequence[Listed], known: Sequence[str], keys: Sequence[str], shown: Sequence[str], comment: str
) -> str | None:
    """Each of ``shown`` where its key belongs: in the order there is, else behind the last."""
    lines = text.split("\n")
    ordered = sum(one <= other for one, other in pairwise(known)) * 4 >= 3 * (len(known) - 1)
    places: dict[int, list[str]] = {}
    for key, new in sorted(zip(keys, shown, strict=True)):
        smaller = [at for at, name in enumerate(known) if name < key] if ordered else list(range(len(known)))
        at = max(smaller, key=lambda at: known[at] if ordered else at, default=-1)
        places.setdefault(at, []).append(new)
    for at, words in sorted(places.items(), reverse=True):
        if _one_a_line(lines, there):
            beside = lines[there[max(at, 0)].lineno - 1]
            behind = f"  {comment}" if comment and "#" in beside else ""
            indent = beside[: len(beside) - len(beside.lstrip())]
            row = _end(there[at])[0] if at >= 0 else there[0].lineno - 1
            if at == len(there) - 1:
                lines[row - 1] = _comma_behind(lines[row - 1], _end(there[at])[1])
            lines[row:row] = [f"{indent}{word},{behind}" for word in words]
        elif at >= 0:
            row, column = _end(there[at])
            before, after = _split(lines[row - 1], column)
            last = at == len(there) - 1
            lines[row - 1] = before + "".join(f", {word}" for word in words) + (_no_comma(after) if last else after)
        else:
            before, after = _split(lines[there[0].lineno - 1], there[0].col_offset)
            lines[there[0].lineno - 1] = before + "".join(f"{word}, " for word in words) + after
    return "\n".join(lines) if max(map(len, lines)) <= max(_WIDTH, *map(len, text.split("\n"))) else None


def _one_a_line(lines: Sequence[str], there: Sequence[Listed]) -> bool:
    """Whether each stands on a line of its own, and the brackets on others."""
    first = all(not _split(lines[item.lineno - 1], item.col_offset)[0].strip() for item in there)
    last = _split(lines[_end(there[-1])[0] - 1], _end(there[-1])[1])[1]
    return first and re.fullmatch(r"\s*,?\s*(#.*)?", last) is not None


def _end(item: Listed) -> tuple[int, int]:
    return item.end_lineno or item.lineno, item.end_col_offset or 0


def _split(line: str, column: int) -> tuple[str, str]:
    """At a column as ``ast`` counts: in bytes of UTF-8."""
    data = line.encode()
    return data[:column].decode(), data[column:].decode()


def _comma_behind(line: str, column: int) -> str:
    before, after = _split(line, column)
    return line if after.lstrip().startswith(",") else f"{before},{after}"


def _no_comma(after: str) -> str:
    """A comma behind the last one, which ``("x",)`` needs and two do not."""
    return re.sub(r"^\s*,\s*(?=[)\]])", "", after)
