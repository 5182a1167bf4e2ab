"""Run a probe in a build's interpreter, and judge how it ended."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.api_gap import api_gap
from scaffold.builds.build import Build
from scaffold.builds.process import Finished, probe_environment, run_logged
from scaffold.builds.serving import MEMORY_SHARE, ProbeServer, probe_variables
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem, KernelSourceError, ProbeError, ProbeTimeoutError
from scaffold.probe import start
from scaffold.probe.failure import POINTING
from scaffold.probe.protocol import PROTOCOL_VERSION, CaptureRequest, KernelRequest, encode_request
from scaffold.progress import Progress
from scaffold.trace.model import Failure
from scaffold.trace.spool import Spool, read_spool

#: Frames of the user's file, and last lines, worth showing of a traceback.
_MOST_FRAMES = 5
#: Folders of dead probes kept for a look.
_MOST_RUNS_KEPT = 5


@dataclass(frozen=True)
class Probed:
    """What a probe wrote, how its process ended, and the failure that its result carries, if any."""

    spool: Spool
    finished: Finished
    failure: Failure | None


def run_probe(
    job: str,
    request: KernelRequest,
    build: Build,
    *,
    workspace: Workspace,
    progress: Progress,
    timeout_s: float,
    server: ProbeServer | None = None,
) -> Probed:
    """Run ``job`` (``capture``, ``run``) for ``request`` in ``build``, as a child of ``server`` where there is one.

    Raises
    ------
    KernelSourceError
        If the user's own code raises or gives no kernel.
    ProbeError, ProbeTimeoutError
        If the probe died before any pass, or hung; its folder is kept under ``workspace/runs``.
    EnvironmentProblem
        If TileLang does not import in ``build``.
    """
    folder = own_folder(workspace)
    keep = False
    try:
        spool_path = folder / "spool.jsonl"

        def probe(*, in_step: bool) -> Probed:
            document = encode_request(CaptureRequest(PROTOCOL_VERSION, request, str(spool_path), in_step))
            (folder / "request.json").write_text(json.dumps(document), encoding="utf-8")
            finished = run_in(job, build, folder, server=server, progress=progress, timeout_s=timeout_s)
            spool = read_spool(spool_path)
            failure = _judge(spool, finished, request, build, workspace=workspace, timeout_s=timeout_s)
            return Probed(spool, finished, failure)

        found = probe(in_step=False)
        if _crashed(found) and job == "capture":
            # What was not yet printed died with the process: once more, so that the last pass written is the last run.
            again = probe(in_step=True)
            found = again if _crashed(again) else found
        keep = _crashed(found)
    except ProbeError:
        keep = True
        raise
    else:
        return found
    finally:
        if keep:
            keep_for_a_look(folder, workspace)
        shutil.rmtree(folder, ignore_errors=True)


def _crashed(probed: Probed) -> bool:
    return probed.failure is not None and probed.failure.stage == "crash"


def run_in(
    job: str,
    build: Build,
    folder: Path,
    *,
    server: ProbeServer | None,
    progress: Progress,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run ``job`` for ``folder/request.json`` in ``build``: as a child of ``server``, or in a process of its own.

    Variables of ``environment`` are added to a probe's own, or take their place.
    """
    if server is not None:
        memory = memory_limit()
        return server.run(job, folder, timeout_s=timeout_s, memory_bytes=memory, environment=environment)
    command = [build.python, str(Path(start.__file__)), job, str(folder / "request.json")]
    variables = probe_environment({**probe_variables(folder), **(environment or {})})
    return run_logged(command, log=folder / "log", progress=progress, env=variables, cwd=folder, timeout_s=timeout_s)


def memory_limit() -> int:
    """What one kernel of many may use, in bytes."""
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * MEMORY_SHARE)


def last_line(text: str) -> str:
    """The end of an error's message, where TVM puts what it is about; not the lines by which TileLang shows it."""
    said = [line for line in text.strip().splitlines() if not POINTING.match(line)]
    return said[-1].strip() if said else "it said nothing"


def _judge(
    spool: Spool, finished: Finished, request: KernelRequest, build: Build, *, workspace: Workspace, timeout_s: float
) -> Failure | None:
    """The failure a result carries, if any; raises for what leaves nothing worth keeping."""
    if finished.timed_out:
        where = f" in {spool.unfinished[1]}" if spool.unfinished else ""
        raise ProbeTimeoutError(
            f"{request.name} did not end within {timeout_s:g} s{where or ', before the first pass'}",
            hint="give it longer with --timeout SECONDS, or a smaller kernel with --set",
            context={"its last lines": finished.tail(5)},
        )
    failure = spool.failure
    if failure is not None and failure.stage == "import":
        raise EnvironmentProblem(
            f"TileLang does not import in {build.name}: {failure.error}: {last_line(failure.message)}",
            hint=f"see it whole: {build.python} -c 'import tilelang'",
        )
    if failure is not None and failure.stage == "build-kernel":
        said = failure.message if spool.users_fault else f"{failure.error}: {failure.message}"
        raise KernelSourceError(
            f"{request.source} gave no kernel: {said}",
            hint="mend it, or say other parameters and pass configs with --set K=V",
            context={} if spool.users_fault else {"traceback": _users_part(failure.traceback, request)},
            gap=api_gap(failure),
            raised=failure.error,
        )
    if failure is None and (not spool.ended or finished.returncode != 0):
        return _crash(spool, finished, build, workspace)
    return failure


def _crash(spool: Spool, finished: Finished, build: Build, workspace: Workspace) -> Failure:
    if not spool.passes and spool.unfinished is None:
        raise ProbeError(
            f"the probe in {build.name} died before the first pass ({_how(finished)})",
            hint=f"what it left is in {workspace.runs}",
            context={"its last lines": _last_words(finished)},
        )
    return crash_of(spool, finished)


def crash_of(spool: Spool, finished: Finished) -> Failure:
    """The failure of a lowering whose process died in it."""
    sequence, name = spool.unfinished or (None, None)
    how = _how(finished)
    return Failure("crash", sequence, name, how, finished.tail(1) or how, _last_words(finished))


def _how(finished: Finished) -> str:
    if finished.timed_out:
        return "time limit"
    return f"signal {-finished.returncode}" if finished.returncode < 0 else f"exit code {finished.returncode}"


def _last_words(finished: Finished) -> str:
    """The end of the log; of a crash in native code the Python frames, which name the user's line."""
    lines = finished.tail(200).splitlines()
    fatal = next((i for i, line in enumerate(lines) if line.startswith("Fatal Python error")), None)
    if fatal is None:
        return "\n".join(lines[-12:])
    frames = [line for line in lines[fatal:] if line.lstrip().startswith("File ")]
    return "\n".join([lines[fatal], *frames[:6]])


def own_folder(workspace: Workspace) -> Path:
    """A folder for one probe, named by our process; those of processes that are gone are cleared away."""
    parent = workspace.folder(workspace.root / "tmp")
    for left in parent.iterdir():
        owner = left.name.partition("-")[0]
        if owner.isdigit() and not _runs(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=parent))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _users_part(traceback: str, request: KernelRequest) -> str:
    """The frames of the traceback that are in the user's file, and its last lines."""
    lines = traceback.splitlines()
    own = [i for i, line in enumerate(lines) if request.path and f'File "{Path(request.path).name}"' in line]
    kept = {at for i in own[-_MOST_FRAMES:] for at in (i, i + 1)} | set(range(len(lines))[-_MOST_FRAMES:])
    return "\n".join(lines[at] for at in sorted(kept) if at < len(lines))


def keep_for_a_look(folder: Path, workspace: Workspace) -> None:
    """Keep what a dead probe left, for a look; the newest few only."""
    kept = workspace.folder(workspace.runs)
    shutil.copytree(folder, kept / folder.name, ignore=shutil.ignore_patterns("cache"), dirs_exist_ok=True)
    for old in sorted(kept.iterdir(), key=lambda path: path.stat().st_mtime)[:-_MOST_RUNS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
