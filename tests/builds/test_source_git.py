"""Sources from Git: refs, submodules, third-party sources from a release archive, and checkouts as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from sources import (
    CUTLASS,
    TILELANG,
    TVM,
    TVM_FFI,
    Index,
    below,
    contents,
    git,
    lay,
    packed,
    release,
    repository,
    times,
    upstream,
    write,
)

from scaffold.builds.source.repository import resolve_url
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, EnvironmentProblem, MissingToolError, UnknownBuildError, UsageError

THIRD_PARTY = {
    **below("3rdparty/tvm", {path: text for path, text in TVM.items() if path != "docs/index.rst"}),
    **below("3rdparty/tvm/3rdparty/tvm-ffi", {path: text for path, text in TVM_FFI.items() if "tests" not in path}),
    **below("3rdparty/cutlass", {path: text for path, text in CUTLASS.items() if "examples" not in path}),
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work space")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return upstream(tmp_path_factory.mktemp("host"))


@pytest.fixture
def origin(template: Path, tmp_path: Path) -> Path:
    """An upstream with submodules beside it."""
    shutil.copytree(template.parent, tmp_path / "host", symlinks=True)
    return tmp_path / "host" / "tilelang"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    made = Index(tmp_path / "index")
    monkeypatch.setenv("PIP_INDEX_URL", made.url)
    return made


@pytest.fixture
def released(origin: Path, index: Index) -> Path:
    """The upstream with a release archive of its tag, and no submodule left to fetch."""
    index.add("1.2.3", packed("1.2.3", release(git(origin, "rev-parse", "HEAD"))))
    for name in ("tvm", "cutlass", "tvm-ffi"):
        shutil.rmtree(origin.parent / name)
    return origin


def sources_of(folder: Path) -> dict[str, str]:
    """What was laid out, without what differs by commit."""
    return {path: text for path, text in contents(folder).items() if not path.endswith((".gitmodules", "commit.txt"))}


def snapshot(checkout: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file of a checkout, ``.git`` included: times and bytes."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.lstat().st_ctime_ns, path.read_bytes())
        for path in checkout.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("ref", ["v1.2.3", "main", "heads/main", "pull/7/head", "sha", "abbreviated"])
def test_a_ref_is_laid_out_with_the_submodules_a_build_needs(workspace: Workspace, origin: Path, ref: str) -> None:
    commit = git(origin, "rev-parse", "HEAD")
    git(origin, "update-ref", "refs/pull/7/head", commit)
    name = {"sha": commit, "abbreviated": commit[:9]}.get(ref, ref)
    source = lay(workspace, f"git:{name}", url=str(origin))
    assert sources_of(source.folder) == {**TILELANG, **THIRD_PARTY}
    assert not (source.folder / ".git").exists()
    assert (source.folder / ".git_commit.txt").read_text() == commit == source.identity.commit
    assert source.identity.thirdparty == {
        "3rdparty/tvm": git(origin.parent / "tvm", "rev-parse", "HEAD"),
        "3rdparty/cutlass": git(origin.parent / "cutlass", "rev-parse", "HEAD"),
    }
    assert source.identity.notes == ()


def test_a_branch_that_moved_changes_only_what_it_changed(workspace: Workspace, origin: Path) -> None:
    first = lay(workspace, "git:main", url=str(origin))
    before = times(first.folder)
    write(origin, {"src/ir.cc": "int other;\n"})
    git(origin, "commit", "-qam", "two")
    shutil.rmtree(origin.parent / "tvm")
    second = lay(workspace, "git:main", url=str(origin))
    assert (second.folder / "src" / "ir.cc").read_text() == "int other;\n"
    assert second.identity.tree_sha256 != first.identity.tree_sha256
    after = times(second.folder)
    assert {path for path in after if after[path] != before[path]} == {"src/ir.cc", ".git_commit.txt"}
    origin.rename(origin.with_name("gone"))
    origin.mkdir()
    assert lay(workspace, "git:main", url=str(origin)).identity == second.identity, "as fetched before"


@pytest.mark.parametrize("ref", ["nothing", "deadbeef", "--upload-pack=x", "a b"])
def test_no_such_ref(workspace: Workspace, origin: Path, ref: str) -> None:
    with pytest.raises(UnknownBuildError, match=r"has no branch, tag or commit|is no ref"):
        lay(workspace, f"git:{ref}", url=str(origin))


def test_no_such_repository(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UnknownBuildError, match="no folder"):
        lay(workspace, "git:main", url=str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(EnvironmentProblem, match="is no Git repository"):
        lay(workspace, "git:main", url=str(tmp_path / "empty"))


def test_no_git(workspace: Workspace, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="git is not installed"):
        lay(workspace, "git:main", url=str(origin))


def test_unreachable_submodules_come_from_the_release_with_the_same_ones(workspace: Workspace, released: Path) -> None:
    commits = {path.split()[3]: path.split()[2] for path in git(released, "ls-tree", "HEAD", "3rdparty/").splitlines()}
    source = lay(workspace, "git:main", url=str(released))
    assert sources_of(source.folder) == {**TILELANG, **THIRD_PARTY}
    assert source.identity.thirdparty == {path: commits[path] for path in ("3rdparty/tvm", "3rdparty/cutlass")}
    assert [note.split(",")[0] for note in source.identity.notes] == [
        "tvm from sdist:1.2.3: its commit is the same",
        "cutlass from sdist:1.2.3: its commit is the same",
    ]


def test_another_cutlass_is_said(workspace: Workspace, released: Path) -> None:
    git(released, "update-index", "--cacheinfo", f"160000,{'d' * 40},3rdparty/cutlass")
    git(released, "commit", "-qm", "another cutlass")
    notes = lay(workspace, "git:main", url=str(released)).identity.notes
    assert any(note.startswith("cutlass from sdist:1.2.3") and "wants dddddddddddd" in note for note in notes)


@pytest.fixture
def other_tvm(released: Path) -> Path:
    git(released, "update-index", "--cacheinfo", f"160000,{'e' * 40},3rdparty/tvm")
    git(released, "commit", "-qm", "another TVM")
    return released


def test_no_release_has_that_tvm(workspace: Workspace, other_tvm: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="no release archive has TVM eeeeeeeeeeee") as caught:
        lay(workspace, "git:main", url=str(other_tvm))
    assert "--third-party sdist:VERSION" in (caught.value.hint or "")
    assert caught.value.context["3rdparty/tvm wanted"] == "e" * 40
    assert "TVM of 1.2.3" in caught.value.context


def test_an_insisted_mismatch_is_noted(workspace: Workspace, other_tvm: Path) -> None:
    source = lay(workspace, "git:main", url=str(other_tvm), third_party="sdist:1.2.3")
    assert sources_of(source.folder) == {**TILELANG, **THIRD_PARTY}
    assert any("the source wants eeeeeeeeeeee" in note for note in source.identity.notes)
    assert source.identity.thirdparty["3rdparty/tvm"] != "e" * 40
    with pytest.raises(UsageError, match="no source of third-party code"):
        lay(workspace, "git:main", url=str(other_tvm), third_party="wheel:1.2.3")


@pytest.fixture
def checkout(origin: Path, tmp_path: Path) -> Path:
    """A clone with its submodules, and work that is not committed."""
    clone = tmp_path / "my checkout"
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    git(clone, "submodule", "update", "-q", "--init", "3rdparty/tvm", "3rdparty/cutlass")
    git(clone / "3rdparty" / "tvm", "submodule", "update", "-q", "--init", "3rdparty/tvm-ffi")
    write(clone, {".gitignore": "*.log\nbuild/\n", "src/new.cc": "int n;\n", "x.log": "", "build/a.o": ""})
    write(clone, {"src/ir.cc": "int changed;\n"})
    (clone / "format.sh").unlink()
    os.utime(clone / "CMakeLists.txt", (1, 1))  # the index is stale: a plain `git status` would rewrite it
    return clone


def expected(checkout: Path) -> dict[str, str]:
    own = {**TILELANG, ".gitignore": "*.log\nbuild/\n", "src/new.cc": "int n;\n", "src/ir.cc": "int changed;\n"}
    del own["format.sh"]
    return {**own, **THIRD_PARTY}


def test_a_checkout_is_taken_as_it_is_and_left_as_it_was(
    workspace: Workspace, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(checkout)
    monkeypatch.chdir(checkout / "src")
    source = lay(workspace, "worktree")
    assert snapshot(checkout) == before
    assert sources_of(source.folder) == expected(checkout)
    assert (source.identity.origin, source.identity.dirty) == (f"worktree:{checkout}", True)
    assert source.identity.commit == git(checkout, "rev-parse", "HEAD")
    assert source.identity.thirdparty["3rdparty/tvm"] == git(checkout / "3rdparty/tvm", "rev-parse", "HEAD")


def test_an_edit_shows_as_one_changed_file(workspace: Workspace, checkout: Path) -> None:
    name = f"worktree:{checkout}"
    first = lay(workspace, name)
    before = times(first.folder)
    for path in checkout.rglob("*.cc"):
        path.touch()
    assert lay(workspace, name) == first
    assert times(first.folder) == before
    write(checkout, {"src/op/gemm.cc": "int edited;\n"})
    (checkout / "src" / "new.cc").unlink()
    second = lay(workspace, name)
    after = times(first.folder)
    assert {path for path in after if after[path] != before[path]} == {"src/op/gemm.cc"}
    assert set(before) - set(after) == {"src/new.cc"}
    assert second.identity.tree_sha256 != first.identity.tree_sha256


def test_a_dirty_submodule_is_known_by_its_content(workspace: Workspace, checkout: Path) -> None:
    clean = lay(workspace, f"worktree:{checkout}")
    nested = checkout / "3rdparty" / "tvm" / "3rdparty" / "tvm-ffi"
    write(nested, {"include/ffi.h": "// edited\n", "__pycache__/x.pyc": ""})
    before = snapshot(checkout)
    source = lay(workspace, f"worktree:{checkout}")
    assert snapshot(checkout) == before
    assert source.identity.thirdparty["3rdparty/tvm"].startswith("sha256:")
    assert source.identity.thirdparty["3rdparty/cutlass"] == clean.identity.thirdparty["3rdparty/cutlass"]
    assert (source.folder / "3rdparty/tvm/3rdparty/tvm-ffi/include/ffi.h").read_text() == "// edited\n"
    git(nested, "checkout", "-q", ".")
    shutil.rmtree(nested / "__pycache__")
    assert lay(workspace, f"worktree:{checkout}").identity.thirdparty == clean.identity.thirdparty


def test_a_checkout_without_submodules_gets_them_elsewhere(workspace: Workspace, origin: Path, tmp_path: Path) -> None:
    clone = tmp_path / "elsewhere" / "clone"
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    before = snapshot(clone)
    source = lay(workspace, f"worktree:{clone}")
    assert snapshot(clone) == before
    assert sources_of(source.folder) == {**TILELANG, **THIRD_PARTY}
    assert not source.identity.dirty


def test_a_workspace_inside_the_checkout_is_not_source(checkout: Path) -> None:
    inside = Workspace(checkout / "workspace")
    first = lay(inside, f"worktree:{checkout}")
    assert sources_of(first.folder) == expected(checkout)
    assert lay(inside, f"worktree:{checkout}") == first


def test_an_unpacked_archive_is_a_checkout_too(workspace: Workspace, tmp_path: Path) -> None:
    folder = write(tmp_path / "unpacked", {**release(), "build/x.o": "", "tilelang.egg-info/PKG": "", "dist/a.whl": ""})
    shutil.move(folder / "3rdparty" / "tvm", tmp_path / "my tvm")
    (folder / "3rdparty" / "tvm").symlink_to(tmp_path / "my tvm")
    source = lay(workspace, f"worktree:{folder}")
    assert sources_of(source.folder) == {**TILELANG, **THIRD_PARTY}
    assert (source.identity.commit, source.identity.dirty) == ("c" * 40, False)
    shutil.rmtree(tmp_path / "my tvm")
    with pytest.raises(BuildFailedError, match="no sources in"):
        lay(workspace, f"worktree:{folder}")


def test_no_checkout(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownBuildError, match="no TileLang checkout around"):
        lay(workspace, "worktree")
    with pytest.raises(UnknownBuildError, match="is no TileLang checkout"):
        lay(workspace, f"worktree:{tmp_path}")


def test_the_workspace_own_checkout_is_the_last_resort(
    workspace: Workspace, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace.root.mkdir()
    own = workspace.root / "tilelang"
    git(tmp_path, "clone", "-q", str(origin), str(own))
    git(own, "config", "-f", ".gitmodules", "submodule.3rdparty/tvm.url", str(origin.parent / "tvm"))
    git(own, "config", "-f", ".gitmodules", "submodule.3rdparty/cutlass.url", str(origin.parent / "cutlass"))
    git(own, "add", "-A")
    assert lay(workspace, "worktree").identity.origin == f"worktree:{own}"


def test_git_started_from_a_hook_reads_the_named_repository(
    workspace: Workspace, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = repository(tmp_path / "other", {"README": ""})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert lay(workspace, "git:main", url=str(origin)).identity.version == "1.2.3"


@pytest.mark.parametrize(
    ("parent", "url", "resolved"),
    [
        ("https://host/a/b", "../c", "https://host/a/c"),
        ("https://host/a/b/", "../../c/d", "https://host/c/d"),
        ("git@host:a/b", "../c", "git@host:a/c"),
        ("/srv/a", "./b", "/srv/a/b"),
        ("https://host/a", "https://other/x", "https://other/x"),
    ],
)
def test_relative_submodule_urls(parent: str, url: str, resolved: str) -> None:
    assert resolve_url(parent, url) == resolved


def test_snapshot_sees_a_plain_git_status(checkout: Path) -> None:
    """The tests above can fail: what they forbid does change the checkout."""
    before = snapshot(checkout)
    subprocess.run(["git", "status"], cwd=checkout, capture_output=True, check=True)
    assert snapshot(checkout) != before
