"""What of the third-party trees a build of TileLang reads, and what it does not.

Lists of what is left out, so that a part a later release adds is there. Sources: TVM's ``CMakeLists.txt`` and
``cmake/modules`` (each part below is entered only with an option TileLang leaves off, or at install time);
TileLang's ``pyproject.toml`` (of CUTLASS a wheel carries ``include`` and ``tools``).
"""

from __future__ import annotations

#: Below ``3rdparty/``: shared between builds. All else there is TileLang's own (``hip-headers``).
SHARED = ("tvm", "cutlass")

#: Submodules of TileLang no build reads: ROCm's headers come from ``hip-headers`` or the ROCm on the machine.
UNUSED_SUBMODULES = ("composable_kernel",)

_TVM = (
    *("apps", "ci", "docker", "docs", "jvm", "tests", "web", "gallery", "golang", "rust", "vta", ".github"),
    *("3rdparty/cutlass", "3rdparty/cutlass_fpA_intB_gemm", "3rdparty/libflash_attn", "3rdparty/OpenCL-Headers"),
    *(f"3rdparty/tvm-ffi/{part}" for part in ("addons", "docs", "examples", "rust", "tests", ".github")),
    *(f"ffi/{part}" for part in ("docs", "examples", "tests")),
    "3rdparty/vta-hw",
)
_CUTLASS = ("docs", "examples", "media", "python", "test", ".github")
_UNNEEDED = {"tvm": _TVM, "cutlass": _CUTLASS}

_MADE = ("__pycache__", ".git", "build", "dist")


def needed(tree: str, path: str) -> bool:
    """Whether a build reads ``path`` (relative, with ``/``) of the third-party tree called ``tree``."""
    parts = path.split("/")
    if ".git" in parts or "__pycache__" in parts:
        return False
    return not any(path == part or path.startswith(f"{part}/") for part in _UNNEEDED.get(tree, ()))


def made_by_tools(path: str) -> bool:
    """Whether ``path`` of a folder without Git is what a build leaves behind, not source."""
    parts = path.split("/")
    return (
        parts[0] in _MADE
        or any(part in ("__pycache__", ".git") or part.endswith(".egg-info") for part in parts)
        or path.endswith(".pyc")
    )
