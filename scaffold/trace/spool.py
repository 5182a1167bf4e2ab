"""Read what a probe wrote, as far as it came."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.trace.model import Failure, PassRecord, PassTiming


@dataclass
class Spool:
    """The lines of one probe, sorted by kind. ``ended`` is false when the probe died before it said so.

    ``open_passes`` began and did not end, by their number.
    """

    hello: Mapping[str, Any] | None = None
    kernel: Mapping[str, Any] | None = None
    texts: dict[str, str] = field(default_factory=dict)
    passes: list[PassRecord] = field(default_factory=list)
    timings: list[PassTiming] = field(default_factory=list)
    begun: dict[int, str] = field(default_factory=dict)
    open_passes: dict[int, PassRecord] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    lowered: Mapping[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)
    run: Mapping[str, Any] | None = None
    failure: Failure | None = None
    users_fault: bool = False
    ended: bool = False

    @property
    def unfinished(self) -> tuple[int, str] | None:
        """The innermost pass that began and whose end was never written: where a probe died."""
        ended = {record.sequence for record in self.passes}
        return max((item for item in self.begun.items() if item[0] not in ended), default=None)


def read_spool(path: Path) -> Spool:
    """Read a spool; a last line cut short by a crash is dropped."""
    spool = Spool()
    for kind, value in lines_of(path):
        _take(spool, kind, value)
    return spool


def lines_of(path: Path) -> Iterator[tuple[str, Any]]:
    """Kind and value of every whole line of a spool."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.endswith("\n"):
                return
            try:
                ((kind, value),) = json.loads(line).items()
            except (ValueError, AttributeError):
                return
            yield kind, value


def _take(spool: Spool, kind: str, value: Any) -> None:
    match kind:
        case "hello":
            spool.hello = value
        case "kernel":
            spool.kernel = value
        case "text":
            spool.texts[value["digest"]] = value["body"]
        case "begin":
            spool.begun[value["sequence"]] = value["name"]
            if "before" in value:
                spool.open_passes[value["sequence"]] = PassRecord(**value, after=None)
        case "pass":
            duration = value.pop("inclusive_ms")
            spool.open_passes.pop(value["sequence"], None)
            spool.passes.append(PassRecord(**value))
            if duration is not None:
                spool.timings.append(PassTiming(sequence=value["sequence"], inclusive_ms=duration))
        case "module":
            spool.modules[value["kind"]] = value["digest"]
        case "source":
            spool.source = value
        case "lowered":
            spool.lowered = value
        case "run":
            spool.run = value
        case "warning":
            spool.warnings.append(str(value))
        case "failure":
            spool.users_fault = bool(value.pop("users_fault"))
            spool.failure = Failure(**value)
        case "end":
            spool.ended = True
        case _:
            spool.warnings.append(f"the probe wrote an unknown line {kind!r}")
