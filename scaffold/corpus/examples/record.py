"""A run of many examples: what it is of, what came of it, and where that is kept."""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from scaffold.corpus.examples.model import ExampleResult, Outcome, Totals

#: Folders of earlier runs that are kept.
_MOST_RUNS_KEPT = 20


@dataclass
class Campaign:
    """A run of many examples: with what, of which tree, and what came of it so far."""

    build: str
    tree: str
    tree_version: str
    tree_words: str
    asked: int
    folder: Path
    started_at: str
    results: list[ExampleResult] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def totals(self) -> Totals:
        return Totals.of(self.results)

    @property
    def gpus(self) -> tuple[str, ...]:
        """Names of the GPUs that something ran on."""
        return tuple(sorted({result.gpu for result in self.results if result.gpu}))

    @property
    def bad(self) -> list[Outcome]:
        return [outcome for result in self.results for outcome in result.bad]

    def log_of(self, path: str) -> Path:
        return self.folder / (re.sub(r"[^\w.-]+", "-", path.removeprefix("examples/")) + ".log")


def make_folder(parent: Path) -> Path:
    """A new folder for a run, named by the time; the oldest go where there are many.

    A run that was killed leaves ``results.jsonl``, a line a result; ``results.json`` is written when all is done.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for old in sorted(path for path in parent.iterdir() if path.is_dir())[: -_MOST_RUNS_KEPT + 1]:
        shutil.rmtree(old, ignore_errors=True)
    folder = parent / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    return folder
