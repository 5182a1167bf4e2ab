"""What a branch changes: its commits and files since it left upstream, uncommitted and untracked ones included.

Reads the checkout and writes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from scaffold.builds.source.git import GitError, git, git_bytes
from scaffold.errors import EnvironmentProblem

Status = Literal["added", "modified", "deleted", "renamed"]
_STATUSES: dict[str, Status] = {"A": "added", "M": "modified", "T": "modified", "D": "deleted", "R": "renamed"}
_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True)
class Commit:
    """A commit of the branch; ``when`` in seconds since 1970."""

    sha: str
    subject: str
    body: str
    when: float


@dataclass(frozen=True)
class ChangedFile:
    """A file that is not what it is at the base.

    ``before`` is its path there, where it was renamed; ``untracked`` says that Git does not know it yet.
    """

    path: str
    status: Status
    before: str = ""
    untracked: bool = False

    @property
    def gone(self) -> bool:
        return self.status == "deleted"


@dataclass(frozen=True)
class Change:
    """A branch of a checkout beside the place where it left ``base_ref``.

    ``base`` and ``head`` are commits; ``behind`` counts commits of ``base_ref`` that the branch does not have.
    """

    root: Path
    branch: str
    base_ref: str
    base: str
    head: str
    behind: int
    commits: tuple[Commit, ...]
    files: tuple[ChangedFile, ...]
    uncommitted: tuple[str, ...]

    @property
    def present(self) -> tuple[str, ...]:
        """Paths of files that are there after the change."""
        return tuple(file.path for file in self.files if not file.gone)

    def below(self, *folders: str) -> tuple[str, ...]:
        """Those of :attr:`present` in one of ``folders``."""
        return tuple(path for path in self.present if path.startswith(tuple(f"{folder}/" for folder in folders)))

    def at_base(self, path: str) -> bytes | None:
        """The file as it was; ``None`` where there was none."""
        try:
            return git_bytes("show", f"{self.base}:{path}", at=self.root)
        except GitError:
            return None

    def has_at_base(self, path: str) -> bool:
        """Whether there was a file or folder of that path."""
        return bool(git("ls-tree", "-z", self.base, "--", path, at=self.root))

    def now(self, path: str) -> bytes | None:
        """The file as it lies in the checkout."""
        full = self.root / path
        return full.read_bytes() if full.is_file() and not full.is_symlink() else None

    def lines(self, path: str) -> tuple[tuple[int, int], ...]:
        """First and last line, from 1, of each changed stretch of a file that is there; a deletion is one line long."""
        file = next((item for item in self.files if item.path == path), None)
        if file is None or file.gone:
            return ()
        if file.untracked or file.status == "added":
            return ((1, len((self.now(path) or b"").splitlines()) or 1),)
        patch = git_bytes("diff", "-U0", "--no-color", "--no-ext-diff", self.base, "--", path, at=self.root)
        found = []
        for match in _HUNK.finditer(patch):
            first, count = int(match[1]), int(match[2] or 1)
            found.append((max(first, 1), max(first + count - 1, first, 1)))
        return tuple(found)

    @cached_property
    def patch(self) -> bytes:
        """The whole as one patch, untracked files included: what evidence is about."""
        tracked = git_bytes("diff", "--no-color", "--no-ext-diff", "--full-index", "--binary", self.base, at=self.root)
        new = [file.path for file in self.files if file.untracked]
        return tracked + b"".join(path.encode() + b"\0" + (self.now(path) or b"") for path in new)


def is_test_file(path: str) -> bool:
    """Whether pytest would look into it."""
    name = PurePosixPath(path).name
    return name.startswith("test_") and name.endswith(".py")


def read_change(root: Path, base_ref: str) -> Change:
    """What the current branch of ``root`` changes.

    Raises
    ------
    EnvironmentProblem
        If the base is not there, or has nothing in common with the branch as far as the clone reaches.
    """
    branch = current_branch(root)
    head = git("rev-parse", "HEAD", at=root).strip()
    try:
        git("rev-parse", "--verify", "--quiet", f"{base_ref}^{{commit}}", at=root)
    except GitError as error:
        raise EnvironmentProblem(
            f"{root} has no {base_ref}, which the branch goes to",
            hint="fetch it: git fetch upstream, or say --base REF",
        ) from error
    try:
        base = git("merge-base", base_ref, "HEAD", at=root).strip()
    except GitError as error:
        shallow = is_shallow(root)
        raise EnvironmentProblem(
            f"{branch or head[:12]} and {base_ref} have no commit in common"
            + (", this clone is shallow" if shallow else ""),
            hint="fetch the history: git fetch --unshallow" if shallow else "say what it goes to: --base REF",
        ) from error
    behind = int(git("rev-list", "--count", f"HEAD..{base_ref}", at=root).strip())
    return Change(
        root=root,
        branch=branch,
        base_ref=base_ref,
        base=base,
        head=head,
        behind=behind,
        commits=_commits(root, base),
        files=_files(root, base),
        uncommitted=uncommitted(root),
    )


def current_branch(root: Path) -> str:
    """The branch that is checked out; empty where HEAD is detached."""
    try:
        return git("symbolic-ref", "--short", "--quiet", "HEAD", at=root).strip()
    except GitError:
        return ""


def is_shallow(root: Path) -> bool:
    return git("rev-parse", "--is-shallow-repository", at=root).strip() == "true"


def uncommitted(root: Path, *, untracked: bool = True) -> tuple[str, ...]:
    """Paths with changes that are in no commit; submodules count where their commit moved."""
    mode = "all" if untracked else "no"
    listing = git("status", "--porcelain", "-z", f"--untracked-files={mode}", "--ignore-submodules=dirty", at=root)
    found, entries = [], iter(listing.split("\0"))
    for entry in entries:
        if not entry:
            continue
        found.append(entry[3:])
        if entry[0] in "RC":
            next(entries, None)
    return tuple(found)


def _commits(root: Path, base: str) -> tuple[Commit, ...]:
    log = git("log", "-z", "--format=%H%x01%ct%x01%s%x01%b", f"{base}..HEAD", at=root)
    found = []
    for entry in filter(None, log.split("\0")):
        sha, when, subject, body = entry.split("\x01", 3)
        found.append(Commit(sha.strip(), subject, body.strip(), float(when)))
    return tuple(found)


def _files(root: Path, base: str) -> tuple[ChangedFile, ...]:
    listing = iter(
        git("diff", "--name-status", "-z", "-M", "--no-ext-diff", "--ignore-submodules=dirty", base, at=root).split(
            "\0"
        )
    )
    found = []
    for letter in listing:
        if not letter:
            continue
        if letter[0] in "RC":
            before, path = next(listing), next(listing)
            found.append(ChangedFile(path, "renamed" if letter[0] == "R" else "added", before))
        else:
            found.append(ChangedFile(next(listing), _STATUSES.get(letter[0], "modified")))
    known = {file.path for file in found}
    new = git("ls-files", "-z", "--others", "--exclude-standard", at=root).split("\0")
    found += [ChangedFile(path, "added", untracked=True) for path in new if path and path not in known]
    return tuple(sorted(found, key=lambda file: file.path))
