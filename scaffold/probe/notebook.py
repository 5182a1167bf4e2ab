"""Read the Python of a file: of a script as it is, of a notebook its code cells.

Both worlds import this file: standard library only. A notebook is nbformat 4: JSON with ``cells``, of which those of
type ``code`` hold ``source``, a string or a list of lines (https://nbformat.readthedocs.io/en/latest/format_description.html).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".ipynb"
#: What a file is called that can be run.
SUFFIXES = (".py", SUFFIX)

#: Cell magics of IPython whose cell is Python.
_PYTHON_MAGICS = frozenset({"time", "timeit", "capture", "prun"})
#: A line that is IPython's and not Python's: a magic, a shell command, help, or one of these assigned to a name.
_NOT_PYTHON = re.compile(r"(?P<indent>\s*)(?:[%!?]|[\w.]+\?+\s*\Z|[\w, ]+=\s*[%!])")


@dataclass(frozen=True)
class Part:
    """A piece of Python that is compiled as one: ``path`` is what its lines are counted in."""

    path: str
    source: bytes


def parts_of(path: Path) -> list[Part]:
    """The file itself, or the code cells of a notebook in order, called ``notebook.ipynb[3]``.

    Magics and shell commands are left out, and so is a cell of another language.

    Raises
    ------
    ValueError
        If a notebook is none.
    OSError
        If the file cannot be read.
    """
    data = path.read_bytes()
    if path.suffix != SUFFIX:
        return [Part(str(path), data)]
    try:
        cells = json.loads(data)["cells"]
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path.name} is no notebook of nbformat 4 ({type(error).__name__}: {error})") from error
    return [Part(f"{path}[{number}]", _python_of(text).encode()) for number, text in enumerate(texts, start=1)]


def python_of(path: Path) -> bytes:
    """All Python of a file as one text; raises like :func:`parts_of`."""
    return b"\n".join(part.source for part in parts_of(path))


def _python_of(cell: str) -> str:
    """The Python of a cell, each line where it was; empty where it has none."""
    lines = cell.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%"):
        if first[2:].split(maxsplit=1)[:1] and first[2:].split()[0] not in _PYTHON_MAGICS:
            return ""
        lines[lines.index(first)] = ""
    text = "\n".join(lines)
    return text if _parses(text) else "\n".join(_without_magics(lines))


def _without_magics(lines: list[str]) -> Iterator[str]:
    for line in lines:
        found = _NOT_PYTHON.match(line)
        yield f"{found['indent']}pass" if found else line


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True
