"""Which TileLang this process loaded."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path
from typing import Any


def identity(tilelang: Any, tvm: Any) -> dict[str, Any]:
    return {
        "tilelang_version": str(tilelang.__version__),
        "tilelang_path": str(Path(tilelang.__file__).parent),
        "tir_namespace": "tirx" if hasattr(tvm, "tirx") else "tir",
        "libraries": _loaded_libraries(Path(tilelang.__file__).parent),
        "packages": _package_versions(("apache-tvm-ffi", "torch", "z3-solver")),
        "python": platform.python_version(),
        "pid": os.getpid(),
    }


def _loaded_libraries(package: Path, maps: Path = Path("/proc/self/maps")) -> list[str]:
    """Paths of the TileLang and TVM libraries in this process, from the kernel's own list of mappings.

    macOS has no such list: there they are those in the first of the two folders TileLang's own loader looks in.
    """
    if not maps.exists():
        folders = (package / "lib", package.parent / "build" / "lib")
        found = (sorted([*folder.glob("libtilelang*"), *folder.glob("libtvm*")]) for folder in folders)
        return [str(path) for path in next(filter(None, found), [])]
    paths = {line.split(maxsplit=5)[5] for line in maps.read_text().splitlines() if line.count("/")}
    return sorted(path for path in paths if Path(path).name.startswith(("libtilelang", "libtvm")))


def _package_versions(names: tuple[str, ...]) -> dict[str, str]:
    from importlib import metadata

    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
