"""Which tree an index is read from, what its links lead to, and that it is read once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from passtree import TREE, package
from sources import Index, git, packed, release, repository, write

from scaffold.builds.marker import write_marker
from scaffold.builds.names import parse_name
from scaffold.builds.passes import store as store_module
from scaffold.builds.passes.index import PassEntry, PassIndex, Place
from scaffold.builds.passes.layout import Layout
from scaffold.builds.passes.origin import Origin, find_origin, version_of
from scaffold.builds.passes.scan import scan
from scaffold.builds.passes.store import PassIndexes
from scaffold.builds.source.model import SourceIdentity
from scaffold.builds.source.state import State, write_state
from scaffold.builds.workspace import Workspace
from scaffold.errors import UnknownBuildError
from scaffold.progress import Progress

UPSTREAM = "https://github.com/tile-ai/tilelang/blob"
TVM = "https://github.com/tile-ai/tvm/blob"
COMMIT = "d" * 40
QUIET = Progress(verbosity=-1)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work space")


def wheel(workspace: Workspace, version: str = "1.2.3") -> Path:
    """An installed release; returns its package."""
    folder = workspace.builds / f"wheel-{version}"
    site = folder / "env" / "lib" / "python3.12" / "site-packages"
    write(site, package())
    (site / f"tilelang-{version}.dist-info").mkdir()
    write_marker(folder, {"name": f"wheel:{version}", "python": "python"})
    return site / "tilelang"


def origin(name: str, workspace: Workspace) -> Origin:
    found = find_origin(parse_name(name), workspace, QUIET)
    assert found is not None
    return found


def texts(index: PassIndex | None) -> str | None:
    assert index is not None
    return index.texts.label if index.texts else None


def upstream_tree(workspace: Workspace, version: str) -> Path:
    return write(workspace.cache / "upstream" / version, TREE)


def test_wheel_is_linked_by_its_tag(workspace: Workspace) -> None:
    package_folder = wheel(workspace)
    found = origin("wheel:1.2.3", workspace)
    assert (found.tree.version, found.tree.folder) == ("1.2.3", str(package_folder))
    assert found.tree.link("src/a.cc", 7) == f"{UPSTREAM}/v1.2.3/src/a.cc#L7"
    assert found.tree.link("3rdparty/tvm/src/a.cc", 7) == ""


def test_clone_with_the_tag_tells_the_commit_of_tvm(workspace: Workspace) -> None:
    wheel(workspace)
    clone_with_tag(workspace)
    assert origin("wheel:1.2.3", workspace).tree.link("3rdparty/tvm/src/a.cc", 7) == f"{TVM}/{COMMIT}/src/a.cc#L7"


def clone_with_tag(workspace: Workspace) -> Path:
    own = {path: text for path, text in TREE.items() if not path.startswith("3rdparty/")}
    made = repository(workspace.root / "tilelang", own)
    (made / "3rdparty" / "tvm").mkdir(parents=True)
    git(made, "update-index", "--add", "--cacheinfo", f"160000,{COMMIT},3rdparty/tvm")
    git(made, "commit", "-q", "-m", "tvm")
    git(made, "tag", "v1.2.3")
    return made


@pytest.mark.parametrize("name", ["wheel:9.9.9", "sdist:9.9.9", "git:main", "worktree:/nowhere", "path:/nowhere"])
def test_build_that_is_not_here_has_no_origin(name: str, workspace: Workspace) -> None:
    assert find_origin(parse_name(name), workspace, QUIET) is None
    assert PassIndexes(workspace, QUIET).look(name) is None
    assert not workspace.root.exists()


def test_half_made_wheel_has_no_origin(workspace: Workspace) -> None:
    wheel(workspace)
    (workspace.builds / "wheel-1.2.3" / "build.json").unlink()
    assert find_origin(parse_name("wheel:1.2.3"), workspace, QUIET) is None


@pytest.mark.parametrize(
    ("name", "url"), [("sdist:1.2.3", f"{UPSTREAM}/v1.2.3"), ("git:main", f"{UPSTREAM}/{'c' * 40}")]
)
def test_build_from_source_is_linked_by_tag_or_commit(name: str, url: str, workspace: Workspace) -> None:
    folder = workspace.builds / parse_name(name).folder / "source"
    write(folder, TREE)
    identity = SourceIdentity(name, "1.2.3+git1", "c" * 40, False, "1" * 64, {"3rdparty/tvm": COMMIT})
    write_state(folder, State("", identity, {}, {}, {}))
    found = origin(name, workspace).tree
    assert (found.url, found.tvm_url, found.version) == (url, f"{TVM}/{COMMIT}", "1.2.3")
    assert texts(PassIndexes(workspace, QUIET).get(name)) == name


def test_checkout_is_linked_by_its_commit_but_for_what_changed(workspace: Workspace, tmp_path: Path) -> None:
    root = repository(tmp_path / "checkout", TREE)
    commit = git(root, "rev-parse", "HEAD")
    write(root, {"src/transform/lower.cc": "\n" + TREE["src/transform/lower.cc"], "src/transform/new.cc": ""})
    index = PassIndexes(workspace, QUIET).get(f"worktree:{root}")
    assert index is not None
    (lower,), (fold, _) = index.find("Lower"), index.find("FoldAll")
    assert lower.source == Place("src/transform/lower.cc", 4)
    assert index.code.link("src/transform/lower.cc", 4) == index.code.link("src/transform/new.cc", 1) == ""
    assert fold.source
    assert index.code.link(fold.source.path, 3) == f"{UPSTREAM}/{commit}/src/transform/fold_all.cc#L3"


def test_folder_without_git_has_no_links(workspace: Workspace, tmp_path: Path) -> None:
    root = write(tmp_path / "plain", TREE)
    found = origin(f"worktree:{root}", workspace).tree
    assert (found.url, found.link("src/transform/lower.cc", 3)) == ("", "")


def test_checkout_without_submodules_takes_the_tvm_of_its_build(workspace: Workspace, tmp_path: Path) -> None:
    own = {path: text for path, text in TREE.items() if not path.startswith("3rdparty/")}
    root = write(tmp_path / "plain", own)
    name = f"worktree:{root}"
    indexes = PassIndexes(workspace, QUIET)
    without = indexes.get(name)
    write(workspace.builds / parse_name(name).folder / "source", TREE)
    with_tvm = indexes.get(name)
    assert without
    assert with_tvm
    assert [len(index.find("tirx.FoldAll")) for index in (without, with_tvm)] == [0, 1]


@pytest.mark.parametrize("kind", ["path", "checkout"])
def test_folder_one_built_oneself_is_read_where_it_lies(kind: str, workspace: Workspace, tmp_path: Path) -> None:
    root = write(tmp_path / "own", package() if kind == "path" else TREE)
    index = PassIndexes(workspace, QUIET).get(f"path:{root}")
    assert index is not None
    assert [str(item.source) for item in index.find("Lower")] == ["src/transform/lower.cc:3"]
    assert (index.texts is None) == (kind == "path")


def test_tests_and_docs_come_from_the_nearest_tree_that_is_not_newer(workspace: Workspace) -> None:
    wheel(workspace)
    indexes = PassIndexes(workspace, QUIET)
    assert texts(indexes.get("wheel:1.2.3")) is None
    upstream_tree(workspace, "1.2.4")
    assert texts(indexes.get("wheel:1.2.3")) is None
    upstream_tree(workspace, "1.2.1")
    upstream_tree(workspace, "1.2.2")
    found = indexes.get("wheel:1.2.3")
    assert texts(found) == "sdist:1.2.2"
    assert found
    assert [str(item) for item in found.find("tl.FoldAll")[0].tests][:1] == ["testing/python/transform/test_lower.py:5"]
    upstream_tree(workspace, "1.2.3")
    assert texts(indexes.get("wheel:1.2.3")) == "sdist:1.2.3"


def test_tests_and_docs_come_from_the_tag_of_the_clone(workspace: Workspace) -> None:
    wheel(workspace)
    clone_with_tag(workspace)
    upstream_tree(workspace, "1.2.2")
    found = PassIndexes(workspace, QUIET).get("wheel:1.2.3")
    assert texts(found) == "sdist:1.2.3"
    assert found
    assert len(found.find("tl.FoldAll")[0].tests) == 2


@pytest.fixture
def package_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    index = Index(tmp_path / "index")
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    return index


def test_fetch_downloads_the_archive_of_the_nearest_release(workspace: Workspace, package_index: Index) -> None:
    wheel(workspace)
    for version in ("1.2.1", "1.2.2", "1.2.4"):
        package_index.add(version, packed(version, {**release(), **TREE}))
    found = PassIndexes(workspace, QUIET).get("wheel:1.2.3", fetch=True)
    assert texts(found) == "sdist:1.2.2"
    shutil.rmtree(package_index.folder)
    assert texts(PassIndexes(workspace, QUIET).get("wheel:1.2.3")) == "sdist:1.2.2"


def test_fetch_without_an_archive_that_goes_with_it_says_so(workspace: Workspace, package_index: Index) -> None:
    wheel(workspace)
    package_index.add("1.2.4", packed("1.2.4", {**release(), **TREE}))
    with pytest.raises(UnknownBuildError, match=r"1\.2\.3"):
        PassIndexes(workspace, QUIET).get("wheel:1.2.3", fetch=True)


def test_index_is_read_once_and_anew_when_a_file_changed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    package_folder = wheel(workspace)
    upstream_tree(workspace, "1.2.3")
    indexes = PassIndexes(workspace, QUIET)
    scans: list[Layout] = []

    def counted(code: Layout, texts: Layout | None) -> tuple[PassEntry, ...]:
        scans.append(code)
        return scan(code, texts)

    monkeypatch.setattr(store_module, "scan", counted)

    assert texts(indexes.look("wheel:1.2.3")) is None
    whole = indexes.get("wheel:1.2.3")
    assert len(scans) == 2
    assert indexes.get("wheel:1.2.3") == indexes.look("wheel:1.2.3") == whole
    assert len(scans) == 2

    (package_folder / "src" / "transform" / "lower.cc").unlink()
    changed = indexes.look("wheel:1.2.3")
    assert changed
    assert len(scans) == 3
    assert changed.find("tl.Lower") == ()
    write(workspace.cache / "upstream" / "1.2.3", {"docs/more.md": "tl.WarpRoles"})
    assert len(indexes.get("wheel:1.2.3").find("tl.WarpRoles")[0].docs) == 1  # type: ignore[union-attr]


def test_damaged_index_is_read_anew(workspace: Workspace) -> None:
    wheel(workspace)
    indexes = PassIndexes(workspace, QUIET)
    whole = indexes.get("wheel:1.2.3")
    (kept,) = (workspace.cache / "passes").iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert indexes.get("wheel:1.2.3") == whole


@pytest.mark.parametrize(
    ("text", "version"), [("0.1.14+git7e3b", "0.1.14"), ("0.1.7.post1", "0.1.7.post1"), ("", ""), ("unknown", "")]
)
def test_version_of_a_build_is_that_of_its_release(text: str, version: str) -> None:
    assert version_of(text) == version
