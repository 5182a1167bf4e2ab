"""The one way in which ``--fix`` writes into the checkout: files of the change only, whole, and kept as they were."""

from __future__ import annotations

import time
from pathlib import Path

from scaffold.contribute.preflight.model import Facts
from scaffold.errors import EnvironmentProblem
from scaffold.files import write_atomically


def rewrite(facts: Facts, path: str, data: bytes, *, expected: bytes) -> Path:
    """Replace a file of the change, if it is still what was looked at; returns where the former is kept.

    Raises
    ------
    EnvironmentProblem
        If it is no file of the change, or was edited meanwhile.
    """
    full = facts.change.root / path
    if path not in facts.change.present or full.is_symlink() or not full.is_file():
        raise EnvironmentProblem(f"{path} is no file of this change", hint="mend it by hand")
    if full.read_bytes() != expected:
        raise EnvironmentProblem(f"{path} was edited while it was looked at", hint="run preflight --fix once more")
    kept = facts.tools / "before-fix" / time.strftime("%Y%m%d-%H%M%S") / path
    write_atomically(kept, expected)
    write_atomically(full, data)
    return kept
