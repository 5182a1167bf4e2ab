"""Three tiers of equality of two texts, the strictest first."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from scaffold.diff.names import same_up_to_names
from scaffold.diff.place import indentation
from scaffold.diff.tokens import nameless, tokens_of


class Tier(IntEnum):
    """How equal two texts are; a higher tier is a weaker claim.

    ``BYTES``: the same text. ``STRUCTURE``: the same words in the same order once comments and blank lines are gone.
    ``NAMES``: the same after a one-to-one renaming of the names the module binds. ``DIFFERENT``: none of these.
    """

    BYTES = 1
    STRUCTURE = 2
    NAMES = 3
    DIFFERENT = 4

    @property
    def label(self) -> str:
        return {
            Tier.BYTES: "same bytes",
            Tier.STRUCTURE: "same structure",
            Tier.NAMES: "same after matching names",
            Tier.DIFFERENT: "different",
        }[self]


def equality(baseline: str, candidate: str) -> Tier:
    """The strictest tier in which two texts are equal."""
    if baseline == candidate:
        return Tier.BYTES
    return equality_of_lines(baseline.splitlines(), candidate.splitlines())


def equality_of_lines(baseline: Sequence[str], candidate: Sequence[str]) -> Tier:
    """The same of two texts that are not the same bytes."""
    ours, theirs = _statements(baseline), _statements(candidate)
    if len(ours) != len(theirs):
        return Tier.DIFFERENT
    if all(one == other or _words(one) == _words(other) for one, other in zip(ours, theirs, strict=True)):
        return Tier.STRUCTURE
    return Tier.NAMES if same_up_to_names(ours, theirs) else Tier.DIFFERENT


def _statements(lines: Sequence[str]) -> list[str]:
    """Lines that are more than a comment; a written-out layout counts, though it is printed like one."""
    return [line for line in lines if nameless(line)]


def _words(line: str) -> list[str]:
    """The words of a line; its indentation, which is structure in this language, is the first."""
    words = [token.text for token in tokens_of(line) if token.kind != "comment"]
    return [" " * indentation(line), *words]
