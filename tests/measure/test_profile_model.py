"""One vocabulary over vendors."""

from __future__ import annotations

from collections import Counter

import pytest

from scaffold.measure.profile.model import METRICS, TOOLS, Metric, Value, VendorName, converted, metric


def test_a_metric_has_a_key_of_its_own_and_a_name_by_some_tool() -> None:
    assert Counter(item.key for item in METRICS).most_common(1)[0][1] == 1
    for item in METRICS:
        assert item.names
        assert set(item.names) <= set(TOOLS)
        assert all(names for names in item.names.values())
        assert metric(item.key) is item


@pytest.mark.parametrize(
    "key",
    [
        *("duration", "compute_use", "memory_use", "matrix_use", "dram_read", "dram_write", "l2_bytes", "l1_bytes"),
        *("l2_hit", "l1_hit", "occupancy", "occupancy_limit", "registers", "shared_static", "shared_dynamic"),
        *("blocks", "threads"),
    ],
)
def test_nsight_compute_has_a_name_for_what_is_asked(key: str) -> None:
    assert metric(key).names["ncu"]


def test_both_vendors_measure_the_same_key_metrics() -> None:
    shared = {item.key for item in METRICS if {"ncu", "rocprofv3"} <= set(item.names)}
    assert {"duration", "matrix_use", "memory_use", "dram_read", "l2_hit", "occupancy", "registers"} <= shared


@pytest.mark.parametrize(
    ("key", "number", "unit", "expected"),
    [
        ("duration", 14200.0, "ns", 14.2),
        ("duration", 14.2, "usecond", 14.2),
        ("clock", 1.7e9, "hz", 1700.0),
        ("clock", 1.7e9, "cycle/second", 1700.0),
        ("shared_dynamic", 49152.0, "byte/block", 49152.0),
        ("dram_read", 4.2, "Mbyte", 4.2e6),
        ("registers", 168.0, "register/thread", 168.0),
        ("l2_hit", 92.0, "%", 92.0),
        ("waves", 1.5, "", 1.5),
    ],
)
def test_a_value_is_in_the_metric_s_own_unit(key: str, number: float, unit: str, expected: float) -> None:
    item = metric(key)
    found = converted(item, item.names["ncu"][0], number, unit)
    assert found.value == pytest.approx(expected)
    assert (found.unit, found.vendor_name) == (item.unit, item.names["ncu"][0].name)


def test_a_tool_s_own_unit_and_factor_count_where_its_report_names_none() -> None:
    sectors = metric("l2_bytes")
    by_name = {name.name: name for name in sectors.names["ncu"]}
    assert converted(sectors, by_name["lts__t_sectors.sum"], 10.0, "sector").value == 320.0
    fetched = metric("dram_read")
    assert converted(fetched, fetched.names["rocprofv3"][0], 2.0, "") == Value(2048.0, "B", "FETCH_SIZE")
    unknown = Metric("x", "x", "things", "neither", "launch")
    assert converted(unknown, VendorName("y"), 3.0, "furlong") == Value(3.0, "things", "y")
