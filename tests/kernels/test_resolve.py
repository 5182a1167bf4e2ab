"""From a name to a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.errors import (
    KernelSourceError,
    ParameterValueError,
    UnknownKernelError,
    UnknownTargetError,
    UnsupportedTargetError,
)
from scaffold.kernels.resolve import resolve
from scaffold.kernels.spec import Settings, parse_spec
from scaffold.probe.protocol import KernelRequest

KERNEL = """\
import tilelang


@tilelang.jit
def matmul(M, N):
    return M


def helper():
    return 1
"""


def settings(text: str = "") -> Settings:
    return parse_spec(text, flag="--set")


def written(tmp_path: Path, source: str | bytes, name: str = "my kernel.py") -> Path:
    path = tmp_path / name
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return path


def test_resolve_zoo_kernel_types_its_parameters() -> None:
    request = resolve("gemm", settings("num_stages=2,tl.x=true"), default_target="cuda:sm_80")
    assert request.source == "zoo:gemm"
    assert request.path is None
    assert request.entry == "build"
    assert request.parameters["num_stages"] == 2
    assert request.parameters["M"] == 1024
    assert (request.target, request.target_options) == ("cuda:sm_80", {"kind": "cuda", "arch": "sm_80"})
    assert request.pass_configs == {"tl.x": "true"}


def test_resolve_target_is_the_settings_then_the_kernels_then_the_default() -> None:
    assert resolve("gemm", settings("target=metal"), default_target="cuda:sm_80").target == "metal"
    assert resolve("cpu_gemm", settings(), default_target="cuda:sm_80").target == "c"
    assert resolve("gemm", settings(), default_target="cuda:sm_80").target == "cuda:sm_80"


def test_resolve_target_of_the_settings_wins_over_the_kernels_own() -> None:
    with pytest.raises(UnsupportedTargetError):
        resolve("cpu_gemm", settings("target=cuda:sm_80"), default_target="c")


def test_resolve_target_the_kernel_cannot_take_says_why() -> None:
    with pytest.raises(UnsupportedTargetError) as caught:
        resolve("gemm", settings("target=c"), default_target="cuda:sm_80")
    assert caught.value.message.startswith("gemm does not lower for c: target c has no thread blocks")
    assert "python -m scaffold kernels gemm" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("spec", "error"),
    [("target=sm_90", UnknownTargetError), ("block_M=100", ParameterValueError), ("num_stages=x", ParameterValueError)],
)
def test_resolve_zoo_kernel_with_what_does_not_fit_is_refused(spec: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        resolve("gemm", settings(spec), default_target="cuda:sm_80")


def test_resolve_file_and_function_keeps_parameters_as_typed(tmp_path: Path) -> None:
    path = written(tmp_path, KERNEL)
    request = resolve(f"{path}::matmul", settings("M=128"), default_target="cuda:sm_80")
    assert request == KernelRequest(
        name="my kernel.matmul",
        source="file:my kernel.py::matmul",
        path=str(path),
        entry="matmul",
        parameters={"M": "128"},
        target="cuda:sm_80",
        target_options={"kind": "cuda", "arch": "sm_80"},
        pass_configs={},
    )


def test_resolve_file_with_one_kernel_finds_it(tmp_path: Path) -> None:
    assert resolve(str(written(tmp_path, KERNEL)), settings(), default_target="c").entry == "matmul"


def test_resolve_file_whose_function_holds_the_prim_func_finds_it(tmp_path: Path) -> None:
    source = (
        "def make(M):\n    @T.prim_func\n    def main():\n        pass\n    return main\n\ndef other():\n    pass\n"
    )
    assert resolve(str(written(tmp_path, source)), settings(), default_target="c").entry == "make"


def test_resolve_file_entry_may_be_assigned(tmp_path: Path) -> None:
    path = written(tmp_path, "matmul = make(3)\n")
    assert resolve(f"{path}::matmul", settings(), default_target="c").entry == "matmul"


@pytest.mark.parametrize("name", ["absent.py", "absent.py::f", "folder/absent", "::f", "./absent.py"])
def test_resolve_missing_file_says_so(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownKernelError, match="no file"):
        resolve(name, settings(), default_target="c")


def test_resolve_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UnknownKernelError, match="no file"):
        resolve(f"{tmp_path}::f", settings(), default_target="c")


def test_resolve_missing_function_lists_those_there_are(tmp_path: Path) -> None:
    path = written(tmp_path, KERNEL)
    with pytest.raises(KernelSourceError) as caught:
        resolve(f"{path}::absent", settings(), default_target="c")
    assert caught.value.message == f"{path} has no 'absent'"
    assert "matmul, helper" in (caught.value.hint or "")


def test_resolve_file_without_a_kernel_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(KernelSourceError, match=r"holds no kernel: no function uses tilelang.jit or T.prim_func"):
        resolve(str(written(tmp_path, "def f():\n    pass\n")), settings(), default_target="c")


def test_resolve_file_with_several_kernels_lists_them(tmp_path: Path) -> None:
    source = KERNEL + "\n\n@tilelang.jit\ndef second():\n    pass\n"
    with pytest.raises(KernelSourceError) as caught:
        resolve(str(written(tmp_path, source)), settings(), default_target="c")
    assert "holds 2 kernels: matmul, second" in caught.value.message
    assert (caught.value.hint or "").endswith("::matmul")


@pytest.mark.parametrize("source", ["def f(:\n", b"\xff\xfe\x00", b"x = '\x00'\n"])
def test_resolve_file_that_is_no_python_says_so(tmp_path: Path, source: str | bytes) -> None:
    with pytest.raises(KernelSourceError, match="is not Python that can be read"):
        resolve(f"{written(tmp_path, source)}::f", settings(), default_target="c")


def test_resolve_file_is_not_run(tmp_path: Path) -> None:
    path = written(tmp_path, KERNEL + "\nraise SystemExit('ran')\n")
    assert resolve(f"{path}::matmul", settings(), default_target="c").entry == "matmul"
