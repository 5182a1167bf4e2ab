"""The report on a terminal and as plain lines."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from made import LOOP, LOOP_2, NEXT, START, SYNC, one_sided, two_sided
from traces import Step, module, trace_of

from scaffold.report.terminal import TerminalOptions, make_console, matches, print_report, render_text, select_passes
from scaffold.report.view import SYMBOLS, MetricView, Report


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the terminal the tests happen to run in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def table_of(text: str) -> list[str]:
    """The lines of the table, between its header and the first empty line."""
    lines = iter(text.splitlines())
    return list(_until_empty(lines, next(line for line in lines if line.lstrip().startswith("#"))))


def _until_empty(lines: Iterator[str], first: str) -> Iterator[str]:
    yield first
    for line in lines:
        if not line.strip() or line.startswith("effect: "):
            return
        yield line


def with_long_names(report: Report) -> Report:
    long = "tl." + "InjectSoftwarePipelineWithAnExtremelyLongName" * 4
    metrics = tuple(MetricView(f"shared.dyn.{'x' * 30}{n} bytes", 0, 10**9) for n in range(5))
    rows = [replace(row, name=long, depth=row.index, new_metrics=metrics) for row in report.passes]
    return replace(report, passes=tuple(rows))


@pytest.mark.parametrize("width", [60, 80, 109, 110, 200])
@pytest.mark.parametrize("all_rows", [False, True])
@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("sides", [1, 2])
def test_table_is_never_wider_than_the_screen(width: int, all_rows: bool, long: bool, sides: int) -> None:
    report = one_sided() if sides == 1 else two_sided()
    report = with_long_names(report) if long else report
    table = table_of(render_text(report, TerminalOptions(all_rows=all_rows), width=width))
    assert len(table) > 2
    assert max(map(len, table)) <= width


def test_plain_text_begins_with_the_verdict_and_ends_with_what_to_type() -> None:
    report = two_sided()
    lines = render_text(report, TerminalOptions()).splitlines()
    assert lines[0] == f"! {report.verdict.headline}"
    assert lines[1] == f"  {report.verdict.details[0]}"
    assert lines[-1] == f"next: {NEXT}"
    assert all(line == line.rstrip() for line in lines)


def test_plain_text_shows_the_other_side_only_where_it_differs() -> None:
    text = render_text(two_sided(), TerminalOptions())
    assert "    num_stages=2\n" in text
    assert "    num_stages=3\n" in text
    assert text.count("num_stages=2") == 1
    alike = two_sided().sides[0]
    report = replace(two_sided(), sides=(alike, replace(alike, label="candidate")))
    assert render_text(report, TerminalOptions()).count("num_stages=2") == 1


@pytest.mark.parametrize("width", [80, 200])
def test_table_says_status_as_symbol_and_word_and_folds_the_quiet(width: int) -> None:
    table = table_of(render_text(two_sided(), TerminalOptions(), width=width))
    assert any("! introduces" in line and "tl.Lower" in line and "values" in line for line in table)
    assert any("! introduces" in line and "tl.Sync" in line and "shape" in line for line in table)
    assert sum("1 pass did the same" in line for line in table) == 2
    assert not any("tl.Quiet" in line or "tl.End" in line for line in table)
    assert any("barriers 0 -> 1" in line for line in table)


def test_table_with_all_rows_folds_nothing() -> None:
    table = table_of(render_text(two_sided(), TerminalOptions(all_rows=True)))
    assert [line.split()[0] for line in table[1:]] == ["1", "2", "3", "4"]
    assert any("= same" in line for line in table)
    assert any("· carries" in line for line in table)


def test_table_of_one_side_has_lines_and_times() -> None:
    (line,) = [line for line in table_of(render_text(one_sided(), TerminalOptions())) if "tl.Lower" in line]
    assert "-1 +2" in line
    assert "1.0" in line


def test_every_status_has_a_symbol_of_its_own_that_is_ascii_or_a_dot() -> None:
    assert len(set(SYMBOLS.values())) == len(SYMBOLS)
    assert all(symbol.isascii() or symbol == "·" for symbol in SYMBOLS.values())


def test_carets_in_plain_text_point_at_the_changed_words() -> None:
    lines = render_text(two_sided(), TerminalOptions(passes=("tl.Lower",))).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("-") and "A[k] + 1" in line)
    assert lines[at + 1].strip() == "^"
    assert lines[at + 1].index("^") == lines[at].index("+ 1") + 2
    assert lines[at + 2].startswith("+")
    assert lines[at + 3].index("^") == lines[at + 2].index("+ 2") + 2


def test_patch_shows_every_row_that_differs_with_its_place() -> None:
    text = render_text(two_sided(), TerminalOptions(patch=True))
    assert "! 2 tl.Lower  introduces, values" in text
    assert "! 3 tl.Sync  introduces, shape" in text
    assert "@@ gemm > for k @@" in text
    assert f"+             {SYNC}" in text


def test_side_by_side_shows_both_columns_within_the_width() -> None:
    text = render_text(two_sided(), TerminalOptions(passes=("tl.Lower",), side_by_side=True), width=100)
    (line,) = [line for line in text.splitlines() if "A[k] + 1" in line]
    assert "A[k] + 2" in line
    assert line.index("- ") < 50 <= line.index("+     ")
    hunk = text[text.index("@@ ") :].partition("\n\n")[0]
    assert max(map(len, hunk.splitlines())) <= 100


def test_chosen_pass_without_changes_says_so() -> None:
    text = render_text(two_sided(), TerminalOptions(passes=("tl.Quiet",)))
    assert "no change of its own" in text
    assert "tl.Lower" not in text.partition("tl.Quiet")[2]


@pytest.mark.parametrize("name", ["3", "tl.Sync", "Sync"])
def test_select_passes_by_position_name_or_its_end(name: str) -> None:
    assert [row.name for row in select_passes(two_sided(), (name,))] == ["tl.Sync"]


def test_select_passes_keeps_the_order_of_the_lowering_and_each_once() -> None:
    assert [row.index for row in select_passes(two_sided(), ("Sync", "2", "tl.Lower"))] == [2, 3]


@pytest.mark.parametrize("name", ["", "Syn", "0", "99", "²", "٣x", "tl"])
def test_select_passes_unknown_name_selects_none(name: str) -> None:
    assert select_passes(two_sided(), ("Sync", name)) == ()


def test_matches_takes_the_label_of_a_nameless_pass() -> None:
    file = trace_of(module(), Step("pass_fn", module("x = 1"), label="InjectAssumes"))
    (row,) = one_sided(file).passes
    assert [matches(row, name) for name in ("pass_fn", "InjectAssumes", "pass_fn (InjectAssumes)", "Assumes")] == [
        True,
        True,
        True,
        False,
    ]


def printed(report: Report, *, color: str, terminal: bool = False) -> str:
    stream = io.StringIO()
    if terminal:
        stream.isatty = lambda: True  # type: ignore[method-assign]
    print_report(report, make_console(stream, color=color, width=100), TerminalOptions(patch=True))
    return stream.getvalue()


def test_console_with_color_always_colours_a_pipe_and_underlines_instead_of_carets() -> None:
    text = printed(two_sided(), color="always")
    assert "\x1b[" in text
    assert "^" not in text


def test_console_auto_into_a_pipe_is_plain() -> None:
    assert "\x1b" not in printed(two_sided(), color="auto")


def test_console_auto_on_a_terminal_honours_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[1;31m" in printed(two_sided(), color="auto", terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    text = printed(two_sided(), color="auto", terminal=True)
    assert "\x1b[1;31m" not in text
    assert "31m" not in text


def test_plain_text_is_plain_whatever_the_environment_forces(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = render_text(two_sided(), TerminalOptions(patch=True))
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert render_text(two_sided(), TerminalOptions(patch=True)) == expected


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b]0;owned\x07",
        "\x1b[2J",
        "a\x9b31m",
        "[bold]x[/bold]",
        ":smile:",
    ],
)
def test_plain_text_shows_no_escape_of_a_stranger(hostile: str) -> None:
    report = two_sided()
    rows = tuple(replace(row, name=f"tl.{hostile}") for row in report.passes)
    text = render_text(replace(report, passes=rows), TerminalOptions(all_rows=True))
    assert not {"\x1b", "\x07", "\x9b"} & set(text)
    if hostile.isprintable():
        assert hostile in text


def test_renamed_pass_is_shown_with_both_names_and_found_by_either() -> None:
    report = two_sided(
        trace_of(START, ("tl.Lower", LOOP), ("tl.End", LOOP)), trace_of(START, ("tl.Make", LOOP_2), ("tl.End", LOOP_2))
    )
    assert "tl.Lower -> tl.Make" in render_text(report, TerminalOptions())
    for name in ("Lower", "tl.Make", "make"):
        assert [row.name for row in select_passes(report, (name,))] == ["tl.Lower"]
