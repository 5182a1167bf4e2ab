"""``examples``: run upstream's examples and their tests on the GPUs there are."""

from __future__ import annotations

import argparse
import datetime
import functools
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.builds.build import Build
from scaffold.builds.names import parse_name
from scaffold.builds.store import BuildStore
from scaffold.builds.wheel import newest_release
from scaffold.builds.workspace import Workspace
from scaffold.cli.options import (
    Output,
    Parser,
    add_common,
    add_output,
    amount,
    command_line,
    exit_for,
    gpu_numbers,
    output_of,
    positive,
    progress_of,
    require_writable,
    write_result,
)
from scaffold.corpus.checkout import UpstreamTree, named_tree, tree_of
from scaffold.corpus.examples.discover import Discovered, discover, select
from scaffold.corpus.examples.model import Example, ExampleJob
from scaffold.corpus.gpus import find_gpus, held_by_others
from scaffold.errors import ExitCode, UsageError
from scaffold.progress import Progress

if TYPE_CHECKING:
    from scaffold.corpus.examples.record import Campaign
    from scaffold.corpus.examples.run import Lower

_GIB = 1 << 30
#: Width of a table written to a file, in columns.
_FILE_WIDTH = 120
#: How many of those that went wrong the last line names.
_MOST_AGAIN = 3

Chosen = list[tuple[Example, tuple[str, ...]]]


def run(argv: Sequence[str]) -> int:
    """Run the verb; 1 where an example failed, crashed or took too long."""
    namespace = _parser().parse_args(argv)
    progress = progress_of(namespace)
    output = output_of(namespace)
    if namespace.junit:
        require_writable(Path(namespace.junit))
    workspace = Workspace.at(namespace.workspace)
    store = BuildStore(workspace, progress, torch=namespace.torch)
    named = named_tree(namespace.source_tree) if namespace.source_tree else None
    if namespace.list:
        return _list(namespace, output, named or tree_of(_looked_at(namespace, store), workspace, progress))
    gpu = _gpu_name(namespace, progress)
    chosen = _choose(namespace, named)[1] if named else None
    build = store.get(namespace.build)
    tree = named or tree_of(build, workspace, progress)
    if tree.note:
        progress.say(tree.note)
    chosen = chosen or _choose(namespace, tree)[1]
    return _run(namespace, output, workspace, progress, build=build, tree=tree, chosen=chosen, gpu=gpu)


def _parser() -> Parser:
    parser = Parser(
        "examples",
        "Run TileLang's own examples and their tests, each in a process of its own, one on each GPU at a time.",
        example="examples gemm flash_attention --gpus 0,1",
    )
    parser.add_argument(
        "topics", nargs="*", metavar="TOPIC", help="gemm, gemm/example_gemm.py, gemm/test_x.py::test_y (default: all)"
    )
    group = parser.add_argument_group("what is run")
    group.add_argument("--only", choices=("scripts", "tests"), help="not the other ones")
    group.add_argument(
        "--tests", metavar="AREA", action="append", default=[], help="also testing/python/AREA; alone: only that"
    )
    group.add_argument("--list", action="store_true", help="say what would be run and what it needs, and stop")
    group.add_argument("--force", action="store_true", help="run also what asks for a GPU or package that is not there")
    group.add_argument("--build", metavar="NAME", help="wheel:0.1.15, worktree, python:/path/to/python")
    group.add_argument("--torch", metavar="T", help="PyTorch of a new build: auto, cpu, or a pip requirement")
    group.add_argument("--source-tree", metavar="DIR", help="take the examples of this checkout, not the build's own")
    group = parser.add_argument_group("how it is run")
    group.add_argument(
        "--timeout", metavar="SECONDS", type=amount, default=600.0, help="for a script, or one test (default: 600)"
    )
    group.add_argument(
        "--memory", metavar="GIB", type=amount, help="for one process with its children (default: 9/10 of the machine)"
    )
    group.add_argument("--gpus", metavar="0,1", type=gpu_numbers, default=(), help="only these (default: all)")
    group.add_argument("--jobs", metavar="N", type=positive, help="at most so many at once (default: one a GPU)")
    group.add_argument("--scheduler", metavar="ADDRESS", help="use the workers of this Dask cluster: tcp://host:8786")
    add_output(parser, ("terminal", "json"))
    parser.add_argument("--junit", metavar="FILE", help="write JUnit's XML there, too")
    add_common(parser)
    return parser


def _choose(namespace: argparse.Namespace, tree: UpstreamTree) -> tuple[Discovered, Chosen]:
    """What there is, and what of it was asked for.

    Raises
    ------
    UsageError
        If a topic is unknown, or nothing is left.
    """
    found = discover(tree.folder, namespace.tests)
    topics = list(namespace.topics)
    if namespace.tests:
        topics += [f"testing/python/{area}" for area in namespace.tests]
    chosen = select(found, topics, namespace.only)
    if not chosen:
        raise UsageError(f"no {namespace.only or 'examples'} in {', '.join(topics) or tree.folder}", hint="see: --list")
    return found, chosen


def _gpu_name(namespace: argparse.Namespace, progress: Progress) -> str:
    """The name of the GPU there is; empty where there is none, or a cluster has them."""
    if namespace.scheduler:
        if namespace.jobs:
            raise UsageError("--jobs and --scheduler: a cluster runs as many as it has workers", hint="leave one out")
        return ""
    gpus = find_gpus(namespace.gpus)
    if gpus:
        for gpu in held_by_others(gpus):
            progress.say(f"GPU {gpu.index} ({gpu.name}) is in use by another run of examples; waiting for it")
        return gpus[0].name
    progress.say("no GPU here: examples are lowered instead, not run")
    return ""


def _looked_at(namespace: argparse.Namespace, store: BuildStore) -> Build:
    """The build a listing is for, which need not be there: a release's examples are told by its name."""
    name = namespace.build
    if name is None and (preferred := store.preferred()):
        return preferred
    if name in (None, "wheel:latest"):
        return Build(f"wheel:{newest_release(store.workspace, store.progress)}", "")
    return (None if parse_name(name).kind == "wheel" else store.find(name)) or Build(name, "")


def _list(namespace: argparse.Namespace, output: Output, tree: UpstreamTree) -> int:
    from scaffold.corpus.examples.shown import print_listing
    from scaffold.corpus.examples.written import listing
    from scaffold.report.terminal import make_console

    found, chosen = _choose(namespace, tree)
    if output.format == "json":
        wanted = {example.path for example, _ in chosen}
        kept = Discovered(tuple(item for item in found.examples if item.path in wanted), found.left_out)
        write_result(output, json.dumps(listing(kept, tree.version), indent=1).encode() + b"\n")
        return int(ExitCode.OK)
    console = make_console(sys.stdout, color=output.color, width=output.width)
    following = command_line("examples", *namespace.topics, *_same(namespace))
    print_listing(chosen, found, console, what=str(tree), next_command=following)
    return int(ExitCode.OK)


def _run(
    namespace: argparse.Namespace,
    output: Output,
    workspace: Workspace,
    progress: Progress,
    *,
    build: Build,
    tree: UpstreamTree,
    chosen: Chosen,
    gpu: str,
) -> int:
    from scaffold.builds.content import content_digest
    from scaffold.builds.limits import cores
    from scaffold.corpus.examples.campaign import run_all
    from scaffold.corpus.examples.lowered import lower_instead
    from scaffold.corpus.examples.record import Campaign, make_folder
    from scaffold.corpus.lowering import close_servers
    from scaffold.corpus.pool import open_pool

    jobs = [_job(namespace, workspace, build, tree, example, select) for example, select in chosen]
    campaign = Campaign(
        build=build.name,
        tree=str(tree.folder),
        tree_version=tree.version,
        tree_words=str(tree),
        asked=len(jobs),
        folder=make_folder(workspace.root / "examples"),
        started_at=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )
    lower: Lower | None = None
    if not gpu and not namespace.scheduler:
        lower = functools.partial(lower_instead, str(workspace.root), content_digest(build, workspace))
    slots = len(find_gpus(namespace.gpus)) if gpu else cores()
    try:
        with open_pool(min(namespace.jobs or slots, slots), namespace.scheduler) as pool:
            progress.say(f"{'running' if gpu or namespace.scheduler else 'lowering'} {len(jobs)} files, {pool.where}")
            run_all(campaign, jobs, pool, progress=progress, lower=lower)
    except KeyboardInterrupt:
        _emit(campaign, output, namespace, progress, gpu=gpu)
        raise
    finally:
        close_servers()
    _emit(campaign, output, namespace, progress, gpu=gpu)
    return exit_for(finding=bool(campaign.bad))


def _job(
    namespace: argparse.Namespace,
    workspace: Workspace,
    build: Build,
    tree: UpstreamTree,
    example: Example,
    select: tuple[str, ...],
) -> ExampleJob:
    local = namespace.scheduler is None
    return ExampleJob(
        example=example,
        tree=str(tree.folder),
        build=build.name,
        python=build.python,
        timeout_s=namespace.timeout,
        memory_bytes=int((namespace.memory or 0) * _GIB),
        gpus=namespace.gpus,
        select=select,
        forced=namespace.force,
        scratch=str(workspace.root) if local else "",
        cache=str(workspace.cache) if local else "",
    )


def _emit(campaign: Campaign, output: Output, namespace: argparse.Namespace, progress: Progress, *, gpu: str) -> None:
    from scaffold.corpus.examples.shown import headline, print_campaign
    from scaffold.corpus.examples.written import document, junit
    from scaffold.files import write_atomically
    from scaffold.report.terminal import make_console

    if namespace.junit:
        write_atomically(Path(namespace.junit), junit(campaign))
        progress.say(f"wrote {namespace.junit}")
    following = _next(campaign, namespace)
    if output.format == "terminal" and output.path is None:
        console = make_console(sys.stdout, color=output.color, width=output.width)
        print_campaign(campaign, console, gpu=gpu, next_command=following)
        return
    if output.format == "json":
        data = json.dumps(document(campaign), indent=1).encode() + b"\n"
    else:
        text = io.StringIO()
        console = make_console(text, color="never", width=output.width or _FILE_WIDTH)
        print_campaign(campaign, console, gpu=gpu, next_command=following)
        data = text.getvalue().encode()
    write_result(output, data)
    if output.path is not None:
        progress.say(headline(campaign, gpu))
        progress.say(f"wrote {output.path}")


def _next(campaign: Campaign, namespace: argparse.Namespace) -> str:
    """What went wrong once more, or what else there is."""
    words = list(dict.fromkeys(outcome.shown for outcome in campaign.bad))[:_MOST_AGAIN]
    return command_line("examples", *words, *_same(namespace), *([] if campaign.bad else ["--list"]))


def _same(namespace: argparse.Namespace) -> list[str]:
    """Flags that make the next command be about the same build and tree."""
    words = ["--build", namespace.build] if namespace.build else []
    return words + (["--source-tree", namespace.source_tree] if namespace.source_tree else [])
