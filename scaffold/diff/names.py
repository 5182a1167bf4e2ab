"""Match the names of two texts, so that a renamed variable is not a difference.

Names are matched, never renumbered: numbering names in order of appearance makes one inserted name shift all that
follow (measured on GEMM: it makes the real difference a third larger).
Only names the module binds itself are matched: loop variables, buffers, parameters, functions. An intrinsic is no name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from scaffold.diff.place import indentation
from scaffold.diff.text import opcodes
from scaffold.diff.tokens import nameless, names_in, tokens_of

_ASSIGNED = re.compile(r"^\s*([A-Za-z_]\w*)(?:: [^=]+)? = ")
_BOUND = re.compile(r"^\s*([A-Za-z_]\w*)(?:: [^=]+ = | = T\.)")
_LOOP_NAMES = re.compile(r"^\s*for ([\w, ]+) in ")
_DEFINED = re.compile(r"^\s*def (\w+)\((.*)\)")
_PARAMETER = re.compile(r"(\w+):")
_LET = re.compile(r"as (?<=\bas )(\w+):\s*\Z")  # a pattern that begins with its letters is found faster
_LAMBDA = re.compile(r"lambda ([\w, ]+):")


def bound_names(lines: Sequence[str]) -> frozenset[str]:
    """Names that the text itself introduces."""
    return frozenset().union(*filter(None, map(_bound_in, lines)))


@lru_cache(maxsize=65536)
def _bound_in(line: str) -> frozenset[str]:
    found: set[str] = set()
    for pattern in (_ASSIGNED, _LET):
        if match := pattern.search(line):
            found.add(match.group(1))
    if match := _LOOP_NAMES.match(line):
        found.update(name.strip() for name in match.group(1).split(","))
    if match := _DEFINED.match(line):
        found.add(match.group(1))
        found.update(_PARAMETER.findall(match.group(2)))
    for match in _LAMBDA.finditer(line):
        found.update(name.strip() for name in match.group(1).split(","))
    return frozenset(found)


def _loop_names(line: str) -> list[str]:
    match = _LOOP_NAMES.match(line)
    return [name.strip() for name in match.group(1).split(",")] if match else []


def match_names(baseline: Sequence[str], candidate: Sequence[str]) -> dict[str, str]:
    """Which of the candidate's names stands for which of the baseline's; names that match themselves are left out.

    Lines that are equal but for names vote, position by position; the most frequent pairs win, one to one.
    """
    ours, theirs = bound_names(baseline), bound_names(candidate)
    alike: Counter[tuple[str, str]] = Counter()
    for code in opcodes([nameless(line) for line in baseline], [nameless(line) for line in candidate]):
        if code.tag == "equal":
            left, right = baseline[code.before_start : code.before_end], candidate[code.after_start : code.after_end]
            alike.update(zip(left, right, strict=True))
    votes: Counter[tuple[str, str]] = Counter()
    for lines, times in alike.items():
        for names in _names_at_once(*lines):
            votes[names] += times
    mapping: dict[str, str] = {}
    taken: set[str] = set()
    for (left, right), _ in sorted(votes.items(), key=lambda item: (-item[1], item[0][0] != item[0][1], item[0])):
        if left in ours and right in theirs and right not in mapping and left not in taken:
            mapping[right] = left
            taken.add(left)
    return _without_collisions({right: left for right, left in mapping.items() if right != left}, theirs)


def _names_at_once(line: str, other: str) -> Iterable[tuple[str, str]]:
    """Names that stand at the same place of two lines, as often as they do; of a line and itself each name once."""
    if line == other:
        return ((name, name) for name in names_in(line))
    both = zip(tokens_of(line), tokens_of(other), strict=False)
    return ((left.text, right.text) for left, right in both if left.kind == right.kind == "name")


def _without_collisions(mapping: dict[str, str], theirs: frozenset[str]) -> dict[str, str]:
    """Drop a renaming onto a name that the candidate keeps using for something else."""
    while colliding := [right for right, left in mapping.items() if left in theirs and left not in mapping]:
        for right in colliding:
            del mapping[right]
    return mapping


def rename(lines: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    """The lines with ``mapping`` applied to their variables."""
    if not mapping:
        return list(lines)
    return [line if mapping.keys().isdisjoint(names_in(line)) else _rename_line(line, mapping) for line in lines]


def _rename_line(line: str, mapping: Mapping[str, str]) -> str:
    pieces, at = [], 0
    for token in tokens_of(line):
        if token.kind == "name" and token.text in mapping:
            pieces += [line[at : token.start], mapping[token.text]]
            at = token.start + len(token.text)
    return "".join([*pieces, line[at:]])


def _bind(pairs: Iterable[tuple[str, str]], forward: dict[str, str], backward: dict[str, str]) -> None:
    """Let names stand for each other from here on, whatever they stood for."""
    for one, other in pairs:
        backward.pop(forward.pop(one, ""), None)
        forward.pop(backward.pop(other, ""), None)
        forward[one], backward[other] = other, one


def same_up_to_names(baseline: Sequence[str], candidate: Sequence[str]) -> bool:
    """Whether a one-to-one renaming of bound names turns one text into the other, exactly.

    A loop's variables are names of its body alone, and what a block binds is a name of that block: the printer gives a
    name again where it is free, so two may share one on one side and have one each on the other.
    """
    if [nameless(line) for line in baseline] != [nameless(line) for line in candidate]:
        return False
    ours, theirs = bound_names(baseline), bound_names(candidate)
    forward: dict[str, str] = {}
    backward: dict[str, str] = {}
    outside: list[tuple[int, dict[str, str], dict[str, str]]] = []
    for left_line, right_line in zip(baseline, candidate, strict=True):
        if indentation(left_line) != indentation(right_line):
            return False
        while outside and indentation(left_line) <= outside[-1][0]:
            _, forward, backward = outside.pop()
        loops = _loop_names(left_line), _loop_names(right_line)
        if any(loops):
            if len(loops[0]) != len(loops[1]):
                return False
            outside.append((indentation(left_line), forward, backward))
            forward, backward = dict(forward), dict(backward)
            _bind(zip(*loops, strict=True), forward, backward)
        assigned = _BOUND.match(left_line), _BOUND.match(right_line)
        if assigned[0] and assigned[1]:
            # Known to the end of the block that the line is in, whose names are kept apart once.
            around = indentation(left_line) - 1
            if not outside or outside[-1][0] < around:
                outside.append((around, forward, backward))
                forward, backward = dict(forward), dict(backward)
            _bind([(assigned[0][1], assigned[1][1])], forward, backward)
        left_tokens = [token for token in tokens_of(left_line) if token.kind != "comment"]
        right_tokens = [token for token in tokens_of(right_line) if token.kind != "comment"]
        if len(left_tokens) != len(right_tokens):
            return False
        for left, right in zip(left_tokens, right_tokens, strict=True):
            if left.kind != right.kind:
                return False
            if left.kind == "name" and (left.text in ours or right.text in theirs):
                if left.text not in ours or right.text not in theirs:
                    return False
                if forward.setdefault(left.text, right.text) != right.text:
                    return False
                if backward.setdefault(right.text, left.text) != left.text:
                    return False
            elif left.text != right.text:
                return False
    return True
