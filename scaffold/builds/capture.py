"""Capture: run the probe in a build, and turn what it wrote into a trace."""

from __future__ import annotations

import datetime
import json
import platform
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.builds.attest import hash_libraries
from scaffold.builds.gpu import find_gpu
from scaffold.builds.machine_code import MachineCode, compile_cuda, find_toolchain
from scaffold.builds.process import Finished, probe_environment, run_logged
from scaffold.builds.store import Build
from scaffold.builds.workspace import Workspace
from scaffold.errors import (
    EmptyCaptureError,
    EnvironmentProblem,
    KernelSourceError,
    ProbeError,
    ProbeTimeoutError,
)
from scaffold.probe import start
from scaffold.probe.protocol import PROTOCOL_VERSION, CaptureRequest, KernelRequest, encode_request
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
from scaffold.trace.spool import Spool, read_spool

#: A real kernel lowers in seconds; a loop in the compiler must not hang a session overnight.
DEFAULT_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class CaptureOptions:
    """How to capture: machine code too, and how long a probe may take in seconds."""

    machine_code: bool = True
    timeout_s: float = DEFAULT_TIMEOUT_S


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
    KernelSourceError
        If the user's own code raises or gives no kernel.
    EmptyCaptureError
        If the lowering ended but no pass was seen.
    ProbeError, ProbeTimeoutError
        If the probe died before any pass, or hung.
    EnvironmentProblem
        If TileLang does not import in ``build``.
    """
    started = datetime.datetime.now(datetime.timezone.utc)
    folder = Path(tempfile.mkdtemp(prefix="scaffold-probe-"))
    keep = False
    try:
        spool_path = folder / "spool.jsonl"
        document = encode_request(CaptureRequest(PROTOCOL_VERSION, request, str(spool_path)))
        (folder / "request.json").write_text(json.dumps(document), encoding="utf-8")
        environment = probe_environment(
            {"TILELANG_DISABLE_CACHE": "1", "TILELANG_CACHE_DIR": str(folder / "cache"), "TMPDIR": str(folder)}
        )
        command = [build.python, str(Path(start.__file__)), "capture", str(folder / "request.json")]
        with progress.step(f"lowering {request.name} for {request.target} in {build.name}"):
            finished = run_logged(
                command, log=folder / "log", progress=progress, env=environment, cwd=folder, timeout_s=options.timeout_s
            )
        spool = read_spool(spool_path)
        failure = _checked(spool, finished, request, build)
        trace, texts = _assemble(spool, failure, request, build, workspace)
        if options.machine_code:
            trace, texts = _with_machine_code(trace, texts, spool, build, workspace, progress)
        keep = failure is not None and failure.stage == "crash"
        run = RunRecord(
            schema_version=SCHEMA_VERSION,
            started_at=started.isoformat(timespec="seconds"),
            argv=tuple(argv),
            host=_host(),
            lowering_ms=spool.lowered["lowering_ms"] if spool.lowered else None,
            timings=tuple(sorted(spool.timings, key=lambda timing: timing.sequence)),
        )
        return TraceFile(trace, texts, run)
    except ProbeError:
        keep = True
        raise
    finally:
        if keep:
            _keep_run(folder, workspace)
        shutil.rmtree(folder, ignore_errors=True)


def _checked(spool: Spool, finished: Finished, request: KernelRequest, build: Build) -> Failure | None:
    """The failure a trace carries, if any; raises for what leaves no trace worth keeping."""
    if finished.timed_out:
        where = f" in {spool.unfinished[1]}" if spool.unfinished else ""
        raise ProbeTimeoutError(
            f"lowering {request.name} did not end{where}",
            hint="give it longer with --timeout SECONDS, or a smaller kernel with --set",
            context={"log": finished.tail(5)},
        )
    failure = spool.failure
    if failure is not None and failure.stage == "import":
        raise EnvironmentProblem(
            f"TileLang does not import in {build.name}: {failure.error}: {failure.message.splitlines()[-1]}",
            hint=f"see it whole: {build.python} -c 'import tilelang'",
        )
    if failure is not None and failure.stage == "build-kernel":
        said = failure.message if spool.users_fault else f"{failure.error}: {failure.message}"
        raise KernelSourceError(
            f"{request.source} gave no kernel: {said}",
            hint="mend it, or say other parameters with --set K=V",
            context={} if spool.users_fault else {"traceback": _users_part(failure.traceback, request)},
        )
    died = not spool.ended or finished.returncode != 0
    if died and failure is None:
        if not spool.passes and spool.unfinished is None:
            raise ProbeError(
                f"the probe in {build.name} died before the first pass ({_how(finished)})",
                hint="its last lines are above; run again with -v for the command",
                context={"log": finished.tail(12)},
            )
        sequence, name = spool.unfinished or (None, None)
        return Failure("crash", sequence, name, _how(finished), finished.tail(3) or _how(finished), finished.tail(30))
    if failure is None and not spool.passes:
        raise EmptyCaptureError(
            f"{request.name} lowered without running a single pass",
            hint="something stood between the kit and the compiler: a kernel taken from a cache, or code that opens a "
            "PassContext of its own; name the function that returns the PrimFunc",
        )
    return failure


def _users_part(traceback: str, request: KernelRequest) -> str:
    """The traceback from the user's file on."""
    lines = traceback.splitlines()
    at = next((i for i, line in enumerate(lines) if request.path and request.path in line), 0)
    return "\n" + "\n".join(lines[at:][-20:])


def _how(finished: Finished) -> str:
    code = finished.returncode
    return f"signal {-code}" if code < 0 else f"exit code {code}"


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
    built = BuildIdentity(
        name=build.name,
        tilelang_version=hello.get("tilelang_version", "unknown"),
        tir_namespace=hello.get("tir_namespace", "unknown"),
        libraries=hash_libraries(hello.get("libraries", ()), workspace),
        packages=hello.get("packages", {}),
    )
    artifacts: list[Artifact] = []
    kinds: tuple[ArtifactKind, ...] = ("host-module", "device-module")
    artifacts += [Artifact(kind, kind, spool.modules[kind]) for kind in kinds if kind in spool.modules]
    if spool.source is not None:
        artifacts.append(Artifact("source", _source_name(request.target), spool.source["digest"]))
    else:
        artifacts.append(Artifact("source", _source_name(request.target), None, "the lowering did not come to it"))
    passes = tuple(sorted(spool.passes, key=lambda record: record.sequence))
    trace = Trace(
        schema_version=SCHEMA_VERSION,
        kernel=identity,
        build=built,
        input=spool.modules.get("input") or (passes[0].before if passes else None),
        passes=passes,
        artifacts=tuple(artifacts),
        warnings=tuple(spool.warnings),
        failure=failure,
    )
    return trace, spool.texts


def _source_name(target: str) -> str:
    return {"cuda": "kernel.cu", "hip": "kernel.hip", "metal": "kernel.metal"}.get(target.partition(":")[0], "kernel.c")


def _with_machine_code(
    trace: Trace, texts: dict[str, str], spool: Spool, build: Build, workspace: Workspace, progress: Progress
) -> tuple[Trace, dict[str, str]]:
    source = trace.artifact("source")
    kind, _, arch = trace.kernel.target.partition(":")
    if source is None or source.digest is None or spool.source is None:
        made = MachineCode(missing="there is no source to compile")
    elif kind != "cuda":
        made = MachineCode(missing=f"machine code is made for cuda only, not {kind}")
    else:
        made = compile_cuda(
            texts[source.digest],
            arch=arch,
            include_dirs=spool.source["include_dirs"],
            pass_configs=trace.kernel.pass_configs,
            headers_key="".join(library.sha256 for library in trace.build.libraries),
            toolchain=find_toolchain(Path(build.python)),
            workspace=workspace,
            progress=progress,
        )
    return _add(trace, texts, made)


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


def _keep_run(folder: Path, workspace: Workspace) -> None:
    """Keep what a dead probe left, for a look; the newest few only."""
    kept = workspace.folder(workspace.runs)
    shutil.copytree(folder, kept / folder.name, ignore=shutil.ignore_patterns("cache"), dirs_exist_ok=True)
    for old in sorted(kept.iterdir(), key=lambda path: path.stat().st_mtime)[:-5]:
        shutil.rmtree(old, ignore_errors=True)
