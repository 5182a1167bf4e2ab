"""A failing program as a test: what stays at the top of the file, and what becomes a function."""

from __future__ import annotations

import ast

import pytest

from scaffold.contribute.program_split import split_program


@pytest.mark.parametrize(
    ("source", "head", "body"),
    [
        pytest.param(
            '"""What it shows."""\nimport tilelang\n\n\ndef f():\n    pass\n\n\n# as reported\nf()\n',
            "import tilelang\nimport tilelang.testing\n\n\ndef f():\n    pass",
            "    # as reported\n    f()",
            id="a-call",
        ),
        pytest.param(
            "import tilelang\nM = 4\nN = M * 2\nP = 3\ndef f(n=N):\n    pass\nf(P)\n",
            "import tilelang\nimport tilelang.testing\nM = 4\nN = M * 2\ndef f(n=N):\n    pass",
            "    P = 3\n    f(P)",
            id="constants-that-definitions-read",
        ),
        pytest.param(
            "import tilelang.testing\n\ndef f():\n    pass\n\n"
            "if __name__ == '__main__':\n    for i in range(2):\n        f()\n",
            "import tilelang.testing\n\ndef f():\n    pass",
            "    for i in range(2):\n        f()",
            id="a-main-block",
        ),
        pytest.param(
            "def test_f():\n    assert False\n",
            "import tilelang.testing\n\n\ndef test_f():\n    assert False",
            "",
            id="a-file-of-tests",
        ),
    ],
)
def test_a_program_becomes_definitions_and_a_body(source: str, head: str, body: str) -> None:
    split = split_program(source)
    assert split is not None
    assert (split.head, split.body) == (head, body)
    ast.parse(f"{head}\n\n\ndef test_it():\n{body or '    pass'}\n")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("def f():\n    pass\nraise SystemExit(f())\n", id="ends-the-process"),
        pytest.param("import sys\nprint(sys.argv[1])\n", id="reads-the-command-line"),
        pytest.param("import argparse\na = argparse.ArgumentParser().parse_args()\n", id="parses-it"),
        pytest.param('print("""a\nb""")\n', id="holds-text-of-several-lines"),
        pytest.param("def f():\n    pass\nk = f()\ndef g():\n    return k\ng()\n", id="compiles-what-a-function-reads"),
        pytest.param("def f():\n    pass\n", id="does-nothing"),
    ],
)
def test_a_program_that_would_not_do_the_same_in_a_function_is_left_whole(source: str) -> None:
    assert split_program(source) is None
