"""Many kernels on a terminal and as plain lines."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from corpora import (
    AGAIN,
    BROKEN,
    IDENTICAL,
    LEFT_OUT,
    MISSED,
    MIXED,
    NEXT,
    SAME_CODE,
    VECTORS,
    corpus,
    differing,
    huge,
    row,
    survey,
    whole,
)
from verbs import words

from scaffold.report.corpus_terminal import print_corpus, render_corpus_text
from scaffold.report.corpus_view import CorpusReport, SurveyReport
from scaffold.report.links import SourceLink
from scaffold.report.terminal import make_console


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the terminal the tests happen to run in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize(
    "report",
    [whole(), corpus([]), corpus([row("a", IDENTICAL)]), corpus([row("a", BROKEN)]), huge(40, 20), survey()],
    ids=["whole", "empty", "identical", "broken", "huge", "survey"],
)
def test_first_line_answers_and_the_last_says_what_to_type(report: CorpusReport | SurveyReport, width: int) -> None:
    lines = render_corpus_text(report, width=width).splitlines()
    assert lines[0][1:] == f" {report.headline}"
    assert lines[1] == f"  {report.details[0]}"
    assert lines[-1] == f"next: {NEXT}"
    assert all(line == line.rstrip() for line in lines)


def block(text: str, head: str) -> list[str]:
    """The lines from the one that begins with ``head`` up to the next empty one."""
    lines = text.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(head))
    return lines[start : lines.index("", start)]


def test_pattern_shows_what_where_and_who() -> None:
    links = {"tl.LowerTileOp": SourceLink("src/lower_tile_op.cc:12")}
    lines = block(render_corpus_text(corpus(MIXED), links=links), "! 3 kernels differ")
    assert [words(line) for line in lines] == [
        "! 3 kernels differ: +float4 (seen first in tl.LowerTileOp, src/lower_tile_op.cc:12)",
        "for example softmax cuda:sm_80",
        "- a[i] = (a[i] + b[i]);",
        "+ float4 v = *(float4*)(a + (i * 4));",
        "softmax cuda:sm_80 bytes spilled 0 to 64, source -22 +23",
        "gemm cuda:sm_90a registers 98 to 122, source -8 +9, TMA operations 3 to 2",
        "gemm cuda:sm_80 source -5 +6",
    ]


def test_same_code_is_one_line_of_who() -> None:
    assert block(render_corpus_text(corpus(MIXED)), "· ") == [
        '· 2 kernels come to the same code: tl.LowerTileOp: -"pragma"',
        "    gemv, topk",
    ]


def test_targets_with_the_same_numbers_share_a_row() -> None:
    rows = [row("a", differing(VECTORS), target) for target in ("cuda:sm_80", "cuda:sm_90a")]
    text = render_corpus_text(corpus(rows))
    assert "     a  cuda:sm_80, cuda:sm_90a  source -3 +3\n" in text


def test_more_kernels_than_are_shown_are_counted_with_all_their_targets() -> None:
    rows = [row(f"k{at}", differing(VECTORS), target) for at in range(6) for target in ("cuda:sm_80", "cuda:sm_90a")]
    assert "\n    … and 4 more\n" in render_corpus_text(corpus(rows))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_long_names_put_the_numbers_on_a_line_of_their_own(width: int) -> None:
    name = "examples/flash_attention/example_with_a_name_that_fills_the_screen_alone.py"
    text = render_corpus_text(corpus([row("main", differing(VECTORS), source=name)]), width=width)
    whole_name = "flash_attention/example_with_a_name_that_fills_the_screen_alone.py::main"
    if width == 120:
        assert f"     {whole_name}  cuda:sm_80  source -3 +3\n" in text
    else:
        assert f"    {whole_name} cuda:sm_80\n      source -3 +3\n" in text


def test_example_lines_fit_the_screen_with_what_changed_in_sight() -> None:
    long = "f(" + "a, " * 200
    pattern = replace(VECTORS, baseline_line=f"{long}1);", candidate_line=f"{long}2);")
    lines = render_corpus_text(corpus([row("a", differing(pattern))]), width=80).splitlines()
    (ours,) = [line for line in lines if line.startswith("    - ")]
    (theirs,) = [line for line in lines if line.startswith("    + ")]
    assert max(len(ours), len(theirs)) <= 80
    assert ours.endswith("a, 1);")
    assert theirs.endswith("a, 2);")


def test_a_pattern_that_only_adds_says_there_was_nothing() -> None:
    pattern = replace(VECTORS, baseline_line=None)
    assert "    - (not there)\n" in render_corpus_text(corpus([row("a", differing(pattern))]))


def test_more_than_a_screen_is_counted_and_shown_by_all() -> None:
    report = huge(60, 30)
    text = render_corpus_text(report)
    assert text.count("\n! ") == 12
    assert "… 18 more patterns, " in text
    assert "more: --all" not in text
    everything = render_corpus_text(report, everything=True)
    assert everything.count("\n! ") == 30
    assert "…" not in "".join(line for line in everything.splitlines() if line.startswith("… "))
    assert all(item.shown in everything for item in report.kernels)


def test_what_is_missing_is_told_by_reason() -> None:
    text = render_corpus_text(corpus(MIXED, MISSED, left_out=LEFT_OUT, packages={"triton": 3}), width=100)
    assert block(text, "3 missed:") == [
        "3 missed:",
        "  2: a.py:12: TypeError: no argument 'swizzle'",
        "     flash_attention/example_mha.py cuda:sm_80 (baseline and candidate) and 1 more",
        "  1: stopped by the time limit of 300 s",
        "     slow.py cuda:sm_80 (candidate)",
    ]
    assert "\n3 left out:\n  2: there is no TileLang kernel in it\n     plot.py, util.py\n" in text
    assert "not installed, stood in for: triton (3)" in text


def test_nothing_missing_says_nothing_of_it() -> None:
    text = render_corpus_text(corpus(MIXED))
    assert "missed:" not in text
    assert "left out" not in text


def test_survey_shows_why_a_script_gave_not_all() -> None:
    text = render_corpus_text(survey())
    assert "=  gemm/example_gemm.py  cuda:sm_80         2  main, ref\n" in text
    assert "-  gdn/example_wy.py     cuda:sm_90a        1  wy: InternalError in tl.Sync: no\n" in text
    assert "x  slow.py               cuda:sm_80         0  stopped by the time limit of 300 s\n" in text
    assert "plain.py" not in text
    assert "plain.py" in render_corpus_text(survey(), everything=True)


HOSTILE = [
    "\x1b]0;owned\x07",
    "\x1b[2J",
    "a\x9b31m",
    "[bold]x[/bold]",
    ":smile:",
    "a\nnext: rm -rf",
    "x\u202egpj.exe",
    "\ud800",
]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("everything", [False, True])
def test_no_name_of_a_stranger_commands_the_terminal(hostile: str, everything: bool) -> None:
    pattern = replace(
        VECTORS, words=hostile, baseline_line=hostile, pass_name=hostile, place=hostile, excerpt=(hostile,)
    )
    strange = [
        row(hostile, differing(pattern), hostile, hostile),
        row(hostile, replace(BROKEN, note=hostile)),
        row("x" + hostile, replace(SAME_CODE, patterns=(replace(pattern, key="other"),))),
    ]
    missed = [replace(MISSED[0], name=hostile, target=hostile, why=hostile)]
    report = corpus(strange, missed, left_out={hostile: (hostile,)}, packages={hostile: 1}, not_measured=hostile)
    text = render_corpus_text(replace(report, next_command=hostile), everything=everything)
    text.encode()
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert "\nnext: rm" not in text.rpartition("\n\n")[0]
    if hostile.isprintable():
        assert hostile in text
    entry = replace(survey().entries[0], name=hostile, why_missing=hostile)
    shown = render_corpus_text(replace(survey(), entries=(entry,), headline=hostile), everything=everything)
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)


def test_names_in_any_script_are_kept() -> None:
    text = render_corpus_text(corpus([row("核_ядро_𝛼", differing(VECTORS))]))
    assert "核_ядро_𝛼" in text


def test_colour_only_where_it_is_asked_for() -> None:
    for color, coloured in (("always", True), ("never", False)):
        stream = io.StringIO()
        print_corpus(whole(), make_console(stream, color=color, width=100), everything=False)
        assert ("\x1b[" in stream.getvalue()) is coloured
        assert AGAIN not in stream.getvalue()
