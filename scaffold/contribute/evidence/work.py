"""What a step of evidence works with: the change, both builds, and the kit's verbs to ask."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from scaffold.builds.workspace import Workspace
from scaffold.contribute.change import Change
from scaffold.contribute.draft import Draft
from scaffold.contribute.evidence.model import StepRecord
from scaffold.contribute.evidence.sides import Sides
from scaffold.contribute.impact import Impact
from scaffold.progress import Progress
from scaffold.verbs import Said, ask_verb

NO_KERNEL = "the draft names no kernel: add one to kernels of pr.toml"
NO_GPU = "no GPU here"


@dataclass(frozen=True)
class Work:
    """What a step is given."""

    draft: Draft
    change: Change
    impact: Impact
    make_sides: Callable[[], Sides]
    workspace: Workspace
    progress: Progress
    corpus: str
    timeout_s: float

    @cached_property
    def sides(self) -> Sides:
        """Both builds, made when the first step asks for one: a build of the docs asks for none."""
        return self.make_sides()

    def ask(self, verb: str, words: Sequence[str], place: str = "") -> Said:
        """Ask a verb of the kit for its JSON, kept in the draft's folder of evidence, below ``place``."""
        folder = self.workspace.folder(self.draft.evidence / place)
        return ask_verb(verb, [*words, "--workspace", str(self.workspace.root)], folder, self.progress)

    @property
    def no_difference(self) -> str:
        """Why no code can differ, where it is so."""
        if not self.impact.generates:
            what = "no file that TileLang is built of or imports is changed"
            return f"{what}, so {'only examples' if self.impact.examples else 'no kernel'} can come out differently"
        return "both sides are one build" if self.sides.same else ""


def found(record: StepRecord, **fields: Any) -> StepRecord:
    """``record`` with what a step came to."""
    return msgspec.structs.replace(record, **fields)


def needless(record: StepRecord, why: str) -> StepRecord:
    """``record`` of a step that says nothing of this change, wherever it is run."""
    return msgspec.structs.replace(record, not_run=why)


def impossible(record: StepRecord, why: str) -> StepRecord:
    """``record`` of a step that would say something, and cannot be run here or as things are."""
    return msgspec.structs.replace(record, not_run=why, cannot=True)


def document_of(said: Said) -> dict[str, Any]:
    """The JSON of a verb; empty where it gave none."""
    read: dict[str, Any] = json.loads(said.document) if said.document else {}
    return read


def typed(verb: str, words: Sequence[str], shown: Mapping[str, str] | None = None) -> str:
    """The command as another person would type it: ``shown`` in place of words that are this machine's alone."""
    kept = [(shown or {}).get(word, word) for word in words]
    kept = [word.partition(":")[0] if word.startswith("build=worktree:") else word for word in kept]
    return f"python -m scaffold {verb} {shlex.join(kept)}"


def plain_name(text: str) -> str:
    """``text`` as part of a file's name."""
    return "".join(sign if sign.isalnum() or sign in "_-." else "-" for sign in text)
