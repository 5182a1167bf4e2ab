"""A benchmark as Markdown, for a pull request: the answer, the table upstream's reviewers know, and what is behind it.

GitHub takes at most 65,536 characters; what does not fit is left out with a count, rows that need no look first.
"""

from __future__ import annotations

from collections.abc import Callable

from scaffold.report.bench_view import BenchReport, BenchRow, Comparison
from scaffold.report.bench_words import (
    CODE_FIELDS,
    NONE,
    PEERS,
    QUIET,
    SYMBOLS,
    RowName,
    Shown,
    against,
    baseline_of,
    clocks_text,
    code_value,
    device_text,
    duration,
    durations,
    elapsed_text,
    factor_text,
    findings,
    interval_text,
    number,
    peers_of,
    prepared,
    ratio_text,
    roof_text,
    row_names,
    shared_settings,
    shown_outcome,
    shown_word,
    speed_of,
    speed_text,
    subject_of,
    word_and_reason,
)
from scaffold.report.corpus_terminal import one_line
from scaffold.report.markdown import MOST_CHARACTERS
from scaffold.report.markup import cell, details, escaped, fence, inline

#: Characters of a name in a table, of a finding, and of a headline, a detail or a fact.
_LONGEST_NAME = 120
_LONGEST_LINE = 400
_LONGEST_FACT = 600
#: Findings of one row.
_MOST_FINDINGS = 12
#: Details, notes and kinds of settings; and kernels of one kind of settings.
_MOST_FACTS = 20
_MOST_NAMES = 40
#: Share of the room for the table; what it leaves goes to findings, then to the code.
_TABLE_SHARE = 0.5
#: Characters of the words that say what was left out.
_CUT = 200

Line = Callable[[BenchRow, RowName], str]


def render_bench_markdown(report: BenchReport, *, most_characters: int = MOST_CHARACTERS) -> str:
    """The report as Markdown, at most ``most_characters`` long; what does not fit is counted."""
    report = prepared(report)
    head, tail = "\n".join(_head(report)), "\n".join(_tail(report))
    room = most_characters - len(head) - len(tail) - _CUT
    table = _table(report, int(room * _TABLE_SHARE))
    room -= len(table)
    run = "\n".join(details("Settings", _run(report)))
    run = run if len(run) < room else ""
    room -= len(run)
    told = _findings(report, room)
    code = _code(report, room - len(told)) if report.two_sided else ""
    text = "\n".join(part for part in (head, table, told, code, run, tail) if part)
    if len(text) <= most_characters:
        return text
    return text[: most_characters - 60] + "\n\n_cut: the comment would be too long_\n"


def _head(report: BenchReport) -> list[str]:
    lines = [f"### {SYMBOLS[shown_outcome(report)]} {escaped(_short(report.headline, _LONGEST_FACT))}", ""]
    lines += [f"- {escaped(_short(detail, _LONGEST_FACT))}" for detail in report.details[:_MOST_FACTS]]
    clocks = clocks_text(report.rows)
    device = f"GPU: {device_text(report.device)}{f', {clocks}' if clocks else ''}"
    lines.append(f"- {escaped(_short(device, _LONGEST_FACT))}")
    for side in report.sides:
        detail = f", {side.detail}" if side.detail else ""
        told = escaped(_short(f"(TileLang {side.version}{detail})", _LONGEST_FACT))
        label = escaped(_short(side.label, _LONGEST_NAME))
        lines.append(f"- {label}: {inline(_short(side.build, _LONGEST_NAME))} {told}")
    notes = (*report.device.notes, *report.notes)
    lines += [f"- note: {escaped(_short(note, _LONGEST_LINE))}" for note in notes[:_MOST_FACTS]]
    lines += [f"- {len(notes) - _MOST_FACTS} more notes"] if len(notes) > _MOST_FACTS else []
    return [*lines, ""]


def _tail(report: BenchReport) -> list[str]:
    lines = []
    if report.command:
        command = one_line(report.command)
        mark = fence([command])
        lines += ["Measure it again:", "", f"{mark}sh", command, mark, ""]
    return [*lines, f"<sub>next: {inline(one_line(report.next_command))}</sub>", ""]


# ---- the table


def _table(report: BenchReport, room: int) -> str:
    if not report.rows:
        return ""
    head, line = _two_sided(report) if report.two_sided else _one_sided(report)
    lines, left = _fitting(report, line, room - sum(map(len, head)))
    cut = [f"_{left} of {len(report.rows)} rows left out: the comment would be too long._", ""] if left else []
    return "\n".join([*head, *lines, "", *cut, _legend(report), ""])


def _fitting(report: BenchReport, line: Line, room: int) -> tuple[list[str], int]:
    """Lines of rows in their order, those that need a look first to be kept, and how many there is no room for."""
    named = list(zip(report.rows, row_names(report), strict=True))
    kept: dict[int, str] = {}
    for at in sorted(range(len(named)), key=lambda at: shown_word(report, named[at][0]) in QUIET):
        text = line(*named[at])
        if not text or len(text) + 1 <= room:
            kept[at] = text
            room -= len(text) + bool(text)
    return [kept[at] for at in sorted(kept)], len(named) - len(kept)


def _two_sided(report: BenchReport) -> tuple[list[str], Line]:
    head = [
        "| Case | Original | Current | Speedup | 95 % interval | A/A | Verdict |",
        "|:---|---:|---:|---:|:---|:---|:---|",
    ]

    def line(row: BenchRow, name: RowName) -> str:
        asked = row.asked
        times = (arm.median_ms if arm else None for arm in (baseline_of(row), subject_of(row)))
        speed = speed_of(asked.ratio if asked else None)
        again = speed_of(asked.again if asked else None)
        return _joined(
            _case(name),
            *durations(*times),
            f"{factor_text(speed.ratio)}x" if speed else NONE,
            _plain(interval_text(speed)),
            _plain(ratio_text(again)),
            _verdict(shown_word(report, row)),
        )

    return head, line


def _one_sided(report: BenchReport) -> tuple[list[str], Line]:
    peers = peers_of(report)
    # Claims stand beside what a row is set beside; a column of its own is for rows that have no time.
    troubled = any(shown_word(report, row) != "TIMED" for row in report.rows)
    titles = ["Case", "Time", "TFLOP/s", "GB/s", "Roof", *(f"Speed against {PEERS[key]}" for key in peers)]
    titles += ["Verdict"] if troubled else []
    head = [_joined(*titles), _joined(":---", *["---:"] * 4, *[":---"] * (len(titles) - 5))]

    def line(row: BenchRow, name: RowName) -> str:
        subject = subject_of(row)
        rates = (number(subject.tflops), number(subject.gbytes_per_s)) if subject else (NONE, NONE)
        return _joined(
            _case(name),
            duration(subject.median_ms if subject else None),
            *rates,
            roof_text(subject),
            *(_against(against(row, key)) for key in peers),
            *([_verdict(shown_word(report, row))] if troubled else []),
        )

    return head, line


def _joined(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _case(name: RowName) -> str:
    settings = f" {cell(_short(name.settings, _LONGEST_NAME))}" if name.settings else ""
    return f"{cell(_short(name.kernel, _LONGEST_NAME))}{settings}"


def _against(comparison: Comparison | None) -> str:
    """``+ **FASTER** 1.232x [1.225, 1.237]``."""
    if comparison is None:
        return NONE
    speed = speed_of(comparison.ratio)
    return f"{_verdict(comparison.word)}{f' {_plain(speed_text(speed))}' if speed else ''}"


def _verdict(word: Shown) -> str:
    """The word, bold where it needs a look; GitHub reads no list in a cell, so the symbols mean themselves."""
    return f"{SYMBOLS[word]} {word}" if word in QUIET else f"{SYMBOLS[word]} **{word}**"


def _plain(text: str) -> str:
    """Numbers in brackets that are no link."""
    return text.replace("[", "\\[").replace("]", "\\]")


def _legend(report: BenchReport) -> str:
    if report.two_sided:
        words = ["Speedup: original / current time, above 1 is faster", "A/A: the original against itself, same rounds"]
    else:
        words = ["1.250x: 1.25 times as fast, with its 95 % interval"] if peers_of(report) else []
    roofs = dict.fromkeys(
        arm.roof_of for row in report.rows for arm in row.arms if arm.roof is not None and arm.roof_of
    )
    if roofs and not report.two_sided:
        words.append(f"roof: share of what this GPU was measured to reach ({one_line(', '.join(roofs))})")
    return f"<sub>{escaped('. '.join(words))}.</sub>" if words else ""


# ---- below it


def _findings(report: BenchReport, room: int) -> str:
    """Why a row that needs a look has its word, and what else is to be known of any row."""

    def line(row: BenchRow, name: RowName) -> str:
        lines = findings(report, row)
        word = shown_word(report, row)
        if not lines and word in QUIET:
            return ""
        shown = [_prose(text) for text in lines[:_MOST_FINDINGS]]
        shown += [f"{len(lines) - _MOST_FINDINGS} more"] if len(lines) > _MOST_FINDINGS else []
        # A plus or a minus would begin a list within the list.
        symbol = SYMBOLS[word] if SYMBOLS[word].isalpha() else f"\\{SYMBOLS[word]}"
        told = f"- {symbol} {_case_inline(name)}{_prose(word_and_reason(report, row))}"
        return "\n".join([told, *(f"  - {text}" for text in shown)])

    lines, left = _fitting(report, line, room)
    lines = [text for text in lines if text]
    if left:
        lines.append(f"\n_Of {left} more rows nothing is said here: the comment would be too long._")
    return "\n".join([*lines, ""]) if lines else ""


def _prose(text: str) -> str:
    return escaped(_short(text.replace("->", "→"), _LONGEST_LINE))


def _case_inline(name: RowName) -> str:
    settings = f" {inline(_short(name.settings, _LONGEST_NAME))}" if name.settings else ""
    return f"{inline(_short(name.kernel, _LONGEST_NAME))}{settings}"


def _code(report: BenchReport, room: int) -> str:
    """What the compiler made on both sides, folded; empty where nothing was measured."""
    if not any(_code_values(row) for row in report.rows):
        return ""
    titles = [name.capitalize() if name.islower() else name for _, name, _ in CODE_FIELDS]
    head = [_joined("Case", *titles, "Compile time"), _joined(":---", *[":---"] * (len(titles) + 1))]

    def line(row: BenchRow, name: RowName) -> str:
        return _joined(_case(name), *(_code_values(row) or [NONE] * (len(titles) + 1)))

    lines, left = _fitting(report, line, room - _CUT - sum(map(len, head)))
    if not lines:
        return "_The table of registers, spills and binaries is left out: the comment would be too long._\n"
    cut = ["", f"_{left} of {len(report.rows)} rows left out: the comment would be too long._"] if left else []
    return "\n".join(details("Registers, spills, shared memory, binary, compile time", [*head, *lines, *cut]))


def _code_values(row: BenchRow) -> list[str]:
    """One value for each number of the code, both where they differ, bold."""
    baseline, subject = baseline_of(row), subject_of(row)
    if baseline is None or subject is None:
        return []
    values = [
        _both(code_value(baseline.code, field, unit), code_value(subject.code, field, unit))
        for field, _, unit in CODE_FIELDS
    ]
    before, after = durations(baseline.code.compile_ms, subject.code.compile_ms)
    values.append(before if before == after else f"{before} → {after}")
    return [] if all(value == NONE for value in values) else values


def _both(before: str, after: str) -> str:
    if before == after:
        return before
    return f"{before} → {after}" if NONE in (before, after) else f"**{before} → {after}**"


def _run(report: BenchReport) -> list[str]:
    """When, how long, and with which settings."""
    took = (
        f"took {elapsed_text(report.seconds)}{f', started {one_line(report.started_at)}' if report.started_at else ''}"
    )
    lines = [f"- {escaped(_short(took, _LONGEST_LINE))}"]
    kernels = shared_settings(report)
    for names, settings in kernels[:_MOST_FACTS]:
        named = ", ".join(inline(_short(name, _LONGEST_NAME)) for name in names[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        lines.append(f"- {named}{more}: {inline(_short(settings, _LONGEST_LINE))}")
    return lines + ([f"- {len(kernels) - _MOST_FACTS} more"] if len(kernels) > _MOST_FACTS else [])


def _short(text: str, longest: int) -> str:
    line = one_line(text)
    return line if len(line) <= longest else line[: longest - 1] + "…"
