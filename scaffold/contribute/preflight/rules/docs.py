"""Upstream builds its documentation only after the merge: here it is built before."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import sys
from pathlib import Path

from scaffold.builds.environment import Environment
from scaffold.contribute.preflight.model import Answer, Facts, Rule, failed, passed, quiet, unknown, warned
from scaffold.contribute.scratch import scratch_copy
from scaffold.errors import ScaffoldError
from scaffold.files import write_atomically
from scaffold.progress import Progress

_REQUIREMENTS = "docs/requirements.txt"
_TIMEOUT_S = 900.0
_MESSAGE = re.compile(r"^(?P<place>.*?\.(?:md|rst|py)(?::\d+)?): (?P<word>WARNING|ERROR|CRITICAL): (?P<what>.*)$")
_MOST = 20
#: Of the last build, in the kit's workspace.
_KEPT = "docs-answer.json"
#: Ends the message of an answer that was kept.
BUILT_BEFORE = " (built before)"


class DocsBuild(Rule):
    id = "docs-build"
    title = "The documentation builds"
    why = "Upstream builds it only after the merge: a page that breaks is seen by its readers first."
    link = "https://github.com/tile-ai/tilelang/blob/main/.github/workflows/publish-docs.yml"
    cost = "build"

    def asked(self, facts: Facts) -> bool:
        return facts.kind.expects.docs and bool(_pages(facts))

    def check(self, facts: Facts) -> Answer:
        pages = _pages(facts)
        if not pages:
            return quiet("no page of docs/ is changed")
        if not (facts.change.root / _REQUIREMENTS).is_file():
            return unknown(f"this checkout has no {_REQUIREMENTS}")
        key = _key(facts)
        if (kept := _kept(facts, key)) is not None:
            return kept
        answer = _build(facts, pages)
        if answer.word != "unknown":
            document = {"key": key, **dataclasses.asdict(answer)}
            write_atomically(facts.tools / _KEPT, json.dumps(document).encode())
        return answer


def _key(facts: Facts) -> str:
    """What the result depends on: minutes are not spent twice on one state of the branch."""
    return hashlib.sha256(facts.change.base.encode() + facts.change.patch).hexdigest()


def _kept(facts: Facts, key: str) -> Answer | None:
    """The answer of the last build, if it was of this state."""
    try:
        document = json.loads((facts.tools / _KEPT).read_bytes())
        if document["key"] != key or document["word"] not in ("passed", "warned", "failed"):
            return None
        message = f"{document['message']}{BUILT_BEFORE}"
        return Answer(document["word"], message, tuple(map(str, document["places"])), str(document["fix"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(facts: Facts, pages: list[str]) -> Answer:
    """Build a copy of the branch."""
    try:
        python = _environment(facts)
    except ScaffoldError as error:
        return unknown(f"what builds the documentation cannot be installed: {error.message}", fix=error.hint or "")
    with scratch_copy(facts.change, facts.tools / "scratch") as folder:
        command = [str(python), "-m", "sphinx", "-b", "html", "-j", "auto", "docs", str(folder.parent / "html")]
        done = facts.run(command, {"LC_ALL": "C.UTF-8"}, at=folder, timeout_s=_TIMEOUT_S)
        said = [line.replace(f"{folder.resolve()}/", "").replace(f"{folder}/", "") for line in done.output.splitlines()]
    if done.missing:
        return unknown(done.missing)
    messages = [match for line in said if (match := _MESSAGE.match(line))]
    if done.code:
        last = [line for line in said if line.strip()][-_MOST:]
        return failed(f"sphinx ended with {done.code}", *last, fix="mend the page")
    ours = [match[0] for match in messages if match["place"].partition(":")[0].startswith(tuple(pages))]
    if ours:
        return warned("sphinx warns about pages of this change", *ours[:_MOST], fix="mend the page")
    others = f"; {len(messages)} warnings about other pages" if messages else ""
    return passed(f"{len(pages)} page{'s' if len(pages) > 1 else ''} changed{others}")


def _pages(facts: Facts) -> list[str]:
    return [file.path for file in facts.change.files if file.path.startswith("docs/")]


def _environment(facts: Facts) -> Path:
    """An interpreter with upstream's requirements, installed once for each wording of them."""
    wanted = (facts.change.root / _REQUIREMENTS).read_bytes()
    key = hashlib.sha256(wanted + sys.version.encode()).hexdigest()[:12]
    environment = Environment(facts.tools / f"docs-{key}", Progress(verbosity=0))
    whole = environment.folder / "whole"
    if not whole.is_file():
        environment.create()
        requirements = environment.folder / "requirements.txt"
        requirements.write_bytes(wanted)
        # At the versions that upstream would get today, not at ours.
        environment.install(["-r", str(requirements)], locked=False)
        whole.touch()
    return environment.python
