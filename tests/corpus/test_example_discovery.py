"""Which files of a tree are examples, and what they need, read and never imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from exampletrees import GUARD, examples_of, make_tree

from scaffold.corpus.examples.discover import discover, select
from scaffold.corpus.examples.model import Example, Need
from scaffold.errors import UsageError

#: Every file raises when it is imported.
BOMB = "raise SystemExit('imported')\n"

TREE = {
    "conftest.py": "KNOWN = {'gemm/test_example_gemm.py::test_flaky'}\n",
    "quickstart.py": "import tilelang\nprint(1)\n" + BOMB,
    "gemm/example_gemm.py": BOMB + "def main(): pass\n" + GUARD,
    "gemm/helper.py": "import einops\nSIZE = 3\ndef build(): return 1\n",
    "gemm/uses_helper.py": "import numpy, os\nfrom helper import build\ndef main():\n    import flash_attn\n" + GUARD,
    "gemm/careful.py": "try:\n    import triton\nexcept ImportError:\n    triton = None\n" + GUARD,
    "gemm/regression_example_gemm.py": "import example_gemm\n" + GUARD,
    "gemm/test_utils.py": "def check(): pass\n",
    "gemm/broken.py": "def (:\n",
    "gemm/test_example_gemm.py": """
        import tilelang.testing
        import example_gemm
        import pytest
        import uses_helper as used

        @tilelang.testing.requires_cuda
        @tilelang.testing.requires_cuda_compute_version_ge(9, 0)
        def test_example_gemm():
            example_gemm.main()

        @tilelang.testing.requires_cuda
        def test_both():
            example_gemm.main()
            used.main()

        def test_flaky():
            pass

        @pytest.mark.xfail(reason="slow")
        def test_slow():
            pass

        class TestMany:
            def test_one(self):
                pass
        """,
    "gemm_sm120/blockscaled.py": "print(1)\n",
    "amd/example_cdna4.py": "def main(): pass\n" + GUARD,
    "model/generate.py": """
        from argparse import ArgumentParser

        def main():
            parser = ArgumentParser()
            parser.add_argument("--checkpoint", required=True)
            parser.add_argument("--size", type=int)
            parser.add_argument("folder")

        if __name__ == "__main__":
            main()
        """,
    "/testing/python/language/test_tilelang_language_copy.py": "def test_copy(): pass\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "tree", TREE)


def facts(example: Example) -> set[tuple[str, str]]:
    return {(need.kind, need.value) for need in example.needs}


def test_scripts_and_tests_are_told_from_what_is_neither(tree: Path) -> None:
    found = discover(tree)
    assert {example.shown: example.kind for example in found.examples} == {
        "quickstart.py": "script",
        "gemm/example_gemm.py": "script",
        "gemm/uses_helper.py": "script",
        "gemm/careful.py": "script",
        "gemm/test_example_gemm.py": "tests",
        "gemm_sm120/blockscaled.py": "script",
        "amd/example_cdna4.py": "script",
        "model/generate.py": "script",
    }
    assert dict(found.left_out) == {
        "examples/conftest.py": "it sets up the tests beside it",
        "examples/gemm/helper.py": "a module for others: nothing in it runs",
        "examples/gemm/regression_example_gemm.py": "a case of upstream's performance regression suite",
        "examples/gemm/test_utils.py": "it holds no tests",
        "examples/gemm/broken.py": "it is no Python that parses",
    }


def test_packages_are_those_of_local_modules_too_and_say_where(tree: Path) -> None:
    example = examples_of(tree)["gemm/uses_helper.py"]
    packages = {need.value: need.why for need in example.needs if need.kind == "package"}
    assert packages == {"numpy": "imported in uses_helper.py:1", "einops": "imported in helper.py:1"}
    assert example.may_need == ("flash_attn",)
    assert examples_of(tree)["gemm/careful.py"].may_need == ("triton",)


def test_a_script_needs_what_every_test_of_it_needs(tree: Path) -> None:
    found = examples_of(tree)
    # One of its two tests asks for Hopper, both for CUDA.
    assert facts(found["gemm/example_gemm.py"]) == {("backend", "cuda")}
    tests = {test.name: test for test in found["gemm/test_example_gemm.py"].tests}
    assert Need("capability", ">= 9.0", "marked so: test_example_gemm.py::test_example_gemm") in (
        tests["test_example_gemm"].needs
    )
    assert list(tests) == ["test_example_gemm", "test_both", "test_flaky", "test_slow", "TestMany::test_one"]
    assert tests["test_flaky"].expected_to_fail == "listed in conftest.py as KNOWN"
    assert tests["test_slow"].expected_to_fail == "slow"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("gemm_sm120/blockscaled.py", {("capability", ">= 12.0"), ("capability", "< 13.0")}),
        ("amd/example_cdna4.py", {("backend", "hip"), ("arch", "gfx950")}),
        ("model/generate.py", {("argument", "--checkpoint"), ("argument", "folder")}),
        ("quickstart.py", set()),
    ],
)
def test_paths_and_arguments_say_what_is_needed(tree: Path, path: str, expected: set[tuple[str, str]]) -> None:
    assert facts(examples_of(tree)[path]) == expected


def test_folders_added_to_the_path_are_looked_in(tmp_path: Path) -> None:
    tree = make_tree(
        tmp_path,
        {
            "one/shared.py": "import einops\n",
            "two/uses.py": "import os, sys\n"
            "sys.path.append(os.path.join(os.path.dirname(__file__), '../one'))\nimport shared\n" + GUARD,
            "two/circle.py": "import back\n" + GUARD,
            "two/back.py": "import circle, scipy\n",
        },
    )
    found = examples_of(tree)
    assert facts(found["two/uses.py"]) == {("package", "einops")}
    assert facts(found["two/circle.py"]) == {("package", "scipy")}


def test_areas_of_the_test_suite_are_found_when_asked_for(tree: Path) -> None:
    found = discover(tree, ["language"])
    chosen = select(found, ["testing/python/language"])
    assert [example.path for example, _ in chosen] == [
        "testing/python/language/test_tilelang_language_copy.py",
    ]
    with pytest.raises(UsageError, match="no tests in") as refused:
        discover(tree, ["lang"])
    assert refused.value.hint == "areas: language"


@pytest.mark.parametrize(
    ("topics", "only", "expected"),
    [
        (["gemm"], "tests", {"gemm/test_example_gemm.py": ()}),
        (["examples/gemm/"], "tests", {"gemm/test_example_gemm.py": ()}),
        (["gemm/careful.py", "quickstart.py"], None, {"gemm/careful.py": (), "quickstart.py": ()}),
        (["gemm/test_example_gemm.py::test_both"], None, {"gemm/test_example_gemm.py": ("test_both",)}),
        (["gemm/test_example_gemm.py::test_both[1]"], None, {"gemm/test_example_gemm.py": ("test_both[1]",)}),
        (["gemm/test_example_gemm.py::test_both", "gemm"], "tests", {"gemm/test_example_gemm.py": ()}),
        (["amd"], "tests", {}),
    ],
)
def test_topics_choose(tree: Path, topics: list[str], only: str | None, expected: dict[str, tuple[str, ...]]) -> None:
    assert {example.shown: tests for example, tests in select(discover(tree), topics, only)} == expected


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("gem", "did you mean gemm?"),
        ("gemm/example_gem.py", "gemm/example_gemm.py"),
        ("gemm/test_example_gemm.py::test_bot", "gemm/test_example_gemm.py::test_both"),
        ("zzz", "--list"),
    ],
)
def test_an_unknown_topic_is_told_with_the_nearest(tree: Path, topic: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        select(discover(tree), [topic])
    assert said in (refused.value.hint or "")


def test_a_file_that_is_no_example_says_why(tree: Path) -> None:
    with pytest.raises(UsageError, match="nothing in it runs"):
        select(discover(tree), ["gemm/helper.py"])
