"""Sources from a checkout as it is now, uncommitted changes included. Nothing is ever written into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.source.git import GitError, git
from scaffold.builds.source.needs import SHARED, UNUSED_SUBMODULES, made_by_tools, needed
from scaffold.builds.source.tree import walk
from scaffold.builds.workspace import Workspace
from scaffold.errors import UnknownBuildError


@dataclass(frozen=True)
class Checkout:
    """A TileLang source tree on this machine: the top of a Git checkout, or a plain folder."""

    root: Path
    #: A workspace inside the checkout, relative to it with ``/``: not source; empty where there is none.
    workspace: str = ""

    @property
    def is_git(self) -> bool:
        return (self.root / ".git").exists()

    def files(self) -> list[str]:
        """TileLang's own files: of a Git checkout those tracked, and those untracked but not ignored."""
        foreign = [f"3rdparty/{tree}" for tree in (*SHARED, *UNUSED_SUBMODULES)]
        foreign += [self.workspace] if self.workspace else []
        below = tuple(f"{folder}/" for folder in foreign)
        found = git_files(self.root, skip=self.workspace) if self.is_git else self._plain_files()
        return [path for path in found if path not in foreign and not path.startswith(below)]

    def _plain_files(self) -> Iterator[str]:
        skip_top = frozenset({"build", "dist", ".git", self.workspace})
        return (path for path in walk(self.root, skip_top=skip_top) if not made_by_tools(path))

    def head(self) -> str | None:
        return head_of(self.root) if self.is_git else None

    def is_dirty(self) -> bool:
        return self.is_git and has_changes(self.root, submodules="dirty", skip=self.workspace)

    def gitlinks(self) -> dict[str, str]:
        """Submodule commits as they are staged."""
        if not self.is_git:
            return {}
        lines = (line.partition("\t") for line in git("ls-files", "-s", "-z", "3rdparty", at=self.root).split("\0"))
        return {path: facts.split()[1] for facts, _, path in lines if facts.startswith("160000 ")}

    def tree_files(self, tree: str) -> list[str] | None:
        """What a build needs of ``3rdparty/<tree>``, relative to it; ``None`` where it is not filled."""
        folder = self.root / "3rdparty" / tree
        if not _is_filled(tree, folder):
            return None
        listed = _nested_git_files(folder, tree) if (folder / ".git").exists() and self.is_git else _plain_files(folder)
        return sorted(path for path in listed if needed(tree, path))


def find_checkout(rest: str, workspace: Workspace, *, said_as: str = "worktree:DIR") -> Checkout:
    """The checkout of ``worktree:DIR``, or of ``worktree``: around the current folder, else the workspace's own.

    ``said_as`` is how one names a folder where it is asked for: ``--checkout DIR`` of some verbs.

    Raises
    ------
    UnknownBuildError
        If there is none.
    """
    if rest:
        root = Path(rest).expanduser().resolve()
        if not is_tilelang(root):
            what = "is no TileLang checkout" if root.is_dir() else "is not there"
            raise UnknownBuildError(
                f"{root} {what}", hint=f"name a folder with CMakeLists.txt, src/ and tilelang/: {said_as}"
            )
        return _checkout(root, workspace)
    here = Path.cwd()
    for folder in (here, *here.parents, workspace.root / "tilelang"):
        if is_tilelang(folder) and not folder.resolve().is_relative_to(workspace.builds):
            return _checkout(folder.resolve(), workspace)
    raise UnknownBuildError(
        f"no TileLang checkout around {here}, and none in {workspace.root / 'tilelang'}",
        hint=f"change into one, or name it: {said_as}",
    )


def _checkout(root: Path, workspace: Workspace) -> Checkout:
    inside = workspace.root.is_relative_to(root) and workspace.root != root
    return Checkout(root, workspace.root.relative_to(root).as_posix() if inside else "")


def is_tilelang(folder: Path) -> bool:
    """Whether TileLang's source lies there; no for a folder that cannot be read."""
    expected = ("CMakeLists.txt", "tilelang/__init__.py")
    try:
        return (folder / "src").is_dir() and all((folder / path).is_file() for path in expected)
    except OSError:
        return False


def git_files(root: Path, *, skip: str = "") -> Iterator[str]:
    """Tracked and untracked-but-not-ignored files and links that exist; no submodules, no nested repositories."""
    unwanted = (f"--exclude=/{skip}/",) if skip else ()
    listing = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", *unwanted, at=root)
    for path in sorted({path for path in listing.split("\0") if path}):
        full = root / path
        if full.is_symlink() or full.is_file():
            yield path


def head_of(root: Path) -> str | None:
    try:
        return git("rev-parse", "--verify", "--quiet", "HEAD", at=root).strip()
    except GitError:
        return None


def has_changes(root: Path, *, submodules: str = "none", skip: str = "") -> bool:
    """Whether ``git status`` has something to say; ``submodules="dirty"`` leaves out changes inside submodules."""
    unwanted = ("--", ".", f":(exclude){skip}") if skip else ()
    return bool(
        git("status", "--porcelain", "--untracked-files=all", f"--ignore-submodules={submodules}", *unwanted, at=root)
    )


def _nested_git_files(root: Path, tree: str, below: str = "") -> Iterator[str]:
    """:func:`git_files` of a submodule, and of the submodules inside it that a build needs."""
    folder = root / below
    yield from (f"{below}{path}" for path in git_files(folder))
    for facts in git("ls-files", "-s", "-z", at=folder).split("\0"):
        mode, _, path = facts.partition("\t")
        nested = f"{below}{path}"
        if mode.startswith("160000 ") and needed(tree, nested) and (root / nested / ".git").exists():
            yield from _nested_git_files(root, tree, f"{nested}/")


def _plain_files(folder: Path) -> Iterator[str]:
    return (path for path in walk(folder) if not made_by_tools(path))


def _is_filled(tree: str, folder: Path) -> bool:
    """Whether the tree is there, with the nested ones a build needs."""
    if tree == "cutlass":
        return (folder / "include" / "cutlass").is_dir()
    if not (folder / "CMakeLists.txt").is_file() or not (folder / "include").is_dir():
        return False
    return all(_has_files(folder / path) for path in _nested(folder) if needed(tree, path))


def _nested(folder: Path, below: str = "") -> Iterator[str]:
    """Paths of submodules, by the ``.gitmodules`` files there are."""
    try:
        text = (folder / below / ".gitmodules").read_text(encoding="utf-8")
    except OSError:
        return
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "path":
            path = f"{below}{value.strip()}"
            yield path
            yield from _nested(folder, f"{path}/")


def _has_files(folder: Path) -> bool:
    try:
        with os.scandir(folder) as found:
            return any(item.name != ".git" for item in found)
    except OSError:
        return False
