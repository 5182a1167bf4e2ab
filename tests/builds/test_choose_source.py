"""Which source ``setup`` builds when nobody says."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources import TILELANG, repository, write

from scaffold.builds.choose_source import choose_source
from scaffold.builds.source.model import SourceOptions
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress


def choose(folder: Path, url: str | Path) -> tuple[str, str]:
    return choose_source(Workspace(folder / "workspace"), SourceOptions(url=str(url)), Progress(verbosity=-1))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")


def test_a_checkout_around_the_current_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "tilelang", TILELANG)
    monkeypatch.chdir(tmp_path / "tilelang/src")
    name, why = choose(tmp_path, "/no/mirror")
    assert name == "worktree"
    assert str(tmp_path / "tilelang") in why


def test_the_workspaces_own_checkout_counts_too(tmp_path: Path) -> None:
    write(tmp_path / "workspace/tilelang", TILELANG)
    assert choose(tmp_path, "/no/mirror")[0] == "worktree"


def test_a_git_host_that_answers_gives_its_main_branch(tmp_path: Path) -> None:
    url = repository(tmp_path / "mirror", {"VERSION": "1"})
    assert choose(tmp_path, url) == ("git:main", f"{url} answers")


def test_without_a_git_host_it_is_the_newest_archive(tmp_path: Path) -> None:
    name, why = choose(tmp_path, tmp_path / "nothing")
    assert name == "sdist:latest"
    assert "nothing does not answer" in why


def test_without_git_it_is_the_newest_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose(tmp_path, "/no/mirror") == (
        "sdist:latest",
        "there is no git here, so the newest release's source archive it is",
    )
