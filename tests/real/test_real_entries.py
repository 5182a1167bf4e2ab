"""One thing of a file, its tests, a model or a notebook, run on stand-ins in a real TileLang."""

from __future__ import annotations

import json
import py_compile
import re
from pathlib import Path

import pytest
from scriptkit import Run, names_of

FILE = """
import torch, tilelang
from kernels import add, copy

whole = copy(64)

def compiles(n, block=128):
    kernel = tilelang.compile(copy(n), out_idx=-1, target="cuda")
    return add(n, block)

def returns(n):
    return copy(n)

def wrapper(x, y, scale: float):
    assert x.is_cuda and scale == 0.5
    return add(x.shape[0])(x, y)

def caller(size=512):
    first, second = 256, size
    return compiles(second, block=first)

class Model(torch.nn.Module):
    def __init__(self, features, bias=True):
        super().__init__()
        self.features, self.kernel = features, None

    def forward(self, x):
        if self.kernel is None:
            self.kernel = add(self.features)
        return self.kernel(x, x)

class Plain:
    def forward(self, x):
        return add(x.shape[0])(x, x)
"""

MODEL = (
    FILE.replace("class Model(", "class ModelNew(")
    + """
def get_inputs():
    return [torch.rand(384)]

def get_init_inputs():
    return [384]
"""
)

TESTS = """
import pytest, torch
from kernels import add

@pytest.fixture
def device():
    return "cuda"

@pytest.mark.parametrize("n", [128, 256])
def test_add(n, device):
    a = torch.ones(n, device=device)
    torch.testing.assert_close(add(n)(a, a), a * 2)
    assert float(add(n)(a, a)[0]) == 2.0
    add(n * 8)

def test_raises():
    with pytest.raises(ValueError):
        raise ValueError("no")
    with pytest.raises(ZeroDivisionError):
        1 / 0

@pytest.mark.skip(reason="slow")
def test_skipped():
    add(3)

def test_lacks_a_fixture(benchmark):
    add(5)

class TestMore:
    def test_inner(self):
        add(7 * 128)
"""

#: What of which file is run, how, and the kernels that come of it.
ENTRIES: dict[str, tuple[str, dict[str, object], list[str]]] = {
    "a function that compiles": (FILE, {"entry": "compiles", "parameters": {"n": "256"}}, ["plain", "add"]),
    "a function that is called in the file": (FILE, {"entry": "compiles"}, ["plain", "add"]),
    "a function that returns a kernel": (FILE, {"entry": "returns", "parameters": {"n": "256"}}, ["plain"]),
    "a PrimFunc": (FILE, {"entry": "whole"}, ["plain"]),
    "a wrapper with tensors": (
        FILE, {"entry": "wrapper", "inputs": ("float32[640]", "float32[640]", "0.5")}, ["add"],
    ),
    "a module with what is given": (
        FILE, {"entry": "Model", "init": ("512",), "inputs": ("float32[512]",)}, ["add"],
    ),
    "a module with parameters by name": (
        FILE, {"entry": "Model", "parameters": {"features": "512"}, "inputs": ("float32[512]",)}, ["add"],
    ),
    "a class that is called by its forward": (FILE, {"entry": "Plain", "inputs": ("float32[512]",)}, ["add"]),
    "a model that brings its inputs": (MODEL, {}, ["add"]),
    "tests": (TESTS, {}, ["add", "add-2", "add-3", "add-4", "add-5"]),
    "a test": (TESTS, {"entry": "test_add"}, ["add", "add-2", "add-3", "add-4"]),
    "a test with one set of parameters": (TESTS, {"entry": "test_add[128]"}, ["add", "add-2"]),
    "a test of a class": (TESTS, {"entry": "TestMore::test_inner"}, ["add"]),
}  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
def test_entry_gives_its_kernels(run: Run, entry: str) -> None:
    source, asked, kernels = ENTRIES[entry]
    found = run(source, name="test_it.py", **asked)
    assert names_of(found) == kernels
    assert found.stopped is None


def test_values_of_the_files_own_call_are_used_and_named(run: Run) -> None:
    found = run(FILE, entry="compiles")
    assert found.kernels[1].file.trace.kernel.parameters == {"N": 512, "block": 256, "dtype": "float32"}
    assert any("compiles was called as line" in note for note in found.notes)


def test_what_tests_skip_and_lack_is_reported(run: Run) -> None:
    found = run(TESTS, name="test_it.py")
    assert "1 test was skipped: slow" in found.notes
    lacking = next(item for item in found.passed_over if item.error == "FixtureMissingError")
    assert "benchmark" in lacking.message
    assert lacking.line == TESTS.splitlines().index("def test_lacks_a_fixture(benchmark):") + 1


def test_file_with_a_main_part_runs_as_a_script_though_it_has_tests(run: Run) -> None:
    assert names_of(run(TESTS + "\nif __name__ == '__main__':\n    add(128)\n", name="test_it.py")) == ["add"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"entry": "test_nope"}, "has no 'test_nope'"),
        ({"entry": "test_add[7]"}, r"no test 'test_add\[7\]'"),
        ({"entry": "wrapper"}, "needs 3 parameters"),
        ({"entry": "Model", "init": ("4",)}, "one --input for each"),
        ({"entry": "compiles", "parameters": {"m": "1"}}, "has no parameter 'm'"),
    ],
)
def test_what_cannot_be_run_says_what_is_missing(run: Run, asked: dict[str, object], said: str) -> None:
    found = run(FILE + TESTS, name="test_it.py", **asked)
    assert not found.kernels
    assert found.stopped is not None
    assert re.search(said, found.stopped)


def test_notebook_runs_cell_by_cell(run: Run, tmp_path: Path) -> None:
    cells = ["%pip install tilelang\nimport torch", "from kernels import KERNELS", FILE, "display(1)\ncaller()"]
    text = json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells], "nbformat": 4})
    found = run(text, name="demo.ipynb")
    assert names_of(found) == ["plain", "add"]
    assert [item.file for item in found.passed_over] == ["demo.ipynb[2]", "demo.ipynb[4]"]
    assert str(tmp_path) not in str(found.passed_over)


def test_module_of_the_project_is_found_where_nothing_leads_to_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    package = tmp_path / "python" / "mylib"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import nowhere\nSIZE = 256\n")
    found = run("from mylib import SIZE\nfrom kernels import add\nadd(SIZE)\n")
    assert found.kernels[0].file.trace.kernel.parameters["N"] == 256
    assert any("mylib was imported from python/" in note for note in found.notes)
    assert found.missing == ("nowhere",)


def test_folder_that_is_named_goes_before_what_is_found(run: Run, tmp_path: Path) -> None:
    for name, size in (("one", 128), ("two", 256)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sizes.py").write_text(f"SIZE = {size}\n")
    source = "from sizes import SIZE\nfrom kernels import add\nadd(SIZE)\n"
    assert not run(source).kernels
    found = run(source, import_roots=(str(tmp_path / "two"),))
    assert found.kernels[0].file.trace.kernel.parameters["N"] == 256


def test_bytecode_beside_a_module_does_not_keep_it_from_being_passed_over(run: Run, tmp_path: Path) -> None:
    helper = tmp_path / "helper.py"
    helper.write_text("BAD = 1 / 0 if True else 2\nfrom kernels import add\n")
    py_compile.compile(str(helper))
    assert names_of(run("from helper import add\nadd(128)\n")) == ["add"]
