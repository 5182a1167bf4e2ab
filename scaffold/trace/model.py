"""One recorded lowering of one kernel for one target.

Standard library only.
Texts (modules, sources) are named by digest and live beside the model, so equal texts are stored once.
Nothing here depends on the clock, the machine's name or a path: the same input gives the same trace, byte for byte.
What does depend on them is the :class:`RunRecord`, which lives apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: History: 1, first version.
SCHEMA_VERSION = 1

Scalar = int | float | bool | str

#: What an artifact is. ``source`` is the device code generated for the target.
ArtifactKind = Literal["source", "host-module", "device-module", "ptx", "sass"]


def text_digest(text: str) -> str:
    """Name of a text: sha256 of its UTF-8 bytes, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class KernelIdentity:
    """What was compiled. ``source`` is ``zoo:gemm`` or ``file:name.py::entry``; ``source_sha256`` is of that file."""

    name: str
    source: str
    source_sha256: str
    parameters: Mapping[str, Scalar]
    target: str
    target_string: str
    pass_configs: Mapping[str, Scalar]
    functions: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadedLibrary:
    """A native library of the build, as loaded by the process that captured."""

    name: str
    sha256: str


@dataclass(frozen=True)
class BuildIdentity:
    """Which TileLang did it, attested by what was loaded and not by what was asked for.

    ``attested`` says what a build from source was made of: commit, tree hash, TVM, compiler.
    """

    name: str
    tilelang_version: str
    tir_namespace: str
    libraries: tuple[LoadedLibrary, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    attested: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PassRecord:
    """One pass that ran.

    Parameters
    ----------
    sequence
        Position in the order in which passes started, from 0.
    name
        As TVM reports it (``tl.LowerTileOp``).
    label
        The constructor named on the pipeline's source line, where TVM reports only ``pass_fn``; else ``None``.
    depth, parent
        Nesting: a pass run by another one has the depth of its parent plus one.
    phase
        The pipeline phase, from TileLang where it tells (0.1.14 and later), else the Python function that ran the pass.
    caller
        File and line that ran the pass, relative to the TileLang package.
    before, after
        Digests of the module; ``after`` is ``None`` when the pass raised.
    arguments
        What the pipeline's source line hands to the constructor, as it is written there (``"shared.dyn"``, with its
        quotes); ``None`` where that line does not tell.
    """

    sequence: int
    name: str
    label: str | None
    depth: int
    parent: int | None
    phase: str | None
    caller: str | None
    before: str
    after: str | None
    arguments: str | None = None

    @property
    def shown_name(self) -> str:
        return f"{self.name} ({self.label})" if self.label else self.name


@dataclass(frozen=True)
class Artifact:
    """A product of the lowering, or the reason why it is not there: one of ``digest`` and ``missing`` is set."""

    kind: ArtifactKind
    name: str
    digest: str | None
    missing: str | None = None


@dataclass(frozen=True)
class FunctionResources:
    """What ptxas says of one device function. Bytes are per thread for stack and spills, per block for shared."""

    function: str
    registers: int
    spill_store_bytes: int
    spill_load_bytes: int
    stack_bytes: int
    static_shared_bytes: int
    sass_instructions: int | None = None


@dataclass(frozen=True)
class Failure:
    """Why the lowering stopped: the pass that was running (``None``: outside any pass), and the error.

    ``where`` is the last line of TileLang's own Python that was running (``tilelang/backend/device_codegen.py:25``).
    """

    stage: Literal["import", "build-kernel", "lowering", "crash"]
    pass_sequence: int | None
    pass_name: str | None
    error: str
    message: str
    traceback: str
    where: str | None = None


@dataclass(frozen=True)
class Trace:
    """A recorded lowering. ``texts`` of every digest in it are kept beside it (see :class:`TraceFile`).

    ``compiler_options`` are those that the build passes to nvcc with the generated source, without folders of headers;
    empty where it passes none, or cannot be asked.
    """

    schema_version: int
    kernel: KernelIdentity
    build: BuildIdentity
    input: str | None
    passes: tuple[PassRecord, ...]
    artifacts: tuple[Artifact, ...] = ()
    resources: tuple[FunctionResources, ...] = ()
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None
    compiler_options: tuple[str, ...] = ()

    def artifact(self, kind: ArtifactKind) -> Artifact | None:
        return next((artifact for artifact in self.artifacts if artifact.kind == kind), None)

    def digests(self) -> tuple[str, ...]:
        """Every text the trace refers to, each once, in order of first mention."""
        found: dict[str, None] = {}
        for digest in (
            self.input,
            *(side for record in self.passes for side in (record.before, record.after)),
            *(artifact.digest for artifact in self.artifacts),
        ):
            if digest is not None:
                found[digest] = None
        return tuple(found)


@dataclass(frozen=True)
class PassTiming:
    """Wall time of one pass in milliseconds, everything it called included."""

    sequence: int
    inclusive_ms: float


@dataclass(frozen=True)
class RunRecord:
    """What differs from run to run: times, place and people. Never part of a trace."""

    schema_version: int
    started_at: str
    argv: tuple[str, ...]
    host: Mapping[str, str]
    lowering_ms: float | None
    timings: tuple[PassTiming, ...] = ()


@dataclass(frozen=True)
class TraceFile:
    """A trace with its texts, and the run that made it where that is known."""

    trace: Trace
    texts: Mapping[str, str]
    run: RunRecord | None = None

    def text(self, digest: str | None) -> str:
        return "" if digest is None else self.texts[digest]
