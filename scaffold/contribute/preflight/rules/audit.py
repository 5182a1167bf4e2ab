"""Upstream's own audit of its C++ interfaces: what this change adds to it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffold.contribute.preflight.model import Answer, Facts, Rule, passed, quiet, unknown, warned
from scaffold.contribute.scratch import folders_at_base

_SCRIPT = "maint/scripts/audit_cpp_api_style.py"
_TIMEOUT_S = 120.0
_HEADERS = (".h", ".hh", ".hpp", ".cuh")


class CppAudit(Rule):
    id = "cpp-audit"
    title = "Upstream's audit of C++ interfaces finds nothing new"
    why = "CI shows its findings as warnings on the pull request; reviewers ask for names in its style."
    link = "https://github.com/tile-ai/tilelang/blob/main/docs/developer_guide/cpp_style.md"
    cost = "CPU"

    def check(self, facts: Facts) -> Answer:
        changed = [file for file in facts.change.files if file.path.startswith("src/") and file.path.endswith(_HEADERS)]
        if not changed:
            return quiet("no C++ header is changed, and the audit looks at no other file")
        if not (facts.change.root / _SCRIPT).is_file():
            return unknown(f"this checkout has no {_SCRIPT}")
        now = _findings(facts, facts.change.root)
        with folders_at_base(facts.change, facts.tools / "scratch", "src") as folder:
            before = _findings(facts, folder)
        if isinstance(now, str) or isinstance(before, str):
            return unknown(now if isinstance(now, str) else str(before))
        names = {file.before: file.path for file in changed if file.before}
        known = Counter(_key(item, names) for item in before)
        paths = {file.path for file in changed}
        new = []
        for item in now:
            if known[_key(item, {})] > 0:
                known[_key(item, {})] -= 1
            elif item.get("path") in paths:
                new.append(item)
        if new:
            places = [f"{item['path']}:{item['line']}: {item['rule']} {item['message']}" for item in new]
            return warned(f"{len(new)} new finding{'s' if len(new) > 1 else ''}", *places, fix="rename, or say why not")
        return passed("nothing new")


def _key(item: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, ...]:
    """A finding without its line, which moves."""
    path = str(item.get("path"))
    return (names.get(path, path), *(str(item.get(field)) for field in ("rule", "symbol", "snippet")))


def _findings(facts: Facts, at: Path) -> list[dict[str, Any]] | str:
    """What the script of the checkout finds there; a text says why it cannot."""
    script = facts.change.root / _SCRIPT
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    done = facts.run([sys.executable, "-I", str(script), "--json"], env, at=at, timeout_s=_TIMEOUT_S)
    if done.missing or done.code:
        return done.missing or f"the audit ended with {done.code}: {_last(done.output)}"
    try:
        found = json.loads(done.output)["findings"]
    except (ValueError, KeyError, TypeError):
        return f"the audit printed no JSON: {_last(done.output)}"
    return [item for item in found if isinstance(item, dict)]


def _last(output: str) -> str:
    return (output.strip().splitlines() or ["nothing"])[-1][:200]
