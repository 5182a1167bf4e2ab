"""Rows for the programs that get and compile a source."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import sysconfig
import tempfile
from pathlib import Path

from scaffold.builds.asking import ask
from scaffold.builds.doctor.model import Row, missing, ok, warning
from scaffold.builds.doctor.packages import Packages
from scaffold.builds.machine import Tool, candidates, find_tool

#: Source: tile-ai/tilelang v0.1.14, CMakeLists.txt (cmake_minimum_required) and pyproject.toml (requires-python).
CMAKE_NEEDED = (3, 26)
PYTHON_NEEDED = (3, 10)

#: What C++17 needs of the language and of its library.
_CXX17 = """
#include <optional>
#include <string_view>
#include <variant>
extern "C" int scaffold_check(int x) {
  std::variant<int, std::string_view> v = x;
  std::optional<int> o;
  if constexpr (sizeof(int) >= 4) { o = std::get<0>(v); }
  return *o;
}
"""


def git_row(git: Tool | None, packages: Packages) -> Row:
    """Without Git a source still comes from the package index."""
    if git is None:
        return warning("no git: a source comes from the package index only (sdist:VERSION)", packages.install("git"))
    return ok(f"{git.version}, {git.path}")


def look_at_compiler(compiler: Tool | None) -> str:
    """Why ``compiler`` does not make a shared library of C++17; empty if it does."""
    if compiler is None:
        return ""
    with tempfile.TemporaryDirectory(prefix="scaffold-doctor-") as folder:
        source = Path(folder, "check.cc")
        source.write_text(_CXX17, encoding="utf-8")
        said = ask(
            [compiler.path, "-std=c++17", "-shared", "-fPIC", source, "-o", Path(folder, "check.so")], timeout_s=15
        )
        if said.ok:
            return ""
        errors = [line for line in said.text.splitlines() if "error" in line]
        return errors[0].replace(f"{folder}{os.sep}", "") if errors else said.why_not


def compiler_row(compiler: Tool | None, trouble: str, packages: Packages, named: str = "") -> Row:
    """``trouble`` as by :func:`look_at_compiler`; ``named`` is what ``CXX`` says."""
    if compiler is None and named:
        return missing(f"CXX={named} does not run", "unset CXX", lack="CXX names no C++ compiler", steps=("source",))
    if compiler is None:
        return missing("no c++, g++ or clang++", packages.install("c++"), lack="no C++ compiler", steps=("source",))
    if trouble:
        found = f"{compiler.path} {compiler.version} does not compile C++17: {trouble}"
        fix = packages.install("c++") + ("; unset CXX" if named else "")
        return missing(found, fix, lack="no working C++17 compiler", steps=("source",))
    return ok(f"{compiler.version}, {compiler.path}; compiles C++17")


def cmake_row(cmake: Tool | None) -> Row:
    """Never a worry: a build installs its own."""
    if cmake is None:
        return ok("none here; a build brings its own from pip")
    if tuple(map(int, cmake.version.split(".")[:2])) < CMAKE_NEEDED:
        needed = ".".join(map(str, CMAKE_NEEDED))
        return ok(f"{cmake.version}, {cmake.path}; TileLang needs {needed}: a build brings its own from pip")
    return ok(f"{cmake.version}, {cmake.path}; a build brings its own from pip")


def ninja_row(ninja: Tool | None) -> Row:
    if ninja is None:
        return ok("none here; a build brings its own from pip")
    return ok(f"{ninja.version}, {ninja.path}; a build brings its own from pip")


def look_for_cache() -> Tool | None:
    return find_tool("ccache") or find_tool("sccache")


def cache_row(cache: Tool | None, packages: Packages) -> Row:
    if cache is None:
        return warning(
            "neither ccache nor sccache: a second build compiles all of it again", packages.install("ccache")
        )
    return ok(f"{cache.name} {cache.version}, {cache.path}")


def look_for_python_header() -> Path | None:
    """``Python.h`` of the interpreter that builds are made with, which is ours."""
    header = Path(sysconfig.get_path("include"), "Python.h")
    return header if header.is_file() else None


def python_row(version: tuple[int, ...], executable: str) -> Row:
    """The interpreter that builds are made with."""
    shown = ".".join(map(str, version[:3]))
    if version[:2] < PYTHON_NEEDED:
        needed = ".".join(map(str, PYTHON_NEEDED))
        return missing(
            f"{shown}, {executable}; TileLang needs {needed}",
            f"run the kit with a newer Python: python{needed} -m scaffold doctor",
            lack=f"Python {shown} is too old",
            steps=("lower", "run", "source"),
        )
    return ok(f"{shown}, {executable}")


def header_row(header: Path | None, packages: Packages, version: tuple[int, ...] = sys.version_info[:2]) -> Row:
    """TileLang's Cython wrapper is compiled against ``Python.h``."""
    if header is None:
        python = ".".join(map(str, version[:2]))
        folder = sysconfig.get_path("include")
        return missing(
            f"no Python.h in {folder}: TileLang's Cython wrapper needs it",
            packages.install("python-headers", python),
            lack="no Python.h",
            steps=("source",),
        )
    return ok(str(header))


def look_at_virtualenv() -> tuple[str, str]:
    """What kind of environment virtualenv would make here, and why it would not; it makes none."""
    try:
        import virtualenv

        with tempfile.TemporaryDirectory(prefix="scaffold-doctor-") as folder:
            arguments = [str(Path(folder, "env")), "--no-periodic-update", "--app-data", str(Path(folder, "app"))]
            session = virtualenv.session_via_cli(arguments, setup_logging=False)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, no build can be made
        return "", f"{type(error).__name__}: {error}"
    return f"virtualenv {virtualenv.__version__} on {session.interpreter.implementation} {platform.machine()}", ""


def virtualenv_row(found: str, trouble: str) -> Row:
    """As by :func:`look_at_virtualenv`."""
    if trouble:
        return missing(
            f"cannot make a virtual environment: {trouble}",
            f"{shlex.quote(sys.executable)} -m pip install --force-reinstall virtualenv",
            lack="no virtual environments",
            steps=("lower", "run", "source"),
        )
    return ok(found)


def program_that_fails(name: str) -> str:
    """The first program of this name on ``PATH``, with why it does not run; empty if it does, or if there is none."""
    path = next(candidates(name), None)
    answer = ask([path, "--version"], timeout_s=2.0) if path else None
    return f"{path}: {answer.why_not}" if answer and not answer.ok else ""
