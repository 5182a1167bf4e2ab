"""AMD's profilers, by their documented formats: not run on AMD hardware."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scaffold.errors import ProfileFileError
from scaffold.measure.profile.model import Value
from scaffold.measure.profile.reading import is_report, read_report
from scaffold.measure.profile.rocprof import (
    PASSES,
    is_rocprof_compute,
    read_rocprof_compute,
    read_rocprof_folder,
    rocprof_command,
)

DATA = Path(__file__).parents[1] / "data" / "profile"


def test_a_pass_counts_or_traces_and_never_both() -> None:
    traced = rocprof_command(Path("rocprofv3"), Path("out"), ["python", "x.py"])
    assert "--kernel-trace" in traced
    assert "--pmc" not in traced
    counted = rocprof_command(Path("rocprofv3"), Path("out"), ["python", "x.py"], counters=("A", "B"), only="gemm")
    assert "--kernel-trace" not in counted
    assert counted[counted.index("--pmc") + 1 :][:2] == ["A", "B"]
    assert counted[counted.index("--kernel-include-regex") + 1] == "gemm"
    assert counted[-3:] == ["--", "python", "x.py"]
    assert counted[1:3] == ["--output-format", "csv"]


def test_what_does_not_fit_together_is_in_passes_of_its_own() -> None:
    assert not any({"FETCH_SIZE", "WRITE_SIZE"} <= set(counters) for counters in PASSES)


def test_passes_are_joined_and_the_last_launches_count() -> None:
    told = read_rocprof_folder(DATA / "rocprofv3", launches=3, only="gemm", tool_version="1.0.0")
    (kernel,) = told.kernels
    assert (told.tool, told.device, told.tool_version) == ("rocprofv3", "AMD Instinct MI300X", "1.0.0")
    assert kernel.durations_us == (18.4, 19.0, 18.0)
    assert kernel.values["duration"] == Value(18.4, "us", "End_Timestamp - Start_Timestamp")
    assert kernel.values["matrix_use"] == Value(42.0, "%", "MfmaUtil")
    assert kernel.values["occupancy"] == Value(12.5, "%", "OccupancyPercent")
    assert kernel.values["dram_read"] == Value(4100.0 * 1024, "B", "FETCH_SIZE")
    assert kernel.values["l2_hit"] == Value(90.0, "%", "TCC_HIT_sum / (TCC_HIT_sum + TCC_MISS_sum)")
    assert kernel.values["registers"] == Value(120.0, "registers", "VGPR_Count")
    assert kernel.values["shared"] == Value(49152.0, "B", "LDS_Block_Size")
    assert (kernel.grid, kernel.block) == ((8, 8, 1), (256, 1, 1))


def test_all_launches_count_where_nobody_says_how_many_warmed_up() -> None:
    told = read_rocprof_folder(DATA / "rocprofv3")
    assert [(kernel.name.partition("<")[0], len(kernel.durations_us)) for kernel in told.kernels] == [
        ("void at::native::normal_kernel", 1),
        ("gemm_kernel", 4),
    ]


def test_the_documentation_s_own_samples_are_read() -> None:
    addition, subtract = read_rocprof_folder(DATA / "rocm-docs" / "counter_collection.csv").kernels
    assert addition.name == "void addition_kernel<float>(float*, float const*, float const*, int, int)"
    assert addition.values["registers"].value == 8.0
    assert addition.values["threads"] == Value(64.0, "threads", "Workgroup_Size")
    assert addition.values["blocks"] == Value(16384.0, "blocks", "Grid_Size / Workgroup_Size")
    assert "duration" not in addition.values, "counting takes time of its own"
    assert subtract.name.startswith("subtract_kernel(")
    (old,) = read_rocprof_folder(DATA / "rocm-docs" / "kernel_trace_2024.csv").kernels
    assert old.durations_us == pytest.approx((48.744, 100.895))
    assert old.values["shared"] == Value(0.0, "B", "Group_Segment_Size")
    assert (old.grid, old.block) == ((16, 1024, 1), (64, 1, 1))


def database(path: Path, *, counted: bool) -> Path:
    """The views we ask, as tables: columns of ``data_views.sql`` of rocprofiler-sdk."""
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE rocpd_info_agent (id, type, name, product_name)")
        made.execute("INSERT INTO rocpd_info_agent VALUES (1, 'CPU', 'EPYC', ''), (2, 'GPU', 'gfx942', 'MI300X')")
        columns = "id, name, dispatch_id, start, end, duration, grid_x, grid_y, grid_z, workgroup_x, workgroup_y"
        made.execute(f"CREATE TABLE kernels ({columns}, workgroup_z, lds_size, scratch_size, vgpr_count)")
        columns = "dispatch_id, kernel_name, counter_name, value, start, end, grid_size, workgroup_size"
        made.execute(f"CREATE TABLE counters_collection ({columns}, lds_block_size, scratch_size, vgpr_count)")
        for at, took in enumerate((36000, 18400, 18000)):
            start = 1000 * at
            row = (at, "gemm_kernel", at, start, start + took, took, 2048, 8, 1, 256, 1, 1, 49152, 0, 120)
            made.execute(f"INSERT INTO kernels VALUES ({', '.join('?' * len(row))})", row)
            if counted:
                counter = (at, "gemm_kernel", "MfmaUtil", 40.0 + at, start, start + took, 16384, 256, 49152, 0, 120)
                made.execute(f"INSERT INTO counters_collection VALUES ({', '.join('?' * len(counter))})", counter)
        made.commit()
    return path


def test_a_database_of_a_trace_is_read(tmp_path: Path) -> None:
    told = read_rocprof_folder(database(tmp_path / "1_results.db", counted=False), launches=2)
    (kernel,) = told.kernels
    assert told.device == "gfx942"
    assert kernel.durations_us == (18.4, 18.0)
    assert (kernel.grid, kernel.block) == ((8, 8, 1), (256, 1, 1))
    assert kernel.values["shared"].value == 49152.0


def test_a_database_of_counters_tells_no_durations(tmp_path: Path) -> None:
    (kernel,) = read_rocprof_folder(database(tmp_path / "1_results.db", counted=True), launches=2).kernels
    assert kernel.values["matrix_use"] == Value(41.5, "%", "MfmaUtil")
    assert "duration" not in kernel.values


def test_another_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"no database at all, and long enough to be looked at" * 40)
    with pytest.raises(ProfileFileError, match="is no database of rocprofv3"):
        read_rocprof_folder(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProfileFileError, match="holds no kernel"):
        read_rocprof_folder(tmp_path / "empty")


def test_rocprof_compute_s_views_are_read() -> None:
    told = read_rocprof_compute(DATA / "rocprof-compute")
    (kernel,) = told.kernels
    assert (told.tool, kernel.name) == ("rocprof-compute", "gemm_kernel")
    assert kernel.values["duration"] == Value(18.4, "us", "duration_ns_median")
    assert kernel.values["matrix_use"] == Value(42.25, "%", "MFMA Utilization")
    assert kernel.values["occupancy"] == Value(12.5, "%", "Wavefront Occupancy (Pct of Peak)")
    assert kernel.values["shared"] == Value(49152.0, "B", "LDS Allocation")
    assert "scratch" not in kernel.values, "an empty cell is no number"


def test_rocprof_compute_s_tables_of_2025_are_of_all_kernels_together() -> None:
    (kernel,) = read_rocprof_compute(DATA / "rocprof-compute-2025").kernels
    assert kernel.name == "all kernels"
    assert kernel.values["duration"].vendor_name == "Kernel Time (Nanosec)"
    assert kernel.values["cycles"].value == 36800.0
    assert kernel.values["occupancy"].value == 12.5
    assert kernel.values["l2_hit"].value == 88.0


def test_a_folder_without_metrics_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(ProfileFileError, match="no metric of rocprof-compute"):
        read_rocprof_compute(tmp_path)


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("rocprofv3", "rocprofv3"),
        ("rocm-docs/counter_collection.csv", "rocprofv3"),
        ("rocprof-compute", "rocprof-compute"),
        ("rocprof-compute/kernel_metric.csv", "rocprof-compute"),
        ("rocprof-compute-2025", "rocprof-compute"),
        ("nsys-cuda_gpu_kern_sum.csv", "nsys"),
    ],
)
def test_a_report_is_told_by_what_is_in_it(name: str, tool: str) -> None:
    assert is_report(str(DATA / name))
    assert read_report(DATA / name).tool == tool


def test_what_is_no_report_is_a_kernel() -> None:
    assert not is_report("gemm")
    assert not is_report("kernels/mine.py::gemm")
    assert not is_report("num_stages=2")
    assert not is_rocprof_compute(DATA / "rocprofv3" / "pass_0")
    with pytest.raises(ProfileFileError, match="no file"):
        read_report(Path("nowhere.ncu-rep"))
