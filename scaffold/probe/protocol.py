"""What the kit asks of the probe, and what the probe writes back.

Both worlds import this file: standard library only, Python 3.10.
A request is one JSON file.
The answer is a *spool*, JSON lines written as things happen, so that a crash keeps what came before it; each line is an
object with one key that names its kind:

``{"hello": {...}}``
    The probe runs: versions, loaded libraries.
``{"text": {"digest": "…", "body": "…"}}``
    A text, once, before the first line that refers to it.
``{"begin": {"sequence": 3, "name": "tl.LowerTileOp", ...}}``
    A pass is about to run: the fields of :class:`scaffold.trace.model.PassRecord` but ``after``. Written when the
    module it is given is printed; before the pass runs only where that is asked for (``in_step``).
``{"pass": {...}}``
    A pass ended: the fields of :class:`scaffold.trace.model.PassRecord`, and its duration.
``{"kernel": {...}}``, ``{"module": {...}}``, ``{"source": {...}}``, ``{"lowered": {...}}``
    What was built; the input, host and device modules; the generated source; how long the lowering took.
``{"run": {...}}``
    How the outputs of a launch compare with the reference.
``{"bench": {"key": "…", "event": "begun|compiled|checked|timed|failed", ...}}``
    How far one kernel of a block came, with what was measured.
``{"captured": {...}}``, ``{"again": {...}}``, ``{"passed-over": {...}}``, ``{"missing": "…"}``, ``{"exited": {...}}``,
``{"files": […]}``
    Of a script: a kernel it compiled, with the name of its spool; one it had compiled before; a statement that raised
    and was passed over; a package that was stood in for; an exit code other than 0; the user's files that took part.
``{"warning": "…"}``, ``{"failure": {...}}``
    Something worth telling; why it stopped.
``{"end": {...}}``
    Nothing follows. A spool without it belongs to a probe that died.

History: 1, first version. 2, a script may be run for real. 3, one thing
in a script may be run, and imports may start at folders that are named.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

PROTOCOL_VERSION = 3


class ProtocolError(ValueError):
    """A request or a spool line is not what this version writes."""


@dataclass(frozen=True)
class KernelRequest:
    """One kernel to compile for one target; ``parameters`` are typed for zoo kernels and text for a user's file.

    ``import_roots`` are folders from which the file imports, beside those that are found.
    """

    name: str
    source: str
    path: str | None
    entry: str
    parameters: dict[str, Any]
    target: str
    target_options: dict[str, str]
    pass_configs: dict[str, str] = field(default_factory=dict)
    import_roots: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CaptureRequest:
    """What ``python start.py capture`` is told; ``spool`` is the file it writes.

    ``in_step``: all that comes before a pass is written before it runs, so that a crash leaves the whole of it.
    """

    protocol_version: int
    kernel: KernelRequest
    spool: str
    in_step: bool = False


@dataclass(frozen=True)
class ScriptRequest:
    """What ``python start.py script`` is told: a script to run, for one target.

    ``roots`` are the folders whose files are the user's: their statements may fail, and what they import and is not
    installed is stood in for. ``packages`` are folders of packages, looked in last. ``spool`` is the file the answer
    goes to; each kernel's own spool is written beside it. ``real``: as it is, on the GPU that is there, with nothing
    stood in for. ``entry`` is what of the file is run, empty for all of it, with ``parameters`` by name; ``init`` and
    ``inputs`` are given by place to a class and to the call. ``import_roots`` are as in :class:`KernelRequest`.
    """

    protocol_version: int
    path: str
    roots: list[str]
    packages: list[str]
    argv: list[str]
    target: str
    target_options: dict[str, str]
    pass_configs: dict[str, str]
    spool: str
    real: bool = False
    entry: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    init: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    import_roots: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TimedKernel:
    """One thing to compile, check and time in a block.

    ``key`` names it in the answer. ``contender`` is ``tilelang``, another way to compute the same that the kernel of
    the zoo names (``torch``, ``triton``), or ``regression``: a case of upstream's that times itself. ``check`` compares
    with the reference first, ``save`` is the file its outputs go to, ``against`` the file of the other side's.
    ``budget_ms`` is about how long to time; 0: not at all.
    """

    key: str
    kernel: KernelRequest
    contender: str = "tilelang"
    method: str = "auto"
    budget_ms: float = 200.0
    check: bool = False
    save: str | None = None
    against: str | None = None


@dataclass(frozen=True)
class BenchRequest:
    """What ``python start.py bench`` is told: kernels to time one after the other in this process.

    ``packages`` are folders of packages, looked in last.
    """

    protocol_version: int
    kernels: list[TimedKernel]
    spool: str
    packages: list[str] = field(default_factory=list)


def encode_request(request: CaptureRequest | ScriptRequest | BenchRequest) -> dict[str, Any]:
    return asdict(request)


def decode_request(document: dict[str, Any]) -> CaptureRequest:
    """Read a request back.

    Raises
    ------
    ProtocolError
        If the version or a field is not of this protocol.
    """
    _check(document, CaptureRequest)
    return CaptureRequest(**{**document, "kernel": KernelRequest(**document["kernel"])})


def decode_script_request(document: dict[str, Any]) -> ScriptRequest:
    """Read a script request back; raises like :func:`decode_request`."""
    _check(document, ScriptRequest)
    return ScriptRequest(**document)


def decode_bench_request(document: dict[str, Any]) -> BenchRequest:
    """Read a benchmark's request back; raises like :func:`decode_request`."""
    _check(document, BenchRequest)
    kernels = [TimedKernel(**{**item, "kernel": KernelRequest(**item["kernel"])}) for item in document["kernels"]]
    return BenchRequest(**{**document, "kernels": kernels})


def _check(document: dict[str, Any], kind: type) -> None:
    if document.get("protocol_version") != PROTOCOL_VERSION:
        raise ProtocolError(
            f"request speaks protocol {document.get('protocol_version')}, this probe {PROTOCOL_VERSION}"
        )
    expected = {item.name for item in fields(kind)}
    if set(document) != expected:
        raise ProtocolError(f"request has fields {sorted(document)}, expected {sorted(expected)}")
