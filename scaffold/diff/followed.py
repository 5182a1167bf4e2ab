"""Which pass a difference begins with, how deep it is there, and after which it is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scaffold.diff.lineage import Key, Lineage, Spans, all_lines, statement_shapes
from scaffold.diff.model import Degree, PassComparison
from scaffold.diff.state import State, shape_in_place

#: Where the differences of the inputs come from, and those that come up between two passes.
_INPUTS = -1
_BETWEEN = -2


@dataclass(frozen=True)
class _Step:
    """An outermost pass of a row, from one state to the next."""

    row: int
    start: Key
    end: Key


class Followed:
    """The differences of two lowerings, followed from where they begin: those of statements, and all."""

    def __init__(self, state: Callable[[Key], State]) -> None:
        self._state = state
        self._shapes = Lineage(statement_shapes, growing=True)
        self._all = Lineage(all_lines, growing=False)
        self._steps: list[_Step] = []

    def begin(self, key: Key) -> None:
        for lineage in (self._shapes, self._all):
            lineage.begin(key, self._state(key), _INPUTS)

    def step(self, start: Key, end: Key, row: int, *, outermost: bool, reached: Key) -> Degree:
        """Take a step, and say how deep the differences are that begin with it; it may begin where none ended."""
        if outermost and not self._all.knows(start):
            self._step(reached, start, _BETWEEN)
        if outermost:
            self._steps.append(_Step(row, start, end))
        shapes, lines = self._step(start, end, row)
        if shapes:
            return Degree.SHAPE
        made = self._state(end)
        degrees = {_degree(made, spans) for spans in lines}
        return next((degree for degree in (Degree.ANNOTATIONS, Degree.VALUES) if degree in degrees), Degree.NONE)

    def origins(self, key: Key) -> frozenset[int]:
        """Rows that the differences of a state come from."""
        return self._shapes.origins(key) | self._all.origins(key)

    def marked(self, rows: Sequence[PassComparison]) -> list[PassComparison]:
        """The rows that introduce a difference with the pass after which it is there no more, if there is one."""
        return [
            replace(row, gone_after=self._gone_after(at, row.degree, rows)) if row.introduces else row
            for at, row in enumerate(rows)
        ]

    def inputs_gone_after(self, degree: Degree, rows: Sequence[PassComparison]) -> str:
        """The pass after which nothing is left of the difference of the inputs, in ``degree``."""
        return self._gone_after(_INPUTS, degree, rows)

    def _gone_after(self, origin: int, degree: Degree, rows: Sequence[PassComparison]) -> str:
        lineage = self._shapes if degree is Degree.SHAPE else self._all
        begun = {step.start for step in self._steps}
        there = [at for at, step in enumerate(self._steps) if origin in lineage.origins(step.end)]
        if any(self._steps[at].end not in begun for at in there):
            return ""
        if not there and not (self._steps and origin in lineage.origins(self._steps[0].start)):
            return ""
        following = self._steps[there[-1] + 1 if there else 0 :]
        return rows[following[0].row].name if following else ""

    def _step(self, start: Key, end: Key, row: int) -> tuple[tuple[Spans, ...], tuple[Spans, ...]]:
        given, made = self._state(start), self._state(end)
        return self._shapes.step(start, given, end, made, row), self._all.step(start, given, end, made, row)


def _degree(state: State, spans: Spans) -> Degree:
    """How deep a place differs whose statements are the same."""
    ours, theirs = (
        [shape_in_place(line) for line in side[slice(*span)] if line]
        for side, span in zip((state.baseline, state.candidate), spans, strict=True)
    )
    return Degree.VALUES if ours == theirs else Degree.ANNOTATIONS
