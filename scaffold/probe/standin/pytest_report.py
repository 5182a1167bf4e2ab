"""A pytest plugin that hands on what ended a test, or kept it from being collected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: ``tell(error, test, line)`` takes an error that no statement of a test took; set by whoever runs pytest.
tell: Callable[[Exception, str, int], None] | None = None

#: Why tests were skipped, a line each test.
skipped: list[str] = []


class FixtureMissingError(Exception):
    """A test asks for a fixture that nobody has: of a plugin of pytest's that is not here."""


def pytest_exception_interact(node: Any, call: Any) -> None:
    """An error of a test, of a fixture, or of a file that cannot be imported; what is skipped is none."""
    error = call.excinfo.value
    if type(error).__name__ == "FixtureLookupError":
        error = FixtureMissingError(f"{node.name} needs the fixture {error.argname!r}, which pytest does not have here")
    if tell is not None and isinstance(error, Exception):
        tell(error, str(node.nodeid), (getattr(node, "location", ("", 0))[1] or 0) + 1)


def pytest_runtest_logreport(report: Any) -> None:
    """Take down a test that is skipped."""
    if report.skipped and isinstance(report.longrepr, tuple):
        skipped.append(str(report.longrepr[2]).removeprefix("Skipped: "))
