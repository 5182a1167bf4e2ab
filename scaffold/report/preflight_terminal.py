"""Preflight on a terminal: the answer, what failed with its places and its remedy, the checklist, what to type next."""

from __future__ import annotations

import io

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from scaffold.report.clean import cleaned
from scaffold.report.corpus_terminal import one_line
from scaffold.report.preflight_view import BOXES, SYMBOLS, CheckRow, ItemRow, PreflightReport, Word
from scaffold.report.terminal import make_console

_STYLE: dict[Word, str] = {
    "failed": "bold red",
    "warned": "yellow",
    "unknown": "magenta",
    "passed": "green",
    "quiet": "dim",
}
_HEAD_STYLE = {"!": "bold red", "?": "bold magenta", "+": "bold green"}
#: Lines of a place shown of each check unless all are asked for.
_MOST_PLACES = 12
_LOUD: tuple[Word, ...] = ("failed", "warned", "unknown")


def render_preflight_text(report: PreflightReport, *, width: int = 120, everything: bool = False) -> str:
    """The report as plain lines, for a file or a pipe."""
    stream = io.StringIO()
    print_preflight(report, make_console(stream, color="never", width=width), everything=everything)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def print_preflight(report: PreflightReport, console: Console, *, everything: bool = False) -> None:
    """Write the report to ``console``; ``everything`` shows every place, and each check that passed."""
    it = cleaned(report)
    console.print(Text(it.headline, style=_HEAD_STYLE[it.headline[0]]), soft_wrap=True)
    for line in it.details:
        console.print(Padding(Text(one_line(line), style="dim"), (0, 0, 0, 2)))
    for line in it.fixed:
        console.print(Padding(Text(f"mended: {one_line(line)}", style="green"), (0, 0, 0, 2)))
    for word in _LOUD:
        for row in it.of(word):
            _print_row(row, console, everything=everything)
    if it.of("passed") or it.of("quiet"):
        console.print()
    for word in ("passed", "quiet"):
        _print_names(it, word, console, everything=everything)
    if it.items:
        console.print()
        console.print(Text(f"checklist of {it.kind}", style="bold"))
        for item in it.items:
            _print_item(item, console)
    console.print()
    console.print(Text(f"next: {one_line(it.next_command)}", style="bold"), soft_wrap=True)


def _print_row(row: CheckRow, console: Console, *, everything: bool) -> None:
    console.print()
    head = Text(f"{SYMBOLS[row.word]} {row.word} {row.id}: ", style=_STYLE[row.word])
    console.print(_Hanging(head.append(one_line(row.message) or row.title, style="default"), 0, 2))
    shown = row.places if everything else row.places[:_MOST_PLACES]
    for place in shown:
        console.print(_Hanging(Text(one_line(place)), 4, 2))
    if left := len(row.places) - len(shown):
        console.print(Padding(Text(f"… and {left} more (-v shows all)", style="dim"), (0, 0, 0, 4)))
    if row.word == "failed":
        console.print(_Hanging(Text(f"why: {row.why}", style="dim"), 4, 2))
    if row.fix:
        console.print(_Hanging(Text(f"fix: {one_line(row.fix)}", style="bold"), 4, 2))
    if everything and row.link:
        console.print(Padding(Text(row.link, style="dim"), (0, 0, 0, 4)))


def _print_names(report: PreflightReport, word: Word, console: Console, *, everything: bool) -> None:
    """Those that need no attention, in a line, or one a line."""
    rows = report.of(word)
    if not rows:
        return
    if everything:
        for row in rows:
            told = f"{SYMBOLS[word]} {row.id}: {one_line(row.message) or row.title} ({row.seconds:.1f} s)"
            console.print(_Hanging(Text(told, style=_STYLE[word]), 0, 2))
        return
    what = "passed" if word == "passed" else "not for this branch, or left out"
    names = ", ".join(row.id for row in rows)
    console.print(_Hanging(Text(f"{SYMBOLS[word]} {len(rows)} {what}: {names}", style=_STYLE[word]), 0, 2))


def _print_item(item: ItemRow, console: Console) -> None:
    style = {"open": "bold", "failed": "bold red"}.get(item.state, "dim")
    ticked = {"seen": f" ({item.rule})", "spared": " (not for this branch)", "failed": f" ({item.rule} failed)"}
    line = f"{BOXES[item.state]} {item.id} {one_line(item.text)}{ticked.get(item.state, '')}"
    console.print(_Hanging(Text(line, style=style), 2, 4))
    if item.state == "not needed" or (item.state == "open" and item.said):
        console.print(_Hanging(Text(one_line(item.said), style="dim"), 6, 2))
    if item.state == "open" and item.check:
        console.print(_Hanging(Text(f"check: {one_line(item.check)}", style="dim"), 6, 2))


class _Hanging:
    """Text whose second and further lines stand further to the right."""

    def __init__(self, text: Text, left: int, hang: int) -> None:
        self.text, self.left, self.hang = text, left, hang

    def __rich_console__(self, console: Console, options: object) -> list[Padding]:
        del options
        room = max(console.width - self.left, 20)
        first, *rest = self.text.wrap(console, room, overflow="fold") or [Text()]
        if not rest:
            return [Padding(first, (0, 0, 0, self.left))]
        for line in (first, *rest):
            line.rstrip()
        again = Text(" ").join(rest)
        lines = [Padding(first, (0, 0, 0, self.left))]
        lines += [
            Padding(line, (0, 0, 0, self.left + self.hang))
            for line in again.wrap(console, max(room - self.hang, 20), overflow="fold")
        ]
        return lines
