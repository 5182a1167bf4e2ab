"""Run a probe in a build's interpreter, and judge how it ended."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.process import Finished, probe_environment, run_logged
from scaffold.builds.store import Build
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem, KernelSourceError, ProbeError, ProbeTimeoutError
from scaffold.probe import start
from scaffold.probe.protocol import PROTOCOL_VERSION, CaptureRequest, KernelRequest, encode_request
from scaffold.progress import Progress
from scaffold.trace.model import Failure
from scaffold.trace.spool import Spool, read_spool

#: Folders of dead probes kept for a look.
_MOST_RUNS_KEPT = 5


@dataclass(frozen=True)
class Probed:
    """What a probe wrote, how its process ended, and the failure that its result carries, if any."""

    spool: Spool
    finished: Finished
    failure: Failure | None


def run_probe(
    job: str, request: KernelRequest, build: Build, *, workspace: Workspace, progress: Progress, timeout_s: float
) -> Probed:
    """Run ``job`` (``capture``, ``run``) for ``request`` in ``build``.

    Raises
    ------
    KernelSourceError
        If the user's own code raises or gives no kernel.
    ProbeError, ProbeTimeoutError
        If the probe died before any pass, or hung; its folder is kept under ``workspace/runs``.
    EnvironmentProblem
        If TileLang does not import in ``build``.
    """
    folder = Path(tempfile.mkdtemp(prefix="scaffold-probe-"))
    keep = False
    try:
        spool_path = folder / "spool.jsonl"
        document = encode_request(CaptureRequest(PROTOCOL_VERSION, request, str(spool_path)))
        (folder / "request.json").write_text(json.dumps(document), encoding="utf-8")
        # A kernel cache of its own, switched off besides: what is asked for is compiled, here and now.
        environment = probe_environment(
            {"TILELANG_DISABLE_CACHE": "1", "TILELANG_CACHE_DIR": str(folder / "cache"), "TMPDIR": str(folder)}
        )
        command = [build.python, str(Path(start.__file__)), job, str(folder / "request.json")]
        finished = run_logged(
            command, log=folder / "log", progress=progress, env=environment, cwd=folder, timeout_s=timeout_s
        )
        spool = read_spool(spool_path)
        failure = _judge(spool, finished, request, build)
        keep = failure is not None and failure.stage == "crash"
        return Probed(spool, finished, failure)
    except ProbeError:
        keep = True
        raise
    finally:
        if keep:
            _keep(folder, workspace)
        shutil.rmtree(folder, ignore_errors=True)


def _judge(spool: Spool, finished: Finished, request: KernelRequest, build: Build) -> Failure | None:
    """The failure a result carries, if any; raises for what leaves nothing worth keeping."""
    if finished.timed_out:
        where = f" in {spool.unfinished[1]}" if spool.unfinished else ""
        raise ProbeTimeoutError(
            f"{request.name} did not end{where}",
            hint="give it longer with --timeout SECONDS, or a smaller kernel with --set",
            context={"its last lines": finished.tail(5)},
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
    if failure is None and (not spool.ended or finished.returncode != 0):
        return _crash(spool, finished, build)
    return failure


def _crash(spool: Spool, finished: Finished, build: Build) -> Failure:
    how = f"signal {-finished.returncode}" if finished.returncode < 0 else f"exit code {finished.returncode}"
    if not spool.passes and spool.unfinished is None:
        raise ProbeError(
            f"the probe in {build.name} died before the first pass ({how})",
            hint="its last lines are above; run again with -v for the command",
            context={"its last lines": finished.tail(12)},
        )
    sequence, name = spool.unfinished or (None, None)
    return Failure("crash", sequence, name, how, finished.tail(3) or how, finished.tail(30))


def _users_part(traceback: str, request: KernelRequest) -> str:
    """The traceback from the user's file on."""
    lines = traceback.splitlines()
    at = next((i for i, line in enumerate(lines) if request.path and request.path in line), 0)
    return "\n".join(lines[at:][-20:])


def _keep(folder: Path, workspace: Workspace) -> None:
    """Keep what a dead probe left, for a look; the newest few only."""
    kept = workspace.folder(workspace.runs)
    shutil.copytree(folder, kept / folder.name, ignore=shutil.ignore_patterns("cache"), dirs_exist_ok=True)
    for old in sorted(kept.iterdir(), key=lambda path: path.stat().st_mtime)[:-_MOST_RUNS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
