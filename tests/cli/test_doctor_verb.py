"""``doctor`` from end to end: exit codes, JSON, and machines on which nothing works."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from verbs import run_verb, words

from scaffold.builds.doctor import accelerator
from scaffold.builds.doctor import facts as facts_module
from scaffold.builds.doctor.model import STEPS, Diagnosis, missing, named, ok, warning
from scaffold.builds.workspace import Workspace
from scaffold.cli.doctor import next_command, render, shortened


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace and an empty PATH; no GPU is asked for."""
    (tmp_path / "bin").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("CUDA_HOME", "CUDA_PATH", "CXX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(accelerator, "look_at_gpus", lambda: accelerator.Gpus(None))
    return tmp_path


def run(*argv: str) -> int:
    return run_verb("doctor", "--offline", *argv)


def document(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, dict[str, Any]]:
    code = run("--json", *argv)
    return code, json.loads(capsys.readouterr().out)


def test_doctor_without_a_gpu_judges_lowering(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = document(capsys)
    assert code == 0
    assert (found["schema_version"], found["for"], found["because"]) == (1, "lower", "there is no GPU")
    assert found["ready"] == {"lower": True, "run": False, "source": False}
    assert found["lacks"]["run"] == ["no GPU"]
    for probe in found["probes"]:
        assert {"group", "name", "status", "found", "fix", "lack", "steps"} == set(probe)
        assert probe["status"] in ("ok", "warning", "missing", "absent")
        assert "could not look" not in probe["found"], probe


@pytest.mark.parametrize(("step", "code"), [("lower", 0), ("run", 3), ("source", 3)])
def test_doctor_exits_3_only_where_the_step_lacks_something(
    step: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--for", step) == code
    out = capsys.readouterr().out
    assert out.splitlines()[0].endswith(f"(judged: {step})")
    assert ("not ready" in out.splitlines()[0]) == (code == 3)


def test_doctor_at_80_columns_stays_inside_them(capsys: pytest.CaptureFixture[str]) -> None:
    run()
    table = capsys.readouterr().out.partition("\n\n")[2].partition("what mends it")[0]
    assert max(map(len, table.splitlines())) <= 80
    assert "\x1b" not in table


def test_doctor_of_a_workspace_that_is_a_file(bare_machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bare_machine / "workspace").touch()
    assert run() == 3
    out = capsys.readouterr().out
    assert "the workspace is not writable" in out.splitlines()[0]
    assert "next: export SCAFFOLD_WORKSPACE=" in out


def test_doctor_survives_probes_that_crash_and_hang(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash() -> tuple[int, int]:
        raise RuntimeError("no such thing as memory")

    monkeypatch.setattr(facts_module, "memory_bytes", crash)
    monkeypatch.setattr(facts_module, "rocm_root", lambda: threading.Event().wait(60))
    monkeypatch.setattr(facts_module, "_QUICK_SECONDS", 2.0)
    code, found = document(capsys)
    rows = {probe["name"]: probe for probe in found["probes"]}
    assert code == 0
    assert rows["memory"]["found"] == "could not look: RuntimeError: no such thing as memory"
    assert rows["ROCm"]["found"] == "could not look: no answer within 2 s"
    assert rows["memory"]["status"] == rows["ROCm"]["status"] == "warning"


def broken_build(builds: Path, name: str) -> Path:
    """A build whose interpreter ends with an error."""
    folder = builds / name.replace(":", "-")
    python = folder / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'undefined symbol: xyz' >&2\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    (folder / "build.json").write_text(json.dumps({"name": name, "python": str(python)}), encoding="utf-8")
    return python


def test_doctor_looks_at_the_build_other_verbs_would_take(
    bare_machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builds = bare_machine / "workspace" / "builds"
    for at, name in enumerate(("git:b", "git:a", "sdist:0.1.14", "wheel:0.1.15")):
        broken_build(builds, name)
        marker = builds / name.replace(":", "-") / "build.json"
        os.utime(marker, (1000 - at, 1000 - at))
    _, found = document(capsys)
    assert next(probe for probe in found["probes"] if probe["name"] == "build")["found"].startswith("git:b ")


def test_doctor_of_a_build_that_does_not_import(bare_machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    python = broken_build(bare_machine / "workspace" / "builds", "wheel:0.1.9")
    code, found = document(capsys, "--build", "wheel:0.1.9")
    row = next(probe for probe in found["probes"] if probe["name"] == "build")
    assert code == 3
    assert row["found"] == "wheel:0.1.9 does not import: undefined symbol: xyz"
    assert found["next"] == f"{python} -c 'import tilelang'"


def test_doctor_of_a_build_that_is_not_there_says_how_to_make_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--build", "wheel:0.1.9") == 2
    assert "builds add wheel:0.1.9" in capsys.readouterr().err


def test_doctor_writes_a_file(bare_machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-o", "doctor.txt") == 0
    assert capsys.readouterr().out == ""
    assert (bare_machine / "doctor.txt").read_text(encoding="utf-8").startswith("= ready to lower")


def test_doctor_leaves_nothing_behind(bare_machine: Path) -> None:
    run("-q")
    assert sorted(path.name for path in bare_machine.iterdir()) == ["bin"]


ROWS = (
    named(warning("old", "python -m scaffold setup --source sdist:latest"), "Git host"),
    named(missing("none", lack="no GPU", steps=("run",)), "GPU"),
    named(ok("/home/me/workspace/builds/x"), "build"),
)


def test_render_puts_the_answer_first_and_the_next_command_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    found = Diagnosis("lower", "there is no GPU", (("things", ROWS),))
    text = render(found, Workspace(Path("/home/me/workspace")), width=80)
    assert [words(line) for line in text.splitlines()] == [
        "= ready to lower and to build from source; not to run: no GPU (judged: lower)",
        "judged for 'lower', since there is no GPU; --for run or --for source asks for another",
        "",
        "things",
        "! warning Git host old",
        "· missing GPU none",
        "= ok build builds/x",
        "",
        "what mends it",
        "! Git host python -m scaffold setup --source sdist:latest",
        "",
        "next: python -m scaffold tir-diff gemm",
    ]


def test_fixes_are_in_the_form_the_kit_was_run_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOX_CURRENT_SESSION", "doctor")
    found = Diagnosis("lower", "", (("things", ROWS),))
    text = render(found, Workspace(Path("/w")), width=80)
    assert "nox -s setup -- --source sdist:latest" in text
    assert text.endswith("next: nox -s tir-diff -- gemm\n")


@pytest.mark.parametrize("step", STEPS)
def test_next_command_is_one_that_can_work(step: str) -> None:
    found = Diagnosis(step, "", (("things", ROWS),))  # type: ignore[arg-type]
    expected = {"lower": "tir-diff gemm", "run": "tir-diff gemm", "source": "setup --source sdist:latest"}[step]
    assert next_command(found) == f"python -m scaffold {expected}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2, /home/me/bin/x", "1.2, ~/bin/x"),
        ("/home/me/ws/builds/a", "builds/a"),
        ("/home/me2/x", "/home/me2/x"),
        ("/mnt/home/me/x", "/mnt/home/me/x"),
    ],
)
def test_shortened(text: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert shortened(text, Path("/home/me/ws")) == expected
