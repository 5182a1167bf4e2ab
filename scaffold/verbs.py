"""The kit's own verbs, asked as a user would ask them: each in a process of its own, for its JSON."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.progress import Progress


@dataclass(frozen=True)
class Said:
    """What a verb came to: its JSON, or why there is none."""

    document: bytes = b""
    missing: str = ""


def ask_verb(verb: str, words: Sequence[str], folder: Path, progress: Progress) -> Said:
    """Run ``verb`` for its JSON, which is left in ``folder``."""
    answer = folder / f"{verb}.json"
    answer.unlink(missing_ok=True)
    command = [verb, *words, "-q", "-o", str(answer)]
    progress.echo(" ".join(command))
    with progress.step(verb):
        finished = run_verb(command)
    if answer.is_file():
        return Said(answer.read_bytes())
    said = finished.stderr.strip().splitlines() or [f"it said nothing (exit code {finished.returncode})"]
    error = next((line for line in said if line.startswith("error[")), said[-1])
    return Said(missing=error.partition("]: ")[2] or error)


def run_verb(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """A verb as a user would run it, in a process of its own."""
    root = Path(__file__).parents[1]
    return subprocess.run([sys.executable, "-c", _MAIN, str(root), *words], capture_output=True, text=True, check=False)


#: The kit as it runs here, wherever it was started.
_MAIN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from scaffold.cli.main import main; sys.exit(main())"
