"""How preflight reads: on narrow and wide terminals, as Markdown, as JSON, whatever a branch is called."""

from __future__ import annotations

import json

import pytest
from schemas import validated

from scaffold.report.preflight_markdown import render_preflight_markdown
from scaffold.report.preflight_terminal import render_preflight_text
from scaffold.report.preflight_view import CheckRow, ItemRow, PreflightReport, State, Word
from scaffold.report.pull_request_json import render_preflight_json

STATES: tuple[State, ...] = ("seen", "spared", "done", "not needed", "failed", "open")


def row(name: str, word: Word, **more: object) -> CheckRow:
    return CheckRow(id=name, title=f"The {name} is right", word=word, why="Reviewers ask.", **more)  # type: ignore[arg-type]


def report(*rows: CheckRow, items: tuple[ItemRow, ...] = (), branch: str = "fix/it") -> PreflightReport:
    return PreflightReport(
        title="[BugFix][Op] Fix it",
        kind="bugfix",
        guessed=False,
        branch=branch,
        base_ref="upstream/main",
        base="a" * 40,
        head="b" * 40,
        counts="1 commit, 2 files",
        draft="",
        checks=rows,
        items=items,
        fixed=(),
        next_command="git push -u origin fix/it",
    )


FULL = report(
    row(
        "hooks",
        "failed",
        message="2 hooks fail: " + "ruff-format, clang-format, " * 6,
        places=("a b.py:3: x -> y",) * 15,
        fix="--fix",
    ),
    row("title-form", "warned", message="the title is without a tag"),
    row("tests-pass", "unknown", message="not run", fix="python -m scaffold evidence"),
    *(row(f"check-{number}", "passed") for number in range(20)),
    row("docs-build", "quiet", message="no page"),
    items=tuple(
        ItemRow(f"BF{number:02}", "One thing " * 12, state, said="so", rule="hooks")
        for number, state in enumerate(STATES)
    ),
)


@pytest.mark.parametrize("width", [80, 120, 200])
def test_lines_fit_and_hang(width: int) -> None:
    lines = render_preflight_text(FULL, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0] == "! 1 of 23 checks failed"
    start = lines.index(next(line for line in lines if line.startswith("x failed hooks: ")))
    following = lines[start + 1 : lines.index("    a b.py:3: x -> y")]
    assert all(line.startswith("  ") and not line.startswith("   ") for line in following)
    assert "  " not in " ".join(line.strip() for line in lines[start : start + len(following) + 1])
    assert "    … and 3 more (-v shows all)" in lines
    assert lines[-1] == "next: git push -u origin fix/it"


def test_everything_shows_every_place_and_each_check_that_passed() -> None:
    text = render_preflight_text(FULL, everything=True)
    assert text.count("a b.py:3: x -> y") == 15
    assert "+ check-7: The check-7 is right" in text


def test_every_state_has_a_box() -> None:
    text = render_preflight_text(FULL, width=200)
    boxes = [line.split()[0] + line.split()[1][:1] for line in text.splitlines() if " BF0" in line]
    assert boxes == ["[x]B", "[-]B", "[x]B", "[-]B", "[!]B", "[]"] or "[ ] BF05" in text


@pytest.mark.parametrize(
    ("rows", "headline"),
    [
        ((row("a", "passed"), row("b", "quiet")), "+ ready: 1 of 1 checks passed"),
        ((row("a", "passed"), row("b", "warned")), "+ ready: 1 of 2 checks passed, 1 warned"),
        (
            (row("a", "passed"), row("b", "unknown")),
            "? ready as far as is known: 1 of 2 checks passed, 1 not known",
        ),
        ((row("a", "failed"), row("b", "unknown")), "! 1 of 2 checks failed"),
    ],
)
def test_headline_answers(rows: tuple[CheckRow, ...], headline: str) -> None:
    assert report(*rows).headline == headline


def test_commands_of_a_terminal_in_names_are_not_carried_out() -> None:
    odd = report(row("a", "failed", message="\x1b[2J", places=("\x9bx\udc80",)), branch="fix/\x1b]0;x\x07")
    for text in (render_preflight_text(odd), render_preflight_markdown(odd)):
        assert not set(text) & set("\x1b\x9b\x07")
    assert json.loads(render_preflight_json(odd))["checks"][0]["word"] == "failed"


def test_markdown_folds_what_is_fine_and_calls_nobody() -> None:
    text = render_preflight_markdown(
        report(row("a", "passed", message="by @someone"), row("b", "failed", places=("x|`y`",)))
    )
    assert "<details><summary>1 passed</summary>" in text
    assert "@someone" not in text
    assert "- **failed** `b`" in text


def test_json_has_a_schema_version_and_the_headline() -> None:
    document = validated(render_preflight_json(FULL), "preflight")
    assert document["schema_version"] == 1
    assert document["headline"] == FULL.headline
    assert len(document["checks"]) == len(FULL.checks)
    assert {item["state"] for item in document["items"]} == set(STATES)
