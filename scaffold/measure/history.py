"""What was measured before, as it is kept in the workspace: one file a run, named by when."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold.builds.workspace import Workspace
from scaffold.report.bench_history import HistoryEntry
from scaffold.report.bench_json import parse_bench_json


def read_history(workspace: Workspace, kernels: Sequence[str] = ()) -> list[HistoryEntry]:
    """Every row kept of ``kernels`` (none: of all), the oldest first; a file that is none of ours is passed over."""
    found = []
    for path in sorted((workspace.root / "bench").glob("*.json")):
        try:
            report = parse_bench_json(path.read_bytes())
        except (OSError, ValueError):
            continue
        found += [HistoryEntry(report, row, path.name) for row in report.rows if not kernels or row.kernel in kernels]
    return found
