"""Small reports made by hand, for the tests of the renderers."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold.diff.text import Hunk, diff_lines, into_hunks
from scaffold.report.view import (
    ArtifactView,
    Focus,
    MetricView,
    PassSideView,
    PassView,
    Report,
    SeriesView,
    SideView,
    Texts,
    Verdict,
)
from scaffold.trace.model import FunctionResources

#: What a stranger might call a pass.
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def module(*statements: str) -> str:
    """A module with one function whose body is long enough to have context that hunks leave out."""
    body = [f"        x{number} = T.int32({number})" for number in range(20)]
    return "\n".join(["class Module:", "    def gemm():", *body, *(f"        {line}" for line in statements)]) + "\n"


def hunks_of(before: str, after: str) -> tuple[Hunk, ...]:
    lines = diff_lines(before.splitlines(), after.splitlines())
    return tuple(Hunk(hunk.lines, "gemm > for k") for hunk in into_hunks(lines))


def one_side(names: Sequence[str] = ("tl.First", "tl.Quiet", "tl.Second", "tl.AlsoQuiet")) -> tuple[Report, Texts]:
    """A lowering in which every second pass changes a line; four passes unless told."""
    bodies = {"t0": module("a = 1")}
    rows = []
    state = "t0"
    for index, name in enumerate(names, start=1):
        changed = index % 2 == 1
        after = f"t{index}" if changed else state
        bodies.setdefault(after, module(f"a = {index + 1}", "b = 7"))
        rows.append(_one_row(index, name, bodies, state, after))
        state = after
    bodies["source"] = 'extern "C" __global__ void gemm_kernel() {\n  // nothing\n}\n'
    report = Report(
        schema_version=1,
        kind="one-side",
        title="gemm for cuda:sm_90a",
        verdict=Verdict("view", "half of the passes changed gemm", ("largest: tl.First (-1 +2)",)),
        sides=(_side(""),),
        passes=tuple(rows),
        input_hunks=(),
        artifacts=(
            ArtifactView("source", "kernel.cu", ("source",), (None,), (3,), ()),
            ArtifactView("ptx", "kernel.ptx", (None,), ("no ptxas on this machine",), (0,), ()),
        ),
        final_metrics=(MetricView("barriers", None, 4),),
        resources=((FunctionResources("gemm_kernel", 128, 0, 0, 0, 1024, 900),),),
        series=(SeriesView("barriers", (tuple(range(len(names))),)),),
        totals={"passes": len(names)},
        next_command="python -m scaffold tir-diff gemm",
    )
    return report, Texts(bodies)


def two_sides() -> tuple[Report, Texts]:
    """Two lowerings: one pass that does the same, one that introduces a difference, one on the candidate only."""
    bodies = {
        "in": module("k = 1"),
        "base": module("copy(2)", "done = 1"),
        "cand": module("copy(3)", "done = 1", "wait(0)"),
        "more": module("copy(3)", "done = 1", "wait(0)", "commit()"),
    }
    same, other = _pass_side("in", "in"), _pass_side("in", "base")
    rows = (
        _two_row(1, "tl.Same", "same", True, (same, same), ()),
        _two_row(
            2,
            "tl.Inject",
            "introduces",
            False,
            (other, _pass_side("in", "cand")),
            hunks_of(bodies["base"], bodies["cand"]),
        ),
        _two_row(
            3,
            "tl.Extra",
            "only on candidate",
            False,
            (None, _pass_side("cand", "more")),
            hunks_of(bodies["cand"], bodies["more"]),
        ),
    )
    report = Report(
        schema_version=1,
        kind="two-sides",
        title="gemm for cuda:sm_80",
        verdict=Verdict("differs", "tl.Inject is the first pass to introduce a difference of shape", ("pass 2 of 3",)),
        sides=(_side("baseline", num_stages="2"), _side("candidate", num_stages="3")),
        passes=rows,
        input_hunks=hunks_of("stages = 2\n", "stages = 3\n"),
        artifacts=(ArtifactView("ptx", "kernel.ptx", ("base", "cand"), (None, None), (22, 23), ()),),
        final_metrics=(MetricView("barriers", 1, 2),),
        resources=((FunctionResources("k", 128, 0, 0, 0, 0, 90),), (FunctionResources("k", 130, 0, 0, 0, 0, 95),)),
        series=(SeriesView("barriers", ((0, 1, None), (0, 2, 2))),),
        totals={"passes": 3},
        next_command="",
        focus=Focus(2, "copy(3)"),
    )
    return report, Texts(bodies)


def _side(label: str, **parameters: str) -> SideView:
    return SideView(
        label=label,
        kernel="gemm",
        source="zoo:gemm",
        target="cuda:sm_90a",
        parameters={"M": "1024", **parameters},
        pass_configs={},
        build="wheel:0.1.15",
        tilelang_version="0.1.15",
        libraries=("libtilelang.so 6b1d4267e5f4",),
        lowering_ms=174.4,
        pass_count=4,
        warnings=(),
        failure=None,
    )


def _pass_side(before: str, after: str) -> PassSideView:
    changed = int(before != after)
    return PassSideView(
        before, after, changed, 2 * changed, 1.5, "tilelang/cuda/pipeline.py:98", "pipeline_cuda", ("gemm",)
    )


def _one_row(index: int, name: str, bodies: dict[str, str], before: str, after: str) -> PassView:
    changed = before != after
    return PassView(
        index=index,
        anchor=f"pass-{index}",
        name=name,
        status="changed" if changed else "unchanged",
        degree="none",
        quiet=not changed,
        depth=0,
        phase="pipeline_cuda",
        moved=False,
        sides=(_pass_side(before, after),),
        effect_lines=3 * changed,
        state_lines=0,
        hunks=hunks_of(bodies[before], bodies[after]),
        hidden_hunks=0,
        names=(),
        metrics=(MetricView("barriers", 0, 6),) if changed else (),
    )


def _two_row(
    index: int, name: str, status: str, quiet: bool, sides: tuple[PassSideView | None, ...], hunks: tuple[Hunk, ...]
) -> PassView:
    return PassView(
        index=index,
        anchor=f"pass-{index}-{name}",
        name=name,
        status=status,
        degree="none" if quiet else "shape",
        quiet=quiet,
        depth=0,
        phase="pipeline_cuda",
        moved=False,
        sides=sides,
        effect_lines=0 if quiet else 5,
        state_lines=0 if quiet else 3,
        hunks=hunks,
        hidden_hunks=0,
        names=(),
        metrics=(),
    )
