"""How a script ended, in one line."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from scaffold.builds.probing import last_line
from scaffold.builds.process import Finished
from scaffold.trace.model import Failure


@dataclass(frozen=True)
class Ending:
    """What a script's probe said of its end: ``failure`` that stopped it, the code it ``exited`` with, if it ``ended``.

    ``files`` are the names of the user's files that took part.
    """

    failure: Failure | None = None
    exited: str | None = None
    ended: bool = False
    files: frozenset[str] = frozenset()


def why_stopped(ending: Ending, finished: Finished, name: str, timeout_s: float) -> str | None:
    """One line: why the script called ``name`` did not come to its end; ``None`` where it did."""
    if finished.timed_out:
        return f"did not end within {timeout_s:g} s (time limit: --timeout SECONDS)"
    if ending.failure is not None:
        where = _line_of(ending, name)
        if ending.failure.error == "MemoryError":
            return f"out of memory{_memory(finished)}{where}"
        return f"{ending.failure.error}: {last_line(ending.failure.message)[:200]}{where}"
    if ending.exited is not None:
        return _how_exited(ending.exited, finished)
    if not ending.ended or finished.returncode != 0:
        return how_ended(finished)
    return None


def _how_exited(code: str, finished: Finished) -> str:
    """What a script said that ended itself by ``sys.exit``, with a number or with words."""
    if not code.lstrip("-").isdigit():
        return f"it exited: {last_line(code)[:200]}"
    said = next((line for line in reversed(finished.tail(20).splitlines()) if "error:" in line), "")
    needs = said.partition("error: ")[2]
    if "required" in needs:
        return f"it needs arguments: {needs}"
    return f"it exited with {code}: {said[-200:]}" if said else f"it exited with {code}"


def how_ended(finished: Finished) -> str:
    """How a process ended that should not have, for a sentence."""
    words = finished.tail(40)
    if "MemoryError" in words or "bad_alloc" in words or "can't allocate memory" in words:
        return f"out of memory{_memory(finished)}"
    if finished.returncode < 0:
        name = signal.strsignal(-finished.returncode) or "unknown"
        return f"its process died of signal {-finished.returncode} ({name.lower()}){_memory(finished)}"
    return f"it ended itself with exit code {finished.returncode}"


def _memory(finished: Finished) -> str:
    return f" after using {finished.most_memory_bytes / 1e9:.1f} GB" if finished.most_memory_bytes else ""


def _line_of(ending: Ending, name: str) -> str:
    """The innermost line of the user's own files on the way to what stopped the script."""
    found = ""
    for line in ending.failure.traceback.splitlines() if ending.failure else ():
        match = re.match(r'  File "([^"]+)", line (\d+)', line)
        if match and match[1] in {name, *ending.files}:
            found = f" (line {match[2]})" if match[1] == name else f" ({match[1]}:{match[2]})"
    return found
