"""A TileLang one can run a probe in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Build:
    """Its name (``wheel:0.1.15``) and its interpreter."""

    name: str
    python: str
