"""The command line without a TileLang: messages and exit codes for what can be said at once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from traces import module, trace_of
from verbs import run_verb

from scaffold.cli.main import VERBS
from scaffold.cli.options import as_run, command_line
from scaffold.trace.store import write_trace

ROOT = Path(__file__).resolve().parents[2]
ONE, TWO = module("T.evaluate(1)"), module("T.evaluate(2)")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("COLUMNS", "100")


def run(*argv: str) -> int:
    return run_verb(*argv)


def record(path: str, end: str) -> str:
    write_trace(Path(path), trace_of(ONE, ("tl.A", ONE), ("tl.B", end)))
    return path


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in VERBS)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_of_a_verb_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(verb, "--help") == 0
    assert f"example: scaffold {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["xyzzy"], 2, "tir-diff"),
        (["tir-diff", "gemmm"], 2, "did you mean gemm"),
        (["tir-diff", "gemm", "--set", "num_stage=2"], 2, "num_stages"),
        (["tir-diff", "gemm", "--set", "num_stages=two"], 2, "not an integer"),
        (["tir-diff", "gemm", "--set", "block_M=100"], 2, "does not divide"),
        (["tir-diff", "gemm", "--set", "block_M"], 2, "key=value"),
        (["tir-diff", "gemm", "--target", "sm_90"], 2, "cuda:sm_90"),
        (["tir-diff", "gemm", "--target", "cuda:sm_999"], 2, "unknown target"),
        (["tir-diff", "gemm_fp8", "--target", "cuda:sm_80"], 2, "FP8"),
        (["tir-diff", "gemm", "--baseline", "num_stages"], 2, "--baseline takes key=value"),
        (["tir-diff", "gemm", "--build", "frob"], 2, "wheel:0.1.15"),
        (["tir-diff", "nothing.py::f"], 2, "no file"),
        (["tir-diff", "gemm", "--format", "png"], 2, "-o report.png"),
        (["tir-diff", "gemm", "-o", "report.xyz"], 2, "--format"),
        (["tir-diff", "gemm", "--json", "--format", "html"], 2, "contradict"),
        (["tir-diff", "gemm", "--frob"], 2, "tir-diff --help"),
        (["tir-diff", "lost.tltrace"], 2, "no file"),
        (["kernels", "gemmm"], 2, "did you mean"),
        (["tir-diff", "gemm", "--check"], 2, "--check compares two sides"),
        (["kernels", "--run"], 2, "takes one kernel"),
        (["bench"], 2, "no kernel is named"),
        (["bench", "gemm", "--check"], 2, "--check compares two sides"),
        (["bench", "gemm", "--rounds", "3"], 2, "nothing can be claimed"),
        (["bench", "gemm", "--smallest", "0"], 2, "is not more than nothing"),
        (["bench", "gemm", "--vary", "num_stages"], 2, "--vary takes name=a,b,c"),
        (["bench", "gemm", "--vary", "stages=2,3"], 2, "did you mean num_stages"),
        (["bench", "gemm", "softmax", "--vary", "threads=128"], 2, "takes one kernel"),
        (["bench", "gemm", "--candidate", "target=c"], 2, "does not lower for c"),
        (["bench", "--regression", "--set", "K=3", "--source-tree", "."], 2, "--regression takes no K"),
        (["explain", "gemm"], 2, "explain compares two sides"),
        (["explain", "gemm", "--candidate", "stages=2"], 2, "has no parameter 'stages'"),
        (["builds", "add"], 2, "takes the names"),
    ],
)
def test_bad_input_says_what_to_do(argv: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*argv) == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert "Traceback" not in shown.err
    assert not Path("workspace/builds").exists(), "nothing may be installed before the input is known to be good"


def test_an_unwritable_output_folder_is_an_environment_problem(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    assert run("tir-diff", "gemm", "-o", "file/report.html") == 3
    assert "cannot write" in capsys.readouterr().err


def test_tir_diff_reads_a_recorded_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tir-diff", record("one.tltrace", TWO)) == 0
    shown = capsys.readouterr().out
    assert "1 of 2 passes changed" in shown.splitlines()[0]
    assert shown.splitlines()[-1].startswith("next: ")


def test_tir_diff_under_nox_says_the_next_command_for_nox(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOX_CURRENT_SESSION", "tir-diff")
    assert run("tir-diff", record("one.tltrace", TWO)) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("next: nox -s tir-diff -- one.tltrace ")


def test_tir_diff_of_equal_traces_is_identical_and_fine(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = record("one.tltrace", TWO), record("two.tltrace", TWO)
    assert run("tir-diff", one, "--baseline", one, "--candidate", two, "--check") == 0
    assert "identical at every pass" in capsys.readouterr().out.splitlines()[0]


def test_tir_diff_check_exits_1_only_where_the_sides_differ(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = record("one.tltrace", TWO), record("two.tltrace", module("T.evaluate(3)"))
    arguments = ["tir-diff", one, "--baseline", one, "--candidate", two]
    assert run(*arguments) == 0
    assert run(*arguments, "--check") == 1
    assert "tl.B is the first pass to introduce a difference of values" in capsys.readouterr().out


def test_tir_diff_with_a_wrong_pass_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    one = record("one.tltrace", TWO)
    assert run("tir-diff", one, "--pass", "tl.C") == 2
    assert "tl.A" in capsys.readouterr().err


def test_tir_diff_json_is_json_and_nothing_else(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("tir-diff", record("one.tltrace", TWO), "--json") == 0
    document = json.loads(capsysbinary.readouterr().out)
    assert document["totals"]["passes"] == 2


@pytest.mark.parametrize("name", ["r.html", "r.md", "r.json", "r.png", "r.txt"])
def test_tir_diff_writes_every_format_by_suffix(name: str) -> None:
    assert run("tir-diff", record("one.tltrace", TWO), "-o", f"new/{name}", "-q") == 0
    assert Path("new", name).stat().st_size > 200
    assert [path.name for path in Path("new").iterdir()] == [name]


def test_tir_dump_numbers_the_passes_and_keeps_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    one = record("one.tltrace", TWO)
    assert run("tir-dump", one, "-o", "dump") == 0
    names = sorted(path.name for path in Path("dump").iterdir())
    assert names[1:4] == ["000-input.tir", "001-tl.A.tir", "002-tl.B.tir"]
    assert Path("dump/002-tl.B.tir").read_text() == TWO
    assert run("tir-dump", one, "-o", "dump") == 3
    assert "--overwrite" in capsys.readouterr().err
    assert run("tir-dump", one, "-o", "dump", "--overwrite") == 0
    Path("dump/mine").write_text("put here later")
    assert run("tir-dump", one, "-o", "dump", "--overwrite") == 3
    assert not [path.name for path in Path().iterdir() if path.name.startswith(".dump")]


def test_tir_dump_never_replaces_a_folder_it_did_not_make() -> None:
    one = record("one.tltrace", TWO)
    Path("mine").mkdir()
    Path("mine/precious").write_text("keep me")
    Path("mine/index.txt").write_text("mine too")
    assert run("tir-dump", one, "-o", "mine", "--overwrite") == 3
    assert Path("mine/precious").read_text() == "keep me"


def test_a_device_or_a_link_is_written_to_and_never_replaced() -> None:
    one = record("one.tltrace", TWO)
    Path("real.md").write_text("old")
    Path("link.md").symlink_to("real.md")
    os.mkfifo("pipe.md")
    reader = subprocess.Popen(["/bin/sh", "-c", "cat pipe.md > piped"])
    assert run("tir-diff", one, "-o", "link.md", "-q") == 0
    assert run("tir-diff", one, "-o", "pipe.md", "-q") == 0
    reader.wait(10)
    assert Path("link.md").is_symlink()
    assert Path("pipe.md").is_fifo()
    assert Path("real.md").read_text() == Path("piped").read_text() != "old"


def test_dry_run_installs_and_compiles_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tir-diff", "gemm", "--dry-run", "--target", "cuda:sm_80", "--set", "num_stages=2") == 0
    assert re.search(r"would lower zoo:gemm for cuda:sm_80 .*num_stages=2", capsys.readouterr().err)
    assert not Path("workspace/builds").exists()


def test_kernels_json_has_every_kernel(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("kernels", "--json") == 0
    names = {kernel["name"] for kernel in json.loads(capsysbinary.readouterr().out)}
    assert {"gemm", "mla_decode", "cpu_gemm"} <= names


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SCAFFOLD_WORKSPACE": str(tmp_path)}
    command = f"{sys.executable} -m scaffold kernels --json | head -c 10"
    done = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert len(done.stdout) == 10
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("told", "under_nox"),
    [
        ("python -m scaffold setup", "nox -s setup"),
        ("python -m scaffold builds add wheel:0.1.15 && make", "nox -s builds -- add wheel:0.1.15 && make"),
        ("python -m scaffold setup && cd x", "nox -s setup && cd x"),
        ("find out why, python -m scaffold explain, and say it", "find out why, nox -s explain, and say it"),
        (
            "python -m scaffold new-pr bugfix --adopt, and then python -m scaffold evidence --only tests",
            "nox -s new-pr -- bugfix --adopt, and then nox -s evidence -- --only tests",
        ),
        ("git rebase upstream/main", "git rebase upstream/main"),
    ],
)
def test_remedies_are_in_the_form_in_which_the_kit_was_run(
    told: str, under_nox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert as_run(told) == told
    monkeypatch.setenv("NOX_CURRENT_SESSION", "doctor")
    assert as_run(told) == under_nox


def test_without_nox_a_command_begins_with_the_interpreter_the_kit_was_installed_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCAFFOLD_COMMAND", ".venv-kit/bin/python -m scaffold")
    assert command_line("evidence", "--checkout", "my clone") == (
        ".venv-kit/bin/python -m scaffold evidence --checkout 'my clone'"
    )
    assert as_run("python -m scaffold setup, then go on") == ".venv-kit/bin/python -m scaffold setup, then go on"
    monkeypatch.setenv("NOX_CURRENT_SESSION", "new-pr")
    assert command_line("evidence") == "nox -s evidence"
