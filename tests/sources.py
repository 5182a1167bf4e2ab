"""Small TileLang-like sources: a tree, a release archive on an index of files, repositories with submodules."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from scaffold.builds.names import parse_name
from scaffold.builds.source.model import Source, SourceOptions
from scaffold.builds.source.obtain import obtain
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress

TILELANG = {
    "CMakeLists.txt": "project(TILE_LANG)\n",
    "VERSION": "1.2.3\n",
    "src/ir.cc": "int ir;\n",
    "src/op/gemm.cc": "int gemm;\n",
    "tilelang/__init__.py": "",
    "format.sh": "#!/bin/sh\n",
    "3rdparty/hip-headers/include/hip.h": "// hip\n",
}
TVM = {
    "CMakeLists.txt": "project(tvm)\n",
    "include/tvm/ir.h": "// ir\n",
    "src/ir.cc": "int tvm;\n",
    "docs/index.rst": "not needed\n",
}
TVM_FFI = {"CMakeLists.txt": "project(tvm_ffi)\n", "include/ffi.h": "// ffi\n", "tests/test.cc": "not needed\n"}
CUTLASS = {"include/cutlass/gemm.h": "// cutlass\n", "examples/one.cu": "not needed\n"}


def below(folder: str, tree: Mapping[str, str]) -> dict[str, str]:
    return {f"{folder}/{path}": text for path, text in tree.items()}


def release(commit: str = "c" * 40) -> dict[str, str]:
    """The files of a release's source archive."""
    return {
        **TILELANG,
        ".git_commit.txt": commit,
        **below("3rdparty/tvm", TVM),
        **below("3rdparty/tvm/3rdparty/tvm-ffi", TVM_FFI),
        **below("3rdparty/cutlass", CUTLASS),
    }


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
        if path.endswith(".sh"):
            (folder / path).chmod(0o755)
    return folder


def packed(version: str, files: Mapping[str, str]) -> bytes:
    """A source archive as bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, text in files.items():
            member = tarfile.TarInfo(f"tilelang-{version}/{path}")
            member.size = len(text.encode())
            member.mode = 0o755 if path.endswith(".sh") else 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Index:
    """A package index of files, as ``file://`` URL."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: list[str] = []

    @property
    def url(self) -> str:
        return (self.folder / "simple").as_uri()

    def add(self, version: str, data: bytes, *, sha256: str | None = None, yanked: bool = False) -> None:
        name = f"tilelang-{version}.tar.gz"
        (self.folder / "files").mkdir(parents=True, exist_ok=True)
        (self.folder / "files" / name).write_bytes(data)
        digest = sha256 or hashlib.sha256(data).hexdigest()
        mark = ' data-yanked=""' if yanked else ""
        self.add_line(f'<a href="../../files/{name}#sha256={digest}"{mark}>{name}</a>')

    def add_line(self, line: str) -> None:
        self._lines.append(line)
        page = self.folder / "simple" / "tilelang" / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("<html><body>" + "<br>".join(self._lines) + "</body></html>", encoding="utf-8")


def git(folder: Path, *arguments: str) -> str:
    """Run git with a fixed name and date, untouched by the user's settings."""
    fixed = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _WHO.items()},
    }
    command = ["git", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *arguments]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **fixed}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


_WHO = {"NAME": "A", "EMAIL": "a@example.org", "DATE": "2026-01-02T03:04:05Z"}


def repository(folder: Path, files: Mapping[str, str], submodules: Mapping[str, Path] | None = None) -> Path:
    """A repository with one commit; submodules have URLs relative to it, as siblings."""
    write(folder, files)
    git(folder, "init", "-q")
    for path, origin in (submodules or {}).items():
        git(folder, "submodule", "add", "-q", "--", str(origin), path)
        git(folder, "config", "-f", ".gitmodules", f"submodule.{path}.url", f"../{origin.name}")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "one")
    return folder


def upstream(folder: Path) -> Path:
    """A repository like TileLang's, with TVM, its nested tvm-ffi, and CUTLASS as submodules."""
    ffi = repository(folder / "tvm-ffi", TVM_FFI)
    unneeded = repository(folder / "flash", {"README": "not needed\n"})
    tvm = repository(folder / "tvm", TVM, {"3rdparty/tvm-ffi": ffi, "3rdparty/libflash_attn": unneeded})
    cutlass = repository(folder / "cutlass", CUTLASS)
    kernels = repository(folder / "ck", {"README": "not needed\n"})
    modules = {"3rdparty/tvm": tvm, "3rdparty/cutlass": cutlass, "3rdparty/composable_kernel": kernels}
    made = repository(folder / "tilelang", TILELANG, modules)
    git(made, "tag", "v1.2.3")
    return made


def lay(workspace: Workspace, name: str, **options: str) -> Source:
    parsed = parse_name(name)
    folder = workspace.builds / parsed.folder / "source"
    quiet = Progress(verbosity=-1)
    return obtain(parsed, folder, workspace=workspace, progress=quiet, options=SourceOptions(**options))


def contents(folder: Path) -> dict[str, str]:
    """Every file below ``folder``, links followed, without the kit's marker."""
    found = {}
    for base, _, names in os.walk(folder, followlinks=True):
        for name in names:
            path = Path(base) / name
            if name != ".scaffold-tree.json":
                found[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8")
    return found


def times(folder: Path) -> dict[str, int]:
    """Modification times in ns, links not followed."""
    return {
        path.relative_to(folder).as_posix(): path.lstat().st_mtime_ns
        for path in folder.rglob("*")
        if not path.is_dir() or path.is_symlink()
    }
