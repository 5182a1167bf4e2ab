"""A folder that stands in for TVM's source where TVM is built already; upstream's own ``TVM_ROOT`` points at it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from scaffold.builds.native.lean_headers import write_lean_headers

CMAKE_FILES = Path(__file__).parent / "cmake"
_LIBRARIES = ("tvm_runtime", "tvm_compiler", "tvm")


def write_stand_in(tvm: Path, folder: Path, *, lean: bool) -> Path:
    """Make the stand-in of the TVM source ``tvm`` below ``folder`` and return it; one that is there is kept.

    It holds upstream's headers (``lean``: without what only TVM compiles) and CMake helpers, and our CMakeLists.txt.
    """
    templates = [CMAKE_FILES / name for name in ("stand_in.cmake", "prebuilt.cmake")]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in templates)).hexdigest()[:8]
    root = folder / f"stand-in-{tvm.name}-{'lean' if lean else 'full'}-{key}"
    if root.is_dir():
        return root
    unfinished = root.with_name(f"{root.name}.{os.getpid()}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        (unfinished / "cmake").mkdir(parents=True)
        if lean:
            write_lean_headers(tvm / "include", unfinished / "include")
        else:
            (unfinished / "include").symlink_to(tvm / "include")
        for name in ("src", "3rdparty", "ffi"):
            if (tvm / name).exists():
                (unfinished / name).symlink_to(tvm / name)
        for name in ("utils", "config.cmake"):
            (unfinished / "cmake" / name).symlink_to(tvm / "cmake" / name)
        (unfinished / "empty.cc").touch()
        shutil.copyfile(CMAKE_FILES / "stand_in.cmake", unfinished / "CMakeLists.txt")
        for name in _LIBRARIES:
            (unfinished / name).mkdir()
            shutil.copyfile(CMAKE_FILES / "prebuilt.cmake", unfinished / name / "CMakeLists.txt")
        unfinished.rename(root)
    except OSError:
        # Another build of the same TVM may have made it meanwhile.
        if not root.is_dir():
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return root
