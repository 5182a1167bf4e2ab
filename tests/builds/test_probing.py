"""How a probe's end is judged: with real processes that write what a probe would, and die as a probe might."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scaffold.builds import probing
from scaffold.builds.build import Build
from scaffold.builds.capture import CaptureOptions, capture
from scaffold.builds.probing import Probed, run_probe
from scaffold.builds.workspace import Workspace
from scaffold.errors import EmptyCaptureError, EnvironmentProblem, KernelSourceError, ProbeError, ProbeTimeoutError
from scaffold.probe.protocol import KernelRequest
from scaffold.progress import Progress

REQUEST = KernelRequest("gemm", "zoo:gemm", None, "build", {}, "cuda:sm_80", {"kind": "cuda", "arch": "sm_80"})

PRELUDE = """
import json, os, sys, time
request = json.load(open(sys.argv[2]))
spool = open(request["spool"], "w")
def write(**line):
    spool.write(json.dumps(line) + "\\n"); spool.flush()
def ran(sequence, name):
    write(begin={"sequence": sequence, "name": name})
    write(**{"pass": dict(sequence=sequence, name=name, label=None, depth=0, parent=None, phase=None, caller=None,
                          before="0" * 64, after="0" * 64, inclusive_ms=0.1)})
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "ws")


def probe(
    body: str, tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, timeout_s: float = 60
) -> Probed:
    script = tmp_path / "start.py"
    script.write_text(PRELUDE + body, encoding="utf-8")
    monkeypatch.setattr(probing, "start", SimpleNamespace(__file__=str(script)))
    build = Build("wheel:test", sys.executable)
    return run_probe(
        "capture", REQUEST, build, workspace=workspace, progress=Progress(verbosity=-1), timeout_s=timeout_s
    )


def test_run_probe_that_dies_in_a_pass_keeps_what_came_before(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "ran(0, 'tl.Simplify'); write(begin={'sequence': 1, 'name': 'tl.Crash'}); os.kill(os.getpid(), 11)"
    probed = probe(body, tmp_path, workspace, monkeypatch)
    assert probed.failure is not None
    assert (probed.failure.stage, probed.failure.pass_name, probed.failure.error) == ("crash", "tl.Crash", "signal 11")
    assert [record.name for record in probed.spool.passes] == ["tl.Simplify"]
    assert list(workspace.runs.iterdir())


def test_run_probe_that_dies_is_run_once_more_in_step_with_what_it_writes(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first probe dies before its writer has come to what ran last."""
    body = """
ran(0, 'tl.Simplify')
if request["in_step"]:
    ran(1, 'tl.Lower')
    write(begin={'sequence': 2, 'name': 'tl.Crash', 'label': None, 'depth': 0, 'parent': None, 'phase': None,
                 'caller': None, 'before': '0' * 64, 'arguments': None})
os.kill(os.getpid(), 11)
"""
    probed = probe(body, tmp_path, workspace, monkeypatch)
    assert probed.failure is not None
    assert (probed.failure.pass_name, probed.failure.error) == ("tl.Crash", "signal 11")
    assert [record.name for record in probed.spool.passes] == ["tl.Simplify", "tl.Lower"]
    assert [(record.name, record.after) for record in probed.spool.open_passes.values()] == [("tl.Crash", None)]


def test_run_probe_with_an_end_and_a_bad_exit_code_is_not_fine(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed = probe("ran(0, 'tl.Simplify'); write(end={}); os._exit(9)", tmp_path, workspace, monkeypatch)
    assert probed.failure is not None
    assert probed.failure.error == "exit code 9"


def test_run_probe_that_says_nothing_is_an_error_with_its_last_lines(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProbeError, match="died before the first pass") as caught:
        probe("print('last words', flush=True); os._exit(3)", tmp_path, workspace, monkeypatch)
    assert "last words" in str(caught.value.context)
    assert caught.value.exit_code == 5


def test_run_probe_that_hangs_names_the_pass_it_hangs_in(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "write(begin={'sequence': 0, 'name': 'tl.Loops'}); time.sleep(60)"
    with pytest.raises(ProbeTimeoutError, match=r"tl\.Loops"):
        probe(body, tmp_path, workspace, monkeypatch, timeout_s=1.5)


def failure_line(stage: str, *, users_fault: bool = False) -> str:
    values: dict[str, str | None] = {"stage": stage, "error": "E", "message": "said", "traceback": "t"}
    values |= {"pass_sequence": None, "pass_name": None}
    return f"write(failure={ {**values, 'users_fault': users_fault}!r}); write(end={{}})"


def test_run_probe_whose_tilelang_does_not_import_is_an_environment_problem(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EnvironmentProblem, match="does not import in wheel:test: E: said"):
        probe(failure_line("import"), tmp_path, workspace, monkeypatch)


def test_run_probe_whose_kernel_is_at_fault_says_only_that(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KernelSourceError) as caught:
        probe(failure_line("build-kernel", users_fault=True), tmp_path, workspace, monkeypatch)
    assert caught.value.message == "zoo:gemm gave no kernel: said"
    assert caught.value.context == {}


def test_run_probe_leaves_no_folder_behind(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed = probe("ran(0, 'tl.Simplify'); write(end={})", tmp_path, workspace, monkeypatch)
    assert probed.failure is None
    assert list((workspace.root / "tmp").iterdir()) == []
    assert not workspace.runs.exists()


def test_run_probe_clears_what_a_killed_kit_left(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = workspace.root / "tmp" / f"{gone.pid}-left"
    left.mkdir(parents=True)
    probe("ran(0, 'tl.Simplify'); write(end={})", tmp_path, workspace, monkeypatch)
    assert not left.exists()


def test_run_probe_that_crashes_in_native_code_names_the_python_line(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "import faulthandler; faulthandler.enable()\nimport ctypes\ndef mine(): ctypes.string_at(0)\nmine()"
    with pytest.raises(ProbeError) as caught:
        probe(body, tmp_path, workspace, monkeypatch)
    assert "in mine" in str(caught.value.context)


def test_capture_that_saw_no_pass_is_an_error_that_names_its_causes(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "start.py"
    script.write_text(PRELUDE + "write(hello={}); write(kernel={}); write(end={})", encoding="utf-8")
    monkeypatch.setattr(probing, "start", SimpleNamespace(__file__=str(script)))
    with pytest.raises(EmptyCaptureError, match="without running a single pass") as caught:
        capture(
            REQUEST,
            Build("wheel:test", sys.executable),
            workspace=workspace,
            progress=Progress(verbosity=-1),
            argv=(),
            options=CaptureOptions(machine_code=False, timeout_s=60),
        )
    assert "cache" in str(caught.value.hint)
    assert "PassContext" in str(caught.value.hint)


def test_run_probe_in_an_interpreter_without_tilelang_says_so(workspace: Workspace) -> None:
    build = Build("python:here", sys.executable)
    with pytest.raises(EnvironmentProblem, match="No module named 'tilelang'"):
        run_probe("capture", REQUEST, build, workspace=workspace, progress=Progress(verbosity=-1), timeout_s=60)
