"""How a build calls nvcc, asked without nvcc being run."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from scaffold.probe.compiler_options import compiler_options

COMMAND = [
    "/opt/nvcc", "-ccbin=/usr/bin/g++", "--cubin", "-O3", "-lineinfo", "-gencode", "arch=compute_80,code=sm_80",
    "-std=c++20", "-I/a/templates", "-I", "/b", "--use_fast_math", "--ptxas-options=--verbose", "-w",
    "-o", "/tmp/x.cubin", "/tmp/x.cu",
]  # fmt: skip


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """``ask(function, configs)``: the options of a build whose compile function is ``function(nvcc)``."""

    def ask(function: Callable[[Any], Callable[..., Any]], configs: dict[str, Any] | None = None) -> list[str]:
        nvcc = types.ModuleType("tilelang.contrib.nvcc")
        nvcc.__dict__["subprocess"] = subprocess
        backend = types.ModuleType("tilelang.cuda.backend")
        backend.__dict__["tilelang_callback_cuda_compile"] = function(nvcc)
        monkeypatch.setitem(sys.modules, "tilelang.contrib.nvcc", nvcc)
        monkeypatch.setitem(sys.modules, "tilelang.cuda.backend", backend)
        found = compiler_options("source", "target", configs or {})
        assert nvcc.subprocess is subprocess
        return found

    return ask


def test_options_that_decide_what_is_compiled_are_kept_in_order(build: Callable[..., list[str]]) -> None:
    def function(nvcc: Any) -> Callable[..., Any]:
        return lambda code, target: nvcc.subprocess.Popen(COMMAND)

    kept = ["-O3", "-gencode", "arch=compute_80,code=sm_80", "-std=c++20", "--use_fast_math"]
    assert build(function) == kept


def test_other_commands_run_and_pass_configs_are_given(build: Callable[..., list[str]]) -> None:
    def function(nvcc: Any) -> Callable[..., Any]:
        def compile_cuda(code: str, target: Any, pass_config: dict[str, Any]) -> None:
            del target
            assert code.startswith("source\n")
            assert nvcc.subprocess.check_output([sys.executable, "-c", "print(1)"]).strip() == b"1"
            nvcc.subprocess.run([*COMMAND, *pass_config["flags"]], check=True)

        return compile_cuda

    assert build(function, {"flags": ["-DX"]})[-1] == "-DX"


def test_source_is_another_each_time_so_that_nothing_kept_answers(build: Callable[..., list[str]]) -> None:
    seen: list[str] = []
    for _ in range(2):
        build(lambda _: lambda code, target: seen.append(code))
    assert seen[0] != seen[1]


@pytest.mark.parametrize("error", [RuntimeError("no CUDA"), FileNotFoundError("nvcc")])
def test_build_that_raises_has_no_options(build: Callable[..., list[str]], error: Exception) -> None:
    def function(_: Any) -> Callable[..., Any]:
        def compile_cuda(code: str, target: Any) -> None:
            raise error

        return compile_cuda

    assert build(function) == []


def test_build_without_such_a_function_has_no_options() -> None:
    assert "tilelang" not in sys.modules
    assert compiler_options("source", "target", {}) == []
