"""Upstream's own examples: found in a release's source archive, and one run as far as a machine without a GPU can."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.builds.build import Build
from scaffold.builds.source.release_tree import ReleaseTree, ReleaseTrees
from scaffold.builds.workspace import Workspace
from scaffold.corpus.examples.discover import Discovered, discover
from scaffold.corpus.examples.facts import facts_of
from scaffold.corpus.examples.lending import lend
from scaffold.corpus.examples.model import ExampleJob
from scaffold.corpus.examples.run import run_on
from scaffold.corpus.gpus import GpuSlot
from scaffold.errors import EnvironmentProblem
from scaffold.progress import Progress

NO_GPU = GpuSlot(0, "", "none", "no GPU", "cuda", "sm_90a", (9, 0))


@pytest.fixture(scope="module")
def tree(workspace: Workspace) -> ReleaseTree:
    """The tree that goes with 0.1.15, which has no source archive of its own."""
    try:
        return ReleaseTrees(workspace, Progress(verbosity=-1)).get("0.1.15")
    except EnvironmentProblem as problem:
        pytest.skip(f"no source archive of TileLang here: {problem.message}")


@pytest.fixture(scope="module")
def found(tree: ReleaseTree) -> Discovered:
    return discover(tree.folder)


def test_the_examples_of_a_release_are_found(tree: ReleaseTree, found: Discovered) -> None:
    assert tree.version == "0.1.14"
    scripts = [example for example in found.examples if example.kind == "script"]
    tests = [test for example in found.examples for test in example.tests]
    assert (len(scripts), len(tests), len(found.topics)) == (193, 86, 52)
    assert "it is no Python that parses" not in dict(found.left_out).values()


@pytest.mark.parametrize(
    ("path", "needs"),
    [
        ("gemm/example_gemm.py", set()),
        ("flash_attention/example_gqa_bwd_tma_reduce_varlen.py", {"einops", "cuda", "== 9.0"}),
        ("convolution/example_convolution.py", {"cuda", "<= 8.9"}),
        ("gemm_sm120/sm120_nvfp4_blockscaled_gemm.py", {">= 12.0", "< 13.0"}),
        ("dequantize_gemm/example_dequant_gemm_bf16_mxfp4_cdna4.py", {"hip", "gfx950"}),
        ("aws/gemm.py", {"cuda", ">= 10.0", "< 11.0"}),
    ],
)
def test_what_an_example_needs_is_what_upstream_says(found: Discovered, path: str, needs: set[str]) -> None:
    (example,) = (example for example in found.examples if example.shown == path)
    assert {need.value for need in example.needs} - {"numpy"} == needs


def test_no_module_of_the_tree_is_taken_for_a_package(found: Discovered) -> None:
    names = {Path(example.path).stem for example in found.examples} | {Path(path).stem for path, _ in found.left_out}
    packages = {name for example in found.examples for name in example.packages}
    assert {"einops", "triton", "fla", "flash_attn"} <= packages
    assert packages & names == set()


def test_a_build_runs_tests_with_a_pytest_that_is_lent(
    newest: Build, tree: ReleaseTree, found: Discovered, tmp_path: Path
) -> None:
    (example,) = (example for example in found.examples if example.shown == "gemm/test_example_gemm.py")
    job = ExampleJob(example, str(tree.folder), newest.name, newest.python, 300.0, cache=str(tmp_path / "cache"))
    (tmp_path / "run").mkdir()
    facts = facts_of(newest.name, newest.python)
    lent = lend(frozenset(), facts.available, facts.python, tmp_path / "cache")
    result = run_on(job, NO_GPU, tmp_path / "run", facts, lent, memory=0)
    outcomes = {outcome.test: outcome for outcome in result.outcomes}
    assert outcomes["test_example_gemm_intrinsics"].status == "skipped"
    assert outcomes["test_example_gemm"].status == "failed"
    assert list(tree.folder.rglob("__pycache__")) == []
