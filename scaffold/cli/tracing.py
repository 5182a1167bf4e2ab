"""What the verbs that look at passes share: from the command line to traces."""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.attestation import commit_words, read_attestation
from scaffold.builds.build import Build
from scaffold.builds.capture import DEFAULT_TIMEOUT_S, CaptureOptions, capture, capture_ir
from scaffold.builds.content import content_digest
from scaffold.builds.gpu import default_target
from scaffold.builds.probing import own_folder
from scaffold.builds.process import end_all
from scaffold.builds.resident import open_server
from scaffold.builds.serving import ProbeServer
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.errors import KernelApiError, KernelSourceError, SameBuildError, TraceFileError, UsageError
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings, parse_assignments
from scaffold.probe.protocol import KernelRequest
from scaffold.progress import Progress
from scaffold.trace.model import TraceFile, text_digest
from scaffold.trace.store import SUFFIX, read_trace, write_trace


@dataclass(frozen=True)
class Side:
    """One lowering to be had: a recorded trace, or a kernel in a build."""

    trace: Path | None
    request: KernelRequest | None
    build: Build | None


@dataclass(frozen=True)
class Session:
    """The workspace and how loud to be."""

    workspace: Workspace
    progress: Progress
    store: BuildStore
    options: CaptureOptions
    argv: tuple[str, ...]


def open_session(namespace: argparse.Namespace, progress: Progress, argv: tuple[str, ...]) -> Session:
    workspace = Workspace.at(namespace.workspace)
    return Session(
        workspace=workspace,
        progress=progress,
        store=BuildStore(workspace, progress, torch=namespace.torch, project=_project_of(namespace)),
        options=CaptureOptions(
            machine_code=not namespace.no_machine_code, timeout_s=namespace.timeout or DEFAULT_TIMEOUT_S
        ),
        argv=argv,
    )


def _project_of(namespace: argparse.Namespace) -> Path | None:
    """The folder of the first file that was named; none where a kernel of the zoo is."""
    names = getattr(namespace, "kernels", None) or [getattr(namespace, "kernel", None) or ""]
    path = Path(names[0].partition("::")[0])
    return path if path.is_dir() else path.parent if path.is_file() else None


def made_of(build: Build, content: str, workspace: Workspace) -> list[str]:
    """What tells a build from another one, in words: its content, and the commit of one made from source."""
    attestation = read_attestation(workspace, build.name)
    return [f"content {content[:12]}", *commit_words(attestation.short() if attestation else {})]


def settings_of(namespace: argparse.Namespace) -> Settings:
    """What ``--set``, ``--target`` and ``--build`` say together."""
    settings = parse_assignments(namespace.set, flag="--set")
    if namespace.target == "" or namespace.build == "":
        raise UsageError("--target and --build take a name", hint="for example: --target cuda:sm_80")
    for folder in namespace.import_root:
        if not Path(folder).is_dir():
            raise UsageError(f"--import-root {folder}: no such folder", hint="name the folder that holds the package")
    roots = tuple(str(Path(folder).resolve()) for folder in namespace.import_root)
    return settings.overlaid(Settings(target=namespace.target, build=namespace.build, import_roots=roots))


def plan(kernel: str, settings: Settings) -> Side:
    """Decide what one side is, before anything is installed or run."""
    if kernel.endswith(SUFFIX):
        if settings.describe():
            raise TraceFileError(
                f"{kernel} is recorded already; {settings.describe()} cannot change it",
                hint="name the kernel instead of the trace",
            )
        if not Path(kernel).is_file():
            raise TraceFileError(f"no file {kernel!r}", hint="name a .tltrace that is there, or a kernel")
        return Side(Path(kernel), None, None)
    return Side(None, resolve(kernel, settings, default_target=default_target()), None)


def with_build(session: Session, side: Side, settings: Settings) -> Side:
    """Make the side's build if it needs one."""
    return side if side.trace else Side(None, side.request, session.store.get(settings.build))


def refuse_same(baseline: Build, candidate: Build, workspace: Workspace) -> None:
    """Refuse two names for one and the same TileLang: whatever came of it would be of no difference.

    Raises
    ------
    SameBuildError
        If so.
    """
    if baseline.name == candidate.name:
        return
    ours, theirs = content_digest(baseline, workspace), content_digest(candidate, workspace)
    if ours == theirs:
        raise SameBuildError(
            f"{baseline.name} and {candidate.name} are the same TileLang, file by file ({ours[:12]})",
            hint="name the other build; or the same one on both sides, to compare it with itself",
        )


def obtain(session: Session, sides: list[Side]) -> list[TraceFile]:
    """The traces of all sides, captured side by side, and kept in the workspace."""
    if len(sides) == 1:
        return [_obtain_one(session, sides[0])]
    pool = ThreadPoolExecutor(len(sides))
    try:
        futures = [pool.submit(_obtain_one, session, side) for side in sides]
        return [future.result() for future in futures]
    except KernelSourceError as error:
        raise _told_of_both(error, sides, futures) from error
    finally:
        # On an error or an interrupt the other side's probe must not run on.
        end_all()
        pool.shutdown(wait=True)


def _told_of_both(
    error: KernelSourceError, sides: Sequence[Side], futures: Sequence[Future[TraceFile]]
) -> KernelSourceError:
    """The error of one side, said as what it is where the other side has what this one lacks."""
    (failed, other) = (0, 1) if futures[0].done() and futures[0].exception() is error else (1, 0)
    side = sides[failed]
    if error.gap is None or side.request is None or side.build is None or futures[other].exception() is not None:
        return error
    return KernelApiError(
        f"{side.request.name} is written for an API that {side.build.name} does not have: {error.gap} "
        f"(there in {futures[other].result().trace.build.name})",
        hint="compare two builds that both have it, or write the kernel so that either takes it",
        context=error.context,
        gap=error.gap,
    )


@contextmanager
def lowering_again(session: Session, sides: Sequence[Side]) -> Iterator[Callable[[int], TraceFile]]:
    """What lowers a side, by its index, once more: without machine code, and without keeping the trace.

    Each lowering has a heap of its own: those of one side are samples of what its build does.
    """
    with ExitStack() as stack:
        servers: dict[str, ProbeServer] = {}
        for side in sides:
            if side.build is not None and side.build.python not in servers:
                folder = own_folder(session.workspace)
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                server = open_server(side.build, folder, session.progress, shuffle_heap=True)
                servers[side.build.python] = stack.enter_context(server)

        def lower(index: int) -> TraceFile:
            side = sides[index]
            if side.request is None or side.build is None:
                raise ValueError("a recorded trace cannot be lowered again")
            return capture_ir(
                side.request,
                side.build,
                workspace=session.workspace,
                progress=session.progress,
                argv=session.argv,
                timeout_s=session.options.timeout_s,
                server=servers[side.build.python],
            ).file

        yield lower


def _obtain_one(session: Session, side: Side) -> TraceFile:
    if side.trace is not None:
        return read_trace(side.trace)
    file = _lower(session, side, session.options)
    write_trace(trace_path(session.workspace, file), file)
    return file


def _lower(session: Session, side: Side, options: CaptureOptions) -> TraceFile:
    if side.request is None or side.build is None:
        raise ValueError("a side is a trace, or a request with a build")
    return capture(
        side.request,
        side.build,
        workspace=session.workspace,
        progress=session.progress,
        argv=session.argv,
        options=options,
    )


def trace_path(workspace: Workspace, file: TraceFile) -> Path:
    """Where the workspace keeps a trace: named by what was compiled, so that the same question finds the same file."""
    kernel, build = file.trace.kernel, file.trace.build
    settings = repr((sorted(kernel.parameters.items()), sorted(kernel.pass_configs.items()), kernel.source_sha256))
    words = [kernel.name, kernel.target, build.name, text_digest(settings)[:8]]
    return workspace.traces / ("-".join(re.sub(r"[^\w.]+", "-", word).strip("-") for word in words) + SUFFIX)
