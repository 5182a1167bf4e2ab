"""Putting something else in the place of what a release of TileLang or PyTorch has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def put(owner: Any, name: str, value: Any) -> None:
    """Set ``owner.name``, whatever it was."""
    setattr(owner, name, value)


def replace_everywhere(original: Any, replacement: Any) -> None:
    """Bind ``replacement`` to every name in TileLang's modules that ``original`` is bound to."""
    for module in list(sys.modules.values()):
        if not is_tilelang(module):
            continue
        for name, value in list(vars(module).items()):
            if value is original:
                setattr(module, name, replacement)


def is_tilelang(module: Any) -> bool:
    name = getattr(module, "__name__", "")
    return isinstance(name, str) and (name == "tilelang" or name.startswith("tilelang."))


def always(answer: Any) -> Callable[..., Any]:
    """A function that takes anything and answers the same."""

    def answering(*_: Any, **__: Any) -> Any:
        return answer

    return answering
