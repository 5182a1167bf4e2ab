"""Run a script and record every kernel it compiles: the job ``script`` of ``start.py``.

The script runs as ``__main__``: on stand-in tensors and a pretended device, or for real, as it is. Each kernel gets a
spool of its own in the answer's folder; the spool the request names says what happened, in the script's own order.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from scaffold.probe.capture import check_pass_configs, normal_pass_configs
from scaffold.probe.failure import fail, short_path, tell
from scaffold.probe.identity import identity
from scaffold.probe.kernel import import_roots
from scaffold.probe.lowering import Lowered, kernel_line, record_lowering
from scaffold.probe.printing import print_module
from scaffold.probe.protocol import ScriptRequest, decode_script_request
from scaffold.probe.spool import SpoolWriter

#: TVM recurses. The system keeps so much free below the stack, whatever the limit was when the process began.
_STACK_BYTES = 128 * 1024 * 1024

#: What a target calls its architecture.
_ARCH = ("arch", "mcpu")


def run(document: dict[str, Any]) -> int:
    """Run the script ``document`` asks for; whatever comes of it is told in spools, and the exit code is 0."""
    request = decode_script_request(document)
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_STACK, (_STACK_BYTES, most))
    with SpoolWriter(request.spool) as spool:
        try:
            import tilelang
            import tvm
        except BaseException as error:  # noqa: BLE001 - an import may raise or exit in any way; it is the result
            fail(spool, "import", error, running=None)
        else:
            spool.write("hello", identity(tilelang, tvm))
            _Run(request, spool, tilelang, tvm).run()
        spool.write("end", {})
        sys.stdout.flush()
        sys.stderr.flush()
    # What the script left behind, handlers at exit first, must not hold up the answer.
    os._exit(0)


class _Run:
    """One run of one script."""

    def __init__(self, request: ScriptRequest, spool: SpoolWriter, tilelang: Any, tvm: Any) -> None:
        self._request, self._spool, self._tilelang, self._tvm = request, spool, tilelang, tvm
        self._path = Path(request.path)
        self._sha256 = hashlib.sha256(self._path.read_bytes()).hexdigest()
        self._passed_over: set[tuple[str, int]] = set()
        self._package = str(Path(tilelang.__file__).parent)
        self._hello = identity(tilelang, tvm)
        self._lower = tilelang.lower
        self._process = os.getpid()
        self._lowered: dict[str, Lowered] = {}

    def run(self) -> None:
        from scaffold.probe.standin import entries, kernels, pytest_report, soft
        from scaffold.probe.standin.main_module import MainModule
        from scaffold.probe.standin.users_files import UsersFiles

        request = self._request
        self._users = UsersFiles([*request.roots, *request.import_roots, *import_roots(self._path)], self._package)
        self._index = kernels.KernelIndex(Path(self._request.spool).parent)
        files = None if self._request.real else soft.SoftFiles()
        try:
            self._tvm.target.Target(dict(self._request.target_options))
            check_pass_configs(self._tvm, self._request.pass_configs)
            main = MainModule(self._path, files)
        except BaseException as error:  # noqa: BLE001 - the user's file may be anything; it is the result
            fail(self._spool, "build-kernel", error, running=None)
            return
        takeover, pretended = (
            (self._watch(), contextlib.nullcontext()) if files is None else self._pretend(files, main.project)
        )
        self._takeover = takeover
        try:
            with pretended:
                main.prepare(request.argv, request.packages, request.import_roots)
                pytest_report.tell = self._test_failed
                entries.run_entry(main, request, compile_kernel=self._tilelang.compile, note=takeover.note)
        except SystemExit as error:
            if error.code not in (None, 0):
                self._spool.write("exited", {"code": str(error.code)})
        except BaseException as error:  # noqa: BLE001 - the script may raise anything; it is the result
            fail(self._spool, "script", error, running=None)
        if os.getpid() != self._process:
            # A copy of the script that forked itself ends here: the rest is the first one's to tell.
            os._exit(0)
        _wait_for_threads()
        self._tell_the_rest()

    def _watch(self) -> Any:
        """Let the script run as it is, and see what it compiles."""
        from scaffold.probe.watching import Watch

        watch = Watch(self._tilelang, self._tvm, self._request.pass_configs, record=self._record)
        watch.install()
        return watch

    def _pretend(self, files: Any, project: Path) -> tuple[Any, Any]:
        """Put everything in its place that the script would reach a GPU, or a package that is not here, by."""
        from scaffold.probe.standin import compiler, device, distributed, packages, soft, tensors
        from scaffold.probe.standin.catching import copes_here
        from scaffold.probe.standin.loops import Counts, Loops
        from scaffold.probe.standin.passing_over import PassingOver

        self._stand_ins = stand_ins = tensors.StandInTensors()
        device.pretend(self._request.target)
        distributed.pretend(stand_ins.forget)
        self._passing_over = passing_over = PassingOver(
            files,
            self._package,
            pretended=lambda: bool(takeover.compiled or stand_ins.computed or packages.Unknown.made),
            note=self._pass_over,
            note_caught=self._note_caught,
        )
        packages.Unknown.needed_by_compiler = staticmethod(passing_over.is_compiling)
        takeover = compiler.Takeover(
            self._tilelang,
            self._tvm,
            self._request.target_options,
            record=self._record,
            tensors=stand_ins,
            caught=passing_over.is_caught,
        )
        takeover.install()

        def does_without(frame: FrameType) -> bool:
            return copes_here(ModuleNotFoundError(), frame, files.regions)

        self._packages = packages.StandInPackages(self._users, does_without, project)
        self._packages.install()

        def counts() -> Counts:
            return Counts(takeover.compiled, takeover.launched, stand_ins.computed, stand_ins.guessed)

        loops = Loops(counts, self._cut_short)
        hooks = soft.Hooks(passing_over.failed, passing_over.unknown, loops.looped, loops.entered, loops.again)
        files.install(hooks, self._users)
        return takeover, stand_ins

    def _record(
        self, prim_func: Any, target: Any, configs: Mapping[str, Any], parameters: Mapping[str, Any], name: str
    ) -> Lowered:
        """Lower a kernel into a spool of its own, unless the same one was lowered before."""
        from scaffold.probe.standin.kernels import key_of

        merged = normal_pass_configs(configs, self._request.pass_configs)
        text = print_module(self._tvm.IRModule({prim_func.attrs["global_symbol"]: prim_func}))
        key = key_of(text, target, merged)
        claim = self._index.claim(key, name)
        if claim.known:
            self._spool.write("again", {"name": claim.name})
            # Another process of the script lowered it: its artifact is not here.
            return replace(self._lowered.get(key, Lowered(None, None)), again=True)
        options = {"kind": str(target.kind), **{key: str(target.attrs[key]) for key in _ARCH if key in target.attrs}}
        self._spool.write(
            "captured",
            {
                "name": claim.name,
                "function": name,
                "parameters": dict(parameters),
                "spool": claim.spool,
                "target": options,
                "in_order": self._takeover.is_in_order and os.getpid() == self._process,
            },
        )
        with SpoolWriter(str(Path(self._request.spool).with_name(claim.spool))) as spool:
            spool.write("hello", self._hello)
            spool.write(
                "kernel",
                kernel_line(
                    parameters=parameters,
                    source_sha256=self._sha256,
                    target=target,
                    configs=merged,
                    function=str(prim_func.attrs["global_symbol"]),
                ),
            )
            lowered = record_lowering(
                spool,
                self._tilelang,
                self._tvm,
                prim_func=prim_func,
                target=target,
                configs=merged,
                lower=self._lower,
            )
            spool.write("end", {})
        self._lowered[key] = lowered
        return lowered

    def _cut_short(self, line: int, path: str) -> None:
        self._takeover.note(f"a loop without kernels was cut short ({short_path(path)}:{line})")

    def _pass_over(self, error: Exception, statement: Any) -> None:
        """Take what a statement raised: note it once, told apart by whether TileLang raised it or a reference did."""
        if (statement.path, statement.line) in self._passed_over:
            return
        self._passed_over.add((statement.path, statement.line))
        told = tell(error) | {"compiler": self._passing_over.is_compilers(error), "unknown": list(statement.unknown)}
        told["message"] = _with_cause(told["message"], statement)
        self._spool.write("passed-over", {"line": statement.line, "file": short_path(statement.path), **told})

    def _test_failed(self, error: Exception, test: str, line: int) -> None:
        """Note what ended a test, unless a statement of it told already."""
        from scaffold.probe.standin.passing_over import FailedStatement, is_noted

        if is_noted(error):
            return
        if self._request.real:
            told = tell(error)
            self._takeover.note(f"{test.rpartition('/')[2]}: {told['error']}: {told['message']}")
            return
        frames = list(traceback.walk_tb(error.__traceback__))
        own = [(at, frame.f_code.co_filename) for frame, at in frames if frame.f_code.co_filename in self._users]
        self._pass_over(error, FailedStatement(*(own[-1] if own else (line, str(self._path)))))

    def _note_caught(self, error: Exception, statement: Any) -> None:
        told = tell(error)
        place = f"{short_path(statement.path)}:{statement.line}"
        self._takeover.note(
            f"{place}: {told['error']}: {_with_cause(told['message'], statement)}: the script caught it"
        )

    def _tell_the_rest(self) -> None:
        """Write what is known only at the end."""
        from scaffold.probe.standin import pytest_report

        loaded = {str(getattr(module, "__file__", None) or "") for module in list(sys.modules.values())}
        self._spool.write("files", sorted({str(self._path), *(path for path in loaded if path in self._users)}))
        if reasons := list(dict.fromkeys(pytest_report.skipped)):
            count = len(pytest_report.skipped)
            self._takeover.note(f"{count} test{'s were' if count > 1 else ' was'} skipped: {'; '.join(reasons)[:300]}")
        for note in self._takeover.notes:
            self._spool.write("warning", note)
        if self._request.real:
            return
        for name, folder in self._packages.found.items():
            self._spool.write("warning", f"{name} was imported from {folder.name}/, where it lies in the project")
        for name in self._packages.missing:
            self._spool.write("missing", name)
        if self._stand_ins.asked:
            self._spool.write("warning", f"{self._stand_ins.asked} values that only a GPU knows were taken as 1")


def _with_cause(message: str, statement: Any) -> str:
    """What an error says, with what is known of its cause."""
    if statement.missing is not None:
        return f"{message} ({statement.missing})"
    if statement.origin is None or statement.origin in message:
        return message
    return f"{message} (its input came from {statement.origin})"


def _wait_for_threads() -> None:
    """As Python does at its end: the script's threads that are no daemons come to theirs, then those of its pools."""
    from concurrent.futures import thread as pools

    pooled = getattr(pools, "_threads_queues", {})
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon and thread not in pooled:
            thread.join()
    getattr(pools, "_python_exit", lambda: None)()
