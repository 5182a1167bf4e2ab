"""What the corpus holds of a tree, and for which targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.corpus.manifest import PINNED, Manifest, make_manifest
from scaffold.errors import UsageError
from scaffold.kernels.catalog import zoo_names

KERNEL = """\
import tilelang
import tilelang.language as T

@tilelang.jit
def matmul(M):
    ...

if __name__ == "__main__":
    matmul(8)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "VERSION": "0.1.13\n",
        "examples/gemm/example_gemm.py": KERNEL,
        "examples/gemm/uses.py": "import example_gemm\nif __name__ == '__main__':\n    example_gemm.matmul(4)\n",
        "examples/gemm/test_example_gemm.py": "import example_gemm\n\ndef test_it():\n    example_gemm.matmul(1)\n",
        "examples/gemm_sm100/gemm_tcgen5.py": KERNEL,
        "examples/amd/flash_amd.py": KERNEL,
        "examples/plain/plot.py": "import math\nif __name__ == '__main__':\n    math.sqrt(4)\n",
        "examples/plain/only_words.py": "# jit\nimport torch\nif __name__ == '__main__':\n    torch.jit.script\n",
        "examples/mod/kernels.py": KERNEL.partition("if __name__")[0],
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def _scripts(manifest: Manifest) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in manifest.lowered:
        if entry.is_script:
            found.setdefault(entry.shown, []).append(entry.target)
    return found


def test_scripts_are_lowered_for_the_targets_they_can_run_on(tree: Path) -> None:
    assert _scripts(make_manifest(tree, ())) == {
        "gemm/example_gemm.py": list(PINNED),
        "gemm/uses.py": list(PINNED),
        "gemm_sm100/gemm_tcgen5.py": ["cuda:sm_100a"],
        "amd/flash_amd.py": ["hip:gfx942"],
    }


def test_what_is_left_out_has_its_reason(tree: Path) -> None:
    reasons = {entry.shown: entry.left_out for entry in make_manifest(tree, ()).left_out if entry.is_script}
    assert reasons == {
        "plain/plot.py": "there is no TileLang kernel in it",
        "plain/only_words.py": "there is no TileLang kernel in it",
        "mod/kernels.py": "a module for others: nothing in it runs",
    }


def test_targets_asked_for_are_the_only_ones(tree: Path) -> None:
    manifest = make_manifest(tree, ("cuda:sm_100a",))
    assert _scripts(manifest)["gemm_sm100/gemm_tcgen5.py"] == ["cuda:sm_100a"]
    assert {entry.target for entry in manifest.lowered if entry.name != "cpu_gemm"} == {"cuda:sm_100a"}
    amd = next(entry for entry in manifest.left_out if entry.shown == "amd/flash_amd.py")
    assert "AMD" in amd.left_out


def test_the_zoo_is_in_it_with_and_without_a_tree(tree: Path) -> None:
    for manifest in (make_manifest(None, ()), make_manifest(tree, ())):
        assert {entry.name for entry in manifest.entries if not entry.is_script} == set(zoo_names())
    reasons = {entry.name: entry.left_out for entry in make_manifest(None, ()).left_out}
    assert "FP8" in reasons["gemm_fp8"]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["gemm"], {"gemm", "examples/gemm/example_gemm.py", "examples/gemm/uses.py"}),
        (["zoo:gemm"], {"gemm"}),
        (["examples/gemm"], {"examples/gemm/example_gemm.py", "examples/gemm/uses.py"}),
        (["gemm/example_gemm.py"], {"examples/gemm/example_gemm.py"}),
        (["softmax", "gemm_sm100"], {"softmax", "examples/gemm_sm100/gemm_tcgen5.py"}),
    ],
)
def test_names_narrow_it_down(tree: Path, wanted: list[str], names: set[str]) -> None:
    assert {entry.name for entry in make_manifest(tree, (), wanted).entries} == names


def test_an_unknown_name_is_refused(tree: Path) -> None:
    with pytest.raises(UsageError, match="'gemmm'"):
        make_manifest(tree, (), ["gemm", "gemmm"])
