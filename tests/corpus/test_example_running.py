"""Scripts and files of tests that pass, fail, hang, die and exhaust memory, run by this very interpreter."""

from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from exampletrees import AMPERE, FACTS, HOPPER, INSTINCT, examples_of, job_of, make_tree

from scaffold.corpus.examples import run as run_module
from scaffold.corpus.examples.facts import facts_of, lacks, refuses
from scaffold.corpus.examples.lending import lend
from scaffold.corpus.examples.model import Example, ExampleResult, Need, Outcome
from scaffold.corpus.examples.run import run_example, run_on
from scaffold.errors import EnvironmentProblem

MIB = 1 << 20


def run(tmp_path: Path, files: dict[str, str], *, memory: int = 0, **changes: object) -> ExampleResult:
    """Run the only example of a tree."""
    tree = make_tree(tmp_path / "tree", files)
    example = next(iter(examples_of(tree).values()))
    job = job_of(example, tree, tmp_path / "work", **changes)
    folder = tmp_path / "run"
    folder.mkdir()
    lent = lend(frozenset(), FACTS.available, FACTS.python, tmp_path / "work" / "cache")
    return run_on(job, HOPPER, folder, FACTS, lent, memory=memory)


def only(result: ExampleResult) -> Outcome:
    (outcome,) = result.outcomes
    return outcome


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.parametrize(
    ("script", "status", "reason"),
    [
        ("print('fine')", "passed", ""),
        ("raise ValueError('no such layout')", "failed", "exit code 1: ValueError: no such layout"),
        ("import sys\nprint('bye')\nsys.exit(3)", "failed", "exit code 3: bye"),
        ("import os\nprint('begun', flush=True)\nos._exit(9)", "failed", "exit code 9: begun"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "crashed", "died of SIGKILL"),
        ("import ctypes\nctypes.string_at(0)", "crashed", "died of SIGSEGV"),
        ("import surely_not_here", "not run", "needs surely_not_here, which wheel:9.9.9 does not have"),
        ("import numpy_of_another_name", "not run", "needs numpy_of_another_name, which wheel:9.9.9 does not have"),
        ("import tilelang.quantize", "failed", "exit code 1: ModuleNotFoundError: No module named 'tilelang'"),
    ],
)
def test_a_script_ends(tmp_path: Path, script: str, status: str, reason: str) -> None:
    outcome = only(run(tmp_path, {"gemm/example.py": f"{script}\nprint()\n"}))
    assert (outcome.status, outcome.reason) == (status, reason)
    assert outcome.test == ""


def test_a_script_that_asks_for_arguments_is_not_run(tmp_path: Path) -> None:
    script = "import argparse\np = argparse.ArgumentParser()\np.add_argument('-m', required=True)\np.parse_args()\n"
    outcome = only(run(tmp_path, {"gemm/example.py": script}))
    assert (outcome.status, outcome.reason) == ("not run", "needs arguments: -m")


def test_a_script_that_hangs_is_ended_and_says_where(tmp_path: Path) -> None:
    script = """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print("child", child.pid, flush=True)
        def wait_for_ever():
            time.sleep(60)
        wait_for_ever()
        """
    started = time.monotonic()
    result = run(tmp_path, {"gemm/example.py": script}, timeout_s=1.0)
    outcome = only(result)
    assert time.monotonic() - started < 20
    assert (outcome.status, outcome.reason) == ("timed out", "did not end within 1 s")
    assert "in wait_for_ever" in outcome.tail
    child = int(result.log.partition("child ")[2].split()[0])
    deadline = time.monotonic() + 5
    while not gone(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone(child), "what the script started must not run on"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux counts memory")
def test_a_script_that_exhausts_memory_is_ended(tmp_path: Path) -> None:
    script = "import time\nheld = b'x' * (400 << 20)\ntime.sleep(30)\n"
    outcome = only(run(tmp_path, {"gemm/example.py": script}, memory=200 * MIB))
    assert outcome.status == "crashed"
    assert re.fullmatch(r"ended: it held 0\.[2-5] GiB of memory, more than the 0\.2 allowed", outcome.reason)


def test_a_script_sees_its_gpu_and_nothing_of_the_users_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/of/the/user")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    script = "import os, sys\nfor name in sorted(os.environ): print(f'{name}={os.environ[name]}')\nprint(os.getcwd())\n"
    result = run(tmp_path, {"gemm/example.py": script})
    said = dict(line.partition("=")[::2] for line in result.log.splitlines())
    assert said["CUDA_VISIBLE_DEVICES"] == "0"
    assert "/of/the/user" not in said["PYTHONPATH"]
    assert (tmp_path / "work" / "cache") in Path(said["PYTHONPATH"]).parents
    assert Path(said["TILELANG_CACHE_DIR"]).is_relative_to(tmp_path / "run")
    assert result.log.rstrip().endswith(str(tmp_path / "run" / "cwd"))
    assert list((tmp_path / "tree").rglob("__pycache__")) == []


TESTS = """
    import os, time, pytest

    def test_passes(): pass

    @pytest.mark.parametrize("x", [1, 2])
    def test_fails_for_two(x): assert x == 1, "two is too much"

    @pytest.mark.skipif(True, reason="needs a Hopper")
    def test_is_skipped(): pass

    @pytest.mark.xfail(reason="known")
    def test_is_expected_to_fail(): assert False

    def test_lacks_a_package():
        import surely_not_here

    @pytest.fixture
    def broken(): raise OSError("no disk")

    def test_has_no_fixture(broken): pass

    def test_runs_a_program():
        said = "Traceback (most recent call last):\\n  File x\\n    1 / 0\\nZeroDivisionError: division by zero\\n"
        assert 1 == 0, said
    """


def test_every_test_of_a_file_is_told(tmp_path: Path) -> None:
    result = run(tmp_path, {"gemm/test_example.py": TESTS})
    assert {outcome.test: (outcome.status, outcome.reason) for outcome in result.outcomes} == {
        "test_passes": ("passed", ""),
        "test_fails_for_two[1]": ("passed", ""),
        "test_fails_for_two[2]": ("failed", "AssertionError: two is too much"),
        "test_is_skipped": ("skipped", "needs a Hopper"),
        "test_is_expected_to_fail": ("skipped", "failed as expected: known"),
        "test_lacks_a_package": ("not run", "needs surely_not_here, which wheel:9.9.9 does not have"),
        "test_has_no_fixture": ("failed", "in setup: OSError: no disk"),
        "test_runs_a_program": ("failed", "ZeroDivisionError: division by zero"),
    }
    failed = next(outcome for outcome in result.outcomes if outcome.test == "test_fails_for_two[2]")
    assert "assert x == 1" in failed.tail


#: How TileLang raises what nvcc said: the whole source first. Seen with 0.1.15 and nvcc 13.0.
_AFTER_A_SOURCE = """
import pytest

SOURCE = "#if defined(_MSC_VER)\\n// error: is no word of a compiler here\\nint main() {}\\n"


@pytest.mark.parametrize("said", SAID)
def test_compiles(said):
    raise RuntimeError(SOURCE + "Compilation error:\\n" + said + "\\nCommand: nvcc -O3 x.cu")
"""


def test_of_a_compiler_that_failed_its_own_words_are_the_reason(tmp_path: Path) -> None:
    said = [
        "nvcc fatal   : Unsupported gpu architecture 'compute_35'",
        'x.cu(12): error: identifier "x" is undefined',
        "ptxas fatal   : Unresolved extern function 'f'",
        "x.cc:3:5: fatal error: nothing.h: No such file or directory",
    ]
    result = run(tmp_path, {"gemm/test_it.py": _AFTER_A_SOURCE.replace("SAID", repr(said))})
    assert [outcome.reason for outcome in result.outcomes] == [f"RuntimeError: {line}" for line in said]


def test_only_the_tests_asked_for_are_run(tmp_path: Path) -> None:
    result = run(tmp_path, {"gemm/test_example.py": TESTS}, select=("test_passes", "test_fails_for_two[1]"))
    assert [outcome.test for outcome in result.outcomes] == ["test_passes", "test_fails_for_two[1]"]


@pytest.mark.parametrize(
    ("dies", "status", "reason"),
    [
        ("os._exit(0)", "crashed", "the process ended with exit code 0 in the middle of it"),
        ("os.kill(os.getpid(), 9)", "crashed", "died of SIGKILL"),
        ("ctypes.string_at(0)", "crashed", "died of SIGSEGV"),
        ("time.sleep(60)", "timed out", "did not end within 15 s"),
    ],
)
def test_a_test_that_takes_its_process_along_does_not_take_the_others(
    tmp_path: Path, dies: str, status: str, reason: str
) -> None:
    tests = f"""
        import ctypes, os, time
        from pathlib import Path
        RUNS = Path(__file__).parent / "runs"
        def note(name):
            with RUNS.open("a") as file: file.write(name + "\\n")
        def test_before(): note("before")
        def test_dies():
            note("dies")
            {dies}
        def test_after(): note("after")
        def test_last(): note("last")
        """
    # Shorter for the one that hangs only: on a busy machine a process takes seconds to start.
    result = run(tmp_path, {"gemm/test_example.py": tests}, timeout_s=15.0 if status == "timed out" else 60.0)
    assert [(outcome.test, outcome.status) for outcome in result.outcomes] == [
        ("test_before", "passed"),
        ("test_dies", status),
        ("test_after", "passed"),
        ("test_last", "passed"),
    ]
    assert result.outcomes[1].reason == reason
    assert (tmp_path / "tree/examples/gemm/runs").read_text().split() == ["before", "dies", "after", "last"]
    if "os" not in dies:
        assert "in test_dies" in result.outcomes[1].tail


UPSTREAMS_CONFTEST = """
    import pytest
    def pytest_terminal_summary(terminalreporter, exitstatus, config):
        if not {"passed", "failed"} & set(terminalreporter.stats):
            pytest.exit("No tests were collected.", returncode=5)
    """


TEST = "def test_x(): pass\n"
#: The file of tests, its conftest, and what is said of them.
NOTHING_RAN = {
    "all-skipped": ("@pytest.mark.skip(reason='no GPU')\n" + TEST, UPSTREAMS_CONFTEST, "skipped", "no GPU"),
    "skipped-whole": ("pytest.skip('not here', allow_module_level=True)\n" + TEST, "", "skipped", "not here"),
    "package": ("import surely_not_here\n" + TEST, "", "not run", "needs surely_not_here, which wheel:9.9.9"),
    "raises": ("raise ValueError('odd')\n" + TEST, "", "failed", "not collected: ValueError: odd"),
    "none-left": (TEST, "def pytest_collection_modifyitems(items): items.clear()\n", "skipped", "no test of it"),
    "conftest-raises": (TEST, "raise ValueError('odd')\n", "failed", "exit code 4 before any test: ValueError: odd"),
    "conftest-dies": (TEST, "import os\nos.kill(os.getpid(), 9)\n", "crashed", "died of SIGKILL"),
}


@pytest.mark.parametrize("case", NOTHING_RAN)
def test_a_file_of_which_no_test_runs_says_why(tmp_path: Path, case: str) -> None:
    tests, conftest, status, reason = NOTHING_RAN[case]
    outcome = only(run(tmp_path, {"conftest.py": conftest, "gemm/test_example.py": "import pytest\n" + tests}))
    assert outcome.status == status
    assert reason in outcome.reason


def test_a_death_after_the_last_test_is_not_lost(tmp_path: Path) -> None:
    files = {
        "conftest.py": "import os\ndef pytest_sessionfinish(): os.kill(os.getpid(), 11)\n",
        "gemm/test_example.py": "def test_x(): pass\n",
    }
    result = run(tmp_path, files)
    assert [(outcome.test, outcome.status, outcome.reason) for outcome in result.outcomes] == [
        ("test_x", "passed", ""),
        ("", "crashed", "died of SIGSEGV after its last test"),
    ]


@pytest.mark.parametrize(
    ("need", "said"),
    [
        (Need("package", "einops", "in a.py:1"), "needs einops, which wheel:9.9.9 does not have (in a.py:1)"),
        (Need("package", "numpy"), ""),
        (Need("package", "tvm"), ""),
        (Need("argument", "--folder"), "needs arguments: --folder"),
        (Need("never", "it fails on purpose"), "it fails on purpose"),
        (Need("condition", "who knows"), ""),
    ],
)
def test_what_a_build_lacks_is_said(need: Need, said: str) -> None:
    assert lacks(Example("examples/a.py", "a", "script", (need,)), FACTS) == said


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("backend", "cuda", "ha"),
        ("backend", "hip", "i"),
        ("backend", "cuda or hip", "hai"),
        ("capability", ">= 9.0", "h"),
        ("capability", "== 9.0", "h"),
        ("capability", "<= 8.9", "a"),
        ("capability", "< 12.0", "ha"),
        ("arch", "gfx942", "i"),
        ("arch", "gfx950", ""),
        ("condition", "anything", "hai"),
    ],
)
def test_an_example_is_refused_by_gpus_it_is_not_for(kind: str, value: str, fits: str) -> None:
    example = Example("examples/a.py", "a", "script", (Need(kind, value, "its path"),))  # type: ignore[arg-type]
    gpus = {"h": HOPPER, "a": AMPERE, "i": INSTINCT}
    refusals = {letter: refuses(example, gpu) for letter, gpu in gpus.items()}
    assert {letter for letter, reason in refusals.items() if not reason} == set(fits)
    assert all("(its path)" in reason for reason in refusals.values() if reason)


def arrange(monkeypatch: pytest.MonkeyPatch, *gpus: object, facts: object = FACTS) -> None:
    monkeypatch.setattr(run_module, "find_gpus", lambda wanted: list(gpus))
    monkeypatch.setattr(run_module, "facts_of", lambda build, python: facts)


def test_a_job_takes_the_gpu_it_is_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrange(monkeypatch, AMPERE, HOPPER)
    tree = make_tree(tmp_path / "tree", {"gemm_hopper/example.py": "print('fine')\n", "aws/blackwell.py": "print()\n"})
    found = examples_of(tree)
    result = run_example(job_of(found["gemm_hopper/example.py"], tree, tmp_path / "work"))
    assert (result.gpu, only(result).status) == ("NVIDIA H200", "passed")
    job = job_of(found["aws/blackwell.py"], tree, tmp_path / "work")
    refused = run_example(job)
    assert only(refused).reason == "needs compute capability >= 10.0, this GPU has 8.0 (its path says blackwell)"
    assert only(refused).status == "not run"
    assert only(run_example(replace(job, forced=True))).status == "passed"
    assert list((tmp_path / "work/tmp").iterdir()) == []


def test_a_package_that_the_kit_has_is_lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrange(monkeypatch, HOPPER, facts=replace(FACTS, available=frozenset()))
    source, lacking = "import filelock\nprint(filelock.__file__)\n", "import surely_not_here\nprint()\n"
    tree = make_tree(tmp_path / "tree", {"gemm/example.py": source, "gemm/lacks.py": lacking})
    found = examples_of(tree)
    result = run_example(job_of(found["gemm/example.py"], tree, tmp_path / "work"))
    assert only(result).status == "passed"
    assert str(tmp_path / "work/cache/lent") in result.log
    assert only(run_example(job_of(found["gemm/lacks.py"], tree, tmp_path / "work"))).status == "not run"


def test_without_a_gpu_a_job_is_lowered_or_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrange(monkeypatch)
    tree = make_tree(tmp_path / "tree", {"gemm/example.py": "print('fine')\n"})
    job = job_of(examples_of(tree)["gemm/example.py"], tree, tmp_path / "work")
    assert only(run_example(job)).status == "not run"
    assert only(run_example(job)).reason.startswith("no GPU on ")
    lowered = ExampleResult(job.example.path, "script", "gemm", (Outcome(job.example.path, "", "lowered"),))
    assert run_example(job, lambda asked: replace(lowered, log=asked.build)) == replace(lowered, log=job.build)


def test_a_pytorch_that_does_not_reach_the_gpu_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrange(monkeypatch, HOPPER, facts=replace(FACTS, gpus=0))
    tree = make_tree(tmp_path / "tree", {"gemm/example.py": "print('fine')\n"})
    with pytest.raises(EnvironmentProblem, match=r"PyTorch 2\.0 of wheel:9\.9\.9 does not reach the NVIDIA H200"):
        run_example(job_of(examples_of(tree)["gemm/example.py"], tree, tmp_path / "work"))


def test_facts_of_an_interpreter_without_tilelang_are_an_error() -> None:
    with pytest.raises(EnvironmentProblem, match="TileLang does not import in wheel:1: ModuleNotFoundError"):
        facts_of("wheel:1", sys.executable)
    with pytest.raises(EnvironmentProblem, match="not on this machine: /no/python"):
        facts_of("wheel:1", "/no/python")
