"""A trace as numbered files, for grep, diff and an editor."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scaffold.trace.model import PassRecord, TraceFile

_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")
#: Longest name of a file without number and suffix, in characters; file systems take 255 in all.
_LONGEST_NAME = 120


def dump_files(file: TraceFile) -> Iterator[tuple[str, str]]:
    """Relative name and content of every file: ``000-input.tir``, ``017-tl.LowerTileOp.tir``, ``kernel.cu``.

    Every pass has its file, also one that changed nothing, so that a number always means the same pass; ``index.txt``
    says which did.
    """
    yield "000-input.tir", file.text(file.trace.input)
    for record in file.trace.passes:
        if record.after is not None:
            yield f"{record.sequence + 1:03d}-{_safe(record.shown_name)}.tir", file.text(record.after)
    for artifact in file.trace.artifacts:
        if artifact.digest is not None:
            suffix = "" if "." in artifact.name else ".tir"
            yield f"{_safe(artifact.name)}{suffix}", file.text(artifact.digest)
    yield "index.txt", "".join(f"{line}\n" for line in _index(file))


def _index(file: TraceFile) -> Iterator[str]:
    kernel, build = file.trace.kernel, file.trace.build
    settings = {**kernel.parameters, **kernel.pass_configs}
    yield f"{kernel.name} for {kernel.target}, {build.name} (TileLang {build.tilelang_version})"
    yield " ".join(f"{key}={value}" for key, value in sorted(settings.items()))
    yield ""
    for record in file.trace.passes:
        name = "  " * record.depth + record.shown_name
        yield f"{record.sequence + 1:03d} {_did(record):9} {name}  {record.caller or ''}".rstrip()
    for artifact in file.trace.artifacts:
        if artifact.missing is not None:
            yield f"    missing   {artifact.name}: {artifact.missing}"


def _did(record: PassRecord) -> str:
    if record.after is None:
        return "raised"
    return "changed" if record.after != record.before else "unchanged"


def _safe(name: str) -> str:
    """A name that is a name on every file system, whatever a trace from elsewhere says."""
    return _UNSAFE.sub("-", name).strip("-.")[:_LONGEST_NAME] or "unnamed"
