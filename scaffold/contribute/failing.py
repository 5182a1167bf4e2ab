"""The program of ``--from-failure``: a script that fails, or the trace of a lowering that did; and how it fails."""

from __future__ import annotations

import ast
import inspect
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from scaffold.builds.build import Build
from scaffold.builds.capture import capture_ir
from scaffold.builds.probing import own_folder
from scaffold.builds.process import probe_environment, run_logged
from scaffold.builds.workspace import Workspace
from scaffold.contribute.skeleton import render_template
from scaffold.errors import ScaffoldError, UsageError
from scaffold.kernels.catalog import load_zoo_kernel, zoo_names
from scaffold.kernels.model import Scalar, ZooKernel
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings
from scaffold.kernels.target import parse_target
from scaffold.progress import Progress
from scaffold.trace.store import read_trace

_LARGEST_BYTES = 256 * 1024


#: Text of a line in which the repro reports what it saw, for another program.
_MARK = "repro: "
_TEMPLATE = "bugfix/failing_repro.py.j2"
#: What fails: the program before it launches a kernel, lowering, nvcc, or the program on a device.
Stage = Literal["", "program", "lower", "compile", "run"]


@dataclass(frozen=True)
class FailingCase:
    """A program that shows a failure.

    Attributes
    ----------
    source, name
        Its text and file name.
    kernel, target
        The zoo kernel it compiles, where a trace says so; the label it is lowered for.
    stage, number, error, device
        What fails, empty if it was not seen to fail; which of its kernels, counted from 1, 0 for none; the line of the
        error that names the cause; the device of ``torch`` that the program was run on, empty if it was only lowered.
    pass_name, pass_configs
        The pass that raised; what the kernel is compiled with.
    build
        The build a trace was recorded in.
    """

    source: str
    name: str
    kernel: str = ""
    target: str = "cuda:sm_90a"
    stage: Stage = ""
    number: int = 0
    error: str = ""
    device: str = ""
    pass_name: str = ""
    pass_configs: Mapping[str, Any] = field(default_factory=dict)
    build: str = ""

    @property
    def file_name(self) -> str:
        """A name under which its text can be a module."""
        return self.name if self.name.endswith(".py") and self.name[:-3].isidentifier() else "program.py"

    @property
    def target_options(self) -> dict[str, str]:
        return dict(parse_target(self.target))

    @property
    def compiles(self) -> bool:
        """Whether the repro can build a kernel of it."""
        return bool(self.number) or (self.stage != "program" and "tilelang" in self.source)


def render_repro(case: FailingCase, full_title: str) -> str:
    """The program that shows whether a build has the failure: see ``templates/bugfix/failing_repro.py.j2``."""
    return render_template(_TEMPLATE, {"failing": case, "full_title": full_title})


def record_failure(
    case: FailingCase, build: Build, *, workspace: Workspace, progress: Progress, timeout_s: float
) -> FailingCase:
    """Run the program in ``build`` and record how it fails: without a GPU first, then on the device that is here.

    ``stage`` of the result is empty if it does not fail.
    """
    folder = own_folder(workspace)
    try:
        repro = folder / "repro.py"
        repro.write_text(render_repro(case, case.name), encoding="utf-8")
        seen = _examine("lower", repro, build, progress, timeout_s)
        device = "" if seen.get("stage") else str(seen.get("device", ""))
        if device:
            seen = {**seen, "error": "", "stage": "", **_examine("run", repro, build, progress, timeout_s)}
        recorded = replace(
            case,
            stage=seen.get("stage", ""),
            number=int(seen.get("kernel", 0)) if seen.get("stage") in ("lower", "compile") else 0,
            error=str(seen.get("error", "")),
            device=device,
            pass_configs=seen.get("configs", {}),
        )
        if recorded.stage != "lower":
            return recorded
        repro.write_text(render_repro(recorded, case.name), encoding="utf-8")
        return replace(recorded, pass_name=_failing_pass(repro, case.target, build, workspace, progress, timeout_s))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _examine(how: str, repro: Path, build: Build, progress: Progress, timeout_s: float) -> dict[str, Any]:
    """What the repro sees of the program: whether it can ``lower`` its kernels, or ``run``."""
    finished = run_logged(
        [build.python, str(repro), "record", how],
        log=repro.with_name(f"{how}.log"),
        progress=progress,
        env=probe_environment({"TILELANG_CACHE_DIR": str(repro.with_name("cache")), "PYTHONDONTWRITEBYTECODE": "1"}),
        cwd=repro.parent,
        timeout_s=timeout_s,
    )
    if finished.timed_out:
        return {"error": f"no end within {timeout_s:g} s"}
    lines = [line for line in finished.tail().splitlines() if line.startswith(_MARK)]
    seen: dict[str, Any] = json.loads(lines[-1][len(_MARK) :]) if lines else {"error": finished.tail(1)}
    return seen


def _failing_pass(
    repro: Path, target: str, build: Build, workspace: Workspace, progress: Progress, timeout_s: float
) -> str:
    """The pass that raises; empty if none does, or if it cannot be captured."""
    request = resolve(f"{repro}::build", Settings(target=target), default_target=target)
    try:
        captured = capture_ir(request, build, workspace=workspace, progress=progress, argv=(), timeout_s=timeout_s)
    except ScaffoldError as error:
        progress.say(f"the failing pass is unknown: {error}")
        return ""
    failure = captured.file.trace.failure
    return (failure.pass_name or "").rpartition(".")[2] if failure else ""


def read_failure(path: Path) -> FailingCase:
    """Read a script or a trace.

    Raises
    ------
    UsageError
        If it is neither, cannot be read, or is a trace that does not hold what it compiled.
    """
    if not path.is_file():
        raise UsageError(f"file not found: {path}", hint="name a script, or a .tltrace: --from-failure FILE")
    if path.suffix == ".tltrace":
        return _from_trace(path)
    data = path.read_bytes()
    if len(data) > _LARGEST_BYTES:
        raise UsageError(
            f"{path} has {len(data):,} bytes: no minimal program", hint="reduce it first: python -m tilelang.autodd"
        )
    try:
        source = data.decode("utf-8")
        compile(source, str(path), "exec", dont_inherit=True)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8: byte {error.start}", hint="save it as UTF-8") from error
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{path}: invalid Python syntax: {error}", hint="name a script that runs") from error
    return FailingCase(source, path.name)


def _from_trace(path: Path) -> FailingCase:
    """The program that lowers what a trace recorded; a trace names the kernel and its parameters, not its source."""
    file = read_trace(path)
    kernel, failure = file.trace.kernel, file.trace.failure
    name = kernel.source.removeprefix("zoo:")
    if not kernel.source.startswith("zoo:") or name not in zoo_names():
        script = kernel.source.partition(":")[2].partition("::")[0] or "FILE"
        raise UsageError(
            f"{path} names {kernel.source} and does not hold its source",
            hint=f"give the script itself: --from-failure {script}",
        )
    return FailingCase(
        source=_program(load_zoo_kernel(name), kernel.parameters, kernel.target, kernel.pass_configs),
        name=f"{name}.py",
        kernel=name,
        target=kernel.target,
        error=(failure.message.strip().splitlines() or [""])[-1] if failure else "",
        build=file.trace.build.name,
        pass_name=(failure.pass_name or "").rpartition(".")[2] if failure else "",
    )


def _program(kernel: ZooKernel, parameters: Mapping[str, Scalar], target: str, configs: Mapping[str, Scalar]) -> str:
    """A program with the kernel's own text in it, that only lowers: no GPU is needed to see what a pass raises."""
    return (
        "from typing import Any\n\nimport tilelang\nfrom tilelang import tvm\n\n\n"
        f"{_text_of(kernel)}\n\n\n"
        f"function = build(**{dict(parameters)!r})\n"
        f"target = tvm.target.Target({dict(parse_target(target))!r})\n"
        f"with tvm.transform.PassContext(opt_level=3, config={dict(configs)!r}), target:\n"
        "    tilelang.lower(function, target=target)\n"
    )


def _text_of(kernel: ZooKernel) -> str:
    """The text of the function that builds it, behind that of what it uses of its file."""
    text = Path(inspect.getfile(kernel.build)).read_text(encoding="utf-8")
    named = {name: node for node in ast.parse(text).body for name in _names_of(node)}
    wanted: dict[str, ast.stmt] = {}
    queue = [kernel.build.__name__]
    while queue:
        name = queue.pop()
        if name in named and name not in wanted:
            wanted[name] = named[name]
            queue += [node.id for node in ast.walk(named[name]) if isinstance(node, ast.Name)]
    nodes = sorted(set(wanted.values()), key=lambda node: node.lineno)
    return "\n\n\n".join(ast.get_source_segment(text, node) or "" for node in nodes)


def _names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []
