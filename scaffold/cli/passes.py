"""``passes``: where each pass is defined, wrapped, run, tested and documented."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Mapping, Sequence

import msgspec

from scaffold.builds.content import content_digest
from scaffold.builds.passes.index import PassEntry, PassIndex
from scaffold.builds.passes.store import PassIndexes
from scaffold.builds.source.worktree import find_checkout
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.cli.builds import not_here
from scaffold.cli.options import (
    Output,
    Parser,
    add_common,
    add_output,
    command_line,
    output_of,
    progress_of,
    write_result,
)
from scaffold.cli.passes_shown import Shown, markdown_list, markdown_passes, print_list, print_passes
from scaffold.corpus.lowering import kernels_by_pass
from scaffold.errors import ExitCode, ScaffoldError, UnknownBuildError, UnknownPassError
from scaffold.report.terminal import make_console

#: Kernel and target of the zoo in which a backend's passes can be seen without its hardware.
_SEEN_IN = {
    "cuda": ("gemm", "cuda:sm_90a"),
    "rocm": ("gemm", "hip:gfx942"),
    "metal": ("gemm", "metal"),
    "cpu": ("cpu_gemm", "c"),
}
_FILE_WIDTH = 120


def run(argv: Sequence[str]) -> int:
    """List the passes of a build, or show some."""
    parser = _parser()
    namespace = parser.parse_args(argv)
    if namespace.names and (namespace.match or namespace.all):
        parser.error("--match and --all choose what is listed; a NAME is shown whole")
    output, progress = output_of(namespace), progress_of(namespace)
    workspace = Workspace.at(namespace.workspace)
    store = BuildStore(workspace, progress)
    name = _settled(namespace.build, store) if namespace.build else _default_build(store)
    index = PassIndexes(workspace, progress).get(name, fetch=namespace.fetch)
    if index is None:
        raise not_here(name, workspace, store.installed())
    changes = _changes(store, name) if namespace.names else {}
    if namespace.names:
        found = [entry for wanted in namespace.names for entry in _found(index, wanted)]
        show(index, tuple(dict.fromkeys(found)), output, whole=True, changes=changes)
    else:
        entries, left_out = _listed(index, namespace)
        show(index, entries, output, left_out=left_out, changes=changes)
    return int(ExitCode.OK)


def _parser() -> Parser:
    parser = Parser(
        "passes",
        "List the passes of a build with their source lines, or show what is known of one: "
        "its wrapper, the pipelines that run it, its tests and docs.",
        example="passes LowerTileOp --build wheel:0.1.15",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="LowerTileOp, tl.LowerTileOp")
    group = parser.add_argument_group("what is listed")
    group.add_argument("--build", metavar="NAME", help="wheel:0.1.15, worktree, worktree:DIR, git:main")
    group.add_argument("--match", metavar="TEXT", help="only passes with this in their name or in the path of a file")
    group.add_argument("--all", action="store_true", help="also passes of TVM that TileLang's Python does not make")
    group.add_argument(
        "--fetch",
        action="store_true",
        help="download the source archive of the build's release, once, for tests and docs",
    )
    add_output(parser, ("terminal", "markdown", "json"))
    add_common(parser)
    return parser


def _settled(name: str, store: BuildStore) -> str:
    """The build a name means today: the release of ``wheel:latest``, if it is here."""
    if not name.endswith(":latest"):
        return name
    build = store.find(name)
    return build.name if build else name


def _default_build(store: BuildStore) -> str:
    """The build other verbs take; in a workspace without one, the checkout around the current folder.

    Raises
    ------
    UnknownBuildError
        If there is neither.
    """
    if build := store.preferred():
        return build.name
    with contextlib.suppress(UnknownBuildError):
        return f"worktree:{find_checkout('', store.workspace).root}"
    raise UnknownBuildError(
        f"no builds in {store.workspace.builds}, and no TileLang checkout here",
        hint=f"make one: {command_line('builds', 'add', 'wheel:latest')}; or name a checkout: --build worktree:DIR",
    )


def _changes(store: BuildStore, name: str) -> dict[str, list[str]]:
    """Which kernels of the corpus each pass changes, as far as this build, as it is now, has lowered any."""
    with contextlib.suppress(ScaffoldError):
        if build := store.find(name):
            return kernels_by_pass(store.workspace, content_digest(build, store.workspace))
    return {}


def _found(index: PassIndex, name: str) -> tuple[PassEntry, ...]:
    """The passes of that name.

    Raises
    ------
    UnknownPassError
        If there is none, with the nearest names.
    """
    if found := index.find(name):
        return found
    near = index.near(name)
    listing = command_line("passes", "--build", index.build)
    hint = f"did you mean {', '.join(near)}?" if near else f"list them: {listing}"
    raise UnknownPassError(f"no pass {name!r} in {index.build}, which has {len(index.passes)}", hint=hint)


def _listed(index: PassIndex, namespace: argparse.Namespace) -> tuple[tuple[PassEntry, ...], int]:
    """TileLang's own, and those of TVM that it makes; all of them with ``--all``. And how many that leaves out."""
    entries = index.matching(namespace.match) if namespace.match else index.passes
    kept = tuple(entry for entry in entries if namespace.all or entry.project == "tilelang" or entry.callers)
    return kept, len(entries) - len(kept)


def show(
    index: PassIndex,
    entries: Sequence[PassEntry],
    output: Output,
    *,
    changes: Mapping[str, Sequence[str]],
    whole: bool = False,
    left_out: int = 0,
) -> None:
    """Write a list of passes, or all about each (``whole``).

    ``changes`` are the kernels that a pass is known to change, by its name. ``left_out`` more could be listed.
    """
    if output.format == "json":
        document = msgspec.json.encode(_document(index, entries, changes))
        write_result(output, msgspec.json.format(document, indent=1) + b"\n")
        return
    following = _after_passes(index, entries[0]) if whole else _after_list(index, entries)
    shown = Shown(index, entries, left_out, changes, _advice(index, entries if whole else ()), following)
    if output.format == "markdown":
        write_result(output, (markdown_passes if whole else markdown_list)(shown).encode())
        return
    printer = print_passes if whole else print_list
    if output.path is None and (sys.stdout.isatty() or output.color == "always"):
        printer(shown, make_console(sys.stdout, color=output.color, width=output.width))
        return
    stream = io.StringIO()
    printer(shown, make_console(stream, color="never", width=output.width or _FILE_WIDTH))
    write_result(output, "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines()).encode())


def _document(
    index: PassIndex, entries: Sequence[PassEntry], changes: Mapping[str, Sequence[str]]
) -> dict[str, object]:
    """The index as JSON has it, with links; no clock in it."""
    passes = [
        {
            **msgspec.to_builtins(entry),
            "url": index.code.link(entry.source.path, entry.source.line) if entry.source else "",
            "changes": list(changes.get(entry.name, ())),
        }
        for entry in entries
    ]
    facts = {"build": index.build, "code": msgspec.to_builtins(index.code), "texts": msgspec.to_builtins(index.texts)}
    return {"schema_version": index.schema_version, **facts, "passes": passes}


def _advice(index: PassIndex, wanted: Sequence[PassEntry]) -> str:
    """Whose tests and docs these are, where they are not the build's own, and how to come by them."""
    if index.texts is not None:
        other = index.texts.version != index.code.version
        return f"tests and docs are those of {index.texts.version}, the nearest that is here" if other else ""
    if not index.code.version:
        return "no tests and docs here"
    words = [entry.tail for entry in wanted[:1]]
    command = command_line("passes", *words, *_build(index), "--fetch")
    return f"no tests and docs here, as a wheel has none; download them (about 90 MB, once): {command}"


def _after_list(index: PassIndex, entries: Sequence[PassEntry]) -> str:
    """To look at one of the list."""
    known = [entry.tail for entry in entries]
    name = "LowerTileOp" if "LowerTileOp" in known else next(iter(known), None)
    return command_line("passes", *([name] if name else []), *_build(index))


def _after_passes(index: PassIndex, entry: PassEntry) -> str:
    """To see the pass at work, where a kernel of the zoo takes a pipeline that runs it."""
    backends = {call.backend or "cuda" for call in entry.callers}
    backend = next((name for name in _SEEN_IN if name in backends), None)
    if backend is None:
        return command_line("passes", *_build(index))
    kernel, target = _SEEN_IN[backend]
    return command_line("tir-diff", kernel, "--pass", entry.tail, "--target", target, *_build(index))


def _build(index: PassIndex) -> tuple[str, str]:
    return ("--build", index.build)
