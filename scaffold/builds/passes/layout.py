"""Which files of a source tree, or of an installed TileLang, have to do with passes.

A wheel carries the C++ of its release, TVM's too (``tilelang/src``, ``tilelang/3rdparty/tvm/src``; seen in 0.1.8 to
0.1.15), and neither tests nor docs. Paths are always told as the repository has them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

#: Parts of TVM whose passes TileLang never runs, and parts that have none; below ``src`` and below ``python/tvm``.
_UNUSED_TVM = frozenset(
    {"relax", "topi", "runtime", "contrib", "meta_schedule", "dlight", "adreno", "testing", "rpc", "driver"}
)
_CPP = (".cc", ".h")
_DOCS = (".md", ".rst", ".mdx")


@dataclass(frozen=True)
class SourceFile:
    """A file, and its path in the repository."""

    path: str
    file: Path

    def read(self) -> str:
        """Its text, whatever its bytes are; empty where it cannot be read any more."""
        try:
            return self.file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


@dataclass(frozen=True)
class Layout:
    """A tree: the folder of the ``tilelang`` package, of ``src``, of TVM, and of all that a wheel does not have."""

    package: Path
    source: Path
    tvm: Path
    repository: Path | None = None

    @classmethod
    def of_repository(cls, root: Path, tvm: Path | None = None) -> Layout:
        return cls(root / "tilelang", root / "src", tvm or root / "3rdparty" / "tvm", root)

    @classmethod
    def of_package(cls, package: Path) -> Layout:
        return cls(package, package / "src", package / "3rdparty" / "tvm")

    def cpp(self) -> Iterator[SourceFile]:
        yield from _below(self.source, "src", _CPP)
        yield from _below(self.tvm / "src", "3rdparty/tvm/src", (".cc",), _UNUSED_TVM)

    def python(self) -> Iterator[SourceFile]:
        yield from _below(self.package, "tilelang", (".py",), frozenset({"3rdparty", "src", "lib"}))
        yield from _below(self.tvm / "python" / "tvm", "3rdparty/tvm/python/tvm", (".py",), _UNUSED_TVM)

    def tests(self) -> Iterator[SourceFile]:
        if self.repository:
            yield from _below(self.repository / "testing", "testing", (".py",))

    def docs(self) -> Iterator[SourceFile]:
        if self.repository:
            yield from _below(self.repository / "docs", "docs", _DOCS)

    @property
    def has_cpp(self) -> bool:
        return self.source.is_dir()


def signature(files: Iterable[SourceFile]) -> str:
    """One hash over paths, sizes and times: two that are equal need no second reading."""
    digest = hashlib.sha256()
    for item in files:
        try:
            stat = item.file.stat()
        except OSError:
            continue
        digest.update(f"{item.path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _below(
    folder: Path, prefix: str, suffixes: tuple[str, ...], skip: frozenset[str] = frozenset()
) -> Iterator[SourceFile]:
    """Files with one of ``suffixes``, sorted; folders called like one of ``skip`` are left out."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in skip and name != "__pycache__")
        inside = os.path.relpath(root, folder).replace(os.sep, "/")
        shown = prefix if inside == "." else f"{prefix}/{inside}"
        for name in sorted(names):
            if name.endswith(suffixes):
                yield SourceFile(f"{shown}/{name}", Path(root, name))
