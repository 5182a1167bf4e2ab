"""What there is to compile with: from the machine, else from pip."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakebuilds import RecordedEnvironment

from scaffold.builds.machine import CudaToolkit, Tool
from scaffold.builds.native import toolbox as module
from scaffold.builds.native.common_headers import common_headers
from scaffold.builds.native.toolbox import Toolbox, build_environment, gather_tools
from scaffold.builds.workspace import Workspace
from scaffold.errors import MissingToolError
from scaffold.progress import Progress

GXX = Tool("g++", Path("/usr/bin/g++"), "12.2.0")


def toolkit(origin: str, *, version: str = "13.0.88", nvrtc: bool = True) -> CudaToolkit:
    header = Path(f"/{origin}/include/nvrtc.h") if nvrtc else None
    return CudaToolkit(Path(f"/{origin}"), version, Path(f"/{origin}/bin/nvcc"), (), header, origin)  # type: ignore[arg-type]


class PipEnvironment(RecordedEnvironment):
    """An environment whose pip has NVRTC, and a CUDA toolkit once that was installed."""

    fetched: list[str]

    @contextmanager
    def downloaded(self, requirement: str) -> Iterator[Path]:
        self.fetched.append(requirement)
        wheel = self.folder / "nvrtc.whl"
        wheel.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("nvidia/cu13/lib/libnvrtc.so.13", "large")
            archive.writestr("nvidia/cu13/include/nvrtc.h", "// nvrtc\n")
        yield wheel


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PipEnvironment:
    """On a machine with a compiler and no CUDA; pip's toolkit is there once something was installed."""
    RecordedEnvironment.reset()
    monkeypatch.setattr(module, "cxx_compiler", lambda: GXX)
    monkeypatch.setattr(
        module, "find_tool", lambda name: Tool(name, Path(f"/{name}"), "4.8") if name == "sccache" else None
    )
    monkeypatch.setattr(module, "host_cuda_toolkit", lambda: None)
    monkeypatch.setattr(module, "pip_cuda_toolkit", lambda _: toolkit("pip") if PipEnvironment.installs else None)
    made = PipEnvironment(tmp_path / "build", Progress(verbosity=-1))
    made.fetched = []
    made.create()
    PipEnvironment.installs = []
    return made


def test_cmake_and_ninja_are_those_of_the_build_and_a_cache_the_machines(
    environment: PipEnvironment, tmp_path: Path
) -> None:
    tools = gather_tools(environment, ("cpu",), "auto", Workspace(tmp_path))
    assert tools.cmake.parent == tools.ninja.parent == environment.python.parent
    assert tools.launcher is not None
    assert (tools.compiler, tools.launcher.name, tools.cuda, tools.nvrtc_include) == (GXX, "sccache", None, None)
    assert environment.installs == []


@pytest.mark.parametrize(
    ("choice", "host", "origin", "installed"),
    [("auto", True, "host", 0), ("host", True, "host", 0), ("auto", False, "pip", 1), ("pip", True, "pip", 1)],
)
def test_the_cuda_toolkit_is_the_machines_else_pips(
    environment: PipEnvironment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    choice: module.CudaChoice,
    host: bool,
    origin: str,
    installed: int,
) -> None:
    monkeypatch.setattr(module, "host_cuda_toolkit", lambda: toolkit("host") if host else None)
    for _ in range(2):
        tools = gather_tools(environment, ("cuda",), choice, Workspace(tmp_path))
        assert tools.cuda is not None
        assert tools.cuda.origin == origin
        assert len(environment.installs) == installed
    assert not installed or "nvidia-cuda-nvcc" in environment.installs[0]


def test_the_machines_toolkit_where_there_is_none_says_what_else(environment: PipEnvironment, tmp_path: Path) -> None:
    with pytest.raises(MissingToolError) as caught:
        gather_tools(environment, ("cuda",), "host", Workspace(tmp_path))
    assert "--cuda pip" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("version", "requirement"),
    [("13.0.88", "nvidia-cuda-nvrtc==13.*"), ("12.8.93", "nvidia-cuda-nvrtc-cu12==12.*")],
)
def test_a_toolkit_without_nvrtcs_header_gets_pips_once(
    environment: PipEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, requirement: str
) -> None:
    monkeypatch.setattr(module, "host_cuda_toolkit", lambda: toolkit("host", version=version, nvrtc=False))
    for _ in range(2):
        tools = gather_tools(environment, ("cuda",), "auto", Workspace(tmp_path))
        assert tools.nvrtc_include is not None
        assert [path.name for path in tools.nvrtc_include.iterdir()] == ["nvrtc.h"]
    assert environment.fetched == [requirement]


def test_compilers_see_the_cache_settings_and_nothing_of_the_users_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("CMAKE_PREFIX_PATH", "/elsewhere")
    monkeypatch.setenv("CCACHE_DIR", "/my/cache")
    monkeypatch.delenv("SCCACHE_DIR", raising=False)
    tools = Toolbox(GXX, tmp_path / "bin/cmake", tmp_path / "bin/ninja", tmp_path / "bin/python", None, None, None)
    found = build_environment(tools, Workspace(tmp_path))
    assert not {"PYTHONPATH", "CMAKE_PREFIX_PATH"} & set(found)
    assert found["PATH"].startswith(f"{tmp_path}/bin:")
    assert (found["CCACHE_DIR"], found["CCACHE_BASEDIR"]) == ("/my/cache", str(tmp_path))
    assert found["SCCACHE_DIR"] == str(tmp_path / "cache/sccache")


def test_common_headers_are_tvms_and_the_standard_librarys_that_many_include(tmp_path: Path) -> None:
    for number in range(20):
        lines = ["#include <tvm/tir/stmt.h>", '#include "../op/gemm.h"', "#include <cuda.h>"]
        lines += ["# include <vector>"] if number < 2 else []
        lines += ["#include <map>", "#include <tvm/rare.h>"] if number == 2 else []
        lines += ["// #include <string>", "#include <dlpack/dlpack.h>"]
        (tmp_path / f"{number}.cc").write_text("\n".join(lines))
    assert common_headers(sorted(tmp_path.iterdir())) == ("<tvm/tir/stmt.h>", "<vector>")
