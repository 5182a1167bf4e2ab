"""What decides how a build lowers a kernel, as a digest: with an environment that has a TileLang of two files."""

from __future__ import annotations

import os
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scaffold.builds import content
from scaffold.builds.build import Build
from scaffold.builds.content import FileHashes, content_digest, files_digest
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem
from scaffold.files import file_sha256


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    content._where.cache_clear()
    yield
    content._where.cache_clear()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    venv.create(tmp_path / "env", with_pip=False)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    (site / "tilelang" / "lib").mkdir(parents=True)
    (site / "tilelang" / "__init__.py").write_text("raise RuntimeError('it is not imported')\n")
    (site / "tilelang" / "lib" / "libtilelang.so").write_bytes(b"machine code")
    (site / "torch-2.9.0.dist-info").mkdir()
    return site


def digest(tmp_path: Path) -> str:
    build = Build("wheel:test", str(tmp_path / "env" / "bin" / "python"))
    return content_digest(build, Workspace(tmp_path / "ws"))


def change_library(site: Path) -> None:
    (site / "tilelang" / "lib" / "libtilelang.so").write_bytes(b"other code!!")


def change_python(site: Path) -> None:
    (site / "tilelang" / "__init__.py").write_text("raise RuntimeError('it is nor imported')\n")


def add_file(site: Path) -> None:
    (site / "tilelang" / "new.py").touch()


def rename_file(site: Path) -> None:
    (site / "tilelang" / "lib" / "libtilelang.so").rename(site / "tilelang" / "lib" / "libtilelang2.so")


def upgrade_torch(site: Path) -> None:
    (site / "torch-2.9.0.dist-info").rename(site / "torch-2.9.1.dist-info")


@pytest.mark.parametrize("change", [change_library, change_python, add_file, rename_file, upgrade_torch])
def test_digest_changes_with_what_decides(change: Callable[[Path], None], site: Path, tmp_path: Path) -> None:
    before = digest(tmp_path)
    assert digest(tmp_path) == before
    change(site)
    assert digest(tmp_path) != before


def test_of_a_checkout_what_lies_beside_the_package_decides_too(site: Path, tmp_path: Path) -> None:
    before = digest(tmp_path)
    seen = {before}
    for beside in ("build/lib/libtilelang.so", "src/tl_templates/cuda/gemm.h"):
        (site / beside).parent.mkdir(parents=True)
        (site / beside).write_text("made")
        seen.add(digest(tmp_path))
        (site / beside).write_text("edited")
        seen.add(digest(tmp_path))
    assert len(seen) == 5


def test_digest_does_not_change_with_what_decides_nothing(site: Path, tmp_path: Path) -> None:
    before = digest(tmp_path)
    (site / "tilelang" / "__pycache__").mkdir()
    (site / "tilelang" / "__pycache__" / "x.pyc").touch()
    (site / "rich-14.0.0.dist-info").mkdir()
    os.utime(site / "tilelang" / "__init__.py")
    assert digest(tmp_path) == before


def test_build_without_tilelang_is_an_environment_problem(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="finds no TileLang") as caught:
        content_digest(Build("python:here", sys.executable), Workspace(tmp_path / "ws"))
    assert "import tilelang" in str(caught.value.hint)


def test_hash_is_taken_once_a_content_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[Path] = []

    def watched(path: Path) -> str:
        hashed.append(path)
        return file_sha256(path)

    monkeypatch.setattr("scaffold.builds.content.file_sha256", watched)
    file = tmp_path / "file"
    file.write_text("one")
    first = FileHashes(tmp_path / "hashes.json")
    one = first.of(file)
    first.save()
    again = FileHashes(tmp_path / "hashes.json")
    assert again.of(file) == one
    assert len(hashed) == 1
    file.write_text("two")
    os.utime(file, ns=(1, 1))
    assert again.of(file) != one


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"FILE": 3}', '{"FILE": ["x"]}'])
def test_hashes_that_cannot_be_read_are_taken_anew(kept: str, tmp_path: Path) -> None:
    (tmp_path / "hashes.json").write_text(kept.replace("FILE", str(tmp_path / "x")))
    (tmp_path / "x").write_text("one")
    assert len(FileHashes(tmp_path / "hashes.json").of(tmp_path / "x")) == 64


def test_files_of_which_one_is_gone_have_no_digest(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("one")
    hashes = FileHashes(tmp_path / "hashes.json")
    assert files_digest([tmp_path / "x"], hashes) is not None
    assert files_digest([tmp_path / "x", tmp_path / "y"], hashes) is None
