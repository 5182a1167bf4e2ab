"""How often a kernel lowered to one and the same result in a build, kept so that the next comparison can use it."""

from __future__ import annotations

import json
from typing import Any

from scaffold.builds.workspace import Workspace
from scaffold.files import write_atomically
from scaffold.trace.model import TraceFile, text_digest


class Repeatability:
    """What is known of one kernel in one build: the number of lowerings that all came out alike."""

    def __init__(self, file: TraceFile, build_digest: str, workspace: Workspace) -> None:
        kernel = file.trace.kernel
        settings = (sorted(kernel.parameters.items()), sorted(kernel.pass_configs.items()))
        key = text_digest(repr((build_digest, kernel.source, kernel.source_sha256, kernel.target_string, settings)))
        self._path = workspace.cache / "lowerings" / f"{key[:32]}.json"
        self._result = result_digest(file)

    def known(self) -> int:
        """Number of earlier lowerings that all came out as this one; 0 if any did not: its input may have changed."""
        try:
            known: dict[str, Any] = json.loads(self._path.read_bytes())
            return int(known["lowerings"]) if known["result"] == self._result else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def keep(self, lowerings: int) -> None:
        """Remember that so many came out as this one, and none differently."""
        write_atomically(self._path, json.dumps({"lowerings": lowerings, "result": self._result}).encode())


def result_digest(file: TraceFile) -> str:
    """Of what must be equal between lowerings: the module after every pass, and the generated source."""
    source = file.trace.artifact("source")
    passes = [(record.name, record.after) for record in file.trace.passes]
    return text_digest(repr((passes, source.digest if source else None)))
