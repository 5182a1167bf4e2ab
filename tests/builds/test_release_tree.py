"""Upstream's tree of a release, out of its source archive."""

from __future__ import annotations

from pathlib import Path

import pytest
from sources import Index, packed

from scaffold.builds.build import Build
from scaffold.builds.source.release_tree import ReleaseTrees
from scaffold.builds.workspace import Workspace
from scaffold.corpus.checkout import named_tree, tree_of
from scaffold.errors import EnvironmentProblem, UnknownBuildError
from scaffold.progress import Progress

QUIET = Progress(verbosity=-1)


def files(version: str) -> dict[str, str]:
    return {
        "VERSION": f"{version}\n",
        "examples/gemm/example_gemm.py": "print()\n",
        "3rdparty/tvm/huge.cc": "int huge;\n",
    }


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """An index with 0.1.13, 0.1.14 and a pre-release, but no 0.1.15."""
    made = Index(tmp_path / "index")
    for version in ("0.1.13", "0.1.14", "0.1.15rc1"):
        made.add(version, packed(version, files(version)))
    made.add("0.1.14.post1", packed("0.1.14.post1", files("0.1.14.post1")), yanked=True)
    monkeypatch.setenv("PIP_INDEX_URL", made.url)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, "")
    return made


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.mark.parametrize(
    ("asked", "version"),
    [("0.1.14", "0.1.14"), ("0.1.14+cu128", "0.1.14"), ("0.1.15", "0.1.14"), ("0.1.13", "0.1.13"), ("9.0", "0.1.14")],
)
def test_the_nearest_older_release_is_taken(index: Index, workspace: Workspace, asked: str, version: str) -> None:
    found = ReleaseTrees(workspace, QUIET).get(asked)
    assert found.version == version
    assert found.exact == (version == asked.partition("+")[0])
    assert (found.folder / "VERSION").read_text() == f"{version}\n"
    assert (found.folder / "examples/gemm/example_gemm.py").is_file()
    assert not (found.folder / "3rdparty").exists()


def test_a_pre_release_is_taken_when_it_is_asked_for(index: Index, workspace: Workspace) -> None:
    assert ReleaseTrees(workspace, QUIET).get("0.1.15rc1").exact


def test_no_release_that_old_is_an_error(index: Index, workspace: Workspace) -> None:
    with pytest.raises(UnknownBuildError, match=r"no release up to 0\.1\.2 has") as refused:
        ReleaseTrees(workspace, QUIET).get("0.1.2")
    assert "0.1.13, 0.1.14" in (refused.value.hint or "")


def test_once_unpacked_no_index_is_asked(index: Index, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ReleaseTrees(workspace, QUIET).get("0.1.14")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setattr("scaffold.builds.source.release_tree.source_archives", no_index)
    assert ReleaseTrees(workspace, QUIET).get("0.1.14") == first
    assert ReleaseTrees(workspace, QUIET).get("0.1.15").folder == first.folder
    with pytest.raises(EnvironmentProblem, match="nobody answers"):
        ReleaseTrees(workspace, QUIET).get("0.1.13")


def no_index(package: str) -> None:
    raise EnvironmentProblem(f"nobody answers for {package}")


def test_what_an_interrupted_run_left_is_not_taken_for_whole(index: Index, workspace: Workspace) -> None:
    left = workspace.cache / "upstream" / ".incoming-0.1.14"
    (left / "examples").mkdir(parents=True)
    (left / "examples" / "half.py").touch()
    found = ReleaseTrees(workspace, QUIET).get("0.1.14")
    assert not (found.folder / "examples/half.py").exists()
    assert not left.exists()


def test_the_tree_of_a_wheel_says_where_it_is_an_older_one(index: Index, workspace: Workspace) -> None:
    tree = tree_of(Build("wheel:0.1.15", "/no/python"), workspace, QUIET)
    assert tree.version == "0.1.14"
    assert str(tree) == "examples of 0.1.14 with wheel:0.1.15: 0.1.15 has no source archive"
    assert str(tree_of(Build("wheel:0.1.13", "/no/python"), workspace, QUIET)) == "examples of 0.1.13"


def test_the_tree_of_a_build_from_source_is_its_own(workspace: Workspace, tmp_path: Path) -> None:
    own = workspace.builds / "git-main" / "source"
    (own / "examples").mkdir(parents=True)
    (own / "VERSION").write_text("0.1.16\n")
    assert tree_of(Build("git:main", "/no/python"), workspace, QUIET).folder == own
    checkout = tmp_path / "checkout"
    (checkout / "examples").mkdir(parents=True)
    assert tree_of(Build(f"worktree:{checkout}", "/no/python"), workspace, QUIET).folder == checkout
    with pytest.raises(EnvironmentProblem, match=r"sdist:0\.1\.14 has no examples beside it") as refused:
        tree_of(Build("sdist:0.1.14", "/no/python"), workspace, QUIET)
    assert "--source-tree" in (refused.value.hint or "")


def test_without_an_index_the_remedy_is_said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scaffold.builds.source.release_tree.source_archives", no_index)
    with pytest.raises(EnvironmentProblem, match=r"go with wheel:0\.1\.15 are not here: nobody") as refused:
        tree_of(Build("wheel:0.1.15", "/no/python"), workspace, QUIET)
    assert refused.value.hint == "name a checkout of TileLang, or its examples: --source-tree DIR"


def test_a_checkout_or_its_examples_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    assert named_tree(str(tmp_path)) == named_tree(str(tmp_path / "examples"))
