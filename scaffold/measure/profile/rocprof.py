"""AMD's profilers: counters by ``rocprofv3``, and what ``rocprof-compute analyze`` derives from them.

Not run on AMD hardware: written after the documented formats, with samples of them as tests.
Sources: ROCm/rocm-systems, projects/rocprofiler-sdk/source/docs (data/counter_collection.csv, data/kernel_trace.csv;
how-to/using-rocpd-output-format.rst) and source/share/rocprofiler-sdk-rocpd/data_views.sql; its
projects/rocprofiler-compute/src/utils/analysis_orm.py (views ``kernel`` and ``kernel_metric``).
"""

from __future__ import annotations

import csv
import re
import sqlite3
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from scaffold.errors import ProfileFileError
from scaffold.measure.profile.model import METRICS, KernelProfile, ProfileResult, Tool, Value, converted

#: One run of the program each: derived counters seldom fit beside others, and ``FETCH_SIZE`` never beside
#: ``WRITE_SIZE``; a run whose counters the GPU does not have is left out.
PASSES: tuple[tuple[str, ...], ...] = (
    ("MfmaUtil",),
    ("OccupancyPercent",),
    ("FETCH_SIZE",),
    ("WRITE_SIZE",),
    ("TCC_HIT_sum", "TCC_MISS_sum"),
    ("TCC_REQ_sum",),
    ("VALUBusy",),
    ("MemUnitBusy",),
)
#: What no counter is, but a column of each dispatch; older releases call scratch and LDS segments.
_COLUMNS = ("VGPR_Count", "LDS_Block_Size", "Group_Segment_Size", "Scratch_Size", "Private_Segment_Size")
_DURATION = "End_Timestamp - Start_Timestamp"
_BLOCKS, _THREADS = "Grid_Size / Workgroup_Size", "Workgroup_Size"
_L2_HIT = "L2CacheHit"
#: Names of a metric's value that mean the metric itself; any other is written behind its name.
_PLAIN_VALUES = frozenset({"avg", "value", "mean", "median"})


def rocprof_command(
    program: Path, folder: Path, command: Sequence[str], *, counters: Sequence[str] = (), only: str = ""
) -> list[str]:
    """Count ``counters`` of ``command``'s kernels, or trace them; CSV files named ``out_…`` go to ``folder``.

    Never both at once: while counters are read, kernels take longer.
    """
    words = [str(program), "--output-format", "csv", "--output-directory", str(folder), "--output-file", "out"]
    words += ["--pmc", *counters] if counters else ["--kernel-trace"]
    words += ["--kernel-include-regex", only] if only and counters else []
    return [*words, "--", *command]


@dataclass
class _Dispatches:
    """All that is told of one kernel: numbers by counter or column, in the order of its launches."""

    numbers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    grid: tuple[int, ...] = ()
    block: tuple[int, ...] = ()


def read_rocprof_folder(folder: Path, *, launches: int = 0, only: str = "", tool_version: str = "") -> ProfileResult:
    """Read what ``rocprofv3`` left below ``folder``, over all passes: CSV files, or ``rocpd`` databases.

    ``launches``: the last so many of a kernel count, the others warmed the GPU up; 0: all.

    Raises
    ------
    ProfileFileError
        If there is no kernel in it.
    """
    found: dict[str, _Dispatches] = defaultdict(_Dispatches)
    device = ""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
        if path.name.endswith(".csv") and path.is_file():
            rows = _rows(path)
            device = device or _device_of(rows)
            _take_csv(rows, found, launches)
        elif path.suffix == ".db" and path.is_file():
            device = _take_database(path, found, launches) or device
    kernels = _kernels(found, only)
    if not kernels:
        raise ProfileFileError(
            f"{folder} holds no kernel by rocprofv3",
            hint="name the folder its CSV files or databases are in: rocprofv3 --output-format csv -d FOLDER …",
        )
    return ProfileResult("rocprofv3", tool_version, device, kernels, report=str(folder))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return [{key: value or "" for key, value in row.items() if key} for row in csv.DictReader(file)]


def _device_of(rows: Sequence[Mapping[str, str]]) -> str:
    """Of ``agent_info.csv``: the first GPU's name."""
    for row in rows:
        if row.get("Agent_Type") == "GPU":
            return row.get("Product_Name") or row.get("Name", "")
    return ""


def _take_csv(rows: Sequence[Mapping[str, str]], found: dict[str, _Dispatches], launches: int) -> None:
    """A kernel trace has a row a dispatch; a counter collection one a dispatch and counter."""
    if not rows or "Kernel_Name" not in rows[0]:
        return
    by_kernel: dict[str, dict[str, list[Mapping[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        dispatch = row.get("Dispatch_Id") or row.get("Correlation_Id", "")
        by_kernel[row["Kernel_Name"]][dispatch].append(row)
    for name, dispatches in by_kernel.items():
        kernel = found[name]
        ordered = sorted(dispatches.items(), key=lambda item: _number(item[0]) or 0.0)
        for _, told in ordered[-launches:] if launches else ordered:
            _take_dispatch(kernel, told)


def _take_dispatch(kernel: _Dispatches, rows: Sequence[Mapping[str, str]]) -> None:
    first = rows[0]
    start, end = _number(first.get("Start_Timestamp")), _number(first.get("End_Timestamp"))
    counted = "Counter_Name" in first
    if start is not None and end is not None and not counted:
        # Only a pass without counters tells durations.
        kernel.numbers[_DURATION].append(end - start)
    for column in _COLUMNS:
        if (number := _number(first.get(column))) is not None:
            kernel.numbers[column].append(number)
    for row in rows if counted else ():
        if (number := _number(row.get("Counter_Value"))) is not None:
            kernel.numbers[row["Counter_Name"]].append(number)
    _take_extents(kernel, first)


def _take_extents(kernel: _Dispatches, row: Mapping[str, str]) -> None:
    """Work-items of the grid and of a workgroup: by axis in a trace, as products beside counters."""
    threads = [_number(row.get(f"Workgroup_Size_{axis}")) for axis in "XYZ"]
    items = [_number(row.get(f"Grid_Size_{axis}")) for axis in "XYZ"]
    if all(threads) and all(items):
        kernel.block = tuple(int(extent) for extent in threads if extent)
        kernel.grid = tuple(int(whole // part) for whole, part in zip(items, threads, strict=True) if whole and part)
        return
    product, whole = _number(row.get("Workgroup_Size")), _number(row.get("Grid_Size"))
    if product and whole and not kernel.block:
        kernel.numbers[_THREADS].append(product)
        kernel.numbers[_BLOCKS].append(whole // product)


def _take_database(path: Path, found: dict[str, _Dispatches], launches: int) -> str:
    """Read the views ``kernels`` and ``counters_collection`` of a ``rocpd`` database; returns the GPU's name.

    Raises
    ------
    ProfileFileError
        If it is no such database.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            traced = [dict(row) for row in database.execute("SELECT * FROM kernels ORDER BY start")]
            counted = [dict(row) for row in database.execute("SELECT * FROM counters_collection ORDER BY start")]
            names = [row[0] for row in database.execute("SELECT name FROM rocpd_info_agent WHERE type = 'GPU'")]
    except sqlite3.Error as error:
        raise ProfileFileError(
            f"{path} is no database of rocprofv3: {error}", hint="write CSV instead: rocprofv3 --output-format csv …"
        ) from error
    _take_csv([_csv_row(row) for row in traced] if not counted else [], found, launches)
    _take_csv([_csv_row(row) for row in counted], found, launches)
    return str(names[0]) if names else ""


def _csv_row(row: Mapping[str, object]) -> dict[str, str]:
    """A row of a view under the names that the CSV files give the same facts."""
    names = {
        "name": "Kernel_Name",
        "kernel_name": "Kernel_Name",
        "dispatch_id": "Dispatch_Id",
        "start": "Start_Timestamp",
        "end": "End_Timestamp",
        "vgpr_count": "VGPR_Count",
        "lds_size": "LDS_Block_Size",
        "lds_block_size": "LDS_Block_Size",
        "scratch_size": "Scratch_Size",
        "counter_name": "Counter_Name",
        "value": "Counter_Value",
        "grid_size": "Grid_Size",
        "workgroup_size": "Workgroup_Size",
        **{f"grid_{axis}": f"Grid_Size_{axis.upper()}" for axis in "xyz"},
        **{f"workgroup_{axis}": f"Workgroup_Size_{axis.upper()}" for axis in "xyz"},
    }
    return {names[key]: str(value) for key, value in row.items() if key in names and value is not None}


def _kernels(found: Mapping[str, _Dispatches], only: str) -> tuple[KernelProfile, ...]:
    kernels = []
    for name, told in found.items():
        if only and not re.search(only, name):
            continue
        _add_hit_rate(told)
        numbers = {key: statistics.median(values) for key, values in told.numbers.items() if values}
        values = _values(numbers, "rocprofv3")
        durations = tuple(number / 1e3 for number in told.numbers.get(_DURATION, ()))
        kernels.append(KernelProfile(name, values, durations_us=durations, grid=told.grid, block=told.block))
    return tuple(kernels)


def _add_hit_rate(told: _Dispatches) -> None:
    """L2's hit rate from hits and misses, where the GPU has no derived counter for it."""
    hits, misses = sum(told.numbers.get("TCC_HIT_sum", ())), sum(told.numbers.get("TCC_MISS_sum", ()))
    if hits + misses and not told.numbers.get(_L2_HIT):
        told.numbers["TCC_HIT_sum / (TCC_HIT_sum + TCC_MISS_sum)"].append(100.0 * hits / (hits + misses))


def _values(numbers: Mapping[str, float], tool: Tool) -> dict[str, Value]:
    values = {}
    for item in METRICS:
        for name in item.names.get(tool, ()):
            if name.name in numbers:
                values[item.key] = converted(item, name, numbers[name.name], "")
                break
    return values


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


# ---- rocprof-compute


def read_rocprof_compute(path: Path) -> ProfileResult:
    """Read what ``rocprof-compute analyze --output-format csv`` wrote: a folder of views or of tables, or one file.

    Raises
    ------
    ProfileFileError
        If there is no metric in it.
    """
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    numbers: dict[str, dict[str, float]] = defaultdict(dict)
    for file in files:
        rows = _rows(file) if file.is_file() else []
        _take_metrics(rows, numbers)
    kernels = tuple(
        KernelProfile(name, values, durations_us=(values["duration"].value,) if "duration" in values else ())
        for name, told in numbers.items()
        if (values := _values(told, "rocprof-compute"))
    )
    if not kernels:
        raise ProfileFileError(
            f"{path} holds no metric of rocprof-compute",
            hint="make some: rocprof-compute analyze -p WORKLOAD --output-format csv --output-name FOLDER",
        )
    return ProfileResult("rocprof-compute", "", "", kernels, report=str(path))


def _take_metrics(rows: Iterable[Mapping[str, str]], numbers: dict[str, dict[str, float]]) -> None:
    """Rows of any of the three forms that releases write.

    ``kernel_metric.csv`` (and, from 2026-02 to 2026-04, one file): a row a kernel, metric and kind of value.
    ``kernel.csv``: a row a kernel, with durations. Before: a table a file, named ``2.1_Speed-of-Light.csv``, with a
    row a metric of all kernels together.
    """
    for row in rows:
        kernel = row.get("kernel_name") or row.get("Kernel_Name") or ""
        if "metric_name" in row and "value" in row:
            _put(numbers[kernel], row["metric_name"], row.get("value_name", ""), row["value"])
        elif "duration_ns_median" in row:
            _put(numbers[kernel], "duration_ns_median", "", row["duration_ns_median"])
        elif "Metric" in row:
            for column in ("Avg", "Value", "Pct of Peak", "PoP"):
                kind = "Pct of Peak" if column == "PoP" else column
                _put(numbers["all kernels"], row["Metric"], kind, row.get(column, ""))


def _put(numbers: dict[str, float], metric: str, kind: str, text: str) -> None:
    number = _number(text)
    if number is None:
        return
    plain = not kind or kind.lower() in _PLAIN_VALUES
    numbers[metric if plain else f"{metric} ({kind})"] = number


def is_rocprof_compute(path: Path) -> bool:
    """Whether the CSV at ``path``, or one in that folder, is of ``rocprof-compute``."""
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    for file in files:
        with file.open(newline="", encoding="utf-8", errors="replace") as lines:
            header = next(csv.reader(lines), [])
        if {"metric_name", "value"} <= set(header) or "duration_ns_median" in header or "Metric" in header:
            return True
    return False
