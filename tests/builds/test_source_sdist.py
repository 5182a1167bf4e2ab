"""Sources from release archives, on an index made of files."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from sources import CUTLASS, TILELANG, TVM, TVM_FFI, Index, below, contents, lay, packed, release, times

from scaffold.builds.source.archive import extract
from scaffold.builds.source.index import source_archives
from scaffold.builds.source.pip_settings import read_pip_settings
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, EnvironmentProblem, OutputFolderError, UnknownBuildError
from scaffold.progress import Progress

NEEDED = {
    **TILELANG,
    ".git_commit.txt": "c" * 40,
    **below("3rdparty/tvm", {path: text for path, text in TVM.items() if path != "docs/index.rst"}),
    **below("3rdparty/tvm/3rdparty/tvm-ffi", {path: text for path, text in TVM_FFI.items() if "tests" not in path}),
    **below("3rdparty/cutlass", {path: text for path, text in CUTLASS.items() if "examples" not in path}),
}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work space")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """An index with one release, which pip is set up to use."""
    made = Index(tmp_path / "index")
    made.add("1.2.3", packed("1.2.3", release()))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", made.url)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return made


def test_a_release_is_laid_out_with_what_a_build_needs(workspace: Workspace, index: Index) -> None:
    source = lay(workspace, "sdist:1.2.3")
    assert contents(source.folder) == NEEDED
    assert os.access(source.folder / "format.sh", os.X_OK)
    assert (source.folder / "3rdparty/tvm").resolve() == workspace.root / "thirdparty" / "tvm-sdist-1.2.3"
    assert source.identity.commit == "c" * 40
    assert source.identity.version == "1.2.3"
    assert {path: text[:7] for path, text in source.identity.thirdparty.items()} == {
        "3rdparty/tvm": "sha256:",
        "3rdparty/cutlass": "sha256:",
    }


def test_a_second_call_touches_nothing_and_asks_no_index(workspace: Workspace, index: Index) -> None:
    first = lay(workspace, "sdist:1.2.3")
    (first.folder / "build").mkdir()
    (first.folder / "build" / "kept.o").write_text("made by a build")
    (first.folder / "tilelang" / "__pycache__").mkdir()
    (first.folder / "tilelang" / "__pycache__" / "x.pyc").write_text("")
    before = times(first.folder)
    (index.folder / "simple" / "tilelang" / "index.html").unlink()
    assert lay(workspace, "sdist:1.2.3") == first
    assert times(first.folder) == before


def test_damage_is_repaired_and_only_damage(workspace: Workspace, index: Index) -> None:
    folder = lay(workspace, "sdist:1.2.3").folder
    before = times(folder)
    (folder / "src" / "ir.cc").write_text("edited")
    (folder / "src" / "op" / "gemm.cc").unlink()
    (folder / "src" / "extra").mkdir()
    (folder / "src" / "extra" / "more.cc").write_text("")
    (folder / "3rdparty" / "tvm").unlink()
    lay(workspace, "sdist:1.2.3")
    assert contents(folder) == NEEDED
    assert not (folder / "src" / "extra").exists()
    after = times(folder)
    assert {path for path in after if after[path] != before[path]} == {"src/ir.cc", "src/op/gemm.cc", "3rdparty/tvm"}


#: Ends itself with SIGKILL at the n-th file it opens for writing or renames.
_KILLED = """
import os, signal, sys
import shutil
from pathlib import Path
sys.path[:0] = {paths!r}
from sources import lay
from scaffold.builds.workspace import Workspace
left = {after}
def count(event, arguments):
    global left
    if event == "open" and isinstance(arguments[1], str) and "r" not in arguments[1] or event == "os.rename":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
lay(Workspace(Path({root!r})), "sdist:1.2.3")
"""


@pytest.mark.parametrize("after", [4, 9, 15, 20, 24, 30])
def test_killed_anywhere_the_next_call_completes(workspace: Workspace, index: Index, after: int) -> None:
    code = _KILLED.format(paths=sys.path, root=str(workspace.root), after=after)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert contents(lay(workspace, "sdist:1.2.3").folder) == NEEDED


def test_two_at_once_make_one(workspace: Workspace, index: Index) -> None:
    code = _KILLED.format(paths=sys.path, root=str(workspace.root), after=0)
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert contents(workspace.builds / "sdist-1.2.3" / "source") == NEEDED


def test_latest_is_the_newest_release_with_an_archive(workspace: Workspace, index: Index) -> None:
    index.add("1.10.0", packed("1.10.0", {**release(), "VERSION": "1.10.0"}))
    index.add("1.11.0", b"", yanked=True)
    index.add("2.0.0rc1", b"")
    index.add_line('<a href="tilelang-3.0.0-py3-none-any.whl">a wheel</a>')
    assert lay(workspace, "sdist:latest").identity.origin == "sdist:1.10.0"


def test_unknown_version_lists_those_with_an_archive(workspace: Workspace, index: Index) -> None:
    with pytest.raises(UnknownBuildError, match=r"1\.2\.4 has no source archive") as caught:
        lay(workspace, "sdist:1.2.4")
    assert "versions that have one: 1.2.3;" in (caught.value.hint or "")


def test_wrong_checksum_deletes_what_was_fetched(workspace: Workspace, index: Index) -> None:
    index.add("1.3.0", packed("1.3.0", release()), sha256="0" * 64)
    with pytest.raises(BuildFailedError, match="wrong checksum") as caught:
        lay(workspace, "sdist:1.3.0")
    assert caught.value.context["expected sha256"] == "0" * 64
    assert "PIP_INDEX_URL" in (caught.value.hint or "")
    assert [path.name for path in (workspace.cache / "downloads").iterdir()] == []


def test_no_index_answers(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "file:///nowhere/simple")
    with pytest.raises(EnvironmentProblem, match="cannot reach") as caught:
        lay(workspace, "sdist:1.2.3")
    assert "pip config list" in (caught.value.hint or "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_workspace(tmp_path: Path, index: Index) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputFolderError, match="cannot"):
            lay(Workspace(tmp_path / "w"), "sdist:1.2.3")
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_is_named(workspace: Workspace, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("scaffold.builds.source.archive.shutil.copyfileobj", full)
    with pytest.raises(OutputFolderError, match="is full") as caught:
        lay(workspace, "sdist:1.2.3")
    assert "--workspace DIR" in (caught.value.hint or "")


def hostile(kind: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo("top/x")
    match kind:
        case "climbs":
            member.name = "top/../../x"
        case "absolute":
            member.name = "/tmp/x"
        case "link":
            member.type, member.linkname = tarfile.SYMTYPE, "../../x"
        case "absolute link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        case "device":
            member.type = tarfile.CHRTYPE
    return member


@pytest.mark.parametrize("kind", ["climbs", "absolute", "link", "absolute link", "device"])
def test_hostile_archive_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(hostile(kind), io.BytesIO())
    with pytest.raises(BuildFailedError, match="is refused"):
        extract(path, lambda name: tmp_path / "out" / name, Progress(verbosity=-1), title="", strip_top=True)
    assert not (tmp_path / "out").exists()


def test_cut_off_archive_is_damaged(workspace: Workspace, index: Index) -> None:
    index.add("1.3.0", packed("1.3.0", release())[:-40])
    with pytest.raises(BuildFailedError, match="is damaged"):
        lay(workspace, "sdist:1.3.0")


def test_archive_of_something_else(workspace: Workspace, index: Index) -> None:
    index.add("1.3.0", packed("1.3.0", {"setup.py": ""}))
    with pytest.raises(BuildFailedError, match="no complete TileLang source"):
        lay(workspace, "sdist:1.3.0")


def test_pip_settings_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://a.example/simple\ncert = /c.pem\nextra-index-url =\n  https://b.example\n"
    )
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    assert read_pip_settings().indexes == ("https://a.example/simple", "https://b.example")
    assert read_pip_settings().certificate == "/c.pem"
    monkeypatch.setenv("PIP_INDEX_URL", "https://e.example/simple")
    assert read_pip_settings().indexes[0] == "https://e.example/simple"


def test_html_page_of_an_index(index: Index) -> None:
    (archive,) = source_archives("tilelang")
    assert (archive.filename, str(archive.version), len(archive.sha256 or "")) == ("tilelang-1.2.3.tar.gz", "1.2.3", 64)
