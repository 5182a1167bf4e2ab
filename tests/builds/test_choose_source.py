"""Which source ``setup`` builds when nobody says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sources import TILELANG, repository, write

from scaffold.builds import choose_source as module
from scaffold.builds.choose_source import choose_source
from scaffold.builds.source.model import SourceOptions
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress


def choose(folder: Path, url: str | Path) -> tuple[str, str]:
    """What is chosen where ``url`` is upstream's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "UPSTREAM", str(url))
        return choose_source(Workspace(folder / "workspace"), SourceOptions(url=str(url)), Progress(verbosity=-1))


def test_a_url_that_was_named_wins_over_a_checkout_and_its_password_is_not_shown(tmp_path: Path) -> None:
    write(tmp_path / "workspace/tilelang", TILELANG)
    options = SourceOptions(url="https://me:to@ken@example.org/fork")
    chosen = choose_source(Workspace(tmp_path / "workspace"), options, Progress(verbosity=-1))
    assert chosen == ("git:main", "from https://example.org/fork")


def test_the_kits_own_clone_is_not_ones_work_before_something_is_changed_in_it(tmp_path: Path) -> None:
    url = repository(tmp_path / "mirror", {**TILELANG, "VERSION": "1"})
    clone = tmp_path / "workspace/tilelang"
    subprocess.run(["git", "clone", "-q", url, str(clone)], check=True)
    assert choose(tmp_path, url)[0] == "git:main"
    (clone / "VERSION").write_text("2", encoding="utf-8")
    assert choose(tmp_path, url)[0] == "worktree"


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
