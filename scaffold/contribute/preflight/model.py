"""A rule of preflight, what it is given, and what it may answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from scaffold.contribute.change import Change
from scaffold.contribute.draft import Draft
from scaffold.contribute.kinds import Kind

#: What a rule takes: no time, a processor's, a build of TileLang, a GPU.
Cost = Literal["instant", "CPU", "build", "GPU"]
#: ``unknown`` is what could not be found out here; ``quiet`` what does not concern this branch.
Word = Literal["passed", "failed", "warned", "unknown", "quiet"]


@dataclass(frozen=True)
class Answer:
    """What a rule says of a branch.

    Attributes
    ----------
    message
        One line: what is wrong, or why it is not known, or (of ``passed``) what was seen.
    places
        Where: ``path:line``, or lines of a tool's output; shown below the message.
    fix
        What to type or do; empty where nothing is to be done.
    elsewhere
        Whether ``fix`` takes what is not here: it was tried, and typing it once more brings nothing.
    """

    word: Word
    message: str = ""
    places: tuple[str, ...] = ()
    fix: str = ""
    elsewhere: bool = False


def passed(message: str = "") -> Answer:
    return Answer("passed", message)


def failed(message: str, *places: str, fix: str = "") -> Answer:
    return Answer("failed", message, places, fix)


def warned(message: str, *places: str, fix: str = "") -> Answer:
    return Answer("warned", message, places, fix)


def unknown(message: str, *, fix: str = "") -> Answer:
    return Answer("unknown", message, fix=fix)


def quiet(message: str = "") -> Answer:
    return Answer("quiet", message)


@dataclass(frozen=True)
class StepResult:
    """What evidence has of one step.

    ``stale`` says that the change is another by now; ``verdict`` is its word, as the verb that ran says it
    (``fails on the base, passes now``, ``FASTER``, ``no kernel generates other code``).
    """

    verdict: str
    stale: bool
    finding: bool = False
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class NotRun:
    """Why a step of evidence has no result; ``cannot`` where it could have one elsewhere, else it does not apply."""

    why: str
    cannot: bool = False


@dataclass(frozen=True)
class ToolResult:
    """A program that ran: its exit code and everything it printed; ``missing`` says why it could not be started."""

    code: int
    output: str
    missing: str = ""


class RunTool(Protocol):
    """Runs a program: argv, and variables to set. Never raises for what the program does."""

    def __call__(
        self, command: Sequence[str], env: Mapping[str, str], *, at: Path | None = None, timeout_s: float | None = None
    ) -> ToolResult:
        """Run it in the checkout, or in the folder ``at``; ended after ``timeout_s`` seconds."""
        ...


@dataclass(frozen=True)
class Facts:
    """Everything a rule may look at; read once.

    Attributes
    ----------
    body
        The description as it stands; empty where there is none yet.
    evidence
        Step -> what evidence found; no entry for what was not run.
    not_run
        Step -> why ``evidence``, asked on this state of the change, did not run it.
    tools
        A folder of the kit's workspace in which rules may keep what they install (environments of pre-commit).
    """

    change: Change
    draft: Draft | None
    kind: Kind
    title: str
    body: str
    evidence: Mapping[str, StepResult]
    tools: Path
    run: RunTool
    not_run: Mapping[str, NotRun] = field(default_factory=dict)


class Rule(ABC):
    """One thing that upstream's CI or a reviewer will look at.

    Subclasses set the class variables; ``id`` is kebab-case and never reused, ``link`` where upstream says so.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    why: ClassVar[str]
    link: ClassVar[str]
    cost: ClassVar[Cost] = "instant"
    #: Kinds it concerns; empty for all.
    kinds: ClassVar[tuple[str, ...]] = ()
    #: Ids of rules that must not have failed before this one says anything.
    requires: ClassVar[tuple[str, ...]] = ()

    def asked(self, facts: Facts) -> bool:
        """Whether this branch calls for it whatever it costs; without, ``--all`` does."""
        del facts
        return False

    @abstractmethod
    def check(self, facts: Facts) -> Answer:
        """Look, and change nothing."""

    def fix(self, facts: Facts) -> tuple[str, ...]:
        """Mend what is mechanical, in the files of the change only; says what was done. Nothing by default."""
        del facts
        return ()
