"""A kernel written for another release's API is told from one that is broken."""

from __future__ import annotations

import pytest

from scaffold.builds.api_gap import api_gap
from scaffold.trace.model import Failure

CALL = '  File "tilelang/language/eager/builder.py", line 1214, in impl\n  File "k.py", line 9, in main\n    {line}\n'


def failure(error: str, message: str, line: str = "x = 1") -> Failure:
    return Failure("build-kernel", None, None, error, message, CALL.format(line=line) + f"{error}: {message}")


@pytest.mark.parametrize(
    ("error", "message", "line", "gap"),
    [
        (
            *("AttributeError", "module 'tilelang.language' has no attribute 'alloc_tmem'", "T.alloc_tmem(x)"),
            "tilelang.language has no 'alloc_tmem'",
        ),
        (
            *(
                "ImportError",
                "cannot import name 'cdiv' from 'tilelang.language' (/somewhere/__init__.py)",
                "from t import c",
            ),
            "tilelang.language has no 'cdiv'",
        ),
        (
            "ModuleNotFoundError",
            "No module named 'tilelang.cuda'",
            "import tilelang.cuda",
            "there is no module tilelang.cuda",
        ),
        (
            *("TypeError", "clear() got an unexpected keyword argument 'annotations'", "T.clear(x, annotations={})"),
            "T.clear() takes no argument 'annotations'",
        ),
        (
            *("TypeError", "Kernel.__init__() takes 2 positional arguments but 3 were given", "with T.Kernel(1, 2):"),
            "T.Kernel() takes 2 positional arguments but 3 were given",
        ),
    ],
)
def test_gap_is_said_in_words(error: str, message: str, line: str, gap: str) -> None:
    assert api_gap(failure(error, message, line)) == gap


@pytest.mark.parametrize(
    ("error", "message", "line"),
    [
        ("AttributeError", "module 'numpy' has no attribute 'clear'", "np.clear(x)"),
        ("AttributeError", "'Buffer' object has no attribute 'size'", "x.size"),
        ("ModuleNotFoundError", "No module named 'flash_attn'", "import flash_attn"),
        ("TypeError", "helper() got an unexpected keyword argument 'n'", "helper(n=1)"),
        ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'", "T.clear(1 + 'a')"),
        ("ValueError", "module 'tilelang.language' has no attribute 'x'", "T.x"),
        ("TypeError", "clear() got an unexpected keyword argument 'n'", "undo(x)"),
    ],
)
def test_error_of_another_kind_is_no_gap(error: str, message: str, line: str) -> None:
    assert api_gap(failure(error, message, line)) is None
