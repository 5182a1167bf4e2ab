"""The script as Python would run it: ``python script.py``, or ``python -m`` where it is part of a package."""

from __future__ import annotations

import ast
import builtins
import io
import os
import random
import sys
import types
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from scaffold.probe.kernel import import_roots
from scaffold.probe.standin.replacing import put
from scaffold.probe.standin.soft import SoftFiles


class MainModule:
    """A script that is read, soft where ``files`` are; raises ``SyntaxError`` or ``ValueError`` where it cannot be."""

    def __init__(self, path: Path, files: SoftFiles | None) -> None:
        source = path.read_bytes()
        self._path = path
        self._code = files.compile(source, str(path)) if files else compile(source, path, "exec", dont_inherit=True)
        self._package = _package_of(path) if _imports_relatively(source) else None

    def run(self, argv: Sequence[str], packages: Sequence[str]) -> None:
        """Run it with ``argv``; ``packages`` are folders looked in after everything else."""
        module = types.ModuleType("__main__")
        names: dict[str, Any] = vars(module)
        names.update(
            __file__=str(self._path),
            __builtins__=__builtins__,
            __loader__=SourceFileLoader("__main__", str(self._path)),
            __cached__=None,
        )
        folder = self._path.parent
        if self._package is not None:
            names["__package__"] = self._package
            folder = self._path.parents[len(self._package.split("."))]
        sys.modules["__main__"] = module
        sys.path[:0] = [str(folder), *import_roots(self._path)]
        sys.path += packages
        sys.argv = [str(self._path), *argv]
        random.seed(0)
        _read_beside(self._path.parent)
        exec(self._code, names)


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


def _imports_relatively(source: bytes) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(ast.parse(source)))


def _package_of(path: Path) -> str:
    """The package whose module ``path`` is: its folder, and those above that say they are packages."""
    folder = path.parent
    names = [folder.name]
    while (folder / "__init__.py").is_file() and (folder.parent / "__init__.py").is_file():
        folder = folder.parent
        names.insert(0, folder.name)
    return ".".join(names)
