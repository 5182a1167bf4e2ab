"""What is generated: the code generator's doing, and nvcc's judgement."""

from __future__ import annotations

from dataclasses import replace

import pytest
from traces import module, trace_of

from scaffold.diff.change import Outcome, change_of, compiled_on_one_side
from scaffold.diff.equality import Tier
from scaffold.diff.two_sides import compare
from scaffold.report.verdict import two_verdict
from scaffold.trace.model import Artifact, TraceFile, text_digest

START = module("C[9] = 0")
LOOP = module("for k in T.serial(4):", "    C[k] = A[k] + 1")
OTHER_START = module("x: T.int32 = 0", "C[9] = x + 1")
SOURCE = "float x;\nx = 1;\n"
REJECTED = "nvcc failed: kernel.cu(20): error: too many arguments in function call"


def with_artifacts(file: TraceFile, *artifacts: Artifact) -> TraceFile:
    return replace(file, trace=replace(file.trace, artifacts=(*file.trace.artifacts, *artifacts)))


def compiled(file: TraceFile, ptx: str | None = "ld.global", missing: str | None = None) -> TraceFile:
    artifact = Artifact("ptx", "kernel.ptx", text_digest(ptx) if ptx else None, missing)
    found = with_artifacts(file, artifact)
    return replace(found, texts={**found.texts, text_digest(ptx): ptx}) if ptx else found


@pytest.mark.parametrize("exchanged", [False, True])
def test_sources_of_equal_last_modules_differ_by_the_code_generator(exchanged: bool) -> None:
    """The inputs differ, as two front ends write them, and a pass makes them the same."""
    one = trace_of(START, ("tl.Normalize", LOOP), ("tl.Quiet", LOOP), source=SOURCE)
    other = trace_of(OTHER_START, ("tl.Normalize", LOOP), ("tl.Quiet", LOOP), source=SOURCE.replace("1", "2"))
    generated = compare(*((other, one) if exchanged else (one, other))).generated
    assert generated.by_code_generator
    assert generated.same_after == 0
    assert generated.lines == (("x = 2;", "x = 1;") if exchanged else ("x = 1;", "x = 2;"))


def test_sources_of_modules_that_differ_are_no_doing_of_the_code_generator() -> None:
    one = trace_of(START, ("tl.Lower", LOOP), source=SOURCE)
    other = trace_of(START, ("tl.Lower", LOOP.replace("+ 1", "+ 2")), source=SOURCE.replace("1", "2"))
    generated = compare(one, other).generated
    assert not generated.by_code_generator
    assert generated.same_after is None


def test_the_module_that_the_code_generator_was_given_decides_and_not_the_last_pass() -> None:
    """A last pass may be one of the host's module, which says nothing of the device's."""

    def given(text: str) -> TraceFile:
        file = trace_of(START, ("tl.Lower", LOOP), source=SOURCE.replace("1", str(len(text))))
        found = with_artifacts(file, Artifact("device-module", "device-module", text_digest(text)))
        return replace(found, texts={**found.texts, text_digest(text): text})

    assert not compare(given(LOOP), given(START)).generated.by_code_generator


@pytest.mark.parametrize(("only_on", "exchanged"), [("candidate", False), ("baseline", True)])
def test_nvcc_that_takes_one_side_only_is_a_finding(only_on: str, exchanged: bool) -> None:
    refused = compiled(trace_of(START, ("tl.Lower", LOOP)), None, REJECTED)
    accepted = compiled(trace_of(START, ("tl.Lower", LOOP)))
    files = (accepted, refused) if exchanged else (refused, accepted)
    result = compare(*files)
    assert (result.generated.compiles_only_on, result.generated.rejection) == (only_on, REJECTED)
    assert result.finding
    assert not result.lowering_differs
    change = compiled_on_one_side(change_of(*files, result), *files)
    assert change.outcome is Outcome.DIFFERS
    assert change.patterns[0].words == f"the same source, but nvcc compiles it on the {only_on} only: {REJECTED}"


@pytest.mark.parametrize("missing", [REJECTED, "no nvcc on PATH"])
def test_nvcc_that_takes_neither_side_is_no_finding(missing: str) -> None:
    one = compiled(trace_of(START, ("tl.Lower", LOOP)), None, missing)
    assert not compare(one, one).finding


def test_no_machine_code_for_another_reason_says_nothing_of_the_source() -> None:
    one = compiled(trace_of(START, ("tl.Lower", LOOP)), None, "no nvcc on PATH")
    assert not compare(one, compiled(trace_of(START, ("tl.Lower", LOOP)))).finding


def test_other_machine_code_of_the_same_source_is_seen_though_passes_differ() -> None:
    one = compiled(trace_of(START, ("tl.Lower", LOOP)), "ld.global")
    other = compiled(trace_of(START, ("tl.Lower", LOOP.replace("+ 1", "+ 2"))), "ld.shared")
    result = compare(one, other)
    assert result.source_tier is Tier.BYTES
    assert result.generated.machine_code_differs


def test_pass_that_the_device_module_alone_goes_through_is_not_the_code_generator() -> None:
    """Behind the split each half goes its own way: what the code generator is given is the end of the device's."""

    def split(*behind: tuple[str, str]) -> TraceFile:
        file = trace_of(START, ("tirx.Filter", LOOP), *behind, source=SOURCE.replace("1", str(len(behind))))
        return with_artifacts(file, Artifact("device-module", "device-module", text_digest(LOOP)))

    hoisted = split(("tl.Hoist", LOOP.replace("+ 1", "+ x")))
    result = compare(hoisted, split())
    assert not result.generated.by_code_generator
    assert result.telling is not None
    assert result.telling.pass_name == "tl.Hoist"
    assert compare(split(("tl.Quiet", LOOP)), split()).generated.by_code_generator


@pytest.mark.parametrize("exchanged", [False, True])
def test_host_modules_that_no_pass_made_different_are_a_finding(exchanged: bool) -> None:
    def hosted(text: str) -> TraceFile:
        file = with_artifacts(
            trace_of(START, ("tl.Lower", LOOP)), Artifact("host-module", "host-module", text_digest(text))
        )
        return replace(file, texts={**file.texts, text_digest(text): text})

    one, other = hosted(START), hosted(START.replace("= 0", "= 1"))
    result = compare(*((other, one) if exchanged else (one, other)))
    assert result.lowering_differs
    assert result.telling is None
    assert result.generated.host_lines == (("C[9] = 1", "C[9] = 0") if exchanged else ("C[9] = 0", "C[9] = 1"))
    assert two_verdict((one, other), result).headline == "no pass introduces a difference; the host modules differ"
    assert not compare(one, one).generated.host_differs


def test_options_that_a_build_alone_gives_nvcc_are_named() -> None:
    def with_options(ptx: str, *options: str) -> TraceFile:
        file = compiled(trace_of(START, ("tl.Lower", LOOP)), ptx)
        return replace(file, trace=replace(file.trace, compiler_options=("-O3", *options)))

    plain, fast = with_options("mul", "-DA"), with_options("fma", "--use_fast_math")
    verdict = two_verdict((plain, fast), compare(plain, fast))
    assert verdict.outcome == "differs"
    assert "only on the baseline: -DA; only on the candidate: --use_fast_math" in verdict.headline
    same = with_options("mul", "--use_fast_math")
    verdict = two_verdict((plain, same), compare(plain, same))
    assert verdict.outcome == "identical"
    assert any("--use_fast_math" in line for line in verdict.details)
    headers = with_options("fma", "-DA")
    assert "headers" in two_verdict((plain, headers), compare(plain, headers)).headline
