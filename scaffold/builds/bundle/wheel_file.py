"""Wheels taken apart into objects and put together again, with a RECORD that fits. Standard library only."""

from __future__ import annotations

import base64
import csv
import io
import re
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path

from scaffold.builds.bundle.manifest import File, Wheel
from scaffold.builds.bundle.objects import ObjectFolder
from scaffold.files import file_sha256

_TIME = (1980, 1, 1, 0, 0, 0)
#: ``name-version(-build)?-python-abi-platform.whl``: https://packaging.python.org/specifications/binary-distribution-format/
_NAME = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?-[^-]+-[^-]+-[^-]+\.whl\Z")
_GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_")


def name_and_version(file: str) -> tuple[str, str]:
    """Name, as PEP 503 writes it, and version of a wheel by its file name."""
    match = _NAME.match(file)
    if match is None:
        raise ValueError(f"{file} is no name of a wheel")
    return re.sub(r"[-_.]+", "-", match["name"]).lower(), match["version"]


def glibc_of(file: str) -> tuple[int, int] | None:
    """The oldest glibc a wheel's tags name; none where it has no such tag."""
    found = [(int(major), int(minor)) for major, minor in _GLIBC.findall(file)]
    found += [(2, 17)] * ("manylinux2014" in file) + [(2, 12)] * ("manylinux2010" in file)
    return min(found, default=None)


def read_wheel(path: Path, objects: ObjectFolder) -> Wheel:
    """Take a wheel apart."""
    name, version = name_and_version(path.name)
    files = []
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                executable = bool((entry.external_attr >> 16) & stat.S_IXUSR)
                files.append(File(entry.filename, objects.add(archive.read(entry)), executable))
    return Wheel(path.name, name, version, file_sha256(path), tuple(sorted(files, key=lambda item: item.path)))


def with_record(files: Iterable[File], objects: ObjectFolder) -> tuple[File, ...]:
    """The files of a wheel with a RECORD that lists just these (PEP 427)."""
    listed = sorted(files, key=lambda item: item.path)
    record = next(item for item in listed if item.path.endswith(".dist-info/RECORD"))
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for item in listed:
        if item is record:
            rows.writerow([item.path, "", ""])
        else:
            digest = base64.urlsafe_b64encode(bytes.fromhex(item.sha256)).decode().rstrip("=")
            rows.writerow([item.path, f"sha256={digest}", objects.path(item.sha256).stat().st_size])
    changed = File(record.path, objects.add(text.getvalue().encode()))
    return tuple(changed if item is record else item for item in listed)


def write_wheel(wheel: Wheel, objects: ObjectFolder, folder: Path) -> Path:
    """Put a wheel together, not compressed: it is installed at once and thrown away."""
    path = folder / wheel.file
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for item in wheel.files:
            entry = zipfile.ZipInfo(item.path, _TIME)
            entry.external_attr = (stat.S_IFREG | (0o755 if item.executable else 0o644)) << 16
            archive.writestr(entry, objects.read(item.sha256))
    return path
