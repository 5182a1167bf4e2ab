"""Upstream's ``.pre-commit-config.yaml``: read, and made into one that needs a package index and no Git host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scaffold.contribute.preflight.hooks.table import KNOWN

CONFIG = ".pre-commit-config.yaml"
_VERSION = re.compile(r"v?(\d+(?:\.\d+)+(?:\.post\d+)?)")


@dataclass(frozen=True)
class Derived:
    """A configuration of the same hooks, from packages.

    Attributes
    ----------
    config
        What pre-commit takes.
    sources
        ``ruff 0.16.1``: packages the hooks come from.
    unknown
        Hooks it lacks, with the reason: of a repository that no package is known for, or of no version.
    """

    config: Mapping[str, Any]
    sources: tuple[str, ...]
    unknown: tuple[str, ...]


def read_config(root: Path) -> Mapping[str, Any] | None:
    """The configuration of a checkout; ``None`` where there is none that can be read."""
    try:
        document = yaml.safe_load((root / CONFIG).read_text(encoding="utf-8", errors="replace"))
    except (OSError, yaml.YAMLError):
        return None
    usable = isinstance(document, dict) and isinstance(document.get("repos"), list)
    return document if usable else None


def hook_settings(root: Path, hook: str) -> Mapping[str, Any]:
    """What the configuration of a checkout says of one hook; nothing where it has none."""
    for repository in (read_config(root) or {}).get("repos", ()):
        for settings in repository.get("hooks", ()) if isinstance(repository, dict) else ():
            if isinstance(settings, dict) and settings.get("id") == hook:
                return settings
    return {}


def remote_repositories(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Addresses pre-commit would clone."""
    found = [str(item.get("repo", "")) for item in config["repos"] if isinstance(item, dict)]
    return tuple(url for url in found if url not in ("local", "meta", ""))


def derive(config: Mapping[str, Any]) -> Derived:
    """The same hooks, arguments, files and versions, installed from packages."""
    repositories: list[Any] = []
    sources: list[str] = []
    unknown: list[str] = []
    for item in config["repos"]:
        url = str(item.get("repo", ""))
        if url in ("local", "meta"):
            repositories.append(item)
            continue
        hooks = [hook for hook in item.get("hooks") or () if isinstance(hook, dict)]
        known = KNOWN.get(_plain(url))
        version = _VERSION.fullmatch(str(item.get("rev", "")))
        if known is None or version is None:
            why = "no package is known for it" if known is None else f"its rev {item.get('rev')} names no version"
            unknown.append(f"{url} ({', '.join(str(hook.get('id')) for hook in hooks)}): {why}")
            continue
        made = []
        for hook in hooks:
            facts = known.hooks.get(str(hook.get("id")))
            if facts is None:
                unknown.append(f"{hook.get('id')} of {url}: not known what it runs")
                continue
            made.append(_local(hook, facts, known.package, version[1]))
        repositories += [{"repo": "local", "hooks": made}] if made else []
        sources.append(f"{known.package} {version[1]}")
    return Derived({**config, "repos": repositories}, tuple(sources), tuple(unknown))


def _local(hook: Mapping[str, Any], facts: Mapping[str, Any], package: str, version: str) -> dict[str, Any]:
    """One hook as pre-commit wants it of a local repository; what the configuration says goes before the facts."""
    extras, beside = "", []
    for wanted in map(str, hook.get("additional_dependencies") or ()):
        if match := re.fullmatch(r"\.(\[[\w,\s-]+\])?", wanted):
            extras = match[1] or ""
        else:
            beside.append(wanted)
    return {
        "name": str(hook.get("id")),
        **facts,
        **hook,
        "language": "python",
        "additional_dependencies": [f"{package}{extras}=={version}", *beside],
    }


def _plain(url: str) -> str:
    """``github.com/owner/name`` of any form of an address."""
    text = re.sub(r"^(https?://|ssh://|git://)?(git@)?", "", url.strip().lower()).replace(":", "/", 1)
    return text.removesuffix("/").removesuffix(".git")
