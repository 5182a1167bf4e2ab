"""Upstream's own pre-commit hooks, with the versions its CI runs."""

from __future__ import annotations

from scaffold.contribute.preflight.hooks.config import CONFIG
from scaffold.contribute.preflight.hooks.execute import HookRun, files_to_check, run_hooks
from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, quiet, unknown
from scaffold.contribute.preflight.rewriting import rewrite
from scaffold.errors import EnvironmentProblem

_MOST = 30


class Hooks(Rule):
    id = "hooks"
    title = "Upstream's pre-commit hooks pass, on new files too"
    why = "The lint job runs them on everything; the versions in requirements-lint.txt are others and disagree."
    link = "https://github.com/tile-ai/tilelang/blob/main/.pre-commit-config.yaml"
    cost = "CPU"

    def check(self, facts: Facts) -> Answer:
        if not (facts.change.root / CONFIG).is_file():
            return quiet(f"this checkout has no {CONFIG}")
        if not files_to_check(facts):
            return quiet("no file is left to look at")
        try:
            run = run_hooks(facts)
        except EnvironmentProblem as error:
            return unknown(error.message, fix=error.hint or "")
        if run.failed:
            return _failure(run)
        skipped = f"; not run: {'; '.join(run.unknown)}" if run.unknown else ""
        ran = sum(hook.word == "Passed" for hook in run.hooks)
        said = f"{ran} hooks on {len(files_to_check(facts))} files, {run.way}{skipped}"
        return unknown(said, fix="run them where github.com answers") if run.unknown else passed(said)

    def fix(self, facts: Facts) -> tuple[str, ...]:
        if not (facts.change.root / CONFIG).is_file() or not files_to_check(facts):
            return ()
        try:
            rewritten = run_hooks(facts).rewritten
        except EnvironmentProblem:
            return ()
        for path, (before, after) in rewritten.items():
            rewrite(facts, path, after, expected=before)
        return tuple(f"{path}: as upstream's hooks write it" for path in rewritten)


def _failure(run: HookRun) -> Answer:
    places = [f"{hook.id}: {line}" for hook in run.failed for line in hook.lines[:_MOST] if not _says_little(line)]
    places += [f"would be rewritten: {place}" for place in run.places]
    names = ", ".join(dict.fromkeys(hook.id for hook in run.failed))
    shown = places[:_MOST] + ([f"and {len(places) - _MOST} more"] if len(places) > _MOST else [])
    shown += ["lines are counted after rewriting"] if run.rewritten and any(hook.lines for hook in run.failed) else []
    shown += [f"not run: {text}" for text in run.unknown]
    count = len(run.failed)
    said = f"{count} hook{'s' if count > 1 else ''} fail{'s' if count == 1 else ''}: {names}; they came {run.way}"
    mends = "python -m scaffold preflight --fix" if run.rewritten else "mend these lines"
    if run.rewritten and any(not hook.modified for hook in run.failed):
        mends += " for what can be rewritten; the rest is yours"
    return failed(said, *shown, fix=mends)


def _says_little(line: str) -> bool:
    """Whether the diff below says the same, with the line."""
    return line.startswith(("Fixing ", "Fixed: ", "Sorting ", "Rewriting "))
