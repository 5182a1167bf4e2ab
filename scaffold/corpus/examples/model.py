"""What an example is, what it needs, and what came of it. Plain data, which travels to the workers of a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["script", "tests"]
#: ``condition`` is one only the run itself can judge, ``never`` a reason that holds everywhere.
NeedKind = Literal["package", "backend", "capability", "arch", "argument", "condition", "never"]


@dataclass(frozen=True)
class Need:
    """Something an example asks for: ``value`` of it, and where that was read."""

    kind: NeedKind
    value: str
    why: str = ""


@dataclass(frozen=True)
class ExampleTest:
    """A test of a file. ``expected_to_fail`` is why upstream says so, empty where it does not."""

    name: str
    line: int
    needs: tuple[Need, ...] = ()
    expected_to_fail: str = ""


@dataclass(frozen=True)
class Example:
    """A script, or a file of tests, of an upstream tree.

    ``path`` is relative to the tree. ``needs`` are those of the file as a whole; ``may_need`` packages that it imports
    later than at its start, or does without.
    """

    path: str
    topic: str
    kind: Kind
    needs: tuple[Need, ...] = ()
    may_need: tuple[str, ...] = ()
    tests: tuple[ExampleTest, ...] = ()

    @property
    def shown(self) -> str:
        """Its path as a person says it: below ``examples``."""
        return self.path.removeprefix("examples/")

    @property
    def packages(self) -> frozenset[str]:
        """Every package that a run may import, besides the tree's own modules and the standard library."""
        return frozenset({*self.may_need, *(need.value for need in self.needs if need.kind == "package")})


@dataclass(frozen=True)
class ExampleJob:
    """One example to be run. Folders are those of the machine that runs it; ``""`` for one of its own choice.

    ``select`` names the tests of the file that are wanted, none for all. ``gpus`` are numbers of GPUs, none for all;
    ``memory_bytes`` is what all its processes may hold together, 0 for no limit. ``forced`` runs it though it asks for
    something that is not there.
    """

    example: Example
    tree: str
    build: str
    python: str
    timeout_s: float
    memory_bytes: int = 0
    gpus: tuple[int, ...] = ()
    select: tuple[str, ...] = ()
    forced: bool = False
    scratch: str = ""
    cache: str = ""


Status = Literal["passed", "failed", "timed out", "crashed", "lost", "skipped", "not run", "lowered"]

#: In the order in which they are counted. ``lowered`` is for a machine without a GPU; ``lost`` for a worker that died.
STATUSES: tuple[Status, ...] = (
    "passed",
    "lowered",
    "failed",
    "timed out",
    "crashed",
    "lost",
    "skipped",
    "not run",
)
#: Those that mean something is wrong.
BAD: frozenset[Status] = frozenset({"failed", "timed out", "crashed", "lost"})


@dataclass(frozen=True)
class Outcome:
    """What came of one script, or of one test: ``test`` is its id inside the file, empty for a script.

    ``reason`` is one line on why it did not pass; ``tail`` the last lines it said, where it went wrong.
    """

    path: str
    test: str
    status: Status
    seconds: float = 0.0
    reason: str = ""
    tail: str = ""

    @property
    def shown(self) -> str:
        path = self.path.removeprefix("examples/")
        return f"{path}::{self.test}" if self.test else path


@dataclass(frozen=True)
class ExampleResult:
    """All outcomes of one example, where it ran, and what it printed (the end of it)."""

    path: str
    kind: Kind
    topic: str
    outcomes: tuple[Outcome, ...]
    seconds: float = 0.0
    gpu: str = ""
    host: str = ""
    log: str = ""
    notes: tuple[str, ...] = ()

    @property
    def bad(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.status in BAD)


@dataclass(frozen=True)
class Totals:
    """How many outcomes of each status; statuses that did not occur are left out."""

    counts: dict[Status, int] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Iterable[ExampleResult]) -> Totals:
        counted = Counter(outcome.status for result in results for outcome in result.outcomes)
        return cls({status: counted[status] for status in STATUSES if counted[status]})

    def __str__(self) -> str:
        return ", ".join(f"{count} {status}" for status, count in self.counts.items()) or "nothing ran"
