"""Make a report safe to print: a trace may come from a stranger, and its names may hold terminal commands."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

#: Control characters other than tab and line feed; U+009B alone begins a command on many terminals. And the marks that
#: make a line read in another order than it is written.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
#: Halves of a pair, as Python makes them of a file name that is no UTF-8: no file can hold them.
_HALVES = re.compile("[\ud800-\udfff]")


def cleaned(report: T) -> T:
    """The report with every control character shown as U+FFFD; the same object where there is none."""
    report = encodable(report)
    if _CONTROL.search(msgspec.json.encode(report).decode().replace("\\u00", "\x00")) is None:
        return report
    return _each_text(report, lambda text: _CONTROL.sub("\ufffd", text))


def encodable(report: T) -> T:
    """The report with half surrogate pairs shown as U+FFFD; the same object where there is none."""
    try:
        msgspec.json.encode(report)
    except UnicodeEncodeError:
        return _each_text(report, lambda text: _HALVES.sub("\ufffd", text))
    return report


def _each_text(report: T, change: Callable[[str], str]) -> T:
    return msgspec.convert(_changed(msgspec.to_builtins(report), change), type=type(report))


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_changed(key, change): _changed(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_changed(item, change) for item in value]
    return value
