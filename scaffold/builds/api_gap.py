"""What a kernel asks TileLang's frontend for that a release does not have, read off the error that came of it."""

from __future__ import annotations

import re
from collections.abc import Callable

from scaffold.trace.model import Failure

_SAYS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        "AttributeError",
        re.compile(r"module '(tilelang[\w.]*)' has no attribute '(\w+)'"),
        lambda match: f"{match[1]} has no {match[2]!r}",
    ),
    (
        "ImportError",
        re.compile(r"cannot import name '(\w+)' from '(tilelang[\w.]*)'"),
        lambda match: f"{match[2]} has no {match[1]!r}",
    ),
    (
        "ModuleNotFoundError",
        re.compile(r"No module named '(tilelang[\w.]*)'"),
        lambda match: f"there is no module {match[1]}",
    ),
)
#: ``clear() got an unexpected keyword argument 'annotations'``, ``Kernel.__init__() takes 2 positional arguments …``
_CALL = re.compile(r"(?P<name>\w+)(?:\.__\w+__)?\(\) (?P<said>(?:got|takes|missing) .*)")
_UNKNOWN_ARGUMENT = re.compile(r"got an unexpected keyword argument '(\w+)'")


def api_gap(failure: Failure) -> str | None:
    """``tilelang.language has no 'alloc_tmem'``; ``None`` where the error is of another kind.

    A function called with arguments it does not take counts where the user's line calls it on a module (``T.clear``):
    it may be the user's own, which the same line tells in a build where it works.
    """
    said = next(iter(failure.message.strip().splitlines()), "")
    for error, pattern, words in _SAYS:
        if failure.error == error and (match := pattern.search(said)):
            return words(match)
    call = _CALL.search(said) if failure.error == "TypeError" else None
    if call is None or not (on := re.search(rf"\b(\w+\.{call['name']})\(", _last_quoted(failure.traceback))):
        return None
    unknown = _UNKNOWN_ARGUMENT.match(call["said"])
    return f"{on[1]}() takes no argument {unknown[1]!r}" if unknown else f"{on[1]}() {call['said']}"


def _last_quoted(traceback: str) -> str:
    """The innermost line of the user's that a traceback quotes: those of libraries are not quoted."""
    quoted = [line for line in traceback.splitlines() if line.startswith("    ")]
    return quoted[-1] if quoted else ""
