"""Builds without a package index and without a compiler: what stands in for pip, for a source, for an attestation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from scaffold.builds.attestation import SCHEMA_VERSION, Attestation, Proof
from scaffold.builds.environment import Environment, SitePackages
from scaffold.builds.from_source import Releases, SourceBuildOptions
from scaffold.builds.names import BuildName
from scaffold.builds.source.model import Source, SourceIdentity
from scaffold.builds.workspace import Workspace
from scaffold.errors import BuildFailedError
from scaffold.progress import Progress

NEWEST = "0.1.15"

#: What of a source, and of a release's wheel, goes into TVM's libraries.
TVM_TREE = {
    "3rdparty/tvm/include/tvm/ir/expr.h": "// expr\n",
    "3rdparty/tvm/src/ir/expr.cc": "int expr;\n",
    "3rdparty/tvm/src/target/llvm.inc": "1\n",
    "src/runtime/logging.cc": "int logging;\n",
}


def site_with(folder: Path, **versions: str) -> Path:
    """A site-packages folder that says these are installed (``apache_tvm_ffi="0.1.12"``)."""
    for name, version in versions.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
    return folder


class RecordedEnvironment(Environment):
    """An environment that makes folders and notes what pip would be asked for."""

    installs: ClassVar[list[tuple[str, ...]]] = []
    created: ClassVar[list[str]] = []
    fail: ClassVar[bool] = False

    @classmethod
    def reset(cls) -> None:
        cls.installs, cls.created, cls.fail = [], [], False

    def create(self) -> None:
        type(self).created.append(self.folder.name)
        shutil.rmtree(self.folder / "env", ignore_errors=True)
        self.python.parent.mkdir(parents=True, exist_ok=True)
        self.python.touch()
        (self.folder / "env/lib/python3.12/site-packages").mkdir(parents=True, exist_ok=True)

    def install(self, arguments: Sequence[str], *, locked: bool = True) -> None:
        if type(self).fail:
            raise BuildFailedError("cannot install: no index")
        type(self).installs.append(tuple(arguments))
        for argument in arguments:
            name, _, version = argument.partition("==")
            if name == "tilelang":
                (self.site_packages() / f"tilelang-{version}.dist-info").mkdir(exist_ok=True)

    def would_install(self, arguments: Sequence[str]) -> list[dict[str, Any]]:
        if type(self).fail:
            raise BuildFailedError("no package index answers")
        return [{"metadata": {"version": "2.13.0+cpu" if "torch" in arguments[0] else NEWEST}}]

    @contextmanager
    def downloaded(self, requirement: str) -> Iterator[Path]:
        raise AssertionError(f"nothing is to be downloaded: {requirement}")


def torch_of(workspace: Workspace) -> SitePackages:
    return SitePackages(workspace.root / "torch")


def identity(name: str = "sdist:0.1.14", **changes: Any) -> SourceIdentity:
    facts: dict[str, Any] = {
        "origin": name,
        "version": "0.1.14",
        "commit": "c" * 40,
        "dirty": False,
        "tree_sha256": "1" * 64,
        "thirdparty": {"3rdparty/tvm": "sha256:" + "2" * 64},
    }
    return SourceIdentity(**{**facts, **changes})


class FakeBuilder:
    """Stands in for ``SourceBuilder``: lays out nothing and compiles nothing, and notes what it was asked."""

    source: ClassVar[SourceIdentity] = identity()
    obtained: ClassVar[list[str]] = []
    made: ClassVar[list[tuple[str, SourceBuildOptions]]] = []
    whole_meanwhile: ClassVar[list[bool]] = []
    error: ClassVar[BaseException | None] = None
    releases: ClassVar[Releases]

    @classmethod
    def reset(cls) -> None:
        cls.source, cls.obtained, cls.made, cls.whole_meanwhile, cls.error = identity(), [], [], [], None

    def __init__(
        self,
        name: BuildName,
        folder: Path,
        *,
        workspace: Workspace,
        progress: Progress,
        options: SourceBuildOptions,
        releases: Releases,
    ) -> None:
        self.name, self.folder, self.options = name, folder, options
        type(self).releases = releases

    def obtain(self) -> Source:
        type(self).obtained.append(str(self.name))
        (self.folder / "source").mkdir(parents=True, exist_ok=True)
        return Source(self.folder / "source", type(self).source)

    def make(self, source: Source, torch: Environment | SitePackages) -> Any:
        type(self).made.append((str(self.name), self.options))
        type(self).whole_meanwhile.append((self.folder / "build.json").exists())
        python = self.folder / "env/bin/python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        if error := type(self).error:
            raise error
        return SimpleNamespace(python=python, native=SimpleNamespace(steps=12, seconds=3.0))


ATTESTATION = Attestation(
    schema_version=SCHEMA_VERSION,
    name="sdist:0.1.14",
    python="/home/me/workspace/builds/sdist-0.1.14/env/bin/python",
    python_version="3.12.4",
    tilelang_version="0.1.14",
    tilelang_path="/home/me/workspace/builds/sdist-0.1.14/source/tilelang",
    libraries={"libtvm_compiler.so": "b" * 64, "libtilelang.so": "a" * 64},
    packages={"torch": "2.13.0+cpu", "apache-tvm-ffi": "0.1.12"},
    made_of={
        "origin": "sdist:0.1.14",
        "version": "0.1.14",
        "commit": "7e3bbf3703e769479757eb7ecec2f2626f3cd0a8",
        "dirty": False,
        "tree_sha256": "1" * 64,
        "thirdparty": {"3rdparty/tvm": "sha256:" + "2" * 64, "3rdparty/cutlass": "3" * 40},
        "notes": [],
    },
    made_with={
        "backends": ["cuda"],
        "compiler": "g++ 12.2.0",
        "flags": "-O1 -DNDEBUG",
        "lean_headers": True,
        "launcher": "ccache",
        "cuda": "13.0.88 (host)",
        "tvm": {"mode": "release", "origin": "wheel:0.1.14", "reason": "it is the same"},
        "cmake_options": ["-DPython_EXECUTABLE=/home/me/workspace/builds/sdist-0.1.14/env/bin/python"],
        "compiled": {"steps": 32, "seconds": 340.4, "jobs": 2, "cache_hits": 3, "cache_misses": 12},
        "compiled_tvm": None,
    },
    proof=Proof("gemm", "cuda:sm_80", 84, "not run: no GPU here"),
)
