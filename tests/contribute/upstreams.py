"""A small clone of a repository like upstream's, as a contributor has it."""

from __future__ import annotations

from pathlib import Path

from sources import git, repository

TEST = """import tilelang.testing


def test_one():
    assert True


if __name__ == "__main__":
    tilelang.testing.main()
"""
PASSES = """from . import _ffi_api


def LowerTileOp():
    return _ffi_api.LowerTileOp()
"""
TREE = {
    "CMakeLists.txt": "project(TILE_LANG)\n",
    "VERSION": "0.1.13\n",
    "pyproject.toml": '[project]\nname = "tilelang"\n',
    "src/transform/lower_tile_op.cc": "int lower;\n",
    "tilelang/__init__.py": "",
    "tilelang/transform/__init__.py": PASSES,
    "tilelang/language/__init__.py": '"""The language."""\n\nfrom .copy import copy\n',
    "testing/python/language/test_tilelang_language_copy.py": TEST,
    "testing/python/transform/test_tilelang_transform_lower_tile_op.py": TEST,
    "testing/python/issue/test_tilelang_issue_1.py": TEST,
    "testing/python/cuda/test_cuda.py": TEST,
    "testing/conftest.py": "",
    "examples/gemv/example_gemv.py": "def main(): pass\n",
    "docs/index.md": "# TileLang\n",
}


def clone(folder: Path) -> Path:
    """On ``main``, with a remote that is upstream's and was fetched."""
    root = repository(folder / "tilelang", TREE)
    git(root, "branch", "-M", "main")
    git(root, "remote", "add", "upstream", "https://github.com/tile-ai/tilelang.git")
    git(root, "update-ref", "refs/remotes/upstream/main", "HEAD")
    return root


def state(root: Path) -> tuple[str, ...]:
    """Everything a refusal must leave as it was: refs, HEAD, index, files and what is in them."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts)
    return (
        git(root, "for-each-ref"),
        git(root, "rev-parse", "HEAD"),
        (root / ".git" / "HEAD").read_text(),
        git(root, "ls-files", "-s"),
        *(f"{path.relative_to(root)}: {path.read_bytes()!r}" for path in files),
    )
