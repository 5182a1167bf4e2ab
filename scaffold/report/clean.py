"""Make a report safe to print: a trace may come from a stranger, and its names may hold terminal commands."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from scaffold.report.view import Report

#: Control characters other than tab and line feed; U+009B alone begins a command on many terminals.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def cleaned(report: Report) -> Report:
    """The report with every control character shown as U+FFFD; the same object where there is none."""
    if _CONTROL.search(msgspec.json.encode(report).decode().replace("\\u00", "\x00")) is None:
        return report
    return msgspec.convert(_clean(msgspec.to_builtins(report)), type=Report)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _CONTROL.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value
