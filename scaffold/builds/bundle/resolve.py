"""Which wheels an environment of another Python or platform needs, asked of pip.

pip judges environment markers by the interpreter it runs in (``pip download --python-version`` documents that only
the choice of wheels is affected), and PyTorch, which the box has, must not be resolved at all. So pip is asked for one
layer at a time, without dependencies, and the markers are judged here for the interpreter the bundle is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from scaffold.builds.bundle.target import Target
from scaffold.builds.environment import Environment
from scaffold.builds.process import run_logged
from scaffold.errors import BuildFailedError
from scaffold.files import file_sha256

#: A chain of dependencies longer than this is a circle that never settles.
_MOST_ROUNDS = 20


@dataclass(frozen=True)
class Choice:
    """A wheel that pip chose."""

    name: str
    version: str
    file: str
    sha256: str


class Resolver:
    """Asks the pip of ``environment`` for wheels for ``target``; keeps them in ``cache``."""

    def __init__(self, environment: Environment, target: Target, cache: Path, options: Sequence[str] = ()) -> None:
        self.environment = environment
        self.target = target
        self.cache = cache
        self.options = tuple(options)

    def resolve(
        self,
        requirements: Iterable[str],
        *,
        without: frozenset[str] = frozenset(),
        pins: Mapping[str, str] | None = None,
        preferred: Mapping[str, str] | None = None,
    ) -> list[Choice]:
        """Wheels for ``requirements`` and all they depend on, save projects named in ``without``.

        ``pins`` are the versions of some projects, wherever they are needed; ``preferred`` likewise, where all who
        require one of them allow it.

        Raises
        ------
        BuildFailedError
            If there is no wheel for one of them, or no index answers.
        """
        roots = [requirement for requirement in map(Requirement, requirements) if self._applies(requirement, "")]
        roots = [requirement for requirement in roots if canonicalize_name(requirement.name) not in without]
        exact = {str(canonicalize_name(name)): version for name, version in (pins or {}).items()}
        wanted = _merge(roots, exact, preferred or {})
        for _ in range(_MOST_ROUNDS):
            arguments = [*self.target.pip_options, *self.options, *sorted(wanted)]
            found = {
                canonicalize_name(item["metadata"]["name"]): item for item in self.environment.would_install(arguments)
            }
            grown = _merge(self._closure(roots, found, without), exact, preferred or {})
            if grown == wanted:
                return sorted(map(_choice, found.values()), key=lambda choice: choice.name)
            wanted = grown
        raise BuildFailedError("the dependencies do not settle", hint="pin some of them", context={"asked": wanted})

    def download(self, choices: Iterable[Choice]) -> list[Path]:
        """The wheels, from the cache or the index.

        Raises
        ------
        BuildFailedError
            If one cannot be had, or is not the file the index named.
        """
        listed = list(choices)
        missing = [choice for choice in listed if not self._is_here(choice)]
        if missing:
            self.cache.mkdir(parents=True, exist_ok=True)
            command = [str(self.environment.python), "-m", "pip", "download", "--no-deps", "--quiet", "--no-input"]
            options = (f"--dest={self.cache}", *self.target.pip_platform, *self.options)
            pins = [f"{choice.name}=={choice.version}" for choice in missing]
            finished = run_logged(
                [*command, *options, *pins],
                log=self.environment.log,
                progress=self.environment.progress,
                bound=True,
            )
            if finished.returncode != 0:
                raise BuildFailedError(
                    f"cannot download {', '.join(pins)}", hint=f"read {finished.log}, then run the command again"
                )
        for choice in missing:
            if not self._is_here(choice):
                (self.cache / choice.file).unlink(missing_ok=True)
                raise BuildFailedError(
                    f"{choice.file} is not the file the index names: its sha256 differs", hint="run the command again"
                )
        return [self.cache / choice.file for choice in listed]

    def _is_here(self, choice: Choice) -> bool:
        path = self.cache / choice.file
        return path.is_file() and (not choice.sha256 or file_sha256(path) == choice.sha256)

    def _closure(
        self, roots: list[Requirement], found: dict[Any, dict[str, Any]], without: frozenset[str]
    ) -> list[Requirement]:
        """The roots and every requirement of what was found for them."""
        reached, queue, seen = [], list(roots), set()
        while queue:
            requirement = queue.pop()
            name = canonicalize_name(requirement.name)
            if name in without:
                continue
            reached.append(requirement)
            for extra in ("", *sorted(requirement.extras)):
                if name not in found or (name, extra) in seen:
                    continue
                seen.add((name, extra))
                needs = map(Requirement, found[name]["metadata"].get("requires_dist") or [])
                queue += [need for need in needs if self._applies(need, extra)]
        return reached

    def _applies(self, requirement: Requirement, extra: str) -> bool:
        if requirement.marker is None:
            return not extra
        return requirement.marker.evaluate({**self.target.markers, "extra": extra})


def _merge(
    requirements: Iterable[Requirement], pins: Mapping[str, str], preferred: Mapping[str, str]
) -> frozenset[str]:
    """One line a project, so that pip sees every bound; markers were judged, extras are followed by us."""
    bounds: dict[str, set[str]] = {}
    for requirement in requirements:
        bounds.setdefault(canonicalize_name(requirement.name), set()).update(map(str, requirement.specifier))
    for name, bound in bounds.items():
        version = pins.get(name, preferred.get(name))
        if version and (name in pins or SpecifierSet(",".join(bound)).contains(version)):
            bound.add(f"=={version}")
    return frozenset(name + ",".join(sorted(bound)) for name, bound in bounds.items())


def _choice(item: dict[str, Any]) -> Choice:
    url: str = item["download_info"]["url"]
    archive = item["download_info"]["archive_info"]
    digest = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").removeprefix("sha256=")
    file = url.partition("#")[0].rpartition("/")[2].replace("%2B", "+")
    return Choice(canonicalize_name(item["metadata"]["name"]), item["metadata"]["version"], file, digest)
