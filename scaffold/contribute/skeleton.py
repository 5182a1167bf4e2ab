"""Render a kind's templates, and put Python into a file that is there already."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from scaffold.contribute.kinds import Kind, TemplateFile, templates_folder
from scaffold.errors import ScaffoldError, UsageError

Context = Mapping[str, Any]


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(templates_folder()),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def chosen(files: tuple[TemplateFile, ...], context: Context) -> list[tuple[TemplateFile, str]]:
    """The files that are written in this case, with their paths.

    Raises
    ------
    ScaffoldError
        If a template of the kit is at fault.
    """
    kept = [file for file in files if not file.when or _environment().compile_expression(file.when)(**context)]
    return [(file, _render(_environment().from_string(file.path), file.path, context)) for file in kept]


def render(kind: Kind, file: TemplateFile, context: Context) -> str:
    """The text of one file, ending in one newline."""
    name = f"{kind.name}/{file.template}"
    try:
        template = _environment().get_template(name)
    except TemplateError as error:
        raise ScaffoldError(f"template {name}: {error}", hint="mend it in templates/") from error
    return _render(template, name, context).rstrip() + "\n"


def _render(template: Any, name: str, context: Context) -> str:
    try:
        text: str = template.render(**context)
    except TemplateError as error:
        raise ScaffoldError(f"template {name}: {error}", hint="mend it in templates/") from error
    return text


def merged(path: str, existing: str, new: str) -> str:
    """``existing`` with what ``new`` defines, before its ``__main__`` footer; imports it lacks are added to its own.

    Raises
    ------
    UsageError
        If it is no Python, or has a name that ``new`` defines.
    """
    if not path.endswith(".py"):
        return existing.rstrip("\n") + "\n\n" + new
    try:
        old_tree = ast.parse(existing)
    except SyntaxError as error:
        raise UsageError(f"{path} is no Python that parses: line {error.lineno}", hint="mend it first") from error
    new_tree = ast.parse(new)
    twice = sorted(_defined(old_tree) & _defined(new_tree))
    if twice:
        raise UsageError(f"{path} has {', '.join(twice)} already", hint="take another name: --slug NAME")
    known = {ast.unparse(node) for node in old_tree.body if isinstance(node, (ast.Import, ast.ImportFrom))}
    imports = [node for node in new_tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    missing = [ast.unparse(node) for node in imports if ast.unparse(node) not in known and not _bound(node, old_tree)]
    lines = existing.splitlines()
    footer = next((node.lineno - 1 for node in old_tree.body if _is_footer(node)), len(lines))
    head = _after_imports(old_tree)
    before, between, after = lines[:head], lines[head:footer], lines[footer:]
    body = _rest(new, new_tree)
    parts = ["\n".join([*before, *missing]).rstrip(), "\n".join(between).strip("\n")]
    text = "\n".join(part for part in parts[:1] if part)
    if parts[1]:
        text += ("\n" if not _is_gap(between) else "\n" * (_gap(between) + 1)) + parts[1]
    text += "\n\n\n" + body.strip("\n") + "\n"
    return text + ("\n\n" + "\n".join(after) + "\n" if after else "")


def _gap(lines: list[str]) -> int:
    return next((at for at, line in enumerate(lines) if line.strip()), 0)


def _is_gap(lines: list[str]) -> bool:
    return _gap(lines) > 0


def _defined(tree: ast.Module) -> set[str]:
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))}


def _bound(node: ast.Import | ast.ImportFrom, tree: ast.Module) -> bool:
    """Whether every name the import binds is bound by an import of ``tree``: ``from tilelang import language as T``."""
    names = {alias.asname or alias.name for alias in node.names}
    have = {
        alias.asname or alias.name
        for other in tree.body
        if isinstance(other, (ast.Import, ast.ImportFrom))
        for alias in other.names
    }
    return names <= have


def _is_footer(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _after_imports(tree: ast.Module) -> int:
    """The number of lines up to the end of the last import at the top; of the docstring, where there is none."""
    ends = [node.end_lineno or 0 for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    first = tree.body[0] if tree.body else None
    docstring = first.end_lineno or 0 if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else 0
    return max(ends, default=docstring)


def _rest(text: str, tree: ast.Module) -> str:
    """``text`` from behind its imports to before its footer."""
    lines = text.splitlines()
    footer = next((node.lineno - 1 for node in tree.body if _is_footer(node)), len(lines))
    return "\n".join(lines[_after_imports(tree) : footer])
