"""What preflight found, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Word = Literal["passed", "failed", "warned", "unknown", "quiet"]
State = Literal["seen", "spared", "done", "not needed", "failed", "open"]

SYMBOLS: dict[Word, str] = {"failed": "x", "warned": "!", "unknown": "?", "passed": "+", "quiet": "·"}
BOXES: dict[State, str] = {
    "seen": "[x]",
    "done": "[x]",
    "not needed": "[-]",
    "spared": "[-]",
    "failed": "[!]",
    "open": "[ ]",
}


@dataclass(frozen=True)
class CheckRow:
    """One rule and its answer; ``asked`` is false for what was left out, ``fixable`` says that ``--fix`` may help."""

    id: str
    title: str
    word: Word
    message: str = ""
    places: tuple[str, ...] = ()
    fix: str = ""
    why: str = ""
    link: str = ""
    asked: bool = True
    fixable: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class ItemRow:
    """One item of the checklist; ``said`` is a reason, or what is in the way."""

    id: str
    text: str
    state: State
    said: str = ""
    why: str = ""
    check: str = ""
    link: str = ""
    rule: str = ""


@dataclass(frozen=True)
class PreflightReport:
    """One run; ``fixed`` says what ``--fix`` did before it, ``guessed`` that nobody said the kind."""

    title: str
    kind: str
    guessed: bool
    branch: str
    base_ref: str
    base: str
    head: str
    counts: str
    draft: str
    checks: tuple[CheckRow, ...]
    items: tuple[ItemRow, ...]
    fixed: tuple[str, ...]
    next_command: str

    def of(self, word: Word) -> tuple[CheckRow, ...]:
        return tuple(row for row in self.checks if row.word == word)

    @property
    def failed(self) -> bool:
        return bool(self.of("failed"))

    @property
    def open_items(self) -> tuple[ItemRow, ...]:
        return tuple(item for item in self.items if item.state in ("open", "failed"))

    @property
    def headline(self) -> str:
        """The answer, with its symbol."""
        made = [row for row in self.checks if row.word != "quiet"]
        failed, unknown, warned = (len(self.of(word)) for word in ("failed", "unknown", "warned"))
        if failed:
            return f"! {failed} of {len(made)} checks failed"
        told = [f"{len(self.of('passed'))} of {len(made)} checks passed"]
        told += [f"{warned} warned"] if warned else []
        told += [f"{unknown} not known"] if unknown else []
        return f"{'?' if unknown else '+'} ready{' as far as is known' if unknown else ''}: {', '.join(told)}"

    @property
    def details(self) -> tuple[str, ...]:
        """Lines below the headline."""
        lines = [
            f"{self.branch} on {self.base_ref}: {self.counts}",
            f"{self.kind}{' by its title and files' if self.guessed else ''}: {self.title or '(no title yet)'}",
        ]
        if self.items:
            ticked = len(self.items) - len(self.open_items)
            lines.append(f"checklist: {ticked} of {len(self.items)} ticked")
        return tuple(lines)
