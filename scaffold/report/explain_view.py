"""One kernel on two sides, from the pass that parts them to the time they take: four links of a chain.

Each link holds what one verb said, and names the report it is taken from.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """One link: ``headline`` answers, ``lines`` prove it, ``reports`` are files beside the page.

    ``missing`` says why there is no answer, empty where there is one.
    """

    title: str
    headline: str = ""
    lines: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Explanation:
    """The whole page; ``links`` go from the pass over code and metrics to the time."""

    kernel: str
    headline: str
    sides: tuple[str, str]
    links: tuple[Link, ...]
    folder: str
    command: str
    next_command: str
