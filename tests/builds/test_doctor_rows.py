"""The doctor's rows: facts in, a row out."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from scaffold.builds.doctor import accelerator, checkout, imports, network, room, tools
from scaffold.builds.doctor.accelerator import Gpus
from scaffold.builds.doctor.interpreter import (
    Loaded,
    Survey,
    Torch,
    import_torch,
    invoking_python,
    survey,
)
from scaffold.builds.doctor.look import CouldNotLook, Look
from scaffold.builds.doctor.model import Diagnosis, Row, Step, missing, named, ok, warning
from scaffold.builds.doctor.packages import Packages
from scaffold.builds.doctor.room import GB, Disk
from scaffold.builds.gpu import Gpu
from scaffold.builds.machine import CudaToolkit, Tool

APT = Packages("apt-get", root=True, sudo=False)
H200 = Gpu("NVIDIA H200", "cuda:sm_90a", "570.86")
MI300 = Gpu("AMD GPU", "hip:gfx942", "amdgpu")
CUDA13 = CudaToolkit(Path("/cuda"), "13.0.88", Path("/cuda/bin/nvcc"), (Path("/cuda/include"),), None, "host")
NO_GPU = Gpus(None)
TORCH_CPU = Torch("2.13.0+cpu", "", "", sees_gpu=False)
TORCH_CUDA = Torch("2.13.0", "12.8", "", sees_gpu=True)


def raising(reason: str) -> Callable[[], str]:
    def look() -> str:
        raise CouldNotLook(reason)

    return look


class Expected(NamedTuple):
    row: Row
    status: str
    found: str
    fix: str
    steps: tuple[Step, ...]


def expect(row: Row, status: str, found: str, fix: str = "", steps: tuple[Step, ...] = ()) -> Expected:
    """What a row says, in part, and which steps it stops."""
    return Expected(row, status, found, fix, steps)


ROWS = {
    "git": expect(tools.git_row(Tool("git", Path("/git"), "2.39"), APT), "ok", "2.39"),
    "no git": expect(tools.git_row(None, APT), "warning", "sdist", "apt-get install -y git"),
    "compiler": expect(tools.compiler_row(Tool("c++", Path("/c++"), "12"), "", APT), "ok", "C++17"),
    "no compiler": expect(
        tools.compiler_row(None, "", APT), "missing", "clang++", "apt-get install -y g++", ("source",)
    ),
    "CXX of nothing": expect(
        tools.compiler_row(None, "", APT, "icpx"), "missing", "CXX=icpx", "unset CXX", ("source",)
    ),
    "old compiler": expect(
        tools.compiler_row(Tool("c++", Path("/c++"), "4.8"), "error: x", APT),
        "missing",
        "4.8 does not compile",
        "g++",
        ("source",),
    ),
    "old CMake": expect(tools.cmake_row(Tool("cmake", Path("/cmake"), "3.25.1")), "ok", "needs 3.26"),
    "no CMake": expect(tools.cmake_row(None), "ok", "its own from pip"),
    "new CMake": expect(tools.cmake_row(Tool("cmake", Path("/cmake"), "4.0.1")), "ok", "4.0.1, /cmake; a build"),
    "no Ninja": expect(tools.ninja_row(None), "ok", "its own from pip"),
    "no cache": expect(tools.cache_row(None, APT), "warning", "ccache", "apt-get install -y ccache"),
    "old Python": expect(
        tools.python_row((3, 9, 1), "/py"), "missing", "needs 3.10", "python3.10 -m", ("lower", "run", "source")
    ),
    "Python": expect(tools.python_row((3, 13, 1), "/py"), "ok", "3.13.1, /py"),
    "no header": expect(
        tools.header_row(None, APT, (3, 11)), "missing", "Python.h", "install -y python3.11-dev", ("source",)
    ),
    "no virtualenv": expect(
        tools.virtualenv_row("", "gone"),
        "missing",
        "gone",
        "install --force-reinstall virtualenv",
        ("lower", "run", "source"),
    ),
    "disk": expect(room.disk_row(Disk(Path("/w"), 50 * GB, True), has_torch=False), "ok", "50.0 GB free"),
    "tight disk": expect(
        room.disk_row(Disk(Path("/w"), 5 * GB, True), has_torch=False), "warning", "up to 4.8 GB", "SCAFFOLD_WORKSPACE"
    ),
    "disk for a CPU build": expect(
        room.disk_row(Disk(Path("/w"), 3 * GB, True), has_torch=False),
        "missing",
        "4.8 GB to run",
        "SCAFFOLD_WORKSPACE",
        ("run",),
    ),
    "disk with PyTorch": expect(room.disk_row(Disk(Path("/w"), 3 * GB, True), has_torch=True), "ok", "1.3 GB"),
    "full disk": expect(
        room.disk_row(Disk(Path("/w"), 1000, True), has_torch=True),
        "missing",
        "0.0 GB free",
        "SCAFFOLD_WORKSPACE",
        ("lower", "run", "source"),
    ),
    "read-only disk": expect(
        room.disk_row(Disk(Path("/w"), 50 * GB, False), has_torch=True),
        "missing",
        "/w takes no files",
        "export",
        ("lower", "run", "source"),
    ),
    "memory": expect(room.memory_row(32 * GB, 30 * GB, 4), "ok", "room for 4 compilers"),
    "little memory": expect(room.memory_row(8 * GB, 5 * GB, 16), "warning", "room for 3 compilers at a time, not 16"),
    "no memory": expect(room.memory_row(8 * GB, GB, 4), "missing", "one compiler takes", "ps aux", ("source",)),
    "memory unknown": expect(room.memory_row(0, 0, 4), "absent", "does not say"),
    "index": expect(network.index_row(lambda: "0.1.14", has_build=False), "ok", "0.1.14"),
    "no index": expect(
        network.index_row(raising("refused"), has_build=False),
        "missing",
        "refused",
        "pip config list",
        ("lower", "run", "source"),
    ),
    "no index, a build": expect(
        network.index_row(raising("refused"), has_build=True), "missing", "refused", "pip config", ("source",)
    ),
    "offline": expect(network.index_row(None, has_build=False), "absent", "--offline"),
    "Git host": expect(network.git_host_row(lambda: "f" * 40), "ok", "is at ffffffffff"),
    "no Git host": expect(network.git_host_row(raising("timed out")), "warning", "timed out", "--source sdist:latest"),
    "GPU": expect(accelerator.gpu_row(Gpus(H200, "12.8")), "ok", "cuda:sm_90a), driver 570.86, runs CUDA up to 12.8"),
    "no GPU": expect(accelerator.gpu_row(NO_GPU), "missing", "--target", "", ("run",)),
    "silent GPU": expect(
        accelerator.gpu_row(Gpus(None, silent=("NVIDIA",), trouble="Driver/library version mismatch")),
        "missing",
        "does not answer: Driver/library version mismatch",
        "nvidia-smi",
        ("run",),
    ),
    "silent AMD": expect(
        accelerator.gpu_row(Gpus(None, silent=("AMD",))), "missing", "GPU of AMD", "/dev/kfd", ("run",)
    ),
    "nvcc": expect(accelerator.nvcc_row((CUDA13,), "", None, "py"), "ok", "13.0.88, /cuda/bin/nvcc"),
    "no nvcc": expect(
        accelerator.nvcc_row((), "", None, "py"), "warning", "machine code", "py -m pip install nvidia-cuda"
    ),
    "no nvcc, GPU": expect(
        accelerator.nvcc_row((), "", H200, "py"), "missing", "compiles CUDA kernels", "py -m pip", ("run",)
    ),
    "hung nvcc": expect(
        accelerator.nvcc_row((), "/b/nvcc: no answer", None, "py"),
        "warning",
        "/b/nvcc: no answer",
        "mend or remove /b/nvcc; or py -m pip",
    ),
    "hung nvcc first": expect(
        accelerator.nvcc_row((CUDA13,), "/b/nvcc: no answer", None, "py"),
        "warning",
        "first on PATH is /b/nvcc",
        "export CUDA_HOME=/cuda",
    ),
    "CUDA_HOME": expect(accelerator.cuda_home_row({"CUDA_HOME": "/cuda"}, CUDA13), "ok", "/cuda"),
    "CUDA_HOME of nothing": expect(
        accelerator.cuda_home_row({"CUDA_HOME": "/no"}, CUDA13), "warning", "/no has no nvcc", "unset CUDA_HOME"
    ),
    "no nvrtc.h": expect(accelerator.nvrtc_row((CUDA13,), None), "ok", "not in /cuda; a build takes it from pip"),
    "nvrtc.h of pip": expect(accelerator.nvrtc_row((CUDA13,), Path("/s/nvrtc.h")), "ok", "/s/nvrtc.h (from pip)"),
    "CUDA of two ages": expect(
        accelerator.cuda_of_torch_row(CUDA13, TORCH_CUDA, "py"),
        "warning",
        "13.0.88, PyTorch 2.13.0 is CUDA 12.8",
        "CUDA_HOME=/usr/local/cuda-12.8",
    ),
    "CUDA of one age": expect(
        accelerator.cuda_of_torch_row(CUDA13, Torch("2.13.0", "13.1", "", True), "py"), "ok", "13.1"
    ),
    "CUDA and no PyTorch": expect(accelerator.cuda_of_torch_row(CUDA13, TORCH_CPU, "py"), "absent", "no PyTorch"),
    "ROCm for AMD": expect(accelerator.rocm_row(None, MI300), "missing", "AMD", "ROCM_PATH", ("run",)),
    "ROCm for nobody": expect(accelerator.rocm_row(None, H200), "absent", "only AMD"),
    "Metal": expect(accelerator.metal_row("darwin", metal=None), "warning", "xcrun", "xcode-select --install"),
    "no PyTorch": expect(accelerator.torch_row(None, "", NO_GPU, "py"), "absent", "brings its own"),
    "PyTorch": expect(accelerator.torch_row(TORCH_CPU, "", NO_GPU, "py"), "ok", "CPU only"),
    "PyTorch crashes": expect(
        accelerator.torch_row(None, "died of SIGABRT", NO_GPU, "py"), "warning", "died of SIGABRT", "py -m pip"
    ),
    "PyTorch without CUDA": expect(
        accelerator.torch_row(TORCH_CPU, "", Gpus(H200), "py"), "warning", "while this machine has a GPU", "py -m"
    ),
    "PyTorch too new": expect(
        accelerator.torch_row(Torch("2.13", "13.0", "", False), "", Gpus(H200, "12.8"), "py"),
        "warning",
        "too new for the driver",
        "whl/cu126",
    ),
    "variables": expect(checkout.variables_row({"PATH": "/bin", "TILELANG_VERBOSE": "1"}), "ok", "TILELANG_VERBOSE"),
    "telling variables": expect(
        checkout.variables_row({"TVM_LOG_DEBUG": "1", "TL_ROOT": "/x"}),
        "warning",
        "TL_ROOT=/x, TVM_LOG_DEBUG=1",
        "unset TL_ROOT TVM_LOG_DEBUG",
    ),
    "kernel cache": expect(
        checkout.kernel_cache_row(Path("/c"), 3, develops=True, disabled=False),
        "warning",
        "hides a change",
        "TILELANG_DISABLE_CACHE=1",
    ),
    "kernel cache off": expect(
        checkout.kernel_cache_row(Path("/c"), 3, develops=True, disabled=True), "ok", "3 entries"
    ),
    "no hook": expect(
        checkout.hook_row(Path("/t"), False, has_tool=True, python="py"),
        "warning",
        "not in /t",
        "(cd /t && pre-commit install)",
    ),
    "no pre-commit": expect(
        checkout.hook_row(Path("/t"), True, has_tool=False, python="py"),
        "warning",
        "not installed",
        "py -m pip install pre-commit && (cd /t",
    ),
    "no checkout": expect(checkout.hook_row(None, None, has_tool=True, python="py"), "absent", "no checkout here"),
}


@pytest.mark.parametrize("name", ROWS)
def test_row(name: str) -> None:
    row, status, found, fix, steps = ROWS[name]
    assert row.status == status
    assert found in row.found
    assert fix in row.fix
    assert bool(fix) == bool(row.fix)
    assert row.steps == steps
    assert bool(row.lack) == (status == "missing")


@pytest.mark.parametrize(
    ("packages", "thing", "command"),
    [
        (APT, "c++", "apt-get install -y g++"),
        (Packages("dnf", root=False, sudo=True), "python-headers", "sudo dnf install -y python3.12-devel"),
        (Packages("zypper", root=True, sudo=False), "python-headers", "zypper install -y python312-devel"),
        (Packages("pacman", root=False, sudo=False), "ccache", "as root: pacman -S --needed ccache"),
        (Packages("brew", root=False, sudo=True), "git", "brew install git"),
        (Packages("conda", root=False, sudo=False), "c++", "conda install -y -c conda-forge gxx"),
        (Packages("", root=True, sudo=False), "git", "install git with your system's package manager"),
    ],
)
def test_install_command_fits_the_machine(
    packages: Packages, thing: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert packages.install(thing, "3.12") == command


def test_look_at_what_crashes_or_hangs_says_so() -> None:
    with pytest.raises(CouldNotLook, match="ZeroDivisionError: "):
        Look(lambda: 1 // 0, seconds=5)()
    started = time.monotonic()
    with pytest.raises(CouldNotLook, match="no answer within 0 s"):
        Look(lambda: time.sleep(30), seconds=0.2)()
    assert time.monotonic() - started < 2


def test_looks_run_at_the_same_time() -> None:
    started = time.monotonic()
    looks = [Look(lambda: time.sleep(0.3), seconds=5) for _ in range(10)]
    for look in looks:
        look()
    assert time.monotonic() - started < 1.5


def diagnosis(step: Step, *rows: Row) -> Diagnosis:
    return Diagnosis(step, "", (("group", tuple(named(row, f"row {at}") for at, row in enumerate(rows))),))


NO_RUN = missing("", lack="no GPU", steps=("run",))
NO_SOURCE = missing("", "apt g++", lack="no C++ compiler", steps=("source",))
NOTHING = missing("", "mount", lack="no disk", steps=("lower", "run", "source"))


@pytest.mark.parametrize(
    ("step", "rows", "headline"),
    [
        ("lower", (ok(""),), "ready to lower, to run and to build from source"),
        ("lower", (NO_RUN,), "ready to lower and to build from source; not to run: no GPU"),
        ("source", (NO_RUN,), "ready to build from source and to lower; not to run: no GPU"),
        (
            "run",
            (NO_RUN, NO_SOURCE),
            "not ready to run: no GPU; nor to build from source: no C++ compiler; ready to lower",
        ),
        ("lower", (NOTHING, NO_RUN), "not ready to lower or to build from source: no disk; nor to run: no GPU"),
        ("lower", (warning("bad", "x"),), "ready to lower, to run and to build from source"),
    ],
)
def test_headline(step: Step, rows: tuple[Row, ...], headline: str) -> None:
    assert diagnosis(step, *rows).headline == headline


def test_fixes_begin_with_what_stops_the_step() -> None:
    found = diagnosis("source", warning("", "w"), missing("", "r", lack="x", steps=("run",)), NO_SOURCE, ok(""))
    assert [row.fix for row in found.fixes] == ["apt g++", "w", "r"]


SITE = "/env/lib/python3.11/site-packages"


def tilelang_in(folder: str, *, also: tuple[str, ...] = (), **fields: object) -> Survey:
    known = {
        "python": "/env/bin/python",
        "packages": {"tilelang": {"version": "0.1.14", "requires": [], "editable": ""}},
        "tilelang": f"{folder}/tilelang/__init__.py",
        "folders": (folder, *also),
        "purelib": SITE,
        "user_site": "/home/me/.local/site",
    }
    return Survey(**{**known, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "environment", "status", "said", "fix"),
    [
        (Survey("/py"), {}, "absent", "no TileLang in /py", ""),
        (tilelang_in(SITE), {}, "ok", "0.1.14 in", ""),
        (tilelang_in("/src", also=(SITE,)), {"PYTHONPATH": "/x:/src"}, "warning", "hides the one in", "unset PY"),
        (tilelang_in("/src"), {"PYTHONPATH": "/src"}, "warning", "while 0.1.14 is installed", "unset PYTHONPATH"),
        (tilelang_in("/src", packages={}), {"PYTHONPATH": "/src"}, "ok", "rebuild there", ""),
        (tilelang_in("/src", packages={}, built=False), {"PYTHONPATH": "/src"}, "warning", "never built", "unset"),
        (tilelang_in("/home/me/.local/site", also=(SITE,)), {}, "warning", "user site", "PYTHONNOUSERSITE=1"),
        (tilelang_in("/src", also=(SITE,), pth={"/e/a.pth": ["import x", "/src"]}), {}, "warning", "/e/a.pth", "rm /"),
        (
            tilelang_in("/src", packages={"tilelang": {"version": "0.1.14", "editable": "file:///src"}}),
            {},
            "ok",
            "editable install of /src",
            "",
        ),
    ],
)
def test_shadow_row(found: Survey, environment: dict[str, str], status: str, said: str, fix: str) -> None:
    row = imports.shadow_row(found, environment)
    assert row.status == status
    assert said in row.found
    assert fix in row.fix
    assert bool(fix) == bool(row.fix)


@pytest.mark.parametrize(
    ("version", "requires", "package", "installed", "status", "said"),
    [
        ("0.1.15", ["apache-tvm-ffi<0.1.13,>=0.1.11"], "apache-tvm-ffi", "0.1.12", "ok", "<0.1.13,>=0.1.11"),
        ("0.1.15", ["apache-tvm-ffi<0.1.13,>=0.1.11"], "apache-tvm-ffi", "0.1.13", "warning", "0.1.13, but"),
        ("0.1.9", ["apache-tvm-ffi~=0.1.0,>=0.1.2"], "apache-tvm-ffi", "0.1.12", "warning", "<0.1.10"),
        ("0.1.9", ["apache-tvm-ffi~=0.1.0,>=0.1.2"], "apache-tvm-ffi", "", "warning", "none beside"),
        ("0.1.8", ["z3-solver>=4.13.0"], "z3-solver", "4.15.5", "warning", "<4.15.5"),
        ("0.1.6", ["numpy; extra == 'x'"], "apache-tvm-ffi", "", "absent", "does not need it"),
        ("0.1.15", ["apache-tvm-ffi<0.2"], "apache-tvm-ffi", "local build", "warning", "is no version"),
    ],
)
def test_dependency_row(
    version: str, requires: list[str], package: str, installed: str, status: str, said: str
) -> None:
    packages = {"tilelang": {"version": version, "requires": requires}}
    if installed:
        packages[package] = {"version": installed}
    row = imports.dependency_row(Survey("/py", packages=packages), package)
    assert row.status == status
    assert said in row.found
    if status == "warning":
        assert row.fix.startswith(f"/py -m pip install '{package}")


def library(path: Path, content: bytes = b"library") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def test_loaded_row_of_a_build_that_is_itself(tmp_path: Path) -> None:
    own = library(tmp_path / "builds" / "one" / "lib" / "libtilelang.so")
    shared = library(tmp_path / "builds" / "two" / "lib" / "libtvm_runtime.so")
    loaded = Loaded("0.1.14", "", (own, shared), "", "")
    sha256 = hashlib.sha256(b"library").hexdigest()

    def row(attested: str) -> Row:
        return imports.loaded_row(loaded, "one", tmp_path / "builds" / "one", tmp_path, attested, "mend")

    assert row("").status == "ok"
    assert f"sha256 {sha256[:12]}" in row("").found
    assert row(sha256).found.endswith("as proven")
    assert row("0" * 64).status == "warning"
    assert row("0" * 64).fix == "mend"


@pytest.mark.parametrize("foreign", ["other/libtilelang.so", "usr/libtvm.so"])
def test_loaded_row_names_a_library_of_elsewhere(tmp_path: Path, foreign: str) -> None:
    loaded = Loaded("0.1.14", "", (library(tmp_path / foreign),), "", "")
    row = imports.loaded_row(loaded, "one", tmp_path / "kit" / "one", tmp_path / "kit", "", "mend")
    assert row.status == "warning"
    assert foreign in row.found


def make_checkout(folder: Path, *, built: bool = True) -> Path:
    for name in ("CMakeLists.txt", "src/op/copy.cc", "src/tl_templates/cuda/gemm.h", "tilelang/__init__.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1000, 1000))
    if built:
        os.utime(library(folder / "build" / "lib" / "libtilelang.so"), (2000, 2000))
    return folder


def test_library_row_finds_a_stale_library(tmp_path: Path) -> None:
    fresh, unbuilt = make_checkout(tmp_path / "a"), make_checkout(tmp_path / "b", built=False)
    assert checkout.checkout_around(fresh / "src" / "op") == fresh
    assert checkout.checkout_around(tmp_path) is None
    # Templates go into kernels, not into the library.
    os.utime(fresh / "src" / "tl_templates" / "cuda" / "gemm.h", (3000, 3000))
    row = checkout.library_row(checkout.look_at_libraries([fresh, fresh, unbuilt]))
    assert row.status == "ok"
    assert "no build/lib" in row.found
    os.utime(fresh / "src" / "op" / "copy.cc", (3000, 3000))
    row = checkout.library_row(checkout.look_at_libraries([fresh]))
    assert row.status == "warning"
    assert "older than src/op/copy.cc" in row.found
    assert row.fix == f"cmake --build {fresh}/build"


def test_silent_gpus_reads_the_bus(tmp_path: Path) -> None:
    for name, vendor, kind in (("0", "0x10de", "0x030200"), ("1", "0x8086", "0x030000"), ("2", "0x1002", "0x060400")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(vendor + "\n", encoding="ascii")
        (tmp_path / name / "class").write_text(kind + "\n", encoding="ascii")
    (tmp_path / "3").mkdir()
    assert accelerator.silent_gpus(tmp_path) == ("NVIDIA",)
    assert accelerator.silent_gpus(tmp_path / "none") == ()


def test_look_at_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert room.look_at_disk(tmp_path / "not" / "yet").folder == tmp_path
    (tmp_path / "file").touch()
    assert not room.look_at_disk(tmp_path / "file" / "below").writable


def test_survey_sees_what_pythonpath_brings(tmp_path: Path) -> None:
    (tmp_path / "tilelang").mkdir()
    (tmp_path / "tilelang" / "__init__.py").touch()
    found = survey(sys.executable, {**os.environ, "PYTHONPATH": str(tmp_path)})
    assert found.tilelang == str(tmp_path / "tilelang" / "__init__.py")
    assert found.folders == (str(tmp_path),)
    assert not found.built


def test_import_of_a_torch_that_crashes_is_said(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("import os; os.abort()", encoding="utf-8")
    with pytest.raises(CouldNotLook, match="SIGABRT"):
        import_torch(sys.executable, {**os.environ, "PYTHONPATH": str(tmp_path)})


def test_import_of_a_torch_that_talks_is_heard(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(
        "from types import SimpleNamespace as N\n"
        "print('welcome')\n"
        "__version__ = '2.13.0+cpu'\n"
        "version = N(cuda=None, hip=None)\n"
        "cuda = N(is_available=lambda: False)\n",
        encoding="utf-8",
    )
    assert import_torch(sys.executable, {**os.environ, "PYTHONPATH": str(tmp_path)}) == TORCH_CPU


def test_invoking_python_under_nox_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCAFFOLD_PYTHON", raising=False)
    assert invoking_python() == Path(sys.executable)
    theirs = tmp_path / "python"
    theirs.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    theirs.chmod(0o755)
    monkeypatch.setenv("NOX_CURRENT_SESSION", "doctor")
    monkeypatch.setenv("PATH", f"{Path(sys.prefix) / 'bin'}{os.pathsep}{tmp_path}")
    assert invoking_python() == theirs
    monkeypatch.setenv("SCAFFOLD_PYTHON", sys.executable)
    assert invoking_python() == Path(sys.executable)


def test_compiler_that_refuses_cxx17_is_quoted(tmp_path: Path) -> None:
    refusing = tmp_path / "c++"
    refusing.write_text(
        "#!/bin/sh\necho \"c++: error: unrecognized option '-std=c++17'\" >&2\nexit 1\n", encoding="utf-8"
    )
    refusing.chmod(0o755)
    assert "unrecognized option" in tools.look_at_compiler(Tool("c++", refusing, "4.8"))
