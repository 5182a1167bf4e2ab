"""The title of the pull request, which becomes the commit's subject upstream."""

from __future__ import annotations

import difflib
import re
from collections import Counter

from scaffold.builds.source.git import GitError, git
from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, warned
from scaffold.contribute.titles import LONGEST_TITLE, USUAL_LENGTH, beyond_usual, parse_title

#: Upstream's first tags of 2026-04-14 to 2026-08-21, for a clone whose history is too short to tell.
_KNOWN_TAGS = (
    *("BugFix", "CUDA", "Feature", "Refactor", "TIR", "Transform", "CI", "Enhancement", "Backend", "Examples", "Docs"),
    *("Release", "Testing", "JIT", "Pipeline", "AMD", "Layout", "Language", "Autotune", "ROCm", "CuTeDSL", "Metal"),
    *("Build", "FFI", "C++", "Example", "Lang", "CPU", "Analysis", "CodeGen", "Reduce", "Skill", "Misc", "Tools"),
)
_CONVENTIONAL = re.compile(r"^\w+(\([^)]*\))?!?:")
#: "Draft" and "tmp" are words of a sentence too, but for a tag and before a colon.
_UNFINISHED = re.compile(
    r"^\W*(wip\b|todo\b|fixup!|squash!|amend!|(draft|tmp)(?=[\]:)]|$))|\[(wip|draft)\]|(?-i:\bWIP\b)", re.IGNORECASE
)
#: Verbs that open upstream's subjects: in the third person, in the past and as -ing they are no imperative.
_VERBS = (
    *("fix", "add", "support", "remove", "preserve", "reject", "refactor", "use", "bump", "gate", "split", "move"),
    *("improve", "handle", "correct", "skip", "keep", "introduce", "expose", "enable", "emit", "resolve", "replace"),
    *("optimize", "lower", "disable", "allow", "align", "warn", "update", "reduce", "prevent", "change"),
)
_STEMS = "|".join(verb.removesuffix("e") for verb in _VERBS)
_NOT_IMPERATIVE = re.compile(rf"(?:{_STEMS})(?:e?s|ing|ed)", re.IGNORECASE)

#: Shorter ones, and those with a number, are names of their own.
_LONG_TAG = re.compile(r"[A-Za-z]{5,}")


class TitleForm(Rule):
    id = "title-form"
    title = "The title is [Tag][Subsystem] Imperative sentence"
    why = "460 of upstream's last 500 commits begin with a tag; reviewers and release notes find theirs by it."
    link = "https://github.com/tile-ai/tilelang/commits/main"

    def check(self, facts: Facts) -> Answer:
        title = facts.title.strip()
        if not title:
            return failed("there is no title", fix="say one in pr.toml, or with --title")
        if "\n" in title:
            return failed("the title has more than one line", fix="keep the first")
        parts = parse_title(title)
        if _UNFINISHED.search(parts.sentence) or _UNFINISHED.search(title):
            return failed(f"the title says that it is not finished: {title}", fix="name what the change does")
        if title.startswith('Revert "'):
            return passed(title)
        shape = f"[{facts.kind.tag}][Subsystem] Imperative sentence"
        if not parts.tags:
            style = "is in another project's style" if _CONVENTIONAL.match(title) else "does not begin with a tag"
            return warned(f"the title {style}: {title}", fix=f"write it as {shape}")
        if not parts.sentence:
            return failed("the title is all tags", fix=f"write it as {shape}")
        said = [*_about_tags(parts.tags, facts), *_about_sentence(parts.sentence)]
        return warned(said[0], *said[1:], fix=f"write it as {shape}") if said else passed(title)


def _about_tags(tags: tuple[str, ...], facts: Facts) -> list[str]:
    """Tags that look like another one mistyped; a tag nobody used yet is a subsystem nobody wrote of yet."""
    known = _tags_upstream(facts) | {tag.lower(): tag for tag in (facts.kind.tag, *facts.kind.tags)}
    said = []
    for tag in tags:
        if tag.lower() in known or not _LONG_TAG.fullmatch(tag):
            continue
        near = difflib.get_close_matches(tag.lower(), known, n=3, cutoff=0.8)
        typed = [other for other in near if other[:5] != tag.lower()[:5] or len(other) == len(tag)]
        said += [f"no commit upstream is tagged [{tag}]; did you mean [{known[typed[0]]}]?"] if typed else []
    return said


def _about_sentence(sentence: str) -> list[str]:
    first = next((word for word in re.split(r"[\s:,]+", sentence) if word), "")
    said = []
    if _NOT_IMPERATIVE.fullmatch(first):
        said.append(f"'{first}' is no imperative: say what the change does as an order (Fix, Add, Support)")
    if sentence.endswith("."):
        said.append("the title ends in a full stop")
    return said


def _tags_upstream(facts: Facts) -> dict[str, str]:
    """Tags of the last 500 subjects, in lower case, with their usual spelling."""
    try:
        subjects = git("log", "-500", "--format=%s", facts.change.base, at=facts.change.root).splitlines()
    except GitError:
        subjects = []
    counts = Counter(tag for subject in subjects for tag in parse_title(subject).tags)
    known = {tag.lower(): tag for tag in _KNOWN_TAGS}
    return known | {tag.lower(): tag for tag, _ in reversed(counts.most_common())}


class TitleLength(Rule):
    id = "title-length"
    title = "The title is no longer than upstream's"
    why = (
        f"Half of upstream's subjects have at most 63 characters with their number, nine of ten at most {USUAL_LENGTH}."
    )
    link = "https://github.com/tile-ai/tilelang/commits/main"

    def check(self, facts: Facts) -> Answer:
        length = len(facts.title.strip())
        if length > LONGEST_TITLE:
            return failed(f"{length} characters: GitHub takes {LONGEST_TITLE}", fix="shorten the title")
        if said := beyond_usual(facts.title):
            return warned(said, fix="shorten the title")
        return passed(f"{length} characters")
