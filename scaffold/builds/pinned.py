"""Find the TileLang that a project asks for: ``--build auto``.

A lock says which version it was tried with, so it goes before a requirement. Formats: uv.lock, poetry.lock and pdm.lock
list ``[[package]]`` tables, pylock.toml (https://packaging.python.org/en/latest/specifications/pylock-toml/)
``[[packages]]``; requirement files hold a requirement a line (PEP 508); pyproject.toml lists of requirements (PEP 621,
PEP 735) or Poetry's own tables.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from scaffold.errors import UnknownBuildError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PACKAGE = "tilelang"
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")
_POETRY = re.compile(r"\s*(?P<kind>[\^~])\s*(?P<numbers>\d+(?:\.\d+)*)\s*\Z")


@dataclass(frozen=True)
class Pinned:
    """What a project asks for; ``file`` is where it says so."""

    requirement: Requirement
    file: Path

    def __str__(self) -> str:
        return f"{self.requirement} ({self.file.name})"


def find_pinned(start: Path) -> Pinned:
    """The nearest statement about TileLang, from the folder ``start`` up to the root of the checkout.

    Raises
    ------
    UnknownBuildError
        If none says which TileLang it is for, or one asks for another than a release.
    """
    folder = start.resolve()
    for parent in (folder, *folder.parents):
        for file, requirement in _statements(parent):
            if requirement.url is not None:
                raise UnknownBuildError(
                    f"{file} asks for {requirement}, which is no release",
                    hint="name the build: git:COMMIT, path:DIR or wheel:VERSION",
                )
            return Pinned(requirement, file)
        if (parent / ".git").exists():
            break
    raise UnknownBuildError(
        f"nothing from {folder} up says which TileLang it is for",
        hint="looked in locks, requirement files, pyproject.toml, setup.cfg and setup.py; or say --build wheel:0.1.15",
    )


def _statements(folder: Path) -> Iterator[tuple[Path, Requirement]]:
    """Every requirement of TileLang in the files of a folder, the most exact kind of file first."""
    for name in _LOCKS:
        yield from ((folder / name, item) for item in _of_lock(_toml(folder / name)))
    listed = sorted(
        [*folder.glob("*requirements*.txt"), *folder.glob("requirements/*.txt"), *folder.glob("*constraints*.txt")]
    )
    for path in listed:
        yield from ((path, item) for item in _read_all(_lines(path)))
    path = folder / "pyproject.toml"
    yield from ((path, item) for item in _of_project(_toml(path)))
    path = folder / "setup.cfg"
    yield from ((path, item) for item in _read_all(_of_setup_cfg(path)))
    path = folder / "setup.py"
    yield from ((path, item) for item in _read_all(_strings(path)))


def _of_lock(document: dict[str, Any]) -> Iterator[Requirement]:
    packages = document.get("package") or document.get("packages") or []
    for package in packages if isinstance(packages, list) else []:
        if canonicalize_name(str(package.get("name", ""))) == _PACKAGE and "version" in package:
            yield Requirement(f"{_PACKAGE}=={package['version']}")


def _of_project(document: dict[str, Any]) -> Iterator[Requirement]:
    project = document.get("project", {})
    lists = [project.get("dependencies", [])]
    lists += [*project.get("optional-dependencies", {}).values(), *document.get("dependency-groups", {}).values()]
    yield from _read_all(str(line) for lines in lists for line in lines)
    poetry = document.get("tool", {}).get("poetry", {})
    tables = [
        poetry.get("dependencies", {}),
        *(group.get("dependencies", {}) for group in poetry.get("group", {}).values()),
    ]
    for table in tables:
        for name, value in table.items():
            if canonicalize_name(name) == _PACKAGE:
                version = value.get("version", "*") if isinstance(value, dict) else str(value)
                yield Requirement(f"{_PACKAGE}{_poetry_range(version)}")


def _poetry_range(text: str) -> str:
    """Poetry's ``^`` and ``~`` as PEP 440 has them (https://python-poetry.org/docs/dependency-specification/)."""
    match = _POETRY.match(text)
    if match is None:
        try:
            return str(
                SpecifierSet("" if text.strip() == "*" else text if text.strip()[:1] in "<>=!~" else f"=={text}")
            )
        except InvalidSpecifier:
            return ""
    numbers = [int(part) for part in match["numbers"].split(".")]
    # ``^`` lets everything change below the first number that is not 0, ``~`` what is below the second.
    first = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
    at = first if match["kind"] == "^" else min(1, len(numbers) - 1)
    above = [*numbers[:at], numbers[at] + 1]
    return f">={match['numbers']},<{'.'.join(map(str, above))}"


def _read_all(lines: Iterator[str]) -> Iterator[Requirement]:
    """The lines that are requirements of TileLang."""
    for line in lines:
        if not re.match(rf"\s*{_PACKAGE}\b", line, re.IGNORECASE):
            continue
        try:
            requirement = Requirement(line.split(" #")[0].split(" --")[0].rstrip("\\ ").strip())
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) == _PACKAGE and (
            requirement.marker is None or requirement.marker.evaluate()
        ):
            yield requirement


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _lines(path: Path) -> Iterator[str]:
    return iter(_text(path).splitlines())


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError:
        return {}


def _of_setup_cfg(path: Path) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(_text(path))
    except configparser.Error:
        return
    for section in ("options", "options.extras_require"):
        for value in parser[section].values() if parser.has_section(section) else ():
            yield from value.splitlines()


def _strings(path: Path) -> Iterator[str]:
    """The strings of a Python file: ``setup.py`` is not run."""
    try:
        tree = ast.parse(_text(path))
    except (SyntaxError, ValueError):
        return
    yield from (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
