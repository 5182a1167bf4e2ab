"""The last lines of a log that say what went wrong, clean enough for a terminal and for XML."""

from __future__ import annotations

import re
from pathlib import Path

#: Lines kept of a failure.
MOST_LINES = 25
#: Characters kept of one line.
_LONGEST = 500
#: Lines before, and frames of, a death by a signal.
_BEFORE_DEATH, _MOST_FRAMES = 6, 12
#: Bytes kept of a log: its end.
_MOST_LOG = 1 << 18

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")
_RAISED = re.compile(r"(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Failure|Warning)(?::|$)")
_RUNNER = re.compile(r"/(?:_pytest|pluggy)/|<frozen runpy>|/pytest/__main__\.py")
_CARETS = re.compile(r"[E\s]*[~^]+\s*\Z")
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_ARGUMENTS = re.compile(r"error: the following arguments are required: (.+)")


def clean(text: str) -> str:
    """Without terminal commands and what XML has no room for; of a line that was overwritten, what was seen last."""
    text = _ESCAPE.sub("", text).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _CONTROL.sub("\ufffd", "\n".join(lines))


def end_of(path: Path) -> str:
    """The end of a log, cleaned; says so where its beginning is left out."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - _MOST_LOG))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    left_out = f"[the first {size - _MOST_LOG:,} bytes are left out]\n" if size > _MOST_LOG else ""
    return left_out + clean(text)


def last_lines(text: str, count: int = MOST_LINES) -> str:
    """The last lines, without the carets that Python and pytest put below the line before."""
    lines = [line for line in text.rstrip().splitlines() if not _CARETS.match(line)]
    return "\n".join(line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …" for line in lines[-count:])


def last_words(text: str) -> str:
    """What a process said last; of one that died of a signal, the innermost frames of the thread that did."""
    said, fatal, stacks = text.rpartition("Fatal Python error:")
    if not fatal:
        return last_lines(text)
    _, _, current = stacks.rpartition("Current thread")
    frames = [line for line in current.splitlines() if line.lstrip().startswith("File ")]
    own = [line for line in frames if not _RUNNER.search(line)]
    before = last_lines(said, _BEFORE_DEATH).splitlines()
    return "\n".join([*before, f"{fatal}{stacks.partition(chr(10))[0]} (innermost frame first)", *own[:_MOST_FRAMES]])


def what_was_raised(text: str) -> str:
    """The last line that reads like an exception (``ValueError: …``); the last line of all where none does."""
    lines = [line.removeprefix("E  ").strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines[-40:]) if _RAISED.match(line)), lines[-1] if lines else "")


def missing_package(text: str) -> str:
    """The package whose absence is what was raised; empty where something else was."""
    match = _MISSING.search(text)
    return match.group(1).partition(".")[0] if match else ""


def required_arguments(text: str) -> str:
    """The arguments that ``argparse`` asked for before it ended the script; empty where it did not."""
    match = _ARGUMENTS.search(last_lines(text, 3))
    return match.group(1) if match else ""
