"""The verb ``profile`` on reports that are there already, and before anything is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from verbs import run_verb

from scaffold.errors import ExitCode

DATA = Path(__file__).parents[1] / "data" / "profile"
ROCM, COMPUTE = str(DATA / "rocprofv3"), str(DATA / "rocprof-compute")


def test_a_report_made_elsewhere_is_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_verb("profile", COMPUTE, "--open") == ExitCode.OK
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("~ gemm_kernel takes 18.4 µs: compute utilisation 18 %, tensor-core use 42 %")
    assert any("open the raw report of profiled: CSV files, in the folder" in line for line in shown)
    assert shown[-1].startswith("next: python -m scaffold profile ")
    assert shown[-1].endswith("-o profile.md")


def test_two_reports_are_compared_over_tools(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb("profile", "--baseline", ROCM, "--candidate", COMPUTE, "--only", "gemm", "--json") == ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    assert (document["two_sided"], document["outcome"]) == (True, "alike")
    assert [side["tool"] for side in document["sides"]] == ["rocprofv3", "rocprof-compute"]
    (gemm,) = document["kernels"]
    (use,) = [row for row in gemm["rows"] if row["key"] == "matrix_use"]
    assert (use["baseline"]["vendor_name"], use["candidate"]["vendor_name"]) == ("MfmaUtil", "MFMA Utilization")


def test_a_profile_is_written_as_markdown(tmp_path: Path) -> None:
    path = tmp_path / "profile.md"
    assert run_verb("profile", COMPUTE, "-o", str(path)) == ExitCode.OK
    assert path.read_text(encoding="utf-8").startswith("### ~ gemm\\_kernel takes 18.4 µs")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), ExitCode.USAGE, "no kernel is named"),
        (("gem",), ExitCode.USAGE, "unknown kernel 'gem'"),
        (("cpu_gemm",), ExitCode.USAGE, "no vendor's profiler measures kernels for target c"),
        ((COMPUTE, "--set", "M=1"), ExitCode.USAGE, "is measured already; M=1 cannot change it"),
        (("nowhere.ncu-rep",), ExitCode.USAGE, "no file 'nowhere.ncu-rep'"),
        (("--baseline", ROCM, "--candidate", "num_stages=2"), ExitCode.USAGE, "no kernel is named"),
        (("gemm", "--launches", "0"), ExitCode.USAGE, "0 is less than one"),
        (("gemm", "--target", "hip:gfx942", "--tool", "ncu"), ExitCode.USAGE, "ncu profiles no kernels for hip"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_made(
    arguments: tuple[str, ...],
    code: ExitCode,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_verb("profile", *arguments) == code
    error = capsys.readouterr().err
    assert said in error
    assert "hint: " in error or "usage" in error
    assert not (tmp_path / "workspace" / "builds").exists()


def test_without_a_profiler_the_way_to_one_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("scaffold.measure.profile.run.find_program", lambda _: None)
    monkeypatch.setattr("scaffold.measure.profile.programs.find_program", lambda _: None)
    assert run_verb("profile", "gemm", "--target", "cuda:sm_90a") == ExitCode.ENVIRONMENT
    error = capsys.readouterr().err
    assert error.startswith("error[profiler-missing]: no ncu here: Nsight Compute is not installed")
    assert "https://developer.nvidia.com/nsight-compute" in error
    assert not (tmp_path / "workspace" / "builds").exists(), "no build is made in vain"
