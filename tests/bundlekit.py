"""Small bundles: synthetic wheels, and pip's real one from virtualenv, so that unpacking needs no network."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import virtualenv.seed.wheels.embed as embedded

from scaffold.builds.bundle import pack as pack_module
from scaffold.builds.bundle.manifest import Environment, File, Tree, Wheel
from scaffold.builds.bundle.objects import ObjectFolder
from scaffold.builds.bundle.pack import Packed, pack
from scaffold.builds.bundle.plan import BundleRequest, Plan
from scaffold.builds.bundle.target import Target, this_platform, this_python
from scaffold.builds.bundle.wheel_file import read_wheel
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress

KITLIKE = {"kitlike/__init__.py": b"__version__ = '0.1.0'\n"}
TILELANG = {"tilelang/__init__.py": b"import torch\n__version__ = '0.1.15'\n", "tilelang/lib/a.h": b"int a;\n"}
#: Bytes that do not compress.
NOISE = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(4096))


def make_wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes]) -> Path:
    """A pure wheel with a RECORD that pip accepts."""
    info = f"{name}-{version}.dist-info"
    contents = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in contents.items():
            archive.writestr(zipfile.ZipInfo(member), data)
    return path


def make_plan(
    objects: ObjectFolder, scratch: Path, extra: Iterable[tuple[str, Mapping[str, bytes]]] = (), *, with_pip: bool
) -> Plan:
    """A kit and one build, with further wheels ``(name, files)`` for the build."""
    # pip is 6 MB to compress: only where something is installed.
    source = sorted(Path(str(embedded.__file__)).parent.glob("pip-*.whl"))[-1]
    pip = read_wheel(source if with_pip else make_wheel(scratch, "pip", "1.0", {}), objects)
    kit = read_wheel(make_wheel(scratch, "kitlike", "0.1.0", KITLIKE), objects)
    tilelang = read_wheel(make_wheel(scratch, "tilelang", "0.1.15", TILELANG), objects)
    others: list[Wheel] = [read_wheel(make_wheel(scratch, name, "1.0", files), objects) for name, files in extra]
    environments = [
        Environment("kit", "", (kit.file, pip.file), proof="kitlike"),
        Environment(
            "wheel:0.1.15",
            "builds/wheel-0.1.15",
            (tilelang.file, *(wheel.file for wheel in others), pip.file),
            proof="tilelang",
            needs_torch=True,
            marker={"name": "wheel:0.1.15", "python": "{folder}/env/bin/python"},
        ),
    ]
    readme = File("README.md", objects.add(b"the kit\n"))
    script = File("run.sh", objects.add(b"#!/bin/sh\n"), executable=True)
    return Plan("0.1.0", [kit, pip, tilelang, *others], [Tree("kit", (readme, script))], environments)


class Bundler:
    """Packs synthetic bundles."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch

    def __call__(
        self,
        name: str = "kit.tlbundle",
        *,
        extra: Iterable[tuple[str, Mapping[str, bytes]]] = (),
        max_bytes: int | None = None,
        with_pip: bool = False,
    ) -> Packed:
        def plan(_: BundleRequest, *, objects: ObjectFolder, **__: object) -> Plan:
            return make_plan(objects, self.folder / "wheels", extra, with_pip=with_pip)

        self._monkeypatch.setattr(pack_module, "make_plan", plan)
        request = BundleRequest(Target(this_python(), this_platform()), ("wheel:0.1.15",), max_bytes=max_bytes)
        workspace = Workspace(self.folder / "packing")
        return pack(request, self.folder / name, workspace=workspace, progress=Progress(verbosity=-1))


def fake_torch(folder: Path) -> Path:
    """A folder with a ``torch`` to import, and a ``tilelang`` that must never be."""
    for module, text in (("torch", "__version__ = '2.0'\n"), ("tilelang", "raise RuntimeError('shadowed')\n")):
        (folder / module).mkdir(parents=True, exist_ok=True)
        (folder / module / "__init__.py").write_text(text, encoding="utf-8")
    return folder
