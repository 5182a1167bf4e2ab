"""What a build is proven to be, kept and shown."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from fakebuilds import ATTESTATION, identity
from traces import failure_in

from scaffold.builds import prove as prove_module
from scaffold.builds.attestation import Attestation, path_of, read_attestation
from scaffold.builds.build import Build
from scaffold.builds.from_source import Made
from scaffold.builds.gpu import Gpu
from scaffold.builds.machine import Tool
from scaffold.builds.native.compile import Native
from scaffold.builds.native.toolbox import Toolbox
from scaffold.builds.native.tvm import TvmLibraries
from scaffold.builds.probing import Probed
from scaffold.builds.process import Finished
from scaffold.builds.prove import prove
from scaffold.builds.running import OutputCheck, RunCheck
from scaffold.builds.source.model import Source
from scaffold.builds.workspace import Workspace
from scaffold.cli.attested import print_attestation
from scaffold.errors import BuildFailedError, LoweringFailedError
from scaffold.probe.protocol import KernelRequest
from scaffold.progress import Progress
from scaffold.report.terminal import make_console
from scaffold.trace.model import Failure
from scaffold.trace.spool import Spool

H200 = Gpu("NVIDIA H200", "cuda:sm_90a", "580.0")


def test_short_is_text_without_paths_or_times() -> None:
    short = ATTESTATION.short()
    assert short == {
        "commit": "7e3bbf3703e769479757eb7ecec2f2626f3cd0a8",
        "dirty": "no",
        "tree_sha256": "1" * 64,
        "3rdparty/tvm": "sha256:" + "2" * 64,
        "3rdparty/cutlass": "3" * 40,
        "tvm": "wheel:0.1.14",
        "compiler": "g++ 12.2.0",
        "flags": "-O1 -DNDEBUG",
        "backends": "cuda",
    }
    assert "/home" not in str(short)


def test_short_of_a_build_that_was_not_compiled_here_is_empty() -> None:
    wheel = msgspec.structs.replace(ATTESTATION, name="wheel:0.1.14", made_of={}, made_with={})
    assert wheel.short() == {}


def test_a_kept_attestation_reads_back(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    path = path_of(workspace, "sdist:0.1.14")
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(ATTESTATION))
    assert path == workspace.builds / "sdist-0.1.14/attestation.json"
    assert read_attestation(workspace, "sdist:0.1.14") == ATTESTATION
    assert read_attestation(workspace, "sdist:0.1.13") is None


WHOLE = msgspec.json.encode(ATTESTATION)


@pytest.mark.parametrize(
    "content",
    [b"", WHOLE[: len(WHOLE) // 2], b"\xff\xfe", b"[]", b'{"name": "sdist:0.1.14"}', WHOLE.replace(b"84", b'"x"')],
)
def test_a_damaged_attestation_is_none(tmp_path: Path, content: bytes) -> None:
    path = path_of(Workspace(tmp_path), "sdist:0.1.14")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert read_attestation(Workspace(tmp_path), "sdist:0.1.14") is None


def shown(attestation: Attestation) -> str:
    stream = io.StringIO()
    print_attestation(make_console(stream, color="never", width=80), attestation)
    return stream.getvalue()


def test_an_attestation_at_a_glance() -> None:
    assert shown(ATTESTATION) == (
        "sdist:0.1.14 is TileLang 0.1.14: gemm lowers for cuda:sm_80 through 84 passes\n"
        "  source     sdist:0.1.14, tree 111111111111, commit 7e3bbf3703e7\n"
        "  tvm        sha256:222222222222\n"
        "  cutlass    333333333333\n"
        "  made with  g++ 12.2.0 -O1 -DNDEBUG, backend cuda\n"
        "  TVM        wheel:0.1.14: it is the same\n"
        "  compiled   32 steps in 340 s, 2 jobs, 3 from the compiler cache\n"
        "  run        not run: no GPU here\n"
        f"  sha256     libtilelang.so  {'a' * 64}\n"
        f"  sha256     libtvm_compiler.so  {'b' * 64}\n"
        "  python     3.12.4, apache-tvm-ffi 0.1.12, torch 2.13.0+cpu\n"
        "  imported   /home/me/workspace/builds/sdist-0.1.14/source/tilelang\n"
    )


def test_libraries_that_were_taken_are_said_to_be_anothers() -> None:
    taken = {**ATTESTATION.made_with, "libraries_of": "git:abc123", "compiled": {"steps": 0, "seconds": 1.0, "jobs": 0}}
    words = shown(msgspec.structs.replace(ATTESTATION, made_with=taken))
    assert "  compiled   nothing: libraries of git:abc123, compiled from the same sources\n" in words
    assert "jobs" not in words


def test_an_attestation_of_a_wheel_has_no_source_and_one_of_a_dirty_tree_says_so() -> None:
    wheel = shown(msgspec.structs.replace(ATTESTATION, made_of={}, made_with={}))
    assert "source" not in wheel.replace("/source/", "")
    assert "compiled" not in wheel
    noted = {**ATTESTATION.made_of, "dirty": True, "commit": None, "notes": ["TVM from sdist:0.1.13"]}
    dirty = shown(msgspec.structs.replace(ATTESTATION, made_of=noted))
    assert "tree 111111111111, with changes that are not committed\n" in dirty
    assert "  note       TVM from sdist:0.1.13\n" in dirty


# Proving

Prove = Callable[..., Attestation]


class Machine:
    """What a probe answers, and what a GPU does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.libraries: Sequence[str] = ("libtilelang.so", "libtvm_compiler.so")
        self.failure: Failure | None = None
        self.lowered: list[tuple[str, str]] = []
        self.ran: RunCheck | Exception | None = None

    def library(self, name: str) -> Path:
        own = not Path(name).is_absolute() and not name.startswith("libtvm_ffi")
        path = self.folder / "source/build/lib" / name if own else Path(name)
        if own:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
        return path

    def run_probe(self, job: str, request: KernelRequest, build: Build, **_: Any) -> Probed:
        assert job == "capture"
        self.lowered.append((request.name, request.target))
        hello = {
            "python": "3.12.4",
            "tilelang_version": "0.1.14",
            "tilelang_path": "/x/tilelang",
            "libraries": [str(self.library(name)) for name in self.libraries],
            "packages": {"torch": "2.13.0"},
        }
        spool = Spool(hello=hello, passes=[SimpleNamespace()] * 84, failure=self.failure, ended=True)  # type: ignore[list-item]
        return Probed(spool, Finished(0, self.folder / "log"), self.failure)

    def run_kernel(self, request: KernelRequest, build: Build, **_: Any) -> RunCheck:
        if isinstance(self.ran, Exception):
            raise self.ran
        assert self.ran is not None
        return self.ran


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine(tmp_path)
    monkeypatch.setattr(prove_module, "run_probe", found.run_probe)
    monkeypatch.setattr(prove_module, "run_kernel", found.run_kernel)
    monkeypatch.setattr(prove_module, "find_gpu", lambda: H200 if found.ran else None)
    return found


def made_in(folder: Path, *backends: str) -> Made:
    compiler = Tool("g++", Path("/usr/bin/g++"), "12.2.0")
    python = folder / "env/bin/python"
    return Made(
        source=Source(folder / "source", identity()),
        python=python,
        toolbox=Toolbox(compiler, Path("cmake"), Path("ninja"), python, None, None, None),
        backends=backends or ("cuda",),  # type: ignore[arg-type]
        tvm=TvmLibraries("release", "wheel:0.1.14", folder),
        tvm_reason="it is the same",
        native=Native(32, 340.42, 2, ("-DUSE_CUDA=ON",), True),
        tvm_native=None,
    )


@pytest.fixture
def proven(tmp_path: Path, machine: Machine) -> Prove:
    def run(name: str = "sdist:0.1.14", *, made: Made | None = None) -> Attestation:
        build = Build(name, str(tmp_path / "env/bin/python"))
        workspace = Workspace(tmp_path / "workspace")
        return prove(build, made=made, flags="-O1", workspace=workspace, progress=Progress(verbosity=-1))

    return run


def test_prove_writes_down_what_was_loaded_and_what_it_was_made_of(
    tmp_path: Path, proven: Prove, machine: Machine
) -> None:
    machine.libraries = ("libtilelang.so", "/site/tvm_ffi/lib/libtvm_ffi.so")
    found = proven(made=made_in(tmp_path))
    assert machine.lowered == [("gemm", "cuda:sm_80")]
    assert found.proof.passes == 84
    assert found.proof.ran == "not run: no GPU here"
    assert list(found.libraries) == ["libtilelang.so"]
    assert found.made_of["tree_sha256"] == identity().tree_sha256
    assert (found.made_with["compiler"], found.made_with["flags"]) == ("g++ 12.2.0", "-O1")
    assert found.made_with["compiled"]["seconds"] == 340.4
    assert (found.made_with["libraries_of"], found.made_with["native"]) == (None, None)
    workspace = Workspace(tmp_path / "workspace")
    assert read_attestation(workspace, "sdist:0.1.14") == found
    assert json.loads(path_of(workspace, "sdist:0.1.14").read_text())["proof"]["kernel"] == "gemm"


@pytest.mark.parametrize(
    ("backends", "lowered"),
    [
        (("cuda",), ("gemm", "cuda:sm_80")),
        (("rocm",), ("gemm", "hip:gfx942")),
        (("llvm", "rocm"), ("gemm", "hip:gfx942")),
        (("metal",), ("gemm", "metal")),
        (("cpu",), ("cpu_gemm", "c")),
        (("llvm",), ("cpu_gemm", "c")),
    ],
)
def test_prove_lowers_for_what_the_build_was_made_for(
    tmp_path: Path, proven: Prove, machine: Machine, backends: tuple[str, ...], lowered: tuple[str, str]
) -> None:
    proven(made=made_in(tmp_path, *backends))
    assert machine.lowered == [lowered]


@pytest.mark.parametrize(
    ("libraries", "found"),
    [
        (("/usr/lib/python3/site-packages/tilelang/lib/libtilelang.so",), "/usr/lib/python3/site-packages"),
        (("libtilelang.so", "/old/libtvm_compiler.so"), "/old/libtvm_compiler.so"),
        (("libtvm_compiler.so",), "no libtilelang at all"),
        ((), "no libtilelang at all"),
    ],
)
def test_prove_refuses_what_is_imported_from_elsewhere(
    tmp_path: Path, proven: Prove, machine: Machine, libraries: Sequence[str], found: str
) -> None:
    machine.libraries = libraries
    with pytest.raises(BuildFailedError) as caught:
        proven(made=made_in(tmp_path))
    assert f"what gets imported is {found}" in caught.value.message
    assert "builds remove sdist:0.1.14" in str(caught.value.hint)
    assert read_attestation(Workspace(tmp_path / "workspace"), "sdist:0.1.14") is None


def test_prove_takes_a_wheel_wherever_it_lies(proven: Prove, machine: Machine) -> None:
    machine.libraries = ("/site-packages/tilelang/lib/libtilelang.so",)
    assert proven("wheel:0.1.14").made_of == {}


@pytest.mark.parametrize("message", ["Check failed: no layout", "", "\n"])
def test_prove_a_build_that_does_not_lower_says_where_and_leaves_it_usable(
    tmp_path: Path, proven: Prove, machine: Machine, message: str
) -> None:
    machine.failure = failure_in(3, "tl.LowerTileOp", message)
    attestation = proven(made=made_in(tmp_path))
    said = message.strip() or "it said nothing"
    assert attestation.proof.ran == f"failed to lower in tl.LowerTileOp: InternalError: {said}"
    assert attestation.proof.wrong
    assert "beware, gemm failed to lower in tl.LowerTileOp" in shown(attestation).splitlines()[0]


@pytest.mark.parametrize(
    ("ran", "said"),
    [
        (
            RunCheck("NVIDIA H200", 1e-2, (OutputCheck("C", 1.2e-4, True, ""),)),
            "right on NVIDIA H200 for cuda:sm_90a: relative error 1.2e-04",
        ),
        (
            RunCheck("NVIDIA H200", 1e-2, (OutputCheck("C", None, False, "C holds NaN"),)),
            "wrong on NVIDIA H200 for cuda:sm_90a: C holds NaN",
        ),
        (LoweringFailedError("gemm did not run"), "failed on NVIDIA H200: gemm did not run"),
    ],
)
def test_prove_runs_it_where_there_is_a_gpu(proven: Prove, machine: Machine, ran: Any, said: str) -> None:
    machine.ran = ran
    assert proven().proof.ran == said


@pytest.mark.parametrize("backend", ["cpu", "rocm"])
def test_prove_runs_nothing_on_a_gpu_the_build_is_not_for(
    tmp_path: Path, proven: Prove, machine: Machine, backend: str
) -> None:
    machine.ran = RunCheck("NVIDIA H200", 1e-2, ())
    assert proven(made=made_in(tmp_path, backend)).proof.ran == "not run: this build is not for NVIDIA H200"
