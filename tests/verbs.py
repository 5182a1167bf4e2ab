"""Run the command line in this process."""

from __future__ import annotations

import signal

from scaffold.cli.main import main


def words(text: str) -> str:
    """``text`` with one blank between words: how wide a table is drawn differs among releases of rich."""
    return " ".join(text.split())


def run_verb(*argv: str) -> int:
    """The exit code; the handlers that ``main`` sets for its own process do not stay behind."""
    previous = signal.getsignal(signal.SIGTERM)
    try:
        return main(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    finally:
        signal.signal(signal.SIGTERM, previous)
