"""``examples`` from end to end: this interpreter stands in for a build, and GPUs are made up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

import pytest
from exampletrees import AMPERE, FACTS, HOPPER, make_tree
from verbs import run_verb

from scaffold.builds.build import Build
from scaffold.builds.store import BuildStore
from scaffold.cli import examples as examples_module
from scaffold.corpus.examples import run as run_module
from scaffold.corpus.examples.model import ExampleJob, ExampleResult, Outcome

ROOT = Path(__file__).resolve().parents[2]

TREE = {
    "gemm/example_gemm.py": "print('latency 1 ms')\n",
    "gemm/example_wrong.py": "print('begun')\nraise ValueError('off by 3')\n",
    "gemm/test_example_gemm.py": "def test_a(): pass\ndef test_b(): pass\n",
    "norm/example_norm.py": "import surely_not_here\nprint()\n",
    "flash_sm100/example_flash.py": "print('never here')\n",
    "/VERSION": "0.1.14\n",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree, one H200, and a build; the current folder is the workspace's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCAFFOLD_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("COLUMNS", "100")
    have(monkeypatch, HOPPER)
    monkeypatch.setattr(run_module, "facts_of", lambda build, python: FACTS)
    monkeypatch.setattr(BuildStore, "get", lambda self, name=None: Build(name or FACTS.build, sys.executable))
    return make_tree(tmp_path / "upstream", TREE)


def have(monkeypatch: pytest.MonkeyPatch, *gpus: object) -> None:
    for module in (run_module, examples_module):
        monkeypatch.setattr(module, "find_gpus", lambda wanted=(): list(gpus))


def run(tree: Path, *argv: str) -> int:
    return run_verb("examples", "--source-tree", str(tree), *argv)


def test_a_run_is_told_in_a_table_with_what_to_type_next(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tree) == 1
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith("3 passed, 1 failed, 2 not run in ")
    assert lines[0].endswith(" s on NVIDIA H200")
    assert lines[1] == "wheel:9.9.9, examples of 0.1.14"
    assert lines[-1] == (f"next: python -m scaffold examples gemm/example_wrong.py --source-tree {tree}")
    assert "gemm/example_wrong.py failed after" in shown.out
    assert "  | ValueError: off by 3" in lines
    assert "not run: needs surely_not_here, which wheel:9.9.9 does not have (imported in" in shown.out
    assert "packages that were missing: surely_not_here (1); installed beside the kit they are lent" in shown.out
    assert "needs compute capability >= 10.0, this GPU has 9.0" in " ".join(shown.out.split())
    assert "running 5 files, 1 at a time here" in shown.err
    assert "/5 gemm/test_example_gemm.py: 2 passed in" in shown.err
    (kept,) = (tree.parent / "workspace/examples").iterdir()
    assert {path.name for path in kept.iterdir()} == {
        "results.jsonl",
        "results.json",
        "gemm-example_gemm.py.log",
        "gemm-example_wrong.py.log",
        "gemm-test_example_gemm.py.log",
    }
    assert f"  log: {(kept / 'gemm-example_wrong.py.log').relative_to(tree.parent)}" in lines
    assert (kept / "gemm-example_wrong.py.log").read_text().startswith("begun\n")
    assert len((kept / "results.jsonl").read_text().splitlines()) == 5


def test_all_passed_is_fine(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tree, "gemm/example_gemm.py", "gemm/test_example_gemm.py::test_b", "-q") == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("2 passed in ")
    assert shown.out.splitlines()[-1].endswith(f"examples --source-tree {tree} --list")
    assert shown.err == ""


def test_json_and_junit_are_written(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tree, "gemm", "--only", "scripts", "--json", "--junit", "out.xml") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["totals"] == {"passed": 1, "failed": 1}
    assert [result["path"] for result in document["results"]] == [
        "examples/gemm/example_gemm.py",
        "examples/gemm/example_wrong.py",
    ]
    assert [suite.get("failures") for suite in ElementTree.parse("out.xml").getroot()] == ["0", "1"]


def test_a_table_goes_to_a_file(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tree, "gemm/example_gemm.py", "-o", "out.txt") == 0
    assert Path("out.txt").read_text().startswith("1 passed in ")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("wrote out.txt\n")


def test_force_runs_what_is_not_for_this_gpu(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tree, "flash_sm100") == 0
    assert capsys.readouterr().out.startswith("1 not run in 0 s on NVIDIA H200")
    assert run(tree, "flash_sm100", "--force") == 0
    assert capsys.readouterr().out.startswith("1 passed in ")


def test_list_needs_neither_gpu_nor_build(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    have(monkeypatch)
    monkeypatch.setattr(BuildStore, "get", None)
    assert run(tree, "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "4 scripts and 2 tests in 1 file, in 3 topics: examples of 0.1.14"
    (flash,) = (line for line in lines if line.startswith("flash"))
    assert " ".join(flash.split()) == "flash_sm100/example_flash.py capability >= 10.0; capability < 11.0"
    assert lines[-1] == f"next: python -m scaffold examples --source-tree {tree}"
    assert run(tree, "gemm", "--list", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["examples"]) == 3


def test_without_a_gpu_it_lowers_and_says_so(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    have(monkeypatch)

    def lower(_: str, content: str, job: ExampleJob) -> ExampleResult:
        outcome = Outcome(job.example.path, "", "lowered", 1.0, f"2 kernels by {content}")
        return ExampleResult(job.example.path, job.example.kind, job.example.topic, (outcome,), 1.0)

    monkeypatch.setattr("scaffold.corpus.examples.lowered.lower_instead", lower)
    monkeypatch.setattr("scaffold.builds.content.content_digest", lambda *_: "a digest")
    assert run(tree, "gemm", "--only", "scripts") == 0
    shown = capsys.readouterr()
    assert "no GPU here: examples are lowered instead, not run" in shown.err
    assert shown.out.startswith("2 lowered in ")
    assert "lowered: 2 kernels by a digest: gemm/example_gemm.py, gemm/example_wrong.py" in shown.out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["gem"], "no example or topic 'gem'"),
        (["gemm", "--gpus", "a"], "'a' is no list of GPU numbers"),
        (["gemm", "--gpus", "-1"], "'-1' is no list of GPU numbers"),
        (["gemm", "--jobs", "0"], "0 is less than one"),
        (["gemm", "--timeout", "0"], "0 is not more than nothing"),
        (["gemm", "--memory", "inf"], "inf is not more than nothing"),
        (["gemm", "--scheduler", "tcp://x:1", "--jobs", "2"], "--jobs and --scheduler"),
        (["norm", "--only", "tests"], "no tests in norm"),
        (["--tests", "language"], "no tests in"),
        (["--format", "html"], "invalid choice"),
    ],
)
def test_bad_input_says_what_to_do(tree: Path, capsys: pytest.CaptureFixture[str], argv: list[str], said: str) -> None:
    assert run(tree, *argv) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert "hint: " in shown.err
    assert shown.out == ""


def test_a_folder_without_examples_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb("examples", "--source-tree", str(tmp_path), "--list") == 2
    assert "holds no folder 'examples'" in capsys.readouterr().err


def test_the_examples_folder_alone_will_do(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "VERSION").unlink()
    assert run(tree / "examples", "gemm/example_gemm.py") == 0
    assert capsys.readouterr().out.splitlines()[1] == f"wheel:9.9.9, examples in {tree}"


def test_two_gpus_share_the_work(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    have(monkeypatch, HOPPER, AMPERE)
    assert run(tree, "gemm") == 1
    shown = capsys.readouterr()
    assert "running 3 files, 2 at a time here" in shown.err
    assert "on NVIDIA A100 and NVIDIA H200" in shown.out.splitlines()[0]


INTERRUPTED = """
    import sys
    from scaffold.builds.build import Build
    from scaffold.builds.store import BuildStore
    from scaffold.cli import examples, main
    from scaffold.corpus.examples import run
    sys.path.insert(0, "tests")
    from exampletrees import FACTS, HOPPER
    for module in (run, examples):
        module.find_gpus = lambda wanted=(): [HOPPER]
    run.facts_of = lambda build, python: FACTS
    BuildStore.get = lambda self, name=None: Build(FACTS.build, sys.executable)
    sys.exit(main.main(sys.argv[1:]))
    """


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_shows_what_was_done_and_leaves_nothing_running(tmp_path: Path, sign: int) -> None:
    note = tmp_path / "pid"
    tree = make_tree(
        tmp_path / "upstream",
        {
            "a/first.py": "print()\n",
            "b/second.py": f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n",
            "c/third.py": "print()\n",
        },
    )
    command = ["examples", "--source-tree", str(tree), "--workspace", str(tmp_path / "ws")]
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(INTERRUPTED), *command],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (note.exists() and note.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(sign)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert out.startswith("interrupted after 1 of 3 files: 1 passed in ")
    assert "interrupted: what was finished is kept" in err
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
    (kept,) = (tmp_path / "ws/examples").iterdir()
    assert [json.loads(line)["path"] for line in (kept / "results.jsonl").read_text().splitlines()] == [
        "examples/a/first.py"
    ]
    assert not (kept / "results.json").exists()
