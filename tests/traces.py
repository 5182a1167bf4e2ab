"""Traces made by hand, for the tests of everything that reads traces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scaffold.trace.model import (
    Artifact,
    BuildIdentity,
    Failure,
    KernelIdentity,
    LoadedLibrary,
    PassRecord,
    PassTiming,
    RunRecord,
    Scalar,
    Trace,
    TraceFile,
    text_digest,
)

SOURCE = 'extern "C" __global__ void gemm_kernel() {\n  // body\n}\n'


@dataclass(frozen=True)
class Step:
    """One pass of a trace made by hand; ``after`` is the module behind it, ``None`` where it raised."""

    name: str
    after: str | None
    depth: int = 0
    label: str | None = None
    arguments: str | None = None


def module(*statements: str, name: str = "gemm", notes: str = "") -> str:
    """A module in the ``tirx`` spelling whose one function holds ``statements``; ``notes`` go below it."""
    body = "\n".join(f"        {statement}" for statement in statements)
    return f"""\
@I.ir_module
class Module:
    @T.prim_func
    def {name}(A_handle: T.handle, C_handle: T.handle):
        A = T.match_buffer(A_handle, (1024,), "float16")
        C = T.match_buffer(C_handle, (1024,), "float16")
        bx = T.launch_thread("blockIdx.x", 8)
        tx = T.launch_thread("threadIdx.x", 128)
{body}
{notes}"""


def trace_of(
    start: str,
    *steps: Step | tuple[str, str | None],
    source: str | None = SOURCE,
    failure: Failure | None = None,
    parameters: Mapping[str, Scalar] | None = None,
    durations: tuple[float, ...] = (),
) -> TraceFile:
    """A trace that starts from the module ``start`` and runs ``steps``; a nested step sees what its parent saw."""
    texts = {text_digest(start): start}
    records: list[PassRecord] = []
    state = parent_state = text_digest(start)
    parent: int | None = None
    for sequence, item in enumerate(steps):
        step = item if isinstance(item, Step) else Step(*item)
        after = None if step.after is None else text_digest(step.after)
        if step.after is not None:
            texts[text_digest(step.after)] = step.after
        before = parent_state if step.depth else state
        records.append(
            PassRecord(
                sequence=sequence,
                name=step.name,
                label=step.label,
                depth=step.depth,
                parent=parent if step.depth else None,
                phase="lower",
                caller="tilelang/engine/lower.py:1",
                before=before,
                after=after,
                arguments=step.arguments,
            )
        )
        if step.depth == 0:
            parent, parent_state = sequence, before
            state = after or state
    artifacts: tuple[Artifact, ...] = (Artifact("source", "kernel.cu", None, "codegen was not reached"),)
    if source is not None:
        texts[text_digest(source)] = source
        artifacts = (Artifact("source", "kernel.cu", text_digest(source)),)
    run = None
    if durations:
        run = RunRecord(
            schema_version=1,
            started_at="2026-01-02T03:04:05Z",
            argv=("scaffold", "tir-diff", "gemm"),
            host={"system": "Linux"},
            lowering_ms=sum(durations),
            timings=tuple(PassTiming(i, ms) for i, ms in enumerate(durations)),
        )
    trace = Trace(
        schema_version=1,
        kernel=KernelIdentity(
            name="gemm",
            source="zoo:gemm",
            source_sha256="0" * 64,
            parameters=dict(parameters or {"num_stages": 2}),
            target="cuda:sm_90a",
            target_string='{"kind":"cuda","arch":"sm_90a"}',
            pass_configs={},
            functions=("gemm",),
        ),
        build=BuildIdentity(
            name="wheel:0.1.15",
            tilelang_version="0.1.15",
            tir_namespace="tirx",
            libraries=(LoadedLibrary("libtilelang.so", "6b" * 32),),
            packages={"torch": "2.9.0"},
        ),
        input=text_digest(start),
        passes=tuple(records),
        artifacts=artifacts,
        failure=failure,
    )
    return TraceFile(trace, texts, run)


def failure_in(sequence: int | None, name: str | None, message: str = "Check failed: no layout") -> Failure:
    return Failure("lowering", sequence, name, "InternalError", message, "Traceback ...")
