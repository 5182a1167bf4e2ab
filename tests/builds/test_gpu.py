"""GPU facts without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.builds.gpu import _amd, cuda_label
from scaffold.kernels.target import parse_target


@pytest.mark.parametrize(
    ("capability", "label"),
    [
        ((8, 0), "cuda:sm_80"),
        ((8, 9), "cuda:sm_89"),
        ((9, 0), "cuda:sm_90a"),
        ((10, 0), "cuda:sm_100a"),
        ((12, 0), "cuda:sm_120a"),
    ],
)
def test_cuda_label_takes_the_specific_arch_from_hopper_on(capability: tuple[int, int], label: str) -> None:
    assert cuda_label(*capability) == label
    parse_target(label)


def test_amd_reads_the_gfx_version_of_the_first_gpu(tmp_path: Path) -> None:
    for node, version in (("0", 0), ("1", 90402), ("2", 90010)):
        folder = tmp_path / node
        folder.mkdir()
        (folder / "properties").write_text(f"cpu_cores_count 0\ngfx_target_version {version}\nsimd_count 4\n")
    gpu = _amd(tmp_path)
    assert gpu is not None
    assert gpu.target == "hip:gfx942"


def test_amd_without_a_topology_finds_none(tmp_path: Path) -> None:
    assert _amd(tmp_path / "missing") is None
