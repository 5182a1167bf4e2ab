"""A benchmark on a terminal and as plain lines."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from benches import (
    AGAIN,
    AMBIGUOUS,
    EQUAL_CODE,
    FASTER,
    HOSTILE,
    NEXT,
    ONE_SIDED,
    SAME,
    SLOWER,
    arm,
    hostile,
    many,
    one_sided,
    single,
    two_sided,
)

from scaffold.report.bench_terminal import print_bench, render_bench_text
from scaffold.report.bench_view import SYMBOLS, BenchReport, Code, Comparison
from scaffold.report.terminal import make_console


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the terminal the tests happen to run in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize("width", [40, 60, 80, 109, 110, 200])
@pytest.mark.parametrize(
    "report",
    [two_sided(), two_sided(()), single(), one_sided(), one_sided(()), many()],
    ids=["two-sided", "no row", "single", "one-sided", "no row alone", "many"],
)
def test_first_line_answers_the_last_says_what_to_type_and_the_rest_fits(report: BenchReport, width: int) -> None:
    lines = render_bench_text(report, width=width).splitlines()
    symbol = SYMBOLS[report.outcome] if report.two_sided else "~"
    assert lines[0] == f"{symbol} {report.headline}"
    assert lines[-1] == f"next: {NEXT}"
    assert all(line == line.rstrip() for line in lines)
    if width >= 80:
        assert [line for line in lines[1:-1] if len(line) > width] == []


def test_whole_report_at_80_columns() -> None:
    assert render_bench_text(two_sided(), width=80) == (
        "x 1 kernel computes something else and 1 no longer compiles; of 6 others 1 is faster, 1 slower\n"
        "  based on 8 rows, 12 rounds each, 1 % is the smallest effect of interest\n"
        "  device: NVIDIA H100 80GB HBM3, driver 580.159, CUDA 13.0, power limit 700 W,\n"
        "  SM clock 1,740 to 1,755 MHz while timing\n"
        "  baseline: wheel:0.1.15 (TileLang 0.1.15, content 0ea93004b47c)\n"
        "  candidate: worktree (TileLang 0.1.16+git, content caf5b8903226, commit\n"
        "  1234567890ab)\n"
        "  gemm, softmax, layer_norm, topk_selector, gemv, flash_attention, conv for\n"
        "  cuda:sm_90a: N=4096\n"
        "  took 3 min 21 s, started 2026-03-01 12:00 UTC\n"
        "  note: clocks are not locked\n"
        "\n"
        "  kernel           verdict     ratio [95 %]          A/A [95 %]\n"
        "+ gemm             FASTER      0.912 [0.908, 0.916]  1.000 [0.998, 1.002]\n"
        "    M=4096, 81.20 -> 74.05 µs, 526.6 TFLOP/s, 68 % of float16 matrix rate\n"
        "! gemm             SLOWER      1.031 [1.026, 1.036]  1.000 [0.998, 1.002]\n"
        "    M=128, 81.20 -> 83.70 µs, 465.9 TFLOP/s, 60 % of float16 matrix rate\n"
        "= softmax          SAME        1.001 [0.997, 1.004]  1.000 [0.998, 1.002]\n"
        "    20.40 -> 20.42 µs, 2,600 GB/s, 88 % of copy bandwidth\n"
        "= layer_norm       SAME        0.999 [0.995, 1.003]  1.000 [0.998, 1.002]\n"
        "    1.204 -> 1.203 ms, 2,453 GB/s, 83 % of copy bandwidth\n"
        "? topk_selector    AMBIGUOUS   0.994 [0.965, 1.024]  1.000 [0.998, 1.002]\n"
        "    81.20 -> 80.71 µs, 483.2 TFLOP/s, 62 % of float16 matrix rate\n"
        "= gemv             EQUAL CODE  -                     -\n"
        "x flash_attention  WRONG       0.703 [0.699, 0.707]  1.000 [0.998, 1.002]\n"
        "    412.7 -> 290.1 µs, 672.2 TFLOP/s, 86 % of float16 matrix rate\n"
        "x conv             FAILED      -                     -\n"
        "    81.20 µs -> -\n"
        "ratio: candidate / baseline time with its 95 % interval, below 1 is faster; A/A:\n"
        "the baseline against itself in the same rounds; roof: share of what this device\n"
        "was measured to reach (float16 matrix rate, copy bandwidth)\n"
        "\n"
        "+ gemm M=4096: FASTER, 8.8 % less time\n"
        "! gemm M=128: SLOWER, 3.1 % more time\n"
        "    registers 98 -> 122, spills 0 -> 16 B, binary 41,872 -> 43,008 B, compile\n"
        "    time 1.210 -> 1.710 s\n"
        "    the device was held back in 2 of 36 blocks: power cap\n"
        "    note: the autotuner chose another block size\n"
        "? topk_selector: AMBIGUOUS, ±3 % is too wide to tell 1 %\n"
        "    no more rounds: the time limit\n"
        "x flash_attention: WRONG, an output of the candidate is wrong\n"
        "    candidate, output O: relative error 3.1e-02, more than 1.0e-02\n"
        "    candidate, output lse: holds NaN at 12 of 4,096 places\n"
        "x conv: FAILED, the candidate does not compile\n"
        "    candidate not timed: InternalError in tl.LayoutInference: no layout for 'A'\n"
        "= softmax, layer_norm: SAME, within 1 % either way\n"
        "= gemv: EQUAL CODE, the same machine code, byte for byte\n"
        "\n"
        "note: the first round of each process is not counted\n"
        "\n"
        f"next: {NEXT}\n"
    )


def test_wide_screen_has_a_line_a_row_with_times_rate_and_roof() -> None:
    lines = render_bench_text(two_sided(), width=120).splitlines()
    (row,) = [line for line in lines if line.startswith("+  gemm M=4096 ")]
    assert " ".join(row.split()) == (
        "+ gemm M=4096 FASTER 0.912 [0.908, 0.916] 1.000 [0.998, 1.002] 81.20 µs 74.05 µs 526.6 TFLOP/s 68 %"
    )


def test_one_side_stands_beside_pytorch_and_triton() -> None:
    wide = render_bench_text(one_sided(), width=140).splitlines()
    (row,) = [line for line in wide if line.startswith("~  softmax")]
    assert " ".join(row.split()) == (
        "~ softmax 20.40 µs - 2,603 88 % FASTER 1.808x [1.798, 1.819] SLOWER 0.824x [0.819, 0.828]"
    )
    narrow = render_bench_text(one_sided(), width=80)
    assert (
        "~ softmax  20.40 µs\n"
        "    2,603 GB/s, 88 % of copy bandwidth\n"
        "    PyTorch  FASTER 1.808x [1.798, 1.819]\n"
        "    Triton   SLOWER 0.824x [0.819, 0.828]\n"
    ) in narrow
    assert "~ fp8_gemm\n    PyTorch not timed: there is no kernel for it\n" in narrow


def test_one_side_that_is_broken_says_why_and_one_that_stands_alone_is_timed() -> None:
    said = Comparison("baseline", "baseline", "FAILED", "baseline: did not end within 600 s")
    broken = replace(
        ONE_SIDED[0], arms=(arm("baseline", None, why_missing="did not end within 600 s"),), comparisons=(said,)
    )
    alone = replace(ONE_SIDED[1], arms=ONE_SIDED[1].arms[:1], comparisons=())
    text = render_bench_text(one_sided((broken, alone), outcome="FAILED"), width=80)
    assert text.startswith("x 2 of 3")
    assert "x gemm: FAILED, baseline: did not end within 600 s\n" in text
    assert text.count("did not end") == 1
    assert "~ softmax  20.40 µs\n" in text
    assert "NOT TIMED" not in text
    assert "  build: worktree (" in text


def test_claim_that_could_not_be_made_says_why_beside_what_it_is_of() -> None:
    unsure = replace(ONE_SIDED[0].comparisons[1], word="AMBIGUOUS", reason="±3 % is too wide to tell 1 %")
    report = one_sided((replace(ONE_SIDED[0], comparisons=(ONE_SIDED[0].comparisons[0], unsure)),))
    text = render_bench_text(report, width=80)
    assert "~ gemm\n    against Triton: AMBIGUOUS, ±3 % is too wide to tell 1 %\n" in text


def test_settings_that_all_rows_share_are_told_once() -> None:
    text = render_bench_text(single(), width=80)
    assert "  gemm for cuda:sm_90a: N=4096 M=128\n" in text
    assert "! gemm    SLOWER" in text
    two = replace(single(), rows=(replace(FASTER, target="cuda:sm_80"), FASTER))
    assert "  gemm for cuda:sm_80, cuda:sm_90a: N=4096 M=4096\n" in render_bench_text(two, width=80)
    assert "+ gemm cuda:sm_80: FASTER, 8.8 % less time\n" in render_bench_text(two, width=80)


def test_compile_time_is_told_only_where_it_tells_something() -> None:
    arms = tuple(
        replace(arm, code=replace(arm.code, compile_ms=1210.0 if arm.key == "baseline" else 1300.0))
        for arm in FASTER.arms
    )
    assert "compile time" not in render_bench_text(two_sided((replace(FASTER, arms=arms),)))
    arms = tuple(replace(arm, code=Code() if arm.key == "baseline" else arm.code) for arm in FASTER.arms)
    assert "registers" not in render_bench_text(two_sided((replace(FASTER, arms=arms),)))


def test_more_rows_than_a_screen_holds_are_counted_and_none_that_needs_a_look_is_left_out() -> None:
    report = many(400)
    text = render_bench_text(report, width=80)
    assert text.count("SLOWER      1.031") == 8
    assert text.count("SAME        1.001") == 32
    assert "… 360 more rows, 360 SAME: --all\n" in text
    assert "= 32 rows: SAME, within 1 % either way\n" in text
    everything = render_bench_text(report, width=80, everything=True)
    assert everything.count("SAME        1.001") == 392
    assert "--all" not in everything


def test_everything_names_rounds_outputs_code_and_what_the_device_did() -> None:
    text = render_bench_text(single(), width=300, everything=True)
    for said in (
        "    settings: cuda:sm_90a N=4096 M=128\n",
        "    candidate / baseline: 1.031 [1.026, 1.036], p = 0.0005, 12 rounds, no more: enough is known\n",
        "    baseline against itself: 1.000 [0.998, 1.002], p = 0.62\n",
        "    candidate, output C: relative error 2.4e-04\n",
        "    candidate: registers 122, spills 16 B, shared memory 49,152 B, SASS instructions 1,820, binary 43,008 B, ",
        "    candidate, SM clock 1,740 to 1,755 MHz\n",
        "    candidate, round by round: 83.59 µs, 83.92 µs, ",
        f"again: {AGAIN}\n",
    ):
        assert said in text


@pytest.mark.parametrize("width", [80, 160])
def test_names_of_a_stranger_give_the_terminal_no_command(width: int) -> None:
    text = render_bench_text(hostile(), width=width, everything=True)
    assert "\x1b" not in text
    assert HOSTILE.replace("\x1b", "\ufffd") in text


def test_line_feeds_in_names_and_reasons_end_no_line() -> None:
    strange = replace(SAME, kernel="two\nlines", notes=("note\nof two",))
    text = render_bench_text(two_sided((strange,), headline="head\nline"), width=80)
    assert text.startswith("x head line\n")
    assert "= two lines" in text
    assert "note: note of two\n" in text


def test_colour_is_never_alone() -> None:
    stream = io.StringIO()
    print_bench(two_sided(), make_console(stream, color="always", width=120))
    assert "\x1b[" in stream.getvalue()
    plain = render_bench_text(two_sided(), width=120)
    for row in two_sided().rows:
        assert row.asked is not None
        assert row.asked.word in plain


def test_a_block_without_samples_and_a_row_without_arms_are_no_failure() -> None:
    arms = tuple(
        replace(arm, blocks=tuple(replace(block, samples_ms=()) for block in arm.blocks)) for arm in FASTER.arms
    )
    bare = replace(EQUAL_CODE, kernel="bare", arms=(), comparisons=(), parameters={})
    text = render_bench_text(two_sided((replace(FASTER, arms=arms), bare)), width=80, everything=True)
    assert "round by round: -, -" in text
    assert "- bare" in text
    assert "NOT TIMED" in text


def test_ambiguous_row_says_what_ended_it() -> None:
    assert "    no more rounds: the time limit\n" in render_bench_text(two_sided((AMBIGUOUS,)), width=80)


def test_what_a_note_or_a_reason_says_already_is_not_said_again() -> None:
    noted = replace(SLOWER, notes=("the GPU ran at its power cap",))
    assert "held back" not in render_bench_text(two_sided((noted,)))
    failed = replace(
        EQUAL_CODE,
        comparisons=(Comparison("baseline", "candidate", "FAILED", "candidate: CUDA error"),),
        arms=(arm("baseline", None, why_missing="not timed"), arm("candidate", None, why_missing="CUDA error")),
    )
    text = render_bench_text(two_sided((failed,)))
    assert "x gemv: FAILED, candidate: CUDA error\n" in text
    assert "not timed" not in text
    equal = replace(EQUAL_CODE, arms=tuple(replace(arm, why_missing="equal code") for arm in EQUAL_CODE.arms))
    assert "not timed" not in render_bench_text(two_sided((equal,)))
