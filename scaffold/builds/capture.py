"""Capture: run the probe in a build, and turn what it wrote into a trace."""

from __future__ import annotations

import datetime
import platform
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.builds.attestation import read_attestation
from scaffold.builds.build import Build
from scaffold.builds.gpu import find_gpu
from scaffold.builds.libraries import hash_libraries
from scaffold.builds.machine_code import MachineCode, compile_cuda, find_toolchain
from scaffold.builds.probing import own_folder, run_probe
from scaffold.builds.resident import resident_server
from scaffold.builds.serving import ProbeServer
from scaffold.builds.workspace import Workspace
from scaffold.errors import EmptyCaptureError
from scaffold.probe.protocol import KernelRequest
from scaffold.progress import Progress
from scaffold.trace.model import (
    SCHEMA_VERSION,
    Artifact,
    ArtifactKind,
    BuildIdentity,
    Failure,
    KernelIdentity,
    RunRecord,
    Trace,
    TraceFile,
    text_digest,
)
from scaffold.trace.spool import Spool

#: A real kernel lowers in seconds; a loop in the compiler must not hang a session overnight.
DEFAULT_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class CaptureOptions:
    """How to capture: machine code too, and how long a probe may take in seconds."""

    machine_code: bool = True
    timeout_s: float = DEFAULT_TIMEOUT_S


@dataclass(frozen=True)
class Captured:
    """A trace, and the folders of headers its source includes, which are this machine's and in no trace."""

    file: TraceFile
    include_dirs: tuple[str, ...] = ()


def capture(
    request: KernelRequest,
    build: Build,
    *,
    workspace: Workspace,
    progress: Progress,
    argv: Sequence[str],
    options: CaptureOptions,
) -> TraceFile:
    """Lower ``request`` in ``build`` and return the recorded trace; its ``failure`` says if a pass raised.

    Raises
    ------
    EmptyCaptureError
        If the lowering ended but no pass was seen.
    KernelSourceError, ProbeError, ProbeTimeoutError, EnvironmentProblem
        As :func:`~scaffold.builds.probing.run_probe` says.
    """
    folder = own_folder(workspace)
    try:
        with (
            progress.step(f"lowering {request.name} for {request.target} in {build.name}"),
            resident_server(build, folder, progress) or nullcontext() as server,
        ):
            captured = capture_ir(
                request,
                build,
                workspace=workspace,
                progress=progress,
                argv=argv,
                timeout_s=options.timeout_s,
                server=server,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not options.machine_code:
        return captured.file
    return with_machine_code(captured, build, workspace=workspace, progress=progress)


def capture_ir(
    request: KernelRequest,
    build: Build,
    *,
    workspace: Workspace,
    progress: Progress,
    argv: Sequence[str],
    timeout_s: float,
    server: ProbeServer | None = None,
) -> Captured:
    """:func:`capture` without machine code, as a child of ``server`` where there is one."""
    started = datetime.datetime.now(datetime.timezone.utc)
    probed = run_probe(
        "capture", request, build, workspace=workspace, progress=progress, timeout_s=timeout_s, server=server
    )
    if probed.failure is None and not probed.spool.passes:
        raise EmptyCaptureError(
            f"{request.name} lowered without running a single pass",
            hint="something stood between the kit and the compiler: a kernel taken from a cache, or code that opens a "
            "PassContext of its own; name the function that returns the PrimFunc",
        )
    return captured_of(probed.spool, probed.failure, request, build, workspace=workspace, started=started, argv=argv)


def captured_of(
    spool: Spool,
    failure: Failure | None,
    request: KernelRequest,
    build: Build,
    *,
    workspace: Workspace,
    started: datetime.datetime,
    argv: Sequence[str],
) -> Captured:
    """What a probe wrote of one lowering, as a trace with its run."""
    trace, texts = _assemble(spool, failure, request, build, workspace)
    run = RunRecord(
        schema_version=SCHEMA_VERSION,
        started_at=started.isoformat(timespec="seconds"),
        argv=tuple(argv),
        host=_host(),
        lowering_ms=spool.lowered["lowering_ms"] if spool.lowered else None,
        timings=tuple(sorted(spool.timings, key=lambda timing: timing.sequence)),
    )
    return Captured(TraceFile(trace, texts, run), tuple(spool.source["include_dirs"]) if spool.source else ())


def _assemble(
    spool: Spool, failure: Failure | None, request: KernelRequest, build: Build, workspace: Workspace
) -> tuple[Trace, dict[str, str]]:
    hello, kernel = spool.hello or {}, spool.kernel or {}
    identity = KernelIdentity(
        name=request.name,
        source=request.source,
        source_sha256=kernel.get("source_sha256", ""),
        parameters=kernel.get("parameters", request.parameters),
        target=request.target,
        target_string=kernel.get("target_string", ""),
        pass_configs=kernel.get("pass_configs", {}),
        functions=tuple(kernel.get("functions", ())),
    )
    attestation = read_attestation(workspace, build.name)
    built = BuildIdentity(
        name=build.name,
        tilelang_version=hello.get("tilelang_version", "unknown"),
        tir_namespace=hello.get("tir_namespace", "unknown"),
        libraries=hash_libraries(hello.get("libraries", ()), workspace),
        packages=hello.get("packages", {}),
        attested=attestation.short() if attestation else {},
    )
    artifacts: list[Artifact] = []
    kinds: tuple[ArtifactKind, ...] = ("host-module", "device-module")
    artifacts += [Artifact(kind, kind, spool.modules[kind]) for kind in kinds if kind in spool.modules]
    if spool.source is not None:
        artifacts.append(Artifact("source", _source_name(request.target), spool.source["digest"]))
    else:
        artifacts.append(Artifact("source", _source_name(request.target), None, "the lowering did not come to it"))
    died_in = spool.open_passes.values() if failure is not None and failure.stage == "crash" else ()
    passes = tuple(sorted([*spool.passes, *died_in], key=lambda record: record.sequence))
    trace = Trace(
        schema_version=SCHEMA_VERSION,
        kernel=identity,
        build=built,
        input=spool.modules.get("input") or (passes[0].before if passes else None),
        passes=passes,
        artifacts=tuple(artifacts),
        warnings=tuple(spool.warnings),
        failure=failure,
        compiler_options=tuple(spool.source.get("compiler_options", ())) if spool.source else (),
    )
    return trace, spool.texts


def _source_name(target: str) -> str:
    return {"cuda": "kernel.cu", "hip": "kernel.hip", "metal": "kernel.metal"}.get(target.partition(":")[0], "kernel.c")


def with_machine_code(captured: Captured, build: Build, *, workspace: Workspace, progress: Progress) -> TraceFile:
    """The trace with PTX, SASS and resources of its source, or with the reason why it has none."""
    file, trace = captured.file, captured.file.trace
    source = trace.artifact("source")
    kind, _, arch = trace.kernel.target.partition(":")
    if source is None or source.digest is None:
        made = MachineCode(missing="there is no source to compile")
    elif kind != "cuda":
        made = MachineCode(missing=f"it is made for cuda only, not for {kind}")
    else:
        made = compile_cuda(
            file.text(source.digest),
            arch=arch,
            include_dirs=captured.include_dirs,
            options=trace.compiler_options,
            pass_configs=trace.kernel.pass_configs,
            headers_key="".join(library.sha256 for library in trace.build.libraries),
            toolchain=find_toolchain(Path(build.python)),
            workspace=workspace,
            progress=progress,
        )
    trace, texts = _add(trace, dict(file.texts), made)
    return replace(file, trace=trace, texts=texts)


def _add(trace: Trace, texts: dict[str, str], made: MachineCode) -> tuple[Trace, dict[str, str]]:
    texts = dict(texts)
    ptx = _artifact("ptx", made.ptx, made.missing, texts)
    sass = _artifact("sass", made.sass, made.missing or made.missing_sass, texts)
    return replace(trace, artifacts=(*trace.artifacts, ptx, sass), resources=made.resources), texts


def _artifact(kind: ArtifactKind, text: str | None, missing: str | None, texts: dict[str, str]) -> Artifact:
    """The artifact of ``text``, which is added to ``texts``; or the reason why there is none."""
    if text is None:
        return Artifact(kind, f"kernel.{kind}", None, missing)
    digest = text_digest(text)
    texts[digest] = text
    return Artifact(kind, f"kernel.{kind}", digest)


def _host() -> dict[str, str]:
    gpu = find_gpu()
    facts = {"platform": platform.platform(), "python": platform.python_version()}
    return {**facts, **({"gpu": gpu.name, "driver": gpu.driver} if gpu else {})}
