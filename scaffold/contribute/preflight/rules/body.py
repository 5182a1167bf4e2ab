"""The description of the pull request."""

from __future__ import annotations

import re
from textwrap import shorten

from scaffold.contribute.body import LIMIT, NOT_RUN, PLACEHOLDER, without_blocks
from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, quiet, warned

#: A heading of Markdown: behind signs, above a line of them, or in bold on a line of its own.
_HEADING = re.compile(
    r"^ {0,3}(?P<signs>#{1,6})[ \t]+(?P<a>.+?)[ \t#]*$|^ {0,3}(?P<b>\w[^\n]*)\n {0,3}(?P<line>=+|-{2,})[ \t]*$"
    r"|^\*\*(?P<c>[^*\n]+)\*\*:?[ \t]*$",
    re.MULTILINE,
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FENCE = re.compile(r"^ {0,3}(?P<fence>```+|~~~+).*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_BOLD = 7
#: What reviewers look for, and the headings under which upstream's own descriptions say it.
_NEEDED = {
    "what it does": ("summary", "change", "changes", "what", "overview"),
    "how it was checked": (
        "validation",
        "test",
        "tests",
        "testing",
        "verification",
        "coverage",
        "tested",
        "verified",
        "checked",
    ),
}


def without_comments(body: str) -> str:
    return _COMMENT.sub("", body)


def written(body: str) -> str:
    """What a person wrote: without the parts that evidence fills, and comments."""
    return without_comments(without_blocks(body))


def sections(body: str) -> dict[str, str]:
    """Heading in lower case -> the text below it, up to the next of its rank; without comments and what was not run."""
    body = without_comments(body)
    # A comment of a shell is no heading.
    masked = _FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), body)
    marks = [(_rank(match), _words(match), match.start(), match.end()) for match in _HEADING.finditer(masked)]
    found: dict[str, str] = {}
    for index, (rank, heading, _, end) in enumerate(marks):
        stop = next((start for other, _, start, _ in marks[index + 1 :] if other <= rank), len(body))
        text = body[end:stop].replace(NOT_RUN, "").strip()
        found[heading] = found.get(heading) or text
    return found


def _rank(match: re.Match[str]) -> int:
    if match["signs"]:
        return len(match["signs"])
    return (1 if match["line"][0] == "=" else 2) if match["line"] else _BOLD


def _words(match: re.Match[str]) -> str:
    return str(match["a"] or match["b"] or match["c"]).strip().lower()


def find_section(body: str, *words: str) -> str | None:
    """The text of the first filled section whose heading has one of ``words``; ``None`` where there is none at all."""
    fitting = [
        text
        for heading, text in sections(body).items()
        if any(re.search(rf"\b{re.escape(word)}\b", heading) for word in words)
    ]
    return next(filter(None, fitting), "" if fitting else None)


def _short(what: str) -> str:
    return shorten(what, 100, placeholder=" …")


class BodyComplete(Rule):
    id = "body-complete"
    title = "The description is written to its end"
    why = "A reviewer reads it before the code; what is left blank is asked for, and costs a day."
    link = "https://github.com/tile-ai/tilelang/blob/main/CONTRIBUTING.md"

    def check(self, facts: Facts) -> Answer:
        if facts.draft is None:
            return quiet("no draft: the description is not known")
        if not facts.body.strip():
            return failed("there is no description yet", fix=f"write {facts.draft.body}")
        where = facts.draft.body.name
        open_places = [
            f"{where}:{facts.body.count(chr(10), 0, match.start()) + 1}: {_short(match['what'])}"
            for match in PLACEHOLDER.finditer(facts.body)
        ]
        if open_places:
            what = "place is" if len(open_places) == 1 else "places are"
            return failed(
                f"{len(open_places)} {what} still to be written", *open_places, fix=f"edit {facts.draft.body}"
            )
        missing = [what for what, words in _NEEDED.items() if not find_section(facts.body, *words)]
        if missing:
            headings = [f"no filled section on {what}: ## {_NEEDED[what][0].capitalize()}" for what in missing]
            return failed(headings[0], *headings[1:], fix=f"edit {facts.draft.body}")
        if NOT_RUN in facts.body:
            return warned(
                f"{facts.body.count(NOT_RUN)} of its parts wait for evidence", fix="python -m scaffold evidence"
            )
        return passed(f"{len(sections(facts.body))} sections, none open")


class BodyLength(Rule):
    id = "body-length"
    title = "The description fits GitHub's limit"
    why = "GitHub refuses a description of more than 65,536 characters."
    link = "https://docs.github.com/en/rest/pulls/pulls"

    def check(self, facts: Facts) -> Answer:
        length = len(facts.body)
        if not length:
            return quiet("no description yet")
        if length > LIMIT:
            return failed(
                f"{length:,} characters of {LIMIT:,}", fix="move long output into a comment or a gist, and link it"
            )
        return passed(f"{length:,} of {LIMIT:,} characters")


class IssueLinked(Rule):
    id = "issue-linked"
    title = "The description closes its issue"
    why = "`Fixes #N` closes the issue with the merge, and tells the reporter in which release it is mended."
    link = "https://docs.github.com/en/issues/tracking-your-work-with-issues/linking-a-pull-request-to-an-issue"

    def check(self, facts: Facts) -> Answer:
        issue = facts.draft.issue if facts.draft else None
        if not issue:
            return quiet("no issue is named")
        closing = rf"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:tile-ai/tilelang)?#{issue}\b"
        url = rf"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+https://github\.com/tile-ai/tilelang/issues/{issue}\b"
        # GitHub closes nothing that is named in code.
        text = _CODE.sub("", _FENCE.sub("", without_comments(facts.body)))
        if re.search(closing, text, re.IGNORECASE) or re.search(url, text, re.IGNORECASE):
            return passed(f"closes #{issue}")
        if re.search(rf"(?:(?<![\w/])|tile-ai/tilelang)#{issue}\b|\bGH-{issue}\b|tilelang/issues/{issue}\b", text):
            return warned(f"#{issue} is named and not closed", fix=f"write 'Fixes #{issue}', if it does")
        return failed(f"the description does not name #{issue}", fix=f"add a line: Fixes #{issue}")
