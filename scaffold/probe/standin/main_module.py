"""The user's file as Python would run it: ``python script.py``, ``python -m`` in a package, or imported."""

from __future__ import annotations

import ast
import builtins
import io
import linecache
import os
import random
import sys
import types
from collections.abc import Iterator, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from scaffold.probe.kernel import import_roots
from scaffold.probe.notebook import Part, parts_of
from scaffold.probe.standin.replacing import put
from scaffold.probe.standin.soft import SoftFiles


class MainModule:
    """A file that is read, soft where ``files`` are; raises ``SyntaxError`` or ``ValueError`` where it cannot be.

    ``path`` is where it lies, ``tree`` all its Python.
    """

    def __init__(self, path: Path, files: SoftFiles | None) -> None:
        parts = parts_of(path)
        self.path = path
        self.tree = ast.Module([node for part in parts for node in ast.parse(part.source, part.path).body], [])
        self._codes = list(_codes(parts, files))
        self._package = _package_of(path) if _imports_relatively(self.tree) else None

    def prepare(self, argv: Sequence[str], packages: Sequence[str], roots: Sequence[str]) -> None:
        """Set what it is run with: ``packages`` are folders looked in after everything else, ``roots`` before it."""
        folder = self.path.parent
        if self._package is not None:
            folder = self.path.parents[len(self._package.split("."))]
        sys.path[:0] = [str(folder), *roots, *import_roots(self.path)]
        sys.path += packages
        sys.argv = [str(self.path), *argv]
        random.seed(0)
        _read_beside(self.path.parent)

    @property
    def project(self) -> Path:
        """The folder of the project that the file is of, by what lies in it; its own where nothing does."""
        marks = (".git", "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
        folders = (folder for folder in self.path.parents if any((folder / mark).exists() for mark in marks))
        return next(folders, self.path.parent)

    def run(self) -> None:
        """Run it as the script."""
        self._execute(types.ModuleType("__main__"))

    def load(self) -> types.ModuleType:
        """Import it under a name of its own, so that what is for a script alone does not run."""
        name = ".".join(filter(None, (self._package, self.path.stem)))
        while name in sys.modules:
            name += "_"
        module = types.ModuleType(name)
        self._execute(module)
        return module

    def _execute(self, module: types.ModuleType) -> None:
        names: dict[str, Any] = vars(module)
        names.update(
            __file__=str(self.path),
            __builtins__=__builtins__,
            __loader__=SourceFileLoader(module.__name__, str(self.path)),
            __cached__=None,
        )
        if self._package is not None:
            names["__package__"] = self._package
        sys.modules[module.__name__] = module
        for code in self._codes:
            exec(code, names)


def _codes(parts: Sequence[Part], files: SoftFiles | None) -> Iterator[Any]:
    for part in parts:
        if len(parts) > 1 or not Path(part.path).exists():
            # Where no file has the lines, TileLang finds a kernel's source here.
            text = part.source.decode()
            linecache.cache[part.path] = (len(text), None, text.splitlines(keepends=True), part.path)
        yield files.compile(part.source, part.path) if files else compile(part.source, part.path, "exec", 0, True)


def _read_beside(folder: Path) -> None:
    """Let a file read by a relative name be found in ``folder``: the script runs elsewhere, where it may write."""
    original = builtins.open

    def open_there(file: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(file, (str, bytes, int, os.PathLike)):
            raise FileNotFoundError(f"no file is called {file!r}")  # an unknown value is a number too
        try:
            return original(file, *args, **kwargs)
        except FileNotFoundError:
            name = Path("" if isinstance(file, int) else os.fsdecode(file))
            beside, mode = folder / name, str(kwargs.get("mode", args[0] if args else "r"))
            if name.is_absolute() or not mode.startswith("r") or "+" in mode or not beside.is_file():
                raise
        return original(beside, *args, **kwargs)

    put(builtins, "open", open_there)
    put(io, "open", open_there)


def _imports_relatively(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))


def _package_of(path: Path) -> str:
    """The package whose module ``path`` is: its folder, and those above that say they are packages."""
    folder = path.parent
    names = [folder.name]
    while (folder / "__init__.py").is_file() and (folder.parent / "__init__.py").is_file():
        folder = folder.parent
        names.insert(0, folder.name)
    return ".".join(names)
