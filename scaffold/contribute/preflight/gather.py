"""Read once what rules may look at: the checkout, the draft, what evidence found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.source.git import GitError, git
from scaffold.builds.source.worktree import find_checkout
from scaffold.builds.workspace import Workspace
from scaffold.contribute.change import Change, current_branch, read_change
from scaffold.contribute.draft import Draft, find_draft
from scaffold.contribute.evidence.store import read_not_run, read_results
from scaffold.contribute.kinds import Kind, find_kind, kinds
from scaffold.contribute.preflight.model import Facts, StepResult
from scaffold.contribute.preflight.rules.speed import claims_speed
from scaffold.contribute.preflight.running import make_runner
from scaffold.contribute.titles import parse_title
from scaffold.contribute.upstream import is_upstream
from scaffold.errors import UsageError
from scaffold.progress import Progress

_SCRATCH = "scratch"
#: Tags of the kind that a change of nothing but these folders is of.
_BY_FOLDER = (
    (("docs/",), ("docs", "doc")),
    (("testing/",), ("testing", "test")),
    (("examples/",), ("example", "examples")),
    ((".github/", "cmake/", "requirements", "pyproject.toml", "CMakeLists.txt", "maint/"), ("ci", "build")),
)
#: What the sentence of a title begins with -> the tag of its kind.
_BY_VERB = (
    (("fix", "correct", "prevent", "avoid", "handle", "preserve", "reject", "resolve", "honor", "revert"), "bugfix"),
    (("add", "support", "introduce", "expose", "enable", "allow", "extend", "implement"), "feature"),
    (("remove", "refactor", "rename", "move", "split", "clean", "cleanup", "simplify", "unify"), "refactor"),
)


@dataclass(frozen=True)
class Asked:
    """What the command line says; empty for what is to be found out."""

    checkout: str = ""
    kind: str = ""
    title: str = ""
    base: str = ""


def gather(workspace: Workspace, asked: Asked, progress: Progress) -> Facts:
    """The facts of the branch that is checked out.

    Raises
    ------
    UsageError
        If no branch is checked out, or it changes nothing.
    UnknownBuildError
        If there is no checkout.
    """
    root = find_checkout(asked.checkout, workspace, said_as="--checkout DIR").root
    branch = _branch(root)
    draft = find_draft(workspace, root, branch)
    change = read_change(root, asked.base or (draft.base_ref if draft else default_base(root)))
    if not change.files and not change.commits:
        raise UsageError(
            f"{branch} changes nothing: it is where it left {change.base_ref}",
            hint="commit or edit something, switch to the branch you mean, or say --base REF",
        )
    title = asked.title or (draft.title if draft else change.commits[-1].subject if change.commits else "")
    kind = find_kind(asked.kind or (draft.kind if draft else guess_kind(change, title).name))
    tools = workspace.folder(workspace.root / "preflight")
    return Facts(
        change=change,
        draft=draft,
        kind=kind,
        title=title,
        body=_body(draft),
        evidence=_evidence(draft, change),
        not_run=read_not_run(draft, change) if draft else {},
        tools=tools,
        run=make_runner(root, tools / _SCRATCH, progress),
    )


def _branch(root: Path) -> str:
    try:
        git("rev-parse", "--git-dir", at=root)
    except GitError as error:
        raise UsageError(
            f"{root} is no Git checkout", hint="name one: --checkout DIR" if not error.hint else error.hint
        ) from error
    branch = current_branch(root)
    if not branch:
        raise UsageError(
            f"HEAD of {root} is detached: a pull request is made of a branch", hint="git switch -c fix/what-it-does"
        )
    return branch


def default_base(root: Path) -> str:
    """The branch a pull request goes to: upstream's main, by whatever name this clone has it."""
    found = []
    for line in git("remote", "-v", at=root).splitlines():
        name, _, rest = line.partition("\t")
        if is_upstream(rest.rpartition(" ")[0]):
            found.append(f"{name}/main")
    candidates = [*sorted(set(found), key=lambda ref: ref != "upstream/main"), "upstream/main", "origin/main", "main"]
    return next((ref for ref in candidates if _is_there(root, ref)), candidates[0])


def _is_there(root: Path, ref: str) -> bool:
    try:
        git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", at=root)
    except GitError:
        return False
    return True


def guess_kind(change: Change, title: str) -> Kind:
    """The kind of a branch nobody said: by its title, its name, its folders."""
    known = kinds()
    if not known:
        raise UsageError("there is no kind of pull request", hint="templates/ is empty: get the whole repository")
    parts = parse_title(title)
    tags = [tag.lower() for tag in parts.tags]
    folders = [wanted for places, wanted in _BY_FOLDER if all(path.startswith(places) for path in change.present)]
    paths = [tag for wanted in folders for tag in wanted]
    prefix = change.branch.partition("/")[0].lower()
    by_name = [kind for kind in known.values() if "/" in change.branch and kind.branch.lower() == prefix]
    verb = (parts.sentence.split() or [""])[0].lower()
    said = [tag for verbs, tag in _BY_VERB if verb in verbs]
    fast = [kind for kind in known.values() if kind.expects.benchmark and claims_speed(title)]
    # Other tags of such a kind (CUDA, Pipeline) are those of any change there.
    rest = {name: kind for name, kind in known.items() if not kind.expects.benchmark}
    chain = (
        *fast,
        *(_tagged(known, tags), *by_name, _tagged(known, paths)),
        *(_tagged(known, said), _tagged(rest, tags, main=False), _usual(known)),
    )
    return next(kind for kind in chain if kind)


def _tagged(known: Mapping[str, Kind], tags: list[str], *, main: bool = True) -> Kind | None:
    """The kind of the first tag that is its main one, or one of its others."""
    for tag in tags:
        for kind in known.values():
            if tag in {name.lower() for name in ((kind.tag,) if main else kind.tags)}:
                return kind
    return None


def _usual(known: Mapping[str, Kind]) -> Kind:
    return _tagged(known, ["bugfix", "fix"]) or next(iter(known.values()))


def _body(draft: Draft | None) -> str:
    if draft is None or not draft.body.is_file():
        return ""
    return draft.body.read_text(encoding="utf-8", errors="replace")


def _evidence(draft: Draft | None, change: Change) -> Mapping[str, StepResult]:
    if draft is None:
        return {}
    return read_results(draft, change)
