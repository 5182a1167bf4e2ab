"""What one hunk of a difference says: which operations it brings and takes away, or which statement it changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from scaffold.diff.text import Line
from scaffold.diff.tokens import expression_of, nameless
from scaffold.diff.vocabulary import CONTROL, SIGNATURE, spoken_of

#: Words of each sign that are named, lines of an excerpt, and characters of one of its lines.
_MOST_NAMED = 4
_MOST_LINES = 14
_MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class Told:
    """What one hunk says. ``families`` are those it is about."""

    key: str
    words: str
    families: tuple[str, ...]
    pair: tuple[str | None, str | None]
    excerpt: tuple[str, ...]
    lines: int


def tell(lines: Sequence[Line]) -> Told | None:
    """What a hunk says; ``None`` where its sides differ in names only."""
    removed, added = changed_beyond_names(lines)
    if not removed and not added:
        return None
    ours, theirs = _spoken(removed), _spoken(added)
    gained = {family: word for family, word in theirs.items() if family not in ours}
    lost = {family: word for family, word in ours.items() if family not in theirs}
    telling = [_operations(gained), _operations(lost)]
    if any(telling):
        gained, lost = telling
        key = f"+{' +'.join(sorted(gained))} -{' -'.join(sorted(lost))}"
        words, families = _signed(gained, lost), (*gained, *lost)
    else:
        heads = _heads([*removed, *added])
        how = _signed(gained, lost) or _other(removed, added, heads)
        # What is only arranged otherwise is no statement of its own.
        what = {family: word for family, word in heads.items() if family not in gained and family not in lost}
        key = f"{' '.join(sorted(what))}: {how}"
        words, families = f"{_listed(what.values())}: {how}" if what else how, (*heads,)
        gained = lost = {}
    pair = _best(removed, lost or families), _best(added, gained or families)
    return Told(key, words, families, pair, excerpt(lines, pair), len(removed) + len(added))


def changed_beyond_names(lines: Iterable[Line]) -> tuple[list[str], list[str]]:
    """Lines that were removed and added, without those that differ in names only."""
    texts: dict[str, list[str]] = {"-": [], "+": [], " ": []}
    for line in lines:
        if line.text.strip():
            texts[line.kind].append(line.text)
    return _beyond_names(texts["-"], texts["+"]), _beyond_names(texts["+"], texts["-"])


def _beyond_names(lines: Sequence[str], others: Sequence[str]) -> list[str]:
    """Lines that are not among the others but for names; so one that only moved is left out, too."""
    known = Counter(map(nameless, others))
    kept = []
    for line in lines:
        blank = nameless(line)
        if known[blank] > 0:
            known[blank] -= 1
        else:
            kept.append(line)
    return kept


def _spoken(lines: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        for family, word in spoken_of(line).items():
            found.setdefault(family, word)
    return found


def _operations(families: Mapping[str, str]) -> dict[str, str]:
    """Those that say what is done, and not how it is arranged."""
    return {family: word for family, word in families.items() if family not in CONTROL and family != SIGNATURE}


def _heads(lines: Sequence[str]) -> dict[str, str]:
    """What the statements are, each by its first word that says what it does."""
    heads: dict[str, str] = {}
    for line in lines:
        spoken = spoken_of(line)
        done = _operations(spoken) or spoken
        heads |= dict([next(iter(done.items()))]) if done else {}
    return _operations(heads) or heads or {"assignment": "assignments"}


def _other(removed: Sequence[str], added: Sequence[str], heads: Mapping[str, str]) -> str:
    """What of the same statements is another."""
    if Counter(map(expression_of, removed)) == Counter(map(expression_of, added)):
        return "other numbers"
    if heads.keys() <= CONTROL:
        return "another condition" if "for" not in heads else "other bounds"
    return "other arguments" if "assignment" not in heads and SIGNATURE not in heads else "other expressions"


def _signed(gained: Mapping[str, str], lost: Mapping[str, str]) -> str:
    return " ".join(
        f"{sign}{word}" for sign, words in (("+", gained), ("-", lost)) for word in _first(tuple(words.values()))
    )


def _listed(words: Iterable[str]) -> str:
    return ", ".join(_first(tuple(words)))


def _first(words: Sequence[str]) -> list[str]:
    more = len(words) - _MOST_NAMED
    return [*words[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]


def _best(lines: Sequence[str], wanted: Collection[str]) -> str | None:
    """The line that shows it: one that speaks of what is wanted and is no declaration, or else does anything at all."""
    speaking = [line for line in lines if any(family in wanted for family in spoken_of(line))]
    doing = [line for line in lines if _operations(spoken_of(line)) or not spoken_of(line)]
    telling = [line for line in speaking if "(" in line or " = " in line]
    return next((line.strip() for line in (*telling, *speaking, *doing, *lines)), None)


def excerpt(lines: Sequence[Line], pair: tuple[str | None, str | None]) -> tuple[str, ...]:
    """Some lines of a hunk with their signs, from a little above the telling ones on, less their common indentation."""
    at = next((at for at, line in enumerate(lines) if line.kind != " " and line.text.strip() in pair), 0)
    start = max(0, min(at - 2, len(lines) - _MOST_LINES))
    shown = lines[start : start + _MOST_LINES]
    shared = min((len(line.text) - len(line.text.lstrip(" ")) for line in shown if line.text.strip()), default=0)
    return tuple(f"{line.kind}{line.text[shared:][:_MOST_CHARACTERS]}" for line in shown)
