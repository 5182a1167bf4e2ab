"""Reports of many kernels made by hand, for the tests of their renderers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scaffold.diff import change as changes
from scaffold.diff.change import KernelChange, Outcome, one_side_only
from scaffold.diff.metrics import MetricDelta
from scaffold.diff.pattern import Pattern
from scaffold.report.corpus_build import corpus_report, survey_report
from scaffold.report.corpus_view import (
    CapturedEntry,
    CapturedKernel,
    CorpusReport,
    CorpusSide,
    KernelRow,
    MissedEntry,
    SurveyReport,
)

NEXT = "python -m scaffold tir-diff gemm --target cuda:sm_80 --baseline build=wheel:1 --candidate build=wheel:2"
AGAIN = "python -m scaffold tir-diff --corpus --baseline build=wheel:1 --candidate build=wheel:2"
SIDES = (
    CorpusSide("baseline", "wheel:1", "0.1.13", "content 0ea93004b47c"),
    CorpusSide("candidate", "worktree", "0.1.15", "content caf5b8903226, commit 1234567890ab"),
)

VECTORS = Pattern(
    "source|+vectors",
    "+float4",
    "a[i] = (a[i] + b[i]);",
    "float4 v = *(float4*)(a + (i * 4));",
    (
        " #pragma unroll",
        "-for (int i = 0; i < 32; ++i) {",
        "-  a[i] = (a[i] + b[i]);",
        "+for (int i = 0; i < 8; ++i) {",
        "+  float4 v = *(float4*)(a + (i * 4));",
        " }",
    ),
    pass_name="tl.LowerTileOp",
    lines=11,
)
COPIES = Pattern(
    "source|tma_load: +for",
    "tl::tma_load: +for",
    "tl::tma_load(B, 0);",
    "tl::tma_load(B, i);",
    ("-tl::tma_load(B, 0);", "-tl::tma_load(B, 1);", "+for (int i = 0; i < 2; ++i) {", "+  tl::tma_load(B, i);", "+}"),
    pass_name="tl.UnrollLoop",
    lines=5,
)
ON_THE_WAY = Pattern(
    'tl.LowerTileOp|-"pragma"',
    'tl.LowerTileOp: -"pragma"',
    'for i in T.unroll(8, annotations={"pragma": 1}):',
    "for i in T.unroll(8):",
    ('-for i in T.unroll(8, annotations={"pragma": 1}):', "+for i in T.unroll(8):"),
    place="gemm > for k",
    pass_name="tl.LowerTileOp",
    lines=2,
)
NO_CODE = "nvcc is not there"


def differing(*patterns: Pattern, lines: int = 6, metrics: Sequence[MetricDelta] = ()) -> KernelChange:
    return KernelChange(
        Outcome.DIFFERS,
        patterns,
        first_pass="tl.LowerTileOp",
        place="gemm > for k",
        passes=("tl.LowerTileOp", "tl.UnrollLoop"),
        effect_lines=40,
        source_removed=lines // 2,
        source_added=lines - lines // 2,
        metrics=tuple(metrics),
    )


SAME_CODE = KernelChange(Outcome.SAME_CODE, (ON_THE_WAY,), first_pass="tl.LowerTileOp", effect_lines=12)
BROKEN = one_side_only(
    Outcome.BROKEN, "InternalError in tl.LayoutInference: no layout for 'A'", where="tl.LayoutInference"
)
MENDED = one_side_only(Outcome.MENDED, "ValueError in tl.Simplify: bad", where="tl.Simplify")
UNSTABLE = KernelChange(
    Outcome.UNSTABLE, (Pattern("unstable tl.Merge", "the baseline lowered twice differs", pass_name="tl.Merge"),)
)
FAILS = one_side_only(
    Outcome.FAILS_ALIKE, "TypeError in tilelang/backend/device_codegen_of_some_length.py:25: no", where=None
)
IDENTICAL = changes.IDENTICAL
EQUIVALENT = KernelChange(Outcome.EQUIVALENT, (Pattern("equivalent NAMES", "same after matching names"),))


def row(
    name: str, change: KernelChange, target: str = "cuda:sm_80", source: str = "", **resources: tuple[int, int]
) -> KernelRow:
    named = {key.replace("_", " "): value for key, value in resources.items()}
    return KernelRow(
        name,
        source or name,
        target,
        change,
        named,
        "/traces/1.tltrace",
        "/traces/2.tltrace",
        f"tir-diff {name} --target {target}",
    )


MIXED = (
    row(
        "gemm",
        differing(COPIES, VECTORS, lines=17, metrics=[MetricDelta("TMA operations", 3, 2)]),
        "cuda:sm_90a",
        registers=(98, 122),
    ),
    row("gemm", differing(VECTORS, lines=11)),
    row("softmax", differing(VECTORS, lines=45), bytes_spilled=(0, 64)),
    row("main", differing(COPIES, lines=5), "cuda:sm_90a", "examples/gemm/example_gemm.py"),
    row("mla", BROKEN),
    row("topk", SAME_CODE),
    row("gemv", SAME_CODE),
    row("conv", IDENTICAL),
)
MISSED = (
    MissedEntry(
        "flash_attention/example_mha.py", "cuda:sm_80", "baseline", "a.py:12: TypeError: no argument 'swizzle'"
    ),
    MissedEntry(
        "flash_attention/example_mha.py", "cuda:sm_80", "candidate", "a.py:12: TypeError: no argument 'swizzle'"
    ),
    MissedEntry("gdn/example_wy.py", "cuda:sm_80", "candidate", "b.py:7: TypeError: no argument 'stages'"),
    MissedEntry("slow.py", "cuda:sm_80", "candidate", "stopped by the time limit of 300 s"),
)
LEFT_OUT = {"there is no TileLang kernel in it": ("plot.py", "util.py"), "needs two GPUs": ("distributed/all.py",)}


def corpus(
    rows: Sequence[KernelRow] = MIXED,
    missed: Sequence[MissedEntry] = (),
    *,
    left_out: dict[str, tuple[str, ...]] | None = None,
    packages: dict[str, int] | None = None,
    not_measured: str = "",
) -> CorpusReport:
    return corpus_report(
        rows,
        sides=SIDES,
        entries=len({item.source for item in rows} | {item.name for item in missed}),
        missed=missed,
        left_out=left_out or {},
        packages=packages or {},
        not_measured=not_measured,
        next_command=NEXT,
        command=AGAIN,
    )


def whole() -> CorpusReport:
    """A report with something of everything."""
    return corpus(
        (*MIXED, row("sink", MENDED), row("mla", UNSTABLE, "cuda:sm_90a"), row("odd", FAILS), row("same", EQUIVALENT)),
        MISSED,
        left_out=LEFT_OUT,
        packages={"triton": 3, "einops": 1},
        not_measured=NO_CODE,
    )


def huge(kernels: int = 600, patterns: int = 150) -> CorpusReport:
    """Every kernel in two of many patterns, each with a long example."""
    made = [
        Pattern(
            f"source|{at}",
            f"+tl::operation_{at}<{at}, {at + 1}> -tl::operation_{at + 1} +another_{at % 7}",
            f"C[{at}] = {'(A + ' * 40}0{')' * 40};",
            f"C[{at}] = tl::operation_{at}<{at}, {at + 1}>({'A, ' * 60}B);",
            tuple(
                [f" for (int k = 0; k < {at}; ++k) {{"]
                + [f"-  C[k + {line}] = {'(A[k] + ' * 30}{line}{')' * 30};" for line in range(6)]
                + [f"+  tl::operation_{at}<{line}>({'A[k], ' * 40}{line});" for line in range(6)]
            ),
            pass_name=f"tl.Pass{at % 23}",
            lines=12 + at,
        )
        for at in range(patterns)
    ]
    rows = [
        row(
            f"kernel_{at}",
            differing(
                made[at % patterns],
                made[(at * 7 + 1) % patterns],
                lines=20 + at % 90,
                metrics=[MetricDelta("TMA operations", at, at + 3), MetricDelta("barriers", None, at)],
            ),
            f"cuda:sm_{(80, 89, '90a', '100a')[at % 4]}",
            f"examples/topic_{at % 40}/example_of_some_length_{at % 120}.py",
            registers=(100, 100 + at % 60),
        )
        for at in range(kernels)
    ]
    missed = [
        MissedEntry(f"topic/example_{at}.py", "cuda:sm_80", "candidate", f"x.py:{at}: Error{at % 30}: {at}")
        for at in range(300)
    ]
    return corpus(
        rows, missed, left_out={f"reason {at}": tuple(f"file_{n}.py" for n in range(at + 1)) for at in range(30)}
    )


def survey(entries: int = 3) -> SurveyReport:
    made = [
        CapturedEntry(
            "gemm/example_gemm.py",
            "cuda:sm_80",
            (CapturedKernel("main", "/a.tltrace"), CapturedKernel("ref", "/b.tltrace")),
        ),
        CapturedEntry(
            "gdn/example_wy.py", "cuda:sm_90a", (CapturedKernel("wy", "/c.tltrace", "InternalError in tl.Sync: no"),)
        ),
        CapturedEntry("slow.py", "cuda:sm_80", (), "stopped by the time limit of 300 s"),
        CapturedEntry("plain.py", "cuda:sm_80", (), notes=("a note",)),
    ]
    more = [replace(made[0], name=f"gemm/example_{at}.py") for at in range(max(0, entries - len(made)))]
    return survey_report([*made, *more], side=SIDES[0], left_out=LEFT_OUT, next_command=NEXT, command=AGAIN)
