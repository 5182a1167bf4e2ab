"""What rules read of a change: texts, added lines, what is code and what is comment."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import PurePosixPath

from scaffold.builds.source.git import GitError, git
from scaffold.contribute.change import Change, ChangedFile, is_test_file

#: No text a person wrote is larger; what is, is not read.
_LARGEST_TEXT = 2 * 1024 * 1024

CPP_SUFFIXES = (".h", ".hh", ".hpp", ".cuh", ".cc", ".cpp", ".cxx", ".c", ".cu", ".mm", ".inc")
_CPP_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', re.DOTALL)


def text_of(change: Change, path: str) -> str | None:
    """A file of the checkout as text; ``None`` for what is gone, no regular file, binary or huge."""
    full = change.root / path
    try:
        if full.is_symlink() or not full.is_file() or full.stat().st_size > _LARGEST_TEXT:
            return None
        data = full.read_bytes()
    except OSError:
        return None
    # Python and compilers pass over a mark of the byte order; a parser of text does not.
    return None if b"\0" in data else data.decode("utf-8", "replace").removeprefix("\ufeff")


def added_lines(change: Change, path: str) -> Iterator[tuple[int, str]]:
    """Number, from 1, and text of every line the change adds to a file."""
    text = text_of(change, path)
    if text is None:
        return
    lines = text.split("\n")
    for first, last in change.lines(path):
        yield from ((number, lines[number - 1]) for number in range(first, min(last, len(lines)) + 1))


def new_files(change: Change) -> tuple[ChangedFile, ...]:
    """Files that were not there, under any name, and files that moved."""
    return tuple(file for file in change.files if file.status in ("added", "renamed") and not is_folder(change, file))


def is_folder(change: Change, file: ChangedFile) -> bool:
    """Whether it is a submodule, or another repository inside the checkout."""
    full = change.root / file.path
    return full.is_dir() and not full.is_symlink()


def touches(change: Change, path: str, first: int, last: int) -> bool:
    """Whether the change has a line between these two."""
    return any(start <= last and end >= first for start, end in change.lines(path))


def changes_code(change: Change, file: ChangedFile) -> bool:
    """Whether more than comments, docstrings and blanks of a source file change."""
    now = text_of(change, file.path) if not file.gone else ""
    before = change.at_base(file.before or file.path)
    if file.status == "added" or before is None or now is None:
        return True
    return code_of(file.path, now) != code_of(file.path, before.decode("utf-8", "replace").removeprefix("\ufeff"))


def adds_lines(change: Change, file: ChangedFile) -> bool:
    """Whether there is a line in it that was not there; of a binary file it is not known, and taken to be so."""
    if file.untracked or file.status == "added":
        return True
    words = ("diff", "--numstat", "-M", "--no-ext-diff", change.base, "--", *filter(None, (file.before, file.path)))
    return not git(*words, at=change.root).startswith("0\t")


def code_of(path: str, text: str) -> str:
    """The text of a source file without what a compiler does not see."""
    if path.endswith(".py"):
        return _python_code(text)
    if path.endswith(CPP_SUFFIXES):
        return " ".join(_CPP_COMMENT.sub(lambda match: " " if match[0][0] == "/" else match[0], text).split())
    return text


def _python_code(text: str) -> str:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return text
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            body[:1] = []
    return ast.dump(tree)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def parsed(text: str) -> ast.Module | None:
    """The syntax tree; ``None`` where it has none."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def comments_of(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of each comment of a Python file, as far as it can be read."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError):
        return


def files_at_base(change: Change, *folders: str) -> tuple[str, ...]:
    """Paths below ``folders`` as they were."""
    listing = git("ls-tree", "-r", "-z", "--name-only", change.base, "--", *folders, at=change.root)
    return tuple(path for path in listing.split("\0") if path)


def gitlinks(change: Change) -> tuple[str, ...]:
    """Paths of submodules that are not what they were: as they lie there, or as they are staged."""
    words = ("diff", "--raw", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=dirty")
    found = set()
    for where in ((), ("--cached",)):
        parts = git(*words, *where, change.base, at=change.root).split("\0")
        found |= {path for facts, path in zip(parts[::2], parts[1::2], strict=False) if "160000" in facts[:14]}
    return tuple(sorted(found))


def gitlink(change: Change, path: str, *, base: bool = False) -> str:
    """The commit of a submodule, at the base or as it is staged; empty for what is none."""
    try:
        if base:
            facts = git("ls-tree", "-z", change.base, "--", path, at=change.root).partition("\t")[0].split()
            return facts[2] if facts and facts[0] == "160000" else ""
        facts = git("ls-files", "-s", "-z", "--", path, at=change.root).partition("\t")[0].split()
        return facts[1] if facts and facts[0] == "160000" else ""
    except GitError:
        return ""


def suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def name(path: str) -> str:
    return PurePosixPath(path).name


def is_test(path: str) -> bool:
    """Whether upstream's CI collects tests of this file."""
    return path.startswith(("testing/python/", "examples/")) and is_test_file(path)


def is_source(path: str) -> bool:
    """Whether it becomes part of what is built or installed."""
    return path.startswith(("src/", "tilelang/")) and suffix(path) in (".py", ".pyx", *CPP_SUFFIXES)
