"""Programs that rules run: their output caught, their whole group ended with us."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from scaffold.builds.process import run_logged
from scaffold.builds.source.git import FOREIGN_VARIABLES
from scaffold.contribute.preflight.model import RunTool, ToolResult
from scaffold.progress import Progress

#: Set by a git that started us from a hook, or by a user for themselves: CI has none of it.
_LEFT_OUT = (
    *FOREIGN_VARIABLES,
    *("PYTHONPATH", "PYTHONHOME", "SKIP", "PRE_COMMIT_COLOR"),
)
_MOST_OUTPUT = 2 * 1024 * 1024


def make_runner(root: Path, logs: Path, progress: Progress) -> RunTool:
    """What runs programs in ``root``; logs lie in ``logs`` while they do."""

    def run(
        command: Sequence[str], env: Mapping[str, str], *, at: Path | None = None, timeout_s: float | None = None
    ) -> ToolResult:
        logs.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=logs, prefix="run-", suffix=".log")
        os.close(descriptor)
        log = Path(name)
        kept = {key: value for key, value in os.environ.items() if key not in _LEFT_OUT}
        try:
            finished = run_logged(
                command, log=log, progress=progress, env={**kept, **env}, cwd=at or root, timeout_s=timeout_s
            )
            with log.open("rb") as file:
                output = file.read(_MOST_OUTPUT).decode("utf-8", "replace")
        except OSError as error:
            return ToolResult(127, "", missing=f"{command[0]} cannot be started: {error.strerror}")
        finally:
            log.unlink(missing_ok=True)
        if finished.timed_out:
            return ToolResult(
                finished.returncode, output, missing=f"{Path(command[0]).name} took longer than {timeout_s:.0f} s"
            )
        return ToolResult(finished.returncode, output)

    return run
