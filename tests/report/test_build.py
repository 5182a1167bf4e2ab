"""The view model: verdicts in words, what is new in each row, and what is in focus."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made import BASELINE, CANDIDATE, END, LOOP, LOOP_2, NEXT, START, SYNC, SYNCED, one_sided, two_sided
from traces import failure_in, module, trace_of

from scaffold.diff.one_side import effects_of
from scaffold.diff.two_sides import compare
from scaffold.report.build import report_one_side, report_two_sides, texts_of
from scaffold.report.view import Focus, MetricView, Report
from scaffold.trace.model import Artifact, FunctionResources, TraceFile, text_digest


def test_two_sides_verdict_names_pass_place_lines_and_the_values_before_it() -> None:
    verdict = two_sided().verdict
    assert verdict.outcome == "differs"
    assert verdict.headline == "tl.Sync is the first pass to introduce a difference of shape"
    assert verdict.details == (
        "pass 3 of 4, at gemm > for k",
        "baseline:  (not there)",
        f"candidate: {SYNC}",
        "before it, in values only: tl.Lower (pass 2)",
        "effects differ in 2 of 4 passes: 3 lines, where states differ in 8 (38 %)",
        "generated source: -3 +2 lines",
    )


def test_two_sides_verdict_values_only() -> None:
    files = (trace_of(START, ("tl.Lower", text), source=source) for text, source in ((LOOP, "1;\n"), (LOOP_2, "2;\n")))
    verdict = two_sided(*files).verdict
    assert verdict.headline == "tl.Lower is the first pass to introduce a difference of values"
    assert verdict.details[1:3] == ("baseline:  C[k] = A[k] + 1", "candidate: C[k] = A[k] + 2")
    assert verdict.details[-1] == "generated source: -1 +1 lines"


def test_two_sides_verdict_of_the_same_source_says_so_first() -> None:
    verdict = two_sided(trace_of(START, ("tl.Lower", LOOP)), trace_of(START, ("tl.Lower", LOOP_2))).verdict
    assert verdict.headline == (
        "the generated source is the same; tl.Lower is the first pass to introduce a difference of values"
    )
    assert verdict.details[-1] == "generated source: same bytes"


@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_two_sides_verdict_of_a_pass_that_one_side_runs_shows_what_it_does(side: str) -> None:
    files = [
        trace_of(START, ("tl.Lower", LOOP_2), ("tl.Sync", SYNCED), source="1;\n"),
        trace_of(START, ("tl.Lower", LOOP_2), source="2;\n"),
    ]
    verdict = two_sided(*(files if side == "baseline" else reversed(files))).verdict
    assert (
        verdict.headline == f"tl.Sync, which only the {side} runs, is the first pass to introduce a difference of shape"
    )
    assert verdict.details[1:3] == ("before: (not there)", f"after:  {SYNC}")
    assert f"passes: 1 only on the {side} (tl.Sync changes something)" in verdict.details


def test_two_sides_verdict_says_what_the_other_side_runs_in_the_place_of_a_pass() -> None:
    one = trace_of(START, ("tl.A", START), ("tl.Old", SYNCED), ("tl.Z", SYNCED), source="1;\n")
    other = START.replace("C[9] = 0", "C[9] = T.exp(A[9])")
    two = trace_of(START, ("tl.A", START), ("tl.Quiet", START), ("tl.New", other), ("tl.Z", other), source="2;\n")
    verdict = two_sided(one, two).verdict
    assert verdict.headline.startswith("tl.Old, which only the baseline runs, is the first")
    assert "in its place the candidate runs tl.New" in verdict.details


def test_two_sides_verdict_counts_lines_that_are_only_written_differently() -> None:
    older = module('with T.block("x"):', "    C[0] = 1")
    newer, changed = older.replace("T.block", "T.sblock"), older.replace("T.block", "T.sblock").replace("= 1", "= 2")
    one = trace_of(older, ("tl.Lower", older), source="1;\n")
    one = replace(one, trace=replace(one.trace, build=replace(one.trace.build, tir_namespace="tir")))
    report = two_sided(one, trace_of(newer, ("tl.Lower", changed), source="2;\n"))
    counts = "effects differ in 1 of 1 passes: 2 lines, where states differ in 2 (100 %)"
    assert report.verdict.details[3] == f"{counts}; 2 more are only written differently"
    assert (report.totals["state lines"], report.totals["lines only written differently"]) == (2, 2)
    assert report.passes[0].printed_lines == 2


def test_two_sides_verdict_identical() -> None:
    report = two_sided(BASELINE, BASELINE)
    assert report.verdict.outcome == "identical"
    assert report.verdict.headline == "identical at every pass (4 passes, and the generated source)"
    assert report.shown == ()
    assert report.focus is None


def test_two_sides_verdict_same_after_matching_names_says_which() -> None:
    one, other = module("x: T.int32 = A[0]", "C[9] = x"), module("z: T.int32 = A[0]", "C[9] = z")
    verdict = two_sided(trace_of(START, ("tl.Lower", one)), trace_of(START, ("tl.Lower", other))).verdict
    assert verdict.outcome == "equivalent"
    assert verdict.headline == "same after matching names at every pass, first after tl.Lower"
    assert verdict.details == ("names matched: z for x",)


def test_two_sides_verdict_of_inputs_that_differ_says_in_what() -> None:
    verdict = two_sided(trace_of(LOOP, ("tl.Quiet", LOOP)), trace_of(LOOP_2, ("tl.Quiet", LOOP_2))).verdict
    assert verdict.headline == "the sides differ as their inputs do; no pass adds to it"
    assert verdict.details[0] == "the inputs differ: -1 +1 lines (1 to 2)"


def test_two_sides_verdict_of_other_source_only_does_not_blame_the_inputs() -> None:
    verdict = two_sided(trace_of(START, ("tl.Lower", LOOP)), trace_of(START, ("tl.Lower", LOOP), source="x;\n")).verdict
    assert verdict.headline == "the modules are the same; the code generator makes the difference"
    assert not any("inputs differ" in detail for detail in verdict.details)


def test_two_sides_verdict_of_the_code_generator_shows_lines_of_source_and_where_modules_are_equal() -> None:
    one = trace_of(START, ("tl.Lower", LOOP), ("tl.End", END), source="x = 1;\n")
    other = trace_of(SYNCED, ("tl.Lower", LOOP), ("tl.End", END), source="x = 2;\n")
    verdict = two_sided(one, other).verdict
    assert verdict.outcome == "differs"
    assert verdict.headline == "the modules are the same from pass 1 on; the code generator makes the difference"
    assert "baseline:  x = 1;" in verdict.details
    assert "candidate: x = 2;" in verdict.details


def nvcc(file: TraceFile, missing: str | None, **pass_configs: bool) -> TraceFile:
    artifact = Artifact("ptx", "kernel.ptx", None if missing else text_digest("ptx"), missing)
    kernel = replace(file.trace.kernel, pass_configs=pass_configs)
    trace = replace(file.trace, artifacts=(*file.trace.artifacts, artifact), kernel=kernel)
    return replace(file, trace=trace, texts={**file.texts, text_digest("ptx"): "ptx"})


def test_two_sides_verdict_of_a_source_that_nvcc_takes_on_one_side_only() -> None:
    plain = trace_of(START, ("tl.Lower", LOOP))
    verdict = two_sided(nvcc(plain, "nvcc failed: error: no"), nvcc(plain, None)).verdict
    assert verdict.outcome == "differs"
    assert verdict.headline == (
        "the same source, but nvcc compiles it on the candidate only: the headers (src/tl_templates) differ"
    )
    assert verdict.details == ("baseline: nvcc failed: error: no",)
    verdict = two_sided(
        nvcc(plain, None), nvcc(plain, "nvcc failed: error: no", **{"tl.enable_fast_math": True})
    ).verdict
    assert verdict.headline == "the same source, but nvcc compiles it on the baseline only: compiler options differ"


def test_two_sides_verdict_of_another_source_that_nvcc_takes_on_one_side_only_names_the_pass_too() -> None:
    one = nvcc(trace_of(START, ("tl.Lower", LOOP), source="x = 1;\n"), None)
    other = nvcc(trace_of(START, ("tl.Lower", LOOP_2), source="x = 2;\n"), "nvcc failed: error: no")
    verdict = two_sided(one, other).verdict
    assert verdict.headline == (
        "nvcc compiles the source of the baseline only; tl.Lower is the first pass to introduce a difference of values"
    )


def test_two_sides_verdict_says_cause_before_consequence() -> None:
    planned = LOOP.replace("T.serial(4)", 'T.serial(4, annotations={"stages": 2})')
    both = trace_of(START, ("tl.Plan", planned), ("tl.Pipeline", SYNCED))
    headline = two_sided(both, trace_of(START, ("tl.Pipeline", LOOP))).verdict.headline
    assert "; tl.Plan, which only the baseline runs, is the first pass to introduce a difference of " in headline
    assert headline.endswith("; tl.Pipeline acts on it, in shape")


def test_two_sides_verdict_says_of_a_layout_who_decides_and_who_writes_it_out() -> None:
    files = [
        trace_of(START, ("tl.Infer", module(f"T.annotate(Layout#{digest})")), ("tl.LowerTileOp", after))
        for digest, after in (("3e003954", LOOP), ("4e003954", SYNCED))
    ]
    assert two_sided(*files).verdict.headline.endswith(
        "; tl.Infer decides another layout; tl.LowerTileOp writes it out, in shape"
    )


def test_two_sides_verdict_of_a_pass_run_once_more_does_not_say_that_only_one_side_runs_it() -> None:
    one = trace_of(START, ("tl.Simplify", START), ("tl.Lower", LOOP), ("tl.Simplify", END))
    headline = two_sided(one, trace_of(START, ("tl.Simplify", START), ("tl.Lower", LOOP))).verdict.headline
    assert "; tl.Simplify, which the baseline runs once more, is the first pass" in headline


def test_two_sides_verdict_never_shows_two_lines_that_read_the_same() -> None:
    flat = module("for k in T.serial(4):", "    C[k] = 1", "C[9] = 0")
    nested = module("for k in T.serial(4):", "    C[k] = 1", "    C[9] = 0")
    details = two_sided(trace_of(START, ("tl.Lower", flat)), trace_of(START, ("tl.Lower", nested))).verdict.details
    assert "only the nesting differs, of: C[9] = 0" in details
    assert not any(line.startswith(("baseline:", "candidate:")) for line in details)
    guarded = module("for k in T.serial(4):", "    if k < 2:", "        C[k] = 1", "C[9] = 0")
    details = two_sided(trace_of(START, ("tl.Lower", flat)), trace_of(START, ("tl.Lower", guarded))).verdict.details
    assert details[1:3] == ("baseline:  (not there)", "candidate: if k < 2:")


def test_two_sides_verdict_of_a_pass_that_raised_says_where_and_why() -> None:
    failed = trace_of(
        START, ("tl.Lower", None), failure=failure_in(0, "tl.Lower", "Check failed: no layout\nat line 3"), source=None
    )
    report = two_sided(trace_of(START, ("tl.Lower", LOOP)), failed)
    assert report.verdict.outcome == "differs"
    assert report.verdict.headline == "tl.Lower fails on the candidate"
    assert report.verdict.details[0] == "candidate stopped in tl.Lower: InternalError: Check failed: no layout"
    assert report.verdict.details[1] == "pass 1 of 1, with no line of its own"
    assert report.verdict.details[-1] == "generated source: none on candidate"
    assert report.passes[0].note == "it raised on candidate"


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (None, "outside any pass"),
        ("tilelang/engine/lower.py:9", "between passes (tilelang/engine/lower.py:9)"),
        (
            "tilelang/backend/device_codegen.py:25",
            "in code generation (tilelang/backend/device_codegen.py:25)",
        ),
    ],
)
def test_two_sides_verdict_of_a_failure_outside_any_pass_says_so(where: str | None, said: str) -> None:
    failure = replace(failure_in(None, None), where=where)
    failed = trace_of(START, ("tl.Lower", LOOP), failure=failure, source=None)
    verdict = two_sided(failed, trace_of(START, ("tl.Lower", LOOP))).verdict
    assert verdict.outcome == "differs"
    behind = said if where else "after tl.Lower (pass 1)"
    assert verdict.headline == f"the baseline stopped {behind}; up to there no pass introduces a difference"
    assert verdict.details[0] == f"baseline stopped {said}: InternalError: Check failed: no layout"


def test_two_sides_verdict_of_the_same_failure_is_failed() -> None:
    failed = trace_of(START, ("tl.Lower", None), failure=failure_in(0, "tl.Lower"), source=None)
    verdict = two_sided(failed, failed).verdict
    assert verdict.outcome == "failed"
    assert verdict.headline == "identical at every pass until both stopped, after 1 pass"
    assert [detail.partition(" ")[0] for detail in verdict.details] == ["baseline", "candidate"]


@pytest.mark.parametrize("message", ["", "\n"])
def test_verdict_of_a_failure_without_a_message_does_not_crash(message: str) -> None:
    failed = trace_of(START, ("tl.Lower", None), failure=failure_in(0, "tl.Lower", message), source=None)
    assert two_sided(trace_of(START, ("tl.Lower", LOOP)), failed).verdict.details[0].endswith("InternalError: ")
    assert one_sided(failed).verdict.outcome == "failed"


def test_two_sides_totals_and_rows_agree() -> None:
    report = two_sided()
    assert [(row.name, row.status, row.degree, row.quiet) for row in report.passes] == [
        ("tl.Quiet", "same", "none", True),
        ("tl.Lower", "introduces", "values", False),
        ("tl.Sync", "introduces", "shape", False),
        ("tl.End", "carries", "none", True),
    ]
    assert report.totals == {
        "passes": 4,
        "same": 1,
        "introduces": 2,
        "carries": 1,
        "same effect": 2,
        "effect lines": 3,
        "state lines": 8,
    }
    assert [row.index for row in report.passes] == [1, 2, 3, 4]
    assert (report.title, report.kind, report.next_command) == ("gemm for cuda:sm_90a", "two-sides", NEXT)
    assert [side.label for side in report.sides] == ["baseline", "candidate"]


def test_two_sides_new_metrics_leave_out_what_the_row_before_had() -> None:
    rows = two_sided().passes
    barrier = MetricView("barriers", None, 1)
    assert barrier in rows[2].metrics
    assert barrier in rows[2].new_metrics
    assert barrier in rows[3].metrics
    assert rows[3].new_metrics == ()


def test_two_sides_focus_is_the_pass_that_reshapes_and_its_line() -> None:
    assert two_sided().focus == Focus(3, SYNC)


def test_one_side_focus_is_the_pass_that_builds_most() -> None:
    report = one_sided()
    assert report.focus is not None
    assert report.passes[report.focus.index - 1].name in ("tl.Lower", "tl.Sync")
    assert one_sided(trace_of(START, ("tl.Quiet", START))).focus is None


def test_one_side_verdict_counts_and_names_what_grew() -> None:
    report = one_sided()
    assert report.verdict.outcome == "view"
    assert report.verdict.headline == "3 of 4 passes changed gemm for cuda:sm_90a"
    assert "tl.Sync: barriers 0 -> 1" in report.verdict.details
    assert not any(detail.startswith("tl.Quiet") for detail in report.verdict.details)
    assert report.totals == {"passes": 4, "changed": 3, "removed lines": 2, "added lines": 4}
    assert [row.status for row in report.passes] == ["unchanged", "changed", "changed", "changed"]
    assert [row.quiet for row in report.passes] == [True, False, False, False]
    side = report.passes[1].sides[0]
    assert side is not None
    assert side.duration_ms == 1.0


def test_one_side_verdict_of_a_failure_names_the_pass_and_the_first_lines() -> None:
    message = "one\ntwo\nthree\nfour\nfive" + "x" * 500
    report = one_sided(
        trace_of(START, ("tl.Quiet", START), ("tl.Lower", None), failure=failure_in(1, "tl.Lower", message))
    )
    assert report.verdict.outcome == "failed"
    assert report.verdict.headline == "lowering stopped in tl.Lower, after 1 pass"
    assert report.verdict.details == ("InternalError: one", "two", "three", "four")
    assert report.passes[1].status == "failed"
    assert report.passes[1].note == "it raised: nothing came out of it"


def with_products(file: TraceFile) -> TraceFile:
    resources = (
        FunctionResources("gemm_kernel", 128, 4, 8, 0, 1024, 1900),
        FunctionResources("second", 32, 0, 0, 0, 0),
    )
    artifacts = (*file.trace.artifacts, Artifact("ptx", "kernel.ptx", None, "no nvcc on this machine"))
    return replace(file, trace=replace(file.trace, resources=resources, artifacts=artifacts))


def test_one_side_verdict_says_what_came_out_and_what_is_missing() -> None:
    assert one_sided(with_products(CANDIDATE)).verdict.details[-3:] == (
        "gemm_kernel: 128 registers, 12 bytes spilled, 1,900 SASS instructions",
        "second: 32 registers, no spills",
        "no machine code: no nvcc on this machine",
    )


def test_artifacts_have_a_digest_or_a_reason() -> None:
    for report in (one_sided(with_products(CANDIDATE)), two_sided(with_products(CANDIDATE), BASELINE)):
        for artifact in report.artifacts:
            assert len(artifact.digests) == len(report.sides)
            for digest, missing in zip(artifact.digests, artifact.missing, strict=True):
                assert (digest is None) != (missing is None)


def test_anchors_are_fragments_of_a_url_and_unique() -> None:
    file = trace_of(START, ("tl.A b/<c>", LOOP), ("tl.A b/<c>", END), ("é", START))
    anchors = [row.anchor for row in one_sided(file).passes]
    assert anchors == ["pass-1-tl.A-b-c", "pass-2-tl.A-b-c", "pass-3-"]


def test_series_hold_only_what_moves_one_value_a_pass_and_side() -> None:
    report = two_sided()
    series = {item.name: item.values for item in report.series}
    assert series["barriers"] == ((0, 0, 0, 0), (0, 0, 1, 1))
    assert "threads per block" not in series
    assert len(report.series) <= 6


def test_series_of_a_pass_on_one_side_is_unknown_on_the_other() -> None:
    report = two_sided(
        trace_of(START, ("tl.Lower", LOOP), ("tl.End", LOOP)),
        trace_of(START, ("tl.Lower", LOOP), ("tl.Sync", SYNCED), ("tl.End", SYNCED)),
    )
    assert {item.name: item.values for item in report.series}["barriers"] == ((0, None, 0), (0, 1, 1))
    assert report.passes[1].note == "what it did there"
    assert report.focus == Focus(2, SYNC)


def test_moved_pass_says_so() -> None:
    synced = START.replace("C[8] = 0", SYNC)
    report = two_sided(
        trace_of(START, ("tl.A", START), ("tl.Sync", synced), ("tl.Z", synced)),
        trace_of(START, ("tl.Sync", synced), ("tl.A", synced), ("tl.Z", synced)),
    )
    words = "the other side runs it at another place"
    assert [row.note for row in report.passes if row.moved] == [words, f"{words}; the sides are nearer after it"]
    assert report.verdict.headline.startswith(
        "the generated source is the same; tl.Sync, which the sides run at different"
    )
    assert "passes: 1 at another place" in report.verdict.details
    assert report.totals["passes moved"] == 2


def test_texts_hold_every_digest_a_report_names() -> None:
    report: Report = two_sided()
    texts = texts_of(BASELINE, CANDIDATE)
    for row in report.passes:
        for side in row.sides:
            assert side is not None
            assert texts.get(side.before)
            assert texts.get(side.after)
    assert texts.get(None) == ""
    assert texts.get("absent") == ""


def test_two_sides_verdict_of_the_same_lowering_that_differs_blames_the_compiler_and_not_a_change() -> None:
    one, two = trace_of(START, ("tl.Merge", LOOP)), trace_of(START, ("tl.Merge", LOOP_2))
    result = replace(compare(one, two), unstable=("tl.Merge",))
    verdict = report_two_sides(one, two, result, next_command="next").verdict
    assert verdict.outcome == "unstable"
    assert verdict.headline == "the same lowering twice differs: this TileLang is not deterministic in tl.Merge"


def test_two_sides_verdict_of_other_settings_on_an_unstable_build_says_beware() -> None:
    one = trace_of(START, ("tl.Merge", LOOP), parameters={"M": 1})
    two = trace_of(START, ("tl.Merge", LOOP_2), parameters={"M": 2})
    result = replace(compare(one, two), unstable=("tl.Merge",))
    verdict = report_two_sides(one, two, result, next_command="next").verdict
    assert verdict.outcome == "differs"
    assert verdict.details[0] == "beware: lowering the baseline twice differs too, first in tl.Merge"


def test_two_sides_verdict_of_equal_source_and_other_machine_code_is_not_identical() -> None:
    def with_sass(text: str, registers: int) -> TraceFile:
        file = trace_of(START, ("tl.Lower", LOOP))
        artifacts = (*file.trace.artifacts, Artifact("sass", "kernel.sass", text_digest(text)))
        resources = (FunctionResources("gemm_kernel", registers, 0, 0, 0, 0, 10),)
        texts = {**file.texts, text_digest(text): text}
        return replace(file, trace=replace(file.trace, artifacts=artifacts, resources=resources), texts=texts)

    verdict = two_sided(with_sass("FADD", 96), with_sass("FFMA", 80)).verdict
    assert verdict.outcome == "differs"
    assert verdict.headline == ("identical at every pass, but the machine code differs: the headers (src/tl_templates)")
    assert verdict.details == ("SASS differs", "gemm_kernel: registers 96 to 80")


def test_two_sides_verdict_shows_the_end_of_long_lines_where_they_differ() -> None:
    start = "C[0] = " + " + ".join(f"A[{i}]" for i in range(60))
    one, two = (module(f"{start} + A[{last}]") for last in (777, 888))
    details = two_sided(trace_of(START, ("tl.Lower", one)), trace_of(START, ("tl.Lower", two))).verdict.details
    ours, theirs = (next(d for d in details if d.startswith(side)) for side in ("baseline:", "candidate:"))
    assert "A[777]" in ours
    assert "A[888]" in theirs


@pytest.mark.parametrize(
    ("attested", "shown"),
    [
        ({}, "0.1.15"),
        ({"commit": "8001cc4ccf61aaaabbbb", "dirty": "no"}, "0.1.15, commit 8001cc4ccf61"),
        ({"commit": "8001cc4ccf61aaaabbbb", "dirty": "yes"}, "0.1.15, commit 8001cc4ccf61, uncommitted changes"),
    ],
)
def test_a_side_names_the_commit_of_a_build_from_source(attested: dict[str, str], shown: str) -> None:
    file = trace_of(START, ("tl.Lower", LOOP))
    trace = replace(file.trace, build=replace(file.trace.build, tilelang_version="0.1.15", attested=attested))
    report = report_one_side(replace(file, trace=trace), effects_of(file), next_command="next")
    assert report.sides[0].tilelang_version == shown


def test_two_sides_verdict_names_the_annotation_before_what_a_later_pass_makes_of_it() -> None:
    noted = module('for k in T.serial(4, annotations={"unroll": 1}):', "    C[k] = A[k] + 1")
    plain = module("for k in T.serial(4):", "    C[k] = A[k] + 1")
    split = module("for k in T.serial(2):", "    C[k] = A[k] + 1", "C[3] = A[3] + 1")
    files = (
        trace_of(START, ("tl.Note", plain), ("tl.Split", plain)),
        trace_of(START, ("tl.Note", noted), ("tl.Split", split)),
    )
    assert two_sided(*files).verdict.headline.startswith("the generated source is the same; tl.Note ")
