"""The package index and certificates that pip is set up to use.

Order and places: https://pip.pypa.io/en/stable/topics/configuration/ (environment over file, site over user over all).
"""

from __future__ import annotations

import configparser
import os
import sys
from dataclasses import dataclass
from pathlib import Path

_PYPI = "https://pypi.org/simple"


@dataclass(frozen=True)
class PipSettings:
    """Indexes in the order they are asked, and the certificate bundle, if one is set."""

    indexes: tuple[str, ...] = (_PYPI,)
    certificate: str | None = None


def read_pip_settings() -> PipSettings:
    """The settings pip would use here."""
    first = _setting("index-url") or _PYPI
    return PipSettings((first, *(_setting("extra-index-url") or "").split()), _setting("cert"))


def _setting(name: str) -> str | None:
    value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if value:
        return value.strip()
    for path in _files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue
        for section in ("install", "download", "global"):
            if value := parser.get(section, name, fallback="").strip():
                return value
    return None


def _files() -> list[Path]:
    """Configuration files, the one that counts most first."""
    if os.environ.get("PIP_CONFIG_FILE") == os.devnull:
        return []
    home = Path.home()
    user_config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    shared = [Path(folder) / "pip" for folder in os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if folder]
    if sys.platform == "darwin":
        shared.append(Path("/Library/Application Support/pip"))
        user_config = (
            home / "Library/Application Support" if (home / "Library/Application Support/pip").is_dir() else user_config
        )
    named = [Path(os.environ["PIP_CONFIG_FILE"])] if os.environ.get("PIP_CONFIG_FILE") else []
    return [
        *named,
        Path(sys.prefix) / "pip.conf",
        user_config / "pip" / "pip.conf",
        home / ".pip" / "pip.conf",
        Path("/etc/pip.conf"),
        *(folder / "pip.conf" for folder in shared),
    ]
