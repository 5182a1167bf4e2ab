"""Right before fast, equal code before timing, then rounds: the flow of ``bench``."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from scaffold.builds.build import Build
from scaffold.builds.capture import capture_ir, with_machine_code
from scaffold.builds.probing import own_folder
from scaffold.builds.process import end_all
from scaffold.builds.serving import ProbeServer
from scaffold.builds.workspace import Workspace
from scaffold.corpus.examples.facts import facts_of
from scaffold.corpus.examples.lending import lend
from scaffold.corpus.gpus import GpuSlot, find_gpus, held_by_others, hold_one
from scaffold.diff.footprint import same_code, shared_bytes
from scaffold.errors import KernelSourceError, MissingToolError, ProbeError
from scaffold.measure.blocks import Bench, KernelBlock
from scaffold.measure.cases import Case, Options, Side
from scaffold.measure.ceilings import Ceiling, ceiling_of
from scaffold.measure.clocks import Clocks, nvidia_gpu
from scaffold.measure.race import Runner, race
from scaffold.measure.sweep import Point, run_sweep
from scaffold.probe.arguments import device_of
from scaffold.probe.protocol import KernelRequest, TimedKernel
from scaffold.progress import Progress
from scaffold.report.bench_view import Code, Device
from scaffold.report.sweep_view import Configuration
from scaffold.trace.model import TraceFile

#: Lets PyTorch ask NVML whether there is a GPU, and not the driver, which no fork could use any more then. Importing
#: TileLang asks. Source: PyTorch's documentation, "CUDA semantics", environment variables.
_NO_DRIVER = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}


#: Imported before the first block. Timing by CUPTI, and Triton, import PyTorch's compiler, which takes seconds.
_WARM = ("scaffold.probe.capture", "scaffold.probe.bench", "torch.profiler", "torch._dynamo", "triton")


@dataclass
class Raced:
    """All that came of one case. ``checked`` and ``code`` are by arm; ``equal`` whether both sides are one code."""

    case: Case
    runner: Runner
    checked: dict[str, KernelBlock] = field(default_factory=dict)
    code: dict[str, Code] = field(default_factory=dict)
    equal: bool | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """All cases, on one device; ``ceiling`` is what it can do at most."""

    raced: tuple[Raced, ...]
    device: Device
    ceiling: Ceiling | None


def run_bench(
    cases: Sequence[Case],
    sides: Sequence[Side],
    options: Options,
    *,
    workspace: Workspace,
    progress: Progress,
    argv: Sequence[str],
    gpus: Sequence[GpuSlot] = (),
) -> Outcome:
    """Check and time ``cases``; ``sides`` are one build or two, ``gpus`` those that may be used (default: all).

    Raises
    ------
    MissingToolError
        If a case needs a GPU and there is none.
    EnvironmentProblem
        If TileLang does not import in a build.
    """
    device = device_of(cases[0].baseline.target)
    with _held(device, gpus, progress) as gpu, tempfile.TemporaryDirectory(prefix="scaffold-bench-") as scratch:
        environment = gpu.environment() if gpu else {}
        with nvidia_gpu(gpu.identity if gpu else "") as (look, facts, others), Clocks(look) as clocks:
            track = _Track(cases, sides, options, workspace, progress, tuple(argv), device, environment, Path(scratch))
            with track:
                raced = track.run(clocks)
            ceiling = ceiling_of(
                device,
                f"{gpu.identity if gpu else _host_identity()} {facts.get('driver', '')}",
                sides[0].build,
                workspace=workspace,
                environment=environment,
                progress=progress,
            )
        return Outcome(tuple(raced), _device(gpu, facts, others), ceiling)


def time_points(
    points: Sequence[Point],
    side: Side,
    options: Options,
    *,
    workspace: Workspace,
    progress: Progress,
    gpus: Sequence[GpuSlot] = (),
    jobs: int | None = None,
) -> tuple[Device, list[Configuration]]:
    """Compile, check and time a grid of one kernel; raises like :func:`run_bench`."""
    device = device_of(next(point.request.target for point in points if point.request))
    with _held(device, gpus, progress) as gpu, tempfile.TemporaryDirectory(prefix="scaffold-bench-") as scratch:
        environment = gpu.environment() if gpu else {}
        track = _Track((), (side,), options, workspace, progress, (), device, environment, Path(scratch))
        with nvidia_gpu(gpu.identity if gpu else "") as (_, facts, others), track:
            configurations = run_sweep(
                points,
                track.bench("baseline"),
                method=options.method,
                budget_ms=options.budget_ms,
                jobs=jobs,
                progress=progress,
                seed=options.seed,
            )
        return _device(gpu, facts, others), configurations


def _device(gpu: GpuSlot | None, facts: dict[str, str], others: Sequence[str]) -> Device:
    notes = tuple(f"another {other} used the GPU meanwhile" for other in others)
    return Device(gpu.name if gpu else f"CPU, {_host_identity()}", facts, notes)


def require_gpus() -> list[GpuSlot]:
    """The GPUs of this machine.

    Raises
    ------
    MissingToolError
        If there is none.
    """
    found = find_gpus()
    if not found:
        raise MissingToolError(
            "timing needs a GPU, and there is none here",
            hint="try the whole path on the CPU: python -m scaffold bench cpu_gemm --target c",
        )
    return found


@contextlib.contextmanager
def _held(device: str, gpus: Sequence[GpuSlot], progress: Progress) -> Iterator[GpuSlot | None]:
    """The GPU alone, waited for if another run holds it; nothing for the CPU."""
    if device != "cuda":
        yield None
        return
    chosen = list(gpus) or require_gpus()
    if len(held_by_others(chosen)) == len(chosen):
        progress.say("the GPU is held by another run: waiting for it")
    with hold_one(chosen) as gpu:
        yield gpu


def _host_identity() -> str:
    """What tells this machine's processor from another one."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").is_file() else ""
    return next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "cpu")


@dataclass
class _Track:
    """Where the race is run: the processes of both builds, and how far each case came."""

    cases: Sequence[Case]
    sides: Sequence[Side]
    options: Options
    workspace: Workspace
    progress: Progress
    argv: tuple[str, ...]
    device: str
    environment: Mapping[str, str]
    scratch: Path
    servers: dict[str, ProbeServer] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> _Track:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers.values():
            server.close()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def run(self, clocks: Clocks) -> list[Raced]:
        raced = [Raced(case, Runner(case, _pairs(case))) for case in self.cases]
        with self.progress.step(f"compiling {len(raced)} kernels"):
            self._look_at_all_code(raced)
        self._check(raced)
        running = [one for one in raced if self._is_to_be_timed(one)]
        race(
            [one.runner for one in running],
            self._run_slot,
            options=self.options,
            between=clocks.between,
            tell=self.progress.update,
        )
        return raced

    # ---- the code

    def _look_at_all_code(self, raced: Sequence[Raced]) -> None:
        pool = ThreadPoolExecutor(os.cpu_count() or 1)
        try:
            list(pool.map(self._look_at_code, raced))
        except BaseException:
            end_all()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _look_at_code(self, one: Raced) -> None:
        """Lower a case on both sides, with machine code, and see whether there is anything to time."""
        if one.case.times_itself:
            one.notes += ("upstream's own case: outputs are not checked, machine code is not compared",)
            return
        wanted = [("baseline", one.case.baseline, self.sides[0].build)]
        if one.case.candidate is not None:
            wanted.append(("candidate", one.case.candidate, self.sides[-1].build))
        files = [self._capture(request, build) for _, request, build in wanted]
        for (arm, _, _), (file, why) in zip(wanted, files, strict=True):
            if file is None or file.trace.failure is not None:
                said = why or f"{file.trace.failure.error}: {file.trace.failure.message.splitlines()[-1]}"  # type: ignore[union-attr]
                one.runner.failure[arm] = said
            else:
                one.code[arm] = _code_of(file)
        found = [file for file, _ in files if file is not None]
        if len(wanted) == 2 and len(found) == 2 and not one.runner.failure:
            one.equal = same_code(*found)
            missing = next((item.missing for file in found for item in file.trace.artifacts if item.missing), None)
            if one.equal is None and missing:
                one.notes += (f"machine code was not compared: {missing}",)

    def _capture(self, request: KernelRequest, build: Build) -> tuple[TraceFile | None, str]:
        quiet = Progress(verbosity=-1)
        try:
            captured = capture_ir(
                request,
                build,
                workspace=self.workspace,
                progress=quiet,
                argv=self.argv,
                timeout_s=self.options.timeout_s,
                server=self._server(build),
            )
            file = with_machine_code(captured, build, workspace=self.workspace, progress=quiet)
        except (ProbeError, KernelSourceError) as error:
            return None, error.message
        return file, ""

    # ---- right before fast

    def _check(self, raced: Sequence[Raced]) -> None:
        """Launch everything once and compare: with the reference, and one side with the other."""
        waiting = [one for one in raced if not one.runner.failure and not one.case.times_itself]
        for slot in ("baseline", "candidate", "contenders"):
            items = [item for one in waiting for item in self._items(one.case, slot, check=True)]
            if not items:
                continue
            with self.progress.step(f"checking the outputs of {slot}"):
                found = self.bench(slot).run(items)
            for one in waiting:
                for arm in _arms_of(one.case, slot):
                    block = found.get(_key(one.case, arm))
                    if block is None:
                        continue
                    one.checked[arm] = block
                    if block.failure:
                        one.runner.failure[arm] = block.failure
                    if arm in one.code:
                        one.code[arm] = _with_compile(one.code[arm], block)

    def _is_to_be_timed(self, one: Raced) -> bool:
        """Whether there is anything to time; contenders that failed are left out of the race."""
        failed = set(one.runner.failure)
        one.runner.pairs = tuple(pair for pair in one.runner.pairs if not failed.intersection(pair))
        if failed & {"baseline", "candidate"}:
            return False
        if one.equal and not self.options.force:
            return False
        kept = tuple(name for name in one.case.contenders if name not in failed)
        one.runner.case = replace(one.case, contenders=kept)
        return True

    # ---- blocks

    def _run_slot(self, slot: str, cases: Sequence[Case]) -> dict[tuple[str, str], KernelBlock]:
        items = [item for case in cases for item in self._items(case, slot, check=False)]
        found = self.bench(slot).run(items)
        return {
            (case.name, arm): found[_key(case, arm)]
            for case in cases
            for arm in _arms_of(case, slot)
            if _key(case, arm) in found
        }

    def _items(self, case: Case, slot: str, *, check: bool) -> Iterator[TimedKernel]:
        for arm in _arms_of(case, slot):
            request = case.candidate if arm == "candidate" else case.baseline
            if request is None:
                continue
            saved = str(self.scratch / f"{self.cases.index(_like(self.cases, case))}.pt")
            yield TimedKernel(
                _key(case, arm),
                request,
                contender=arm if slot == "contenders" else "regression" if case.times_itself else "tilelang",
                method=self.options.method,
                budget_ms=0.0 if check else self.options.budget_ms,
                check=check,
                save=saved if check and arm == "baseline" else None,
                against=saved if check and arm == "candidate" and case.is_same_work else None,
            )

    def bench(self, slot: str) -> Bench:
        side = self.sides[-1] if slot == "candidate" else self.sides[0]
        name = "candidate" if slot == "candidate" and len(self.sides) > 1 else "baseline"
        return Bench(
            side.build,
            self.workspace,
            self.scratch / f"cache-{name}",
            self.environment,
            self.options.timeout_s,
            self.progress,
            # On the CPU a block is a process from scratch: where its code and data lie in memory weighs on its speed
            # there, and all forks of one process share that.
            self._server(side.build) if self.device == "cuda" else None,
            self._lent(side.build),
        )

    def _lent(self, build: Build) -> tuple[str, ...]:
        """What ``tilelang.testing`` imports and a wheel does not bring: upstream's own cases need it."""
        if not any(case.times_itself for case in self.cases):
            return ()
        facts = facts_of(build.name, build.python)
        lent = lend(frozenset({"einops"}) - facts.available, facts.available, facts.python, self.workspace.cache)
        return tuple(map(str, lent.folders))

    def _server(self, build: Build) -> ProbeServer:
        """The process of a build that imported TileLang, and touched no device, to be forked from."""
        with self.lock:
            server = self.servers.get(build.python)
            if server is None or not server.alive:
                folder = own_folder(self.workspace)
                self.folders.append(folder)
                server = ProbeServer(build, folder, self.progress, environment=_NO_DRIVER, warm=_WARM)
                self.servers[build.python] = server
            return server


def _pairs(case: Case) -> tuple[tuple[str, str], ...]:
    """What is compared: the sides, or the kernel with each contender as its baseline."""
    if case.candidate is not None:
        return (("baseline", "candidate"), *((name, "candidate") for name in case.contenders))
    return tuple((name, "baseline") for name in case.contenders)


def _arms_of(case: Case, slot: str) -> tuple[str, ...]:
    if slot == "contenders":
        return case.contenders
    if slot == "candidate" and case.candidate is None:
        return ()
    return (slot,)


def _key(case: Case, arm: str) -> str:
    return f"{case.name} {arm}"


def _like(cases: Sequence[Case], case: Case) -> Case:
    return next(one for one in cases if one.name == case.name)


def _code_of(file: TraceFile) -> Code:
    resources = file.trace.resources
    return Code(
        registers=max((item.registers for item in resources), default=None),
        spill_bytes=sum(item.spill_store_bytes for item in resources) if resources else None,
        shared_bytes=shared_bytes(file),
        sass_instructions=(sum(item.sass_instructions or 0 for item in resources) or None if resources else None),
    )


def _with_compile(code: Code, block: KernelBlock) -> Code:
    return replace(code, compile_ms=block.compile_ms, binary_bytes=block.binary_bytes)
