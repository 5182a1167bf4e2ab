"""A kernel under a profiler: what is run, what is kept, and every way in which nothing is measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from fakeprofilers import FINE, FakeProfilers, failed, gpu, request
from ncureports import Metric, launch, module_with

from scaffold.builds.build import Build
from scaffold.builds.workspace import Workspace
from scaffold.errors import (
    CountersNotPermittedError,
    EnvironmentProblem,
    ExitCode,
    KernelSourceError,
    LoweringFailedError,
    MissingToolError,
    NothingProfiledError,
    ProbeError,
    ProbeTimeoutError,
    ProfilerFailedError,
    ProfilerMissingError,
    ScaffoldError,
    UsageError,
)
from scaffold.measure.profile import ncu, programs, run
from scaffold.measure.profile.model import ProfileResult
from scaffold.measure.profile.run import Profiled, ProfileOptions, get_ready, profile_sides
from scaffold.progress import Progress

DATA = Path(__file__).parents[1] / "data" / "profile"
BUILD = Build("wheel:0.1.15", "/env/bin/python")
#: Their own words, as users pasted them.
PERMISSION = (
    "==PROF== Connected to process 4711 (/env/bin/python)\n"
    "==ERROR== ERR_NVGPUCTRPERM - The user does not have permission to access NVIDIA GPU Performance Counters on the "
    "target device 0. For instructions on enabling permissions and to get more information see "
    "https://developer.nvidia.com/ERR_NVGPUCTRPERM\n"
    "==PROF== Disconnected from process 4711\n==WARNING== No kernels were profiled."
)
TOO_NEW = (
    "==ERROR== An error was reported by the driver:\n==ERROR== Cuda driver is not compatible with Nsight Compute.\n"
    "==ERROR== The application returned an error code (11)."
)
BUSY = (
    "==ERROR== An error was reported by the driver:\n==ERROR== Profiling failed because a driver resource was "
    "unavailable. Ensure that no other tool (like DCGM) is concurrently collecting profiling data."
)
SANDBOX = "==ERROR== Failed to initialize the profiler: LibraryNotLoaded"
NOTHING = "==PROF== Disconnected from process 4711\n==WARNING== No kernels were profiled."


@pytest.fixture
def profilers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProfilers:
    """Profilers of a folder, and no others; one GPU; a report with one launch."""
    found = FakeProfilers(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(found.folder))
    monkeypatch.setattr(programs, "_folders", lambda _: [])
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(run, "find_gpus", lambda: [gpu()])
    action = launch(smsp__pcsamp_sample_count=Metric(1, "", {16: 1}))
    action.lines = {16: ("/tmp/tvm_kernels.cu", 2)}
    monkeypatch.setattr(ncu, "find_reader", lambda _=(): ncu.Reader())
    monkeypatch.setitem(sys.modules, "ncu_report", module_with(action))
    return found


def profile(
    tmp_path: Path, *labels: str, target: str = "cuda:sm_90a", progress: Progress | None = None, **options: Any
) -> list[ProfileResult]:
    sides = [Profiled(label, request(target=target), BUILD) for label in labels or ("profiled",)]
    told = ProfileOptions(**options)
    ready = get_ready([side.request.target for side in sides if side.request], told)
    return profile_sides(
        sides, ready, told, workspace=Workspace(tmp_path / "ws"), progress=progress or Progress(verbosity=-1)
    )


def test_the_profiler_runs_the_build_s_interpreter_and_the_report_is_kept(
    profilers: FakeProfilers, tmp_path: Path
) -> None:
    program = profilers.add("ncu")
    (told,) = profile(tmp_path, "baseline", launches=2, only="gemm")
    (words,) = profilers.calls()
    assert words[0] == str(program)
    assert words[-4:-1] == ["/env/bin/python", words[-3], "profiled"]
    assert words[-3].endswith("scaffold/probe/start.py")
    assert words[words.index("--kernel-name") + 1] == "regex:gemm"
    folder = tmp_path / "ws" / "profiles" / "gemm-baseline"
    assert told.report == str(folder / "report.ncu-rep")
    assert sorted(path.name for path in folder.iterdir()) == ["generated.cu", "log", "report.ncu-rep"]
    assert (folder / "generated.cu").read_text() == "a();\ngemm();\n"
    assert (told.tool, told.tool_version, told.device) == ("ncu", "2025.3.1.0", "NVIDIA H100 80GB HBM3")
    (line,) = told.kernels[0].hot_lines
    assert (line.text, line.origin) == ("gemm();", "gemm.py:3")
    assert not list((tmp_path / "ws" / "tmp").iterdir()), "what the program wrote is cleared away"


def test_two_sides_are_profiled_one_after_the_other_into_folders_of_their_own(
    profilers: FakeProfilers, tmp_path: Path
) -> None:
    profilers.add("ncu")
    told = profile(tmp_path, "baseline", "candidate")
    assert [Path(result.report).parent.name for result in told] == ["gemm-baseline", "gemm-candidate"]
    assert len(profilers.calls()) == 2


@pytest.mark.parametrize(
    ("log", "exit_code", "kind", "code", "said", "hint"),
    [
        (PERMISSION, 1, CountersNotPermittedError, "counters-not-permitted", "ERR_NVGPUCTRPERM", "--cap-add=SYS_ADMIN"),
        (TOO_NEW, 11, ProfilerFailedError, "profiler-failed", "too new for the driver", "update the driver"),
        (BUSY, 9, ProfilerFailedError, "profiler-failed", "another tool holds", "dcgmi profile --pause"),
        (SANDBOX, 1, ProfilerFailedError, "profiler-failed", "gVisor", "--tool nsys"),
        (NOTHING, 0, NothingProfiledError, "nothing-profiled", "saw no kernel", "--only"),
    ],
)
def test_what_ncu_says_is_explained_with_the_fix(
    log: str,
    exit_code: int,
    kind: type[ScaffoldError],
    code: str,
    said: str,
    hint: str,
    profilers: FakeProfilers,
    tmp_path: Path,
) -> None:
    profilers.add("ncu", log=log, exit_code=exit_code, report=False, spool=FINE if exit_code in (0, 1) else ())
    with pytest.raises(kind) as raised:
        profile(tmp_path, tool="ncu")
    assert raised.value.code == code
    assert said in raised.value.message
    assert hint in (raised.value.hint or "")
    assert raised.value.exit_code is (ExitCode.PROBE if code == "nothing-profiled" else ExitCode.ENVIRONMENT)
    assert any(line in raised.value.context["ncu says"] for line in log.splitlines())  # type: ignore[operator]


def test_without_permission_nsys_tells_durations_and_why_there_is_no_more(
    profilers: FakeProfilers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profilers.add("ncu", log=PERMISSION, exit_code=1, report=False)
    profilers.add("nsys", stats=(DATA / "nsys-cuda_gpu_kern_sum.csv").read_text())
    (told,) = profile(tmp_path, progress=Progress())
    assert (told.tool, told.tool_version) == ("nsys", "2025.3.2.474")
    assert told.kernels[0].name == "gemm_kernel"
    assert "ERR_NVGPUCTRPERM" in told.notes[0]
    assert "--cap-add=SYS_ADMIN" in told.notes[0]
    assert "taking nsys, which tells durations only" in capsys.readouterr().err


def test_nsys_leaves_other_kernels_out_where_asked_to(profilers: FakeProfilers, tmp_path: Path) -> None:
    profilers.add("nsys", stats=(DATA / "nsys-cuda_gpu_kern_sum.csv").read_text())
    (told,) = profile(tmp_path, only="^gemm")
    assert [kernel.name for kernel in told.kernels] == ["gemm_kernel"]
    with pytest.raises(NothingProfiledError, match="no kernel in nsys's report is named like 'other'"):
        profile(tmp_path, only="other")


def test_nsys_that_saw_nothing_is_an_error(profilers: FakeProfilers, tmp_path: Path) -> None:
    profilers.add("nsys", stats="SKIPPED: report.sqlite does not contain CUDA kernel data.")
    with pytest.raises(ScaffoldError, match="holds no kernel, says nsys stats"):
        profile(tmp_path)


def test_amd_is_counted_pass_by_pass_and_what_it_lacks_is_told(
    profilers: FakeProfilers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "find_gpus", lambda: [gpu("hip")])
    folders = [DATA / "rocprofv3" / f"pass_{number}" for number in (0, 1, 2, 3)]
    profilers.add("rocprofv3", folders=folders)
    (told,) = profile(tmp_path, target="hip:gfx942", only="gemm")
    assert (told.tool, told.tool_version, told.device) == ("rocprofv3", "1.0.0", "AMD Instinct MI300X")
    (kernel,) = told.kernels
    assert kernel.durations_us == (18.4, 19.0, 18.0)
    assert kernel.values["matrix_use"].value == 42.0
    assert "not measured, as this GPU does not count it so: WRITE_SIZE" in told.notes
    counted = [words for words in profilers.calls() if "--pmc" in words]
    assert len(counted) == len(profilers.calls()) - 1 == 8


def test_a_kernel_that_does_not_compile_is_told_so(profilers: FakeProfilers, tmp_path: Path) -> None:
    profilers.add("ncu", log=NOTHING, report=False, spool=failed())
    with pytest.raises(LoweringFailedError, match="gemm did not run for cuda:sm_90a: InternalError: it does not fit"):
        profile(tmp_path)


def test_a_build_that_does_not_import_is_told_so(profilers: FakeProfilers, tmp_path: Path) -> None:
    profilers.add("ncu", log=NOTHING, report=False, spool=failed("ImportError", "no torch", stage="import"))
    with pytest.raises(EnvironmentProblem, match=r"does not import in wheel:0\.1\.15: ImportError: no torch"):
        profile(tmp_path)


def test_the_user_s_own_mistake_is_told_as_one(profilers: FakeProfilers, tmp_path: Path) -> None:
    lines = failed("KernelBuildError", "argument n is no tensor")
    lines[1]["failure"]["users_fault"] = True
    profilers.add("ncu", log=NOTHING, report=False, spool=lines)
    with pytest.raises(KernelSourceError, match="argument n is no tensor"):
        profile(tmp_path)


def test_a_program_that_dies_leaves_its_last_lines(profilers: FakeProfilers, tmp_path: Path) -> None:
    profilers.add("ncu", log="Segmentation fault", exit_code=139, report=False, spool=[{"hello": {}}])
    with pytest.raises(ProbeError, match=r"died under ncu \(exit code 139\)") as raised:
        profile(tmp_path)
    assert "Segmentation fault" in str(raised.value.context["its last lines"])
    assert list((tmp_path / "ws" / "runs").iterdir()), "its folder is kept for a look"


def test_a_program_that_hangs_is_ended(profilers: FakeProfilers, tmp_path: Path) -> None:
    program = profilers.add("ncu")
    program.write_text(program.read_text().replace('print(told["log"])', "import time; time.sleep(60)"))
    with pytest.raises(ProbeTimeoutError, match="did not end within 2 s"):
        profile(tmp_path, timeout_s=2.0)


def test_of_two_sides_one_that_fails_has_a_result_that_says_why(
    profilers: FakeProfilers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profilers.add("ncu")
    real = run._profile_with
    made: list[str] = []

    def second_fails(program: Any, side: Profiled, *rest: Any) -> ProfileResult:
        made.append(side.label)
        if len(made) == 2:
            raise LoweringFailedError("it does not fit")
        return real(program, side, *rest)

    monkeypatch.setattr(run, "_profile_with", second_fails)
    fine, bad = profile(tmp_path, "baseline", "candidate")
    assert fine.kernels
    assert (bad.kernels, bad.why_missing) == ((), "it does not fit")


def test_both_sides_failing_is_the_first_one_s_error(profilers: FakeProfilers, tmp_path: Path) -> None:
    profilers.add("ncu", log=NOTHING, report=False, spool=failed())
    with pytest.raises(LoweringFailedError):
        profile(tmp_path, "baseline", "candidate")


def test_nothing_is_started_where_nothing_can_be_measured(
    profilers: FakeProfilers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProfilerMissingError, match="no ncu here: Nsight Compute is not installed") as raised:
        get_ready(["cuda:sm_90a"], ProfileOptions())
    assert "put ncu on PATH" in (raised.value.hint or "")
    with pytest.raises(ProfilerMissingError, match="no nsys here"):
        get_ready(["cuda:sm_90a"], ProfileOptions(tool="nsys"))
    with pytest.raises(ProfilerMissingError, match="no rocprofv3 here"):
        get_ready(["hip:gfx942"], ProfileOptions())
    with pytest.raises(UsageError, match="no vendor's profiler measures kernels for target c"):
        get_ready(["c"], ProfileOptions())
    with pytest.raises(UsageError, match="ncu profiles no kernels for hip"):
        get_ready(["hip:gfx942"], ProfileOptions(tool="ncu"))
    with pytest.raises(UsageError, match="targets of 2 kinds run on no one machine: cuda, hip"):
        get_ready(["cuda:sm_90a", "hip:gfx942"], ProfileOptions())
    assert get_ready([], ProfileOptions()) is None
    profilers.add("ncu")
    monkeypatch.setattr(run, "find_gpus", list)
    with pytest.raises(MissingToolError, match="ncu measures on a GPU, and there is none for cuda here"):
        get_ready(["cuda:sm_90a"], ProfileOptions())


def test_a_report_that_is_there_needs_no_gpu(tmp_path: Path) -> None:
    side = Profiled("profiled", report=DATA / "rocprof-compute")
    (told,) = profile_sides(
        [side], None, ProfileOptions(), workspace=Workspace(tmp_path), progress=Progress(verbosity=-1)
    )
    assert told.kernels[0].name == "gemm_kernel"
