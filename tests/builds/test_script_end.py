"""How a script ended, in words; and the names of kernels that came in any order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from scaffold.builds.process import Finished
from scaffold.builds.script import _named_in_order
from scaffold.builds.script_end import Ending, why_stopped
from scaffold.trace.model import Failure

WELL = Ending(ended=True)


def raised(error: str, message: str, *frames: str) -> Ending:
    lines = [f'  File "{frame.partition(":")[0]}", line {frame.partition(":")[2]}, in f' for frame in frames]
    traceback = "\n".join([*lines, f"{error}: {message}"])
    failure = Failure("build-kernel", None, None, error, message, traceback)
    return Ending(failure, ended=True, files=frozenset({"beside.py"}))


@pytest.mark.parametrize(
    ("ending", "returncode", "log", "says"),
    [
        (WELL, 0, "", None),
        (WELL, 9, "", "it ended itself with exit code 9"),
        (Ending(), 0, "", "it ended itself with exit code 0"),
        (Ending(), -11, "", "its process died of signal 11 (segmentation fault) after using 0.5 GB"),
        (Ending(), -9, "", "its process died of signal 9 (killed) after using 0.5 GB"),
        (Ending(), -6, "terminate called: std::bad_alloc", "out of memory after using 0.5 GB"),
        (Ending(exited="3"), 0, "words", "it exited with 3"),
        (Ending(exited="-1"), 0, "x\ns.py: error: bad input", "it exited with -1: s.py: error: bad input"),
        (Ending(exited="no data\nat all"), 0, "", "it exited: at all"),
        (
            Ending(exited="2"),
            0,
            "usage: s.py\ns.py: error: the following arguments are required: --n",
            "it needs arguments: the following arguments are required: --n",
        ),
        (raised("ValueError", "no", "script.py:3", "torch/x.py:9"), 0, "", "ValueError: no (line 3)"),
        (raised("ValueError", "no", "script.py:3", "beside.py:7"), 0, "", "ValueError: no (beside.py:7)"),
        (raised("SyntaxError", "no", "ast.py:50"), 0, "", "SyntaxError: no"),
        (raised("MemoryError", "x", "script.py:3"), 0, "", "out of memory after using 0.5 GB (line 3)"),
        (
            raised("InternalError", "says why\n  --> k.py:3:1\n   |\n 3 |  T.gemm()\n   |  ^", "script.py:3"),
            0,
            "",
            "InternalError: says why (line 3)",
        ),
    ],
)
def test_end_of_a_script_is_one_line(
    ending: Ending, returncode: int, log: str, says: str | None, tmp_path: Path
) -> None:
    (tmp_path / "log").write_text(log)
    finished = Finished(returncode, tmp_path / "log", most_memory_bytes=500_000_000)
    assert why_stopped(ending, finished, "script.py", 60) == says


def test_time_limit_comes_before_all_else(tmp_path: Path) -> None:
    finished = Finished(-9, tmp_path / "log", timed_out=True)
    reason = why_stopped(raised("ValueError", "no"), finished, "script.py", 2.5)
    assert reason == "did not end within 2.5 s (time limit: --timeout SECONDS)"


def test_end_of_an_endless_log_is_read_from_its_end(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        log.writelines(f"line {number} {'x' * 1000}\n" for number in range(2000))
        log.write("the end")
    assert Finished(0, tmp_path / "log").tail(1) == "the end"
    assert len(Finished(0, tmp_path / "log").tail(5000)) < 300_000


def captured(function: str, n: int | str, *, in_order: bool) -> dict[str, Any]:
    return {"function": function, "parameters": {"N": n}, "in_order": in_order, "name": "any"}


def test_kernels_that_came_in_any_order_are_named_by_their_parameters() -> None:
    items = [captured("add", n, in_order=n == 1) for n in (10, 2, 1)] + [captured("add", "auto", in_order=False)]
    for seed in range(5):
        random.Random(seed).shuffle(items)
        named = {item["name"]: item["parameters"]["N"] for item in _named_in_order(items)}
        assert named == {"add": 1, "add-2": 2, "add-3": 10, "add-4": "auto"}


def test_kernels_that_came_in_order_keep_their_names_and_places() -> None:
    items = [
        captured("sub", 2, in_order=True) | {"name": "sub"},
        captured("add", 9, in_order=False),
        captured("sub", 1, in_order=True) | {"name": "sub-2"},
        captured("add", 8, in_order=False),
    ]
    assert [item["name"] for item in _named_in_order(items)] == ["sub", "add", "sub-2", "add-2"]
    assert [item["parameters"]["N"] for item in _named_in_order(items)] == [2, 8, 1, 9]
