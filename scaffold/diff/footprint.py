"""What a kernel needs of a thread block, and whether two kernels are one and the same machine code."""

from __future__ import annotations

from scaffold.diff.equality import Tier
from scaffold.diff.metrics import measure
from scaffold.diff.state import Text, compare_texts
from scaffold.trace.model import TraceFile


def shared_bytes(file: TraceFile) -> int | None:
    """Shared memory of one block in bytes, static and dynamic, as the device code declares it."""
    trace = file.trace
    passes = [record for record in trace.passes if record.after]
    if trace.failure is not None or not passes:
        return None
    sizes = measure(file.text(passes[-1].after)).buffer_bytes
    return sum(count for scope, count in sizes.items() if scope.startswith("shared"))


def same_code(baseline: TraceFile, candidate: TraceFile) -> bool | None:
    """Whether both come to the same instructions, launched alike; ``None`` where that cannot be told.

    On a GPU the disassembly decides, without addresses; for a target whose source a compiler of the host turns into
    instructions, that source. How a kernel is launched is in its host module.
    """
    kind = "sass" if baseline.trace.kernel.target.startswith("cuda") else "source"
    codes = [file.trace.artifact(kind) for file in (baseline, candidate)]  # type: ignore[arg-type]
    if any(code is None or code.digest is None for code in codes):
        return None
    ours, theirs = (code.digest for code in codes if code is not None)
    return ours == theirs and _launched_alike(baseline, candidate)


def _launched_alike(baseline: TraceFile, candidate: TraceFile) -> bool:
    hosts = [file.trace.artifact("host-module") for file in (baseline, candidate)]
    texts = [file.text(host.digest) if host else "" for file, host in zip((baseline, candidate), hosts, strict=True)]
    if texts[0] == texts[1]:
        return bool(texts[0])
    ours, theirs = (Text(lines, lines) for lines in (text.splitlines() for text in texts))
    return compare_texts(ours, theirs).tier is not Tier.DIFFERENT
