"""What each pass of one trace did."""

from __future__ import annotations

from traces import Step, failure_in, module, trace_of

from scaffold.diff.metrics import MetricDelta
from scaffold.diff.one_side import effects_of

START = module("for k in T.serial(4):", "    C[k] = A[k] + 1", "C[9] = 0")
SYNCED = module("for k in T.serial(4):", "    C[k] = A[k] + 2", '    T.tvm_storage_sync("shared")', "C[9] = 0")


def test_effects_of_a_changing_pass_says_lines_function_place_and_metrics() -> None:
    (effect,) = effects_of(trace_of(START, ("tl.Sync", SYNCED), durations=(1.5,))).effects
    assert effect.changed
    assert (effect.removed, effect.added) == (1, 2)
    assert effect.functions == ("gemm",)
    assert [hunk.place for hunk in effect.hunks] == ["gemm > for k"]
    assert effect.metrics == (MetricDelta("lines", 11, 12), MetricDelta("barriers", None, 1))
    assert effect.duration_ms == 1.5
    changed = [line.text.strip() for hunk in effect.hunks for line in hunk.lines if line.kind != " "]
    assert changed == ["C[k] = A[k] + 1", "C[k] = A[k] + 2", 'T.tvm_storage_sync("shared")']


def test_effects_of_a_quiet_pass_is_empty() -> None:
    (effect,) = effects_of(trace_of(START, ("tl.Quiet", START))).effects
    assert not effect.changed
    assert (effect.removed, effect.added, effect.hunks, effect.metrics, effect.functions) == (0, 0, (), (), ())
    assert effect.duration_ms is None


def test_effects_of_a_pass_that_raised_counts_as_changed_without_lines() -> None:
    effects = effects_of(trace_of(START, ("tl.Quiet", START), ("tl.Raises", None), failure=failure_in(1, "tl.Raises")))
    assert [effect.record.name for effect in effects.changed] == ["tl.Raises"]
    assert effects.changed[0].hunks == ()


def test_effects_of_a_removal_is_placed_where_it_was() -> None:
    (effect,) = effects_of(trace_of(SYNCED, ("tl.Drop", START.replace("+ 1", "+ 2")))).effects
    assert (effect.removed, effect.added) == (1, 0)
    assert effect.hunks[0].place == "gemm > for k"
    assert effect.functions == ("gemm",)


def test_effects_of_far_apart_changes_name_each_function_once() -> None:
    two = (
        START + "\n".join(f"        x{i} = {i}" for i in range(12)) + "\n    def second(A: T.handle):\n        y = 1\n"
    )
    (effect,) = effects_of(trace_of(two, ("tl.Both", two.replace("+ 1", "+ 3").replace("y = 1", "y = 2")))).effects
    assert len(effect.hunks) == 2
    assert effect.functions == ("gemm", "second")


def test_effects_of_context_is_what_was_asked_for() -> None:
    file = trace_of(START, ("tl.Change", START.replace("+ 1", "+ 3")))
    sizes = [len(effects_of(file, context=n).effects[0].hunks[0].lines) for n in (0, 1, 3)]
    assert sizes == [2, 4, 6]


def test_effects_of_nested_passes_keep_the_order_in_which_they_began() -> None:
    file = trace_of(START, Step("tl.Outer", SYNCED), Step("tl.Inner", SYNCED, depth=1), Step("tl.Next", SYNCED))
    assert [(e.record.name, e.changed) for e in effects_of(file).effects] == [
        ("tl.Outer", True),
        ("tl.Inner", True),
        ("tl.Next", False),
    ]
