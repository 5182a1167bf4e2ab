"""The modules a bundle carries to unpack itself: standard library only, by a test."""

from __future__ import annotations

from pathlib import Path

from scaffold import errors

#: Everything ``python3 kit.tlbundle`` may import of ours.
MODULES = (
    "scaffold/__init__.py",
    "scaffold/errors.py",
    "scaffold/files.py",
    "scaffold/progress.py",
    "scaffold/builds/__init__.py",
    "scaffold/builds/asking.py",
    "scaffold/builds/marker.py",
    "scaffold/builds/process.py",
    "scaffold/builds/bundle/__init__.py",
    "scaffold/builds/bundle/box.py",
    "scaffold/builds/bundle/file.py",
    "scaffold/builds/bundle/install.py",
    "scaffold/builds/bundle/manifest.py",
    "scaffold/builds/bundle/objects.py",
    "scaffold/builds/bundle/unpack.py",
    "scaffold/builds/bundle/wheel_file.py",
    "scaffold/cli/__init__.py",
    "scaffold/cli/bundle.py",
    "scaffold/cli/main.py",
    "scaffold/cli/options.py",
    "scaffold/cli/unbundle.py",
)
_START = "scaffold/cli/run_bundle.py"


def program_files() -> dict[str, bytes]:
    """The modules by their path in the bundle, and what Python runs first."""
    root = Path(errors.__file__).resolve().parents[1]
    return {**{name: (root / name).read_bytes() for name in MODULES}, "__main__.py": (root / _START).read_bytes()}
