"""What the doctor says: rows, and for which step of work they matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

#: What one may want to do next: compile kernels and look, run them on a GPU, build TileLang from source.
Step = Literal["lower", "run", "source"]
STEPS: tuple[Step, ...] = ("lower", "run", "source")
PHRASES: dict[Step, str] = {"lower": "to lower", "run": "to run", "source": "to build from source"}

#: ``absent``: the probe does not apply here, and that is no fault.
Status = Literal["ok", "warning", "missing", "absent"]


@dataclass(frozen=True)
class Row:
    """One probe's answer.

    Parameters
    ----------
    found
        What is there, in a line or two.
    fix
        The command that mends it; empty where there is none to type.
    lack
        The same in a few words for the first line ("no GPU"), where ``missing``.
    steps
        The steps that cannot be done while this is ``missing``.
    """

    name: str
    status: Status
    found: str
    fix: str = ""
    lack: str = ""
    steps: tuple[Step, ...] = ()

    def stops(self, step: Step) -> bool:
        return self.status == "missing" and step in self.steps


def ok(found: str) -> Row:
    return Row("", "ok", found)


def absent(found: str) -> Row:
    return Row("", "absent", found)


def warning(found: str, fix: str = "") -> Row:
    return Row("", "warning", found, fix)


def missing(found: str, fix: str = "", *, lack: str, steps: tuple[Step, ...]) -> Row:
    return Row("", "missing", found, fix, lack, steps)


@dataclass(frozen=True)
class Diagnosis:
    """All rows, in groups, judged for one step."""

    step: Step
    #: Why this step, where nobody named one; else empty.
    because: str
    groups: tuple[tuple[str, tuple[Row, ...]], ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for _, rows in self.groups for row in rows)

    def lacks(self, step: Step) -> tuple[str, ...]:
        """What keeps ``step`` from being done, in a few words each."""
        return tuple(row.lack or f"no {row.name}" for row in self.rows if row.stops(step))

    @property
    def ready(self) -> bool:
        return not self.lacks(self.step)

    @property
    def headline(self) -> str:
        """``ready to lower and to build from source; not to run: no GPU``, the judged step first."""
        order = sorted(STEPS, key=lambda step: step != self.step)
        ready = [PHRASES[step] for step in order if not self.lacks(step)]
        positive = "ready " + _listed(ready) if ready else ""
        negative = "; nor ".join(
            f"{_listed(phrases, 'or')}: {', '.join(reasons)}" for phrases, reasons in self._not_ready(order)
        )
        if not negative:
            return positive
        if self.ready:
            return f"{positive}; not {negative}"
        return f"not ready {negative}; {positive}" if positive else f"not ready {negative}"

    def _not_ready(self, order: Sequence[Step]) -> list[tuple[list[str], list[str]]]:
        """Steps with what they lack; what was said of one is not said again of the next."""
        found: list[tuple[list[str], list[str]]] = []
        said: set[str] = set()
        for step in order:
            lacks = self.lacks(step)
            reasons = [reason for reason in dict.fromkeys(lacks) if reason not in said]
            if reasons:
                found.append(([PHRASES[step]], reasons))
            elif lacks:
                found[0][0].append(PHRASES[step])
            said.update(reasons)
        return found

    @property
    def fixes(self) -> tuple[Row, ...]:
        """Rows with something to type: what stops the step first, then warnings, then what other steps lack."""
        rank = {"missing": 2, "warning": 1}
        rows = [row for row in self.rows if row.fix and row.status in rank]
        return tuple(sorted(rows, key=lambda row: 0 if row.stops(self.step) else rank[row.status]))


def _listed(items: list[str], word: str = "and") -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"


def named(row: Row, name: str) -> Row:
    return replace(row, name=name)
