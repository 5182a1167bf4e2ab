"""A user's entry: how its parameters are read, and what is said when they do not fit."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import pytest

from scaffold.probe.kernel import KernelBuildError, _from_entry, import_roots, value_of
from scaffold.probe.protocol import KernelRequest

REQUEST = KernelRequest("mine.f", "file:mine.py::f", "/x/mine.py", "f", {}, "c", {"kind": "c"})
TARGET: Any = contextlib.nullcontext()


class PrimFunc:
    buffer_map: ClassVar[dict[str, str]] = {}


def request(**parameters: str) -> KernelRequest:
    return dataclasses.replace(REQUEST, parameters=parameters)


@pytest.mark.parametrize(
    ("text", "default", "value"),
    [
        ("3", 1, 3),
        ("3", "1", "3"),
        ("0.5", 1.0, 0.5),
        ("true", False, True),
        ("False", True, False),
        ("float16", None, "float16"),
        ("(1, 2)", None, (1, 2)),
    ],
)
def test_value_reads_literals_and_leaves_other_text(text: str, default: Any, value: Any) -> None:
    assert value_of(text, default) == value


def test_from_entry_calls_a_factory_with_typed_parameters() -> None:
    seen: dict[str, int] = {}

    def f(M: int, block: int = 8) -> PrimFunc:
        seen.update(M=M, block=block)
        return PrimFunc()

    built = _from_entry(f, request(M="64"), TARGET, "sha")
    assert seen == {"M": 64, "block": 8}
    assert built.parameters == {"M": 64, "block": 8}


def test_from_entry_without_a_needed_parameter_says_how_to_give_it() -> None:
    def f(M: int, A: Any) -> PrimFunc:
        raise AssertionError

    with pytest.raises(KernelBuildError) as caught:
        _from_entry(f, request(), TARGET, "sha")
    assert "needs 2 parameters" in str(caught.value)
    assert "--set M=" in str(caught.value)
    assert "--set A=float16[1024,1024]" in str(caught.value)


def test_from_entry_with_an_unknown_parameter_lists_the_known() -> None:
    def f(M: int = 1) -> PrimFunc:
        raise AssertionError

    with pytest.raises(KernelBuildError, match="no parameter 'N'; it takes: M"):
        _from_entry(f, request(N="2"), TARGET, "sha")


def test_from_entry_that_returns_no_kernel_says_what_it_returned() -> None:
    with pytest.raises(KernelBuildError, match="returned int, not a PrimFunc"):
        _from_entry(lambda: 3, request(), TARGET, "sha")


def test_from_entry_of_a_prim_func_takes_no_parameters() -> None:
    with pytest.raises(KernelBuildError, match="takes no parameters"):
        _from_entry(PrimFunc(), request(M="1"), TARGET, "sha")


def test_from_entry_uses_the_decorators_pass_configs() -> None:
    class Jit:
        pass_configs: ClassVar[dict[str, bool]] = {"tl.disable_tma_lower": True}

        def __call__(self) -> None:
            raise AssertionError

        def get_tir(self) -> PrimFunc:
            return PrimFunc()

    assert _from_entry(Jit(), request(), TARGET, "sha").pass_configs == {"tl.disable_tma_lower": True}


def test_from_entry_of_something_else_says_what_it_is() -> None:
    with pytest.raises(KernelBuildError, match="int is neither a kernel"):
        _from_entry(3, request(), TARGET, "sha")


def test_file_of_a_package_finds_its_package_and_its_project(tmp_path: Path) -> None:
    kernels = tmp_path / "project" / "src" / "mylib" / "ops"
    kernels.mkdir(parents=True)
    file = kernels / "fill.py"
    assert import_roots(file) == []
    for folder in (kernels, kernels.parent):
        (folder / "__init__.py").touch()
    assert import_roots(file) == [str(kernels.parents[1])]
    (tmp_path / "project" / "pyproject.toml").touch()
    assert import_roots(file) == [str(kernels.parents[1]), str(tmp_path / "project")]
