"""Which TileLang a project asks for, by the files that say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.builds.names import parse_name
from scaffold.builds.pinned import find_pinned
from scaffold.errors import UnknownBuildError

STATEMENTS = {
    "requirements.txt": ("torch\ntilelang==0.1.8  # as tried\n", "==0.1.8"),
    "requirements-gpu.txt": ("TileLang >= 0.1.5, < 0.1.9 ; python_version > '3'\n", "<0.1.9,>=0.1.5"),
    "requirements/dev.txt": ("tilelang==0.1.9 --hash=sha256:00\n", "==0.1.9"),
    "pyproject.toml": ('[project]\nname = "x"\ndependencies = ["torch", "tilelang~=0.1.6"]\n', "~=0.1.6"),
    "setup.cfg": ("[options]\ninstall_requires =\n    torch\n    tilelang>=0.1.7\n", ">=0.1.7"),
    "setup.py": ("from setuptools import setup\nsetup(install_requires=['torch', 'tilelang>0.1.3'])\n", ">0.1.3"),
    "uv.lock": ('version = 1\n[[package]]\nname = "tilelang"\nversion = "0.1.6.post1"\n', "==0.1.6.post1"),
    "poetry.lock": ('[[package]]\nname = "tilelang"\nversion = "0.1.4"\n', "==0.1.4"),
    "pylock.toml": ('lock-version = "1.0"\n[[packages]]\nname = "tilelang"\nversion = "0.1.4"\n', "==0.1.4"),
}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_is_found_from_a_folder_below(tmp_path: Path, name: str) -> None:
    text, specifier = STATEMENTS[name]
    write(tmp_path / name, text)
    write(tmp_path / "python/ops/kernel.py", "")
    pinned = find_pinned(tmp_path / "python/ops")
    assert str(pinned.requirement.specifier) == specifier
    assert pinned.file == tmp_path / name


@pytest.mark.parametrize(
    ("written", "specifier"),
    [("^0.1.5", "<0.2,>=0.1.5"), ("~0.1.5", "<0.2,>=0.1.5"), ("^1.2", "<2,>=1.2"), ("0.1.9", "==0.1.9"), ("*", ""),
     (">=0.1.2", ">=0.1.2")],
)  # fmt: skip
def test_ranges_of_poetry_are_read(tmp_path: Path, written: str, specifier: str) -> None:
    write(tmp_path / "pyproject.toml", f'[tool.poetry.group.gpu.dependencies]\ntilelang = "{written}"\n')
    assert str(find_pinned(tmp_path).requirement.specifier) == specifier


def test_lock_goes_before_a_range_and_the_nearer_file_before_both(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "uv.lock"):
        write(tmp_path / name, STATEMENTS[name][0])
    assert find_pinned(tmp_path).file.name == "uv.lock"
    write(tmp_path / "inner/requirements.txt", STATEMENTS["requirements.txt"][0])
    assert find_pinned(tmp_path / "inner").file.name == "requirements.txt"


def test_search_ends_at_the_root_of_the_checkout(tmp_path: Path) -> None:
    write(tmp_path / "requirements.txt", "tilelang==0.1.8\n")
    (tmp_path / "repository/.git").mkdir(parents=True)
    with pytest.raises(UnknownBuildError, match="says which TileLang"):
        find_pinned(tmp_path / "repository")


@pytest.mark.parametrize(
    "text", ["tilelang-extras==1\n", "# tilelang==0.1.8\n", "torch\n", "tilelang==0.1.8; python_version < '3'\n"]
)
def test_what_says_nothing_is_passed_by(tmp_path: Path, text: str) -> None:
    write(tmp_path / "requirements.txt", text)
    (tmp_path / ".git").mkdir()
    with pytest.raises(UnknownBuildError):
        find_pinned(tmp_path)


def test_commit_of_git_is_no_release(tmp_path: Path) -> None:
    write(tmp_path / "requirements.txt", "tilelang @ git+https://example.org/tilelang@abc\n")
    with pytest.raises(UnknownBuildError, match="no release"):
        find_pinned(tmp_path)


def test_auto_is_a_name_without_more() -> None:
    assert parse_name("auto").kind == "auto"
    with pytest.raises(UnknownBuildError):
        parse_name("auto:x")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "project = 3\n"),
        ("pyproject.toml", "[project]\ndependencies = 'tilelang'\noptional-dependencies = [1]\n"),
        ("pyproject.toml", "tool = 1\n[dependency-groups]\na = [{include-group = 'x'}]\n"),
        ("uv.lock", "package = [1]\n"),
        ("poetry.lock", "[[package]]\nname = 'tilelang'\nversion = 'none'\n"),
        ("setup.cfg", "[options\n"),
        ("setup.py", "def (:\n"),
    ],
)
def test_file_of_another_form_says_nothing(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path / name, text)
    (tmp_path / ".git").mkdir()
    with pytest.raises(UnknownBuildError, match="says which TileLang"):
        find_pinned(tmp_path)
