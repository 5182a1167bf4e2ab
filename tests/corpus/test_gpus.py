"""Which GPUs there are, and that no two jobs share one."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from exampletrees import FACTS, HOPPER, examples_of, job_of, make_tree

from scaffold.corpus import gpus as gpus_module
from scaffold.corpus.examples import run as run_module
from scaffold.corpus.examples.run import run_example
from scaffold.corpus.gpus import GpuSlot, find_gpus, held_by_others, hold_one, visible
from scaffold.corpus.pool import completed, open_pool
from scaffold.errors import TaskLostError, UsageError

BOX = [replace(HOPPER, index=at, token=f"GPU-{at}{at}-x", identity=f"GPU-{at}{at}-x") for at in range(3)]


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))


@pytest.mark.parametrize(
    ("setting", "tokens"),
    [
        (None, ["GPU-00-x", "GPU-11-x", "GPU-22-x"]),
        ("2,0", ["2", "0"]),
        (" 1 ", ["1"]),
        ("GPU-11", ["GPU-11"]),
        ("0,7,1", ["0"]),
        ("MIG-4a", ["MIG-4a"]),
        ("-1", []),
        ("", []),
    ],
)
def test_cuda_visible_devices_is_obeyed(setting: str | None, tokens: list[str]) -> None:
    found = visible(BOX, setting)
    assert [gpu.token for gpu in found] == tokens
    assert [gpu.index for gpu in found] == list(range(len(found)))


def test_a_gpu_is_the_same_by_number_and_by_name() -> None:
    (by_number,), (by_name,) = visible(BOX, "1"), visible(BOX, "GPU-11")
    assert by_number.identity == by_name.identity == BOX[1].identity


def test_gpus_are_chosen_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus_module, "_nvidia", lambda _: BOX)
    assert find_gpus() == BOX
    assert find_gpus([2, 0, 2]) == [BOX[2], BOX[0]]
    with pytest.raises(UsageError, match="no GPU 3 here") as refused:
        find_gpus([1, 3])
    assert "0 NVIDIA H200, 1 NVIDIA H200" in (refused.value.hint or "")


def test_amd_gpus_are_read_from_the_driver(tmp_path: Path) -> None:
    for number, version in (("0", "0"), ("1", "90402"), ("10", "90500"), ("2", "90010")):
        (tmp_path / number).mkdir()
        (tmp_path / number / "properties").write_text(f"cpu_cores_count 8\ngfx_target_version {version}\n")
    found = gpus_module._amd({"HIP_VISIBLE_DEVICES": "1,2"}, tmp_path)
    assert [(gpu.arch, gpu.token) for gpu in found] == [("gfx90a", "1"), ("gfx950", "2")]
    assert found[0].environment() == {"HIP_VISIBLE_DEVICES": "1"}


def hold_for_ever(gpu: GpuSlot, folder: str, ready: str) -> None:
    tempfile.tempdir = folder
    with hold_one([gpu]):
        Path(ready).touch()
        time.sleep(60)


def test_a_gpu_held_by_another_process_is_passed_over_until_that_dies(tmp_path: Path) -> None:
    other = multiprocessing.get_context("spawn").Process(
        target=hold_for_ever, args=(BOX[0], str(tmp_path), str(tmp_path / "ready"))
    )
    other.start()
    deadline = time.monotonic() + 30
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert held_by_others(BOX) == [BOX[0]]
    with hold_one(BOX) as gpu:
        assert gpu == BOX[1]
    other.kill()
    other.join()
    assert held_by_others(BOX) == []
    with hold_one(BOX) as gpu:
        assert gpu == BOX[0]


def test_a_job_that_waits_for_a_gpu_ends_when_its_pool_is_cancelled() -> None:
    def wait() -> None:
        with hold_one(BOX[:1]):
            pass

    with hold_one(BOX[:1]), open_pool(1) as pool:
        future = pool.submit(wait)
        while not future.running():
            time.sleep(0.01)
        pool.cancel()
    with pytest.raises(TaskLostError, match="waited for a GPU"):
        future.result(timeout=5)


NOTES = """
import json, os, time
from pathlib import Path
begun = time.time()
time.sleep(0.15)
line = json.dumps([os.environ["CUDA_VISIBLE_DEVICES"], begun, time.time()])
with (Path(__file__).parent / "notes").open("a") as file:
    file.write(line + "\\n")
"""


def test_two_jobs_are_never_on_one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = BOX[:2]
    monkeypatch.setattr(run_module, "find_gpus", lambda wanted: two)
    monkeypatch.setattr(run_module, "facts_of", lambda build, python: FACTS)
    tree = make_tree(tmp_path / "tree", {f"gemm/example_{at}.py": NOTES for at in range(6)})
    jobs = [job_of(example, tree, tmp_path / "work") for example in examples_of(tree).values()]
    with open_pool(4) as pool:
        results = [future.result() for future in completed(pool, [pool.submit(run_example, job) for job in jobs])]
    assert [result.outcomes[0].status for result in results] == ["passed"] * 6
    notes = [json.loads(line) for line in (tree / "examples/gemm/notes").read_text().splitlines()]
    assert {token for token, _, _ in notes} == {gpu.token for gpu in two}, "both are used"
    for token in {token for token, _, _ in notes}:
        spans = sorted((begun, ended) for name, begun, ended in notes if name == token)
        assert all(ended <= begun for (_, ended), (begun, _) in itertools.pairwise(spans))
    assert os.environ.get("CUDA_VISIBLE_DEVICES") != two[0].token
