"""What is generated of two lowerings: whether the code generator makes it differ, and what nvcc makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from scaffold.diff.equality import Tier
from scaffold.diff.finding import telling_lines
from scaffold.diff.lineage import Key
from scaffold.diff.model import Generated, PassComparison, PassEffect
from scaffold.diff.shown import state_hunks
from scaffold.diff.state import State
from scaffold.diff.text import Hunk
from scaffold.trace.model import Trace, TraceFile

#: How the reason begins why there is no machine code of a source that nvcc does not take.
_REJECTED = "nvcc failed"


def what_is_generated(
    files: tuple[TraceFile, TraceFile],
    rows: Sequence[PassComparison],
    source: tuple[Tier | None, Sequence[Hunk]],
    state_of: Callable[[Key], State],
) -> Generated:
    """Judge what is generated; ``source`` says how equal the sources are, ``state_of`` how equal two modules are."""
    baseline, candidate = (file.trace for file in files)
    tier, hunks = source
    same_after = _same_after(rows)
    by_code_generator = tier is Tier.DIFFERENT and _given(baseline, candidate, rows, state_of) is not Tier.DIFFERENT
    host = _host(baseline, candidate, rows, state_of)
    only_on, rejection = compiled_only_on(baseline, candidate)
    return Generated(
        by_code_generator=by_code_generator,
        same_after=same_after,
        lines=telling_lines(hunks) if by_code_generator else (None, None),
        compiles_only_on=only_on,
        rejection=rejection,
        machine_code_differs=tier is Tier.BYTES and bool(machine_code_differs(baseline, candidate)),
        host_differs=host is not None,
        host_lines=telling_lines(state_hunks(host, None, context=3)[0]) if host is not None else (None, None),
    )


def _host(
    baseline: Trace, candidate: Trace, rows: Sequence[PassComparison], state_of: Callable[[Key], State]
) -> State | None:
    """The host's modules, where they differ and no pass made that; ``None`` else."""
    ours, theirs = (trace.artifact("host-module") for trace in (baseline, candidate))
    if ours is None or theirs is None or not ours.digest or not theirs.digest:
        return None
    if any(row.tier_after is Tier.DIFFERENT for row in rows):
        return None
    state = state_of((ours.digest, theirs.digest))
    return state if state.tier is Tier.DIFFERENT else None


def rejection_by_nvcc(trace: Trace) -> str:
    """Why nvcc does not compile the generated source; empty where it does, or was not tried."""
    ptx = trace.artifact("ptx")
    missing = (ptx.missing or "") if ptx is not None else ""
    return missing if missing.startswith(_REJECTED) else ""


def machine_code_differs(baseline: Trace, candidate: Trace) -> tuple[Literal["ptx", "sass"], ...]:
    """The kinds of machine code that both sides have, and in which they differ."""
    kinds: tuple[Literal["ptx", "sass"], ...] = ("ptx", "sass")
    return tuple(
        kind
        for kind in kinds
        for one, other in [(baseline.artifact(kind), candidate.artifact(kind))]
        if one and other and one.digest and other.digest and one.digest != other.digest
    )


def compiled_only_on(baseline: Trace, candidate: Trace) -> tuple[Literal["", "baseline", "candidate"], str]:
    """The side whose source nvcc takes where it does not take the other's, and what it says of that."""
    sides: tuple[tuple[Literal["baseline", "candidate"], Trace, Trace], ...] = (
        ("baseline", baseline, candidate),
        ("candidate", candidate, baseline),
    )
    for label, accepted, other in sides:
        ptx = accepted.artifact("ptx")
        if ptx is not None and ptx.digest is not None and (rejection := rejection_by_nvcc(other)):
            return label, rejection
    return "", ""


def _given(baseline: Trace, candidate: Trace, rows: Sequence[PassComparison], state_of: Callable[[Key], State]) -> Tier:
    """How equal the modules are that the code generator was given: the device's, after its own passes."""
    given, other = (trace.artifact("device-module") for trace in (baseline, candidate))
    if given is not None and other is not None and given.digest and other.digest:
        sides = [row.baseline for row in rows], [row.candidate for row in rows]
        return state_of((_at_last(given.digest, sides[0]), _at_last(other.digest, sides[1]))).tier
    return rows[-1].tier_after if rows else Tier.DIFFERENT


def _at_last(digest: str, effects: Sequence[PassEffect | None]) -> str:
    """What passes made of the module of ``digest`` after one had split it off: a later one may be of the host's."""
    split_off = False
    for record in (effect.record for effect in effects if effect is not None):
        if split_off and record.before == digest:
            digest = record.after or digest
        split_off = split_off or record.after == digest
    return digest


def _same_after(rows: Sequence[PassComparison]) -> int | None:
    """The last row after which the sides differ is the one before what follows is the same."""
    differing = [at for at, row in enumerate(rows) if row.tier_after is Tier.DIFFERENT]
    always = not differing and bool(rows) and rows[0].tier_before is not Tier.DIFFERENT
    last = -1 if always else differing[-1] + 1 if differing else 0
    return last if last < len(rows) else None
