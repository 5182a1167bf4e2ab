"""Checklists: what a person ticks, and what a rule ticks for them.

::

    ### BF01 The test fails without the fix
    - why: a test that passes before shows nothing
    - check: `python -m scaffold evidence --only tests`
    - upstream: [#2887](https://github.com/tile-ai/tilelang/pull/2887)
    - rule: test-fails-on-base
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scaffold.contribute.draft import Draft, with_answer
from scaffold.contribute.kinds import Kind, checklists_folder
from scaffold.contribute.preflight.run import Checked
from scaffold.errors import UsageError

#: ``seen`` is ticked by a rule, ``spared`` by a rule that the branch does not concern.
State = Literal["seen", "spared", "done", "not needed", "failed", "open"]
_ITEM = re.compile(r"^###\s+(?P<id>[A-Z]{2,}\d{2,})[.:]?\s+(?P<text>.+?)\s*$")
_FACT = re.compile(r"^[-*]\s+(?P<key>why|check|upstream|rule):\s*(?P<value>.*?)\s*$")
_CODE = re.compile(r"^`([^`]+)`$")
_BECAUSE = re.compile(r"^\s*not needed[:,]?\s+(?:because\s+)?(?P<why>.*?)\s*$", re.IGNORECASE)
#: The list every pull request has, after that of its kind.
_FOR_ALL = "review"


@dataclass(frozen=True)
class Item:
    """One line of a checklist; ``rule`` is the id of the rule that ticks it, empty where a person does."""

    id: str
    text: str
    why: str = ""
    check: str = ""
    upstream: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Ticked:
    """An item and where it stands; ``said`` is the reason or what is in the way."""

    item: Item
    state: State
    said: str = ""

    @property
    def is_open(self) -> bool:
        return self.state in ("open", "failed")


def parse_checklist(text: str) -> tuple[Item, ...]:
    """The items of one file; text between them is for the reader."""
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        if head := _ITEM.match(line):
            found.append({"id": head["id"], "text": head["text"]})
        elif line.startswith("#"):
            found.append({})
        elif found and found[-1] and (fact := _FACT.match(line)):
            value = _CODE.sub(r"\1", fact["value"]) if fact["key"] in ("check", "rule") else fact["value"]
            found[-1].setdefault(fact["key"], value)
    return tuple(Item(**facts) for facts in found if facts)


def read_checklist(kind: Kind) -> tuple[Item, ...]:
    """Items of the kind, then those for every pull request."""
    items: list[Item] = []
    for path in (kind.checklist, checklists_folder() / f"{_FOR_ALL}.md"):
        if path.is_file():
            items += parse_checklist(path.read_text(encoding="utf-8"))
    return tuple({item.id: item for item in reversed(items)}[item.id] for item in _once(items))


def _once(items: Iterable[Item]) -> list[Item]:
    return list({item.id: item for item in items}.values())


def tick(items: Sequence[Item], checked: Sequence[Checked], answers: Mapping[str, str]) -> tuple[Ticked, ...]:
    """Each item with its state: a rule's failure counts before what a person says, that before all else."""
    by_rule = {item.rule.id: item for item in checked}
    return tuple(_ticked(item, by_rule.get(item.rule), answers.get(item.id, "")) for item in items)


def _ticked(item: Item, checked: Checked | None, answer: str) -> Ticked:
    word = checked.answer.word if checked and checked.asked else ""
    if word == "failed" and checked:
        return Ticked(item, "failed", checked.answer.message)
    if answer.strip().lower() == "done":
        return Ticked(item, "done")
    if reason := _BECAUSE.match(answer):
        if reason["why"]:
            return Ticked(item, "not needed", f"because {reason['why']}")
        return Ticked(item, "open", "'not needed' wants a reason: not needed because …")
    if answer.strip():
        return Ticked(item, "open", f"its answer is no answer: {answer.strip()!r} (done, or not needed because …)")
    if word == "passed":
        return Ticked(item, "seen")
    if word == "quiet" and checked:
        return Ticked(item, "spared", checked.answer.message)
    return Ticked(item, "open", checked.answer.message if checked else "")


def answered(draft: Draft, items: Sequence[Item], done: Sequence[str], not_needed: Sequence[str]) -> Draft:
    """The draft with answers from the command line.

    Raises
    ------
    UsageError
        If an item is not there, or a reason is missing.
    """
    for name in done:
        draft = with_answer(draft, _known(name.strip(), items), "done")
    for text in not_needed:
        name, _, reason = text.partition("=")
        why = re.sub(r"^\s*because\b\s*", "", reason, flags=re.IGNORECASE).strip()
        if not re.search(r"\w", why):
            raise UsageError(
                f"--not-needed {text!r} gives no reason", hint=f"say why: --not-needed '{name or 'BF04'}=because …'"
            )
        draft = with_answer(draft, _known(name.strip(), items), f"not needed because {why}")
    return draft


def _known(name: str, items: Sequence[Item]) -> str:
    ids = [item.id for item in items]
    if name.upper() in ids:
        return name.upper()
    near = difflib.get_close_matches(name.upper(), ids, n=1, cutoff=0.4)
    raise UsageError(
        f"the checklist has no item {name!r}",
        hint=f"did you mean {near[0]}?" if near else f"there are: {', '.join(ids)}",
    )
