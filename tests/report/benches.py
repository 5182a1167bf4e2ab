"""Made-up benchmark reports, for the tests of their renderers."""

from __future__ import annotations

from dataclasses import replace

from scaffold.report.bench_view import (
    Arm,
    BenchReport,
    BenchRow,
    BenchSide,
    Block,
    Code,
    Comparison,
    Device,
    OutputError,
    Ratio,
    Word,
)

NEXT = "python -m scaffold tir-diff gemm --baseline build=wheel:0.1.15 --candidate build=worktree"
AGAIN = "python -m scaffold bench gemm conv --baseline build=wheel:0.1.15 --candidate build=worktree"
#: What a stranger might call anything.
HOSTILE = "<script>alert(1)</script>|`x`\x1b[31m$\\frac{1}{2}$ @everyone"

DEVICE = Device(
    "NVIDIA H100 80GB HBM3", {"driver": "580.159", "CUDA": "13.0", "power limit": "700 W"}, ("clocks are not locked",)
)
SIDES = (
    BenchSide("baseline", "wheel:0.1.15", "0.1.15", "content 0ea93004b47c"),
    BenchSide("candidate", "worktree", "0.1.16+git", "content caf5b8903226, commit 1234567890ab"),
)
_CODE = Code(
    compile_ms=1210.0,
    registers=98,
    spill_bytes=0,
    shared_bytes=49152,
    sass_instructions=1820,
    binary_bytes=41872,
)
MATRIX, COPY = "float16 matrix rate", "copy bandwidth"


def blocks(middle_ms: float, order: int, rounds: int = 12, slowed: tuple[int, ...] = ()) -> tuple[Block, ...]:
    """Blocks that scatter by a few thousandths, the same every time."""
    return tuple(
        Block(
            at,
            order,
            tuple(middle_ms * (1 + ((at * 7 + order * 3 + sample * 5) % 11 - 5) / 1500) for sample in range(3)),
            sm_clock_mhz=1755.0 - 15 * (at % 2),
            temperature_c=58.0 + at % 4,
            power_w=512.0 + at,
            throttled=("power cap",) if at in slowed else (),
        )
        for at in range(rounds)
    )


def arm(
    key: str,
    middle_ms: float | None,
    *,
    order: int = 0,
    code: Code = _CODE,
    best_ms: float = 0.05,
    roof_of: str = MATRIX,
    **more: object,
) -> Arm:
    """An arm with everything measured; ``best_ms`` is the time at its roof."""
    label = {"again": "baseline again", "torch": "PyTorch", "triton": "Triton"}.get(key, key)
    if middle_ms is None:
        return replace(Arm(key, label, code=code), **more)  # type: ignore[arg-type]
    made = Arm(
        key,
        label,
        middle_ms,
        middle_ms * 0.998,
        middle_ms * 1.002,
        "cupti",
        tflops=780 * best_ms / middle_ms if roof_of == MATRIX else None,
        gbytes_per_s=(640 if roof_of == MATRIX else 2950) * best_ms / middle_ms,
        roof=best_ms / middle_ms,
        roof_of=roof_of,
        outputs=(OutputError("C", 2.4e-4, True),),
        code=code,
        blocks=blocks(middle_ms, order),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def ratio(middle: float, low: float, high: float, p_value: float = 0.0005) -> Ratio:
    return Ratio(middle, low, high, p_value, 12)


AGAIN_RATIO = ratio(1.0002, 0.9981, 1.0021, 0.62)


def row(
    kernel: str,
    word: Word,
    reason: str,
    of: Ratio | None = None,
    *,
    baseline_ms: float | None = 0.0812,
    candidate: Arm | None = None,
    again: Ratio | None = AGAIN_RATIO,
    notes: tuple[str, ...] = (),
    stopped: str = "enough is known",
    best_ms: float = 0.05,
    roof_of: str = MATRIX,
    **parameters: object,
) -> BenchRow:
    """A two-sided row; the candidate's time follows from the ratio unless it is given."""
    baseline = arm("baseline", baseline_ms, best_ms=best_ms, roof_of=roof_of)
    if candidate is None:
        measured = baseline_ms * of.ratio if baseline_ms and of else None
        candidate = arm("candidate", measured, order=1, best_ms=best_ms, roof_of=roof_of)
    once_more = arm("again", baseline_ms, order=2, best_ms=best_ms, roof_of=roof_of)
    arms = (baseline, candidate, *((once_more,) if of and again else ()))
    comparison = Comparison("baseline", "candidate", word, reason, of, again if of else None, stopped)
    return BenchRow(kernel, "cuda:sm_90a", {"N": 4096, **parameters}, 2**31, 2**26, arms, (comparison,), notes)


FASTER = row("gemm", "FASTER", "8.8 % less time", ratio(0.912, 0.9083, 0.9161), M=4096)
SLOWER = row(
    "gemm",
    "SLOWER",
    "3.1 % more time",
    ratio(1.031, 1.0262, 1.0357),
    M=128,
    candidate=arm(
        "candidate",
        0.0837,
        order=1,
        code=replace(_CODE, registers=122, spill_bytes=16, compile_ms=1710.0, binary_bytes=43008),
        blocks=blocks(0.0837, 1, slowed=(3, 4)),
    ),
    notes=("the autotuner chose another block size",),
)
SAME = row(
    "softmax",
    "SAME",
    "within 1 % either way",
    ratio(1.001, 0.9972, 1.0043, 0.41),
    baseline_ms=0.0204,
    best_ms=0.018,
    roof_of=COPY,
)
SAME_TOO = row(
    "layer_norm",
    "SAME",
    "within 1 % either way",
    ratio(0.999, 0.9951, 1.0032, 0.52),
    baseline_ms=1.204,
    best_ms=1.0,
    roof_of=COPY,
)
AMBIGUOUS = row(
    "topk_selector",
    "AMBIGUOUS",
    "±3 % is too wide to tell 1 %",
    ratio(0.994, 0.9652, 1.0241, 0.3),
    stopped="the time limit",
)
EQUAL_CODE = row("gemv", "EQUAL CODE", "the same machine code, byte for byte", baseline_ms=None)
WRONG = row(
    "flash_attention",
    "WRONG",
    "an output of the candidate is wrong",
    ratio(0.703, 0.6991, 0.7074),
    baseline_ms=0.4127,
    best_ms=0.25,
    candidate=arm(
        "candidate",
        0.2901,
        order=1,
        best_ms=0.25,
        outputs=(
            OutputError("O", 3.1e-2, False, "more than 1.0e-02"),
            OutputError("lse", None, False, "holds NaN at 12 of 4,096 places"),
        ),
    ),
)
FAILED = row(
    "conv",
    "FAILED",
    "the candidate does not compile",
    candidate=arm("candidate", None, code=Code(), why_missing="InternalError in tl.LayoutInference: no layout for 'A'"),
)

MIXED = (FASTER, SLOWER, SAME, SAME_TOO, AMBIGUOUS, EQUAL_CODE, WRONG, FAILED)


def two_sided(rows: tuple[BenchRow, ...] = MIXED, **changes: object) -> BenchReport:
    report = BenchReport(
        headline="1 kernel computes something else and 1 no longer compiles; of 6 others 1 is faster, 1 slower",
        outcome="WRONG",
        details=("based on 8 rows, 12 rounds each, 1 % is the smallest effect of interest",),
        device=DEVICE,
        sides=SIDES,
        rows=rows,
        smallest=0.01,
        two_sided=True,
        seconds=201.4,
        started_at="2026-03-01 12:00 UTC",
        command=AGAIN,
        next_command=NEXT,
        notes=("the first round of each process is not counted",),
    )
    return replace(report, **changes)  # type: ignore[arg-type]


def single() -> BenchReport:
    """One row, which is slower: the report that is looked at most."""
    return two_sided(
        (SLOWER,), headline="gemm is 3.1 % slower on the candidate [2.6 %, 3.6 %]", outcome="SLOWER", notes=()
    )


def beside(
    kernel: str,
    time_ms: float,
    torch: Ratio | None,
    triton: Ratio | None,
    words: tuple[Word, Word] = ("FASTER", "SAME"),
    *,
    best_ms: float = 0.05,
    roof_of: str = MATRIX,
) -> BenchRow:
    """A one-sided row beside PyTorch and Triton."""
    subject = arm("baseline", time_ms, best_ms=best_ms, roof_of=roof_of)
    peers = []
    comparisons = []
    for order, (key, of, word) in enumerate(zip(("torch", "triton"), (torch, triton), words, strict=True), start=1):
        why = "" if of else "there is no kernel for it"
        peers.append(arm(key, time_ms / of.ratio if of else None, order=order, code=Code(), roof=None, why_missing=why))
        if of:
            comparisons.append(Comparison(key, "baseline", word, "19 % less time", of, AGAIN_RATIO, "enough is known"))
    parameters: dict[str, object] = {"M": 4096, "dtype": "float16"}
    return BenchRow(kernel, "cuda:sm_90a", parameters, 2**31, 2**26, (subject, *peers), tuple(comparisons))


ONE_SIDED = (
    beside("gemm", 0.0741, ratio(0.812, 0.8083, 0.8161), ratio(1.001, 0.9962, 1.0051, 0.4)),
    beside(
        "softmax",
        0.0204,
        ratio(0.553, 0.5497, 0.5562),
        ratio(1.214, 1.2083, 1.2207),
        ("FASTER", "SLOWER"),
        best_ms=0.018,
        roof_of=COPY,
    ),
    beside("fp8_gemm", 0.0412, None, ratio(0.912, 0.9083, 0.9161), ("FASTER", "FASTER"), best_ms=0.03),
)


def one_sided(rows: tuple[BenchRow, ...] = ONE_SIDED, **changes: object) -> BenchReport:
    report = two_sided(
        rows,
        headline="2 of 3 kernels are faster than PyTorch, 1 is faster than Triton",
        outcome="SAME",
        details=("based on 3 rows, 12 rounds each",),
        sides=(BenchSide("baseline", "worktree", "0.1.16+git", "content caf5b8903226"),),
        two_sided=False,
        notes=(),
    )
    return replace(report, **changes)  # type: ignore[arg-type]


def many(rows: int = 400) -> BenchReport:
    """Rows of one kernel that differ in a parameter, most of them the same on both sides."""
    made = tuple(
        replace(SLOWER if at % 50 == 0 else SAME, kernel=f"kernel_{at % 7}", parameters={"M": at, "N": 4096})
        for at in range(rows)
    )
    return two_sided(made)


def hostile() -> BenchReport:
    """Every text is one of a stranger."""
    text = HOSTILE
    bad = arm(
        "candidate",
        0.07,
        label=text,
        method=text,
        roof_of=text,
        outputs=(OutputError(text, None, False, text), OutputError(text, 0.1, True, text)),
        blocks=tuple(replace(block, throttled=(text,)) for block in blocks(0.07, 1)),
    )
    made = row(text, "WRONG", text, ratio(0.9, 0.89, 0.91), candidate=bad, notes=(text,), stopped=text)
    failed = row(text, "FAILED", text, candidate=arm("candidate", None, why_missing=text))
    extra = Comparison("torch", "candidate", "AMBIGUOUS", text, ratio(0.9, 0.8, 1.1), None, text)
    made = replace(made, target=text, parameters={text: text, "list": [text]}, comparisons=(*made.comparisons, extra))
    return two_sided(
        (made, failed),
        headline=text,
        details=(text,),
        device=Device(text, {text: text}, (text,)),
        sides=(BenchSide(text, text, text, text), BenchSide(text, text, text, text)),
        started_at=text,
        command=text,
        next_command=text,
        notes=(text,),
    )
