"""Which locked versions hold for an environment of a build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from scaffold.errors import EnvironmentProblem
from scaffold.locked_pip import VARIABLE, constraints_file, read_pins


def pins_for(arguments: Sequence[str], shared: Iterable[Path]) -> list[str]:
    """The locked versions for ``pip install arguments`` beside what lies in the folders ``shared``.

    What a release bounds to other versions is left to it, as is what an interpreter of the user's has already: his
    PyTorch was compiled against that NumPy.

    Raises
    ------
    EnvironmentProblem
        If the file that names them cannot be read.
    """
    from importlib.metadata import distributions

    required = list(filter(None, map(_requirement, arguments)))
    present = {canonicalize_name(item.name) for item in distributions(path=[str(folder) for folder in shared])}
    return [
        pin
        for pin in _pins()
        if (locked := Requirement(pin)).name not in present
        and all(item.name != locked.name or item.specifier.contains(_version(locked)) for item in required)
    ]


def locked_versions(markers: Mapping[str, str]) -> dict[str, str]:
    """Versions by project, for an interpreter that ``markers`` describe."""
    locked = map(Requirement, _pins())
    return {item.name: _version(item) for item in locked if item.marker is None or item.marker.evaluate(dict(markers))}


def _pins() -> list[str]:
    try:
        return read_pins(constraints_file())
    except OSError as error:
        raise EnvironmentProblem(
            f"cannot read {constraints_file()}: {error}", hint=f"name a file of constraints in {VARIABLE}, or none"
        ) from error


def _requirement(argument: str) -> Requirement | None:
    try:
        found = Requirement(argument)
    except InvalidRequirement:
        return None  # an option of pip, or its value
    found.name = canonicalize_name(found.name)
    return found


def _version(pin: Requirement) -> str:
    return next(iter(pin.specifier)).version
