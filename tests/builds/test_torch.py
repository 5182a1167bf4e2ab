"""Which PyTorch a build gets."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

import pytest
from fakebuilds import RecordedEnvironment

from scaffold.builds import torch
from scaffold.builds.asking import ask
from scaffold.builds.environment import Environment, SitePackages
from scaffold.builds.gpu import Gpu
from scaffold.builds.torch import CPU_INDEX, TORCH_VERSION, choose_torch, reusable_torch, torch_environment
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, EnvironmentProblem
from scaffold.progress import Progress

PYTHON = f"py{sys.version_info[0]}.{sys.version_info[1]}"
H200 = Gpu("NVIDIA H200", "cuda:sm_90a", "580.0")


def machine(monkeypatch: pytest.MonkeyPatch, *, gpu: Gpu | None, index_answers: bool, arch: str = "x86_64") -> None:
    monkeypatch.delenv("SCAFFOLD_TORCH", raising=False)
    monkeypatch.setattr(torch, "find_gpu", lambda: gpu)
    monkeypatch.setattr(torch, "_answers", lambda _: index_answers)
    monkeypatch.setattr(platform, "machine", lambda: arch)
    monkeypatch.setattr(sys, "platform", "linux")


def test_choose_torch_without_a_gpu_asks_the_cpu_index(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=None, index_answers=True)
    choice = choose_torch()
    assert choice.arguments == (f"torch=={TORCH_VERSION}", "--extra-index-url", CPU_INDEX)
    assert choice.key.endswith("-cpu")
    assert "no GPU" in choice.reason


def test_choose_torch_with_a_silent_cpu_index_leaves_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=None, index_answers=False)
    assert choose_torch().arguments == (f"torch=={TORCH_VERSION}",)


def test_choose_torch_on_arm_needs_no_extra_index(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=None, index_answers=True, arch="aarch64")
    assert choose_torch().arguments == (f"torch=={TORCH_VERSION}",)


def test_choose_torch_with_a_gpu_takes_the_plain_build(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=H200, index_answers=True)
    choice = choose_torch()
    assert choice.arguments == (f"torch=={TORCH_VERSION}",)
    assert not choice.key.endswith("-cpu")


@pytest.mark.parametrize(
    ("driver", "target", "index"),
    [
        ("595.58.03", "cuda:sm_90a", None),
        ("580.65.06", "cuda:sm_90a", None),
        ("575.57.08", "cuda:sm_90a", "cu126"),
        ("525.60.13", "cuda:sm_80", "cu126"),
        ("470.223.02", "cuda:sm_80", "cu126"),
        ("unknown", "cuda:sm_80", None),
        ("amdgpu", "hip:gfx942", "rocm7.0"),
        ("", "metal", None),
    ],
)
def test_choose_torch_fits_the_driver(
    monkeypatch: pytest.MonkeyPatch, driver: str, target: str, index: str | None
) -> None:
    machine(monkeypatch, gpu=Gpu("a GPU", target, driver), index_answers=True)
    choice = choose_torch()
    plain = f"torch=={TORCH_VERSION}"
    wanted = (
        (f"{plain}+{index}", "--extra-index-url", f"https://download.pytorch.org/whl/{index}") if index else (plain,)
    )
    assert choice.arguments == wanted
    assert choice.key == f"torch-{TORCH_VERSION}" + (f"-{index}" if index else "")
    assert choice.reason == "for a GPU"


def test_choose_torch_cpu_asked_for_wins_over_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=H200, index_answers=True)
    assert CPU_INDEX in choose_torch("cpu").arguments


def test_choose_torch_takes_any_requirement_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=None, index_answers=True)
    monkeypatch.setenv("SCAFFOLD_TORCH", "torch==2.11.0")
    choice = choose_torch()
    assert choice.arguments == ("torch==2.11.0",)
    assert choice.key == "torch--2.11.0"


# Reuse


def interpreter(folder: Path, *, works: bool | None = None, python: tuple[int, int] = sys.version_info[:2]) -> Path:
    """A Python that has a PyTorch; ``works`` says whether a GPU does with it, ``None`` where it sees none."""
    facts = {
        "version": "2.9.0",
        "cuda": "12.8",
        "works": works,
        "file": f"{folder}/site/torch/__init__.py",
        "python": list(python),
    }
    return program(folder, f"echo 'a warning'; echo '{json.dumps(facts)}'")


def program(folder: Path, line: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    path = folder / "bin/python"
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace on a machine whose own interpreters have no PyTorch, without a GPU unless a test gives one."""
    machine(monkeypatch, gpu=None, index_answers=False)
    monkeypatch.setattr(torch, "Environment", RecordedEnvironment)
    RecordedEnvironment.reset()
    without = program(tmp_path / "without", "exit 1")
    monkeypatch.setattr(sys, "executable", str(without))
    monkeypatch.setattr(sys, "_base_executable", str(without), raising=False)
    for name in ("VIRTUAL_ENV", "SCAFFOLD_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    return Workspace(tmp_path / "workspace")


def environment(workspace: Workspace, setting: str | None = None) -> Environment | SitePackages:
    return torch_environment(setting, workspace, Progress(verbosity=-1))


@pytest.mark.parametrize("setting", [None, "auto", "reuse"])
def test_the_pytorch_of_the_interpreter_that_ran_nox_is_reused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str | None
) -> None:
    monkeypatch.setenv("SCAFFOLD_PYTHON", str(interpreter(tmp_path / "container")))
    assert environment(workspace, setting) == SitePackages(tmp_path / "container/site")
    assert RecordedEnvironment.installs == []


def test_the_pytorch_of_an_active_virtual_environment_is_reused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    interpreter(tmp_path / "venv")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "venv"))
    assert environment(workspace) == SitePackages(tmp_path / "venv/site")


@pytest.mark.parametrize(
    ("gpu", "works", "reused"), [(None, None, True), (H200, True, True), (H200, None, False), (H200, False, False)]
)
def test_a_pytorch_that_does_not_reach_the_gpu_is_not_reused(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    gpu: Gpu | None,
    works: bool | None,
    reused: bool,
) -> None:
    monkeypatch.setattr(torch, "find_gpu", lambda: gpu)
    monkeypatch.setenv("SCAFFOLD_PYTHON", str(interpreter(tmp_path / "container", works=works)))
    assert (reusable_torch() is not None) == reused


@pytest.mark.parametrize("line", ["exit 1", "echo", "echo 'no JSON'", "exec sleep 30"])
def test_an_interpreter_that_does_not_answer_is_passed_over(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    monkeypatch.setattr(torch, "_IMPORT_TIMEOUT_S", 0.5)
    monkeypatch.setenv("SCAFFOLD_PYTHON", str(program(tmp_path / "odd", line)))
    monkeypatch.setenv("VIRTUAL_ENV", str(interpreter(tmp_path / "venv").parent.parent))
    found = reusable_torch()
    assert found is not None
    assert found.site_packages == tmp_path / "venv/site"


def test_the_pytorch_of_another_python_version_is_not_reused(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SCAFFOLD_PYTHON", str(interpreter(tmp_path / "old", python=(3, 9))))
    assert reusable_torch() is None
    with pytest.raises(EnvironmentProblem) as caught:
        environment(workspace, "reuse")
    assert str(tmp_path / "old/bin/python") in caught.value.message
    assert "--torch auto" in str(caught.value.hint)
    assert RecordedEnvironment.created == []


def test_without_one_to_reuse_it_is_installed_once_for_all_builds(workspace: Workspace) -> None:
    first = environment(workspace)
    assert environment(workspace).folder == first.folder == workspace.builds / f"torch-{TORCH_VERSION}-cpu-{PYTHON}"
    assert RecordedEnvironment.installs == [(f"torch=={TORCH_VERSION}",)]
    environment(workspace, "torch==2.11.0")
    assert RecordedEnvironment.installs[1:] == [("torch==2.11.0",)]


def test_one_asked_for_is_never_reused(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCAFFOLD_PYTHON", str(interpreter(tmp_path / "container")))
    monkeypatch.setenv("SCAFFOLD_TORCH", "cpu")
    assert environment(workspace).folder.name == f"torch-{TORCH_VERSION}-cpu-{PYTHON}"


def test_a_half_installed_one_is_made_anew(workspace: Workspace) -> None:
    RecordedEnvironment.fail = True
    with pytest.raises(BuildFailedError):
        environment(workspace, "cpu")
    RecordedEnvironment.fail = False
    environment(workspace, "cpu")
    assert len(RecordedEnvironment.created) == 2
    assert len(RecordedEnvironment.installs) == 1


def test_the_question_to_an_interpreter_is_python_it_understands() -> None:
    """Without PyTorch it fails on the import and on nothing before it."""
    found = ask([sys.executable, "-I", "-S", "-c", torch._ASK])
    assert found.why_not == "ModuleNotFoundError: No module named 'torch'"
