"""``preflight``: a branch of TileLang, looked at as upstream's CI and reviewers will."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace

from scaffold.builds.process import end_all
from scaffold.builds.source.git import git
from scaffold.builds.workspace import Workspace
from scaffold.cli.options import (
    Output,
    Parser,
    add_common,
    add_output,
    as_run,
    exit_for,
    output_of,
    progress_of,
    write_result,
)
from scaffold.cli.repeating import with_given
from scaffold.contribute.draft import write_draft
from scaffold.contribute.opening import write_preflight
from scaffold.contribute.preflight.checklist import Ticked, answered, read_checklist, tick
from scaffold.contribute.preflight.gather import Asked, gather
from scaffold.contribute.preflight.model import Facts
from scaffold.contribute.preflight.registry import RULES
from scaffold.contribute.preflight.run import Checked, Selection, can_fix, check_all, fix_all, require_known
from scaffold.contribute.preflight.showing import report_of
from scaffold.errors import UsageError
from scaffold.report.preflight_markdown import render_preflight_markdown
from scaffold.report.preflight_terminal import print_preflight, render_preflight_text
from scaffold.report.preflight_view import PreflightReport
from scaffold.report.pull_request_json import render_preflight_json
from scaffold.report.terminal import make_console

_FILE_WIDTH = 120


def run(argv: Sequence[str]) -> int:
    """Run the verb; 1 where a check failed."""
    namespace = _parser().parse_args(argv)
    output = output_of(namespace)
    progress = progress_of(namespace)
    if namespace.list:
        write_result(output, _listed().encode())
        return exit_for(finding=False)
    selection = Selection(tuple(namespace.only), tuple(namespace.skip), namespace.all)
    require_known((*selection.only, *selection.skip), RULES)
    workspace = Workspace.at(namespace.workspace)
    asked = Asked(namespace.checkout or "", namespace.kind or "", namespace.title or "", namespace.base or "")
    fixed: tuple[str, ...] = ()
    try:
        facts = _answer(gather(workspace, asked, progress), namespace)
        checked = check_all(facts, RULES, selection, progress)
        if namespace.fix:
            fixed = fix_all(checked, facts, progress)
            if fixed:
                facts = gather(workspace, asked, progress)
                checked = check_all(facts, RULES, selection, progress)
    finally:
        end_all()
    ticked = tick(read_checklist(facts.kind), checked, facts.draft.answers if facts.draft else {})
    if selection.only:
        ticked = tuple(item for item in ticked if item.item.rule in selection.only)
    guessed = not (facts.draft or asked.kind)
    command = as_run(with_given(_next(namespace, facts, checked, ticked), namespace))
    if facts.draft and not (selection.only or selection.skip):
        failed = [item.rule.id for item in checked if item.answer.word == "failed"]
        # What was looked at is no commit yet where something is not committed: it vouches for none.
        write_preflight(facts.draft, "" if facts.change.uncommitted else facts.change.head, failed)
    report = report_of(facts, checked, ticked, fixed=fixed, next_command=command, guessed=guessed)
    _emit(_as_typed(report, namespace), output, everything=namespace.verbose)
    return exit_for(finding=report.failed)


def _parser() -> Parser:
    parser = Parser(
        "preflight",
        "Check the branch that is checked out as upstream's CI and reviewers will; exit 1 where something failed.",
        example="preflight --fix",
    )
    parser.add_argument("--fix", action="store_true", help="mend what is mechanical, in files of the change only")
    group = parser.add_argument_group("which checks")
    group.add_argument("--only", metavar="ID", action="append", default=[], help="this check (may be repeated)")
    group.add_argument("--skip", metavar="ID", action="append", default=[], help="all but this one (may be repeated)")
    group.add_argument("--all", action="store_true", help="also those that take a build")
    group.add_argument("--list", action="store_true", help="say which checks there are, and why")
    group.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    group = parser.add_argument_group("the checklist")
    group.add_argument("--done", metavar="ITEM", action="append", default=[], help="tick it: --done BF03")
    group.add_argument(
        "--not-needed",
        metavar="ITEM=WHY",
        action="append",
        default=[],
        help="--not-needed 'BF04=because no kernel changes'",
    )
    group = parser.add_argument_group("which branch", "by default the draft of the branch says all of this")
    group.add_argument("--checkout", metavar="DIR", help="default: the one around this folder, else the workspace's")
    group.add_argument("--kind", help="bugfix, perf, … (default: by title, branch and folders)")
    group.add_argument("--title", help="default: the subject of the first commit")
    group.add_argument("--base", metavar="REF", help="what it goes to (default: upstream/main)")
    add_output(parser, ("terminal", "markdown", "json"))
    add_common(parser)
    return parser


def _answer(facts: Facts, namespace: argparse.Namespace) -> Facts:
    """Note what is said of the checklist."""
    if not (namespace.done or namespace.not_needed):
        return facts
    if facts.draft is None:
        raise UsageError(
            f"there is no draft of {facts.change.branch} to note an answer in",
            hint=as_run(with_given(_typed("new-pr", facts.kind.name, "--adopt"), namespace)),
        )
    draft = answered(facts.draft, read_checklist(facts.kind), namespace.done, namespace.not_needed)
    write_draft(draft)
    return replace(facts, draft=draft)


def _next(namespace: argparse.Namespace, facts: Facts, checked: Sequence[Checked], ticked: Sequence[Ticked]) -> str:
    """What to type: what mends most, what is not known yet, what is open, and at last the push."""
    failed = [item for item in checked if item.answer.word == "failed"]
    if any(can_fix(item.rule) for item in failed) and not namespace.fix:
        return _typed("preflight", "--fix")
    for item in failed:
        command = re.split(r", |; | for what ", item.answer.fix)[0]
        if command.startswith(("git ", "python -m scaffold ")) and not item.answer.elsewhere:
            return command
        if command.startswith("edit "):
            return f"{command}, then: {_typed('preflight')}"
    if failed:
        return _typed("preflight", "--only", failed[0].rule.id)
    if namespace.only:
        return _typed("preflight")
    # What was tried and could not be run here is no reason to type the same once more.
    waiting = [item.answer for item in checked if item.answer.word == "unknown" and not item.answer.elsewhere]
    if facts.draft and any("scaffold evidence" in answer.fix for answer in waiting):
        return _typed("evidence")
    if any(item.is_open for item in ticked) and facts.draft:
        name = next(item.item.id for item in ticked if item.is_open)
        return _typed("preflight", "--done", name)
    return _typed("open-pr") if facts.draft else _push(facts)


def _typed(*words: str) -> str:
    return f"python -m scaffold {shlex.join(words)}"


def _push(facts: Facts) -> str:
    """To the first remote that is not upstream's."""
    remotes = git("remote", at=facts.change.root).split()
    upstream = facts.change.base_ref.partition("/")[0]
    remote = next((name for name in remotes if name != upstream), upstream)
    return f"git push -u {shlex.quote(remote)} {shlex.quote(facts.change.branch)}"


def _as_typed(report: PreflightReport, namespace: argparse.Namespace) -> PreflightReport:
    """The report with every command in it as one types it here, about this branch."""
    checks = (replace(row, fix=as_run(with_given(row.fix, namespace))) for row in report.checks)
    items = (replace(row, check=as_run(with_given(row.check, namespace))) for row in report.items)
    return replace(report, checks=tuple(checks), items=tuple(items))


def _listed() -> str:
    width = max(map(len, RULES))
    lines = [
        f"{name:{width}}  {rule.cost:7}  {rule.title}\n{'':{width}}           {rule.why}"
        for name, rule in RULES.items()
    ]
    return "\n".join([*lines, ""])


def _emit(report: PreflightReport, output: Output, *, everything: bool) -> None:
    match output.format:
        case "terminal" if output.path is None and (sys.stdout.isatty() or output.color == "always"):
            print_preflight(
                report, make_console(sys.stdout, color=output.color, width=output.width), everything=everything
            )
        case "terminal":
            width = output.width or _FILE_WIDTH
            write_result(output, render_preflight_text(report, width=width, everything=everything).encode())
        case "markdown":
            write_result(output, render_preflight_markdown(report).encode())
        case "json":
            write_result(output, render_preflight_json(report))
        case _:
            raise UsageError(f"preflight has no form {output.format}", hint="say -o preflight.md or .json")
