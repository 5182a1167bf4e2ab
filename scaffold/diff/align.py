"""Which pass on one side is which on the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scaffold.diff.text import opcodes
from scaffold.trace.model import PassRecord


@dataclass(frozen=True)
class PassPair:
    """A pass on both sides, or on one.

    ``moved``: the other side runs it too, at another place in the order. ``renamed``: what each side runs has another
    name, and was paired by what it does; the ``parts`` are the passes that do it, more than one where it was split.
    """

    baseline: PassRecord | None
    candidate: PassRecord | None
    moved: bool = False
    renamed: bool = False
    baseline_parts: tuple[PassRecord, ...] = ()
    candidate_parts: tuple[PassRecord, ...] = ()

    @property
    def is_alone(self) -> bool:
        return self.baseline is None or self.candidate is None

    @property
    def record(self) -> PassRecord:
        """The pass, of the baseline where it runs there."""
        record = self.baseline or self.candidate
        if record is None:
            raise ValueError("a pair holds at least one pass")
        return record


def align_passes(baseline: Sequence[PassRecord], candidate: Sequence[PassRecord]) -> list[PassPair]:
    """Pair passes by name and nesting, keeping the order of both sides; what is left over stands alone.

    A pass that occurs several times (``tl.Simplify``) is paired by its neighbours, so that one inserted occurrence
    does not shift the rest.
    """
    ours, theirs = [_key(record) for record in baseline], [_key(record) for record in candidate]
    pairs: list[PassPair] = []
    for code in opcodes(ours, theirs):
        left = baseline[code.before_start : code.before_end]
        right = candidate[code.after_start : code.after_end]
        if code.tag == "equal":
            pairs += [PassPair(one, other) for one, other in zip(left, right, strict=True)]
        else:
            pairs += [PassPair(one, None) for one in left] + [PassPair(None, other) for other in right]
    return _marked_moved(pairs)


#: TVM's own passes moved from ``tir`` to ``tirx`` and ``s_tir`` in TileLang 0.1.10 (#2216); they are the same passes.
_TVM_NAMESPACE = re.compile(r"\A(?:tirx|s_tir)\.")


def _key(record: PassRecord) -> str:
    """What is the same pass on both sides, whatever a release calls it.

    A pass written in Python reports ``pass_fn`` until a release gives it a name of its own: its constructor stands for
    it in both.
    """
    name = f"tl.{record.label}" if record.label else _TVM_NAMESPACE.sub("tir.", record.name)
    return f"{record.depth}:{name}"


def _marked_moved(pairs: Sequence[PassPair]) -> list[PassPair]:
    alone = [pair for pair in pairs if pair.is_alone]
    ours = {_key(pair.baseline) for pair in alone if pair.baseline is not None}
    theirs = {_key(pair.candidate) for pair in alone if pair.candidate is not None}
    both = ours & theirs
    return [replace(pair, moved=True) if pair.is_alone and _key(pair.record) in both else pair for pair in pairs]
