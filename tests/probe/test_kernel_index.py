"""Kernels are recorded once, and named, by however many processes of a script."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scaffold.probe.standin.kernels import Claim, KernelIndex, key_of

ROOT = Path(__file__).parents[2]


def test_kernel_is_claimed_once_and_named_by_its_function(tmp_path: Path) -> None:
    index = KernelIndex(tmp_path)
    assert index.claim("one", "add") == Claim("add", "001.jsonl", known=False)
    assert index.claim("two", "mul") == Claim("mul", "002.jsonl", known=False)
    assert index.claim("three", "add") == Claim("add-2", "003.jsonl", known=False)
    assert index.claim("one", "other") == Claim("add", "001.jsonl", known=True)


def test_key_tells_kernels_targets_and_configs_apart() -> None:
    keys = {key_of(text, target, configs) for text in "ab" for target in "cd" for configs in ({}, {"x": 1}, {"x": 2})}
    assert len(keys) == 12
    assert key_of("a", "c", {"x": 1, "y": 2}) == key_of("a", "c", {"y": 2, "x": 1})


CLAIMS = """
import json, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from scaffold.probe.standin.kernels import KernelIndex
index = object.__new__(KernelIndex)
index._path = Path({folder!r}) / "kernels.json"
print(json.dumps([index.claim(str(n), "add").known for n in range(100)]))
"""


def test_processes_that_claim_at_once_share_the_kernels_out(tmp_path: Path) -> None:
    KernelIndex(tmp_path)
    code = CLAIMS.format(root=str(ROOT), folder=str(tmp_path))
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)]
    known = [json.loads(process.communicate()[0]) for process in running]
    assert sum(not item for answer in known for item in answer) == 100
    index = json.loads((tmp_path / "kernels.json").read_text())
    assert len({spool for _, _, spool in index.values()}) == 100
