"""Libraries of one build in another: taken where both would be compiled from the same, and never half or stale."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakebuilds import ATTESTATION, TVM_TREE, RecordedEnvironment, identity, site_with, torch_of
from sources import write
from tinybuild import TOTAL, TinyBuild, op, toolbox

from scaffold.builds import from_source as module
from scaffold.builds.attestation import Attestation, path_of, read_attestation
from scaffold.builds.from_source import Made, Releases, SourceBuilder, SourceBuildOptions
from scaffold.builds.machine import Tool
from scaffold.builds.marker import MARKER, write_marker
from scaffold.builds.names import parse_name
from scaffold.builds.native import reuse
from scaffold.builds.native.compile import Native, Site, compile_tvm
from scaffold.builds.native.configure import is_configured
from scaffold.builds.native.recipe import Recipe
from scaffold.builds.native.reuse import bring_back, native_facts, take_libraries
from scaffold.builds.native.toolbox import Toolbox
from scaffold.builds.native.tvm import TvmLibraries
from scaffold.builds.prove import made_with
from scaffold.builds.source.model import Source
from scaffold.builds.workspace import Workspace
from scaffold.files import file_sha256
from scaffold.progress import Progress

BASE, WORKTREE = "git:abc123", "worktree:/home/me/tilelang"
FILES = {
    **TVM_TREE,
    "pyproject.toml": '[project]\ndependencies = ["apache-tvm-ffi"]\n[build-system]\nrequires = []\n',
    "CMakeLists.txt": "project(TILE_LANG)\n",
    "src/op/gemm.cc": "int gemm;\n",
    "src/op/gemm.h": "// gemm\n",
    "tilelang/__init__.py": "",
}

Files = Mapping[str, str | None]


class Workshop:
    """Builds from source as the store makes them, one after the other; the compiler only counts."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workspace = Workspace(folder / "workspace")
        self.said = io.StringIO()
        #: What was compiled, in order.
        self.compiled: list[str] = []
        self.ffi = "0.1.12"
        self.tree = "sha256:" + "2" * 64
        #: What Ninja saw read that is in no key.
        self.overlooked: str | None = None
        self.killed = False
        compiler = Tool("g++", Path("/usr/bin/g++"), "12.2.0")
        self.toolbox = Toolbox(compiler, Path("/bin/cmake"), Path("/bin/ninja"), Path("python"), None, None, None)
        self.released = site_with(folder / "release", apache_tvm_ffi=self.ffi)
        write(self.released / "tilelang", {**TVM_TREE, "lib/libtvm_compiler.so": "tvm"})
        RecordedEnvironment.reset()
        monkeypatch.setattr(RecordedEnvironment, "install", self._installer())
        monkeypatch.setattr(module, "Environment", RecordedEnvironment)
        monkeypatch.setattr(module, "compile_tilelang", self._compile)
        monkeypatch.setattr(module, "gather_tools", lambda *_: self.toolbox)
        monkeypatch.setattr(module, "overlooked", lambda _: self.overlooked)
        monkeypatch.setattr(sys, "platform", "linux")

    def _installer(self) -> Callable[[RecordedEnvironment, Any], None]:
        def install(environment: RecordedEnvironment, _: Any) -> None:
            site_with(environment.site_packages(), apache_tvm_ffi=self.ffi, z3_solver="4.15.4")
            write(environment.site_packages(), {"tvm_ffi/lib/libtvm_ffi.so": ""})

        return install

    def _compile(self, site: Site, tvm: TvmLibraries, ffi: Path, recipe: Recipe, *, grouped: bool) -> Native:
        """Every compilation makes another library, so that one can be told from another's."""
        number = len(self.compiled)
        self.compiled.append(site.source.parent.name)
        configured = {"build.ninja": "", "scaffold-configured.json": "{}"}
        write(site.build, {**configured, f"objects/{number}.o": "", "lib/libtilelang.so": f"{number}"})
        if self.killed:
            raise KeyboardInterrupt
        write(site.build, {"lib/libtvm_compiler.so": "tvm", "lib/wrapper.abi3.so": f"wrapper {number}"})
        return Native(137, 300.0, 2, ("-DUSE_CUDA=ON",), True)

    def make(self, name: str = WORKTREE, files: Files | None = None, **recipe: Any) -> Made:
        folder = self.folder(name)
        source = write(folder / "source", {path: text for path, text in {**FILES, **(files or {})}.items() if text})
        for path, text in (files or {}).items():
            if text is None:
                (source / path).unlink(missing_ok=True)
        builder = SourceBuilder(
            parse_name(name),
            folder,
            workspace=self.workspace,
            progress=Progress(stream=self.said),
            options=SourceBuildOptions(recipe=Recipe(**{"backends": ("cpu",), **recipe})),
            releases=Releases(lambda: "0.1.14", lambda _: self.released, lambda _: ()),
        )
        (folder / MARKER).unlink(missing_ok=True)
        of = identity(name, thirdparty={"3rdparty/tvm": self.tree})
        made = builder.make(Source(source, of), torch_of(self.workspace))
        self.attest(name, made)
        return made

    def attest(self, name: str, made: Made) -> None:
        loaded = {path.name: file_sha256(path) for path in self.library(name).parent.glob("lib*")}
        attestation = msgspec.structs.replace(
            ATTESTATION, name=name, libraries=loaded, made_with=made_with(made, "-O1")
        )
        path_of(self.workspace, name).write_bytes(msgspec.json.encode(attestation))
        write_marker(self.folder(name), {"name": name, "python": str(made.python)})

    def folder(self, name: str) -> Path:
        return self.workspace.builds / parse_name(name).folder

    def library(self, name: str = WORKTREE) -> Path:
        return self.folder(name) / "source/build/lib/libtilelang.so"

    def attestation(self, name: str = WORKTREE) -> Attestation:
        found = read_attestation(self.workspace, name)
        assert found
        return found

    def made_again(self, files: Files | None = None) -> bool:
        """Whether the worktree, with ``files`` edited, is compiled."""
        before = len(self.compiled)
        self.make(files=files)
        return len(self.compiled) > before


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """With a base that is compiled."""
    found = Workshop(tmp_path, monkeypatch)
    found.make(BASE)
    assert found.compiled == ["git-abc123"]
    return found


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"tilelang/__init__.py": "edited = 1\n"},
        {"tilelang/new.py": "added = 1\n", "tilelang/__init__.py": None},
        {"src/tl_templates/cuda/gemm.h": "// device\n", "testing/python/test_gemm.py": "x\n"},
    ],
)
def test_a_change_of_python_compiles_nothing(workshop: Workshop, files: Files) -> None:
    made = workshop.make(files=files)
    assert workshop.compiled == ["git-abc123"]
    assert (made.native.steps, made.native.taken_from, made.native.lean) == (0, BASE, True)
    assert made.native.options == ("-DUSE_CUDA=ON",)
    lib = workshop.library().parent
    assert sorted(path.name for path in lib.iterdir()) == ["libtilelang.so", "libtvm_compiler.so", "wrapper.abi3.so"]
    for path in lib.iterdir():
        original = workshop.library(BASE).with_name(path.name)
        assert path.read_bytes() == original.read_bytes()
        assert not path.is_symlink()
        assert path.stat().st_ino != original.stat().st_ino, "Ninja writes into it"
    # TileLang's env.py refuses to start without.
    assert (lib.parent / "tvm").is_dir()
    assert f"nothing to compile: libraries of {BASE}, compiled from the same sources\n" in workshop.said.getvalue()
    facts = workshop.attestation().made_with
    assert (facts["libraries_of"], facts["compiled"]["steps"]) == (BASE, 0)
    assert facts["native"] == workshop.attestation(BASE).made_with["native"]


def test_any_kind_of_build_takes_from_any_other_in_the_name_of_who_compiled_it(workshop: Workshop) -> None:
    workshop.make(WORKTREE)
    shutil.rmtree(workshop.folder(BASE))
    made = workshop.make("sdist:0.1.14")
    assert made.native.taken_from == BASE
    assert workshop.attestation("sdist:0.1.14").libraries_of == BASE
    assert workshop.compiled == ["git-abc123"]


@pytest.mark.parametrize(
    "files",
    [
        {"src/op/gemm.cc": "int edited;\n"},
        {"src/op/gemm.h": "// edited\n"},
        {"src/op/new.cc": "int added;\n"},
        {"src/op/gemm.h": None},
        {"CMakeLists.txt": "project(TILE_LANG CXX)\n"},
        {"cmake/new.cmake": "set(x 1)\n"},
        {"tilelang/jit/adapter/cython/cython_wrapper.pyx": "x = 1\n"},
        {"pyproject.toml": FILES["pyproject.toml"] + '[tool.scikit-build]\nwheel.py-api = "cp38"\n'},
    ],
)
def test_a_change_of_what_is_compiled_is_compiled(workshop: Workshop, files: Files) -> None:
    made = workshop.make(files=files)
    assert (made.native.steps, made.native.taken_from) == (137, "")
    assert workshop.library().read_text() == "1"
    assert workshop.attestation().libraries_of == ""


@pytest.mark.parametrize("recipe", [{"optimize": 3}, {"plain": True}, {"debug": True}, {"backends": ("cuda",)}])
def test_other_options_are_compiled(
    workshop: Workshop, recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = TvmLibraries("source", "compiled", workshop.released / "tilelang/lib")
    monkeypatch.setattr(module, "compile_tvm", lambda *_: (libraries, None))
    assert workshop.make(**recipe).native.steps == 137


def test_plain_is_compiled_beside_plain_and_never_lent(workshop: Workshop) -> None:
    for name in ("git:plain", WORKTREE):
        made = workshop.make(name, plain=True)
        assert (made.native.steps, made.shared) == (137, None)


def test_another_compiler_ffi_tvm_or_third_party_is_compiled(workshop: Workshop) -> None:
    workshop.tree = "sha256:" + "3" * 64
    assert workshop.make("worktree:/tree").native.steps == 137
    workshop.tree = "sha256:" + "2" * 64
    compiler = workshop.toolbox.compiler
    workshop.toolbox = replace(workshop.toolbox, compiler=replace(compiler, version="13.1.0"))
    assert workshop.make("worktree:/compiler").native.steps == 137
    workshop.toolbox = replace(workshop.toolbox, compiler=compiler)
    workshop.ffi = "0.1.13"
    assert workshop.make("worktree:/ffi").native.steps == 137
    workshop.ffi = "0.1.12"
    assert workshop.make("worktree:/same").native.steps == 0
    (workshop.released / "tilelang/lib/libtvm_compiler.so").write_text("another TVM")
    assert workshop.make("worktree:/tvm").native.steps == 137


def spoil_library(workshop: Workshop) -> None:
    workshop.library(BASE).write_text("altered")


def lose_library(workshop: Workshop) -> None:
    workshop.library(BASE).with_name("wrapper.abi3.so").unlink()


def lose_marker(workshop: Workshop) -> None:
    (workshop.folder(BASE) / MARKER).unlink()


def lose_attestation(workshop: Workshop) -> None:
    path_of(workshop.workspace, BASE).write_bytes(b"{")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def attest_otherwise(
    *, loaded: Mapping[str, str] | None = None, libraries: Mapping[str, str] | None = None
) -> Callable[[Workshop], None]:
    def spoil(workshop: Workshop) -> None:
        path = path_of(workshop.workspace, BASE)
        document = json.loads(path.read_bytes())
        if loaded is not None:
            document["libraries"] = loaded
        if libraries is not None:
            document["made_with"]["native"]["libraries"] = libraries
        path.write_text(json.dumps(document))

    return spoil


def attest_as_before(workshop: Workshop) -> None:
    """As the kit did when it shared nothing."""
    path = path_of(workshop.workspace, BASE)
    document = json.loads(path.read_bytes())
    del document["made_with"]["native"], document["made_with"]["libraries_of"]
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "spoil",
    [
        *(spoil_library, lose_library, lose_marker, lose_attestation, attest_as_before),
        attest_otherwise(loaded={"libtilelang.so": "0" * 64}),
        attest_otherwise(loaded={}),
        attest_otherwise(libraries={"libtilelang.so": digest(b"0"), "../../../env/bin/python": digest(b"")}),
        attest_otherwise(libraries={}),
    ],
)
def test_a_build_that_is_not_what_it_was_attested_to_be_is_left_alone(
    workshop: Workshop, spoil: Callable[[Workshop], None]
) -> None:
    spoil(workshop)
    made = workshop.make()
    assert (made.native.steps, made.native.taken_from) == (137, "")
    assert workshop.library().read_text() == "1"
    assert not (workshop.folder(WORKTREE) / "build.incoming").exists()


def test_the_next_build_is_asked_where_one_is_spoilt(workshop: Workshop) -> None:
    workshop.make("worktree:/other")
    spoil_library(workshop)
    made = workshop.make()
    assert (made.native.steps, workshop.library().read_text()) == (0, "0")


def test_what_read_more_than_its_key_says_is_not_lent(workshop: Workshop) -> None:
    workshop.overlooked = "docs/table.h"
    made = workshop.make("git:more", {"src/op/gemm.cc": "int more;\n"})
    assert made.shared is None
    assert workshop.made_again({"src/op/gemm.cc": "int more;\n"})


def test_libraries_that_were_taken_stay_while_python_is_edited_and_without_the_other_build(workshop: Workshop) -> None:
    workshop.make()
    shutil.rmtree(workshop.folder(BASE))
    assert not workshop.made_again({"tilelang/__init__.py": "x = 2\n"})
    assert workshop.attestation().libraries_of == BASE
    workshop.library().write_text("altered")
    assert workshop.made_again({"tilelang/__init__.py": "x = 3\n"}), "nor is its own attestation believed"


def test_an_edit_of_cpp_after_taking_is_compiled_and_replaces_them(workshop: Workshop) -> None:
    workshop.make()
    edited = {"src/op/gemm.cc": "int edited;\n"}
    assert workshop.made_again(edited)
    assert workshop.library().read_text() == "1"
    assert workshop.attestation().libraries_of == ""
    # And back: the base still has it, and Ninja's work waits for the next edit.
    assert not workshop.made_again()
    assert workshop.library().read_text() == "0"
    assert not is_configured(workshop.library().parents[1])
    assert not workshop.made_again({"tilelang/__init__.py": "x = 2\n"})
    assert workshop.made_again(edited)
    assert (workshop.library().parents[1] / "objects/1.o").exists()
    assert workshop.library().read_text() == "2"


def test_a_worktree_that_compiled_itself_goes_on_with_ninja(workshop: Workshop) -> None:
    shutil.rmtree(workshop.folder(BASE))
    workshop.make()
    workshop.make(BASE)
    assert workshop.compiled == ["git-abc123", workshop.folder(WORKTREE).name], "it was taken the other way round"
    assert workshop.made_again({"tilelang/__init__.py": "x = 2\n"}), "by Ninja, which has nothing to do"
    assert (workshop.library().parents[1] / "objects/1.o").exists()


def killed_while(function: str, owner: Any, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the ``number``-th call end as a Ctrl-C does."""
    real, calls = getattr(owner, function), itertools.count(1)

    def maybe(*arguments: Any, **options: Any) -> Any:
        if next(calls) == number:
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(owner, function, maybe)


@pytest.mark.parametrize(
    ("function", "owner", "number"),
    [("copy", shutil, 1), ("copy", shutil, 3), ("file_sha256", reuse, 2), ("rename", Path, 1), ("rename", Path, 2)],
)
def test_a_kill_in_between_leaves_nothing_half(
    workshop: Workshop, function: str, owner: Any, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A worktree that has an own compilation of something else: two renames.
    workshop.make(files={"src/op/gemm.cc": "int edited;\n"})
    with monkeypatch.context() as patched:
        killed_while(function, owner, number, patched)
        with pytest.raises(KeyboardInterrupt):
            workshop.make()
    assert not (workshop.folder(WORKTREE) / MARKER).exists()
    build = workshop.library().parents[1]
    assert not build.exists() or is_configured(build), "either its own or nothing"
    assert not workshop.made_again()
    assert workshop.library().read_text() == "0"
    assert workshop.made_again({"src/op/gemm.cc": "int edited;\n"})
    assert (build / "objects/1.o").exists()


def test_a_kill_while_it_is_compiled_after_taking_leaves_nothing_stale(workshop: Workshop) -> None:
    workshop.make()
    workshop.killed = True
    with pytest.raises(KeyboardInterrupt):
        workshop.make(files={"src/op/gemm.cc": "int edited;\n"})
    workshop.killed = False
    assert workshop.made_again({"src/op/gemm.cc": "int edited;\n"})
    assert workshop.library().read_text() == "2"


# With CMake, Ninja and a compiler


@pytest.mark.skipif(sys.platform != "linux", reason="libraries are taken on Linux only")
def test_real_libraries_are_taken_and_ninja_goes_on_after_an_edit(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    base = TinyBuild(workspace.builds / "git-abc123", toolbox(), workspace, grouped=True)
    base.tvm, _ = compile_tvm(base.site, Recipe(jobs=2), [])
    base.make()
    native = native_facts(base.site, "key")
    attestation = msgspec.structs.replace(
        ATTESTATION, name=BASE, libraries=native["libraries"], made_with={"native": native, "lean_headers": True}
    )
    path_of(workspace, BASE).write_bytes(msgspec.json.encode(attestation))
    write_marker(base.folder, {"name": BASE, "python": sys.executable})

    build = TinyBuild(workspace.builds / parse_name(WORKTREE).folder, toolbox(), workspace, base.tvm)
    taken = take_libraries("key", build.folder, build.site)
    assert taken
    assert (taken.steps, build.total()) == (0, TOTAL)
    assert take_libraries("another", build.folder, build.site) is None

    # The first edit compiles all of it, the second one file.
    for value, steps in (("5", range(9, 99)), ("6", range(2, 3))):
        build.edit("src/op/gemm.cc", op("gemm", value))
        bring_back(build.folder, build.site.build)
        assert build.make().steps in steps
        assert build.total() == TOTAL + int(value) - 4

    # Taken again, and Ninja finds its own work where it was left.
    assert take_libraries("key", build.folder, build.site)
    assert build.total() == TOTAL
    shutil.rmtree(base.folder)
    assert build.total() == TOTAL
    build.edit("src/op/gemm.cc", op("gemm", "7"))
    bring_back(build.folder, build.site.build)
    assert build.make().steps == 2
    assert build.total() == TOTAL + 3
