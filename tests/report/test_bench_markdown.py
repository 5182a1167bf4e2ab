"""A benchmark as a pull request comment: the table reviewers know, short enough, and no markup but ours."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from benches import AGAIN, HOSTILE, NEXT, ONE_SIDED, SAME, hostile, many, one_sided, single, two_sided
from test_corpus_markdown import outside_code

from scaffold.report.bench_markdown import render_bench_markdown
from scaffold.report.bench_view import BenchReport, Code, Comparison
from scaffold.report.markdown import MOST_CHARACTERS


def test_comment_begins_with_the_answer_and_ends_with_what_to_type() -> None:
    report = two_sided()
    text = render_bench_markdown(report)
    assert text.startswith(f"### x {report.headline}\n\n- based on 8 rows")
    assert "- GPU: NVIDIA H100 80GB HBM3, driver 580.159, CUDA 13.0, power limit 700 W, SM clock 1,740 to" in text
    assert "- candidate: `worktree` (TileLang 0.1.16+git, content caf5b8903226, commit 1234567890ab)\n" in text
    assert "- note: clocks are not locked\n" in text
    assert f"\n```sh\n{AGAIN}\n```\n" in text
    assert text.endswith(f"<sub>next: `{NEXT}`</sub>\n")


def test_table_is_the_one_upstream_knows() -> None:
    lines = render_bench_markdown(two_sided()).splitlines()
    start = lines.index("| Case | Original | Current | Speedup | 95 % interval | A/A | Verdict |")
    assert lines[start + 2] == (
        "| `gemm` `M=4096` | 81.20 µs | 74.05 µs | 1.096x "
        "| \\[1.092, 1.101\\] | 1.000 \\[0.998, 1.002\\] | + **FASTER** |"
    )
    assert lines[start + 7] == "| `gemv` | - | - | - | - | - | = EQUAL CODE |"
    assert lines[start + 9] == "| `conv` | 81.20 µs | - | - | - | - | x **FAILED** |"


def test_rows_that_need_a_look_say_why_below() -> None:
    text = render_bench_markdown(two_sided())
    assert (
        "- \\! `gemm` `M=128`: SLOWER, 3.1 % more time\n"
        "  - registers 98 → 122, spills 0 → 16 B, binary 41,872 → 43,008 B, compile time 1.210 → 1.710 s\n"
        "  - the device was held back in 2 of 36 blocks: power cap\n"
    ) in text
    assert "- x `flash_attention`: WRONG, an output of the candidate is wrong\n  - candidate, output O: " in text
    assert "softmax`: SAME" not in text


def test_code_of_both_sides_is_folded_and_what_differs_is_bold() -> None:
    text = render_bench_markdown(two_sided())
    folded = text.partition("<details><summary>Registers, spills")[2].partition("</details>")[0]
    assert "| Case | Registers | Spills | Shared memory | SASS instructions | Binary | Compile time |" in folded
    assert (
        "| `gemm` `M=128` | **98 → 122** | **0 B → 16 B** | 49,152 B | 1,820 | **41,872 B → 43,008 B** "
        "| 1.210 s → 1.710 s |"
    ) in folded
    bare = replace(SAME, arms=tuple(replace(arm, code=Code()) for arm in SAME.arms))
    assert "Registers" not in render_bench_markdown(two_sided((bare,)))


def test_one_side_stands_beside_pytorch_and_triton() -> None:
    lines = render_bench_markdown(one_sided()).splitlines()
    assert "| Case | Time | TFLOP/s | GB/s | Roof | Speed against PyTorch | Speed against Triton |" in lines
    assert (
        "| `softmax` | 20.40 µs | - | 2,603 | 88 % | + **FASTER** 1.808x \\[1.798, 1.819\\] "
        "| ! **SLOWER** 0.824x \\[0.819, 0.828\\] |"
    ) in lines
    assert "- \\~ `fp8_gemm`" in lines
    assert "  - PyTorch not timed: there is no kernel for it" in lines


def test_one_side_that_is_broken_has_a_verdict() -> None:
    said = Comparison("baseline", "baseline", "WRONG", "baseline: output C is wrong")
    text = render_bench_markdown(one_sided((replace(ONE_SIDED[0], comparisons=(said,)), ONE_SIDED[1])))
    assert "| Speed against Triton | Verdict |\n" in text
    assert "| - | - | x **WRONG** |\n" in text
    assert "| ~ TIMED |\n" in text
    assert "- x `gemm`: WRONG, baseline: output C is wrong\n" in text


def test_every_fold_and_fence_is_closed() -> None:
    text = render_bench_markdown(two_sided())
    assert text.count("<details>") == text.count("</details>") == 2
    assert sum(line.startswith("```") for line in text.splitlines()) == 2


def test_huge_report_fits_a_comment_and_counts_what_is_left_out() -> None:
    text = render_bench_markdown(many(2000))
    assert len(text) <= MOST_CHARACTERS < 65_536
    table, _, rest = text.partition("<sub>Speedup")
    left = re.search(r"_(\d+) of 2000 rows left out: the comment would be too long\._", table)
    assert left
    assert table.count("| `kernel_") == 2000 - int(left[1])
    assert table.count("**SLOWER**") == 40
    assert "rows left out: the comment would be too long" in rest or "is left out: the comment" in rest
    assert text.count("<details>") == text.count("</details>")
    assert text.endswith(f"<sub>next: `{NEXT}`</sub>\n")


@pytest.mark.parametrize("most", [300, 1000, 5000, 20_000])
@pytest.mark.parametrize("report", [two_sided(), many(600), hostile(), one_sided()])
def test_comment_is_never_longer_than_asked_for(most: int, report: BenchReport) -> None:
    text = render_bench_markdown(report, most_characters=most)
    assert len(text) <= most
    if len(render_bench_markdown(report)) > most:
        assert "too long" in text


def test_long_texts_are_cut_so_that_the_table_has_room() -> None:
    report = replace(single(), headline="x" * 100_000, details=("y" * 100_000,) * 100, notes=("z" * 100_000,) * 100)
    text = render_bench_markdown(report)
    assert len(text) <= MOST_CHARACTERS
    assert "**SLOWER**" in text


@pytest.mark.parametrize(
    "strange",
    [
        HOSTILE,
        "</summary><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a|b|c",
        "`code` and ``more``",
        "```",
        "](http://evil)",
        "a\n\n<script>",
        "\x1b[2J",
        "\ud800",
        "@everyone",
    ],
)
def test_texts_of_a_stranger_stay_text(strange: str) -> None:
    report = hostile()
    rows = tuple(replace(row, kernel=strange, notes=(strange,), parameters={strange: strange}) for row in report.rows)
    report = replace(report, rows=rows, headline=strange, details=(strange,), notes=(strange,), command=strange)
    report = replace(report, next_command=strange, sides=tuple(replace(side, build=strange) for side in report.sides))
    text = render_bench_markdown(report)
    text.encode()
    fenced = re.sub(r"^(`{3,})sh\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    outside = outside_code(fenced)
    for markup in ("<script", "<img", "@everyone", "\x1b"):
        assert markup not in outside
    assert not re.search(r"(?<!\\)\]\((?:http|javascript)", outside)
    assert outside.count("<details>") == outside.count("</details>")
    for line in (line for line in text.splitlines() if line.startswith("| ") and "**WRONG**" in line):
        assert len(re.findall(r"(?<!\\)\|", line)) == 8
