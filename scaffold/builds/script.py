"""Run a script in a build, on stand-ins or for real, and turn what its probe wrote into traces."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.builds.build import Build
from scaffold.builds.capture import Captured, captured_of
from scaffold.builds.probing import crash_of, keep_for_a_look, last_line, own_folder, run_in
from scaffold.builds.process import Finished
from scaffold.builds.resident import open_server
from scaffold.builds.script_end import Ending, why_stopped
from scaffold.builds.serving import ProbeServer
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem
from scaffold.probe.protocol import PROTOCOL_VERSION, KernelRequest, ScriptRequest, encode_request
from scaffold.progress import Progress
from scaffold.trace.model import Failure
from scaffold.trace.spool import lines_of, read_spool


@dataclass(frozen=True)
class Script:
    """A script to run for a target: ``roots`` are the folders whose files are the user's, ``source`` its short name.

    ``entry`` is what of it is run (empty: all of it), with ``parameters`` by name; ``init`` and ``inputs`` by place,
    for a class and for the call. ``import_roots`` are folders from which it imports, beside those that are found.
    ``real`` runs it as it is, ``environment`` saying on which GPU; otherwise it runs on stand-ins.
    """

    path: Path
    source: str
    roots: tuple[Path, ...]
    argv: tuple[str, ...]
    target: str
    target_options: dict[str, str]
    pass_configs: dict[str, str] = field(default_factory=dict)
    packages: tuple[Path, ...] = ()
    real: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    entry: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    init: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    import_roots: tuple[str, ...] = ()


@dataclass(frozen=True)
class PassedOver:
    """A statement that raised: ``compiler`` says whether TileLang did, or a computation beside the kernels.

    ``unknown`` is what it would have made: names, or ``f()`` for what a function would have returned.
    """

    file: str
    line: int
    error: str
    message: str
    compiler: bool
    where: str | None = None
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.error}: {self.message}"


@dataclass(frozen=True)
class ScriptRun:
    """What came of a script.

    ``stopped`` says in one line why the script did not run to its end; ``None``: it did. ``missing`` are packages that
    were stood in for; ``files`` are those of the user's that took part.
    """

    kernels: tuple[Captured, ...]
    stopped: str | None
    passed_over: tuple[PassedOver, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    files: tuple[str, ...] = ()
    seconds: float = 0.0
    #: Whether the same would come of it again: it was not ended from outside.
    lasting: bool = True
    timed_out: bool = False

    @property
    def not_built(self) -> tuple[PassedOver, ...]:
        """Statements in which TileLang itself raised: kernels that were never made."""
        return tuple(item for item in self.passed_over if item.compiler)

    @property
    def whole(self) -> bool:
        """Whether every kernel the script compiles is here."""
        return self.stopped is None and not self.not_built


def run_script(
    script: Script,
    build: Build,
    *,
    workspace: Workspace,
    progress: Progress,
    argv: Sequence[str],
    timeout_s: float,
    server: ProbeServer | None = None,
) -> ScriptRun:
    """Run ``script`` in ``build`` and return every kernel it compiled.

    For real it runs in a process of its own, as CUDA does not survive a fork, and ``server`` is not asked.

    A script that hangs, crashes or raises is a result that says so.

    Raises
    ------
    EnvironmentProblem
        If TileLang does not import in ``build``.
    ProbeError
        If the probe's server died.
    """
    started = datetime.datetime.now(datetime.timezone.utc)
    folder = own_folder(workspace)
    keep = False
    try:
        spool = folder / "script.jsonl"
        request = ScriptRequest(
            PROTOCOL_VERSION,
            str(script.path.resolve()),
            [str(root.resolve()) for root in script.roots],
            [str(path) for path in script.packages],
            list(script.argv),
            script.target,
            script.target_options,
            script.pass_configs,
            str(spool),
            script.real,
            script.entry,
            script.parameters,
            list(script.init),
            list(script.inputs),
            list(script.import_roots),
        )
        (folder / "request.json").write_text(json.dumps(encode_request(request)), encoding="utf-8")
        with _served(script, server, build, folder, progress) as serving:
            finished = run_in(
                "script",
                build,
                folder,
                server=serving,
                progress=progress,
                timeout_s=timeout_s,
                environment=script.environment,
            )
        told = _Told()
        for kind, value in lines_of(spool):
            told.take(kind, value)
        if told.failure is not None and told.failure.stage == "import":
            raise EnvironmentProblem(
                f"TileLang does not import in {build.name}: {told.failure.error}: {last_line(told.failure.message)}",
                hint=f"see it whole: {build.python} -c 'import tilelang'",
            )
        keep = not told.ended and not finished.timed_out
        kernels = [
            _kernel(item, finished, script, build, folder, workspace=workspace, started=started, argv=argv)
            for item in _named_in_order(told.captured)
        ]
        seconds = (datetime.datetime.now(datetime.timezone.utc) - started).total_seconds()
        return ScriptRun(
            tuple(kernels),
            why_stopped(told.ending(), finished, script.path.name, timeout_s),
            tuple(told.passed_over),
            tuple(told.missing),
            (*told.notes, *(_last_said(finished) if script.real else ())),
            tuple(told.files),
            seconds,
            lasting=told.ended or (finished.returncode >= 0 and not finished.timed_out),
            timed_out=finished.timed_out,
        )
    finally:
        if keep:
            keep_for_a_look(folder, workspace)
        shutil.rmtree(folder, ignore_errors=True)


def _last_said(finished: Finished) -> tuple[str, ...]:
    """The script's last words, which often are its answer."""
    said = [line.strip() for line in finished.tail(5).splitlines() if line.strip()]
    return (f"it said last: {said[-1][:200]}",) if said else ()


@contextmanager
def _served(
    script: Script, server: ProbeServer | None, build: Build, folder: Path, progress: Progress
) -> Iterator[ProbeServer | None]:
    """``server``, or one for this script alone, which ends all that a script leaves; none where it runs for real."""
    if server is not None or script.real:
        yield None if script.real else server
        return
    with open_server(build, folder, progress) as own:
        yield own


@dataclass
class _Told:
    """The lines of a script's own spool."""

    captured: list[dict[str, Any]] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    exited: str | None = None
    failure: Failure | None = None
    ended: bool = False

    def ending(self) -> Ending:
        """How it said it ended."""
        return Ending(self.failure, self.exited, self.ended, frozenset(Path(path).name for path in self.files))

    def take(self, kind: str, value: Any) -> None:
        match kind:
            case "captured":
                self.captured.append(value)
            case "passed-over":
                self.passed_over.append(PassedOver(**{**value, "unknown": tuple(value["unknown"])}))
            case "missing":
                self.missing.append(str(value))
            case "warning":
                self.notes.append(str(value))
            case "files":
                self.files = [str(item) for item in value]
            case "exited":
                self.exited = str(value["code"])
            case "failure":
                value.pop("users_fault")
                self.failure = Failure(**value)
            case "end":
                self.ended = True


def _named_in_order(captured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Kernels with names that another run gives them too: threads and processes record theirs in any order."""
    named = list(captured)
    for function in {item["function"] for item in captured if not item["in_order"]}:
        places = [place for place, item in enumerate(captured) if item["function"] == function]
        in_order = sorted((captured[place] for place in places), key=_order)
        for count, place in enumerate(places):
            named[place] = {**in_order[count], "name": f"{function}-{count + 1}" if count else function}
    return named


def _order(item: dict[str, Any]) -> list[tuple[str, str, Any]]:
    return [(name, type(value).__name__, value) for name, value in sorted(item["parameters"].items())]


def _kernel(
    item: dict[str, Any],
    finished: Finished,
    script: Script,
    build: Build,
    folder: Path,
    *,
    workspace: Workspace,
    started: datetime.datetime,
    argv: Sequence[str],
) -> Captured:
    spool = read_spool(folder / item["spool"])
    failure = spool.failure
    if failure is None and not spool.ended:
        failure = crash_of(spool, finished)
    options: dict[str, str] = item["target"]
    arch = options.get("arch") or options.get("mcpu")
    request = KernelRequest(
        name=f"{script.path.stem}.{item['name']}",
        source=f"script:{script.source}::{item['name']}",
        path=str(script.path),
        entry=item["name"],
        parameters={},
        # The script may name another target than the one it was run for.
        target=f"{options['kind']}:{arch}" if arch else options["kind"],
        target_options=options,
        pass_configs=script.pass_configs,
    )
    return captured_of(spool, failure, request, build, workspace=workspace, started=started, argv=argv)
