"""Render a kind's templates, and put Python into a file that is there already."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeGuard

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from scaffold.contribute.inserting import trailing_comment, with_exports, with_imports
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
    return render_template(f"{kind.name}/{file.template}", context)


def render_template(name: str, context: Context) -> str:
    """The text of a template, named by its path below ``templates/``; it ends in one newline.

    Raises
    ------
    ScaffoldError
        If a template of the kit is at fault.
    """
    try:
        template = _environment().get_template(name)
    except TemplateError as error:
        raise ScaffoldError(f"template {name}: {error}", hint="fix it in templates/") from error
    return _render(template, name, context).rstrip() + "\n"


def _render(template: Any, name: str, context: Context) -> str:
    try:
        text: str = template.render(**context)
    except TemplateError as error:
        raise ScaffoldError(f"template {name}: {error}", hint="fix it in templates/") from error
    return text


def merged(path: str, existing: str, new: str) -> str:
    """``existing`` with what ``new`` defines, before its ``__main__`` footer; imports it lacks are added to its own.

    Names go into the import in brackets, or into the tuple or list of strings, that is there for them. Comments behind
    imports stay.

    Raises
    ------
    UsageError
        If it is no Python, or has a name that ``new`` defines.
    """
    if not path.endswith(".py"):
        return existing.rstrip("\n") + "\n\n" + new
    ending = "\r\n" if "\r\n" in existing else "\n"
    existing = existing.replace("\r\n", "\n")
    try:
        old_tree = ast.parse(existing)
    except SyntaxError as error:
        raise UsageError(f"{path} is no Python that parses: line {error.lineno}", hint="mend it first") from error
    twice = sorted(_defined(old_tree) & _defined(ast.parse(new)))
    if twice:
        raise UsageError(f"{path} has {', '.join(twice)} already", hint="take another name: --slug NAME")
    existing, missing, body = _put_in(existing, new)
    old_tree = ast.parse(existing)
    # By "\n" alone, as ast counts lines: a string may hold what else ends a line for Python's splitlines.
    lines = existing.removesuffix("\n").split("\n")
    footer = next((node.lineno - 1 for node in old_tree.body if is_main_guard(node)), len(lines))
    head = _after_imports(old_tree)
    before, between, after = lines[:head], lines[head:footer], lines[footer:]
    parts = ["\n".join([*before, *missing]).rstrip(), "\n".join(between).strip("\n")]
    text = "\n".join(part for part in parts[:1] if part)
    if parts[1] and not text:
        text = parts[1]
    elif parts[1]:
        text += ("\n" if not _is_gap(between) else "\n" * (_gap(between) + 1)) + parts[1]
    text += f"\n\n\n{body}\n" if body else "\n"
    text += "\n\n" + "\n".join(after) + "\n" if after else ""
    return text.replace("\n", ending)


def _put_in(existing: str, new: str) -> tuple[str, list[str], str]:
    """``existing`` with names put into what lists them there; the imports it still lacks; and the rest of ``new``."""
    tree = ast.parse(new)
    known = {ast.unparse(node) for node in ast.parse(existing).body if isinstance(node, (ast.Import, ast.ImportFrom))}
    missing, done = [], set[int]()
    for node in tree.body:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            longer = with_exports(existing, node)
            if longer is not None:
                existing = longer
                done |= set(range(node.lineno - 1, node.end_lineno or node.lineno))
            continue
        lacks = None if ast.unparse(node) in known else _lacking(node, ast.parse(existing))
        if lacks is None:
            continue
        comment = trailing_comment(new, node)
        longer = with_imports(existing, lacks, comment) if isinstance(lacks, ast.ImportFrom) else None
        if longer is None:
            missing.append(_text_of(new, node) if lacks is node else f"{ast.unparse(lacks)}  {comment}".rstrip())
        else:
            existing = longer
    kept = [line for at, line in enumerate(new.split("\n")) if at not in done]
    left = "\n".join(kept)
    return existing, missing, _rest(left, ast.parse(left)).strip("\n")


def _text_of(text: str, node: ast.stmt) -> str:
    """A statement as it was typed, with the comment behind it."""
    whole = text.split("\n")[node.lineno - 1 : node.end_lineno]
    comment = trailing_comment(text, node)
    alone = node.col_offset == 0 and (
        comment or whole[-1].rstrip() == whole[-1].encode()[: node.end_col_offset].decode()
    )
    return "\n".join(whole) if alone else f"{ast.unparse(node)}  {comment}".rstrip()


def _gap(lines: list[str]) -> int:
    return next((at for at, line in enumerate(lines) if line.strip()), 0)


def _is_gap(lines: list[str]) -> bool:
    return _gap(lines) > 0


def _defined(tree: ast.Module) -> set[str]:
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))}


def _lacking(node: ast.Import | ast.ImportFrom, tree: ast.Module) -> ast.Import | ast.ImportFrom | None:
    """The import of those names that no import of ``tree`` binds, in whatever form; the node itself, where it's all."""
    have = {
        alias.asname or alias.name
        for other in tree.body
        if isinstance(other, (ast.Import, ast.ImportFrom))
        for alias in other.names
    }
    names = [alias for alias in node.names if (alias.asname or alias.name) not in have]
    if len(names) in (0, len(node.names)):
        return node if names else None
    if isinstance(node, ast.Import):
        return ast.Import(names)
    return ast.ImportFrom(node.module, names, node.level)


def is_main_guard(node: ast.stmt) -> TypeGuard[ast.If]:
    """Whether it is ``if __name__ == "__main__":``."""
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _after_imports(tree: ast.Module) -> int:
    """The number of lines up to the end of the last import at the top; of the docstring, where there is none."""
    ends = [node.end_lineno or 0 for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    first = tree.body[0] if tree.body else None
    docstring = first.end_lineno or 0 if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else 0
    return max(ends, default=docstring)


def _rest(text: str, tree: ast.Module) -> str:
    """``text`` from behind its imports to before its footer."""
    lines = text.split("\n")
    footer = next((node.lineno - 1 for node in tree.body if is_main_guard(node)), len(lines))
    return "\n".join(lines[_after_imports(tree) : footer])
