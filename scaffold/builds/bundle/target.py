"""The Python and platform a bundle is made for."""

from __future__ import annotations

import os
import platform as machine_facts
import re
import sys
from dataclasses import dataclass
from functools import cached_property

from scaffold.errors import UsageError

#: What most machines of the last years have: RHEL 8, Debian 10, Ubuntu 18.10 (PEP 600 names platforms by glibc).
_USUAL_GLIBC = (2, 28)
_OLDEST_GLIBC = (2, 5)
#: Older names for a platform (PEP 513, 571, 599).
_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}

_PYTHON = re.compile(r"3\.\d{1,2}\Z")
_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_(\w+)\Z")
_MACOS = re.compile(r"macosx_(\d+)_(\d+)_(arm64|x86_64)\Z")


@dataclass(frozen=True)
class Target:
    """CPython ``python`` (``3.12``) on ``platform`` (``manylinux_2_28_x86_64``)."""

    python: str
    platform: str

    def __post_init__(self) -> None:
        if not _PYTHON.match(self.python) or int(self.python.partition(".")[2]) < 10:
            raise UsageError(f"no Python {self.python!r} is supported", hint="say --python 3.12 (3.10 or newer)")
        if not (_MANYLINUX.match(self.platform) or _MACOS.match(self.platform)):
            raise UsageError(
                f"unknown platform {self.platform!r}",
                hint="say --platform manylinux_2_28_x86_64, manylinux_2_28_aarch64 or macosx_11_0_arm64",
            )

    @cached_property
    def system(self) -> str:
        return "linux" if self.platform.startswith("manylinux") else "darwin"

    @cached_property
    def machine(self) -> str:
        match = _MANYLINUX.match(self.platform) or _MACOS.match(self.platform)
        return match.group(3) if match else ""

    @property
    def platforms(self) -> tuple[str, ...]:
        """Platform tags whose wheels run there, the most specific first."""
        match = _MANYLINUX.match(self.platform)
        if match is None:
            major, minor = map(int, self.platform.split("_")[1:3])
            older = [f"macosx_{major}_{number}_{self.machine}" for number in range(minor, -1, -1)]
            older += [f"macosx_{number}_0_{self.machine}" for number in range(major - 1, 10, -1)]
            return (*older, *(f"macosx_{major}_{number}_universal2" for number in range(minor, -1, -1)))
        major, newest = int(match[1]), int(match[2])
        tags: list[str] = []
        for minor in range(newest, _OLDEST_GLIBC[1] - 1, -1):
            tags.append(f"manylinux_{major}_{minor}_{self.machine}")
            if legacy := _LEGACY.get((major, minor)):
                tags.append(f"{legacy}_{self.machine}")
        return (*tags, f"linux_{self.machine}")

    @property
    def pip_platform(self) -> tuple[str, ...]:
        """Options of pip that choose wheels for this Python and platform."""
        chosen = (f"--python-version={self.python}", "--implementation=cp", "--only-binary=:all:")
        return (*chosen, *(f"--platform={tag}" for tag in self.platforms))

    @property
    def pip_options(self) -> tuple[str, ...]:
        """The same for ``pip install --dry-run``, which also wants a folder it will not touch."""
        return (*self.pip_platform, "--target=not-made")

    @property
    def markers(self) -> dict[str, str]:
        """Environment markers (PEP 508) of this Python and platform."""
        return {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "platform_python_implementation": "CPython",
            "os_name": "posix",
            "sys_platform": self.system,
            "platform_system": self.system.capitalize(),
            "platform_machine": self.machine,
            "platform_release": "",
            "platform_version": "",
        }


def this_python() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def this_platform() -> str:
    """The platform of this machine, with a glibc no newer than most machines have."""
    machine = machine_facts.machine()
    if sys.platform == "darwin":
        return f"macosx_{'11_0' if machine == 'arm64' else '10_13'}_{machine}"
    glibc = min(this_glibc() or _USUAL_GLIBC, _USUAL_GLIBC)
    return f"manylinux_{glibc[0]}_{glibc[1]}_{machine}"


def this_glibc() -> tuple[int, int] | None:
    """The C library's version, by ``confstr(3)``; none where it is not glibc."""
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (AttributeError, ValueError, OSError):
        return None
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if name == "glibc" and found else None
