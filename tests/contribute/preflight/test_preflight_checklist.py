"""Checklists: read, ticked by rules and by people."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.contribute.draft import Draft
from scaffold.contribute.kinds import kinds
from scaffold.contribute.preflight.checklist import Item, answered, parse_checklist, read_checklist, tick
from scaffold.contribute.preflight.model import Answer, Word
from scaffold.contribute.preflight.registry import RULES
from scaffold.contribute.preflight.run import Checked
from scaffold.errors import UsageError

TEXT = """\
# For a fix

Some words.

### BF01 The test fails without the fix
- why: a test that passes shows nothing
- check: `python -m scaffold evidence --only tests`
- upstream: [#2887](https://github.com/tile-ai/tilelang/pull/2887)
- rule: title-form

## Later

- why: this belongs to no item

### BF02. The cause is named
* why: reviewers ask
- check: the last part of `body.md`
"""
DRAFT = Draft(folder=Path("d"), kind="bugfix", title="t", checkout=Path("c"), branch="b", base_ref="main")


def test_items_are_read_with_their_facts() -> None:
    one, two = parse_checklist(TEXT)
    assert one == Item(
        "BF01",
        "The test fails without the fix",
        why="a test that passes shows nothing",
        check="python -m scaffold evidence --only tests",
        upstream="[#2887](https://github.com/tile-ai/tilelang/pull/2887)",
        rule="title-form",
    )
    assert two == Item("BF02", "The cause is named", why="reviewers ask", check="the last part of `body.md`")


def checked(word: Word, *, asked: bool = True) -> Checked:
    return Checked(RULES["title-form"], Answer(word, "so it is"), asked=asked)


@pytest.mark.parametrize(
    ("word", "answer", "state"),
    [
        ("passed", "", "seen"),
        ("quiet", "", "spared"),
        ("warned", "", "open"),
        ("unknown", "", "open"),
        ("failed", "", "failed"),
        ("failed", "done", "failed"),
        ("warned", "done", "done"),
        ("unknown", "Done", "done"),
        ("unknown", "not needed because it is a page", "not needed"),
        ("unknown", "not needed: it is a page", "not needed"),
        ("unknown", "not needed", "open"),
        ("unknown", "not needed because ", "open"),
        ("unknown", "yes", "open"),
    ],
)
def test_item_is_ticked(word: Word, answer: str, state: str) -> None:
    item = parse_checklist(TEXT)[0]
    assert tick([item], [checked(word)], {"BF01": answer})[0].state == state


def test_check_that_was_left_out_ticks_nothing() -> None:
    item = parse_checklist(TEXT)[0]
    assert tick([item], [checked("quiet", asked=False)], {})[0].state == "open"
    assert tick([item], [], {})[0].state == "open"


def test_answers_are_noted() -> None:
    items = parse_checklist(TEXT)
    noted = answered(
        DRAFT,
        items,
        ["bf01"],
        [
            "BF02=because nothing is lowered",
        ],
    )
    assert noted.answers == {"BF01": "done", "BF02": "not needed because nothing is lowered"}


@pytest.mark.parametrize("text", ["BF02", "BF02=", "BF02=because", "BF02=because …"])
def test_answer_without_a_reason_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="gives no reason"):
        answered(DRAFT, parse_checklist(TEXT), [], [text])


def test_item_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        answered(DRAFT, parse_checklist(TEXT), ["BF03"], [])
    assert error.value.hint in ("did you mean BF01?", "did you mean BF02?")


def test_rules_that_checklists_name_are_there() -> None:
    items = [(kind.name, item) for kind in kinds().values() for item in read_checklist(kind)]
    assert [(kind, item.id, item.rule) for kind, item in items if item.rule and item.rule not in RULES] == []
