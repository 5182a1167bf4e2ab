"""Numbers and rows in words, and the axis of the pictures."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from benches import EQUAL_CODE, FASTER, SAME, SLOWER, arm, ratio, two_sided
from hypothesis import given
from hypothesis import strategies as st

from scaffold.report.bench_scale import Scale, scale_of
from scaffold.report.bench_view import OutputError
from scaffold.report.bench_words import (
    durations,
    elapsed_text,
    error_text,
    factor_text,
    from_to,
    number,
    percent,
    rate_text,
    rated_of,
    row_names,
    speed_of,
)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0.0812, 0.07405), ("81.20 µs", "74.05 µs")),
        ((1.002, 0.9981), ("1.002 ms", "0.998 ms")),
        ((0.000412,), ("412.0 ns",)),
        ((12345.0, None), ("12.35 s", "-")),
        ((math.nan, math.inf), ("-", "-")),
        ((0.0,), ("0 ns",)),
    ],
)
def test_times_of_a_row_share_the_unit_that_suits_the_longest(
    values: tuple[float | None, ...], said: tuple[str, ...]
) -> None:
    assert durations(*values) == said


def test_two_times_share_one_unit() -> None:
    assert from_to(0.0812, 0.07405) == "81.20 -> 74.05 µs"
    assert from_to(0.0812, None) == "81.20 µs -> -"


@pytest.mark.parametrize(
    ("value", "said"), [(0.9996, "1.000"), (1.0004, "1.000"), (12.345, "12.35"), (1234.5, "1,234"), (0.0, "0.000")]
)
def test_factor_is_told_to_a_thousandth(value: float, said: str) -> None:
    assert factor_text(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(2957.0, "2,957"), (612.14, "612.1"), (0.5, "0.500"), (None, "-"), (math.nan, "-")]
)
def test_number_has_four_digits(value: float | None, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("share", "said"), [(0.624, "62 %"), (0.042, "4.2 %"), (1.02, "102 %"), (0.01, "1 %"), (None, "-")]
)
def test_percent(share: float | None, said: str) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(4.2, "4 s"), (201.4, "3 min 21 s"), (7322.0, "2 h 2 min"), (math.nan, "-")]
)
def test_elapsed(seconds: float, said: str) -> None:
    assert elapsed_text(seconds) == said


def test_speed_is_the_inverse_of_a_ratio_with_its_ends_changed_over() -> None:
    speed = speed_of(ratio(0.8, 0.5, 1.0))
    assert speed is not None
    assert (speed.low, speed.ratio, speed.high) == (1.0, 1.25, 2.0)
    assert speed_of(ratio(0.0, 0.0, 1.0)) is None
    assert speed_of(ratio(math.nan, 1.0, 1.0)) is None


def test_rate_is_the_one_its_roof_is_of() -> None:
    assert rate_text(arm("candidate", 0.1)) == "390.0 TFLOP/s"
    assert rate_text(arm("candidate", 0.1, roof_of="copy bandwidth")) == "1,475 GB/s"
    assert rate_text(arm("candidate", None)) == "-"


def test_rate_of_equal_code_is_the_baselines_and_of_a_failure_none() -> None:
    timed = replace(EQUAL_CODE, arms=(arm("baseline", 0.1), arm("candidate", None)))
    baseline = timed.arm("baseline")
    assert rated_of(timed) is baseline
    failed = replace(timed, comparisons=(replace(timed.comparisons[0], word="FAILED"),))
    assert rate_text(rated_of(failed)) == "-"


def test_output_without_a_number_says_why() -> None:
    assert error_text(OutputError("C", 3.1e-2, False)) == "output C: relative error 3.1e-02"
    assert error_text(OutputError("C", None, False)) == "output C: holds NaN or infinity"
    assert error_text(OutputError("C", None, False, "not there")) == "output C: not there"


def test_rows_are_named_by_what_sets_them_apart() -> None:
    assert list(map(str, row_names(two_sided((FASTER, SLOWER, SAME))))) == ["gemm M=4096", "gemm M=128", "softmax"]
    other = replace(SAME, target="hip:gfx942")
    assert list(map(str, row_names(two_sided((SAME, other))))) == ["softmax cuda:sm_90a", "softmax hip:gfx942"]


# ---- the axis


def test_axis_holds_what_it_shows_and_the_smallest_effect() -> None:
    scale = scale_of([ratio(0.95, 0.94, 0.96)], [ratio(1.0, 0.99, 1.03)], 0.01)
    assert scale.low < 0.94 < 1.03 < scale.high
    assert scale_of([], [None], 0.01).holds(1.01)


def test_axis_is_not_pressed_together_by_one_that_is_far_off() -> None:
    near = [ratio(1.0, 0.99, 1.01) for _ in range(5)]
    scale = scale_of([*near, ratio(50.0, 40.0, 60.0)], [], 0.01)
    assert not scale.holds(50.0)
    assert scale.at(50.0) == 1.0
    assert scale.at(1.01) - scale.at(0.99) > 0.03


def test_axis_passes_over_numbers_that_have_no_place() -> None:
    scale = scale_of([ratio(math.nan, 1.0, 1.0), ratio(0.0, 0.0, 1.0), ratio(1.0, 1.0, math.inf)], [], 0.01)
    assert 0.9 < scale.low < scale.high < 1.1


@given(st.floats(0.001, 0.999), st.floats(1.001, 1000.0))
def test_ticks_are_few_in_order_and_one_is_among_them(low: float, high: float) -> None:
    scale = Scale(low, high)
    places = [scale.at(value) for value, _ in scale.ticks()]
    assert places == sorted(places)
    assert 1 <= len(places) <= 40
    assert any(abs(value - 1) < 1e-9 for value, _ in scale.ticks())
    labels = [label for _, label in scale.ticks()]
    assert len(set(labels)) == len(labels)
