"""Repositories that commits are fetched into, and where a ref of a name is looked up.

TileLang's public repository is cloned to ``workspace/tilelang``, which is the contributor's checkout from then on:
the kit only adds objects to it, under ``refs/scaffold/``. Every other URL has a bare repository of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from scaffold.builds.source.disk import writing
from scaffold.builds.source.git import GitError, git, git_network, hide_password
from scaffold.builds.source.model import UPSTREAM
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem, UnknownBuildError
from scaffold.progress import Progress

_SHA = re.compile(r"[0-9a-f]{40}\Z")
_ABBREVIATED = re.compile(r"[0-9a-f]{7,40}\Z")
_SCP_LIKE = re.compile(r"[\w.-]+@?[\w.-]*:(?!//)")


@dataclass(frozen=True)
class Repository:
    """One repository on this machine that has objects of ``url``; read only where it has no URL."""

    path: Path
    url: str
    progress: Progress

    @property
    def refs(self) -> str:
        return f"refs/scaffold/{_short_hash(self.url)}"

    def has(self, commit: str) -> bool:
        return self._parse(commit) is not None

    def gitlinks(self, commit: str) -> dict[str, str]:
        """Path to commit of every submodule at ``commit``."""
        lines = git("ls-tree", "-r", "-z", "--full-tree", commit, at=self.path).split("\0")
        entries = (line.partition("\t") for line in lines)
        return {path: facts.split()[2] for facts, _, path in entries if facts.startswith("160000 ")}

    def submodule_urls(self, commit: str) -> dict[str, str]:
        """Path to URL of every submodule ``.gitmodules`` names at ``commit``, relative ones resolved."""
        try:
            text = git("config", "-z", "--blob", f"{commit}:.gitmodules", "--list", at=self.path)
        except GitError:
            return {}
        names: dict[str, dict[str, str]] = {}
        for line in text.split("\0"):
            key, _, value = line.partition("\n")
            if key.startswith("submodule."):
                name, _, field = key.removeprefix("submodule.").rpartition(".")
                names.setdefault(name, {})[field] = value
        found = (fields for fields in names.values() if {"path", "url"} <= set(fields))
        return {fields["path"]: resolve_url(self.url, fields["url"]) for fields in found}

    def release_tags(self) -> dict[Version, str]:
        """Every release tag known here, to its commit."""
        prefixes = ("refs/tags", f"{self.refs}/tags")
        text = git(
            "for-each-ref", "--format=%(refname:lstrip=-1) %(objectname) %(*objectname)", *prefixes, at=self.path
        )
        found = {}
        for line in text.splitlines():
            tag, *objects = line.split()
            try:
                found[Version(tag.removeprefix("v"))] = objects[-1]
            except InvalidVersion:
                continue
        return found

    def fetch_release_tags(self) -> None:
        self._fetch(f"+refs/tags/v*:{self.refs}/tags/v*")

    def resolve(self, ref: str) -> tuple[str, str | None]:
        """The commit of a branch, tag, commit or ``pull/123/head``, fetched; and a note where it may be out of date.

        Raises
        ------
        UnknownBuildError
            If the repository has no such ref.
        EnvironmentProblem
            If the repository cannot be reached, and nothing fetched before will do.
        """
        if not ref or ref.startswith("-") or re.search(r"[\s~^:?*\[\\]|\.\.", ref):
            raise UnknownBuildError(f"{ref!r} is no ref", hint="say git:main, git:v0.1.13, or git:<commit>")
        known = self._parse(ref if _SHA.match(ref) else f"{self.refs}/tags/{ref}")
        if known:
            return known, None
        try:
            return self._resolve_remote(ref), None
        except EnvironmentProblem as problem:
            before = self._parse(f"{self.refs}/heads/{ref}")
            if before is None:
                raise
            return before, f"{problem.message}; {ref} as fetched before"

    def _resolve_remote(self, ref: str) -> str:
        names = (f"refs/tags/{ref}", f"refs/heads/{ref}", f"refs/{ref}", ref)
        listing = git_network("ls-remote", "--", self.url, *names, url=self.url, progress=self.progress)
        remote = {line.partition("\t")[2] for line in listing.splitlines()}
        for name in names:
            if name in remote and name.startswith("refs/"):
                target = f"{self.refs}/{name.removeprefix('refs/')}"
                self._fetch(f"+{name}:{target}")
                return git("rev-parse", "--verify", f"{target}^{{commit}}", at=self.path).strip()
        if _ABBREVIATED.match(ref) and (commit := self._fetch_commit(ref)):
            return commit
        raise UnknownBuildError(
            f"{hide_password(self.url)} has no branch, tag or commit {ref!r}",
            hint="list them with: git ls-remote " + hide_password(self.url),
        )

    def _fetch_commit(self, commit: str) -> str | None:
        """A commit by its hash: by name where the server allows, else among everything there is."""
        if _SHA.match(commit):
            with contextlib.suppress(GitError):
                self._fetch(f"{commit}:{self.refs}/commits/{commit}")
            if found := self._parse(commit):
                return found
        self._fetch(f"+refs/heads/*:{self.refs}/heads/*", f"+refs/tags/*:{self.refs}/tags/*")
        return self._parse(commit)

    def fetch_shallow(self, commit: str) -> None:
        """``commit`` without its history; with it where the server refuses that.

        Raises
        ------
        EnvironmentProblem
            If the server cannot be reached or has no such commit.
        """
        if self.has(commit):
            return
        try:
            self._fetch("--depth=1", f"+{commit}:{self.refs}/commits/{commit}")
        except GitError:
            self._fetch(f"+refs/heads/*:{self.refs}/heads/*", f"+refs/tags/*:{self.refs}/tags/*")
        if not self.has(commit):
            raise EnvironmentProblem(
                f"{hide_password(self.url)} has no commit {commit}", hint="push it there, or name a mirror that has it"
            )

    def _fetch(self, *arguments: str) -> None:
        options = [argument for argument in arguments if argument.startswith("--")]
        refspecs = [argument for argument in arguments if not argument.startswith("--")]
        fixed = ("--progress", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        with self.progress.step(f"fetching from {hide_password(self.url)}"):
            git_network(
                *("fetch", *fixed, *options, "--", self.url, *refspecs),
                url=self.url,
                progress=self.progress,
                at=self.path,
            )

    def _parse(self, name: str) -> str | None:
        try:
            return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", at=self.path).strip()
        except GitError:
            return None


def open_repository(url: str, workspace: Workspace, progress: Progress) -> Repository:
    """Where commits of ``url`` are kept, made if it is not there.

    Raises
    ------
    UnknownBuildError
        If ``url`` is a local path with nothing there.
    EnvironmentProblem
        If the first clone fails.
    """
    url = absolute_url(url)
    checkout = workspace.root / "tilelang"
    if url == UPSTREAM and ((checkout / ".git").exists() or not checkout.exists()):
        if not checkout.exists():
            _clone(url, checkout, workspace, progress)
        return Repository(checkout, url, progress)
    path = workspace.root / "git" / f"{_short_hash(url)}.git"
    with writing(workspace.root):
        path.parent.mkdir(parents=True, exist_ok=True)
    git("init", "--quiet", "--bare", str(path))
    return Repository(path, url, progress)


def clear_stale_locks(repository: Repository) -> None:
    """Take away what a killed fetch left in a repository of ours; a checkout is the user's and stays as it is."""
    if repository.path.suffix == ".git":
        for name in ("shallow.lock", "packed-refs.lock", "config.lock"):
            (repository.path / name).unlink(missing_ok=True)
        for lock in (repository.path / "refs").rglob("*.lock"):
            lock.unlink(missing_ok=True)


def _clone(url: str, checkout: Path, workspace: Workspace, progress: Progress) -> None:
    incoming = checkout.with_name(".tilelang.incoming")
    with workspace.lock("tilelang", progress), writing(workspace.root):
        if checkout.exists():
            return
        shutil.rmtree(incoming, ignore_errors=True)
        with progress.step(f"cloning {url} into {checkout}", lasting=True):
            try:
                git_network("clone", "--progress", "--", url, str(incoming), url=url, progress=progress)
                incoming.replace(checkout)
            finally:
                shutil.rmtree(incoming, ignore_errors=True)


def absolute_url(url: str) -> str:
    """``url`` with a local path made absolute.

    Raises
    ------
    UnknownBuildError
        If it is a path with nothing there.
    """
    if url.startswith("-") or not url:
        raise UnknownBuildError(f"{url!r} is no repository", hint="name a Git URL or a folder: --url URL")
    if "://" in url or (_SCP_LIKE.match(url) and not Path(url).exists()):
        return url.rstrip("/").removesuffix(".git") if url.rstrip("/").removesuffix(".git") == UPSTREAM else url
    path = Path(url).expanduser()
    if not path.is_dir():
        raise UnknownBuildError(f"no folder {path}", hint="name a Git URL or a folder that is there: --url URL")
    return str(path.resolve())


def origin_url(checkout: Path) -> str:
    """What relative submodule URLs of a checkout are relative to: where it was cloned from, else itself."""
    try:
        url = git("config", "--get", "remote.origin.url", at=checkout).strip()
    except GitError:
        return str(checkout)
    is_relative_path = "://" not in url and not _SCP_LIKE.match(url)
    return str((checkout / url).resolve()) if is_relative_path else url


def resolve_url(parent: str, url: str) -> str:
    """A submodule's URL; ``./x`` and ``../x`` are relative to the repository that names it (gitmodules(5))."""
    if not url.startswith(("./", "../")):
        return url
    base = parent.rstrip("/")
    while url.startswith(("./", "../")):
        if url.startswith("../"):
            cut = max(base.rfind("/"), base.rfind(":") + 1 if "://" not in base else -1)
            base = base[:cut].rstrip("/")
        url = url.partition("/")[2]
    return f"{base}{'' if base.endswith(':') else '/'}{url}"


def _short_hash(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:12]
