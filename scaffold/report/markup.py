"""Text made safe for GitHub's Markdown, whatever it holds: as code, as prose, as a cell, folded away."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

_BACKTICKS = re.compile("`+")
#: What would tell somebody of that name about it.
_MENTION = re.compile(r"@(?=\w)")


def fence(lines: Sequence[str]) -> str:
    """A fence longer than any run of backticks inside."""
    longest = max((len(run) for line in lines for run in _BACKTICKS.findall(line)), default=0)
    return "`" * max(3, longest + 1)


def inline(text: str) -> str:
    """Inline code, whatever it holds."""
    text = " ".join(text.splitlines())
    mark = fence([text]) if "`" in text else "`"
    padding = " " if "`" in text else ""
    return f"{mark}{padding}{text}{padding}{mark}" if text else ""


def escaped(text: str) -> str:
    """Prose that means itself."""
    text = " ".join(text.splitlines())
    for character in ("\\", "`", "*", "_", "[", "]", "<", ">", "|"):
        text = (
            text.replace(character, f"\\{character}")
            if character not in "<>"
            else text.replace(character, f"&{'lt' if character == '<' else 'gt'};")
        )
    return _without_mentions(text)


def cell(text: str) -> str:
    """Inline code in a table."""
    return inline(text).replace("|", "\\|")


def link(text: str, url: str) -> str:
    """A link where the address is one of the web, else the text alone."""
    return f"[{inline(text)}]({url})" if url.startswith("https://") and not set(url) & set("() \n") else inline(text)


def details(title: str, body: Sequence[str]) -> list[str]:
    """A folded part."""
    summary = _without_mentions(html.escape(title))
    return [f"<details><summary>{summary}</summary>", "", *body, "", "</details>", ""]


def _without_mentions(text: str) -> str:
    """The text with a space of no width behind every @ that would call somebody."""
    return _MENTION.sub("@\u200b", text)
