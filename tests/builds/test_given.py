"""Builds that the user made: ``path:DIR`` in each of its forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakebuilds import RecordedEnvironment, torch_of
from sources import write

from scaffold.builds import given as given_module
from scaffold.builds import store as store_module
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace
from scaffold.errors import EnvironmentProblem
from scaffold.progress import Progress

PYPROJECT = """\
[project]
dependencies = ["apache-tvm-ffi<0.2", "torch", "torch-c-dlpack-ext"]
[build-system]
requires = ["cython"]
"""
CHECKOUT = {"tilelang/__init__.py": "", "pyproject.toml": PYPROJECT, "VERSION": "0.1.14\n"}
#: What pip leaves of a release, shortened.
METADATA = """\
Metadata-Version: 2.1
Name: tilelang
Version: {version}
Requires-Dist: apache-tvm-ffi<0.2
Requires-Dist: torch
Requires-Dist: torch>=2.4; platform_system == "Nowhere"
Requires-Dist: torch-c-dlpack-ext
Requires-Dist: ml-dtypes>=0.5.1; extra == "fp4"
"""

Get = Callable[[str], Path]


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildStore:
    workspace = Workspace(tmp_path / "workspace")
    monkeypatch.setattr(given_module, "Environment", RecordedEnvironment)
    monkeypatch.setattr(store_module, "torch_environment", lambda *_: torch_of(workspace))
    RecordedEnvironment.reset()
    return BuildStore(workspace, Progress(verbosity=-1))


def site_packages(folder: Path, version: str = "0.1.14") -> Path:
    files = {
        "tilelang/__init__.py": "",
        "tilelang/lib/libtilelang.so": "",
        f"tilelang-{version}.dist-info/METADATA": METADATA.format(version=version),
    }
    return write(folder, files)


def imported_from(builds: BuildStore, name: str) -> str:
    """The folder that the build's interpreter imports TileLang from."""
    return next(builds.folder(name).glob("env/lib/python*/site-packages/scaffold_source.pth")).read_text().strip()


def test_a_checkout_with_its_libraries_is_linked_with_what_it_asks_for(tmp_path: Path, builds: BuildStore) -> None:
    checkout = write(tmp_path / "tilelang", {**CHECKOUT, "build/lib/libtilelang.so": ""})
    name = f"path:{checkout}"
    build = builds.get(name)
    assert build.name == name
    assert Path(build.python).parent == builds.folder(name) / "env/bin"
    assert imported_from(builds, name) == str(checkout)
    assert RecordedEnvironment.installs == [("apache-tvm-ffi<0.2", "torch-c-dlpack-ext")]
    assert builds.get(name) == build
    assert len(RecordedEnvironment.installs) == 1
    assert [item.name for item in builds.installed()] == [name]


def test_a_folder_that_holds_an_installed_release(tmp_path: Path, builds: BuildStore) -> None:
    folder = site_packages(tmp_path / "site-packages")
    builds.get(f"path:{folder}")
    assert imported_from(builds, f"path:{folder}") == str(folder)
    assert RecordedEnvironment.installs == [("apache-tvm-ffi<0.2", "torch-c-dlpack-ext")]


@pytest.mark.parametrize("kind", ["checkout", "site-packages"])
def test_an_old_one_gets_dependencies_of_its_time(tmp_path: Path, builds: BuildStore, kind: str) -> None:
    if kind == "checkout":
        folder = write(tmp_path / "one", {**CHECKOUT, "VERSION": "0.1.9+cuda\n", "build/lib/libtilelang.so": ""})
    else:
        folder = site_packages(tmp_path / "one", "0.1.9")
    builds.get(f"path:{folder}")
    assert RecordedEnvironment.installs[0][-1] == "apache-tvm-ffi<0.1.10"


def test_two_checkouts_named_alike_from_inside_are_two_builds(
    tmp_path: Path, builds: BuildStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("one", "two"):
        checkout = write(tmp_path / name, {**CHECKOUT, "build/lib/libtilelang.so": ""})
        monkeypatch.chdir(checkout)
        build = builds.get("path:.")
        found.append((build.python, imported_from(builds, build.name)))
    assert [Path(root).name for _, root in found] == ["one", "two"]
    assert found[0][0] != found[1][0]


def virtual_environment(folder: Path, exit_code: int) -> Path:
    """A virtual environment whose interpreter finds TileLang (0) or does not (9)."""
    write(folder, {"pyvenv.cfg": "home = /usr/bin\n", "bin/python": f"#!/bin/sh\nexit {exit_code}\n"})
    (folder / "bin/python").chmod(0o755)
    return folder


def test_a_virtual_environment_is_used_as_it_is(tmp_path: Path, builds: BuildStore) -> None:
    folder = virtual_environment(tmp_path / "venv", 0)
    build = builds.get(f"path:{folder}")
    assert (build.name, build.python) == (f"path:{folder}", str(folder / "bin/python"))
    assert RecordedEnvironment.created == []


def test_a_virtual_environment_without_tilelang_says_how_to_add_it(tmp_path: Path, builds: BuildStore) -> None:
    folder = virtual_environment(tmp_path / "venv", 9)
    with pytest.raises(EnvironmentProblem, match="no module 'tilelang'") as caught:
        builds.get(f"path:{folder}")
    assert f"{folder}/bin/python -m pip install tilelang" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("files", "said", "hint"),
    [
        ({}, "no TileLang in", "name a checkout you built"),
        ({"README.md": "not TileLang"}, "no TileLang in", "name a checkout you built"),
        (CHECKOUT, "was never built: no libtilelang in", "--build worktree:"),
        ({**CHECKOUT, "build/lib/libtvm.so": ""}, "was never built", "--build worktree:"),
        (
            {"tilelang/__init__.py": "", "build/lib/libtilelang.so": ""},
            "no pyproject.toml and no tilelang-*.dist-info",
            "--build python:",
        ),
    ],
)
def test_what_is_no_built_tilelang_is_refused_and_not_kept(
    tmp_path: Path, builds: BuildStore, files: dict[str, str], said: str, hint: str
) -> None:
    folder = write(tmp_path / "given", files)
    with pytest.raises(EnvironmentProblem) as caught:
        builds.get(f"path:{folder}")
    assert said in caught.value.message
    assert hint in str(caught.value.hint)
    assert builds.installed() == []
