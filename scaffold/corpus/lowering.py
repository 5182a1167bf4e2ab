"""Lower one entry of the corpus in one build: the task a pool runs, and what is kept of it.

A result is kept under what decides it: the build's content, the kit's probe, the entry. A script's result also names
the files of the user's that took part, and holds only while they are as they were.
What took too long is kept until it is given more time; what was killed, or ran out of memory, is not kept.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from scaffold.builds.build import Build
from scaffold.builds.capture import Captured, capture_ir
from scaffold.builds.content import FileHashes, files_digest, probe_digest
from scaffold.builds.probing import own_folder
from scaffold.builds.resident import open_server
from scaffold.builds.script import PassedOver, Script, run_script
from scaffold.builds.serving import ProbeServer
from scaffold.builds.workspace import Workspace
from scaffold.corpus.gpus import find_gpus, hold_one
from scaffold.corpus.manifest import Entry
from scaffold.diff.change import said_in
from scaffold.errors import KernelSourceError, ProbeError
from scaffold.files import write_atomically
from scaffold.kernels.catalog import load_zoo_kernel
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings
from scaffold.kernels.target import parse_target
from scaffold.progress import Progress
from scaffold.trace.model import TraceFile
from scaffold.trace.store import SUFFIX, read_trace, write_trace

#: Raise it when what is kept, or how it is made, changes.
_CACHE_VERSION = 5


@dataclass(frozen=True)
class LowerTask:
    """One entry in one build. ``content`` is the build's digest; paths are those of the machine that does it.

    ``fresh`` lowers it once more, the first, second … time, in another process, and keeps it apart: to see whether the
    build is deterministic there. ``real`` runs a script as it is, on a GPU held alone meanwhile, and each time anew.
    The last four are those of :class:`~scaffold.builds.script.Script`.
    """

    entry: Entry
    build: Build
    content: str
    workspace: str
    timeout_s: float
    pass_configs: tuple[tuple[str, str], ...] = ()
    argv: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    fresh: int = 0
    real: bool = False
    parameters: tuple[tuple[str, str], ...] = ()
    init: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    import_roots: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        words = (
            _CACHE_VERSION, self.content, probe_digest(), self.entry.name, self.entry.tree, self.entry.target,
            self.pass_configs, self.argv, self.fresh, self.real,
            self.parameters, self.init, self.inputs, self.import_roots,
        )  # fmt: skip
        return hashlib.sha256(repr(words).encode()).hexdigest()[:24]


class LoweredKernel(msgspec.Struct, frozen=True):
    """One kernel of an entry. ``digest`` is of all that its lowering came to; ``trace`` lies in the result's folder.

    ``changed_by`` names the passes that changed it, each once.
    """

    name: str
    trace: str
    digest: str
    failure: str = ""
    include_dirs: tuple[str, ...] = ()
    changed_by: tuple[str, ...] = ()


class Lowered(msgspec.Struct, frozen=True):
    """What came of an entry in a build.

    ``stopped`` says why it did not come to its end, ``not_built`` which kernels could not even be written down: by
    TileLang, as the source asks for what this release does not have, or by what stands in for the GPU.
    """

    kernels: tuple[LoweredKernel, ...]
    stopped: str = ""
    not_built: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    folder: str = ""
    files: tuple[str, ...] = ()
    files_digest: str = ""
    content: str = ""
    timed_out_after_s: float | None = None
    entry: str = ""
    target: str = ""
    kept: bool = False

    def trace_path(self, kernel: LoweredKernel) -> Path:
        return Path(self.folder) / kernel.trace

    @property
    def why_missing(self) -> str:
        """What is not here of it, all of it; empty where every kernel it compiles is."""
        return "; ".join(self.reasons)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not every kernel of it is here, each reason once: what was not built, then what stopped the script."""
        error = self.stopped.rpartition(" (")[0] or self.stopped
        repeated = any(error in item for item in self.not_built)
        return self.not_built if repeated or not self.stopped else (*self.not_built, self.stopped)

    @property
    def skipped(self) -> tuple[PassedOver, ...]:
        """Statements that raised beside the kernels."""
        return tuple(item for item in self.passed_over if not item.compiler)


def lower_entry(task: LowerTask) -> Lowered:
    """Lower ``task``, or take what was kept of it.

    Raises
    ------
    EnvironmentProblem
        If TileLang does not import in the build.
    """
    if task.entry.is_script and not task.entry.path.is_file():
        return Lowered((), stopped="there is no such script", entry=task.entry.shown, target=task.entry.target)
    workspace = Workspace.at(task.workspace)
    folder = workspace.folder(workspace.root / "corpus") / "lowered" / task.key
    if (kept := find_kept(task)) is not None:
        return kept
    progress = Progress(verbosity=-1)
    with _server(task, workspace, progress) as server:
        lowered, traces, lasting = (_script if task.entry.is_script else _zoo)(task, workspace, server)
    shutil.rmtree(folder, ignore_errors=True)
    for name, file in traces.items():
        write_trace(folder / name, file)
    hashes = FileHashes(workspace.cache / "examples.json")
    digest = files_digest(map(Path, lowered.files), hashes)
    hashes.save()
    lowered = msgspec.structs.replace(
        lowered,
        folder=str(folder),
        files_digest=digest or "",
        content=task.content,
        entry=task.entry.shown,
        target=task.entry.target,
    )
    if lasting and digest is not None:
        write_atomically(folder / "lowered.json", msgspec.json.encode(lowered))
    return lowered


def find_kept(task: LowerTask) -> Lowered | None:
    """What was kept of ``task``, if it still holds; what runs for real runs."""
    if task.real:
        return None
    workspace = Workspace.at(task.workspace)
    folder = workspace.root / "corpus" / "lowered" / task.key
    try:
        lowered = msgspec.json.decode((folder / "lowered.json").read_bytes(), type=Lowered)
    except (OSError, msgspec.MsgspecError):
        return None
    if lowered.timed_out_after_s is not None and task.timeout_s > lowered.timed_out_after_s:
        return None
    if files_digest(map(Path, lowered.files), _hashes(str(workspace.cache))) != (lowered.files_digest or None):
        return None
    return msgspec.structs.replace(lowered, folder=str(folder), kept=True)


def kernels_by_pass(workspace: Workspace, content: str) -> dict[str, list[str]]:
    """Kernels each pass of a build changed, by all that is kept of it: ``gemm/example_gemm.py::matmul cuda:sm_90a``."""
    found: dict[str, dict[str, None]] = {}
    for path in sorted((workspace.root / "corpus" / "lowered").glob("*/lowered.json")):
        try:
            lowered = msgspec.json.decode(path.read_bytes(), type=Lowered)
        except (OSError, msgspec.MsgspecError):
            continue
        if lowered.content != content:
            continue
        for kernel in lowered.kernels:
            shown = kernel.name if kernel.name == lowered.entry else f"{lowered.entry}::{kernel.name}"
            for name in kernel.changed_by:
                found.setdefault(name, {})[f"{shown} {lowered.target}"] = None
    return {name: sorted(kernels) for name, kernels in found.items()}


_HASHES: dict[str, FileHashes] = {}


def _hashes(cache: str) -> FileHashes:
    """Hashes of the user's files, read once a process: a corpus asks for the same few hundred thousands of times."""
    return _HASHES.setdefault(cache, FileHashes(Path(cache) / "examples.json"))


def _zoo(task: LowerTask, workspace: Workspace, server: ProbeServer) -> tuple[Lowered, dict[str, TraceFile], bool]:
    """Lower a kernel of the zoo with its defaults."""
    settings = Settings(target=task.entry.target, pass_configs=dict(task.pass_configs))
    request = resolve(task.entry.name, settings, default_target=task.entry.target)
    try:
        captured = capture_ir(
            request,
            task.build,
            workspace=workspace,
            progress=Progress(verbosity=-1),
            argv=("corpus", task.entry.name),
            timeout_s=task.timeout_s,
            server=server,
        )
    except KernelSourceError as error:
        return Lowered((), not_built=(error.message,)), {}, True
    except ProbeError as error:
        return Lowered((), stopped=error.message), {}, False
    file = captured.file
    name = f"{task.entry.name}{SUFFIX}"
    lasting = file.trace.failure is None or file.trace.failure.stage != "crash"
    source = Path(load_zoo_kernel(task.entry.name).build.__code__.co_filename)
    return Lowered((_kernel(task.entry.name, name, captured),), files=(str(source),)), {name: file}, lasting


def _kernel(name: str, trace: str, captured: Captured) -> LoweredKernel:
    file = captured.file
    changed = dict.fromkeys(record.shown_name for record in file.trace.passes if record.before != record.after)
    return LoweredKernel(
        name, trace, lowering_digest(file), _failure(file), captured.include_dirs, changed_by=tuple(changed)
    )


def _script(task: LowerTask, workspace: Workspace, server: ProbeServer) -> tuple[Lowered, dict[str, TraceFile], bool]:
    """Run a script, on stand-ins or for real, and take every kernel it compiles."""
    entry = task.entry
    with _gpu_for(task) as environment:
        run = run_script(
            Script(
                path=entry.path,
                source=entry.name,
                roots=(Path(entry.tree),),
                argv=task.argv,
                target=entry.target,
                target_options=parse_target(entry.target),
                pass_configs=dict(task.pass_configs),
                packages=tuple(map(Path, task.packages)),
                real=task.real,
                environment=environment,
                entry=entry.inside,
                parameters=dict(task.parameters),
                init=task.init,
                inputs=task.inputs,
                import_roots=task.import_roots,
            ),
            task.build,
            workspace=workspace,
            progress=Progress(verbosity=-1),
            argv=("corpus", entry.name),
            timeout_s=task.timeout_s,
            server=server,
        )
    kernels, traces = [], {}
    for item in run.kernels:
        name = item.file.trace.kernel.source.rpartition("::")[2]
        traces[f"{name}{SUFFIX}"] = item.file
        kernels.append(_kernel(name, f"{name}{SUFFIX}", item))
    lowered = Lowered(
        kernels=tuple(kernels),
        stopped=run.stopped or "",
        not_built=tuple(map(str, run.not_built)),
        passed_over=run.passed_over,
        missing=run.missing,
        notes=run.notes,
        seconds=run.seconds,
        files=run.files or _beside(entry.path),
        timed_out_after_s=task.timeout_s if run.timed_out else None,
    )
    return lowered, traces, run.lasting or run.timed_out


@contextmanager
def _gpu_for(task: LowerTask) -> Iterator[dict[str, str]]:
    """Hold the GPU a script needs that runs for real; the variables that show it this one alone."""
    gpus = find_gpus() if task.real else []
    if not gpus:
        yield {}
        return
    with hold_one(gpus) as gpu:
        yield gpu.environment()


def _beside(script: Path) -> tuple[str, ...]:
    """The files a script may have imported that never came to say which."""
    return tuple(sorted(str(path.resolve()) for path in script.parent.glob("*.py")))


def _failure(file: TraceFile) -> str:
    failure = file.trace.failure
    if failure is None:
        return ""
    where = f" in {failure.pass_name}" if failure.pass_name else ""
    return f"{failure.error}{where}: {said_in(failure.message)}"


def lowering_digest(file: TraceFile) -> str:
    """Equal for two lowerings that came to the same after every pass, whatever build did it."""
    source, host = file.trace.artifact("source"), file.trace.artifact("host-module")
    words = (
        [(record.shown_name, record.depth, record.before, record.after) for record in file.trace.passes],
        source.digest if source else None,
        host.digest if host else None,
        file.trace.compiler_options,
        (file.trace.failure.stage, file.trace.failure.message) if file.trace.failure else None,
    )
    return hashlib.sha256(repr(words).encode()).hexdigest()


@dataclass
class _Shelf:
    """Servers of this process, one a build and kind of use; a dead one is replaced when asked for again."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    servers: dict[tuple[str, str], ProbeServer] = field(default_factory=dict)
    starting: defaultdict[tuple[str, str], threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))


_SHELF = _Shelf()


@contextmanager
def _server(task: LowerTask, workspace: Workspace, progress: Progress) -> Iterator[ProbeServer]:
    """The server that lowers for ``task``: one for all tasks of its build, another for those lowered once more.

    A build that orders by address is the same in every child of one server, so a second look needs a second server, and
    children with heaps of their own.
    """
    key = (task.build.python, "again" if task.fresh else "")
    with _SHELF.lock:
        starting = _SHELF.starting[key]
    # A server that is started may take as long as TileLang's import, which another build need not wait for.
    with starting:
        server = _SHELF.servers.get(key)
        if server is None or not server.alive:
            folder = own_folder(workspace)
            server = open_server(task.build, folder, progress, shuffle_heap=bool(task.fresh))
            with _SHELF.lock:
                _SHELF.servers[key] = server
    yield server


def close_servers() -> None:
    """End the servers of this process; the next task starts its own."""
    with _SHELF.lock:
        servers, _SHELF.servers = list(_SHELF.servers.values()), {}
    for server in servers:
        server.close()


def read_kernel(lowered: Lowered, kernel: LoweredKernel) -> TraceFile:
    """The trace of a kernel that was lowered."""
    return read_trace(lowered.trace_path(kernel))
