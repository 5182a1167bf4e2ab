"""The description of a pull request: parts a person writes, and parts ``evidence`` fills.

``<!-- write: … -->`` is a place for a person; ``<!-- evidence: performance -->`` to ``<!-- end evidence -->`` is one
that the kit fills anew each time, and the only one it touches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from scaffold.contribute.change import ChangedFile, is_test_file

#: GitHub's limit for a description, in characters.
LIMIT = 65_536
_BLOCK = re.compile(
    r"^<!-- evidence: (?P<name>[a-z-]+) -->\n(?P<text>.*?)^<!-- end evidence -->$", re.DOTALL | re.MULTILINE
)
#: A place that a person has still to fill.
PLACEHOLDER = re.compile(r"<!--\s*write:\s*(?P<what>.*?)\s*-->", re.DOTALL)
_SECTION = re.compile(r"^## (?P<title>.+?)\s*$", re.MULTILINE)
_DETAILS = re.compile(r"<details>.*?</details>\n?", re.DOTALL)
#: Folder of a changed file -> what it is called among the changes; the first that fits.
_GROUPS = {
    "src": "Compiler",
    "3rdparty": "Compiler",
    "tilelang": "Python",
    "examples": "Examples",
    "testing": "Tests",
    "docs": "Docs",
}
_OTHER = "Build, CI and scripts"
_ORDER = ("Compiler", "Python", "Examples", _OTHER, "Tests", "Docs")
#: Beyond them a list of files says no more than their number.
_MOST_FILES = 20
NOT_RUN = "_not run yet: `python -m scaffold evidence`_"


def by_group(files: Sequence[ChangedFile]) -> dict[str, list[str]]:
    """What a branch changes, as lists of files in Markdown; those Git does not know only where there are no others."""
    known = [file for file in files if not file.untracked] or files
    found: dict[str, list[str]] = {}
    for file in known:
        found.setdefault(_group(file.path), []).append(_shown(file))
    return {group: _shortened(found[group]) for group in _ORDER if group in found}


def _group(path: str) -> str:
    if is_test_file(path):
        return "Tests"
    folder, inside, _ = path.partition("/")
    return _GROUPS.get(folder, _OTHER) if inside else "Docs" if path.endswith(".md") else _OTHER


def _shown(file: ChangedFile) -> str:
    before = f" (was {_code(file.before)})" if file.status == "renamed" else ""
    words = {"added": " (new)", "deleted": " (removed)"}
    return f"{_code(file.path)}{before or words.get(file.status, '')}"


def _code(path: str) -> str:
    return f"`{''.join(sign for sign in path if sign.isprintable()).replace('`', chr(39))}`"


def _shortened(lines: list[str]) -> list[str]:
    return lines if len(lines) <= _MOST_FILES else [*lines[:_MOST_FILES], f"and {len(lines) - _MOST_FILES} more"]


def blocks(text: str) -> dict[str, str]:
    """Name -> text of each part the kit fills."""
    return {match["name"]: match["text"].strip("\n") for match in _BLOCK.finditer(text)}


def without_blocks(text: str) -> str:
    """``text`` without the parts the kit fills."""
    return _BLOCK.sub("", text)


def unwritten(text: str) -> tuple[str, ...]:
    """What a person has still to write."""
    return tuple(" ".join(match["what"].split()) for match in PLACEHOLDER.finditer(text))


def sections(text: str) -> tuple[str, ...]:
    return tuple(match["title"] for match in _SECTION.finditer(text))


def fill(text: str, filled: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """``text`` with its parts filled, and the names it has no place for (a person took them out: they are left out)."""

    def one(match: re.Match[str]) -> str:
        new = filled.get(match["name"])
        return match[0] if new is None else f"<!-- evidence: {match['name']} -->\n{_safe(new)}\n<!-- end evidence -->"

    here = set(blocks(text))
    return _BLOCK.sub(one, text), tuple(name for name in filled if name not in here)


def _safe(text: str) -> str:
    """Nothing a tool said may end the part it stands in."""
    return (
        text.strip("\n").replace("<!-- end evidence", "<!-- end  evidence").replace("<!-- evidence:", "<!-- evidence :")
    )


def fit_body(text: str, limit: int = LIMIT) -> tuple[str, tuple[str, ...]]:
    """``text`` within ``limit`` characters, and what was cut, said in the text too.

    Folded details of the kit's own parts go first, the longest first; then the longest of these parts is cut at a line;
    what a person wrote is cut last, at its end.
    """
    cut: list[str] = []
    while len(text) > limit and (longest := _longest_details(text)):
        name = _in_block(text, longest.start())
        told = f"_details left out: {len(longest[0]):,} characters; they are in the evidence folder_\n"
        text = text[: longest.start()] + told + text[longest.end() :]
        cut.append(f"details of {name}")
    while len(text) > limit and (block := _longest_block(text)):
        over = len(text) - limit + 200
        kept = block["text"][: max(0, len(block["text"]) - over)]
        kept = kept[: kept.rfind("\n") + 1]
        missing = block["text"][len(kept) :].count("\n")
        fence = "```\n" if kept.count("```") % 2 else ""
        told = f"{kept}{fence}_{missing} more lines left out to fit GitHub's limit_\n"
        text = text[: block.start("text")] + told + text[block.end("text") :]
        cut.append(f"{missing} lines of {block['name']}")
    if len(text) > limit:
        told = "\n\n_cut here to fit GitHub's limit_\n"
        cut.append(f"the last {len(text) - limit + len(told):,} characters")
        text = text[: limit - len(told)] + told
    return text, tuple(cut)


def _longest_details(text: str) -> re.Match[str] | None:
    found = [match for match in _DETAILS.finditer(text) if _in_block(text, match.start()) and len(match[0]) > 200]
    return max(found, key=lambda match: len(match[0]), default=None)


def _longest_block(text: str) -> re.Match[str] | None:
    found = [match for match in _BLOCK.finditer(text) if len(match["text"]) > 300]
    return max(found, key=lambda match: len(match["text"]), default=None)


def _in_block(text: str, at: int) -> str:
    return next((match["name"] for match in _BLOCK.finditer(text) if match.start() <= at < match.end()), "")
