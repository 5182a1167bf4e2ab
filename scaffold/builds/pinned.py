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
from collections.abc import Callable, Iterator
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
_LISTS = ("*requirements*.txt", "requirements/*.txt", "*constraints*.txt")
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
    listed = [path for pattern in _LISTS for path in folder.glob(pattern)]
    readers: list[tuple[Path, Callable[[str], Iterator[str]]]] = [
        *((folder / name, _of_lock) for name in _LOCKS),
        *((path, _lines) for path in sorted(listed)),
        (folder / "pyproject.toml", _of_project),
        (folder / "setup.cfg", _of_setup_cfg),
        (folder / "setup.py", _strings),
    ]
    for path, lines_of in readers:
        yield from ((path, requirement) for requirement in _read_all(lines_of(_text(path))))


def _of_lock(text: str) -> Iterator[str]:
    document = _toml(text)
    packages = document.get("package") or document.get("packages")
    for package in map(_table, packages if isinstance(packages, list) else []):
        yield f"{package.get('name')}=={package.get('version')}"


def _of_project(text: str) -> Iterator[str]:
    document = _toml(text)
    project = _table(document.get("project"))
    lists = [project.get("dependencies")]
    for groups in (project.get("optional-dependencies"), document.get("dependency-groups")):
        lists += _table(groups).values()
    for lines in lists:
        yield from map(str, lines if isinstance(lines, list) else [])
    poetry = _table(_table(document.get("tool")).get("poetry"))
    for part in (poetry, *map(_table, _table(poetry.get("group")).values())):
        for name, value in _table(part.get("dependencies")).items():
            yield f"{name}{_poetry_range(str(_table(value).get('version', '*') if isinstance(value, dict) else value))}"


def _table(value: Any) -> dict[str, Any]:
    """A table of a TOML file; an empty one where something else stands."""
    return value if isinstance(value, dict) else {}


def _poetry_range(text: str) -> str:
    """Poetry's ``^`` and ``~`` as PEP 440 has them (https://python-poetry.org/docs/dependency-specification/)."""
    match = _POETRY.match(text)
    if match is None:
        plain = text.strip()
        try:
            return str(SpecifierSet("" if plain == "*" else plain if plain[:1] in "<>=!~" else f"=={plain}"))
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


def _lines(text: str) -> Iterator[str]:
    yield from text.splitlines()


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _of_setup_cfg(text: str) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for section in ("options", "options.extras_require"):
        for value in parser[section].values() if parser.has_section(section) else ():
            yield from value.splitlines()


def _strings(text: str) -> Iterator[str]:
    """The strings of a Python file: ``setup.py`` is not run."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    yield from (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
