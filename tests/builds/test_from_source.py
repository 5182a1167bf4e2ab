"""One build from source: its environment, what it is compiled with, and when that is made anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fakebuilds import TVM_TREE, RecordedEnvironment, identity, site_with, torch_of
from packaging.requirements import Requirement
from sources import write

from scaffold.builds import from_source as module
from scaffold.builds.from_source import Made, Releases, SourceBuilder, SourceBuildOptions
from scaffold.builds.names import parse_name
from scaffold.builds.native.compile import Native, Site
from scaffold.builds.native.recipe import Recipe
from scaffold.builds.native.tvm import TvmLibraries
from scaffold.builds.source.model import Source
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError, MissingToolError
from scaffold.progress import Progress

PYPROJECT = """\
[project]
dependencies = ["apache-tvm-ffi<0.2", "torch"]
[build-system]
requires = ["cython", "scikit-build-core"]
"""

Make = Callable[..., Made]


class Compilation:
    """Stands in for CMake and the compiler."""

    def __init__(self) -> None:
        self.calls: list[tuple[Site, TvmLibraries, Path, Recipe, bool]] = []
        self.tvm_against: list[tuple[str, ...]] = []
        #: Packages that pip sees beside the shared PyTorch, and so takes for installed.
        self.beside_torch: set[str] = set()

    def compile_tilelang(self, site: Site, tvm: TvmLibraries, ffi: Path, recipe: Recipe, *, grouped: bool) -> Native:
        self.calls.append((site, tvm, ffi, recipe, grouped))
        return Native(12, 3.0, 2, (), True)

    def compile_tvm(self, site: Site, recipe: Recipe, requirements: Any) -> tuple[TvmLibraries, Native]:
        self.tvm_against.append(tuple(requirements))
        return TvmLibraries("source", "compiled", site.thirdparty), Native(500, 900.0, 2, (), False)


@pytest.fixture
def compilation(monkeypatch: pytest.MonkeyPatch) -> Compilation:
    found = Compilation()
    monkeypatch.setattr(module, "compile_tilelang", found.compile_tilelang)
    monkeypatch.setattr(module, "compile_tvm", found.compile_tvm)
    monkeypatch.setattr(module, "gather_tools", lambda *_: SimpleNamespace())
    monkeypatch.setattr(module, "Environment", RecordedEnvironment)
    monkeypatch.setattr(module, "choose_backends", lambda: (("cuda",), "no GPU here"))
    RecordedEnvironment.reset()
    install = RecordedEnvironment.install

    def install_as_pip_does(environment: RecordedEnvironment, arguments: Any) -> None:
        install(environment, arguments)
        names = {Requirement(argument).name for argument in arguments if not argument.startswith("-")}
        for name in names if "--ignore-installed" in arguments else names - found.beside_torch:
            version = "0.1.12" if name == "apache-tvm-ffi" else "1.0"
            site_with(environment.site_packages(), **{name.replace("-", "_"): version})
            if name == "apache-tvm-ffi":
                write(environment.site_packages(), {"tvm_ffi/lib/libtvm_ffi.so": ""})

    monkeypatch.setattr(RecordedEnvironment, "install", install_as_pip_does)
    return found


@pytest.fixture
def make(tmp_path: Path, compilation: Compilation) -> Make:
    workspace = Workspace(tmp_path / "workspace")
    released = site_with(tmp_path / "release", apache_tvm_ffi="0.1.11")
    write(released / "tilelang", TVM_TREE)

    def run(name: str = "git:main", *, files: dict[str, str] | None = None, **recipe: Any) -> Made:
        folder = workspace.builds / parse_name(name).folder
        write(folder / "source", {**TVM_TREE, "pyproject.toml": PYPROJECT, **(files or {})})
        builder = SourceBuilder(
            parse_name(name),
            folder,
            workspace=workspace,
            progress=Progress(verbosity=-1),
            options=SourceBuildOptions(recipe=Recipe(**recipe)),
            releases=Releases(lambda: "0.1.14", lambda _: released, lambda _: ("apache-tvm-ffi<0.1.10",)),
        )
        return builder.make(Source(folder / "source", identity(name)), torch_of(workspace))

    return run


def test_a_build_imports_its_source_with_the_dependencies_of_the_tvm_it_links(
    make: Make, compilation: Compilation
) -> None:
    made = make()
    (installed,) = RecordedEnvironment.installs
    assert {"apache-tvm-ffi<0.2", "cython", "apache-tvm-ffi==0.1.11"} <= set(installed)
    assert not {"torch", "scikit-build-core"} & set(installed)
    assert (made.tvm.origin, made.backends, made.tvm_native) == ("wheel:0.1.14", ("cuda",), None)
    site, _, ffi, _, _ = compilation.calls[0]
    assert ffi.name == "libtvm_ffi.so"
    packages = made.python.parent.parent / "lib/python3.12/site-packages"
    assert (packages / "scaffold_source.pth").read_text() == f"{site.source}\n"
    assert (packages / "zz_scaffold_shared.pth").read_text().strip().endswith("torch")


def test_tvm_is_compiled_against_what_is_installed_where_no_release_has_it(
    make: Make, compilation: Compilation
) -> None:
    made = make(files={"3rdparty/tvm/src/ir/expr.cc": "int other;\n"})
    assert made.tvm.mode == "source"
    assert made.tvm_native is not None
    assert "3rdparty/tvm/src/ir/expr.cc differs from wheel:0.1.14" in made.tvm_reason
    assert compilation.tvm_against == [("apache-tvm-ffi==0.1.12",)]
    assert "apache-tvm-ffi<0.1.10" in RecordedEnvironment.installs[0]


@pytest.mark.parametrize(("name", "grouped"), [("git:main", True), ("sdist:0.1.14", True), ("worktree", False)])
def test_only_what_is_there_to_be_edited_is_compiled_file_by_file(
    make: Make, compilation: Compilation, name: str, grouped: bool
) -> None:
    make(name)
    assert compilation.calls[0][-1] == grouped


def test_what_is_called_or_linked_is_the_environments_own(make: Make, compilation: Compilation) -> None:
    compilation.beside_torch = {"apache-tvm-ffi", "ninja", "cython"}
    make()
    _, forced = RecordedEnvironment.installs
    assert forced[:2] == ("--ignore-installed", "--no-deps")
    assert {Requirement(line).name for line in forced[2:]} == {"apache-tvm-ffi", "ninja"}
    assert "apache-tvm-ffi==0.1.11" in forced


def test_backends_that_were_asked_for_win(make: Make) -> None:
    assert make(backends=("rocm",)).backends == ("rocm",)


def test_the_environment_is_made_anew_only_when_the_source_asks_for_something_else(make: Make) -> None:
    make()
    make(files={"src/op/gemm.cc": "int edited;\n"})
    assert len(RecordedEnvironment.created) == 1
    make(files={"pyproject.toml": PYPROJECT.replace("<0.2", "<0.3")})
    assert len(RecordedEnvironment.created) == 2


def test_an_environment_that_was_not_finished_is_made_anew(make: Make) -> None:
    RecordedEnvironment.fail = True
    with pytest.raises(BuildFailedError):
        make()
    RecordedEnvironment.fail = False
    made = make()
    assert len(RecordedEnvironment.created) == 2
    assert json.loads((made.python.parent.parent / "installed.json").read_text())["pins"] == ["apache-tvm-ffi==0.1.11"]


def test_a_source_without_the_ffi_library_says_which_have_it(
    make: Make, monkeypatch: pytest.MonkeyPatch, compilation: Compilation
) -> None:
    monkeypatch.setattr(RecordedEnvironment, "install", lambda *_: None)
    with pytest.raises(BuildFailedError, match="no libtvm_ffi") as caught:
        make()
    assert "0.1.7 or later" in str(caught.value.hint)
    assert compilation.calls == []


def test_without_a_compiler_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/no/such/g++")
    workspace = Workspace(tmp_path)
    builder = SourceBuilder(
        parse_name("sdist:0.1.14"),
        workspace.builds / "sdist-0.1.14",
        workspace=workspace,
        progress=Progress(verbosity=-1),
        options=SourceBuildOptions(),
        releases=Releases(lambda: "0.1.14", lambda _: None, lambda _: ()),
    )
    with pytest.raises(MissingToolError, match="/no/such/g") as caught:
        builder.obtain()
    assert "apt install g++" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []
