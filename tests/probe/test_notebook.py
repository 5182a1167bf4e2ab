"""The Python of a notebook: its code cells in order, without what is IPython's."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from scaffold.probe.notebook import parts_of, python_of


def notebook(folder: Path, *cells: str | list[str]) -> Path:
    path = folder / "demo.ipynb"
    made = [{"cell_type": "code", "source": cell} for cell in cells]
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "# x"}, *made], "nbformat": 4}))
    return path


@pytest.mark.parametrize(
    ("cell", "python"),
    [
        ("a = 1\nb = 2", "a = 1\nb = 2"),
        (["a = 1\n", "b = 2"], "a = 1\nb = 2"),
        ("%pip install x\nimport x", "pass\nimport x"),
        ("if a:\n    !ls\nb = 2", "if a:\n    pass\nb = 2"),
        ("files = !ls *.py\nb = 2", "pass\nb = 2"),
        ("t = %timeit -o f()\nb = 2", "pass\nb = 2"),
        ("f?\nb = 2", "pass\nb = 2"),
        ("%%time\nf()", "\nf()"),
        ("%%bash\nls", ""),
        ("\n%%writefile k.py\nx = 1", ""),
        ("text = '''\n% not a magic\n'''", "text = '''\n% not a magic\n'''"),
        ("def f(:", "def f(:"),
    ],
)
def test_cell_keeps_its_python_on_its_lines(tmp_path: Path, cell: str | list[str], python: str) -> None:
    part = parts_of(notebook(tmp_path, cell))[0]
    assert part.source.decode() == python
    assert part.path == f"{tmp_path / 'demo.ipynb'}[1]"


def test_cells_are_one_file_in_order(tmp_path: Path) -> None:
    path = notebook(tmp_path, "a = 1", "%%html\n<b>", "def f():\n    return a")
    assert [part.path.rpartition("/")[2] for part in parts_of(path)] == [f"demo.ipynb[{n}]" for n in (1, 2, 3)]
    assert len(ast.parse(python_of(path)).body) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}', '{"worksheets": []}'])
def test_what_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.ipynb").write_text(text)
    with pytest.raises(ValueError, match=r"x\.ipynb is no notebook"):
        parts_of(tmp_path / "x.ipynb")


def test_script_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_bytes(b"# -*- coding: latin-1 -*-\nx = '\xe9'\n%")
    assert python_of(tmp_path / "x.py").endswith(b"\n%")
