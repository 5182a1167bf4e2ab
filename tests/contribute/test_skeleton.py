"""Python put into a file that is there: before its footer, with the imports it lacks, and nothing of it lost."""

from __future__ import annotations

import ast

import pytest

from scaffold.contribute.skeleton import merged
from scaffold.errors import UsageError

OLD = '''"""About reducing."""

import torch
import tilelang.testing

LIMIT = 3  # kept


def test_old():
    assert LIMIT


if __name__ == "__main__":
    tilelang.testing.main()
'''
NEW = """import pytest
import tilelang.testing
from tilelang import language as T

SIZES = [1, 3]


@pytest.mark.parametrize("size", SIZES)
def test_new(size):
    assert T


if __name__ == "__main__":
    tilelang.testing.main()
"""


def test_a_test_goes_before_the_footer() -> None:
    text = merged("test_x.py", OLD, NEW)
    ast.parse(text)
    assert text.count("__main__") == 1
    assert text.count("import tilelang.testing") == 1
    assert "LIMIT = 3  # kept" in text
    order = [text.index(word) for word in ("import pytest", "LIMIT = 3", "test_old", "SIZES", "test_new", "__main__")]
    assert order == sorted(order)
    assert text.endswith("    tilelang.testing.main()\n")


def test_a_file_without_a_footer_or_imports_is_added_to_at_its_end() -> None:
    text = merged(
        "passes.py", '"""Passes."""\n\n\ndef one():\n    pass\n', "import os\n\n\ndef two():\n    return os\n"
    )
    ast.parse(text)
    assert text.index("import os") < text.index("def one") < text.index("def two")


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="test_old already"):
        merged("test_x.py", OLD, NEW.replace("test_new", "test_old"))


def test_a_file_that_does_not_parse_is_left_alone() -> None:
    with pytest.raises(UsageError, match="is no Python that parses: line 1"):
        merged("test_x.py", "def (:\n", NEW)


def test_comments_behind_imports_come_along() -> None:
    new = """import os  # noqa: F401
from a import (  # noqa: F401
    b,
    c,  # kept
)
from torch import nn, Tensor  # two


def two():
    return nn
"""
    old = '"""Old."""\n\nfrom torch import nn\n\n\ndef one():\n    pass\n'
    text = merged("x.py", old, new)
    ast.parse(text)
    assert (
        "from torch import nn\nimport os  # noqa: F401\nfrom a import (  # noqa: F401\n    b,\n    c,  # kept\n)\n"
        in text
    )
    assert "from torch import Tensor  # two\n" in text


IMPORTED = "from .copy_op import copy_to as move  # noqa: F401\n"


@pytest.mark.parametrize(
    ("there", "becomes"),
    [
        ("from .copy_op import (a, z)", "from .copy_op import (a, copy_to as move, z)"),
        ("from .copy_op import (z, b, a)", "from .copy_op import (z, b, a, copy_to as move)"),
        (
            "from .copy_op import (  # noqa: F401\n    z,\n    a\n)",
            "from .copy_op import (  # noqa: F401\n    z,\n    a,\n    copy_to as move,\n)",
        ),
        (
            "from .copy_op import (\n    a,  # noqa: F401\n    z,  # noqa: F401\n)",
            "from .copy_op import (\n    a,  # noqa: F401\n    copy_to as move,  # noqa: F401\n    z,  # noqa: F401\n)",
        ),
        ("from .copy_op import (\n    d, é\n)", "from .copy_op import (\n    copy_to as move, d, é\n)"),
        ("from .copy_op import a", "from .copy_op import a\n" + IMPORTED.rstrip()),
        ("from ..copy_op import (a)", "from ..copy_op import (a)\n" + IMPORTED.rstrip()),
        (
            "from .copy_op import (" + "a" * 120 + ")",
            "from .copy_op import (" + "a" * 120 + ")\n" + IMPORTED.rstrip(),
        ),
    ],
)
def test_a_name_goes_into_an_import_in_brackets(there: str, becomes: str) -> None:
    text = merged("x.py", f"{there}\n\nX = 1\n", IMPORTED)
    ast.parse(text)
    assert text == f"{becomes}\n\nX = 1\n"


MORE = '__all__ = (*__all__, "fill")\n'


@pytest.mark.parametrize(
    ("there", "becomes"),
    [
        ('__all__ = ("copy", "gemm")', '__all__ = ("copy", "fill", "gemm")'),
        ('__all__ = ["gemm", "copy", "clear"]', '__all__ = ["gemm", "copy", "clear", "fill"]'),
        ('__all__ = ("copy",)', '__all__ = ("copy", "fill")'),
        ('__all__ = "copy", "gemm"', '__all__ = "copy", "fill", "gemm"'),
        ('__all__: list[str] = ["gemm"]', '__all__: list[str] = ["fill", "gemm"]'),
        ('__all__ = (\n    "copy",\n    "gemm",\n)', '__all__ = (\n    "copy",\n    "fill",\n    "gemm",\n)'),
        ('__all__ = [\n    "copy"\n]', '__all__ = [\n    "copy",\n    "fill",\n]'),
        ('__all__ = ("copy", "fill")', '__all__ = ("copy", "fill")'),
        (
            '_OURS = ("copy",)\n__all__ = tuple({*_OURS, *theirs})',
            '_OURS = ("copy", "fill")\n__all__ = tuple({*_OURS, *theirs})',
        ),
    ],
)
@pytest.mark.parametrize("new", [MORE, '__all__ = ["fill"]\n'])
def test_a_name_goes_into_the_tuple_there_is(there: str, becomes: str, new: str) -> None:
    text = merged("x.py", f"import theirs\n\n{there}\n", new)
    ast.parse(text)
    assert text == f"import theirs\n\n{becomes}\n"


@pytest.mark.parametrize(
    "there",
    [
        "__all__ = names()",
        "__all__ = ()",
        "__all__ = (*a, *b)",
        'a = ("x",)\nb = ("y",)\n__all__ = (*a, *b)',
        '__all__ = ("copy", NAME)',
    ],
)
def test_where_no_tuple_is_meant_the_statement_is_added(there: str) -> None:
    assert merged("x.py", f"import os\n\n{there}\n", MORE) == f"import os\n\n{there}\n\n\n{MORE}"


def test_constants_of_two_tests_are_not_mixed() -> None:
    text = merged("x.py", 'TYPES = ["float16"]\n', 'TYPES = ["int8"]\n\n\ndef test_it():\n    assert TYPES\n')
    assert text.startswith('TYPES = ["float16"]\n')


def test_lines_end_as_they_did_and_what_only_looks_like_an_end_is_kept() -> None:
    old = 'X = "\u2028"\r\n\r\n\r\ndef test_a():\r\n    pass\r\n\r\n\r\nif __name__ == "__main__":\r\n    test_a()\r\n'
    text = merged("x.py", old, NEW)
    assert "\r\n" in text
    assert "\n" not in text.replace("\r\n", "")
    assert 'X = "\u2028"\r\n' in text
    assert text.index("test_new") < text.index("__main__")


def test_text_is_added_at_the_end() -> None:
    assert merged("page.md", "# One\n\n", "## Two\n") == "# One\n\n## Two\n"
