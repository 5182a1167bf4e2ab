"""Copies of the checkout outside of it, as it is and as it was, for tools and tests that write where they look."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scaffold.builds.source.archive import extract
from scaffold.builds.source.git import git
from scaffold.contribute.change import Change
from scaffold.progress import Progress


@contextmanager
def scratch_copy(change: Change, where: Path) -> Iterator[Path]:
    """A folder with the base as its only commit, and the change staged on it.

    Objects are borrowed from the checkout, which is not written to; submodules are empty. Gone when the block ends.
    """
    where.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=where, prefix="scratch-", ignore_cleanup_errors=True) as name:
        folder = Path(name) / "tilelang"
        _borrow(change, folder)
        git("read-tree", change.base, at=folder)
        git("checkout-index", "--all", "--quiet", "--force", "-u", at=folder)
        _overlay(change, folder)
        yield folder


@contextmanager
def folders_at_base(change: Change, where: Path, *names: str) -> Iterator[Path]:
    """A folder with these folders of the checkout as they were; gone when the block ends."""
    where.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=where, prefix="base-", ignore_cleanup_errors=True) as name:
        folder = Path(name) / "tilelang"
        unpack_base(change, folder, *names)
        yield folder


def unpack_base(change: Change, folder: Path, *names: str) -> None:
    """Lay out these folders of the checkout, or all of it, as they were."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder.parent, suffix=".tar") as archive:
        git("archive", "--format=tar", f"--output={archive.name}", change.base, "--", *names, at=change.root)
        extract(Path(archive.name), lambda path: folder / path, Progress(verbosity=-1), title="")


def _borrow(change: Change, folder: Path) -> None:
    git("init", "--quiet", "--initial-branch=scratch", str(folder))
    shared = git("rev-parse", "--git-path", "objects", at=change.root).strip()
    objects = (change.root / shared).resolve()
    info = folder / ".git" / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_bytes(os.fsencode(f"{objects}\n"))
    shallow = (change.root / git("rev-parse", "--git-path", "shallow", at=change.root).strip()).resolve()
    if shallow.is_file():
        shutil.copyfile(shallow, folder / ".git" / "shallow")
    git("update-ref", "HEAD", change.base, at=folder)


def _overlay(change: Change, folder: Path) -> None:
    """Put the files of the change as they lie in the checkout over those of the base, and stage them."""
    staged = []
    for file in change.files:
        if file.before and file.status == "renamed":
            _remove(folder / file.before)
            staged.append(file.before)
        source, target = change.root / file.path, folder / file.path
        if source.is_dir() and not source.is_symlink():
            continue
        _remove(target)
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
        staged.append(file.path)
    if staged:
        listing = folder / ".git" / "staged"
        listing.write_bytes(b"\0".join(map(os.fsencode, staged)))
        git(
            "--literal-pathspecs",
            "add",
            "-A",
            "-f",
            f"--pathspec-from-file={listing}",
            "--pathspec-file-nul",
            at=folder,
        )


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
