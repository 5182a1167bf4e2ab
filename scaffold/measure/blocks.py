"""A block: one fresh process of one build that times several kernels, and what came of each.

A kernel that takes the process along, or leaves the device unusable, is reported so; those after it get a new process.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scaffold.builds.build import Build
from scaffold.builds.probing import last_line, own_folder, run_in
from scaffold.builds.process import Finished
from scaffold.builds.script_end import how_ended
from scaffold.builds.serving import ProbeServer
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem
from scaffold.probe.protocol import PROTOCOL_VERSION, BenchRequest, TimedKernel, encode_request
from scaffold.progress import Progress
from scaffold.report.bench_view import OutputError
from scaffold.trace.spool import lines_of


@dataclass(frozen=True)
class KernelBlock:
    """What one block says of one kernel, times in milliseconds; ``begun_at`` and ``ended_at`` in seconds since 1970.

    ``failure`` is why it did not come to its end, empty where it did; ``stage`` how far it came. ``wrong``: its outputs
    are not what they should be.
    """

    key: str
    compile_ms: float | None = None
    binary_bytes: int | None = None
    outputs: tuple[OutputError, ...] = ()
    device: str = ""
    samples_ms: tuple[float, ...] = ()
    method: str = ""
    notes: tuple[str, ...] = ()
    begun_at: float | None = None
    ended_at: float | None = None
    failure: str = ""
    stage: str = ""

    @property
    def wrong(self) -> bool:
        return self.stage == "check" and bool(self.failure)


@dataclass(frozen=True)
class Bench:
    """Where blocks of one build run: its process, TileLang's cache of compiled kernels, variables that name the GPU.

    ``packages`` are folders of what the build lacks and upstream's own cases import.
    """

    build: Build
    workspace: Workspace
    cache: Path
    environment: Mapping[str, str]
    timeout_s: float
    progress: Progress
    server: ProbeServer | None = None
    packages: tuple[str, ...] = ()

    def run(self, items: Sequence[TimedKernel]) -> dict[str, KernelBlock]:
        """Time ``items``, in order, by their keys.

        Raises
        ------
        EnvironmentProblem
            If TileLang does not import in the build.
        """
        found: dict[str, KernelBlock] = {}
        left = list(items)
        while left:
            done = self._once(left)
            found.update(done)
            left = left[max(1, len(done)) :]
        return found

    def _once(self, items: Sequence[TimedKernel]) -> dict[str, KernelBlock]:
        """One process; what it came to, in order. At least one kernel is told of."""
        folder = own_folder(self.workspace)
        try:
            request = BenchRequest(PROTOCOL_VERSION, list(items), str(folder / "spool.jsonl"), list(self.packages))
            (folder / "request.json").write_text(json.dumps(encode_request(request)), encoding="utf-8")
            self.cache.mkdir(parents=True, exist_ok=True)
            finished = run_in(
                "bench",
                self.build,
                folder,
                server=self.server,
                progress=self.progress,
                timeout_s=self.timeout_s * len(items),
                environment={
                    **self.environment,
                    # A kernel is compiled once a side, and loaded in every later block of this run.
                    "TILELANG_DISABLE_CACHE": "0",
                    "TILELANG_CACHE_DIR": str(self.cache),
                },
            )
            return self._told(folder / "spool.jsonl", finished, items)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _told(self, spool: Path, finished: Finished, items: Sequence[TimedKernel]) -> dict[str, KernelBlock]:
        found: dict[str, KernelBlock] = {}
        for kind, value in lines_of(spool):
            if kind == "failure":
                raise EnvironmentProblem(
                    f"TileLang does not import in {self.build.name}: {value['error']}: {last_line(value['message'])}",
                    hint=f"see it whole: {self.build.python} -c 'import tilelang'",
                )
            if kind == "bench":
                key = value["key"]
                found[key] = _with(found.get(key, KernelBlock(key)), value)
        key = next(reversed(found), items[0].key)
        block = found.get(key, KernelBlock(key))
        is_whole = finished.returncode == 0 and not finished.timed_out
        if not block.failure and not is_whole:
            how = f"did not end within {self.timeout_s:g} s" if finished.timed_out else how_ended(finished)
            found[key] = replace(block, failure=how, stage="crash", samples_ms=())
        return found


def _with(block: KernelBlock, value: Mapping[str, Any]) -> KernelBlock:
    """The block with one more line of it."""
    match value["event"]:
        case "compiled":
            return replace(block, compile_ms=value["compile_ms"], binary_bytes=value["binary_bytes"])
        case "checked":
            outputs = tuple(OutputError(**item) for item in value["outputs"])
            return replace(block, device=value["device"], outputs=outputs)
        case "timed":
            return replace(
                block,
                samples_ms=tuple(value["samples_ms"]),
                method=value["method"],
                notes=tuple(value["notes"]),
                begun_at=value["begun_at"],
                ended_at=value["ended_at"],
            )
        case "failed":
            said = value["message"] if value["stage"] == "check" else f"{value['error']}: {value['message']}"
            return replace(block, failure=said, stage=value["stage"], samples_ms=())
    return block
