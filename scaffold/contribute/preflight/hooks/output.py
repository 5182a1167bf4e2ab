"""What pre-commit printed, and what its hooks did to the files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = re.compile(r"^(?P<name>\S.*?)\.{3,}(?:\([^)]*\))?(?P<word>Passed|Failed|Skipped)$")
_FACT = re.compile(r"^- (?P<key>hook id|exit code|duration|files were modified by this hook)(?:: (?P<value>.*))?$")
_HUNK = re.compile(r"^@@ -(?P<line>\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
_NOISE = re.compile(r"^(Found \d+ errors?.*|All checks passed!?|\d+ files? (reformatted|left unchanged).*|Fixed:.*)$")


@dataclass(frozen=True)
class HookResult:
    """How one hook ended; ``modified`` says that it rewrote files, ``lines`` are what it said."""

    id: str
    word: str
    modified: bool = False
    lines: tuple[str, ...] = ()


def parse_output(text: str) -> tuple[HookResult, ...]:
    """Hooks in the order in which they ran."""
    found: list[HookResult] = []
    name, word, facts, lines = "", "", dict[str, str](), list[str]()

    def close() -> None:
        if name:
            shown = tuple(line for line in lines if line.strip() and not _NOISE.match(line))
            modified = "files were modified by this hook" in facts
            found.append(HookResult(facts.get("hook id", name), word, modified, shown))

    for line in text.splitlines():
        if head := _HEAD.match(line):
            close()
            name, word, facts, lines = head["name"], head["word"], {}, []
        elif (fact := _FACT.match(line)) and not lines:
            facts[fact["key"]] = fact["value"] or ""
        elif name:
            lines.append(line)
    close()
    return tuple(found)


def changed_places(diff: str) -> Iterator[str]:
    """``path:line: now -> then`` for each stretch of a ``git diff -U0``."""
    path, line, taken, put = "", 0, list[str](), list[str]()
    for text in (*diff.splitlines(), "diff --git"):
        hunk = _HUNK.match(text)
        if (hunk or text.startswith("diff --git")) and path and line:
            yield f"{path}:{line}: {_shown(taken)} -> {_shown(put)}"
            line = 0
        if text.startswith("diff --git"):
            path = ""
        elif text.startswith("--- ") and not line:
            path = text[4:].removeprefix("a/").rstrip("\t")
        elif hunk:
            line, taken, put = int(hunk["line"]) or 1, [], []
        elif line and text.startswith("-"):
            taken.append(text[1:])
        elif line and text.startswith("+"):
            put.append(text[1:])


def _shown(lines: list[str]) -> str:
    """The first line as it is, blanks at its end made visible."""
    if not lines:
        return "(nothing)"
    kept = lines[0].rstrip()
    text = kept.strip() + "·" * min(len(lines[0]) - len(kept), 4) or "(blank line)"
    return text[:80] + (f" and {len(lines) - 1} more" if len(lines) > 1 else "")
