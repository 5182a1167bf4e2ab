"""Passes, wrappers and calls in Python."""

from __future__ import annotations

import pytest

from scaffold.builds.passes.python import PythonFile, ffi_prefix, module_of, read_python

FFI = {"tilelang.transform._ffi_api": "tl.transform", "tilelang.cuda._ffi_api": "tl.cuda.transform"}
PATH = "tilelang/transform/__init__.py"


def read(text: str, path: str = PATH) -> PythonFile:
    return read_python(path, text, FFI)


@pytest.mark.parametrize(
    ("text", "name", "constructor", "line"),
    [
        ("def Hoist():\n  def pass_fn(f): ...\n  return prim_func_pass(pass_fn, 0)\n", "pass_fn", "Hoist", 1),
        ("def Hoist():\n  def f(f): ...\n  return prim_func_pass(f, name='tl.H')\n", "tl.H", "Hoist", 1),
        ("def Hoist():\n  @t.module_pass(opt_level=0, name='tl.H')\n  def g(m): ...\n  return g\n", "tl.H", "Hoist", 1),
        ("NAME = 'tl.H'\n\ndef Hoist():\n  return t.prim_func_pass(f, name=NAME)\n", "tl.H", "Hoist", 3),
        ("@prim_func_pass(opt_level=0)\ndef rewrite(f): ...\n", "rewrite", "rewrite", 2),
        ("@module_pass\nclass Rewrite:\n  def transform_module(self, m, c): ...\n", "Rewrite", "Rewrite", 2),
        ("def f(x): ...\n\nHoist = prim_func_pass(f, 0, name='tl.H')\n", "tl.H", "Hoist", 3),
    ],
)
def test_pass_written_in_python_is_found(text: str, name: str, constructor: str, line: int) -> None:
    (found,) = read(text).passes
    assert (found.name, found.constructor, found.line) == (name, constructor, line)


def test_definition_of_the_decorator_itself_is_no_pass() -> None:
    assert read("def prim_func_pass(f, name=None):\n  return prim_func_pass(f, name=name)\n").passes == []


@pytest.mark.parametrize(
    ("path", "imported", "registered"),
    [
        (PATH, "from . import _ffi_api", "tl.transform.Lower"),
        ("tilelang/transform/simplify.py", "from . import _ffi_api", "tl.transform.Lower"),
        ("tilelang/cuda/transform/__init__.py", "from .. import _ffi_api", "tl.cuda.transform.Lower"),
        ("tilelang/ascend/transform/x.py", "from tilelang.transform import _ffi_api", "tl.transform.Lower"),
    ],
)
def test_wrapper_is_known_by_where_its_ffi_comes_from(path: str, imported: str, registered: str) -> None:
    text = f"{imported}\n\ndef Lower(a):\n  if hasattr(_ffi_api, 'Lower'):\n    return _ffi_api.Lower(a)\n"
    (found,) = read(text, path).wrappers
    assert (found.registered, found.function, found.line) == (registered, "Lower", 3)


def test_call_is_followed_through_imports() -> None:
    text = (
        "import tilelang as tl\nfrom tvm import tirx\nfrom . import transform as own\n"
        "def run(m):\n"
        "  from tilelang import tvm\n"
        "  tl.transform.A()(m)\n"
        "  tirx.transform.B()(m)\n"
        "  own.C()(m)\n"
        "  tvm.tirx.transform.D()(m)\n"
        "  unknown.E()(m)\n"
        "  here()\n"
        "def here(): ...\n"
    )
    calls = {(call.target, call.line, call.function) for call in read(text, "tilelang/cuda/pipeline.py").calls}
    assert calls == {
        ("tilelang.transform.A", 6, "run"),
        ("tvm.tirx.transform.B", 7, "run"),
        ("tilelang.cuda.transform.C", 8, "run"),
        ("tvm.tirx.transform.D", 9, "run"),
        ("tilelang.cuda.pipeline.here", 11, "run"),
    }


def test_file_that_is_no_python_has_nothing() -> None:
    assert read("def (:\n") == PythonFile()
    assert read("a\0b") == PythonFile()


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("tilelang/transform/__init__.py", "tilelang.transform"),
        ("tilelang/transform/simplify.py", "tilelang.transform.simplify"),
        ("3rdparty/tvm/python/tvm/tirx/transform/transform.py", "tvm.tirx.transform.transform"),
    ],
)
def test_module_of_a_path(path: str, module: str) -> None:
    assert module_of(path) == module


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ('tvm_ffi.init_ffi_api("tl.transform", __name__)', "tl.transform"),
        ("tvm.ffi._init_api('tir.transform', __name__)", "tir.transform"),
        ('tvm_ffi.init_ffi_api("topi.rocm", "tvm.topi.cpp.rocm")', None),
    ],
)
def test_prefix_of_a_module_of_the_ffi(text: str, prefix: str | None) -> None:
    assert ffi_prefix(text) == prefix
