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


def test_text_is_added_at_the_end() -> None:
    assert merged("page.md", "# One\n\n", "## Two\n") == "# One\n\n## Two\n"
