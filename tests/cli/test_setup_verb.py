"""``setup`` from end to end, over a builder that compiles nothing; and from a bundle, before anything is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bundlekit import Bundler
from fakebuilds import ATTESTATION, FakeBuilder, torch_of
from verbs import run_verb

from scaffold.builds import choose_source as choose_module
from scaffold.builds import from_source
from scaffold.builds import prove as prove_module
from scaffold.builds import store as store_module
from scaffold.builds.bundle import unpack
from scaffold.builds.native.recipe import Recipe
from scaffold.builds.workspace import Workspace
from scaffold.cli import builds as builds_module
from scaffold.errors import BuildFailedError, MissingToolError, OutputFolderError
from scaffold.progress import Progress

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    found = Workspace(tmp_path / "workspace")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(found.root))
    monkeypatch.setenv("COLUMNS", "100")
    FakeBuilder.reset()
    monkeypatch.setattr(from_source, "SourceBuilder", FakeBuilder)
    monkeypatch.setattr(store_module, "torch_environment", lambda *_: torch_of(found))
    monkeypatch.setattr(prove_module, "prove", lambda *_, **__: None)
    monkeypatch.setattr(builds_module, "prove", lambda *_, **__: ATTESTATION)
    return found


def run(*argv: str) -> int:
    return run_verb("setup", *argv)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["sdist:0.1.14"], "unrecognized arguments: sdist:0.1.14"),
        (["--source", ""], "--source takes a name"),
        (["--source", "main"], "unknown build 'main'"),
        (["--source", "sdist:main"], "sdist:0.1.14"),
        (["--backend", "vulkan"], "no backend 'vulkan'"),
        (["--tvm", "release", "--debug"], "leave --tvm out"),
        (["--bundle"], "expected one argument"),
        (["--bundle", "kit.tlbundle", "--source", "git:main"], "unrecognized arguments"),
    ],
)
def test_bad_input_says_what_to_do(
    argv: list[str], said: str, workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert "found" not in shown.err, "nothing is looked for before the input is known to be good"
    assert not workspace.root.exists()


def test_setup_says_what_it_found_what_it_made_and_what_to_type(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--source", "sdist:0.1.14", "--backend", "cpu", "--optimize", "2") == 0
    ((name, options),) = FakeBuilder.made
    assert (name, options.recipe) == ("sdist:0.1.14", Recipe(backends=("cpu",), optimize=2))
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0] == "sdist:0.1.14 is TileLang 0.1.14: gemm lowers for cuda:sm_80 through 84 passes"
    assert lines[-1] == "next: python -m scaffold tir-diff gemm"
    assert "cores" in shown.err
    assert "building sdist:0.1.14; backend cpu: asked for" in shown.err
    assert [build.name for build in store_module.BuildStore(workspace, Progress(verbosity=-1)).installed()] == [name]


def test_setup_under_nox_and_quietly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NOX_CURRENT_SESSION", "setup")
    assert run("--source", "sdist:0.1.14", "-q") == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == "next: nox -s tir-diff -- gemm"
    assert shown.err == ""


def test_setup_says_why_it_chose_a_source(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(choose_module, "choose_source", lambda *_: ("git:main", "the mirror answers"))
    assert run() == 0
    assert FakeBuilder.made[0][0] == "git:main"
    assert "building git:main: the mirror answers; backend" in capsys.readouterr().err


def test_setup_again_makes_nothing_and_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = [(run("--source", "sdist:0.1.14"), capsys.readouterr().out) for _ in range(2)]
    assert first == second
    assert len(FakeBuilder.made) == 1


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MissingToolError("no C++ compiler", hint="apt install g++"), 3, "hint: apt install g++"),
        (OutputFolderError("the disk is full"), 3, "the disk is full"),
        (BuildFailedError("src/op/gemm.cc:1:2: no"), 4, "src/op/gemm.cc:1:2: no"),
        (KeyboardInterrupt(), 130, "what was finished is kept"),
    ],
)
def test_what_goes_wrong_has_its_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeBuilder.error = error
    assert run("--source", "sdist:0.1.14") == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


# From a bundle


@pytest.mark.parametrize("place", ["flag", "environment"])
def test_setup_from_a_bundle_sets_up_the_workspace_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    asked: dict[str, Any] = {}

    def set_up(bundle: Path, **arguments: Any) -> Any:
        asked.update(arguments, bundle=bundle)
        return SimpleNamespace(lines=lambda: ["set up", "next: that"])

    monkeypatch.setattr(unpack, "set_up", set_up)
    flags = ["--workspace", str(tmp_path / "data")] if place == "flag" else []
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(tmp_path / ("elsewhere" if flags else "data")))
    assert run("--bundle=kit.tlbundle", "--torch", "/usr/bin/python3", "--python", "/py", *flags) == 0
    assert (asked["bundle"], asked["workspace"]) == (Path("kit.tlbundle"), tmp_path / "data")
    assert (asked["torch"], asked["python"]) == ("/usr/bin/python3", "/py")
    assert capsys.readouterr().out == "set up\nnext: that\n"


def bare_python(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the kit by an interpreter that has nothing but its standard library."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from scaffold.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] in ('rich', 'msgspec', 'virtualenv')]\n"
        "sys.exit(code)\n"
    )
    command = [sys.executable, "-S", "-E", "-B", "-c", code, *argv]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def test_setup_from_a_bundle_needs_nothing_but_the_standard_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundler(tmp_path, monkeypatch)().path
    done = bare_python(tmp_path, "setup", "--bundle", str(bundle), "--torch", str(tmp_path / "nothing"))
    assert (done.returncode, "nothing" in done.stderr) == (2, True), done.stderr
    (tmp_path / "broken.tlbundle").write_bytes(bundle.read_bytes()[:1000])
    done = bare_python(tmp_path, "setup", "--bundle", "broken.tlbundle")
    assert (done.returncode, "error[bundle-file]" in done.stderr) == (2, True), done.stderr
