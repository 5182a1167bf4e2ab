"""Which files say where the passes of a build are: those it was made of, else those it carries."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from scaffold.builds.asking import ask
from scaffold.builds.environment import Environment
from scaffold.builds.marker import MARKER
from scaffold.builds.names import BuildName
from scaffold.builds.passes.index import Tree
from scaffold.builds.passes.layout import Layout
from scaffold.builds.source.git import GitError, git
from scaffold.builds.source.model import UPSTREAM
from scaffold.builds.source.repository import Repository
from scaffold.builds.source.state import read_state
from scaffold.builds.source.tree import read_line
from scaffold.builds.source.worktree import Checkout, is_tilelang
from scaffold.builds.workspace import Workspace
from scaffold.errors import MissingToolError
from scaffold.progress import Progress

#: The fork of TVM that is TileLang's submodule. Source: ``.gitmodules`` of v0.1.13, whose ``TileLang/tvm`` leads there.
TVM_FORK = "https://github.com/tile-ai/tvm"
_TVM = "3rdparty/tvm"
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
#: A release and nothing else: what has a tag.
_RELEASE = re.compile(r"\d+(\.\d+)+(\.post\d+)?\Z")
_WHERE = "import importlib.util as u; print(u.find_spec('tilelang').origin)"


@dataclass(frozen=True)
class Origin:
    """A tree and how to read it."""

    tree: Tree
    layout: Layout


def find_origin(name: BuildName, workspace: Workspace, progress: Progress) -> Origin | None:
    """Where the passes of build ``name`` can be read; ``None`` where nothing of it is here.

    A worktree needs no build: its checkout can be read as it is.
    """
    laid_out = workspace.builds / name.folder / "source"
    if name.kind == "worktree":
        return _of_checkout(str(name), Path(name.rest), laid_out)
    if name.kind in ("sdist", "git"):
        return _of_source(name, laid_out, workspace, progress)
    package = _package_of(name, workspace)
    if package is None or not (package / "__init__.py").is_file():
        return None
    if is_tilelang(package.parent):
        return _of_checkout(str(name), package.parent, package.parent)
    return _of_package(str(name), package, workspace, progress)


def version_of(text: str) -> str:
    """The release in ``0.1.14+git7e3bbf37``; empty where there is none."""
    try:
        return Version(text).public
    except InvalidVersion:
        return ""


def release_urls(version: str, workspace: Workspace, progress: Progress) -> tuple[str, str]:
    """Where release ``version`` and its TVM can be read; the latter only if a clone here knows its commit."""
    if not _RELEASE.match(version):
        return "", ""
    clone = clone_of(workspace, progress)
    tvm = None
    if clone is not None:
        with contextlib.suppress(GitError, MissingToolError):
            commit = clone.release_tags().get(Version(version))
            tvm = clone.gitlinks(commit).get(_TVM) if commit else None
    return f"{UPSTREAM}/blob/v{version}", _tvm_url(tvm)


def clone_of(workspace: Workspace, progress: Progress) -> Repository | None:
    """The clone of upstream in this workspace, if there is one."""
    path = workspace.root / "tilelang"
    return Repository(path, UPSTREAM, progress) if (path / ".git").exists() else None


def _of_package(name: str, package: Path, workspace: Workspace, progress: Progress) -> Origin:
    """An installed release: the files it carries."""
    version = _installed_version(package)
    url, tvm_url = release_urls(version, workspace, progress)
    tree = Tree(label=name, version=version_of(version), folder=str(package), url=url, tvm_url=tvm_url)
    return Origin(tree, Layout.of_package(package))


def _of_source(name: BuildName, folder: Path, workspace: Workspace, progress: Progress) -> Origin | None:
    """A build from an archive or a commit: what was laid out for it."""
    state = read_state(folder)
    if state is None:
        return None
    identity = state.identity
    url, tvm_url = _commit_url(identity.commit), _tvm_url(identity.thirdparty.get(_TVM))
    if name.kind == "sdist":
        url, of_tag = release_urls(version_of(identity.version), workspace, progress)
        tvm_url = tvm_url or of_tag
    tree = Tree(label=str(name), version=version_of(identity.version), folder=str(folder), url=url, tvm_url=tvm_url)
    return Origin(tree, Layout.of_repository(folder))


def _of_checkout(name: str, root: Path, laid_out: Path) -> Origin | None:
    """A checkout as it is now; its TVM, where it has none itself, as it was laid out for the build."""
    if not is_tilelang(root):
        return None
    checkout = Checkout(root)
    facts: Mapping[str, str] = {}
    commit: str | None = None
    changed: tuple[str, ...] = ("*",)
    with contextlib.suppress(GitError, MissingToolError):
        commit, facts = checkout.head(), checkout.gitlinks()
        changed = _changed(root) if commit else changed
    tvm = root / _TVM if (root / _TVM / "src").is_dir() else laid_out / _TVM
    tree = Tree(
        label=name,
        version=version_of(read_line(root / "VERSION") or ""),
        folder=str(root),
        url=_commit_url(commit),
        tvm_url="" if _TVM in changed else _tvm_url(facts.get(_TVM)),
        changed=changed,
    )
    return Origin(tree, Layout.of_repository(root, tvm))


def _changed(root: Path) -> tuple[str, ...]:
    """Files and submodules that are not as the last commit has them."""
    parts = ("src", "tilelang", "testing", "docs", "3rdparty")
    listing = git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *parts, at=root)
    return tuple(sorted(entry[3:] for entry in listing.split("\0") if entry))


def _package_of(name: BuildName, workspace: Workspace) -> Path | None:
    """The ``tilelang`` that gets imported; an interpreter that is not of our making is asked."""
    if name.kind == "wheel":
        if not (workspace.builds / name.folder / MARKER).is_file():
            return None
        return Environment(workspace.builds / name.folder, Progress(verbosity=-1)).site_packages() / "tilelang"
    python = Path(name.rest)
    if name.kind == "path":
        if (python / "tilelang" / "__init__.py").is_file():
            return python / "tilelang"
        python = python / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    answer = ask([python.expanduser().absolute(), "-c", _WHERE], timeout_s=30.0)
    return Path(answer.stdout.strip()).parent if answer.ok and answer.stdout.strip() else None


def _installed_version(package: Path) -> str:
    for folder in sorted(package.parent.glob("tilelang-*.dist-info")):
        return folder.name.removeprefix("tilelang-").removesuffix(".dist-info")
    return ""


def _commit_url(commit: str | None) -> str:
    return f"{UPSTREAM}/blob/{commit}" if commit and _COMMIT.match(commit) else ""


def _tvm_url(commit: str | None) -> str:
    return f"{TVM_FORK}/blob/{commit}" if commit and _COMMIT.match(commit) else ""
