"""Kernel specs: what to compile, as the command line names it.

A spec is a source (``gemm`` or ``file.py::function``), parameters, a target, pass configs and a build.
``--baseline`` and ``--candidate`` take a SPEC: a comma list of ``build=…``, ``target=…``, ``param=value`` and
``pass.config=value``; what a SPEC leaves out comes from the rest of the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from scaffold.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """One SPEC: everything but the kernel's name, values still as typed."""

    target: str | None = None
    build: str | None = None
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    pass_configs: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    import_roots: tuple[str, ...] = ()

    def overlaid(self, other: Settings) -> Settings:
        """These settings, with what ``other`` says on top."""
        return replace(
            self,
            target=other.target or self.target,
            build=other.build or self.build,
            parameters=MappingProxyType({**self.parameters, **other.parameters}),
            pass_configs=MappingProxyType({**self.pass_configs, **other.pass_configs}),
            import_roots=other.import_roots or self.import_roots,
        )

    def describe(self) -> str:
        """The settings as a SPEC, empty when they say nothing."""
        parts = [f"build={self.build}"] if self.build else []
        parts += [f"target={self.target}"] if self.target else []
        parts += [f"{key}={value}" for key, value in {**self.parameters, **self.pass_configs}.items()]
        return ",".join(parts)


def parse_assignments(assignments: Iterable[str], *, flag: str) -> Settings:
    """Read ``key=value`` items of ``flag`` (``--set``, ``--baseline`` …).

    A key with a dot is a pass config (``tl.disable_warp_specialized``), as every TVM pass config has one and no Python
    parameter can.

    Raises
    ------
    UsageError
        If an item has no ``=``, no key, or names one key twice with different values.
    """
    target: str | None = None
    build: str | None = None
    parameters: dict[str, str] = {}
    pass_configs: dict[str, str] = {}
    for item in assignments:
        key, separator, value = item.partition("=")
        key, value = key.strip(), value.strip()
        if not separator or not key or not value:
            raise UsageError(f"{flag} takes key=value, got {item!r}", hint=f"for example: {flag} num_stages=2")
        seen = {"target": target, "build": build}.get(key) or parameters.get(key) or pass_configs.get(key)
        if seen is not None and seen != value:
            raise UsageError(f"{flag} names {key!r} twice: {seen!r} and {value!r}", hint="keep one of them")
        if key == "target":
            target = value
        elif key == "build":
            build = value
        elif "." in key:
            pass_configs[key] = value
        else:
            parameters[key] = value
    return Settings(
        target=target,
        build=build,
        parameters=MappingProxyType(parameters),
        pass_configs=MappingProxyType(pass_configs),
    )


def split_spec(text: str) -> list[str]:
    """Split a SPEC at its commas, but not inside brackets: ``A=float16[1024,64],num_stages=2`` has two items."""
    items, depth, current = [], 0, ""
    for character in text:
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            items.append(current)
            current = ""
        else:
            current += character
    return [item for item in [*items, current] if item.strip()]


def parse_spec(text: str, *, flag: str) -> Settings:
    """Read the SPEC of ``--baseline`` or ``--candidate``; an empty one changes nothing."""
    return parse_assignments(split_spec(text), flag=flag)
