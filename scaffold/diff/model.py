"""What a difference is: the results that reports render."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from scaffold.diff.equality import Tier
from scaffold.diff.metrics import MetricDelta
from scaffold.diff.text import Hunk
from scaffold.trace.model import PassRecord


class Status(str, Enum):
    """What a pass does to the divergence of two sides.

    ``INTRODUCES``: the sides differ more after it than before it. ``CARRIES``: they differ before and after, and the
    pass adds nothing to that. ``HEALS``: they differ before it and are equal after it. ``FAILED``: it raised on a side.
    """

    SAME = "same"
    INTRODUCES = "introduces"
    CARRIES = "carries"
    HEALS = "heals"
    ONLY_BASELINE = "only on baseline"
    ONLY_CANDIDATE = "only on candidate"
    FAILED = "failed"


class Degree(str, Enum):
    """How deep a difference goes.

    ``VALUES``: numbers and strings. ``ANNOTATIONS``: what statements say of themselves, the statements being the same.
    ``SHAPE``: statements and operations.
    """

    NONE = "none"
    NAMES = "names"
    VALUES = "values"
    ANNOTATIONS = "annotations"
    SHAPE = "shape"


@dataclass(frozen=True)
class Distance:
    """How far two modules are apart: lines that differ at all, in annotations, and in statements."""

    lines: int = 0
    annotation_lines: int = 0
    shape_lines: int = 0

    def of(self, degree: Degree) -> int:
        """The lines that count in ``degree``."""
        return {Degree.SHAPE: self.shape_lines, Degree.ANNOTATIONS: self.annotation_lines}.get(degree, self.lines)


@dataclass(frozen=True)
class PassEffect:
    """What one pass did on one side: the lines it took away and put in; functions it ``made`` and ``dropped``."""

    record: PassRecord
    removed: int
    added: int
    functions: tuple[str, ...]
    hunks: tuple[Hunk, ...]
    metrics: tuple[MetricDelta, ...]
    duration_ms: float | None = None
    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.record.after is None or self.record.before != self.record.after


@dataclass(frozen=True)
class OneSide:
    """All effects of one trace, in order."""

    effects: tuple[PassEffect, ...]

    @property
    def changed(self) -> tuple[PassEffect, ...]:
        return tuple(effect for effect in self.effects if effect.changed)


@dataclass(frozen=True)
class PassComparison:
    """One pass on both sides, or on one of them.

    Parameters
    ----------
    renamed
        What the candidate calls the pass, where that is another name and the pass was known by what it does; several
        names where it was split.
    introduces
        Whether the sides are further apart after it than before it, and in what ``degree``.
    gone_after
        The pass after which the difference that this one introduced is there no more; empty where it stays.
    degree
        How deep the *effects* differ.
    effect_lines
        Lines that one side's effect has and the other's has not.
    state_lines
        Lines in which the sides differ after the pass, counted the same way.
    printed_lines
        Further lines that the two releases only write differently, after the pass.
    before, after
        How far the sides are apart before it and after it.
    hunks
        Baseline against candidate after the pass, around what this pass made different; lines that differed before it
        are marked ``carried``. For a pass on one side only: its own effect.
    hidden_hunks
        Hunks left out because all they hold was carried.
    names
        Candidate names matched to baseline names, after the pass.
    """

    name: str
    status: Status
    degree: Degree
    baseline: PassEffect | None
    candidate: PassEffect | None
    moved: bool
    tier_before: Tier
    tier_after: Tier
    effect_lines: int
    state_lines: int
    hunks: tuple[Hunk, ...]
    hidden_hunks: int
    metrics: tuple[MetricDelta, ...]
    names: tuple[tuple[str, str], ...] = ()
    renamed: str = ""
    introduces: bool = False
    gone_after: str = ""
    printed_lines: int = 0
    before: Distance = Distance()
    after: Distance = Distance()

    @property
    def is_alone(self) -> bool:
        """Whether only one side runs it, under any name."""
        return self.baseline is None or self.candidate is None

    @property
    def effect(self) -> PassEffect:
        """The baseline's effect, or the candidate's of a pass that it alone runs."""
        effect = self.baseline or self.candidate
        if effect is None:
            raise ValueError("a row is of at least one pass")
        return effect


@dataclass(frozen=True)
class Finding:
    """The answer in one place: where the sides part, and how.

    ``place`` is the path in the IR, ``baseline_line`` and ``candidate_line`` the first lines that differ.
    ``lasts`` says whether the difference is still there at the end of the pipeline. ``only_nesting``: no statement
    differs but in what it is part of, and both lines are the same.
    """

    pass_name: str | None
    position: int | None
    degree: Degree
    function: str | None
    place: str
    baseline_line: str | None
    candidate_line: str | None
    lasts: bool = True
    only_nesting: bool = False


@dataclass(frozen=True)
class Generated:
    """How what is generated differs, and by whose doing.

    ``by_code_generator``: the sources differ and the modules that they were generated from do not. ``same_after``: the
    row after which the modules are the same up to the end, -1 where they always were, ``None`` where they are not.
    ``lines``: a line of the sources that differs. ``compiles_only_on``: the side whose source nvcc takes, where it
    does not take the other's, and ``rejection`` what it says of that; empty where it takes both, or none.
    ``machine_code_differs``: the same source came to other machine code. ``host_differs``: the host's modules differ
    though the last passes left them the same, ``host_lines`` a line of them that does.
    """

    by_code_generator: bool = False
    same_after: int | None = None
    lines: tuple[str | None, str | None] = (None, None)
    compiles_only_on: Literal["", "baseline", "candidate"] = ""
    rejection: str = ""
    machine_code_differs: bool = False
    host_differs: bool = False
    host_lines: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class TwoSides:
    """A comparison of two traces.

    ``introduced`` is the first pass that introduces a difference of any degree beyond names, ``reshaped`` the first
    that introduces one of shape; often the same. A difference that is there at the end goes before one that is gone
    again. ``inputs`` tells how the kernels differed before any pass, ``inputs_degree`` how deep, and
    ``inputs_gone_after`` after which pass nothing is left of that; empty where something is.
    ``parted_before`` is the row before which something that is no pass made the modules differ.
    ``cause`` is the earlier pass that one acts on, at the position of ``consequence``, and without which that would not
    differ. ``printed_lines`` counts the lines that the two releases only write differently; no other count holds them.
    ``unstable`` names passes after which two lowerings of the *same* input differ on ``unstable_sides``, as far as that
    was tried: a difference there may be nobody's change. ``lowerings`` counts those that were made of the baseline and
    of the candidate to find two that are the same; 0 where that was not called for. ``odds``: how likely they would
    have nothing in common if both sides lowered alike; ``undecided`` where that is too likely to claim a difference.
    """

    passes: tuple[PassComparison, ...]
    inputs: Tier
    input_hunks: tuple[Hunk, ...]
    weakest: Tier
    introduced: Finding | None
    reshaped: Finding | None
    source_tier: Tier | None
    source_hunks: tuple[Hunk, ...]
    state_lines: int
    effect_lines: int
    inputs_degree: Degree = Degree.NONE
    inputs_gone_after: str = ""
    printed_lines: int = 0
    unstable: tuple[str, ...] = ()
    lowerings: tuple[int, int] = (0, 0)
    unstable_sides: tuple[Literal["baseline", "candidate"], ...] = ()
    odds: float | None = None
    undecided: bool = False
    generated: Generated = Generated()
    cause: Finding | None = None
    parted_before: int | None = None

    @property
    def telling(self) -> Finding | None:
        """The finding to put first: a pass that one side does not run before what another makes of that."""
        if self.cause is not None and self.passes[self.cause.position or 0].is_alone:
            return self.cause
        return self.consequence

    @property
    def consequence(self) -> Finding | None:
        """The first of shape, unless it is gone again and one in less is not; something else may be its cause."""
        if self.reshaped is not None and (self.reshaped.lasts or self.introduced is None or not self.introduced.lasts):
            return self.reshaped
        return self.introduced

    @property
    def identical(self) -> bool:
        """Equal in every state and in the source, in the strictest tier."""
        return self.weakest is Tier.BYTES

    @property
    def finding(self) -> bool:
        """Whether there is anything beyond formatting and names, nvcc's judgement of the source included."""
        return self.lowering_differs or bool(self.generated.compiles_only_on)

    @property
    def lowering_differs(self) -> bool:
        """Whether the modules or the sources differ beyond formatting and names."""
        return self.weakest is Tier.DIFFERENT
