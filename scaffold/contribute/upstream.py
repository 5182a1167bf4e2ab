"""The user's checkout of upstream: is it fit for a new branch, and make one there without losing anything.

The only place of the kit that writes into a checkout: on a new branch, never over a file, and undone where it fails.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from git import GitCommandError, Repo
from git.exc import InvalidGitRepositoryError, NoSuchPathError

from scaffold.builds.source.worktree import is_tilelang
from scaffold.contribute.change import current_branch, is_shallow, uncommitted
from scaffold.errors import EnvironmentProblem, UsageError
from scaffold.files import write_atomically

#: Where a branch goes to, by any form of URL.
_UPSTREAM = re.compile(r"[/:]tile-ai/tilelang(?:\.git)?/?$", re.IGNORECASE)
_MOST_NAMED = 6
UPSTREAM_URL = "https://github.com/tile-ai/tilelang.git"


def open_checkout(root: Path) -> Repo:
    """The Git repository whose top is ``root``.

    Raises
    ------
    UsageError
        If it is none, or not TileLang's.
    """
    try:
        repo = Repo(root)
    except (InvalidGitRepositoryError, NoSuchPathError) as error:
        raise UsageError(
            f"{root} is no Git checkout", hint=f"git clone --recurse-submodules {UPSTREAM_URL}, and say --checkout DIR"
        ) from error
    if repo.bare or not is_tilelang(root):
        raise UsageError(f"{root} holds no TileLang source", hint="name a checkout of it: --checkout DIR")
    return repo


def is_upstream(url: str) -> bool:
    """Whether a remote's URL, of any form, is that of tile-ai/tilelang."""
    return bool(_UPSTREAM.search(url))


def upstream_ref(repo: Repo, *, asked: str = "") -> str:
    """The branch a pull request goes to: ``upstream/main``, by whatever name the remote has here.

    Raises
    ------
    EnvironmentProblem
        If no remote is upstream's, or its main was never fetched.
    UsageError
        If what was asked for is no commit here.
    """
    if asked:
        try:
            repo.commit(asked)
        except Exception as error:
            raise UsageError(
                f"--base {asked}: no such commit here", hint="name a branch: --base upstream/main"
            ) from error
        return asked
    remotes = {remote.name: list(remote.urls) for remote in repo.remotes}
    ours = [name for name, urls in remotes.items() if any(map(is_upstream, urls))]
    if not ours:
        here = ", ".join(remotes) or "there are none"
        raise EnvironmentProblem(
            f"no remote of this checkout is tile-ai/tilelang (remotes: {here})",
            hint=f"git remote add upstream {UPSTREAM_URL} && git fetch upstream, or say where it goes: --base BRANCH",
        )
    name = "upstream" if "upstream" in ours else ours[0]
    ref = f"{name}/main"
    if ref not in {reference.name for reference in repo.remotes[name].refs}:
        raise EnvironmentProblem(f"{ref} was never fetched", hint=f"git fetch {name} main:refs/remotes/{ref}")
    return ref


def require_ready(repo: Repo, branch: str) -> tuple[str, ...]:
    """See to it that a branch can be made without anything in the way; returns what is worth saying.

    Raises
    ------
    UsageError
        If it is not so, with the command that helps.
    """
    root = Path(str(repo.working_tree_dir))
    doing = _unfinished(repo)
    if doing:
        raise UsageError(f"a {doing} is going on in {root}", hint=f"finish it, or: git {doing} --abort")
    if not current_branch(root):
        raise UsageError(
            f"HEAD of {root} is detached at {repo.head.commit.hexsha[:12]}: no branch keeps its commits",
            hint="git switch main, or keep them first: git switch -c NAME",
        )
    if changed := uncommitted(root, untracked=False):
        moved = all(path.startswith("3rdparty/") for path in changed)
        raise UsageError(
            f"{root} has changes that are in no commit: {_named(changed)}",
            hint="git submodule update --init --recursive" if moved else "commit them, or put them aside: git stash",
        )
    if not _valid(repo, branch):
        raise UsageError(f"{branch!r} is no name for a branch", hint="say another: --branch fix/short-fragment")
    if branch in {head.name for head in repo.heads}:
        raise UsageError(
            f"the branch {branch} is there already",
            hint=f"go on with it: git switch {branch}, or take another name: --branch {branch}-2",
        )
    notes = []
    if new := uncommitted(root):
        notes.append(f"files that are not known to Git and come along: {_named(new)}")
    if is_shallow(root):
        notes.append("this clone is shallow: evidence needs the history: git fetch --unshallow")
    return tuple(notes)


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return ", ".join(paths[:_MOST_NAMED]) + more


def _unfinished(repo: Repo) -> str:
    folder = Path(repo.git_dir)
    marks = {
        "rebase-merge": "rebase",
        "rebase-apply": "rebase",
        "MERGE_HEAD": "merge",
        "CHERRY_PICK_HEAD": "cherry-pick",
    }
    return next((name for mark, name in marks.items() if (folder / mark).exists()), "")


def _valid(repo: Repo, branch: str) -> bool:
    try:
        repo.git.check_ref_format("--branch", branch)
    except GitCommandError:
        return False
    return not branch.startswith("-")


def require_free(repo: Repo, base_ref: str, files: Mapping[str, bytes], appended: Mapping[str, bytes]) -> None:
    """See to it that no file would be written over.

    Raises
    ------
    UsageError
        If one is there: on disk, or at the base.
    """
    root = Path(str(repo.working_tree_dir))
    for path in files:
        full = root / path
        if not full.resolve().is_relative_to(root.resolve()):
            raise UsageError(f"{path} would lie outside of {root}", hint="say another name: --slug short_fragment")
        if full.exists() or full.is_symlink() or at(repo, base_ref, path) is not None:
            raise UsageError(
                f"{path} is there already", hint="say another name: --slug NAME, or --adopt to write no files"
            )
    for path in appended:
        if at(repo, base_ref, path) is None:
            raise UsageError(f"{path} is not there at {base_ref}", hint="say another file: --test-file PATH")


def at(repo: Repo, ref: str, path: str) -> bytes | None:
    """A file at a commit; ``None`` where there is none."""
    try:
        content: bytes = (repo.commit(ref).tree / path).data_stream.read()
    except (KeyError, ValueError):
        return None
    return content


@contextlib.contextmanager
def new_branch(repo: Repo, branch: str, base_ref: str) -> Iterator[None]:
    """Be on a new branch from here on; where the block fails, or Ctrl-C ends it, the checkout is as it was.

    Raises
    ------
    EnvironmentProblem
        If Git cannot make it (an untracked file in the way, say).
    """
    before = repo.active_branch.name
    try:
        repo.git.branch("--no-track", branch, repo.commit(base_ref).hexsha)
        repo.git.switch("--no-guess", branch)
    except (GitCommandError, KeyboardInterrupt) as error:
        _back(repo, before, branch)
        if isinstance(error, KeyboardInterrupt):
            raise
        said = str(error.stderr).partition("stderr: ")[2].strip("'\n ") or str(error)
        raise EnvironmentProblem(
            f"git could not make the branch {branch}; nothing was changed",
            context={"git": said},
            hint="mend that and run again",
        ) from error
    try:
        yield
    except BaseException:
        _back(repo, before, branch)
        raise


def _back(repo: Repo, before: str, branch: str) -> None:
    with contextlib.suppress(GitCommandError):
        repo.git.switch("--no-guess", before)
    with contextlib.suppress(GitCommandError):
        repo.git.branch("-D", branch)


def write_files(root: Path, files: Mapping[str, bytes]) -> None:
    """Write files into the checkout, all or none: what was there before is put back where one fails."""
    before: dict[Path, bytes | None] = {}
    made: list[Path] = []
    try:
        for path, data in files.items():
            full = root / path
            made += [folder for folder in full.parents if not folder.exists()]
            before[full] = full.read_bytes() if full.exists() else None
            write_atomically(full, data)
    except BaseException:
        for full, content in before.items():
            if content is None:
                full.unlink(missing_ok=True)
            else:
                write_atomically(full, content)
        for folder in sorted(set(made), key=lambda folder: -len(folder.parts)):
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
