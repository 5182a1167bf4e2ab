"""From answers to what is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scaffold.contribute.preflight.checklist import Ticked
from scaffold.contribute.preflight.model import Facts
from scaffold.contribute.preflight.run import Checked, can_fix
from scaffold.report.corpus_words import many
from scaffold.report.preflight_view import CheckRow, ItemRow, PreflightReport

_LINK = re.compile(r"^\[(?P<text>[^\]]*)\]\((?P<url>[^)\s]+)\)")


def report_of(
    facts: Facts,
    checked: Sequence[Checked],
    ticked: Sequence[Ticked],
    *,
    fixed: Sequence[str],
    next_command: str,
    guessed: bool,
) -> PreflightReport:
    """The view model of one run."""
    change = facts.change
    counts = [
        many(len(change.commits), "commit"),
        many(len(change.files), "file"),
        *([f"{len(change.uncommitted)} of them uncommitted"] if change.uncommitted else []),
    ]
    return PreflightReport(
        title=facts.title,
        kind=facts.kind.name,
        guessed=guessed,
        branch=change.branch,
        base_ref=change.base_ref,
        base=change.base,
        head=change.head,
        counts=", ".join(counts),
        draft=str(facts.draft.folder) if facts.draft else "",
        checks=tuple(_row(item) for item in checked),
        items=tuple(_item(item) for item in ticked),
        fixed=tuple(fixed),
        next_command=next_command,
    )


def _row(item: Checked) -> CheckRow:
    rule, answer = item.rule, item.answer
    return CheckRow(
        id=rule.id,
        title=rule.title,
        word=answer.word,
        message=answer.message,
        places=answer.places,
        fix=answer.fix,
        why=rule.why,
        link=rule.link,
        asked=item.asked,
        fixable=can_fix(rule) and answer.word in ("failed", "warned"),
        seconds=round(item.seconds, 3),
    )


def _item(item: Ticked) -> ItemRow:
    link = _LINK.match(item.item.upstream)
    return ItemRow(
        id=item.item.id,
        text=item.item.text,
        state=item.state,
        said=item.said,
        why=item.item.why,
        check=item.item.check,
        link=link["url"] if link else item.item.upstream,
        rule=item.item.rule,
    )
