"""Two profiles, metric by metric."""

from __future__ import annotations

import pytest
from ncureports import BASELINE, CANDIDATE, profile

from scaffold.measure.profile.diff import MetricDelta, causes, compare_profiles, match_kernels


def row(key: str, **sides: float) -> MetricDelta:
    baseline = profile(**{key: sides["baseline"]}) if "baseline" in sides else None
    candidate = profile(**{key: sides["candidate"]}) if "candidate" in sides else None
    found = compare_profiles(baseline, candidate).metric(key)
    assert found is not None
    return found


def test_a_percentage_changes_by_points_and_anything_else_by_a_ratio() -> None:
    use, read = row("matrix_use", baseline=61.0, candidate=48.0), row("dram_read", baseline=4.0, candidate=9.0)
    assert (use.delta, read.delta, read.ratio) == (-13.0, 5.0, 2.25)
    assert (use.moved, read.moved) == (True, True)


@pytest.mark.parametrize(
    ("key", "baseline", "candidate", "better"),
    [
        ("duration", 10.0, 9.0, True),
        ("duration", 10.0, 11.0, False),
        ("matrix_use", 40.0, 60.0, True),
        ("l2_hit", 90.0, 60.0, False),
        ("registers", 168.0, 128.0, True),
        ("blocks", 256.0, 128.0, None),
        ("clock", 1700.0, 1500.0, None),
        ("duration", 10.0, 10.1, None),
        ("matrix_use", 61.0, 60.0, None),
    ],
)
def test_a_change_is_better_or_worse_only_where_it_is_one(
    key: str, baseline: float, candidate: float, better: bool | None
) -> None:
    assert row(key, baseline=baseline, candidate=candidate).better is better


def test_what_one_side_does_not_measure_is_unknown() -> None:
    lonely = row("l1_hit", candidate=50.0)
    assert (lonely.baseline, lonely.delta, lonely.ratio, lonely.better, lonely.moved) == (None, None, None, None, False)


def test_from_nought_there_is_a_change_and_no_ratio() -> None:
    spills = row("spill_instructions", baseline=0.0, candidate=96.0)
    assert (spills.ratio, spills.delta, spills.moved, spills.better) == (None, 96.0, True, False)
    assert not row("spill_instructions", baseline=0.0, candidate=0.0).moved


def test_causes_are_what_moved_most_and_never_time_itself_or_the_launch() -> None:
    delta = compare_profiles(BASELINE, CANDIDATE)
    assert [found.metric.key for found in causes(delta)] == ["dram_read", "l2_hit", "shared_dynamic"]
    assert [found.metric.key for found in causes(delta, most=9)] == [
        "dram_read",
        "l2_hit",
        "shared_dynamic",
        "matrix_use",
    ]
    assert causes(compare_profiles(BASELINE, BASELINE)) == []


def test_rows_are_in_the_order_of_the_vocabulary() -> None:
    keys = [found.metric.key for found in compare_profiles(BASELINE, CANDIDATE).metrics]
    assert keys[:3] == ["duration", "clock", "matrix_use"]
    assert keys[-1] == "blocks"


def test_stalls_are_set_side_by_side_the_heaviest_first() -> None:
    gmma, barrier = compare_profiles(BASELINE, CANDIDATE).stalls
    assert (gmma.reason, gmma.baseline, gmma.candidate, gmma.points) == ("gmma", 0.5, 0.375, -12.5)
    assert (barrier.reason, barrier.candidate) == ("barrier", 0.0)
    (alone, _) = compare_profiles(BASELINE, profile(duration=1.0)).stalls
    assert (alone.candidate, alone.points) == (None, None)


def test_kernels_are_matched_by_name_and_then_by_place() -> None:
    a, b, c = profile("a"), profile("b"), profile("c")
    assert match_kernels([a, b], [b, c]) == [(b, b), (a, c)]
    assert match_kernels([a], []) == [(a, None)]
    assert match_kernels([], [a]) == [(None, a)]
    assert match_kernels([a, b], [a]) == [(a, a), (b, None)]
    assert compare_profiles(a, c).name == "a / c"
