"""What ``--script`` names: a script, tool or CI file of the checkout that a bug is in, where that is in no kernel."""

from __future__ import annotations

import ast
import os
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from git import Blob, Repo

from scaffold.contribute.skeleton import is_main_guard
from scaffold.errors import UsageError

#: How one sees that it works: it shows its help, it runs, it can be imported, the shell can read it, it has a text.
Way = Literal["help", "run", "import", "shell", "text"]
_PACKAGE = "tilelang"
_MOST_NAMES = 4
_SYMLINK = 0o120000


@dataclass(frozen=True)
class Script:
    """One file of the checkout.

    Attributes
    ----------
    path
        In the checkout, with ``/``.
    module
        What it is imported as, where it belongs to the package.
    names
        Of a file that may be imported without running anything: functions and classes it defines; of a text that is no
        program, some of its lines; the first few.
    """

    path: str
    way: Way
    module: str = ""
    names: tuple[str, ...] = ()


def read_script(repo: Repo, base_ref: str, asked: str) -> Script:
    """The file that ``asked`` names: by its path in the checkout, or from the current folder.

    Raises
    ------
    UsageError
        If it is no file of the checkout at ``base_ref``.
    """
    root = Path(str(repo.working_tree_dir))
    path = _inside(root, asked)
    try:
        found = repo.commit(base_ref).tree / path if path else None
    except KeyError:
        found = None
    if not isinstance(found, Blob) or found.mode == _SYMLINK:
        raise UsageError(
            f"--script {asked}: no such file in {root} at {base_ref}",
            hint=f"say its path in the checkout: git -C {shlex.quote(str(root))} ls-files | grep NAME",
        )
    return script_of(path, found.data_stream.read().decode("utf-8", "replace"))


def _inside(root: Path, asked: str) -> str:
    """The path in the checkout; empty for one outside of it."""
    here = Path(os.path.normpath(Path.cwd() / asked))
    below = root / os.path.normpath(asked) if not Path(asked).is_absolute() else here
    full = below if below.exists() or not here.is_relative_to(root) else here
    return full.relative_to(root).as_posix() if full.is_relative_to(root) and full != root else ""


def script_of(path: str, text: str) -> Script:
    """How a file of that text is tried."""
    suffix, first = PurePosixPath(path).suffix, text.partition("\n")[0]
    if suffix in (".sh", ".bash") or (first.startswith("#!") and first.endswith("sh")):
        return Script(path, "shell")
    if suffix != ".py":
        lines = (line.strip() for line in text.splitlines())
        return Script(path, "text", names=tuple(dict.fromkeys(line for line in lines if len(line) > 3))[:_MOST_NAMES])
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return Script(path, "run")
    names = tuple(
        node.name
        for node in body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    )[:_MOST_NAMES]
    parts = PurePosixPath(path).with_suffix("").parts
    if parts[0] == _PACKAGE:
        return Script(path, "import", ".".join(parts[:-1] if parts[-1] == "__init__" else parts), names)
    if not any(is_main_guard(node) for node in body):
        runs = any(isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) for node in body)
        return Script(path, "run") if runs or not names else Script(path, "import", names=names)
    return Script(path, "help" if "ArgumentParser(" in text else "run", names=names)
