"""Which libraries a probe says it loaded, where the system keeps no list of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.probe.identity import _loaded_libraries


@pytest.mark.parametrize("folder", ["tilelang/lib", "build/lib"])
def test_without_a_list_of_mappings_it_is_what_tilelang_itself_would_load(tmp_path: Path, folder: str) -> None:
    for name in ("libtilelang.dylib", "libtvm_compiler.dylib", "libz3.dylib"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).touch()
    found = _loaded_libraries(tmp_path / "tilelang", tmp_path / "no-such-file")
    assert found == [str(tmp_path / folder / name) for name in ("libtilelang.dylib", "libtvm_compiler.dylib")]


def test_without_either_there_are_none(tmp_path: Path) -> None:
    assert _loaded_libraries(tmp_path, tmp_path / "no-such-file") == []
