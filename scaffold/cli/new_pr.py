"""``new-pr``: a branch in your checkout of TileLang, with the skeleton of a pull request that is right for its kind."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from git import Repo

from scaffold.builds.capture import DEFAULT_TIMEOUT_S
from scaffold.builds.source.worktree import find_checkout
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.cli.options import Parser, add_common, command_line, near, progress_of, write_out
from scaffold.contribute.draft import REPRO_KERNEL
from scaffold.contribute.failing import FailingCase, read_failure, record_failure
from scaffold.contribute.kinds import Kind, find_kind, kinds
from scaffold.contribute.new_pr import Plan, Request, carry_out, describe, first_subject, make_plan
from scaffold.contribute.questions import ask_all, require_all
from scaffold.contribute.script import read_script
from scaffold.contribute.upstream import open_checkout, upstream_ref
from scaffold.errors import ExitCode, ScaffoldError, UsageError
from scaffold.kernels.catalog import load_zoo_kernel
from scaffold.kernels.target import normal_label, parse_target
from scaffold.progress import Progress
from scaffold.report.pull_request_json import render_started_json
from scaffold.report.pull_request_view import StartedReport


def run(argv: Sequence[str]) -> int:
    """Ask, decide, show, write."""
    namespace = _parser().parse_args(argv)
    progress = progress_of(namespace)
    if namespace.kind is None:
        return _list(namespace)
    kind = find_kind(namespace.kind)
    workspace = Workspace.at(namespace.workspace)
    repo = open_checkout(find_checkout(namespace.checkout or "", workspace, said_as="--checkout DIR").root)
    upstream_ref(repo, asked=namespace.base or "")  # before the program of --from-failure is run
    failing = _failing_case(namespace, workspace, progress) if namespace.from_failure else None
    given = _given(namespace)
    if failing:
        given.setdefault("script", "")  # what it is about is said: nothing to ask
    if namespace.adopt and not given.get("title") and (subject := first_subject(repo, namespace.base or "")):
        progress.say("title: the subject of the first commit; another: --title TEXT, or title in pr.toml")
        given["title"] = subject
    if namespace.yes or namespace.json or not sys.stdin.isatty():
        require_all(kind, given)
        answers = given
    else:
        checks = {"script": lambda path: _wrong_script(path, repo, namespace.base or "")}
        answers = ask_all(kind, given, input, progress.say, checks=checks)
    plan = make_plan(_request(kind, answers, namespace, failing), repo, workspace)
    for note in plan.notes:
        progress.say(note)
    if not namespace.dry_run:
        carry_out(plan, repo)
    _show(plan, kind, namespace)
    return int(ExitCode.OK)


def _parser() -> Parser:
    parser = Parser(
        "new-pr",
        "Make a branch in your checkout of TileLang and write the skeleton of a pull request: test, repro, benchmark, "
        "description, as its kind needs. Nothing that is there is written over.",
        example="new-pr bugfix --issue 2524 --title 'Sum a fragment shorter than the block'",
    )
    parser.add_argument("kind", nargs="?", metavar="KIND", help=f"{', '.join(kinds())}; none: what each is for")
    group = parser.add_argument_group("what it is about (asked, where it is not said)")
    group.add_argument("--title", metavar="TEXT", help="one imperative sentence; tags are added")
    group.add_argument("--issue", metavar="N", help="of the issue it mends")
    group.add_argument("--subsystem", metavar="NAME", help="upstream's second tag: Layout, CUDA, Reduce, JIT")
    group.add_argument("--kernel", metavar="NAME", action="append", default=[], help="of the zoo, or path.py::function")
    group.add_argument("--target", metavar="T", action="append", default=[], help="cuda:sm_90a, hip:gfx942, metal, c")
    group.add_argument("--pass", dest="pass_name", metavar="NAME", help="the pass it is about, or a new one's name")
    group.add_argument("--script", metavar="PATH", help="script, tool or CI file of the checkout a bug is in")
    group.add_argument("--backend", metavar="NAME", help="cuda, rocm, metal, cpu, or a new one")
    group.add_argument("--topic", metavar="NAME", help="folder below examples/")
    group.add_argument("--from-failure", metavar="FILE", help="a failing script, or a trace: the repro is made of it")
    group.add_argument("--build", metavar="B", help="where it fails (default: as for tir-diff)")
    group = parser.add_argument_group("where it goes")
    group.add_argument("--checkout", metavar="DIR", help="your clone (default: around here, else workspace/tilelang)")
    group.add_argument("--base", metavar="REF", help="what the branch goes to (default: main of the remote tile-ai)")
    group.add_argument("--branch", metavar="NAME", help="default: by kind and title")
    group.add_argument("--slug", metavar="NAME", help="what files are called (default: by title)")
    group.add_argument("--test-file", metavar="PATH", help="in the checkout; a file that is there is added to")
    group.add_argument(
        "--adopt", action="store_true", help="for the branch you are on: no files; title by its first commit"
    )
    group.add_argument("--yes", action="store_true", help="ask nothing")
    group.add_argument("--dry-run", action="store_true", help="say what would be written, and stop")
    group.add_argument("--json", action="store_true", help="what was written, as JSON")
    add_common(parser)
    return parser


def _given(namespace: argparse.Namespace) -> dict[str, str]:
    """What the command line says; an empty answer to what it says nothing of comes from the questions."""
    named = {
        "title": namespace.title,
        "issue": namespace.issue,
        "subsystem": namespace.subsystem,
        "kernel": ",".join(namespace.kernel) or None,
        "pass": namespace.pass_name,
        "script": namespace.script,
        "backend": namespace.backend,
        "topic": namespace.topic,
    }
    return {name: value for name, value in named.items() if value is not None}


def _request(
    kind: Kind, answers: dict[str, str], namespace: argparse.Namespace, failing: FailingCase | None
) -> Request:
    issue = answers.get("issue", "").lstrip("#")
    if issue and not issue.isdigit():
        raise UsageError(
            f"--issue {answers['issue']}: no number", hint="the digits behind the # of the issue: --issue 2524"
        )
    for target in namespace.target:
        parse_target(target)
    kernels = tuple(filter(None, answers.get("kernel", "").split(",")))
    for kernel in kernels:
        if ".py" not in kernel:
            load_zoo_kernel(kernel)
    return Request(
        kind=kind,
        title=answers["title"],
        issue=int(issue) if issue else None,
        subsystem=_word(answers.get("subsystem", ""), "--subsystem"),
        kernels=kernels or _failing_kernel(failing),
        targets=tuple(normal_label(target) for target in namespace.target),
        pass_name=_word(answers.get("pass", "").rpartition(".")[2], "--pass"),
        script=answers.get("script", ""),
        backend=_word(answers.get("backend", ""), "--backend"),
        topic=_word(answers.get("topic", ""), "--topic"),
        slug=namespace.slug or "",
        branch=namespace.branch or "",
        base=namespace.base or "",
        test_file=namespace.test_file or "",
        failing=failing,
        adopt=namespace.adopt,
    )


def _failing_kernel(failing: FailingCase | None) -> tuple[str, ...]:
    """The kernel that evidence compares: the repro builds it."""
    if failing is None or not failing.compiles:
        return ()
    return (failing.kernel or REPRO_KERNEL,)


def _failing_case(namespace: argparse.Namespace, workspace: Workspace, progress: Progress) -> FailingCase:
    """The program of ``--from-failure``, with the way in which it fails in ``--build``."""
    if namespace.script:
        raise UsageError(
            "--script and --from-failure: the repro and the test are about one of them",
            hint="leave out --script or --from-failure",
        )
    case = read_failure(Path(namespace.from_failure))
    if namespace.target:
        case = replace(case, target=normal_label(namespace.target[0]))
    store = BuildStore(workspace, progress)
    try:
        build = store.get(namespace.build or (case.build if case.build and store.find(case.build) else None))
    except ScaffoldError as error:
        if namespace.build:
            raise
        progress.say(f"{case.name} was not run: {error}")
        return case
    with progress.step(f"running {case.name} in {build.name}"):
        recorded = record_failure(case, build, workspace=workspace, progress=progress, timeout_s=DEFAULT_TIMEOUT_S)
    if recorded.stage:
        progress.say(f"{case.name} fails in {build.name}: {recorded.error}")
        return recorded
    why = recorded.error or ("no failure" if recorded.device else "no failure without a GPU")
    progress.say(f"{case.name} was not seen to fail in {build.name} ({why}); another build: --build wheel:0.1.13")
    return replace(recorded, error=case.error)


def _wrong_script(path: str, repo: Repo, base: str) -> str:
    try:
        read_script(repo, upstream_ref(repo, asked=base), path)
    except UsageError as error:
        return str(error)
    return ""


def _word(text: str, flag: str) -> str:
    """One word that may be part of a path or an identifier.

    Raises
    ------
    UsageError
        If it holds anything else.
    """
    if text and not all(sign.isalnum() or sign in "_-+ " for sign in text):
        raise UsageError(f"{flag} {text!r}: letters, digits, - and _ alone", hint=f"say a plain name: {flag} Reduce")
    return text


def _list(namespace: argparse.Namespace) -> int:
    known = kinds()
    if namespace.json:
        print(json.dumps({name: kind.summary for name, kind in known.items()}, indent=1))  # noqa: T201 - the result
        return int(ExitCode.OK)
    width = max(map(len, known))
    for name, kind in known.items():
        print(f"{name:{width}}  {kind.summary}")  # noqa: T201
    print("\nnext: scripts/new_pr.py docs-fix")  # noqa: T201
    return int(ExitCode.OK)


def _show(plan: Plan, kind: Kind, namespace: argparse.Namespace) -> None:
    draft = plan.draft
    if namespace.json:
        report = StartedReport(
            written=not namespace.dry_run,
            branch=draft.branch,
            base_ref=draft.base_ref,
            title=draft.title,
            draft=str(draft.folder),
            files={path: plan.roles[path] for path in sorted(plan.files)},
            added_to=tuple(sorted(plan.appended)),
            kept=tuple(sorted(plan.kept)),
        )
        write_out(render_started_json(report))
        return
    done = "would be made" if namespace.dry_run else "is on" if namespace.adopt else "is new"
    print(f"{'~' if namespace.dry_run else '+'} {draft.title}")  # noqa: T201
    print(f"  branch {draft.branch} {done}, from {draft.base_ref}, in {near(draft.checkout)}")  # noqa: T201
    for line in describe(plan):
        print(f"  {line}")  # noqa: T201
    print(f"  kept outside the checkout, in {near(draft.folder)}")  # noqa: T201
    print(f"  what reviewers ask of it: {near(kind.checklist)}")  # noqa: T201
    if namespace.dry_run:
        print("next: the same without --dry-run")  # noqa: T201
        return
    print(f"next: {_following(plan, kind, made=namespace.adopt)}")  # noqa: T201


def _following(plan: Plan, kind: Kind, *, made: bool) -> str:
    """What a person does first with it; ``made``: the change is there already."""
    verb = command_line("evidence", "--checkout", str(plan.draft.checkout))
    if plan.files:
        wanted = ("example", "test")
        first = next(
            (path for role in wanted for path in sorted(plan.files) if plan.roles[path] == role), min(plan.files)
        )
        return f"edit {shlex.quote(first)}, make the change, then: {verb}"
    if not kind.evidence:
        return f"write {near(plan.draft.body)}"
    return verb if made else f"make the change, then: {verb}"
