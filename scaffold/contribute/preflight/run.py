"""Ask every rule, each for itself: what one does not survive hides no other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scaffold.contribute.preflight.model import Answer, Cost, Facts, Rule, quiet, unknown
from scaffold.errors import ScaffoldError, UsageError
from scaffold.progress import Progress

#: What is asked unless ``--all`` says otherwise.
_CHEAP: tuple[Cost, ...] = ("instant", "CPU")
_ORDER: tuple[Cost, ...] = ("instant", "CPU", "build", "GPU")


@dataclass(frozen=True)
class Selection:
    """Which rules are asked: those named, or all but those skipped; dear ones only where ``everything`` is asked."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    everything: bool = False


@dataclass(frozen=True)
class Checked:
    """A rule and its answer; ``asked`` is false where it was left out for its cost or for another that failed."""

    rule: Rule
    answer: Answer
    asked: bool = True
    seconds: float = 0.0


def check_all(facts: Facts, rules: Mapping[str, Rule], selection: Selection, progress: Progress) -> tuple[Checked, ...]:
    """Every selected rule with its answer, in the order of ``rules``.

    Raises
    ------
    UsageError
        If a rule is named that there is not.
    """
    require_known((*selection.only, *selection.skip), rules)
    chosen = {
        name: rule
        for name, rule in rules.items()
        if (name in selection.only or not selection.only) and name not in selection.skip
    }
    done: dict[str, Checked] = {}
    for rule in in_order(chosen):
        done[rule.id] = _check(rule, facts, selection, done, progress)
    return tuple(done[name] for name in chosen)


def require_known(names: Sequence[str], rules: Mapping[str, Rule]) -> None:
    for name in names:
        if name not in rules:
            import difflib

            near = difflib.get_close_matches(name, rules, n=1, cutoff=0.4)
            raise UsageError(
                f"no check is called {name!r}",
                hint=f"did you mean {near[0]}?" if near else f"there are: {', '.join(rules)}",
            )


def in_order(rules: Mapping[str, Rule]) -> list[Rule]:
    """Cheap ones first, none before those it requires."""
    waiting = sorted(rules.values(), key=lambda rule: _ORDER.index(rule.cost))
    found: list[Rule] = []
    while waiting:
        open_ids = {rule.id for rule in waiting}
        free = next((rule for rule in waiting if not open_ids & set(rule.requires)), waiting[0])
        waiting.remove(free)
        found.append(free)
    return found


def _check(rule: Rule, facts: Facts, selection: Selection, done: Mapping[str, Checked], progress: Progress) -> Checked:
    if rule.kinds and facts.kind.name not in rule.kinds:
        return Checked(rule, quiet(f"not for kind {facts.kind.name}"))
    broken = [name for name in rule.requires if name in done and done[name].answer.word == "failed"]
    if broken:
        return Checked(rule, quiet(f"after {broken[0]}, which failed"), asked=False)
    started = time.monotonic()
    try:
        dear = rule.cost not in _CHEAP and rule.id not in selection.only
        if dear and not selection.everything and not rule.asked(facts):
            return Checked(rule, quiet(f"takes a {rule.cost}: --all, or --only {rule.id}"), asked=False)
        with progress.step(f"checking {rule.id}", lasting=False):
            answer = rule.check(facts)
    except ScaffoldError as error:
        answer = unknown(f"it could not be made: {error.message}", fix=error.hint or "")
    except Exception as error:  # noqa: BLE001 - a rule's fault is its own, and is said
        answer = unknown(f"the check itself failed: {type(error).__name__}: {error}", fix="please report it")
    return Checked(rule, answer, seconds=time.monotonic() - started)


def fix_all(checked: Sequence[Checked], facts: Facts, progress: Progress) -> tuple[str, ...]:
    """Let each rule that found something mend what is mechanical; says what was done."""
    done: list[str] = []
    for item in checked:
        if item.answer.word in ("failed", "warned") and type(item.rule).fix is not Rule.fix:
            with progress.step(f"mending {item.rule.id}"):
                try:
                    done += item.rule.fix(facts)
                except ScaffoldError as error:
                    done.append(f"{item.rule.id}: not mended: {error.message}")
    return tuple(done)


def can_fix(rule: Rule) -> bool:
    """Whether ``--fix`` does anything about it."""
    return type(rule).fix is not Rule.fix
