"""The job that runs under a profiler, in a real TileLang; on a GPU with Nsight Compute, the profile itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from verbs import run_verb

from scaffold.builds.build import Build
from scaffold.builds.gpu import find_gpu
from scaffold.builds.process import probe_environment
from scaffold.builds.serving import probe_variables
from scaffold.builds.workspace import Workspace
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings
from scaffold.measure.profile.lines import named_files, with_origins
from scaffold.measure.profile.programs import find_program
from scaffold.probe import start
from scaffold.probe.profiled import ProfileRequest, encode_profile_request
from scaffold.probe.protocol import PROTOCOL_VERSION
from scaffold.trace.spool import read_spool


def test_the_job_launches_and_tells_which_lines_the_source_came_from(newest: Build, tmp_path: Path) -> None:
    kernel = resolve("cpu_gemm", Settings(), default_target="c")
    request = ProfileRequest(PROTOCOL_VERSION, kernel, str(tmp_path / "spool.jsonl"), launches=2, warm_up=1)
    (tmp_path / "request.json").write_text(json.dumps(encode_profile_request(request)))
    command = [newest.python, str(Path(start.__file__)), "profiled", str(tmp_path / "request.json")]
    environment = probe_environment({**probe_variables(tmp_path), "TILELANG_CLEANUP_TEMP_FILES": "0"})
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    spool = read_spool(Path(request.spool))
    assert (done.returncode, spool.failure, spool.ended) == (0, None, True), done.stderr
    assert spool.run is not None
    assert spool.source is not None
    assert (spool.run["device"], spool.run["launches"]) == ("cpu", 2)
    text, marked = spool.texts[spool.source["digest"]], spool.texts[spool.run["marked"]]
    sources = {file: Path(file).read_text() for file in named_files(marked) if Path(file).is_file()}
    source = with_origins(text, marked, sources)
    inner = next(number for number, line in enumerate(text.splitlines(), 1) if "A_tile[" in line and "B_tile[" in line)
    place, line = source.origin_of(inner)
    assert place.startswith("scaffold/kernels/zoo/cpu_gemm.py:")
    assert line == "C_tile[i, j] = C_tile[i, j] + A_tile[i, p] * B_tile[p, j]"


@pytest.mark.gpu
def test_gemm_is_profiled_on_this_gpu(
    newest: Build, workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu = find_gpu()
    if gpu is None or not gpu.target.startswith("cuda"):
        pytest.skip("no NVIDIA GPU here")
    if find_program("ncu") is None:
        pytest.skip("no Nsight Compute here")
    output = tmp_path / "profile.json"
    code = run_verb(
        *("profile", "gemm", "--build", newest.name, "--launches", "1", "--tool", "ncu"),
        *("--workspace", str(workspace.root), "-o", str(output)),
    )
    assert code == 0, capsys.readouterr().err
    (kernel,) = json.loads(output.read_text())["kernels"]
    measured = {row["key"]: row["baseline"]["value"] for row in kernel["rows"]}
    assert measured["matrix_use"] > 0
    assert measured["duration"] > 0
    assert kernel["stalls"]
    assert kernel["hot_lines"]
