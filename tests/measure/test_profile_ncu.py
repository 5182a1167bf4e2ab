"""Nsight Compute: what it is asked, and its reports read."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import pytest
from ncureports import SAMPLED, STALLED, Action, Metric, launch, module_with, recorded, rule

from scaffold.errors import ProfileFileError, ProfilerMissingError
from scaffold.measure.profile import ncu
from scaffold.measure.profile.diff import compare_profiles
from scaffold.measure.profile.lines import GeneratedSource
from scaffold.measure.profile.model import KernelProfile, ProfileResult, Value
from scaffold.measure.profile.ncu import (
    SECTIONS,
    Reader,
    find_reader,
    module_folders_of,
    ncu_command,
    read_ncu_report,
    read_with,
)

DATA = Path(__file__).parents[1] / "data" / "profile"
RECORDED = sorted(DATA.glob("*-h100.json"))


def read(path: Path, *actions: Action, generated: GeneratedSource | None = None) -> ProfileResult:
    path.write_bytes(b"report")
    return read_with(module_with(*actions), path, generated=generated or GeneratedSource())


def only(result: ProfileResult) -> KernelProfile:
    (kernel,) = result.kernels
    return kernel


def test_the_command_watches_the_range_and_leaves_the_clocks_alone() -> None:
    words = ncu_command(Path("/opt/ncu"), Path("a b/r.ncu-rep"), ["python", "start.py"], only="gemm.*", skip=2, most=3)
    assert words[0] == "/opt/ncu"
    assert words[-2:] == ["python", "start.py"]
    options = " ".join(words[1:-2])
    for expected in (
        "--profile-from-start off",
        "--clock-control none",
        "--import-source yes",
        "--export a b/r.ncu-rep",
        "--kernel-name regex:gemm.*",
        "--launch-skip 2",
        "--launch-count 3",
        *(f"--section {section}" for section in SECTIONS),
    ):
        assert expected in options
    assert {
        "SpeedOfLight",
        "MemoryWorkloadAnalysis",
        "Occupancy",
        "LaunchStats",
        "WarpStateStats",
        "SourceCounters",
    } <= set(SECTIONS)


def test_the_command_without_filters_takes_every_kernel_of_the_range() -> None:
    words = ncu_command(Path("ncu"), Path("r.ncu-rep"), ["x"])
    assert not {"--kernel-name", "--launch-skip", "--launch-count", "--metrics"} & set(words)


def test_values_carry_the_unit_and_the_tool_s_own_name(tmp_path: Path) -> None:
    told = read(tmp_path / "r.ncu-rep", launch(14200.0))
    kernel = only(told)
    assert (told.tool, told.device, kernel.name) == ("ncu", "NVIDIA H100 80GB HBM3", "gemm_kernel")
    assert kernel.values["duration"] == Value(14.2, "us", "gpu__time_duration.sum")
    assert kernel.values["registers"] == Value(168.0, "registers", "launch__registers_per_thread")
    assert kernel.values["shared_dynamic"] == Value(49152.0, "B", "launch__shared_mem_per_block_dynamic")
    assert (kernel.grid, kernel.block) == ((16, 16, 1), (256, 1, 1))
    assert "matrix_use" not in kernel.values, "what was not measured has no value"


def test_the_first_name_that_the_report_has_counts(tmp_path: Path) -> None:
    second = "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active"
    first = "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_elapsed"
    action = launch()
    action.metrics[second] = Metric(70.0, "%")
    assert only(read(tmp_path / "r.ncu-rep", action)).values["matrix_use"] == Value(70.0, "%", second)
    action.metrics[first] = Metric(61.0, "%")
    assert only(read(tmp_path / "r.ncu-rep", action)).values["matrix_use"] == Value(61.0, "%", first)
    action.metrics[first] = Metric(math.nan, "%")
    assert only(read(tmp_path / "r.ncu-rep", action)).values["matrix_use"].vendor_name == second


def test_the_launch_of_the_median_duration_tells(tmp_path: Path) -> None:
    launches = []
    for duration, cycles in ((15000.0, 3.0), (14000.0, 1.0), (14500.0, 2.0)):
        action = launch(duration)
        action.metrics["gpc__cycles_elapsed.max"] = Metric(cycles)
        launches.append(action)
    kernel = only(read(tmp_path / "r.ncu-rep", *launches))
    assert kernel.durations_us == (15.0, 14.0, 14.5)
    assert kernel.values["duration"].value == 14.5
    assert kernel.values["cycles"].value == 2.0


def test_two_kernels_of_one_launch_are_two(tmp_path: Path) -> None:
    other = launch(1000.0)
    other.kernel = "reduce_kernel"
    told = read(tmp_path / "r.ncu-rep", launch(), other, launch(), other)
    assert [(kernel.name, len(kernel.durations_us)) for kernel in told.kernels] == [
        ("gemm_kernel", 2),
        ("reduce_kernel", 2),
    ]


def test_stalls_are_shares_of_the_cycles_of_all_warps(tmp_path: Path) -> None:
    action = launch()
    for reason, cycles in (("gmma", 6.0), ("barrier", 1.0), ("selected", 1.0), ("drain", 0.0)):
        action.metrics[STALLED.format(reason)] = Metric(cycles, "inst")
    action.metrics[SAMPLED.format("wait")] = Metric(900)
    stalls = only(read(tmp_path / "r.ncu-rep", action)).stalls
    assert [(stall.reason, stall.share, stall.cycles) for stall in stalls] == [
        ("gmma", 0.75, 6.0),
        ("barrier", 0.125, 1.0),
    ]
    assert stalls[0].vendor_name == STALLED.format("gmma")


def test_stalls_come_from_samples_where_cycles_were_not_collected(tmp_path: Path) -> None:
    action = launch()
    action.metrics |= {
        SAMPLED.format("long_scoreboard"): Metric(30),
        SAMPLED.format("selected"): Metric(10),
        SAMPLED.format("long_scoreboard_not_issued"): Metric(30),
    }
    (stall,) = only(read(tmp_path / "r.ncu-rep", action)).stalls
    assert (stall.reason, stall.share, stall.cycles) == ("long scoreboard", 0.75, None)


def test_advice_is_word_for_word_and_the_most_promising_first(tmp_path: Path) -> None:
    action = launch()
    action.rules = [
        rule("Occupancy", "nothing to do", kind=1),
        rule("Small", "a little", speedup=2.0, of=1),
        rule("Big", "see @url:the guide:https://docs.nvidia.com/x@", speedup=45.5),
        rule("Bad", "careful", kind=3),
        {"name": "silent", "rule_identifier": "silent", "rule_message": {"title": "", "message": "", "type": 0}},
    ]
    advice = only(read(tmp_path / "r.ncu-rep", action)).advice
    assert [(one.rule, one.severity, one.estimated_speedup, one.speedup_of) for one in advice] == [
        ("Big", "advice", 45.5, "kernel"),
        ("Small", "advice", 2.0, "part"),
        ("Bad", "warning", None, ""),
        ("Occupancy", "note", None, ""),
    ]
    assert advice[0].text == "see @url:the guide:https://docs.nvidia.com/x@"
    assert advice[0].title == "Big title"


SOURCE = "a();\nwgmma();\nb();\n"


def test_hot_lines_are_those_most_samples_fell_on(tmp_path: Path) -> None:
    file = "/tmp/x/00000/tvm_kernels.cu"
    header = "/opt/v/lib/python3.12/site-packages/tilelang/src/tl_templates/cuda/gemm.h"
    action = launch(smsp__pcsamp_sample_count=Metric(100, "", {16: 60, 32: 10, 48: 20, 64: 10}))
    action.lines = {16: (file, 2), 32: (file, 2), 48: (header, 7)}
    action.files = {file: SOURCE, header: ""}
    generated = GeneratedSource(SOURCE, {2: ("gemm.py:37", "T.gemm(A, B, C)")})
    first, second = only(read(tmp_path / "r.ncu-rep", action, generated=generated)).hot_lines
    assert (first.file, first.line, first.text, first.share) == ("tvm_kernels.cu", 2, "wgmma();", 0.7)
    assert (first.origin, first.origin_text) == ("gemm.py:37", "T.gemm(A, B, C)")
    assert (second.file, second.line, second.share, second.origin) == (
        "tilelang/src/tl_templates/cuda/gemm.h",
        7,
        0.2,
        "",
    )


def test_hot_lines_without_their_text_in_the_report_take_the_compiled_source_s(tmp_path: Path) -> None:
    action = launch(smsp__pcsamp_sample_count=Metric(1, "", {16: 1}))
    action.lines = {16: ("/tmp/tvm_kernels.cu", 3)}
    (line,) = only(read(tmp_path / "r.ncu-rep", action, generated=GeneratedSource(SOURCE))).hot_lines
    assert (line.text, line.origin) == ("b();", "")


def test_hot_lines_come_from_stall_samples_where_there_is_no_total(tmp_path: Path) -> None:
    action = launch()
    action.metrics[SAMPLED.format("wait")] = Metric(4, "", {16: 1, 32: 3})
    action.metrics[SAMPLED.format("wait_not_issued")] = Metric(4, "", {16: 4})
    action.lines = {16: ("k.cu", 1), 32: ("k.cu", 2)}
    assert [(line.line, line.share) for line in only(read(tmp_path / "r.ncu-rep", action)).hot_lines] == [
        (2, 0.75),
        (1, 0.25),
    ]


def test_a_report_without_line_information_says_so(tmp_path: Path) -> None:
    told = read(tmp_path / "r.ncu-rep", launch(smsp__pcsamp_sample_count=Metric(1, "", {16: 1})))
    assert only(told).hot_lines == ()
    assert told.notes == ("no hottest lines: the report has no samples with line information",)


def test_a_damaged_report_is_told_from_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "r.ncu-rep"
    with pytest.raises(ProfileFileError, match="no file"):
        read_ncu_report(path, reader=Reader())
    with pytest.raises(ProfileFileError, match="holds no kernel: it is damaged") as empty:
        read(path)
    assert empty.value.hint is not None
    assert "pip install -U ncu-report" in empty.value.hint
    module = module_with()
    module.load_report = lambda _: (_ for _ in ()).throw(RuntimeError("Incompatible version 99"))
    with pytest.raises(ProfileFileError, match="Incompatible version 99"):
        read_with(module, path)


def test_reading_needs_a_module_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "ncu_report", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(ncu, "_module_folders", lambda: iter(()))
    with pytest.raises(ProfilerMissingError, match="ncu-report is not installed") as missing:
        find_reader([tmp_path])
    assert missing.value.hint == f"{sys.executable} -m pip install ncu-report"


def test_the_module_of_an_installed_nsight_compute_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "nsight-compute" / "2025.3.1" / "ncu"
    folder = program.parent / "extras" / "python"
    folder.mkdir(parents=True)
    program.touch()
    (folder / "ncu_report.py").touch()
    monkeypatch.delitem(sys.modules, "ncu_report", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(ncu, "_module_folders", lambda: iter(()))
    assert find_reader(module_folders_of(program)) == Reader(folder)


@pytest.mark.parametrize(
    ("module", "error", "said"),
    [
        ("import os\ndef load_report(path):\n    os.kill(os.getpid(), 11)\n", ProfilerMissingError, r"\(signal 11\)"),
        ("raise ImportError('built for Python 3.9')\n", ProfilerMissingError, r"\(exit code 1\)"),
        ("def load_report(path):\n    return []\n", ProfileFileError, "holds no kernel"),
    ],
)
def test_a_module_beside_nsight_compute_is_asked_in_a_process_of_its_own(
    module: str, error: type[Exception], said: str, tmp_path: Path
) -> None:
    folder = tmp_path / "extras" / "python"
    folder.mkdir(parents=True)
    (folder / "ncu_report.py").write_text(module)
    report = tmp_path / "gemm.ncu-rep"
    report.write_bytes(b"NVR")
    with pytest.raises(error, match=said):
        read_ncu_report(report, reader=Reader(folder))


def read_recorded(path: Path, tmp_path: Path) -> KernelProfile:
    return only(read(tmp_path / "report.ncu-rep", *recorded(path)))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_report_tells_the_key_metrics(path: Path, tmp_path: Path) -> None:
    kernel = read_recorded(path, tmp_path)
    for key in ("duration", "compute_use", "memory_use", "matrix_use", "occupancy", "registers", "blocks", "threads"):
        assert key in kernel.values, key
    assert kernel.name == "gemm_kernel"
    assert len(kernel.durations_us) == 2
    assert (kernel.grid, kernel.block) == ((16, 16, 1), (256, 1, 1))
    assert kernel.values["registers"].value == 240
    assert sum(stall.share for stall in kernel.stalls) <= 1.0
    assert kernel.stalls[0].reason == "long scoreboard"
    assert len(kernel.advice) >= 8
    assert all(one.text for one in kernel.advice)


def test_two_recorded_reports_say_what_a_third_stage_of_the_pipeline_did(tmp_path: Path) -> None:
    two, three = (read_recorded(path, tmp_path) for path in RECORDED)
    moved = {delta.metric.key: delta.better for delta in compare_profiles(two, three).metrics if delta.moved}
    assert three.values["duration"].value < 0.75 * two.values["duration"].value
    assert three.values["matrix_use"].value > two.values["matrix_use"].value
    assert (two.values["shared_dynamic"].value, three.values["shared_dynamic"].value) == (32_768, 49_152)
    assert moved["duration"]
    assert moved["matrix_use"]


def test_an_occupancy_of_nothing_is_not_measured(tmp_path: Path) -> None:
    """ncu gave 0 for the second of the two, of which 11 % was achieved."""
    two, three = (read_recorded(path, tmp_path) for path in RECORDED)
    assert two.values["occupancy_limit"].value > 12
    assert "occupancy_limit" not in three.values
