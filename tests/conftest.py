"""Guards for every test, and what all of them share."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any, NoReturn

import pytest
from hypothesis import settings

#: Fixtures for a real TileLang, and for a browser; plugins and no conftest, because two modules of one name confuse
#: type checkers.
pytest_plugins = ("realkit", "scriptkit", "browsing")

# The same examples on every run, and no folder of examples in the checkout: a red test is red for everyone.
settings.register_profile("kit", max_examples=50, deadline=None, derandomize=True, database=None)
settings.load_profile("kit")

# A shell starts what runs in the background with Ctrl-C ignored, and every process of a test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: A test with one of these markers may open connections.
CONNECTED = ("tilelang", "browser", "network")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what measures out where other tests run beside it; it is run alone afterwards."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        return
    apart = [item for item in items if item.get_closest_marker("serial")]
    if apart:
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in apart]


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every connection raise, so that no test depends on a network without saying so."""
    if any(request.node.get_closest_marker(name) for name in CONNECTED):
        return

    def refuse(*arguments: Any, **_: Any) -> NoReturn:
        message = f"a test without one of the markers {', '.join(CONNECTED)} opened a connection: {arguments[-1]!r}"
        raise AssertionError(message)

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.fixture(autouse=True)
def no_shared_workspace(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the workspace that real tests share out of reach of tests that make up builds."""
    if not request.node.get_closest_marker("tilelang"):
        monkeypatch.delenv("SCAFFOLD_WORKSPACE", raising=False)


@pytest.fixture(autouse=True)
def no_resident_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds TileLang imported by the one before it, or leaves a process behind."""
    monkeypatch.setenv("SCAFFOLD_NO_RESIDENT", "1")


@pytest.fixture(autouse=True)
def started_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a verb says to type next depends on who started it, and CI starts the tests with nox."""
    for name in ("NOX_CURRENT_SESSION", "SCAFFOLD_COMMAND"):
        monkeypatch.delenv(name, raising=False)
