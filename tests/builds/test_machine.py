"""Facts about a machine, against folders and programs laid out as on one."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import pytest

from scaffold.builds import machine
from scaffold.builds.asking import ask
from scaffold.builds.limits import cores, memory_bytes
from scaffold.builds.machine import (
    cxx_compiler,
    find_tool,
    host_cuda_toolkit,
    pip_cuda_toolkit,
    pip_nvrtc_header,
    rocm_root,
    version_in,
)

NVCC = "echo 'Cuda compilation tools, release 13.0, V13.0.88'"


def program(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.fixture
def bin_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH; nothing of this machine's CUDA, ROCm or compilers is seen."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in ("CUDA_HOME", "CUDA_PATH", "CXX", "ROCM_PATH", "ROCM_HOME", "HIP_PATH"):
        monkeypatch.delenv(name, raising=False)

    def elsewhere(*parts: str | Path) -> Path:
        text = os.fspath(Path(*parts))
        return Path(str(tmp_path / "root") + text if text.startswith(("/usr/", "/opt")) else text)

    monkeypatch.setattr(machine, "Path", elsewhere)
    return folder


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("git version 2.39.5", "2.39.5"),
        ("c++ (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright (C) 2022", "12.2.0"),
        ("g++ (crosstool-NG 1.25.0) 11.2.0", "11.2.0"),
        ("Apple clang version 15.0.0 (clang-1500.3.9.4)", "15.0.0"),
        ("release 13.0, V13.0.88\nBuild cuda_13.0.r13.0/compiler.36424714_0", "13.0.88"),
        ("1.11.1.git.kitware.jobserver-1", "1.11.1"),
        ("thing (1.2)", "1.2"),
        ("no number", ""),
    ],
)
def test_version_in_what_programs_say(text: str, version: str) -> None:
    assert version_in(text) == version


def test_find_tool_passes_over_a_shim_that_fails(bin_: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bin_ / "cmake", "echo 'pyenv: cmake: command not found' >&2; exit 127")
    real = program(tmp_path / "later" / "cmake", "echo cmake version 3.31.2")
    monkeypatch.setenv("PATH", f"{bin_}{os.pathsep}{real.parent}")
    assert find_tool("cmake") == machine.Tool("cmake", real, "3.31.2")


def test_find_tool_takes_the_named_folder_first(bin_: Path, tmp_path: Path) -> None:
    program(bin_ / "ninja", "echo 1.10.0")
    named = program(tmp_path / "env" / "ninja", "echo 1.13.0")
    found = find_tool("ninja", folders=[named.parent])
    assert found is not None
    assert (found.path, found.version) == (named, "1.13.0")


def test_ask_a_program_that_hangs_ends_all_of_it(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    hanging = program(tmp_path / "hang", f"(sleep 2; touch {mark}) & sleep 60")
    started = time.monotonic()
    answer = ask([hanging], timeout_s=0.3)
    assert time.monotonic() - started < 2
    assert not answer.ok
    assert "no answer" in answer.why_not
    time.sleep(max(0.0, started + 2.4 - time.monotonic()))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("body", "why"), [("echo first; echo last >&2; exit 3", "last"), ("kill -ABRT $$", "died of SIGABRT")]
)
def test_ask_says_why_not(tmp_path: Path, body: str, why: str) -> None:
    assert ask([program(tmp_path / "p", body)]).why_not == why


def test_ask_what_is_not_there_raises_nothing(tmp_path: Path) -> None:
    assert "does not start" in ask([tmp_path / "none"]).why_not


def test_cxx_compiler_looks_through_a_launcher(bin_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bin_ / "c++", "echo c++ 12.2.0")
    clang = program(bin_ / "clang++-17", "echo clang version 17.0.6")
    monkeypatch.setenv("CXX", "ccache clang++-17 -stdlib=libc++")
    found = cxx_compiler()
    assert found is not None
    assert found.path == clang


def test_cxx_compiler_believes_cxx_and_nothing_else(bin_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bin_ / "c++", "echo c++ 12.2.0")
    monkeypatch.setenv("CXX", "/nowhere/g++")
    assert cxx_compiler() is None


@pytest.mark.parametrize("script", [True, False])
def test_host_cuda_toolkit_behind_a_wrapper(bin_: Path, tmp_path: Path, script: bool) -> None:
    root = tmp_path / "cuda-13.0"
    real = program(root / "bin" / "nvcc", NVCC)
    (root / "nvvm").mkdir()
    touch(root / "include" / "cccl" / "cub.h")
    if script:
        program(bin_ / "nvcc", f'exec {real} "$@"')
    else:
        (bin_ / "nvcc").symlink_to(real)
    found = host_cuda_toolkit()
    assert found is not None
    assert (found.root, found.version, found.nvcc, found.origin) == (root, "13.0.88", real, "host")
    assert found.include == (root / "include", root / "include" / "cccl")
    assert found.nvrtc_header is None


def test_host_cuda_toolkit_asks_nvcc_where_it_is(bin_: Path, tmp_path: Path) -> None:
    root = tmp_path / "elsewhere"
    program(root / "bin" / "nvcc", NVCC)
    program(bin_ / "nvcc", f"echo '#$ _HERE_={root}/bin' >&2")
    found = host_cuda_toolkit()
    assert found is not None
    assert found.root == root


def test_host_cuda_toolkit_takes_cuda_home_and_then_the_newest(
    bin_: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cuda-9.2", "cuda-13.0"):
        program(tmp_path / "root" / "usr" / "local" / name / "bin" / "nvcc", NVCC)
    newest = host_cuda_toolkit()
    assert newest is not None
    assert newest.root.name == "cuda-13.0"
    header = touch(tmp_path / "mine" / "targets" / "x86_64-linux" / "include" / "nvrtc.h")
    program(tmp_path / "mine" / "bin" / "nvcc", NVCC)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "mine"))
    named = host_cuda_toolkit()
    assert named is not None
    assert (named.root, named.nvrtc_header) == (tmp_path / "mine", header)
    monkeypatch.setenv("CUDA_HOME", str(bin_))
    assert host_cuda_toolkit() == newest


def test_pip_cuda_toolkit_in_the_shared_folder(tmp_path: Path) -> None:
    root = tmp_path / "nvidia" / "cu13"
    header = touch(root / "include" / "nvrtc.h")
    touch(tmp_path / "nvidia" / "cudnn" / "include" / "cudnn.h")
    assert pip_cuda_toolkit(tmp_path) is None
    assert pip_nvrtc_header(tmp_path) == header
    program(root / "bin" / "nvcc", NVCC)
    found = pip_cuda_toolkit(tmp_path)
    assert found is not None
    assert (found.root, found.version, found.nvrtc_header, found.origin) == (root, "13.0.88", header, "pip")


def test_pip_cuda_toolkit_in_a_folder_a_package(tmp_path: Path) -> None:
    program(tmp_path / "nvidia" / "cuda_nvcc" / "bin" / "nvcc", "echo V11.8.89")
    header = touch(tmp_path / "nvidia" / "cuda_nvrtc" / "include" / "nvrtc.h")
    touch(tmp_path / "nvidia" / "cuda_runtime" / "include" / "cuda.h")
    found = pip_cuda_toolkit(tmp_path)
    assert found is not None
    assert found.nvrtc_header == header
    assert [folder.parent.name for folder in found.include] == ["cuda_runtime", "cuda_nvrtc"]


def test_rocm_root_by_hipcc(bin_: Path, tmp_path: Path) -> None:
    assert rocm_root() is None
    real = program(tmp_path / "rocm-6.4" / "bin" / "hipcc", "true")
    (bin_ / "hipcc").symlink_to(real)
    assert rocm_root() == tmp_path / "rocm-6.4"


def files(root: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


MEMINFO = "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 800 kB\n"
V2 = {
    "proc/meminfo": MEMINFO,
    "proc/self/cgroup": "0::/a/b\n",
    "proc/self/mountinfo": "31 23 0:28 / /cg rw - cgroup2 cgroup2 rw\n",
}
#: A container of version 1 that sees its own part of the hierarchy only.
V1 = {
    "proc/meminfo": MEMINFO,
    "proc/self/cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n",
    "proc/self/mountinfo": (
        "1 0 0:1 /docker/x /cg/memory rw - cgroup cgroup rw,memory\n"
        "2 0 0:2 /docker/x /cg/cpu rw master:1 - cgroup cgroup rw,cpu,cpuacct\n"
    ),
}


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ({"proc/meminfo": MEMINFO}, (1024_000, 819_200)),
        (V2, (1024_000, 819_200)),
        ({**V2, "cg/a/b/memory.max": "max\n", "cg/a/memory.max": "500000\n", "cg/a/memory.current": "450000\n",
          "cg/a/memory.stat": "anon 1\ninactive_file 300000\n"}, (500_000, 350_000)),
        ({**V2, "cg/a/b/memory.max": "100\n", "cg/a/b/memory.current": "900\n"}, (100, 0)),
        ({**V1, "cg/memory/memory.limit_in_bytes": "9223372036854771712\n"}, (1024_000, 819_200)),
        ({**V1, "cg/memory/memory.limit_in_bytes": "600000\n", "cg/memory/memory.usage_in_bytes": "100000\n",
          "cg/memory/memory.stat": "total_inactive_file 50000\n"}, (600_000, 550_000)),
        ({**V1, "proc/self/cgroup": "nonsense\n"}, (1024_000, 819_200)),
    ],
    ids=["no-cgroup", "v2-unlimited", "v2-of-a-parent", "v2-used-up", "v1-unlimited", "v1", "unreadable"],
)  # fmt: skip
def test_memory_bytes(tmp_path: Path, layout: dict[str, str], expected: tuple[int, int]) -> None:
    assert memory_bytes(files(tmp_path, layout)) == expected


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ({}, 8),
        ({**V2, "cg/a/b/cpu.max": "max 100000\n"}, 8),
        ({**V2, "cg/a/b/cpu.max": "150000 100000\n"}, 2),
        ({**V2, "cg/a/b/cpu.max": "400000 100000\n", "cg/cpu.max": "50000 100000\n"}, 1),
        ({**V1, "cg/cpu/cpu.cfs_quota_us": "300000\n", "cg/cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({**V1, "cg/cpu/cpu.cfs_quota_us": "-1\n", "cg/cpu/cpu.cfs_period_us": "100000\n"}, 8),
    ],
    ids=["no-cgroup", "v2-unlimited", "v2-one-and-a-half", "v2-of-a-parent", "v1", "v1-unlimited"],
)
def test_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: dict[str, str], expected: int) -> None:
    (tmp_path / "cg" / "a" / "b").mkdir(parents=True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(8), raising=False)
    assert cores(files(tmp_path, layout)) == expected
