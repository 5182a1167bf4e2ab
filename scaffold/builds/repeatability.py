"""How often a kernel lowered to one and the same result in a build, kept so that the next comparison can use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scaffold.builds.build import Build
from scaffold.builds.content import content_digest
from scaffold.builds.workspace import Workspace
from scaffold.files import write_atomically
from scaffold.trace.model import TraceFile, text_digest


def known_lowerings(file: TraceFile, build: Build, workspace: Workspace) -> int:
    """Number of earlier lowerings of the kernel of ``file`` in ``build`` that all came out as this one.

    0 if any came out differently: what it depends on may have changed since.
    """
    try:
        known: dict[str, Any] = json.loads(_path(file, build, workspace).read_bytes())
        return int(known["lowerings"]) if known["result"] == result_digest(file) else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def keep_lowerings(file: TraceFile, lowerings: int, build: Build, workspace: Workspace) -> None:
    """Remember that so many lowerings came out as ``file``, and none differently."""
    document = {"lowerings": lowerings, "result": result_digest(file)}
    write_atomically(_path(file, build, workspace), json.dumps(document).encode())


def result_digest(file: TraceFile) -> str:
    """Of what must be equal between lowerings: the module after every pass, and the generated source."""
    source = file.trace.artifact("source")
    passes = [(record.name, record.after) for record in file.trace.passes]
    return text_digest(repr((passes, source.digest if source else None)))


def _path(file: TraceFile, build: Build, workspace: Workspace) -> Path:
    kernel = file.trace.kernel
    asked = (kernel.source, kernel.source_sha256, kernel.target_string)
    settings = (sorted(kernel.parameters.items()), sorted(kernel.pass_configs.items()))
    key = text_digest(repr((content_digest(build, workspace), asked, settings)))
    return workspace.cache / "lowerings" / f"{key[:32]}.json"
