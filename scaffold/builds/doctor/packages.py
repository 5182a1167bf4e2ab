"""The command that installs a thing here: apt, dnf, zypper, pacman, apk, brew or conda, as this machine has it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.machine import candidates

#: Manager -> its command, and the packages that hold a thing. ``{python}`` is ``3.11``, ``{python_flat}`` ``311``.
_MANAGERS: dict[str, tuple[str, dict[str, str]]] = {
    "apt-get": ("apt-get install -y", {"c++": "g++", "python-headers": "python{python}-dev"}),
    "dnf": ("dnf install -y", {"c++": "gcc-c++", "python-headers": "python{python}-devel"}),
    "yum": ("yum install -y", {"c++": "gcc-c++", "python-headers": "python{python}-devel"}),
    "zypper": ("zypper install -y", {"c++": "gcc-c++", "python-headers": "python{python_flat}-devel"}),
    "pacman": ("pacman -S --needed", {"c++": "gcc", "python-headers": "python"}),
    "apk": ("apk add", {"c++": "g++", "python-headers": "python3-dev"}),
    "brew": ("brew install", {"python-headers": "python@{python}"}),
    "conda": ("conda install -y -c conda-forge", {"c++": "gxx", "python-headers": "python={python}"}),
}


#: Where managers are even if PATH is broken.
_FOLDERS = tuple(map(Path, ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/opt/homebrew/bin", "/usr/local/bin")))


@dataclass(frozen=True)
class Packages:
    """``manager`` is a key of the table above, or empty where none is known; ``root`` whether we may install."""

    manager: str
    root: bool
    sudo: bool

    @classmethod
    def of_this_machine(cls) -> Packages:
        known = [name for name in _MANAGERS if _is_here(name)]
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        sudo = _is_here("sudo")
        if sys.platform == "darwin" and "brew" in known:
            return cls("brew", root, sudo)
        # Without a way to become root, conda is what still works.
        if not (root or sudo) and "conda" in known:
            return cls("conda", root, sudo)
        return cls(known[0] if known else "", root, sudo)

    def install(self, thing: str, python: str = "3") -> str:
        """The command for ``thing``: a key of the table, or a package called the same everywhere (``git``)."""
        if thing == "c++" and sys.platform == "darwin":
            return "xcode-select --install"
        if not self.manager:
            return f"install {thing} with your system's package manager"
        command, names = _MANAGERS[self.manager]
        package = names.get(thing, thing).format(python=python, python_flat=python.replace(".", ""))
        if self.root or self.manager in ("brew", "conda"):
            return f"{command} {package}"
        return f"{'sudo' if self.sudo else 'as root:'} {command} {package}"


def _is_here(name: str) -> bool:
    return next(candidates(name, folders=_FOLDERS), None) is not None
