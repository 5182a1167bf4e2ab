"""How a profile's numbers and texts are worded, the same in every form."""

from __future__ import annotations

import re

#: Largest number shown in a unit, and the unit: times are kept in microseconds, sizes in bytes.
_SCALES: dict[str, tuple[tuple[float, float, str], ...]] = {
    "us": ((1e3, 1.0, "µs"), (1e6, 1e3, "ms"), (float("inf"), 1e6, "s")),
    "B": (
        (1e4, 1.0, "B"),
        (1e6, 1e3, "KB"),
        (1e9, 1e6, "MB"),
        (float("inf"), 1e9, "GB"),
    ),
}
#: Units shown as they are.
_SHOWN = ("MHz",)
#: A name is broken at its first dot where it is longer.
_LONGEST_NAME = 44
#: Marks by which Nsight Compute's rules link words: ``@url:words:address@``, ``@section:id:words@``,
#: ``@sass:address:words@``, ``@source:file:line:words@``.
#: Source: NVIDIA's ncu_report 2026.3.1, ``IRuleResult.rule_message``.
_URL = re.compile(r"@url:(?P<words>[^@]*?):(?P<address>https?://[^@\s]+)@")
_PLACE = re.compile(r"@(?:section|sass):[^@:]*:(?P<words>[^@]*)@|@source:[^@]*:\d+:(?P<line>[^@]*)@")


def number_with_unit(value: float, unit: str) -> str:
    """``14.2 µs``, ``61 %``, ``3.36 MB``; what is counted is said by the metric's label."""
    if unit == "%":
        return f"{value:.1f} %" if 0 < value < 10 else f"{value:.0f} %"
    for below, factor, shown in _SCALES.get(unit, ()):
        if abs(value) < below:
            return f"{digits(value / factor)} {shown}"
    return f"{digits(value)} {unit}" if unit in _SHOWN else digits(value)


def digits(value: float) -> str:
    """Three significant digits, whole numbers whole, thousands set apart."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def delta_text(delta: float | None, ratio: float | None, unit: str) -> str:
    """``-13 points``, ``+8.2 %``, ``x2.1``; empty where nothing is to be told."""
    if delta is None:
        return ""
    if delta == 0:
        return "="
    if unit == "%":
        return f"{delta:+.1f} points" if abs(delta) < 10 else f"{delta:+.0f} points"
    if ratio is None:
        return f"+{number_with_unit(delta, unit)}" if delta > 0 else number_with_unit(delta, unit)
    if ratio >= 2 or ratio <= 0:
        return f"x{ratio:.2g}"
    change = 100.0 * (ratio - 1.0)
    return f"{change:+.1f} %" if abs(change) < 10 else f"{change:+.0f} %"


def change_text(ratio: float) -> str:
    """How much longer or shorter: ``8 %``, ``2.4 times``."""
    if ratio >= 2:
        return f"{ratio:.1f} times"
    change = abs(ratio - 1.0) * 100
    return f"{change:.0f} %" if change >= 1 else f"{change:.1f} %"


def broken_name(name: str) -> str:
    """A long name of a metric on two lines, as its parts are told apart by dots."""
    head, dot, tail = name.partition(".")
    return f"{head}\n{dot}{tail}" if len(name) > _LONGEST_NAME and dot and "/" not in name else name


def share_text(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def plain_advice(text: str) -> str:
    """A rule's words without the marks by which the vendor's own program makes them links."""
    text = _URL.sub(lambda found: f"{found['words']} ({found['address']})", text)
    return _PLACE.sub(lambda found: found["words"] or found["line"] or "", text)


def speedup_text(percent: float | None, of: str) -> str:
    """``estimated speedup 12 %``, of a part only where the rule says so."""
    if percent is None:
        return ""
    return f"estimated speedup {percent:.1f} %" + (", of the part it looks at" if of == "part" else "")
