"""What came of a run, and what there is to run, as lines for a person."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scaffold.corpus.examples.discover import Discovered
from scaffold.corpus.examples.model import BAD, Example, Need, Outcome, Status, Totals
from scaffold.corpus.examples.record import Campaign

_STYLE: dict[Status, str] = {
    "passed": "green",
    "lowered": "cyan",
    "failed": "bold red",
    "timed out": "bold red",
    "crashed": "bold red",
    "lost": "bold red",
    "skipped": "yellow",
    "not run": "yellow",
}
_NEEDS = re.compile(r"needs (\w+), which \S+ does not have")
#: Last lines of a failure on the screen; the log and the JSON have more.
_LAST_LINES = 8
#: Reasons with more examples than this name only the first of them.
_MOST_NAMED = 6


def headline(campaign: Campaign, gpu: str) -> str:
    """The answer in one line; ``gpu`` is what there is, where nothing ran."""
    where = " and ".join(campaign.gpus) or gpu
    said = f"{campaign.totals} in {campaign.seconds:.0f} s"
    said += f" on {where}" if where else ""
    if campaign.interrupted:
        said = f"interrupted after {len(campaign.results)} of {campaign.asked} files: {said}"
    return said


def print_campaign(campaign: Campaign, console: Console, *, gpu: str, next_command: str) -> None:
    """The answer, a row a file that ran, why others did not, and the last lines of each failure."""
    console.print(Text(headline(campaign, gpu), style="bold"), soft_wrap=True)
    console.print(Text(f"{campaign.build}, {campaign.tree_words}"), soft_wrap=True)
    _print_rows(campaign, console)
    _print_reasons(campaign, console)
    _print_missing(campaign, console)
    alike: dict[tuple[Status, str], list[Outcome]] = {}
    for outcome in campaign.bad:
        alike.setdefault((outcome.status, outcome.reason), []).append(outcome)
    for outcomes in alike.values():
        _print_bad(outcomes, campaign, console)
    console.print()
    console.print(Text(f"next: {next_command}", style="bold"), soft_wrap=True)


def _print_rows(campaign: Campaign, console: Console) -> None:
    rows = [result for result in campaign.results if result.gpu or result.bad or result.seconds]
    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("file", overflow="fold", no_wrap=True)
    table.add_column("result", overflow="fold")
    table.add_column("s", justify="right", no_wrap=True)
    for result in rows:
        totals = Totals.of([result])
        alone = result.kind == "script" and len(result.outcomes) == 1
        said = result.outcomes[0].status if alone else str(totals)
        worst = next((outcome.status for outcome in result.outcomes if outcome.status in BAD), None)
        style = _STYLE[worst or result.outcomes[0].status] if result.outcomes else ""
        table.add_row(result.path.removeprefix("examples/"), Text(said, style=style), f"{result.seconds:.0f}")
    console.print()
    console.print(table)


def _print_reasons(campaign: Campaign, console: Console) -> None:
    """Why some did not run, each reason once, the commonest first."""
    reasons: dict[tuple[Status, str], list[str]] = {}
    for result in campaign.results:
        whole = {(outcome.status, outcome.reason) for outcome in result.outcomes}
        named = result.outcomes if len(whole) > 1 else result.outcomes[:1]
        for outcome in named:
            if outcome.status in ("skipped", "not run", "lowered"):
                name = outcome.shown if len(whole) > 1 else result.path.removeprefix("examples/")
                reasons.setdefault((outcome.status, outcome.reason), []).append(name)
    if not reasons:
        return
    console.print()
    for (status, reason), names in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0])):
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        line = Text(f"{status}: ", style=_STYLE[status])
        line.append(f"{reason or 'no reason given'}: {', '.join(names[:_MOST_NAMED])}{more}", style="default")
        console.print(line)


def _print_missing(campaign: Campaign, console: Console) -> None:
    """Packages that examples asked for in vain, the most wanted first."""
    outcomes = (outcome for result in campaign.results for outcome in result.outcomes)
    found = Counter(match.group(1) for outcome in outcomes if (match := _NEEDS.match(outcome.reason)))
    if found:
        names = ", ".join(f"{name} ({count})" for name, count in found.most_common(_MOST_NAMED))
        console.print(Text(f"packages that were missing: {names}; installed beside the kit they are lent to the build"))


def _print_bad(outcomes: Sequence[Outcome], campaign: Campaign, console: Console) -> None:
    """One that went wrong, its last lines, and the others of which the same is said."""
    outcome, others = outcomes[0], outcomes[1:]
    console.print()
    after = f" after {outcome.seconds:.0f} s" if outcome.seconds else ""
    console.print(Text(f"{outcome.shown} {outcome.status}{after}: {outcome.reason}", style=_STYLE[outcome.status]))
    for line in outcome.tail.splitlines()[-_LAST_LINES:]:
        for part in textwrap.wrap(line, console.width - 6, subsequent_indent="    ", drop_whitespace=False) or [""]:
            console.print(Text(f"  | {part}", style="dim"))
    if others:
        console.print(Text(f"  the same: {', '.join(other.shown for other in others)}"))
    log = campaign.log_of(outcome.path)
    if log.exists():
        console.print(Text(f"  log: {_near(log)}"), soft_wrap=True)


def _near(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def print_listing(
    chosen: Sequence[tuple[Example, tuple[str, ...]]],
    found: Discovered,
    console: Console,
    *,
    what: str,
    next_command: str,
) -> None:
    """What would be run: a row an example, with what it needs."""
    scripts = sum(example.kind == "script" for example, _ in chosen)
    files = len(chosen) - scripts
    tests = sum(len(names or example.tests) for example, names in chosen if example.kind == "tests")
    topics = len({example.topic for example, _ in chosen})
    counts = f"{_many(scripts, 'script')} and {_many(tests, 'test')} in {_many(files, 'file')}"
    console.print(Text(f"{counts}, in {_many(topics, 'topic')}: {what}", style="bold"), soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("example", overflow="fold", no_wrap=True)
    table.add_column("tests", justify="right")
    table.add_column("needs", overflow="fold")
    for example, names in chosen:
        count = str(len(names or example.tests)) if example.kind == "tests" else ""
        table.add_row(example.shown, count, needs_in_words(example))
    console.print(table)
    console.print()
    if found.left_out:
        console.print(f"{len(found.left_out)} other Python files are no examples; --json says why of each")
    console.print(Text(f"next: {next_command}", style="bold"), soft_wrap=True)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def needs_in_words(example: Example) -> str:
    """``compute capability >= 9.0; einops; perhaps flash_attn``; of tests also what only some of them need."""
    words = [_in_words(need) for need in example.needs]
    some = [_in_words(need) for test in example.tests for need in test.needs]
    words += [f"some {word}" for word in dict.fromkeys(some) if word not in words and word != "NVIDIA"]
    words += [f"perhaps {name}" for name in example.may_need]
    words += ["some expected to fail"] if any(test.expected_to_fail for test in example.tests) else []
    return "; ".join(dict.fromkeys(word for word in words if word))


def _in_words(need: Need) -> str:
    if need.kind == "backend":
        return {"cuda": "NVIDIA", "hip": "AMD", "metal": "Metal"}.get(need.value, need.value)
    return f"capability {need.value}" if need.kind == "capability" else need.value
