"""An upstream tree made up for a test, and what stands in for a GPU and for what a build has."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from scaffold.corpus.examples.discover import discover
from scaffold.corpus.examples.facts import BuildFacts
from scaffold.corpus.examples.model import Example, ExampleJob
from scaffold.corpus.gpus import GpuSlot

HOPPER = GpuSlot(0, "0", "test-hopper", "NVIDIA H200", "cuda", "sm_90a", (9, 0))
AMPERE = GpuSlot(1, "1", "test-ampere", "NVIDIA A100", "cuda", "sm_80", (8, 0))
INSTINCT = GpuSlot(0, "0", "test-instinct", "AMD gfx942", "hip", "gfx942")

#: What an interpreter without TileLang has, said to be a build's.
FACTS = BuildFacts("wheel:9.9.9", "9.9.9", "2.0", sys.version_info[:2], frozenset({"pytest", "numpy"}), 1)

GUARD = "\nif __name__ == '__main__':\n    main()\n"


def make_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Files of a tree, by their path below ``examples`` unless it begins with ``/``."""
    for path, text in files.items():
        full = root / path[1:] if path.startswith("/") else root / "examples" / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    (root / "examples").mkdir(parents=True, exist_ok=True)
    return root


def examples_of(tree: Path) -> dict[str, Example]:
    return {example.shown: example for example in discover(tree).examples}


def job_of(example: Example, tree: Path, work: Path, **changes: object) -> ExampleJob:
    settings: dict[str, object] = {
        "example": example,
        "tree": str(tree),
        "build": FACTS.build,
        "python": sys.executable,
        "timeout_s": 30.0,
        "scratch": str(work),
        "cache": str(work / "cache"),
        **changes,
    }
    return ExampleJob(**settings)  # type: ignore[arg-type]
