"""Run one kernel under the vendor's profiler, on one side or two, one after the other on one GPU."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from scaffold.builds.build import Build
from scaffold.builds.probing import keep_for_a_look, last_line, own_folder
from scaffold.builds.process import Finished, probe_environment, run_logged
from scaffold.builds.serving import probe_variables
from scaffold.builds.workspace import Workspace
from scaffold.corpus.gpus import GpuSlot, find_gpus, hold_one
from scaffold.errors import (
    CountersNotPermittedError,
    EnvironmentProblem,
    KernelSourceError,
    LoweringFailedError,
    MissingToolError,
    NothingProfiledError,
    ProbeError,
    ProbeTimeoutError,
    ProfilerFailedError,
    ScaffoldError,
    UsageError,
)
from scaffold.measure.profile import ncu, nsys, rocprof
from scaffold.measure.profile.lines import NOTHING_GENERATED, GeneratedSource, named_files, with_origins
from scaffold.measure.profile.model import ProfileResult, Tool
from scaffold.measure.profile.programs import Program, find_program, require_program
from scaffold.measure.profile.reading import read_nsys_report, read_report
from scaffold.measure.profile.trouble import (
    NCU_NOTHING,
    NCU_TROUBLES,
    NSYS_TROUBLES,
    ROCPROF_COUNTERS,
    ROCPROF_TROUBLES,
    Trouble,
    explain,
    nothing_profiled,
)
from scaffold.probe import start
from scaffold.probe.profiled import ProfileRequest, encode_profile_request
from scaffold.probe.protocol import PROTOCOL_VERSION, KernelRequest
from scaffold.progress import Progress
from scaffold.trace.spool import Spool, read_spool

Wish = Literal["auto", "ncu", "nsys", "rocprofv3"]

#: What profiles a target's kernels, the one that tells most first.
TOOLS_OF: Mapping[str, tuple[Tool, ...]] = {"cuda": ("ncu", "nsys"), "hip": ("rocprofv3",)}
#: Launches before those the profiler sees.
WARM_UP = 3
_TROUBLES: Mapping[str, tuple[Trouble, ...]] = {
    "ncu": NCU_TROUBLES,
    "nsys": NSYS_TROUBLES,
    "rocprofv3": ROCPROF_TROUBLES,
}


@dataclass(frozen=True)
class Profiled:
    """One side to be profiled: a kernel in a build, or a raw report that is there already."""

    label: str
    request: KernelRequest | None = None
    build: Build | None = None
    report: Path | None = None


@dataclass(frozen=True)
class ProfileOptions:
    """``launches`` are those the profiler sees; ``only`` is a regular expression for kernels' names."""

    tool: Wish = "auto"
    launches: int = 3
    only: str = ""
    timeout_s: float = 600.0


@dataclass(frozen=True)
class Ready:
    """What kernels can be profiled with: tools to try, the first that can be used first, and GPUs."""

    tools: tuple[Program, ...]
    gpus: tuple[GpuSlot, ...]


def get_ready(targets: Sequence[str], options: ProfileOptions) -> Ready | None:
    """Find what profiles kernels for ``targets``, before anything is built; ``None`` where there are no kernels.

    Raises
    ------
    UsageError
        If a target's kernels run on no GPU, on no one machine, or the tool that is asked for profiles no such target.
    ProfilerMissingError, MissingToolError
        If there is no profiler, or no GPU.
    """
    kinds = sorted({target.partition(":")[0] for target in targets})
    if len(kinds) > 1:
        raise UsageError(
            f"targets of {len(kinds)} kinds run on no one machine: {', '.join(kinds)}",
            hint="profile each where its GPU is, then compare the raw reports: --baseline FILE --candidate FILE",
        )
    if not kinds:
        return None
    tools = _tools_for(kinds[0], options.tool)
    gpus = tuple(gpu for gpu in find_gpus() if gpu.backend == kinds[0])
    if not gpus:
        raise MissingToolError(
            f"{tools[0].name} measures on a GPU, and there is none for {kinds[0]} here",
            hint="look without one: tir-diff; or read a report made elsewhere: profile NAME.ncu-rep",
        )
    return Ready(tools, gpus)


def profile_sides(
    sides: Sequence[Profiled], ready: Ready | None, options: ProfileOptions, *, workspace: Workspace, progress: Progress
) -> list[ProfileResult]:
    """Profile every side, or read its report; of two, one that fails has a result that says why.

    Raises
    ------
    CountersNotPermittedError, ProfilerFailedError
        If no tool can measure here.
    KernelSourceError, ProbeError
        If no side could be profiled.
    ProfileFileError
        If a report cannot be read.
    """
    session = _Session(options, workspace, progress)
    if ready is None:
        return [_read(side, options.only) for side in sides]
    progress.update("waiting for a GPU ...")
    with hold_one(ready.gpus) as gpu:
        return _profile_each(sides, ready.tools, gpu, session)


@dataclass(frozen=True)
class _Session:
    options: ProfileOptions
    workspace: Workspace
    progress: Progress


def _read(side: Profiled, only: str) -> ProfileResult:
    """A report that is there already, of its kernels those asked for."""
    if side.report is None:
        raise ValueError("a side is a kernel in a build, or a report")
    return _with_only(read_report(side.report), only)


def _with_only(result: ProfileResult, only: str) -> ProfileResult:
    kernels = tuple(kernel for kernel in result.kernels if re.search(only, kernel.name))
    if not kernels:
        named = ", ".join(kernel.name for kernel in result.kernels)
        raise NothingProfiledError(
            f"no kernel in {result.tool}'s report is named like {only!r}", hint=f"it has: {named}; or take away --only"
        )
    return replace(result, kernels=kernels)


def _tools_for(kind: str, wish: Wish) -> tuple[Program, ...]:
    """The profilers to try, the first that can be used first."""
    able = TOOLS_OF.get(kind, ())
    if not able:
        raise UsageError(
            f"no vendor's profiler measures kernels for target {kind}", hint="profile one for cuda or hip: --target"
        )
    if wish != "auto":
        if wish not in able:
            raise UsageError(f"{wish} profiles no kernels for {kind}", hint=f"take --tool {' or '.join(able)}")
        return (require_program(wish),)
    found = tuple(program for tool in able if (program := find_program(tool)))
    return found or (require_program(able[0]),)


def _profile_each(
    sides: Sequence[Profiled], tools: Sequence[Program], gpu: GpuSlot, session: _Session
) -> list[ProfileResult]:
    results: list[ProfileResult] = []
    failures: list[ScaffoldError] = []
    for side in sides:
        try:
            results.append(
                _read(side, session.options.only) if side.report else _profile_one(side, tools, gpu, session)
            )
        except (ProbeError, KernelSourceError) as error:
            failures.append(error)
            results.append(ProfileResult(_tool(tools[0]), tools[0].version, gpu.name, why_missing=error.message))
    if len(failures) == len(sides):
        raise failures[0]
    return results


def _profile_one(side: Profiled, tools: Sequence[Program], gpu: GpuSlot, session: _Session) -> ProfileResult:
    """Profile with the first tool that is permitted to."""
    first, *others = tools
    try:
        return _profile_with(first, side, gpu, session)
    except (CountersNotPermittedError, ProfilerFailedError) as error:
        if not others:
            raise
        session.progress.say_once(f"{error.message}; taking {others[0].name}, which tells durations only")
        result = _profile_one(side, others, gpu, session)
        fix = f"; {error.hint}" if error.hint else ""
        return replace(result, notes=(f"{error.message}{fix}", *result.notes))


def _tool(program: Program) -> Tool:
    names: dict[str, Tool] = {"ncu": "ncu", "nsys": "nsys", "rocprofv3": "rocprofv3"}
    return names[program.name]


def _profile_with(program: Program, side: Profiled, gpu: GpuSlot, session: _Session) -> ProfileResult:
    """One side by one tool; raises what went wrong."""
    profile: Callable[[Program, _Running], ProfileResult] = {
        "ncu": _by_ncu,
        "nsys": _by_nsys,
        "rocprofv3": _by_rocprof,
    }[program.name]
    running = _Running(side, gpu, session, _report_folder(side, session.workspace), own_folder(session.workspace))
    keep = False
    try:
        with session.progress.step(f"profiling {running.request.name} in {running.build.name} with {program.name}"):
            result = profile(program, running)
        notes = (*running.spool.warnings, *result.notes)
        device = result.device or str((running.spool.run or {}).get("device", gpu.name))
        return replace(result, tool_version=program.version, device=device, notes=notes)
    except ProbeError:
        keep = True
        raise
    finally:
        with contextlib.suppress(OSError):
            shutil.copyfile(running.log, running.reports / "log")
        if keep:
            keep_for_a_look(running.folder, session.workspace)
        shutil.rmtree(running.folder, ignore_errors=True)


def _report_folder(side: Profiled, workspace: Workspace) -> Path:
    """``profiles/gemm-baseline`` of the workspace, emptied: the raw report of the last profile of it."""
    name = side.request.name if side.request else "report"
    folder = workspace.root / "profiles" / re.sub(r"[^\w.+-]+", "-", f"{name}-{side.label}")
    shutil.rmtree(folder, ignore_errors=True)
    return workspace.folder(folder)


@dataclass
class _Running:
    """One side while it is profiled: ``folder`` is the program's, ``reports`` what stays."""

    side: Profiled
    gpu: GpuSlot
    session: _Session
    reports: Path
    folder: Path

    @property
    def request(self) -> KernelRequest:
        if self.side.request is None:
            raise ValueError("a report is not profiled")
        return self.side.request

    @property
    def build(self) -> Build:
        if self.side.build is None:
            raise ValueError("a kernel is profiled in a build")
        return self.side.build

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def spool(self) -> Spool:
        return read_spool(self.folder / "spool.jsonl")

    def command(self) -> list[str]:
        """The program to be profiled, with its request written."""
        request = ProfileRequest(
            PROTOCOL_VERSION, self.request, str(self.folder / "spool.jsonl"), self.session.options.launches, WARM_UP
        )
        path = self.folder / "request.json"
        path.write_text(json.dumps(encode_profile_request(request)), encoding="utf-8")
        return [self.build.python, str(Path(start.__file__)), "profiled", str(path)]

    def run(self, command: Sequence[str]) -> Finished:
        variables = {
            **probe_variables(self.folder),
            **self.gpu.environment(),
            # Sources of kernels stay where the compiler read them, for the profiler to put into its report.
            "TILELANG_CLEANUP_TEMP_FILES": "0",
        }
        return run_logged(
            command,
            log=self.log,
            progress=self.session.progress,
            env=probe_environment(variables),
            cwd=self.folder,
            timeout_s=self.session.options.timeout_s,
        )

    def judge(self, finished: Finished, tool: str, *, measured: bool) -> None:
        """Raise what went wrong; ``measured``: there is a report."""
        log = finished.log.read_text(encoding="utf-8", errors="replace") if finished.log.exists() else ""
        trouble = None if measured else explain(log, _TROUBLES[tool], tool=tool)
        if trouble is not None:
            raise trouble
        name, spool = self.request.name, self.spool
        if finished.timed_out:
            raise ProbeTimeoutError(
                f"{name} under {tool} did not end within {self.session.options.timeout_s:g} s",
                hint="give it longer with --timeout SECONDS, or fewer launches with --launches 1",
                context={"its last lines": finished.tail(5)},
            )
        _raise_failure(spool, self)
        if not spool.ended and not (measured and tool == "nsys"):
            # nsys may end a program once it has traced what it was to trace.
            raise ProbeError(
                f"{name} in {self.build.name} died under {tool} (exit code {finished.returncode})",
                hint=f"see whether it runs without: python -m scaffold kernels {name} --run",
                context={"its last lines": finished.tail(10)},
            )
        if not measured:
            raise nothing_profiled(tool, log, self.session.options.launches)

    def generated(self) -> GeneratedSource:
        """The source that was compiled, with the TileLang lines it came from; kept beside the report."""
        spool = self.spool
        text = spool.texts.get(str((spool.source or {}).get("digest", "")), "")
        if not text:
            return NOTHING_GENERATED
        suffix = "hip" if self.request.target.startswith("hip") else "cu"
        (self.reports / f"generated.{suffix}").write_text(text, encoding="utf-8")
        marked = spool.texts.get(str((spool.run or {}).get("marked", "")), "")
        return with_origins(text, marked, _texts_of(named_files(marked))) if marked else GeneratedSource(text)


def _raise_failure(spool: Spool, running: _Running) -> None:
    failure, request = spool.failure, running.request
    if failure is None:
        return
    said = last_line(failure.message)
    if failure.stage == "import":
        raise EnvironmentProblem(
            f"TileLang does not import in {running.build.name}: {failure.error}: {said}",
            hint=f"see it whole: {running.build.python} -c 'import tilelang'",
        )
    if spool.users_fault:
        raise KernelSourceError(
            f"{request.source} gave no kernel: {failure.message}",
            hint="mend it, or say other parameters and pass configs with --set K=V",
        )
    raise LoweringFailedError(
        f"{request.name} did not run for {request.target}: {failure.error}: {said}",
        hint=f"see its passes: python -m scaffold tir-diff {request.name} --target {request.target}",
    )


def _texts_of(files: set[str]) -> dict[str, str]:
    found = {}
    for file in files:
        with contextlib.suppress(OSError):
            found[file] = Path(file).read_text(encoding="utf-8", errors="replace")
    return found


def _by_ncu(program: Program, running: _Running) -> ProfileResult:
    reader = ncu.find_reader(ncu.module_folders_of(program.path))
    report = running.reports / f"report{ncu.SUFFIX}"
    only = running.session.options.only
    finished = running.run(ncu.ncu_command(program.path, report, running.command(), only=only))
    nothing = NCU_NOTHING.search(finished.tail(200)) is not None
    running.judge(finished, "ncu", measured=report.is_file() and not nothing)
    return ncu.read_ncu_report(report, reader=reader, generated=running.generated())


def _by_nsys(program: Program, running: _Running) -> ProfileResult:
    report = running.reports / f"report{nsys.SUFFIX}"
    finished = running.run(nsys.nsys_command(program.path, report, running.command()))
    running.judge(finished, "nsys", measured=report.is_file())
    running.generated()
    return _with_only(read_nsys_report(report, program), running.session.options.only)


def _by_rocprof(program: Program, running: _Running) -> ProfileResult:
    """A run that traces, then one a group of counters; a group the GPU does not have is told and left out."""
    options = running.session.options
    notes = []
    for number, counters in enumerate(((), *rocprof.PASSES)):
        folder = running.reports / f"pass_{number}"
        running.log.unlink(missing_ok=True)
        words = rocprof.rocprof_command(program.path, folder, running.command(), counters=counters, only=options.only)
        finished = running.run(words)
        wrote = any(folder.rglob("*.csv"))
        if not counters:
            running.judge(finished, "rocprofv3", measured=wrote)
            running.generated()
        elif not wrote or ROCPROF_COUNTERS.search(finished.tail(200)):
            notes.append(f"not measured, as this GPU does not count it so: {', '.join(counters)}")
    result = rocprof.read_rocprof_folder(running.reports, launches=options.launches, only=options.only)
    return replace(result, notes=tuple(notes))
