"""What a change did to one kernel of many, and which others it did the same to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from traces import Step, module, trace_of

from scaffold.diff.change import CHANGED, IDENTICAL, KernelChange, Outcome, change_of, kind_of, said_in, unstable
from scaffold.diff.two_sides import compare
from scaffold.trace.model import Artifact, Failure, TraceFile, text_digest

START = module("for k in T.serial(8):", "    C[k] = A[k] + 1")
LOOP = module("for k in T.serial(8):", "    C[k] = A[k] + 2")
VECTOR_LOOP = module("for k in T.vectorized(4):", "    C[k] = A[k] + 2")
NOTED = module("for k in T.serial(8):", '    T.attr({"note": 1})', "    C[k] = A[k] + 2")


def source(*lines: str) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f'extern "C" __global__ void main_kernel() {{\n{body}\n}}\n'


def lowered(text: str | None, after: str = LOOP, start: str = START) -> TraceFile:
    return trace_of(start, ("tl.Early", start), ("tl.LowerTileOp", after), source=text)


def changed(ours: TraceFile, theirs: TraceFile) -> KernelChange:
    return change_of(ours, theirs, compare(ours, theirs))


SCALAR = source("for (int i = 0; i < 32; ++i) {", "  a[i] = (a[i] + b[i]);", "}")
VECTOR = source(
    "for (int i = 0; i < 8; ++i) {", "  float4 v = *(float4*)(a + (i * 4));", "  *(float4*)(a + i) = v;", "}"
)
OTHER_SCALAR = source("for (int j = 0; j < 64; ++j) {", "  peak[j] = max(peak[j], x[j * 2]);", "}")
OTHER_VECTOR = source(
    "for (int j = 0; j < 32; ++j) {",
    "  float2 w = make_float2(peak[j], x[j]);",
    "  w.x = max(w.x, w.y);",
    "  *(float2*)(peak + j) = w;",
    "}",
)


def test_the_same_lowering_twice_is_identical() -> None:
    assert changed(lowered(SCALAR), lowered(SCALAR)) == IDENTICAL
    assert IDENTICAL.outcome not in CHANGED


def test_two_kernels_in_which_the_same_was_done_share_a_pattern() -> None:
    one = changed(lowered(SCALAR), lowered(VECTOR, VECTOR_LOOP))
    other = changed(lowered(OTHER_SCALAR), lowered(OTHER_VECTOR, VECTOR_LOOP))
    assert one.outcome is other.outcome is Outcome.DIFFERS
    assert [pattern.key for pattern in one.patterns] == [pattern.key for pattern in other.patterns]
    assert [pattern.words for pattern in one.patterns] == ["+float4"]
    assert (one.source_removed, one.source_added) == (2, 3)


def test_pattern_shows_what_was_and_what_came_of_it() -> None:
    (pattern,) = changed(lowered(SCALAR), lowered(VECTOR, VECTOR_LOOP)).patterns
    assert pattern.baseline_line == "a[i] = (a[i] + b[i]);"
    assert pattern.candidate_line == "float4 v = *(float4*)(a + (i * 4));"
    assert "-    a[i] = (a[i] + b[i]);" in pattern.excerpt
    assert "+    float4 v = *(float4*)(a + (i * 4));" in pattern.excerpt
    assert pattern.lines == 5


def test_pattern_names_the_pass_that_speaks_of_it_and_not_the_first() -> None:
    other = LOOP.replace("A[k] + 2", "T.max(A[k], 2)")
    ours = trace_of(START, ("tl.Early", LOOP), ("tl.Vectorize", LOOP), ("tl.Last", LOOP), source=SCALAR)
    theirs = trace_of(
        START, ("tl.Early", other), ("tl.Vectorize", vector(other)), ("tl.Last", vector(other)), source=VECTOR
    )
    found = changed(ours, theirs)
    assert [pattern.pass_name for pattern in found.patterns] == ["tl.Vectorize"]
    assert found.first_pass == "tl.Early"
    assert found.passes == ("tl.Early", "tl.Vectorize")


def test_pattern_names_no_pass_whose_difference_is_gone_again() -> None:
    end = LOOP.replace("+ 2", "+ 3")
    ours = trace_of(START, ("tl.Early", LOOP), ("tl.Middle", START), ("tl.Last", end), source=SCALAR)
    theirs = trace_of(START, ("tl.Early", vector(LOOP)), ("tl.Middle", START), ("tl.Last", vector(end)), source=VECTOR)
    assert [pattern.pass_name for pattern in changed(ours, theirs).patterns] == ["tl.Last"]


def vector(text: str) -> str:
    return text.replace("T.serial(8)", "T.vectorized(4)")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (["f(a, b);"], ["f(a, b);", "__syncthreads();"], "+__syncthreads"),
        (["old(a);"], ["tl::new(a);"], "+tl::new -old"),
        (["tl::load(a[(i * 4)]);"], ["tl::load(a[((i * 2) + 1)]);"], "tl::load: other arguments"),
        (["tl::load(a, 4);"], ["tl::load(a, 8);"], "tl::load: other numbers"),
        (["tl::load(a, 0);", "tl::load(a, 1);"], ["for (int i = 0; i < 2; ++i)", " tl::load(a, i);"], "tl::load: +for"),
        (["if (i < n) {", "x = y;", "}"], ["x = y;"], "-if"),
        (["if ((i < n)) {"], ["if (((i < n) && (j < m))) {"], "if: another condition"),
        (["x = (y + 1);"], ["x = ((y * 2) + 1);"], "assignments: other expressions"),
    ],
)  # fmt: skip
def test_pattern_is_what_the_lines_speak_of(before: list[str], after: list[str], words: str) -> None:
    (pattern,) = changed(lowered(source(*before)), lowered(source(*after))).patterns
    assert pattern.words == words


def test_patterns_of_other_reasons_have_other_keys() -> None:
    pairs = [
        (SCALAR, VECTOR),
        (source("f(a, 4);"), source("f(a, 8);")),
        (source("f(a, b[i]);"), source("f(a, b[i + j]);")),
        (source("f(a);"), source("g(a);")),
    ]
    keys = [changed(lowered(one), lowered(other)).patterns[0].key for one, other in pairs]
    assert len(set(keys)) == len(keys)


def test_kernel_changed_for_two_reasons_is_in_two_patterns_the_larger_first() -> None:
    far = [f"g{n}(a);" for n in range(9)]
    before = source("f(a, 1);", *far, "x[i] = y[i];")
    after = source("f(a, 2);", *far, "float4 v = *(float4*)(y);", "float4 w = v;", "*(float4*)(x) = v;")
    patterns = changed(lowered(before), lowered(after)).patterns
    assert [pattern.words for pattern in patterns] == ["+float4", "f: other numbers"]
    assert [pattern.lines for pattern in patterns] == [4, 2]


@pytest.mark.parametrize(
    "after",
    [
        source("load(a);", "store(a);", "__syncthreads();"),
        source("load(a);", "__syncthreads();", "store(c);"),
    ],
    ids=["moved", "another variable"],
)
def test_statements_moved_or_of_other_variables_are_a_difference(after: str) -> None:
    found = changed(lowered(source("load(a);", "__syncthreads();", "store(a);")), lowered(after))
    assert found.outcome is Outcome.DIFFERS
    assert "another order" in found.patterns[0].words
    assert found.patterns[0].candidate_line


def test_passes_that_come_to_the_same_source_are_same_code() -> None:
    found = changed(lowered(SCALAR), lowered(SCALAR, NOTED))
    assert found.outcome is Outcome.SAME_CODE
    assert found.outcome not in CHANGED
    assert found.patterns[0].words == 'tl.LowerTileOp: +T.attr +"note"'
    assert found.patterns[0].place.endswith("for k")
    assert found.source_added == 0


def test_same_code_of_two_kernels_shares_a_pattern_by_pass_and_operation() -> None:
    def other(text: str) -> str:
        return text.replace("C[k]", "Other[k]").replace("T.serial(8)", "T.serial(64)").replace('"note": 1', '"note": 7')

    one = changed(lowered(SCALAR), lowered(SCALAR, NOTED))
    same = changed(lowered(SCALAR, other(LOOP), other(START)), lowered(SCALAR, other(NOTED), other(START)))
    unlike = changed(lowered(SCALAR), lowered(SCALAR, NOTED.replace('"note"', '"mark"')))
    assert one.patterns[0].key == same.patterns[0].key
    assert one.patterns[0].key != unlike.patterns[0].key


def test_source_renamed_only_is_same_code() -> None:
    renamed = SCALAR.replace("int i", "int j").replace("i < 32; ++i", "j < 32; ++j").replace("[i]", "[j]")
    assert changed(lowered(SCALAR), lowered(renamed, NOTED)).outcome is Outcome.SAME_CODE


def test_host_module_that_differs_is_a_difference_though_the_source_is_the_same() -> None:
    def with_host(file: TraceFile, text: str) -> TraceFile:
        host = Artifact("host-module", "host.py", text_digest(text))
        trace = replace(file.trace, artifacts=(*file.trace.artifacts, host))
        return replace(file, trace=trace, texts={**file.texts, text_digest(text): text})

    ours = with_host(lowered(SCALAR), module('T.call_packed("gemm_kernel", 8, 128)'))
    theirs = with_host(lowered(SCALAR, NOTED), module('T.call_packed("gemm_kernel", 8, 256)'))
    found = changed(ours, theirs)
    assert found.outcome is Outcome.DIFFERS
    assert found.patterns[0].words == "host module: T.call_packed: other numbers"
    renamed = with_host(lowered(SCALAR, NOTED), module('x = T.call_packed("gemm_kernel", 8, 128)'))
    same = with_host(lowered(SCALAR), module('y = T.call_packed("gemm_kernel", 8, 128)'))
    assert changed(same, renamed).outcome is Outcome.SAME_CODE


def test_kernels_written_down_otherwise_are_a_pattern_of_the_inputs() -> None:
    ours, theirs = lowered(SCALAR, LOOP, NOTED), lowered(SCALAR, LOOP, START)
    found = changed(ours, theirs)
    assert found.outcome is Outcome.SAME_CODE
    assert found.patterns[0].words == 'before the first pass: -T.attr -"note"'


def failing(message: str, error: str = "InternalError", after: str = LOOP) -> TraceFile:
    failure = Failure("lowering", 1, "tl.Sync", error, message, "")
    return trace_of(START, ("tl.Lower", after), Step("tl.Sync", None), failure=failure, source=None)


SPANNED = "Check failed: no layout for 'A'\n  --> k.py:9:1\n   |\n 9 |   A = T.alloc(8)\n   |   ^\n"


def test_kernel_that_no_longer_lowers_is_broken_and_says_what_was_said() -> None:
    whole = trace_of(START, ("tl.Lower", LOOP), ("tl.Sync", LOOP))
    found = changed(whole, failing(SPANNED))
    assert found.outcome is Outcome.BROKEN
    assert found.patterns[0].words == "InternalError in tl.Sync: Check failed: no layout for 'A'"
    assert changed(failing(SPANNED), whole).outcome is Outcome.MENDED
    assert changed(failing(SPANNED), failing(SPANNED)).outcome is Outcome.FAILS_ALIKE


def test_failures_of_one_kind_share_a_pattern_and_others_do_not() -> None:
    whole = trace_of(START, ("tl.Lower", LOOP), ("tl.Sync", LOOP))
    keys = [
        changed(whole, failing(text)).patterns[0].key
        for text in ("no layout for 'A' of 12 threads", "no layout for 'B' of 7 threads", "no room for 'A'")
    ]
    assert keys[0] == keys[1] != keys[2]


def test_both_failing_in_other_ways_says_both() -> None:
    found = changed(failing("one"), failing("other", error="ValueError"))
    assert found.outcome is Outcome.FAILS_ALIKE
    assert "baseline: InternalError in tl.Sync; candidate: ValueError in tl.Sync: other" in found.patterns[0].words


def test_unstable_keeps_how_much_and_names_no_culprit() -> None:
    found = unstable(changed(lowered(SCALAR), lowered(VECTOR, VECTOR_LOOP)), ["tl.Merge", "tl.Last"])
    assert found.outcome is Outcome.UNSTABLE
    assert (found.first_pass, found.passes, found.source_added) == ("tl.Merge", (), 3)
    assert "tl.Merge" in found.patterns[0].words


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("one line", "one line"),
        ("first\nlast: told\n\n", "last: told"),
        (SPANNED, "Check failed: no layout for 'A'"),
        ("told\n   |   ^\n", "told"),
        ("\n \n", ""),
    ],
)
def test_the_line_of_an_error_that_tells_most(message: str, said: str) -> None:
    assert said_in(message) == said


def test_kind_of_leaves_out_names_numbers_and_places() -> None:
    assert kind_of("a.py:12: no 'A' for 0x7f at 3") == kind_of("b/c.py:7: no 'B' for 0x11 at 44")
    assert kind_of("no 'A'") != kind_of("one 'A'")
