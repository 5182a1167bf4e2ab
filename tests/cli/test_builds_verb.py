"""``builds`` from end to end, over a store whose builds are made of nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakebuilds import ATTESTATION, FakeBuilder, RecordedEnvironment, torch_of
from verbs import run_verb

from scaffold.builds import from_source
from scaffold.builds import prove as prove_module
from scaffold.builds import store as store_module
from scaffold.builds import wheel as wheel_module
from scaffold.builds.attestation import path_of
from scaffold.builds.build import Build
from scaffold.builds.native.recipe import Recipe
from scaffold.builds.workspace import Workspace
from scaffold.cli import builds as builds_module
from scaffold.errors import BuildFailedError

#: Builds that were proven, in order.
PROVEN: list[str] = []


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace in a folder of its own; a proof says what :data:`ATTESTATION` says."""
    found = Workspace(tmp_path / "workspace")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(found.root))
    monkeypatch.setenv("COLUMNS", "100")
    for module in (store_module, wheel_module):
        monkeypatch.setattr(module, "Environment", RecordedEnvironment)
    RecordedEnvironment.reset()
    FakeBuilder.reset()
    PROVEN.clear()
    monkeypatch.setattr(from_source, "SourceBuilder", FakeBuilder)
    monkeypatch.setattr(store_module, "torch_environment", lambda *_: torch_of(found))

    def attest(build: Build, **_: Any) -> Any:
        PROVEN.append(build.name)
        attestation = msgspec.structs.replace(ATTESTATION, name=build.name)
        path = path_of(found, build.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.encode(attestation))
        return attestation

    for module in (prove_module, builds_module):
        monkeypatch.setattr(module, "prove", attest)
    return found


def run(*argv: str) -> int:
    return run_verb("builds", *argv)


def document(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    assert run(*argv, "--json") == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["list", "wheel:0.1.15"], "'builds list' takes no names"),
        (["add"], "'builds add' takes the names of builds"),
        (["show"], "'builds show' takes the names of builds"),
        (["remove"], "'builds remove' takes the names of builds"),
        (["frob"], "invalid choice: 'frob'"),
        (["add", "0.1.15"], "unknown build '0.1.15'"),
        (["show", "wheel:main"], "unknown build 'wheel:main'"),
        (["remove", "wheel:0.1.9"], "no build 'wheel:0.1.9'"),
        (["remove", "python:/usr/bin/python3"], "is yours"),
        (["add", "git:main", "--backend", "cuda,cpu"], "cpu is for none of the others"),
        (["add", "git:main", "--backend", "vulkan"], "no backend 'vulkan'"),
        (["add", "git:main", "--tvm", "release", "--debug"], "--tvm release and --debug"),
        (["add", "git:main", "--tvm", "release", "--backend", "llvm"], "--tvm release and --backend llvm"),
        (["add", "git:main", "--tvm", "mine"], "invalid choice: 'mine'"),
        (["add", "git:main", "--optimize", "4"], "invalid choice: 4"),
        (["add", "git:main", "--jobs", "-1"], "-1 is negative"),
        (["add", "git:main", "--jobs", "many"], "many"),
        (["--format", "html"], "invalid choice: 'html'"),
        (["-o", "builds.html"], "-o takes a .json file"),
        (["-o", "builds.txt"], "-o takes a .json file"),
    ],
)
def test_bad_input_says_what_to_do(
    argv: list[str], said: str, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert "hint: " in shown.err
    assert shown.out == ""
    assert not workspace.builds.exists()


def test_list_of_an_empty_workspace_says_how_to_begin(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert capsys.readouterr().out.splitlines() == [
        f"no builds in {workspace.builds}",
        "next: python -m scaffold builds add wheel:latest",
    ]
    assert document(capsys, "list") == []


def test_add_makes_builds_and_list_shows_them(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    added = document(capsys, "add", "sdist:0.1.14", "wheel:latest")
    python = str(workspace.builds / "sdist-0.1.14/env/bin/python")
    assert added[0] == {"name": "sdist:0.1.14", "python": python}
    assert [build["name"] for build in document(capsys)] == ["wheel:0.1.15", "sdist:0.1.14"]
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["sdist:0.1.14", python]
    assert lines[-1] == "next: python -m scaffold tir-diff gemm --build sdist:0.1.14"


def test_list_says_whose_libraries_a_build_has(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "sdist:0.1.14", "git:main")
    made = {**ATTESTATION.made_with, "libraries_of": "sdist:0.1.14"}
    path = path_of(workspace, "git:main")
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(ATTESTATION, name="git:main", made_with=made)))
    capsys.readouterr()
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("git-main/env/bin/python (libraries of sdist:0.1.14, compiled from the same sources)")
    assert lines[1].endswith("sdist-0.1.14/env/bin/python")


def test_add_hands_on_what_was_said_and_other_actions_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--backend", "cuda,llvm", "--tvm", "source", "--optimize", "3", "--jobs", "4", "--cuda", "pip"]
    run("add", "git:main", *flags, "--url", "/a/mirror", "--third-party", "sdist:0.1.13")
    run("show", "git:main")
    ((_, options),) = FakeBuilder.made
    assert options.recipe == Recipe(("cuda", "llvm"), "source", 3, False, False, 4)
    assert options.cuda == "pip"
    assert (options.source.url, options.source.third_party) == ("/a/mirror", "sdist:0.1.13")


def test_show_prints_what_a_build_is(capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "sdist:0.1.14")
    capsys.readouterr()
    assert run("show", "sdist:0.1.14") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sdist:0.1.14 is TileLang 0.1.14: gemm lowers for cuda:sm_80 through 84 passes"
    assert lines[-1] == "next: python -m scaffold tir-diff gemm --build sdist:0.1.14"
    (found,) = document(capsys, "show", "sdist:0.1.14")
    assert found["schema_version"] == 1
    assert found["proof"] == {"kernel": "gemm", "target": "cuda:sm_80", "passes": 84, "ran": "not run: no GPU here"}
    assert set(found) == set(ATTESTATION.__struct_fields__)


def test_show_proves_a_wheel_once_and_what_the_user_changes_each_time(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    assert run("add", "wheel:0.1.14") == 0
    for _ in range(2):
        assert run("show", "wheel:0.1.14", f"python:{python}") == 0
    assert [name.partition(":")[0] for name in PROVEN] == ["wheel", "python", "python"]


def test_show_makes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "wheel:0.1.14")
    assert run("show", "sdist:0.1.14") == 2
    said = capsys.readouterr().err
    assert "builds add sdist:0.1.14" in said
    assert "wheel:0.1.14" in said


def test_remove_deletes_and_says_what(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "wheel:0.1.14", "wheel:0.1.15")
    capsys.readouterr()
    assert document(capsys, "remove", "wheel:0.1.14") == [str(workspace.builds / "wheel-0.1.14")]
    assert run("remove", "wheel:0.1.15") == 0
    assert capsys.readouterr().out.splitlines()[0] == f"removed {workspace.builds / 'wheel-0.1.15'}"
    assert document(capsys, "list") == []


def test_a_result_may_go_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "wheel:0.1.14")
    capsys.readouterr()
    assert run("list", "-o", "builds.json") == 0
    assert [build["name"] for build in json.loads(Path("builds.json").read_text())] == ["wheel:0.1.14"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (BuildFailedError("src/op/gemm.cc:1:2: no", hint="mend it"), 4, "error[build-failed]: src/op/gemm.cc:1:2: no"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_goes_wrong_has_its_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeBuilder.error = error
    assert run("add", "sdist:0.1.14") == code
    assert said in capsys.readouterr().err
