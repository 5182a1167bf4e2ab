"""Passes as lines for a person: on a terminal, or as Markdown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scaffold.builds.passes.index import Call, Mention, PassEntry, PassIndex, Place, Tree
from scaffold.cli.options import command_line

#: Columns from which a wrapper has a column of its own, and from which a source line has.
_WIDEST, _WIDE = 170, 100
#: Test files named in a command.
_MOST_TESTS = 8


@dataclass(frozen=True)
class Shown:
    """What is shown: ``entries`` of ``index`` (``left_out`` more match), kernels a pass ``changes`` by its name."""

    index: PassIndex
    entries: Sequence[PassEntry]
    left_out: int
    changes: Mapping[str, Sequence[str]]
    advice: str
    following: str


def print_list(shown: Shown, console: Console) -> None:
    """One row a pass."""
    index = shown.index
    console.print(Text(_headline(shown), style="bold"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("pass", overflow="fold")
    if console.width >= _WIDE:
        table.add_column("defined in", overflow="fold")
    if console.width >= _WIDEST:
        table.add_column("Python", overflow="fold")
    if index.texts:
        table.add_column("tests", justify="right", no_wrap=True)
    for entry in shown.entries:
        table.add_row(*_cells(entry, console.width, tests=index.texts is not None))
    console.print(table)
    _print_end(shown, console)


def print_passes(shown: Shown, console: Console) -> None:
    """Everything that is known of some passes."""
    for entry in shown.entries:
        console.print(Text(_title(entry, shown.index), style="bold"), soft_wrap=True)
        before = ""
        for label, line in _facts(entry, shown):
            console.print(Text(f"  {'' if label == before else label:11}{line}"), soft_wrap=True)
            before = label
        console.print()
    _print_end(shown, console)


def markdown_list(shown: Shown) -> str:
    """The list as a table."""
    lines = [f"### {_headline(shown)}", "", "| pass | defined in | Python | tests |", "|---|---|---|--:|"]
    for entry in shown.entries:
        tests = str(len(entry.tests)) if shown.index.texts else ""
        code = shown.index.code
        lines.append(f"| `{entry.name}` | {_linked(entry.source, code)} | {_linked(entry.wrapper, code)} | {tests} |")
    return "\n".join([*lines, "", *_markdown_end(shown)])


def markdown_passes(shown: Shown) -> str:
    """Some passes, one section each."""
    lines: list[str] = []
    for entry in shown.entries:
        lines += [f"### {_title(entry, shown.index)}", ""]
        lines += [f"- {label}: {line}" for label, line in _facts(entry, shown, markdown=True)]
        lines.append("")
    return "\n".join([*lines, *_markdown_end(shown)])


def _headline(shown: Shown) -> str:
    ours = sum(entry.project == "tilelang" for entry in shown.entries)
    theirs = len(shown.entries) - ours
    more = f"; {shown.left_out} more of TVM with --all" if shown.left_out else ""
    return f"{shown.index.build}: {ours} passes of TileLang, {theirs} of TVM{more}"


def _title(entry: PassEntry, index: PassIndex) -> str:
    language = "C++" if entry.kind == "c++" else "Python"
    project = "TVM" if entry.project == "tvm" else "TileLang"
    return f"{entry.name}: a {language} pass of {project}, {index.build}"


def _cells(entry: PassEntry, width: int, *, tests: bool) -> list[str | Text]:
    source = str(entry.source or "not here")
    wrapper = str(entry.wrapper or "") if entry.kind == "c++" else ""
    name = Text(entry.name)
    place = Text(source)
    if width < _WIDE:
        name.append(f"\n  {source}", style="dim")
    below = name if width < _WIDE else place
    if wrapper and width < _WIDEST:
        below.append(f"\n{'  ' if width < _WIDE else ''}{wrapper}", style="dim")
    cells: list[str | Text] = [name]
    if width >= _WIDE:
        cells.append(place)
    if width >= _WIDEST:
        cells.append(Text(wrapper, style="dim"))
    return [*cells, str(len(entry.tests) or "")] if tests else cells


def _facts(entry: PassEntry, shown: Shown, *, markdown: bool = False) -> Iterator[tuple[str, str]]:
    """What is known, as (what, line); what comes several times has several lines."""
    index = shown.index

    def place(item: Place | Call | Mention, tree: Tree) -> str:
        return _linked(item, tree) if markdown else str(item)

    if entry.source is None:
        yield "defined in", "C++ that is not here: this build carries its Python only"
    else:
        yield "defined in", place(entry.source, index.code)
        url = index.code.link(entry.source.path, entry.source.line)
        if url and not markdown:
            yield "defined in", url
    if entry.wrapper and entry.kind == "c++":
        yield "Python", f"{place(entry.wrapper, index.code)} {entry.constructor}"
    if entry.registered:
        yield "registered", entry.registered
    for key in entry.configs:
        yield "configs", f"{key}, read in the file that defines it"
    for words in _callers(entry, index.code, markdown=markdown):
        yield "run by", words
    if not entry.callers:
        yield "run by", "no Python of TileLang's directly; other passes may run it"
    if index.texts:
        yield from _texts(entry, index.texts, markdown=markdown)
    for kernel in shown.changes.get(entry.name, ()):
        yield "changes", kernel
    if shown.changes.get(entry.name):
        yield "changes", f"found by {command_line('tir-diff', '--corpus')}"


def _callers(entry: PassEntry, tree: Tree, *, markdown: bool) -> Iterator[str]:
    """One line a function that makes the pass, with all places in it."""
    width = max((len(call.backend) for call in entry.callers), default=0)
    for (backend, path, function), calls in groupby(
        entry.callers, lambda call: (call.backend, call.path, call.function)
    ):
        first, *others = calls
        if markdown:
            links = [_linked(first, tree), *(_linked(other, tree, str(other.line)) for other in others)]
            where = ", ".join(links)
        else:
            where = ", ".join([f"{path}:{first.line}", *(str(other.line) for other in others)])
        room = f"{backend:{width}} " if width and not markdown else f"{backend} " if backend else ""
        yield f"{room}{where} in {function or 'the module'}"


def _site(call: Call) -> tuple[str, str, str]:
    return call.backend, call.path, call.function


def _texts(entry: PassEntry, tree: Tree, *, markdown: bool) -> Iterator[tuple[str, str]]:
    """Tests, those that make the pass first, and docs."""
    for mention in entry.tests:
        shown = _linked(mention, tree) if markdown else str(mention)
        yield "tests", f"{shown} {'makes it' if mention.calls else 'mentions it'}"
    if not entry.tests:
        yield "tests", "none that makes or mentions it"
    if command := tests_command(entry):
        yield "run tests", f"`{command}`" if markdown else f"cd {shlex.quote(f'{tree.folder}/testing')} && {command}"
    for mention in entry.docs:
        yield "docs", _linked(mention, tree) if markdown else str(mention)


def tests_command(entry: PassEntry) -> str:
    """The command that runs the tests that make the pass, or else mention it; empty where there are none.

    It is one for the folder ``testing``, as in upstream's CI: above it, the sources would be imported as ``tilelang``.
    """
    files = [mention for mention in entry.tests if mention.path.rpartition("/")[2].startswith("test_")]
    chosen = [item for item in files if item.calls] or files
    paths = [item.path.removeprefix("testing/") for item in chosen[:_MOST_TESTS]]
    return shlex.join(["python", "-m", "pytest", *paths]) if paths else ""


def _linked(item: Place | Call | Mention | None, tree: Tree, words: str = "") -> str:
    if item is None:
        return ""
    url = tree.link(item.path, item.line)
    return f"[{words or item}]({url})" if url else f"`{words or item}`"


def _print_end(shown: Shown, console: Console) -> None:
    if shown.advice:
        console.print(Text(shown.advice, style="dim"), soft_wrap=True)
    console.print(Text(f"next: {shown.following}", style="bold"), soft_wrap=True)


def _markdown_end(shown: Shown) -> list[str]:
    advice = [shown.advice, ""] if shown.advice else []
    return [*advice, f"<sub>next: `{shown.following}`</sub>", ""]
