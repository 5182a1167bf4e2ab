"""What the kit asks of the probe, and what the probe writes back.

Both worlds import this file: standard library only, Python 3.10.
A request is one JSON file.
The answer is a *spool*, JSON lines written as things happen, so that a crash keeps what came before it; each line is an
object with one key that names its kind:

``{"hello": {...}}``
    The probe runs: versions, loaded libraries.
``{"text": {"digest": "…", "body": "…"}}``
    A text, once, before the first line that refers to it.
``{"begin": {"sequence": 3, "name": "tl.LowerTileOp"}}``
    A pass is about to run; written and flushed before it does.
``{"pass": {...}}``
    A pass ended: the fields of :class:`scaffold.trace.model.PassRecord`, and its duration.
``{"kernel": {...}}``, ``{"module": {...}}``, ``{"source": {...}}``, ``{"lowered": {...}}``
    What was built; the input, host and device modules; the generated source; how long the lowering took.
``{"run": {...}}``
    How the outputs of a launch compare with the reference.
``{"warning": "…"}``, ``{"failure": {...}}``
    Something worth telling; why it stopped.
``{"end": {...}}``
    Nothing follows. A spool without it belongs to a probe that died.

History: 1, first version.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

PROTOCOL_VERSION = 1


class ProtocolError(ValueError):
    """A request or a spool line is not what this version writes."""


@dataclass(frozen=True)
class KernelRequest:
    """One kernel to compile for one target; ``parameters`` are typed for zoo kernels and text for a user's file."""

    name: str
    source: str
    path: str | None
    entry: str
    parameters: dict[str, Any]
    target: str
    target_options: dict[str, str]
    pass_configs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CaptureRequest:
    """What ``python start.py capture`` is told; ``spool`` is the file it writes."""

    protocol_version: int
    kernel: KernelRequest
    spool: str


def encode_request(request: CaptureRequest) -> dict[str, Any]:
    return asdict(request)


def decode_request(document: dict[str, Any]) -> CaptureRequest:
    """Read a request back.

    Raises
    ------
    ProtocolError
        If the version or a field is not of this protocol.
    """
    if document.get("protocol_version") != PROTOCOL_VERSION:
        raise ProtocolError(
            f"request speaks protocol {document.get('protocol_version')}, this probe {PROTOCOL_VERSION}"
        )
    expected = {item.name for item in fields(CaptureRequest)}
    if set(document) != expected:
        raise ProtocolError(f"request has fields {sorted(document)}, expected {sorted(expected)}")
    return CaptureRequest(**{**document, "kernel": KernelRequest(**document["kernel"])})
