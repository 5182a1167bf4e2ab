"""From a kind and a few words to a branch with a skeleton: decide everything, then write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from git import Repo

from scaffold.builds.workspace import Workspace
from scaffold.contribute.body import by_group
from scaffold.contribute.change import Change, is_test_file, read_change
from scaffold.contribute.draft import FILE, Draft, draft_folder, write_draft
from scaffold.contribute.failing import FailingCase
from scaffold.contribute.kinds import Kind
from scaffold.contribute.program_split import split_program
from scaffold.contribute.script import Script, read_script
from scaffold.contribute.skeleton import chosen, merged, render
from scaffold.contribute.titles import Title, area_of, beyond_usual, full_title, pascal_of, slug_of, subsystem_of
from scaffold.contribute.upstream import at, new_branch, require_free, require_ready, upstream_ref, write_files
from scaffold.errors import UsageError
from scaffold.files import write_atomically

_TESTS = "testing/python"
#: Backend of a target's kind, as upstream calls its folders.
_BACKENDS = {"cuda": "cuda", "hip": "rocm", "metal": "metal", "c": "cpu", "llvm": "cpu", "webgpu": "webgpu"}
_DEFAULT_TARGETS = {"cuda": "cuda:sm_90a", "rocm": "hip:gfx942", "metal": "metal", "cpu": "c"}


@dataclass(frozen=True)
class Request:
    """What the user said of a pull request, as typed or answered; ``slug``, ``branch`` and ``base`` may be empty."""

    kind: Kind
    title: str
    issue: int | None = None
    subsystem: str = ""
    kernels: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    pass_name: str = ""
    script: str = ""
    backend: str = ""
    topic: str = ""
    slug: str = ""
    branch: str = ""
    base: str = ""
    test_file: str = ""
    failing: FailingCase | None = None
    adopt: bool = False


@dataclass(frozen=True)
class Plan:
    """What will be written, whole.

    Attributes
    ----------
    files
        Path in the checkout -> content, of new files and of those that are added to.
    appended
        Those of ``files`` that are there already.
    kept
        Path in the draft's folder -> content.
    """

    draft: Draft
    files: Mapping[str, bytes]
    appended: frozenset[str]
    kept: Mapping[str, bytes]
    notes: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)


def make_plan(request: Request, repo: Repo, workspace: Workspace) -> Plan:
    """Decide names, places and contents; nothing is written.

    Raises
    ------
    UsageError
        If something of the user's is in the way, or a value cannot be used.
    EnvironmentProblem
        If the checkout does not know upstream.
    """
    root = Path(str(repo.working_tree_dir))
    base_ref = upstream_ref(repo, asked=request.base)
    adopted = _adopted(root, base_ref) if request.adopt else None
    script = _script(request, repo, base_ref) if request.script else None
    title, slug = _named(request, adopted.present if adopted else (script.path,) if script else ())
    branch = adopted.branch if adopted else request.branch or f"{request.kind.branch}/{slug.replace('_', '-')}"
    notes = () if adopted else require_ready(repo, branch)
    if long := beyond_usual(str(title)):
        notes = (*notes, f"the title is long: {long}")
    folder = draft_folder(workspace, branch)
    if (folder / FILE).exists():
        raise UsageError(f"{folder} is there already", hint=f"go on with it, or take another name: --branch {branch}-2")
    draft = Draft(
        folder=folder,
        kind=request.kind.name,
        title=str(title),
        checkout=root,
        branch=branch,
        base_ref=base_ref,
        issue=request.issue,
        subsystem=request.subsystem,
        kernels=request.kernels,
        targets=_targets(request),
    )
    context = _context(request, repo, base_ref, script, title=title, slug=slug, draft=draft)
    files: dict[str, bytes] = {}
    appended = frozenset[str]()
    if adopted:
        roles = {path: "test" for path in adopted.present if is_test_file(path)}
    else:
        files, appended, roles = _files(request, repo, base_ref, context)
    tests = tuple(path for path, role in roles.items() if role == "test")
    changed = by_group(adopted.files) if adopted else {}
    context = {**context, "test_path": tests[0] if tests else "", "changed": changed}
    kept = {
        path: render(request.kind, file, context).encode()
        for file, path in chosen(request.kind.kept, context)
        # Of a branch that is there the kit knows no case: a repro of something else would say "does not reproduce".
        if not (request.adopt and file.role in ("repro", "benchmark") and not (request.failing or script))
    }
    by_role: dict[str, tuple[str, ...]] = {}
    for path, role in roles.items():
        by_role[role] = (*by_role.get(role, ()), path)
    return Plan(replace(draft, files=by_role), files, appended, kept, notes, roles)


def first_subject(repo: Repo, base: str) -> str:
    """The subject of the first commit of the branch that is checked out; empty where it has none of its own.

    Raises
    ------
    UsageError, EnvironmentProblem
        As :func:`make_plan` does where there is nothing to adopt.
    """
    change = _adopted(Path(str(repo.working_tree_dir)), upstream_ref(repo, asked=base))
    return change.commits[-1].subject if change.commits else ""


def carry_out(plan: Plan, repo: Repo) -> None:
    """Make the branch and write everything; where that fails or is interrupted, the checkout is as it was."""
    if plan.files or plan.draft.branch not in {head.name for head in repo.heads}:
        with new_branch(repo, plan.draft.branch, plan.draft.base_ref):
            write_files(plan.draft.checkout, plan.files)
            _keep(plan)
    else:
        _keep(plan)


def _keep(plan: Plan) -> None:
    for path, data in plan.kept.items():
        write_atomically(plan.draft.folder / path, data)
    write_draft(plan.draft)


def _script(request: Request, repo: Repo, base_ref: str) -> Script:
    if "script?" not in request.kind.asks:
        raise UsageError(f"{request.kind.name} takes no --script", hint="leave it out, or: new-pr bugfix --script PATH")
    others = {"--kernel": request.kernels, "--pass": request.pass_name}
    if also := [flag for flag, value in others.items() if value]:
        raise UsageError(
            f"--script and {also[0]}: the repro and the test are about one of them",
            hint=f"leave out --script or {also[0]}",
        )
    return read_script(repo, base_ref, request.script)


def _named(request: Request, paths: Sequence[str]) -> tuple[Title, str]:
    subsystem = request.subsystem or subsystem_of(paths)
    title = full_title(request.title, request.kind, subsystem)
    if request.slug and slug_of(request.slug) != request.slug.replace("-", "_"):
        raise UsageError(
            f"--slug {request.slug}: letters, digits and - alone, all small", hint=f"--slug {slug_of(request.slug)}"
        )
    return title, slug_of(request.slug or title.sentence)


def _adopted(root: Path, base_ref: str) -> Change:
    change = read_change(root, base_ref)
    if not change.branch or not change.files:
        raise UsageError(
            f"{change.branch or 'a detached HEAD'} changes nothing that {base_ref} does not have"
            if change.branch
            else "HEAD is detached: there is no branch to adopt",
            hint="git switch BRANCH, then run it again" if not change.branch else "leave out --adopt to make a branch",
        )
    return change


def _targets(request: Request) -> tuple[str, ...]:
    if request.targets:
        return request.targets
    if request.failing:
        return (request.failing.target,)
    return (_DEFAULT_TARGETS.get(request.backend or "cuda", "cuda:sm_90a"),)


def _context(
    request: Request, repo: Repo, base_ref: str, script: Script | None, *, title: Title, slug: str, draft: Draft
) -> dict[str, Any]:
    """Everything a template may name; ``templates/README.md`` lists it."""
    base = repo.commit(base_ref)
    areas = [tree.name for tree in base.tree[_TESTS].trees] if _has(base.tree, _TESTS) else []
    backend = request.backend or _BACKENDS.get(draft.targets[0].partition(":")[0], "cuda")
    failing = request.failing
    version = at(repo, base_ref, "VERSION") or b""
    subsystem = request.subsystem or (subsystem_of((script.path,)) if script else "")
    return {
        "title": title.sentence,
        "full_title": str(title),
        "slug": slug,
        "words": slug.replace("_", "-"),
        "pascal": pascal_of(slug),
        "kind": request.kind.name,
        "issue": request.issue,
        "subsystem": request.subsystem,
        "area": area_of(subsystem, areas, otherwise=_otherwise(request, script, areas)),
        "kernel": request.kernels[0] if request.kernels else "",
        "kernels": list(request.kernels),
        "targets": list(draft.targets),
        "backend": backend,
        "pass_name": request.pass_name or (failing.pass_name if failing else ""),
        "topic": request.topic
        or (request.kernels[0] if request.kernels and request.kernels[0].isidentifier() else slug),
        "test_path": "",
        "script": asdict(script) if script else {},
        "adopted": request.adopt,
        "changed": {},
        "failing": failing,
        "program": split_program(failing.source) if failing else None,
        "checkout_version": version.decode("utf-8", "replace").strip(),
        "base_short": base.hexsha[:12],
    }


def _otherwise(request: Request, script: Script | None, areas: Sequence[str]) -> str:
    if script:
        # tilelang/utils/x.py is tested in testing/python/utils, a script of maint/ in testing/python/tools.
        return next((name for name in (*script.path.split("/")[1:2], "tools") if name in areas), "language")
    return "transform" if request.pass_name or request.kind.name == "pass" else "language"


def _has(tree: Any, path: str) -> bool:
    try:
        tree[path]
    except KeyError:
        return False
    return True


def _files(
    request: Request, repo: Repo, base_ref: str, context: Mapping[str, Any]
) -> tuple[dict[str, bytes], frozenset[str], dict[str, str]]:
    """Files of the checkout: content, which of them are added to, and the role of each."""
    new: dict[str, bytes] = {}
    added: dict[str, bytes] = {}
    roles: dict[str, str] = {}
    for file, path in chosen(request.kind.files, context):
        append_to = _existing(request, repo, base_ref, context, path) if file.role == "test" else path
        there = at(repo, base_ref, append_to)
        text = render(request.kind, file, {**context, "test_path": append_to if file.role == "test" else ""})
        if there is not None and (file.append or file.role == "test"):
            added[append_to] = merged(append_to, _text(append_to, there), text).encode()
        else:
            new[append_to] = text.encode()
        roles[append_to] = file.role
    require_free(repo, base_ref, new, added)
    return {**new, **added}, frozenset(added), roles


def _text(path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8: byte {error.start}", hint="name another file: --test-file PATH"
        ) from error


def _existing(request: Request, repo: Repo, base_ref: str, context: Mapping[str, Any], path: str) -> str:
    """Where the tests go: the file the user names, one of upstream's about the same thing, or a new one at ``path``.

    Upstream's bug fixes mostly extend a file that is there (17 of them language/test_tilelang_language_atomic.py).
    """
    if request.test_file:
        wanted = PurePosixPath(request.test_file).as_posix()
        if not PurePosixPath(wanted).name.startswith("test_"):
            raise UsageError(f"--test-file {wanted}: pytest collects test_*.py alone", hint="name it test_….py")
        return wanted
    if at(repo, base_ref, path) is not None or request.issue or request.kind.expects.test != "required":
        return path
    area = str(context["area"])
    for about in (str(context["pass_name"]), request.subsystem):
        candidate = f"{_TESTS}/{area}/test_tilelang_{area}_{slug_of(about)}.py" if about else ""
        if candidate and request.kind.name == "bugfix" and at(repo, base_ref, candidate) is not None:
            return candidate
    return path


def describe(plan: Plan) -> Sequence[str]:
    """What was, or would be, written: one line each."""
    lines = [
        f"{'added to' if path in plan.appended else 'new'}  {path}  ({plan.roles[path]})" for path in sorted(plan.files)
    ]
    return [*lines, *(f"kept  {path}" for path in sorted(plan.kept))]
