"""What this process may use of the machine: cores and memory, under cgroup limits where there are any.

Sources: Linux ``Documentation/admin-guide/cgroup-v2.rst`` (``cpu.max``, ``memory.max``, ``memory.current``) and
``cgroup-v1/memory.rst``, ``scheduler/sched-bwc.rst`` (``cpu.cfs_quota_us``); ``proc(5)`` for the files in ``/proc``.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

from scaffold.builds.asking import ask

#: A v1 limit from here on means none: the kernel writes the largest page-aligned number.
_UNLIMITED = 1 << 60


def cores(root: Path = Path("/")) -> int:
    """CPUs this process may use: its affinity, and the quota of its cgroup rounded up. At least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _cgroup_folders(root, "cpu") if (quota := _cpu_quota(folder))]
    return max(1, min([allowed, *(math.ceil(quota) for quota in quotas)]))


def memory_bytes(root: Path = Path("/")) -> tuple[int, int]:
    """Total and available memory in bytes, the smaller of the machine's and its cgroups'; zeros where nobody says."""
    total, available = _machine_memory(root)
    for folder in _cgroup_folders(root, "memory"):
        limit, used = _memory_limit(folder)
        if limit is not None:
            total = min(total, limit) if total else limit
            available = min(available, max(0, limit - used)) if available else max(0, limit - used)
    return total, available


def _machine_memory(root: Path) -> tuple[int, int]:
    with contextlib.suppress(OSError, ValueError, KeyError):
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        facts = {key: int(rest.split()[0]) * 1024 for key, _, rest in (line.partition(":") for line in lines)}
        return facts["MemTotal"], facts.get("MemAvailable", facts.get("MemFree", 0))
    with contextlib.suppress(OSError, ValueError, AttributeError):
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return total, _macos_available() or total
    return 0, 0


def _macos_available() -> int:
    """Pages that macOS can hand out without swapping, by ``vm_stat``; 0 where it does not answer."""
    text = ask(["vm_stat"]).stdout
    page = re.search(r"page size of (\d+) bytes", text)
    kinds = re.findall(r"^Pages (?:free|inactive|speculative|purgeable):\s+(\d+)", text, re.MULTILINE)
    return sum(map(int, kinds)) * int(page.group(1)) if page else 0


def _cgroup_folders(root: Path, controller: str) -> Iterator[Path]:
    """Folders of the cgroups this process is in, innermost first, of version 2 and of ``controller`` in version 1."""
    with contextlib.suppress(OSError, ValueError):
        groups = _own_groups((root / "proc/self/cgroup").read_text(encoding="utf-8"))
        for line in (root / "proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            before, _, after = line.partition(" - ")
            kind, _, options = after.split()[:3]
            key = "" if kind == "cgroup2" else controller
            if not kind.startswith("cgroup") or (key and key not in options.split(",")) or key not in groups:
                continue
            shown, mount = before.split()[3:5]
            yield from _up_to(root / mount.lstrip("/"), _below(groups[key], shown))


def _own_groups(text: str) -> dict[str, str]:
    """Controller -> path of its cgroup, from ``/proc/self/cgroup``; the key of version 2 is empty."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def _below(path: str, shown: str) -> str:
    """``path`` relative to the part of the hierarchy that is mounted (a container sees its own part only)."""
    inside = path.removeprefix(shown) if shown != "/" else path
    return "" if inside == path and shown != "/" else inside.strip("/")


def _up_to(mount: Path, inside: str) -> Iterator[Path]:
    folder = mount / inside
    if not folder.is_dir():
        folder = mount
    while True:
        yield folder
        if folder == mount or ".." in folder.parts:
            return
        folder = folder.parent


def _cpu_quota(folder: Path) -> float | None:
    """CPUs' worth of time a cgroup may use; ``None`` for no limit."""
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota_us = int((folder / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period_us = int((folder / "cpu.cfs_period_us").read_text(encoding="ascii"))
        return quota_us / period_us if quota_us > 0 else None
    return None


def _memory_limit(folder: Path) -> tuple[int | None, int]:
    """A cgroup's limit, ``None`` for no limit, and what it uses without the page cache the kernel can drop."""
    for limit_name, used_name, dropped_name in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with contextlib.suppress(OSError, ValueError):
            limit = int((folder / limit_name).read_text(encoding="ascii"))
            if limit >= _UNLIMITED:
                return None, 0
            used = int((folder / used_name).read_text(encoding="ascii"))
            return limit, max(0, used - _statistic(folder, dropped_name))
    return None, 0


def _statistic(folder: Path, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name} "):
                return int(line.split()[1])
    return 0
