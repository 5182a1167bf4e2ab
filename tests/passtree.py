"""A small TileLang with every way of making, exposing, wrapping and running a pass; no line of it is upstream's."""

from __future__ import annotations

_CPP = """
// A comment that says CreatePrimFuncPass(pass_func, 0, "tl.Commented", {});
HEAD
  auto pass_func = [](PrimFunc f) { return Rewrite(f, ctx->GetConfig<Bool>(kFast)); };
  return CreatePrimFuncPass(pass_func, 0, NAME, {});
}
REGISTER
"""


def cpp(name: str, register: str, head: str = "tvm::transform::Pass Lower() {") -> str:
    """A file that makes one pass; ``name`` and ``register`` are C++ as they stand."""
    return _CPP.replace("HEAD", head).replace("NAME", name).replace("REGISTER", register)


FFI = 'import tvm_ffi\n\ntvm_ffi.init_ffi_api("{}", __name__)\n'
WRAPPER = "def {0}(flag=False):\n    return _ffi_api.{0}(flag)\n"

#: Passes in C++ of TileLang and of its TVM, one in Python with a name and one without.
TREE = {
    "CMakeLists.txt": "project(TILE_LANG)\n",
    "VERSION": "1.2.3\n",
    "src/op/builtin.h": 'static constexpr const char *kFast = "tl.fast";\n',
    "src/transform/lower.cc": cpp('"tl.Lower"', 'refl::GlobalDef().def("tl.transform.Lower", Lower);'),
    "src/transform/fold_all.cc": cpp(
        '"tl.FoldAll"', 'refl::GlobalDef().def("tl.transform.FoldAll", FoldAll);', "Pass FoldAll() {"
    ),
    "src/cuda/transform/warp.cc": cpp(
        '"tl.WarpRoles"', 'refl::GlobalDef().def("tl.cuda.transform.WarpRoles", WarpRoles);', "Pass WarpRoles() {"
    ),
    "3rdparty/tvm/src/tirx/transform/fold_all.cc": cpp(
        '"tirx.FoldAll"', 'refl::GlobalDef().def("tirx.transform.FoldAll", FoldAll);', "Pass FoldAll() {"
    ),
    "3rdparty/tvm/src/relax/transform/fuse.cc": cpp('"FuseOps"', "", "Pass FuseOps() {"),
    "3rdparty/tvm/python/tvm/tirx/transform/__init__.py": "from .transform import *\n",
    "3rdparty/tvm/python/tvm/tirx/transform/_ffi_api.py": FFI.format("tirx.transform"),
    "3rdparty/tvm/python/tvm/tirx/transform/transform.py": "from . import _ffi_api\n\n\n" + WRAPPER.format("FoldAll"),
    "tilelang/__init__.py": "",
    "tilelang/transform/__init__.py": "\n".join(
        [
            "from . import _ffi_api",
            "from .hoist import Hoist, Named",
            "",
            "",
            WRAPPER.format("Lower"),
            "",
            WRAPPER.format("FoldAll"),
        ]
    ),
    "tilelang/transform/_ffi_api.py": FFI.format("tl.transform"),
    "tilelang/transform/hoist.py": "\n".join(
        [
            "from tvm.tirx.transform import prim_func_pass",
            "",
            "",
            "def Hoist():",
            "    def pass_fn(func, mod, ctx):",
            "        return func",
            "",
            "    return prim_func_pass(pass_fn, opt_level=0)",
            "",
            "",
            "def Named():",
            '    @prim_func_pass(opt_level=0, name="tl.Named")',
            "    def rewrite(func, mod, ctx):",
            "        return func",
            "",
            "    return rewrite",
            "",
        ]
    ),
    "tilelang/cuda/_ffi_api.py": FFI.format("tl.cuda.transform"),
    "tilelang/cuda/transform/__init__.py": "from .. import _ffi_api\n\n\n" + WRAPPER.format("WarpRoles"),
    "tilelang/cuda/pipeline.py": "\n".join(
        [
            "import tilelang",
            "from tvm import tirx",
            "from . import transform as own",
            "",
            "",
            "def run(mod):",
            "    mod = tilelang.transform.Lower()(mod)",
            "    mod = tilelang.transform.FoldAll()(mod)",
            "    mod = tirx.transform.FoldAll()(mod)",
            "    mod = own.WarpRoles()(mod)",
            "    return tilelang.transform.Lower()(mod)",
            "",
        ]
    ),
    "tilelang/engine/lower.py": "\n".join(
        ["def lower(mod):", "    from tilelang.transform import Hoist", "", "    return Hoist()(mod)", ""]
    ),
    "testing/python/transform/test_lower.py": "\n".join(
        ["import tilelang as tl", "", "", "def test_it():", "    tl.transform.FoldAll()(None)", ""]
    ),
    "testing/python/transform/test_fold_all.py": "# by its file name\n",
    "testing/python/issue/test_words.py": '"""tl.Lower breaks WarpRoles; Lower alone says nothing."""\n',
    "docs/passes.md": "# Passes\n\nRun `tirx.transform.FoldAll` first, `FoldAll` later.\n",
}

#: The same as a wheel carries it: what is below is :data:`TREE`'s, at other places.
_IN_PACKAGE = {"src/": "tilelang/src/", "3rdparty/": "tilelang/3rdparty/", "tilelang/": "tilelang/"}


def package() -> dict[str, str]:
    """The files of an installed wheel: no tests, no docs."""
    found = {}
    for path, text in TREE.items():
        for prefix, target in _IN_PACKAGE.items():
            if path.startswith(prefix):
                found[target + path.removeprefix(prefix)] = text
    return found
