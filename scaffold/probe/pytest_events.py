"""A pytest plugin that writes what happens, as it happens, in lines of JSON: so one knows what a run did that died.

Copied beside the interpreter of a build and loaded with ``-p``; standard library only. ``SCAFFOLD_PROBE_EVENTS`` names
the file to write; tests named in ``SCAFFOLD_PROBE_DONE`` (one id a line) are left out. A fatal signal writes Python's
stacks into ``<events>.fault``: pytest's own handler writes into what it captures, which dies with it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
from typing import Any

#: Lines of a failure worth keeping.
_MOST_LINES = 60

#: What compilers write of an error: nvcc and ptxas of a whole call, and of a place in a source.
_COMPILER_ERROR = re.compile(
    r"^\s*((nvcc|ptxas) fatal\b|ptxas error\b|\S+\(\d+\): (\w+ )?error\b|\S+:\d+(:\d+)?: (\w+ )?error:)"
)
_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"\s*[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b(:|$)")
_TYPED = re.compile(r"[A-Za-z_][\w.]*:")

#: The files that are written, of events and of stacks; opened when pytest starts.
_files: list[Any] = []

#: What the phases of the running test (setup, call, teardown) said so far.
_running: dict[str, Any] = {}


def _write(**facts: Any) -> None:
    _files[0].write(json.dumps(facts) + "\n")
    _files[0].flush()


def pytest_configure(config: Any) -> None:
    del config
    path = os.environ["SCAFFOLD_PROBE_EVENTS"]
    _files.extend(open(name, "a", encoding="utf-8") for name in (path, f"{path}.fault"))  # noqa: PTH123, SIM115
    faulthandler.enable(file=_files[1])
    # A checkout's conftest puts the checkout first on sys.path; TileLang must be the build's all the same.
    try:
        import tilelang

        _write(event="tilelang", version=str(tilelang.__version__), path=str(tilelang.__file__))
    except Exception as error:  # noqa: BLE001 - the tests themselves will say it
        _write(event="no-tilelang", error=f"{type(error).__name__}: {error}")


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Leave out what an earlier process of this run did."""
    path = os.environ.get("SCAFFOLD_PROBE_DONE")
    if path and os.path.exists(path):  # noqa: PTH110
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            done = set(file.read().splitlines())
        left_out = [item for item in items if item.nodeid in done]
        items[:] = [item for item in items if item.nodeid not in done]
        if left_out:
            config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish(session: Any) -> None:
    _write(event="collected", ids=[item.nodeid for item in session.items])


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        _write(event="not-collected", id=report.nodeid, reason=_message(report), tail=_tail(str(report.longrepr)))
    elif report.skipped:
        _write(event="skipped-file", id=report.nodeid, reason=_skip_reason(report))


def pytest_runtest_logstart(nodeid: str, location: Any) -> None:
    del location
    _running.clear()
    _running.update(status="passed", seconds=0.0, reason="", tail="")
    _write(event="start", id=nodeid)


def pytest_runtest_logreport(report: Any) -> None:
    _running["seconds"] += report.duration
    expected = getattr(report, "wasxfail", None)
    if report.failed and _running["status"] != "failed":
        where = "" if report.when == "call" else f"in {report.when}: "
        _running.update(status="failed", reason=where + _message(report), tail=_tail(str(report.longrepr)))
    elif report.skipped and _running["status"] == "passed":
        reason = _skip_reason(report) if expected is None else f"failed as expected: {expected}"
        _running.update(status="skipped", reason=reason)
    elif report.passed and expected is not None:
        _running.update(reason=f"passed though expected to fail: {expected}")


def pytest_runtest_logfinish(nodeid: str, location: Any) -> None:
    del location
    _write(event="result", id=nodeid, **_running)


def pytest_sessionfinish(session: Any, exitstatus: Any) -> None:
    del session
    _write(event="end", code=int(exitstatus))


def _message(report: Any) -> str:
    """The first line of what was raised, with its type."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message) if crash is not None else str(report.longrepr)
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if crash is None:
        errors = [line.removeprefix("E").strip() for line in lines if line.startswith("E ")]
        return (errors or lines or [""])[-1].strip()
    first = lines[0].strip() if lines else ""
    if first.endswith(_TRACEBACK):
        # `assert ran.returncode == 0, ran.stderr`: what a program died of is in the last line of its traceback.
        raised = [line.strip() for line in lines[1:] if _RAISED.match(line)]
        return raised[-1] if raised else first
    # A compiler that failed is told with the whole source first; what it said itself comes after.
    said = next((line.strip() for line in lines[1:] if _COMPILER_ERROR.search(line)), "")
    return f"{first.partition(':')[0]}: {said}" if said and _TYPED.match(first) else said or first


def _skip_reason(report: Any) -> str:
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) and len(longrepr) == 3 else str(longrepr)
    return str(text).removeprefix("Skipped: ")


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-_MOST_LINES:])
