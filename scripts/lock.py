#!/usr/bin/env python3
"""The versions the kit is tested with: renew the lock, and try the newest and the lowest ones.

- ``lock.py renew`` writes ``constraints.txt`` anew and shows what moved.
- ``lock.py newest -o FILE`` writes the newest version of everything for this Python, ``lock.py lowest -o FILE`` the
  lowest of every direct dependency.
- ``lock.py test FILE`` runs the tests in this environment, which was made with ``FILE``. Where some fail, it puts one
  library after another back to its locked version and runs those again; the last lines name the library behind each.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from packaging.requirements import Requirement  # noqa: E402 - found by the line above

from scaffold.locked_pip import canonical_name, read_pins  # noqa: E402

LOCK = ROOT / "constraints.txt"
OLDEST_PYTHON = "3.10"
HEADER = """\
# One version of everything that the kit, its tests and its builds install, for Python 3.10 and later.
# Made by `nox -s lock`, which shows what moved; do not edit it by hand.
"""
#: PyTorch and TileLang are chosen by a setting and by name; PyTorch's wheels pin its CUDA libraries and Triton.
_NOT_LOCKED = re.compile(r"(torch|triton|tilelang|cuda-.*|nvidia-.*)$")
_LOCKED_ALL_THE_SAME = ("nvidia-cuda-nvdisasm", "nvidia-ml-py")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("renew", help="write constraints.txt anew and show what moved")
    for name in ("newest", "lowest"):
        verbs.add_parser(name, help=f"resolve the {name} versions for this Python").add_argument(
            "-o", dest="file", type=Path, required=True
        )
    test = verbs.add_parser("test", help="run the tests; name the library behind each failure")
    test.add_argument("file", type=Path)
    test.add_argument("pytest", nargs="*", default=[])
    options = parser.parse_args()
    if options.verb == "test":
        return run_tests(options.file, options.pytest)
    if options.verb == "renew":
        write_lock(LOCK, resolve("--universal", f"--python-version={OLDEST_PYTHON}"))
        return 0
    lowest = ("--resolution=lowest-direct",) if options.verb == "lowest" else ()
    # A release that was never built for this Python is not one anybody has.
    write_lock(options.file, resolve(f"--python-version={this_python()}", "--only-binary=:all:", *lowest))
    return 0


def resolve(*options: str) -> list[str]:
    """What uv resolves all that pyproject.toml requires to, one ``name==version ; marker`` a line."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    command = ["uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--all-extras", "pyproject.toml"]
    command += [f"--group={name}" for name in groups]
    done = subprocess.run([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"error: uv cannot resolve pyproject.toml\nhint: {' '.join([*command, *options])}")
    pins = [line for line in done.stdout.splitlines() if "==" in line]
    return [pin for pin in pins if _is_locked(canonical_name(pin))]


def _is_locked(name: str) -> bool:
    return name in _LOCKED_ALL_THE_SAME or not _NOT_LOCKED.match(name)


def write_lock(file: Path, pins: Sequence[str]) -> None:
    """Write ``pins`` to ``file``, and show in which they differ from the lock."""
    before = by_name(read_pins(LOCK) if LOCK.is_file() else [])
    after = by_name(pins)
    file.write_text(HEADER + "".join(f"{pin}\n" for pin in pins), encoding="utf-8")
    moved = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    for name in moved:
        print(f"{name}: {before.get(name, 'new')} -> {after.get(name, 'gone')}")
    print(f"{file.name}: {len(after)} projects, {len(moved)} moved")


def by_name(pins: Sequence[str]) -> dict[str, str]:
    """The versions that hold for this Python, or all of a project that has none for it."""
    found: dict[str, str] = {}
    for pin in map(Requirement, pins):
        if pin.marker is None or pin.marker.evaluate():
            found[pin.name] = str(pin.specifier).removeprefix("==")
    return found


def this_python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def run_tests(file: Path, arguments: Sequence[str]) -> int:
    """All tests, then those that failed with one library at a time at its locked version."""
    failed = failing([*arguments, "-n", "auto", "--maxprocesses=8", "--dist=worksteal"])
    if not failed:
        return 0
    tried, locked = by_name(read_pins(file)), by_name(read_pins(LOCK))
    installed = [name for name in tried if name in locked and tried[name] != locked[name] and is_installed(name)]
    causes: dict[str, str] = {}
    for name in installed:
        unexplained = [test for test in failed if test not in causes]
        if not unexplained:
            break
        swap(name, locked[name])
        still = failing(unexplained)
        causes |= {test: name for test in unexplained if test not in still}
        swap(name, tried[name])
    for test in failed:
        name = causes.get(test, "")
        why = f"{name} {tried[name]}, not with {locked[name]}" if name else "no single library"
        print(f"fails with {why}: {test}")
    return 1


def failing(arguments: Sequence[str]) -> list[str]:
    """The tests that fail, as pytest names them on its command line."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "-o", "junit_family=xunit1"]
        done = subprocess.run([*command, *arguments], cwd=ROOT, check=False)
        if not report.is_file():
            sys.exit(f"error: pytest ended with {done.returncode} and no report")
        cases = ElementTree.parse(report).getroot().iter("testcase")
        bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        return [f"{case.get('file')}::{case.get('name')}" for case in bad]


def is_installed(name: str) -> bool:
    command = [sys.executable, "-m", "pip", "show", "--quiet", name]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def swap(name: str, version: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", f"{name}=={version}"]
    subprocess.run(command, check=False)


if __name__ == "__main__":
    sys.exit(main())
