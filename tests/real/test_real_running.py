"""Scripts run for real: they get what they would have got, and every kernel they compile is recorded beside it.

On target ``c``, which compiles and runs on any machine with a C compiler; on a GPU the same code runs on ``cuda``.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from realkit import RELEASE
from verbs import run_verb

from scaffold.builds.build import Build
from scaffold.builds.gpu import find_gpu
from scaffold.builds.script import Script, ScriptRun, run_script
from scaffold.builds.workspace import Workspace
from scaffold.corpus.lowering import LowerTask, lower_entry
from scaffold.corpus.manifest import Entry
from scaffold.kernels.target import parse_target
from scaffold.progress import Progress

QUIET = Progress(verbosity=-1)

SCALE = """
import inspect, tilelang, tilelang.language as T, torch
launch = {"is_cpu": True} if "is_cpu" in inspect.signature(T.Kernel).parameters else {}

def scale(N, by, target="c"):
    @T.prim_func
    def times(A: T.Tensor((N,), "float32"), B: T.Tensor((N,), "float32")):
        with T.Kernel(1, **launch) as bx:
            for i in T.serial(N):
                B[i] = A[i] * by
    return times

def compiled(N, by):
    return tilelang.compile(scale(N, by), target="c", execution_backend="cython")
"""

RIGHT = """
a, b = torch.arange(8.0), torch.empty(8)
kernel = compiled(8, 3.0)
kernel(a, b)
assert torch.equal(b, 3 * a), b
compiled(8, 3.0)(a, b)
print("times three:", b[-1].item())
tilelang.lower(scale(16, 2.0), target="c")
"""


def run_for_real(
    source: str, build: Build, workspace: Workspace, folder: Path, configs: dict[str, str] | None = None
) -> ScriptRun:
    path = folder / "script.py"
    path.write_text(SCALE + textwrap.dedent(source))
    script = Script(path, path.name, (folder,), (), "c", parse_target("c"), configs or {}, real=True)
    return run_script(script, build, workspace=workspace, progress=QUIET, argv=("test",), timeout_s=120)


@pytest.mark.parametrize("name", ["wheel:0.1.9", RELEASE])
def test_a_script_computes_and_is_recorded(
    name: str, store: object, workspace: Workspace, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    build = request.getfixturevalue("store").get(name)
    run = run_for_real(RIGHT, build, workspace, tmp_path)
    assert run.stopped is None
    assert "it said last: times three: 21.0" in run.notes
    names = [captured.file.trace.kernel.name for captured in run.kernels]
    assert names == ["script.times", "script.times-2"]  # the one compiled twice is recorded once
    assert all(captured.file.trace.failure is None for captured in run.kernels)
    assert all(captured.file.trace.artifact("source") for captured in run.kernels)
    assert not run.missing


def test_a_wrong_result_stops_the_script_where_stand_ins_would_not_know(
    newest: Build, workspace: Workspace, tmp_path: Path
) -> None:
    source = "a, b = torch.ones(8), torch.zeros(8)\ncompiled(8, 3.0)(a, b)\nassert torch.equal(b, 2 * a), 'wrong'\n"
    run = run_for_real(source, newest, workspace, tmp_path)
    assert run.stopped is not None
    assert run.stopped.startswith("AssertionError: wrong")
    assert len(run.kernels) == 1


def test_a_missing_package_and_a_crash_are_the_scripts_own(newest: Build, workspace: Workspace, tmp_path: Path) -> None:
    run = run_for_real("compiled(8, 3.0)\nimport fla_of_the_future\n", newest, workspace, tmp_path)
    assert run.stopped is not None
    assert run.stopped.startswith("ModuleNotFoundError")
    run = run_for_real("compiled(8, 3.0)\nimport os\nos.kill(os.getpid(), 11)\n", newest, workspace, tmp_path)
    assert run.stopped is not None
    assert "signal 11" in run.stopped
    assert len(run.kernels) == 1


def test_a_pass_config_takes_effect_in_what_runs_too(newest: Build, workspace: Workspace, tmp_path: Path) -> None:
    source = """
    kernel = compiled(8, 3.0)
    assert {str(getattr(k, "value", k)): v for k, v in kernel.pass_configs.items()}["tl.disable_safe_memory_legalize"]
    """
    configs = {"tl.disable_safe_memory_legalize": "true"}
    run = run_for_real(source, newest, workspace, tmp_path, configs)
    assert run.stopped is None
    assert run.kernels[0].file.trace.kernel.pass_configs["tl.disable_safe_memory_legalize"] is True


def test_what_runs_for_real_runs_each_time(newest: Build, workspace: Workspace, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "script.py").write_text(f"{SCALE}\ncompiled(8, 3.0)\nopen({str(ran)!r}, 'a').write('x')\n")
    entry = Entry("script.py", "c", str(tmp_path))
    task = LowerTask(entry, newest, "content", str(workspace.root), 120.0, real=True)
    assert [lower_entry(task).kept for _ in range(2)] == [False, False]
    assert ran.read_text() == "xx"


def test_the_verb(newest: Build, workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCALE + textwrap.dedent(RIGHT))
    common = ("tir-diff", str(script), "--workspace", str(workspace.root), "--build", newest.name)
    assert run_verb(*common, "--run", "--target", "c", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(kernel["name"] for entry in told["entries"] for kernel in entry["kernels"]) == ["times", "times-2"]
    if find_gpu() is None:
        assert run_verb(*common, "--run") == 3
        assert "--run needs a GPU" in capsys.readouterr().err
    else:
        assert run_verb(*common, "--run", "--target", "cuda:sm_75") == 2
        assert "not on cuda:sm_75" in capsys.readouterr().err
