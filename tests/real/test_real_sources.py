"""Real releases from the real index: what is laid out is TileLang, with all its CMake reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from realkit import OFFLINE
from sources import lay, times

from scaffold.builds.source.needs import SHARED
from scaffold.builds.workspace import Workspace

pytestmark = pytest.mark.skipif(OFFLINE, reason="no network")


@pytest.fixture
def own(tmp_path: Path, workspace: Workspace) -> Workspace:
    """A workspace of the test's own, with the downloads of the shared one."""
    made = Workspace(tmp_path / "workspace")
    made.cache.mkdir(parents=True)
    downloads = workspace.cache / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    (made.cache / "downloads").symlink_to(downloads)
    return made


def test_a_real_release_is_laid_out_once(own: Workspace) -> None:
    source = lay(own, "sdist:0.1.14")
    folder = source.folder
    assert source.identity.version == "0.1.14"
    assert re.fullmatch("[0-9a-f]{40}", source.identity.commit or "")
    assert set(source.identity.thirdparty) == {f"3rdparty/{tree}" for tree in SHARED}
    tvm = folder / "3rdparty" / "tvm"
    assert (tvm / "3rdparty/tvm-ffi/3rdparty/dlpack/include/dlpack/dlpack.h").is_file()
    assert (tvm / "3rdparty/tvm-ffi/3rdparty/libbacktrace").is_dir()
    assert (folder / "3rdparty/cutlass/include/cute/tensor.hpp").is_file()
    assert (folder / "3rdparty/hip-headers/include").is_dir()
    assert not (tvm / ".git").exists()
    assert not (tvm / "tests").exists()
    before = times(folder)
    assert lay(own, "sdist:0.1.14") == source
    assert times(folder) == before


def test_every_module_the_cmake_of_tvm_includes_is_there(own: Workspace) -> None:
    tvm = lay(own, "sdist:0.1.14").folder / "3rdparty" / "tvm"
    text = (tvm / "CMakeLists.txt").read_text(encoding="utf-8")
    included = re.findall(r"^include\((cmake/\S+\.cmake)\)", text, flags=re.MULTILINE)
    assert len(included) > 20
    assert [path for path in included if not (tvm / path).is_file()] == []
