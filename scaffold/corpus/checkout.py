"""Which upstream tree goes with a build: the folder the user names, the build's own source, or that of its release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.build import Build
from scaffold.builds.names import parse_name
from scaffold.builds.source.release_tree import ReleaseTrees
from scaffold.builds.source.tree import read_line
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem, UsageError
from scaffold.progress import Progress

#: Says which release an interpreter has, and the folder it is imported from (a checkout, if installed editable).
_ASK = (
    "import importlib.metadata as m, importlib.util as u, os; "
    "print(m.version('tilelang')); print(os.path.dirname(os.path.dirname(u.find_spec('tilelang').origin)))"
)
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class UpstreamTree:
    """A folder with upstream's ``examples`` (and ``testing``).

    ``version`` is the text of its ``VERSION`` file, empty where it has none; ``note`` says aloud where it is not that
    of the build.
    """

    folder: Path
    version: str
    note: str = ""

    def __str__(self) -> str:
        return self.note or (f"examples of {self.version}" if self.version else f"examples in {self.folder}")


def named_tree(folder: str) -> UpstreamTree:
    """The tree the user names: a checkout, or its ``examples`` folder alone.

    Raises
    ------
    UsageError
        If there are no examples.
    """
    root = Path(folder).expanduser().resolve()
    if root.name == "examples" and not (root / "examples").is_dir():
        root = root.parent
    if not (root / "examples").is_dir():
        what = "holds no folder 'examples'" if root.is_dir() else "is no folder"
        raise UsageError(f"{root} {what}", hint="name a checkout of TileLang, or a copy of its folder 'examples'")
    return _tree(root)


def tree_of(build: Build, workspace: Workspace, progress: Progress) -> UpstreamTree:
    """The upstream tree that goes with ``build``.

    Raises
    ------
    EnvironmentProblem
        If it cannot be had here.
    """
    name = parse_name(build.name)
    own = workspace.builds / name.folder / "source" if name.from_source else None
    if name.kind == "path" or (name.kind == "worktree" and (Path(name.rest) / "examples").is_dir()):
        # The files the user edits, so that what goes wrong is said of those.
        own = Path(name.rest)
    version = name.rest
    if name.kind in ("path", "python") and not (own and (own / "examples").is_dir()):
        version, imported_from = _ask(build)
        own = imported_from
    if own is not None and (own / "examples").is_dir():
        return _tree(own)
    if name.from_source:
        raise EnvironmentProblem(
            f"{build.name} has no examples beside it: it came in a bundle, which leaves them out",
            hint="name a checkout: --source-tree DIR",
        )
    return _of_release(version, build, workspace, progress)


def _of_release(version: str, build: Build, workspace: Workspace, progress: Progress) -> UpstreamTree:
    try:
        found = ReleaseTrees(workspace, progress).get(version)
    except EnvironmentProblem as error:
        raise EnvironmentProblem(
            f"the examples that go with {build.name} are not here: {error.message}",
            hint="name a checkout of TileLang, or its examples: --source-tree DIR",
        ) from error
    note = "" if found.exact else f"examples of {found.version} with {build.name}: {found.asked} has no source archive"
    return UpstreamTree(found.folder, found.version, note)


def _ask(build: Build) -> tuple[str, Path]:
    """The version an interpreter has, and the folder it imports TileLang from."""
    answer = ask([build.python, "-I", "-c", _ASK], timeout_s=_TIMEOUT_S)
    lines = answer.stdout.splitlines()
    if not answer.ok or len(lines) < 2:
        raise EnvironmentProblem(
            f"cannot tell which TileLang {build.name} has: {answer.why_not}",
            hint="name a checkout of TileLang, or its examples: --source-tree DIR",
        )
    return lines[-2], Path(lines[-1])


def _tree(root: Path) -> UpstreamTree:
    return UpstreamTree(root, read_line(root / "VERSION") or "")
